// The frame's outer shape: a bar, a notice of the connection, one view, the spaces below. It decides which view stands.

import { h, icon } from '../dom.js';
import { t } from '../locale.js';
import { FormView } from './form.js';
import { HomeView } from './home.js';
import { MessagesView, TicketsView, team } from './lists.js';
import { ThreadView } from './thread.js';
import { TicketView } from './ticket.js';

const VIEWS = { home: HomeView, messages: MessagesView, tickets: TicketsView, thread: ThreadView, form: FormView, ticket: TicketView };
const SPACES = [['home', 'home'], ['messages', 'talk'], ['tickets', 'ticket']];
/** A short loss of the connection is nobody's business. */
const QUIET_MS = 2_500;

export class Shell {
  constructor(app, root) {
    Object.assign(this, { app, root });
    this.trail = [{ name: 'home' }];
    this.build();
  }

  build() {
    this.bar = h('header', { class: 'bar' });
    this.notice = h('p', { class: 'notice', role: 'status', hidden: true });
    this.main = h('main', { class: 'main', tabindex: '-1' });
    this.nav = h('nav', { class: 'spaces', 'aria-label': t('frame') }, SPACES.map(([space, drawing]) => h('button', { dataset: { space }, onclick: () => this.space(space) },
      icon(drawing), h('span', {}, t(space)), h('span', { class: 'dot', hidden: true }))));
    this.root.replaceChildren(this.bar, this.notice, this.main, this.nav);
    this.view = null;
    this.stand();
    this.connected(this.app.state);
  }

  /** After a change of language or colours. */
  rebuild() {
    const draft = this.view?.draftText?.();
    this.view?.leave?.();
    this.build();
    if (draft) this.view?.setDraft?.(draft);
  }

  /** Spaces that are on for this contact; all until the welcome says (MSG-20). */
  get spaces() {
    const names = SPACES.map(([name]) => name);
    const on = names.filter((name) => this.app.model.settings.spaces?.includes(name) ?? true);
    return on.length ? on : names;
  }

  /** Whether the trail begins in a space that is off; then it begins in the first that is on. */
  strays() {
    const [{ name }] = this.trail;
    if (!SPACES.some(([space]) => space === name) || this.spaces.includes(name)) return false;
    this.trail[0] = { name: this.spaces[0] };
    return true;
  }

  get route() {
    return this.trail.at(-1);
  }

  space(name) {
    this.trail = [{ name }];
    this.stand(true);
  }

  go(route) {
    this.trail.push(route);
    this.stand(true);
  }

  back() {
    if (this.trail.length > 1) this.trail.pop();
    else this.trail = [{ name: 'home' }];
    this.stand(true);
  }

  stand(focus = false) {
    this.strays();
    this.view?.leave?.();
    this.view = new VIEWS[this.route.name](this.app, this, this.route);
    this.root.dataset.view = this.route.name;
    this.main.replaceChildren(this.view.element);
    this.main.scrollTop = 0;
    this.update();
    if (focus) (this.view.focus?.() ?? this.bar.querySelector('h1, button') ?? this.main).focus?.();
    this.visible();
  }

  update() {
    if (!this.view) return;
    const { spaces } = this;
    if (this.strays() && this.trail.length === 1) {
      this.stand();
      return;
    }
    this.nav.hidden = spaces.length < 2 || this.trail.length > 1 || !spaces.includes(this.route.name);
    this.dressBar();
    const unread = this.app.model.unread();
    for (const button of this.nav.children) {
      const space = button.dataset.space;
      if (space === this.route.name) button.setAttribute('aria-current', 'page');
      else button.removeAttribute('aria-current');
      button.hidden = !spaces.includes(space);
      const dot = button.lastElementChild;
      dot.hidden = space !== 'messages' || unread === 0;
      dot.textContent = String(unread);
    }
    this.view.update();
  }

  dressBar() {
    const parts = this.view.bar();
    const signature = JSON.stringify(parts, (_, value) => (value instanceof Node || typeof value === 'function' ? undefined : value));
    if (this.barOf === this.view && this.barAs === signature) return;
    Object.assign(this, { barOf: this.view, barAs: signature });
    const { title, subtitle, back, faces = [], tools = [], level = 'h1' } = parts;
    this.bar.replaceChildren(
      back ? h('button', { class: 'tool', 'aria-label': t('back'), onclick: () => this.back() }, icon('back')) : h('span', { class: 'gap' }),
      faces.length ? team(faces) : '',
      h('div', { class: 'titles' }, h(level, { tabindex: '-1' }, title), subtitle ? h('p', {}, subtitle) : null),
      ...tools.map((tool) => h('button', { class: 'tool', 'aria-label': tool.label, title: tool.label, onclick: tool.act }, icon(tool.icon))),
      h('button', { class: 'tool', 'aria-label': t('close'), onclick: () => this.app.close() }, icon('close')),
    );
  }

  connected(state, code) {
    clearTimeout(this.noticeTimer);
    if (state === 'open') {
      this.notice.hidden = true;
      return;
    }
    const say = () => {
      this.notice.hidden = false;
      this.notice.textContent = state === 'refused' ? t('ended') : navigator.onLine === false ? t('offline') : t('connecting');
    };
    if (state === 'refused' || navigator.onLine === false) say();
    else if (this.notice.hidden) this.noticeTimer = setTimeout(say, QUIET_MS);
    else say();
    this.code = code;
  }

  /** A word that is not about one field or message. */
  say(text) {
    this.notice.textContent = text;
    this.notice.hidden = false;
    clearTimeout(this.noticeTimer);
    this.noticeTimer = setTimeout(() => this.connected(this.app.state), 5_000);
  }

  /** The connection is back: what a view had asked may have been lost. */
  reload() {
    this.view?.reload?.();
  }

  opened(to) {
    if (to.space) this.space(to.space);
    else if (to.conversation) this.openThread(to.conversation);
    else if (to.ticket) this.openTicket(to.ticket);
    else if (to.compose !== undefined) this.compose(to.compose);
    else if (to.start !== undefined) this.compose(to.start, true);
    else ((to.keyboard && this.view?.focus?.()) || this.main).focus();
    this.visible();
  }

  compose(text = '', now = false) {
    this.trail = [{ name: 'home' }, { name: 'thread', id: null, draft: crypto.randomUUID(), text }];
    this.stand(true);
    if (now && text.trim()) this.view.composer.send();
  }

  openThread(id) {
    this.trail = [{ name: 'messages' }, { name: 'thread', id }];
    this.stand(true);
  }

  /** By the ticket's own id or by its number. */
  openTicket(id) {
    const found = this.app.model.tickets().find(({ ticket }) => ticket.id === id || ticket.ticket_id === id);
    this.trail = [{ name: 'tickets' }];
    if (found) this.trail.push({ name: 'ticket', id: found.ticket.id });
    this.stand(true);
    if (!found) this.say(t('not_found'));
  }

  isReading(conversation) {
    return this.app.open && document.visibilityState === 'visible' && this.route.name === 'thread' && this.route.id === conversation;
  }

  visible() {
    this.view?.visible?.();
  }

  settled(item, ack) {
    if (ack && this.route.name === 'thread' && !this.route.id && item.about.draft && item.about.draft === this.route.draft) {
      this.route.id = ack.conversation_id;
      this.view.begun?.(ack);
    }
    this.view?.settled?.(item, ack);
  }
}
