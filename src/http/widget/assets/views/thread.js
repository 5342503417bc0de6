// A conversation: its parts, who is there, what waits to be sent, and the composer (MSG-21, MSG-22, MSG-44).

import { h, icon, keyed } from '../dom.js';
import { dayName, t } from '../locale.js';
import { download } from '../transcript.js';
import { Composer } from './composer.js';
import { EmailAsk } from './email.js';
import { avatar, pill, titleOf } from './lists.js';
import { partItem, pendingItem } from './parts.js';
import { attributes, steps } from './ticket.js';

const PAGE = 50;
const TRANSCRIPT_PAGES_MAX = 100;
/** Parts of one author within this time stand together. */
const TOGETHER_S = 300;
const NEAR_END_PX = 80;

export class ThreadView {
  constructor(app, shell, route) {
    Object.assign(this, { app, shell, route });
    this.panels = new Map();
    this.ticketHead = h('details', { class: 'ticket-bar', hidden: true });
    this.older = h('button', { class: 'older', hidden: true, onclick: () => this.readOlder() }, t('older'));
    this.list = h('ol', { class: 'parts' });
    this.pending = h('ol', { class: 'parts' });
    this.typing = h('p', { class: 'typing', role: 'status' });
    this.email = new EmailAsk(app);
    this.scroller = h('div', { class: 'scroll', tabindex: '0', 'aria-label': t('conversation'), role: 'region', onscroll: () => this.scrolled() }, this.older, h('div', { role: 'log', 'aria-label': t('messages') }, this.list), this.pending, this.email.element, this.typing);
    this.below = h('button', { class: 'below', hidden: true, onclick: () => this.toEnd(true) }, t('new_below'));
    this.composer = new Composer({
      app,
      text: route.text || app.drafts.get(route.id ?? ''),
      post: (text, files) => this.post(text, files),
      typing: () => this.route.id && app.connection.send({ type: 'typing', conversation_id: this.route.id }),
    });
    this.element = h('div', { class: 'thread' }, this.ticketHead, this.scroller, this.below, this.composer.element);
    this.acceptDrops();
    this.watcher = new IntersectionObserver((entries) => this.inView(entries), { root: this.scroller, threshold: 0.1 });
    this.shownSeq = 0;
    this.stick = true;
    if (this.known && (!this.known.loaded || this.known.stale)) this.read();
  }

  get known() {
    return this.route.id ? this.app.model.conversations.get(this.route.id) : null;
  }

  bar() {
    const { known } = this;
    const agent = this.agent();
    const presence = this.route.id ? this.app.model.presence.get(this.route.id) : null;
    const subtitle = [presence ? t(presence.state) : this.app.office(known), this.app.replyTime(known)].filter(Boolean).join(' · ');
    const tools = known ? [{ icon: 'save', label: t('transcript'), act: () => this.transcript('txt') }, { icon: 'file', label: t('transcript_html'), act: () => this.transcript('html') }] : [];
    const faces = agent ? [agent] : (this.app.model.settings.team ?? []).slice(0, 3);
    return { faces, title: known?.ticket ? titleOf(this.app, known) : agent ? this.app.nameOf(agent) : known ? titleOf(this.app, known) : t('new_conversation'), subtitle, back: true, tools };
  }

  agent() {
    return this.known?.parts.findLast((part) => part.author.type === 'admin')?.author ?? null;
  }

  focus() {
    return matchMedia('(pointer: coarse)').matches ? null : this.composer.input;
  }

  draftText() {
    return this.composer.input.value;
  }

  setDraft(text) {
    this.composer.input.value = text;
    this.composer.typed();
  }

  leave() {
    this.app.drafts.set(this.route.id ?? '', this.draftText());
    this.watcher.disconnect();
  }

  async read() {
    try {
      await this.app.history(this.route.id, null, PAGE);
      this.shell.update();
      this.toEnd();
    } catch (error) {
      if (error.message !== 'cut') this.shell.say(t('not_found'));
    }
  }

  reload() {
    if (this.known && (this.known.stale || !this.known.loaded)) this.read();
  }

  async readOlder() {
    const first = this.known?.parts[0];
    if (!first || this.reading) return;
    this.reading = true;
    const height = this.scroller.scrollHeight - this.scroller.scrollTop;
    await this.app.history(this.route.id, first.id, PAGE).catch(() => {});
    this.reading = false;
    this.shell.update();
    this.scroller.scrollTop = this.scroller.scrollHeight - height;
  }

  update() {
    const { known } = this;
    const parts = known?.parts ?? [];
    const atEnd = this.stick;
    const rows = this.rows(parts);
    keyed(this.list, rows, (row) => row.key, (row) => row.version, (row) => {
      if (row.day) return h('li', { class: 'day' }, h('span', {}, row.day));
      return partItem(this.app, this, row.part, row);
    });
    const waiting = this.app.outbox.items.filter((item) => item.frame.type === 'send' && this.isHere(item));
    keyed(this.pending, waiting, (item) => item.id, (item) => `${item.state}${item.error?.code ?? ''}`, (item) => pendingItem(this.app, item));
    this.older.hidden = !known?.loaded || !known.more || parts.length === 0;
    this.showTyping();
    this.dressTicket();
    this.email.update(this.known, waiting.length > 0);
    const last = parts.at(-1);
    if (last && last.seq > this.shownSeq) {
      const own = this.app.model.isOwn(last);
      this.shownSeq = last.seq;
      if (atEnd || own) this.toEnd();
      else this.below.hidden = false;
    } else if (atEnd) {
      this.toEnd();
    }
    this.watch();
  }

