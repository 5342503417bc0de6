// The first space: a greeting, how to begin, what happened last, what can be asked for (MSG-20).

import { h, icon, keyed } from '../dom.js';
import { t } from '../locale.js';
import { conversationRow, rowVersion, team, ticketRow, ticketVersion } from './lists.js';

const RECENT_MAX = 3;

export class HomeView {
  constructor(app, shell) {
    Object.assign(this, { app, shell });
    this.recent = h('ul', { class: 'rows' });
    this.tickets = h('ul', { class: 'rows' });
    this.forms = h('ul', { class: 'rows' });
    this.team = h('div');
    this.greeting = h('p', { class: 'hello' });
    this.office = h('p', { class: 'office' });
    const start = h('button', { class: 'start', onclick: () => shell.compose() }, h('span', {}, h('strong', {}, t('start')), (this.reply = h('small'))), icon('send'));
    this.recentCard = h('section', { class: 'card' }, h('h2', {}, t('recent')), this.recent);
    this.ticketsCard = h('section', { class: 'card' }, h('h2', {}, t('recent_tickets')), this.tickets);
    this.formsCard = h('section', { class: 'card' }, h('h2', {}, t('requests')), this.forms);
    this.element = h('div', { class: 'home' }, h('div', { class: 'welcome' }, this.team, this.greeting, h('p', { class: 'how' }, t('how')), this.office), h('div', { class: 'cards' }, start, this.ticketsCard, this.recentCard, this.formsCard));
    this.start = start;
  }

  bar() {
    return { title: this.app.model.settings.workspace ?? t('frame') };
  }

  focus() {
    return this.start;
  }

  update() {
    const { model } = this.app;
    const first = model.contact?.name?.split(' ')[0];
    this.greeting.textContent = model.settings.greeting || (first && model.settings.verified ? t('hello_name', { name: first }) : t('hello'));
    this.reply.textContent = this.app.replyTime();
    this.office.textContent = this.app.office();
    const people = model.settings.team ?? [];
    keyed(this.team, people.length ? [people] : [], () => 'team', JSON.stringify, team);
    const tickets = model.tickets().slice(0, RECENT_MAX);
    keyed(this.tickets, tickets, ({ ticket }) => ticket.id, ticketVersion, (one) => ticketRow(this.shell, one));
    this.ticketsCard.hidden = tickets.length === 0;
    const recent = model.sorted().filter((known) => !known.ticket).slice(0, RECENT_MAX);
    keyed(this.recent, recent, (known) => known.id, (known) => rowVersion(this.app, known), (known) => conversationRow(this.app, this.shell, known));
    this.recentCard.hidden = recent.length === 0;
    const forms = model.forms ?? [];
    keyed(this.forms, forms, (form) => form.ticket_type_id, (form) => form.name + form.icon, (form) =>
      h('li', {}, h('button', { class: 'row', onclick: () => this.shell.go({ name: 'form', type: form.ticket_type_id }) },
        h('span', { class: 'face-of', 'aria-hidden': 'true' }, form.icon || icon('form')), h('span', { class: 'what' }, h('strong', {}, form.name)), icon('next'))));
    this.formsCard.hidden = forms.length === 0;
  }
}
