// A ticket: where it stands, what was told, what happened, and the way to its conversation (MSG-21, SHR-4).

import { h, keyed } from '../dom.js';
import { dateTime, number, t } from '../locale.js';
import { pill } from './lists.js';

const STEPS = ['submitted', 'in_progress', 'waiting_on_customer', 'resolved'];
const NAMES = { _default_title_: 'ticket', _default_description_: 'details' };

/** Four steps, of which those up to the present one are filled. */
export const steps = (ticket) => {
  const at = Math.max(0, STEPS.indexOf(ticket.state));
  const label = t('step', { n: at + 1, label: ticket.label });
  return h('div', { class: `steps is-${ticket.state}`, role: 'img', 'aria-label': label }, STEPS.map((_, step) => h('span', { class: step <= at ? 'done' : '' })));
};

const shown = (value) => {
  if (typeof value === 'boolean') return value ? t('yes') : t('no');
  if (typeof value === 'number') return number(value);
  if (Array.isArray(value)) return value.join(', ');
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(value)) {
    const at = Date.parse(value);
    if (!Number.isNaN(at)) return dateTime(at / 1_000);
  }
  return value;
};

/** Label and value of each visible attribute; the title is said elsewhere. */
export const attributes = (ticket) => {
  const told = (ticket.attributes ?? []).filter((attribute) => attribute.name !== '_default_title_' && attribute.value !== '');
  return told.length ? h('dl', { class: 'facts' }, told.map((attribute) => [h('dt', {}, NAMES[attribute.name] ? t(NAMES[attribute.name]) : attribute.name), h('dd', {}, shown(attribute.value))])) : null;
};

export class TicketView {
  constructor(app, shell, route) {
    Object.assign(this, { app, shell, route });
    this.head = h('section', { class: 'card ticket-head' });
    this.events = h('ol', { class: 'history' });
    this.historyCard = h('section', { class: 'card' }, h('h2', {}, t('history')), this.events);
    this.link = h('button', { class: 'primary', onclick: () => this.found() && shell.go({ name: 'thread', id: this.found().conversation.id }) }, t('linked'));
    this.element = h('div', { class: 'ticket cards' }, this.head, this.historyCard, this.link);
    this.reload();
  }

  found() {
    return this.app.model.tickets().find(({ ticket }) => ticket.id === this.route.id);
  }

  bar() {
    const found = this.found();
    return { title: found ? `#${found.ticket.ticket_id}` : t('ticket'), subtitle: found?.ticket.type, back: true };
  }

  async reload() {
    const found = this.found();
    if (!found || (found.conversation.loaded && !found.conversation.stale)) return;
    await this.app.history(found.conversation.id).catch(() => {});
    this.shell.update();
  }

  update() {
    const found = this.found();
    this.link.disabled = !found;
    if (!found) return;
    const { ticket, conversation } = found;
    const signature = JSON.stringify(ticket);
    if (this.headAs !== signature) {
      this.headAs = signature;
      const title = ticket.attributes?.find((attribute) => attribute.name === '_default_title_')?.value || conversation.title || ticket.type;
      this.head.replaceChildren(pill(ticket), h('h2', {}, title), steps(ticket), ...[attributes(ticket)].filter(Boolean));
    }
    const isShared = conversation.shared_ticket?.id === ticket.id;
    const events = conversation.parts.filter((part) => (isShared ? part.shared_ticket?.id === ticket.id : !part.shared_ticket) && part.state);
    const begun = { id: 'begun', created_at: events[0]?.created_at ?? conversation.created_at, state: { state: 'submitted', label: t('state_submitted') } };
    const all = events[0]?.state.state === 'submitted' ? events : [...(isShared ? [] : [begun]), ...events];
    keyed(this.events, all.toReversed(), (part) => part.id, (part) => part.state.label, (part) =>
      h('li', { class: `is-${part.state.state}` }, h('strong', {}, part.state.label), h('time', {}, dateTime(part.created_at))));
    this.historyCard.hidden = all.length === 0;
  }
}