  rows(parts) {
    const rows = [];
    const asking = this.asking(parts);
    const seenTo = this.known?.agents_seen_seq ?? 0;
    let before = null;
    for (const part of parts) {
      const day = dayName(part.created_at);
      if (!before || dayName(before.created_at) !== day) rows.push({ key: `day-${part.id}`, version: day, day });
      const follows = Boolean(before && before.author.id === part.author.id && before.author.type === part.author.type && !before.form && !before.state && part.created_at - before.created_at < TOGETHER_S && dayName(before.created_at) === day);
      const asks = part === asking;
      const seen = part.seq <= seenTo && this.app.model.isOwn(part);
      rows.push({ key: part.id, version: JSON.stringify([part.seq, part.author.avatar, follows, asks, seen, part.redacted, part.text?.length, part.form, part.state, part.attachments?.length, part.shared_ticket]), part, follows, asks, seen });
      before = part;
    }
    return rows;
  }

  /** The quick reply that waits for a choice: the last one, until the contact says anything. */
  asking(parts) {
    const last = parts.findLast((part) => part.quick_replies || this.app.model.isOwn(part));
    const answered = this.app.outbox.items.some((item) => item.frame.type === 'send' && this.isHere(item));
    return last?.quick_replies && !answered ? last : null;
  }

  isHere(item) {
    const { frame, about } = item;
    return this.route.id ? frame.conversation_id === this.route.id || (about.draft && about.draft === this.route.draft) : about.draft === this.route.draft;
  }

  showTyping() {
    const agent = this.route.id ? this.app.model.whoTypes(this.route.id) : null;
    const key = agent ? agent.id + agent.name : '';
    if (this.typingAs === key) return;
    this.typingAs = key;
    this.typing.replaceChildren(...(agent ? [avatar(agent, agent.name), h('span', { class: 'dots', 'aria-hidden': 'true' }, h('i'), h('i'), h('i')), h('span', { class: 'sr' }, t('typing', { name: agent.name }))] : []));
  }

  dressTicket() {
    const ticket = this.known?.ticket;
    const signature = JSON.stringify(ticket ?? null);
    if (signature === this.ticketAs) return;
    this.ticketAs = signature;
    this.ticketHead.hidden = !ticket;
    if (!ticket) return;
    this.ticketHead.replaceChildren(h('summary', {}, h('span', { class: 'state' }, pill(ticket), h('span', { class: 'line' }, `#${ticket.ticket_id} ${ticket.type}`)), steps(ticket)),
      ...[attributes(ticket)].filter(Boolean), h('button', { class: 'secondary', onclick: () => this.shell.go({ name: 'ticket', id: ticket.id }) }, t('see_ticket')));
  }

  post(text, files) {
    if (!this.route.id && this.email.mustAsk()) {
      this.email.insist();
      return false;
    }
    const frame = { type: 'send', client_id: crypto.randomUUID(), conversation_id: this.route.id, body: text, upload_ids: files.map((file) => file.id) };
    const about = { draft: this.route.draft ?? null, files: files.map(({ name, size }) => ({ name, size })) };
    this.stick = true;
    this.app.outbox.post(frame, about);
    return true;
  }

  choose(part, uuid, text) {
    const frame = { type: 'send', client_id: crypto.randomUUID(), conversation_id: this.route.id, body: text, quick_reply: { part_id: part.id, uuid } };
    this.stick = true;
    this.app.outbox.post(frame, {});
    this.focus()?.focus();
  }

  begun() {
    this.read();
  }

  settled(item, ack) {
    for (const panel of this.panels.values()) panel.settled(item, ack);
  }

  scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    this.stick = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
    if (this.stick) this.below.hidden = true;
    if (scrollTop < 40 && !this.older.hidden) this.readOlder();
  }

  toEnd(focus = false) {
    this.stick = true;
    this.below.hidden = true;
    requestAnimationFrame(() => (this.scroller.scrollTop = this.scroller.scrollHeight));
    if (focus) this.composer.input.focus();
  }

  /** The last part is watched: when it is in view on a visible page, everything up to it is seen (MSG-44). */
  watch() {
    const last = Array.from(this.list.children).findLast((item) => item.dataset.seq);
    if (last === this.watched) return;
    this.watcher.disconnect();
    this.watched = last;
    if (last) this.watcher.observe(last);
  }

  inView(entries) {
    this.lastInView = entries.at(-1).isIntersecting;
    this.visible();
  }

  visible() {
    const part = this.known?.parts.at(-1);
    if (!part || !this.lastInView || !this.shell.isReading(this.route.id)) return;
    if (this.app.model.seen(this.route.id, part)) {
      this.app.connection.send({ type: 'seen', conversation_id: this.route.id, part_id: part.id });
      this.app.bridge.tell('unread', this.app.model.unread());
    }
  }

  acceptDrops() {
    const over = h('div', { class: 'drop', hidden: true }, icon('clip'), t('drop'));
    this.element.append(over);
    const holdsFiles = (event) => event.dataTransfer?.types.includes('Files');
    this.element.addEventListener('dragover', (event) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      over.hidden = false;
    });
    this.element.addEventListener('dragleave', (event) => {
      if (!this.element.contains(event.relatedTarget)) over.hidden = true;
    });
    this.element.addEventListener('drop', (event) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      over.hidden = true;
      this.composer.add(event.dataTransfer.files);
    });
  }

  async transcript(kind) {
    const { known } = this;
    if (!known) return;
    let parts = [];
    let before = null;
    try {
      for (let page = 0; page < TRANSCRIPT_PAGES_MAX; page += 1) {
        const frame = await this.app.history(known.id, before, 100);
        parts = [...frame.parts, ...parts];
        before = frame.parts[0]?.id;
        if (!frame.more || !before) break;
      }
      download(kind, titleOf(this.app, known), parts, (part) => this.app.nameOf(part.author));
    } catch {
      this.shell.say(t('busy'));
    }
  }
}
