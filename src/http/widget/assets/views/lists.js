// Lists of conversations and of tickets, with the rows they share.

import { h, icon, keyed } from '../dom.js';
import { fileAddress } from '../files.js';
import { shortTime, t } from '../locale.js';

/** A picture; two letters and a colour for somebody without one, or whose picture does not come. */
export const avatar = (author, name) => {
  const words = name.trim().split(/\s+/);
  const letters = [words[0], words.length > 1 ? words.at(-1) : ''].map((word) => Array.from(word)[0] ?? '').join('').toUpperCase();
  const hue = Array.from(String(author?.id ?? name)).reduce((sum, sign) => (sum * 31 + sign.codePointAt(0)) % 360, 7);
  const made = h('span', { class: 'avatar', 'aria-hidden': 'true' }, letters || '?');
  made.style.setProperty('--hue', String(hue));
  if (author?.avatar) {
    const face = h('img', { src: fileAddress(author.avatar), alt: '', onerror: () => face.remove() });
    made.append(face);
  }
  return made;
};

/** Faces of those who answer, side by side. */
export const team = (people) => h('ul', { class: 'team', 'aria-label': t('team') }, people.map((one) => h('li', { title: one.name }, avatar(one, one.name), h('span', { class: 'sr' }, one.name))));

export const pill = (ticket) => h('span', { class: `pill is-${ticket.state}` }, ticket.label);

export const titleOf = (app, known) => {
  if (known.ticket) return `#${known.ticket.ticket_id} ${known.ticket.type}`;
  const agent = known.last_part?.author.type === 'admin' ? known.last_part.author : known.parts.findLast((part) => part.author.type === 'admin')?.author;
  return known.title || (agent ? app.nameOf(agent) : app.model.settings.workspace ?? t('conversation'));
};

export const rowVersion = (app, known) => JSON.stringify([titleOf(app, known), known.last_part?.id, known.last_part?.author.avatar, known.last_part?.redacted, known.last_part?.text?.length, known.unread > 0, known.ticket, known.shared_ticket?.label]);

const unreadDot = (known) => (known.unread ? h('span', { class: 'dot' }, h('span', { class: 'sr' }, t('unread'))) : null);

const previewOf = (app, known) => {
  if (!known.last_part) return '';
  const text = app.preview(known.last_part);
  return app.model.isOwn(known.last_part) && known.last_part.text ? t('you_said', { text }) : text;
};

export const conversationRow = (app, shell, known) => {
  const title = titleOf(app, known);
  const author = known.last_part?.author.type === 'admin' ? known.last_part.author : { id: known.id };
  const when = known.last_part?.created_at ?? known.updated_at;
  return h('li', {}, h('button', { class: `row${known.unread ? ' unread' : ''}`, onclick: () => shell.go({ name: 'thread', id: known.id }) },
    known.ticket?.icon ? h('span', { class: 'face-of', 'aria-hidden': 'true' }, known.ticket.icon) : avatar(author, title),
    h('span', { class: 'what' }, h('strong', {}, title), h('span', { class: 'line' }, previewOf(app, known)), known.ticket ? pill(known.ticket) : null),
    h('span', { class: 'when' }, shortTime(when), unreadDot(known))));
};

const empty = (title, more) => h('div', { class: 'empty' }, h('strong', {}, title), h('p', {}, more));

export class MessagesView {
  constructor(app, shell) {
    Object.assign(this, { app, shell });
    this.rows = h('ul', { class: 'rows' });
    this.none = empty(t('no_messages'), t('no_messages_more'));
    this.start = h('button', { class: 'primary float', onclick: () => shell.compose() }, t('start'));
    this.element = h('div', { class: 'list' }, this.rows, this.none, this.start);
  }

  bar() {
    return { title: t('messages') };
  }

  focus() {
    return this.rows.querySelector('button') ?? this.start;
  }

  update() {
    const known = this.app.model.sorted();
    keyed(this.rows, known, (one) => one.id, (one) => rowVersion(this.app, one), (one) => conversationRow(this.app, this.shell, one));
    this.none.hidden = known.length > 0;
  }
}

/** A ticket with what is known of it, and what tells whether its row is drawn anew. */
export const ticketRow = (shell, { ticket, conversation }) => {
  const title = ticket.attributes?.find((attribute) => attribute.name === '_default_title_')?.value || conversation.title || ticket.type;
  const when = conversation.last_part?.created_at ?? conversation.updated_at;
  return h('li', {}, h('button', { class: `row${conversation.unread ? ' unread' : ''}`, onclick: () => shell.go({ name: 'ticket', id: ticket.id }) },
    h('span', { class: 'face-of', 'aria-hidden': 'true' }, ticket.icon || icon('ticket')),
    h('span', { class: 'what' }, h('strong', {}, title), h('span', { class: 'line' }, `#${ticket.ticket_id} · ${ticket.type}`), pill(ticket)),
    h('span', { class: 'when' }, shortTime(when), unreadDot(conversation))));
};
export const ticketVersion = ({ ticket, conversation }) => JSON.stringify([ticket, conversation.last_part?.id, conversation.unread > 0]);

const FILTERS = { all: () => true, unresolved: (ticket) => ticket.state !== 'resolved', resolved: (ticket) => ticket.state === 'resolved' };

export class TicketsView {
  constructor(app, shell) {
    Object.assign(this, { app, shell });
    this.filter = 'all';
    this.rows = h('ul', { class: 'rows' });
    this.none = empty(t('no_tickets'), t('no_tickets_more'));
    this.tabs = h('div', { class: 'filters', role: 'group', 'aria-label': t('filter') }, Object.keys(FILTERS).map((name) =>
      h('button', { dataset: { name }, onclick: () => {
        this.filter = name;
        this.update();
      } }, t(name))));
    this.portal = h('a', { class: 'portal', target: '_blank', rel: 'noopener', hidden: true }, t('portal'));
    this.element = h('div', { class: 'list' }, this.tabs, this.rows, this.none, this.portal);
  }

  bar() {
    return { title: t('tickets') };
  }

  focus() {
    return this.rows.querySelector('button') ?? this.tabs.firstElementChild;
  }

  update() {
    const all = this.app.model.tickets();
    const shown = all.filter(({ ticket }) => FILTERS[this.filter](ticket));
    for (const tab of this.tabs.children) tab.setAttribute('aria-pressed', String(tab.dataset.name === this.filter));
    keyed(this.rows, shown, ({ ticket }) => ticket.id, ticketVersion, (one) => ticketRow(this.shell, one));
    this.none.hidden = shown.length > 0;
    const portal = this.app.model.settings.portal_url;
    this.portal.hidden = !portal;
    if (portal) this.portal.href = portal;
    this.tabs.hidden = all.length === 0;
  }
}
