// Asks visitors and leads for an address, so that answers reach them when they are gone (MSG-16, MSG-25).

import { h } from '../dom.js';
import { t } from '../locale.js';

export class EmailAsk {
  constructor(app) {
    this.app = app;
    this.input = h('input', { type: 'email', autocomplete: 'email', id: 'email-ask', placeholder: t('email_label') });
    this.why = h('p', { class: 'why', id: 'email-why', hidden: true });
    this.words = h('p', { class: 'soft' }, t('email_only_here'));
    this.form = h('form', { novalidate: true, onsubmit: (event) => {
      event.preventDefault();
      this.save();
    } }, h('label', { for: 'email-ask' }, t('email_ask')), h('div', { class: 'line-of' }, this.input, h('button', { class: 'secondary', type: 'submit' }, t('email_save'))), this.why, this.words);
    this.told = h('p', { class: 'soft', role: 'status', hidden: true });
    this.element = h('section', { class: 'card email-ask', hidden: true }, this.form, this.told);
  }

  asks() {
    const { contact, settings } = this.app.model;
    return contact && settings.ask_email !== 'off' && !contact.email;
  }

  mustAsk() {
    return this.asks() && this.app.model.settings.ask_email === 'require';
  }

  update(known, isPending) {
    const { contact } = this.app.model;
    const hasSpoken = isPending || known?.parts.some((part) => this.app.model.isOwn(part));
    const asks = this.asks() && (hasSpoken || this.mustAsk());
    if (this.saved && contact?.email) {
      this.form.hidden = true;
      this.told.hidden = false;
      const note = contact.email_verified ? '' : ` (${t('email_unverified')})`;
      this.told.textContent = t('email_saved', { email: contact.email + note });
    }
    this.element.hidden = !asks && !(this.saved && contact?.email);
  }

  insist() {
    this.element.hidden = false;
    this.wrong(t('email_first'));
  }

  wrong(text) {
    this.why.hidden = !text;
    this.why.textContent = text;
    this.input.toggleAttribute('aria-invalid', Boolean(text));
    if (text) {
      this.input.setAttribute('aria-describedby', 'email-why');
      this.input.focus();
    }
  }

  save() {
    const email = this.input.value.trim();
    if (!/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(email)) {
      this.wrong(t('email_wrong'));
      return;
    }
    this.wrong('');
    this.saved = this.app.connection.send({ type: 'contact', email });
  }
}
