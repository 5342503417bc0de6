// A form, as a card in a thread or as a page of its own: a control for every data type, and what is wrong beside its field
// (FRM-1, FRM-3, ATT-3). What is typed stays in the browser until it is sent (FRM-5).

import { h, icon } from '../dom.js';
import { Uploads } from '../files.js';
import { fileSize, t } from '../locale.js';

let made = 0;

/** The controls of one form; `values()` reads them, `mark(fields)` shows what is wrong. */
export class FormFields {
  constructor(app, form, kept = {}) {
    Object.assign(this, { app, form, kept });
    this.id = `form-${(made += 1)}`;
    this.summary = h('p', { class: 'wrong-summary', role: 'alert', hidden: true });
    this.controls = new Map();
    this.element = h('div', { class: 'fields' }, this.summary, form.fields.map((field, at) => this.field(field, at)));
  }

  field(field, at) {
    const id = `${this.id}-${at}`;
    const why = h('p', { class: 'why', id: `${id}-why`, hidden: true });
    const control = this.control(field, id);
    const mark = field.required ? h('span', { class: 'needed' }, ` (${t('needed')})`) : null;
    const row = h('div', { class: 'field' }, h('label', { for: id }, field.label, mark), control.element, why);
    this.controls.set(field.name, { ...control, field, why, row });
    return row;
  }

  control(field, id) {
    const start = this.kept[field.name] ?? field.value ?? '';
    const shared = { id, 'aria-required': field.required ? 'true' : null };
    const keep = (input) => {
      input.addEventListener('input', () => (this.kept[field.name] = input.value));
      return { element: input, input, read: () => input.value.trim() };
    };
    switch (field.data_type) {
      case 'integer':
        return keep(h('input', { ...shared, type: 'text', inputmode: 'numeric', value: String(start) }));
      case 'decimal':
        return keep(h('input', { ...shared, type: 'text', inputmode: 'decimal', value: String(start) }));
      case 'datetime':
        return this.moment(shared, start, keep);
      case 'boolean':
        return keep(this.select(shared, [['true', t('yes')], ['false', t('no')]], String(start)));
      case 'list':
        return keep(this.select(shared, (field.options ?? []).map((option) => [option.id, option.label]), String(start)));
      case 'files':
        return this.files(field, shared);
      default:
        return keep(field.multiline ? h('textarea', { ...shared, rows: '4', value: String(start) }) : h('input', { ...shared, type: 'text', value: String(start) }));
    }
  }

  select(shared, options, start) {
    return h('select', shared, h('option', { value: '' }, t('choose')), options.map(([value, label]) => h('option', { value, selected: value === start }, label)));
  }

  /** Shown in the contact's own time, sent with its zone. */
  moment(shared, start, keep) {
    const local = (text) => {
      const at = new Date(text);
      return Number.isNaN(at.getTime()) ? '' : new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
    };
    const control = keep(h('input', { ...shared, type: 'datetime-local', value: /Z|[+-]\d\d:\d\d$/.test(start) ? local(start) : String(start) }));
    return { ...control, read: () => (control.input.value ? new Date(control.input.value).toISOString() : '') };
  }

  files(field, shared) {
    const uploads = new Uploads(() => this.app.uploadPass());
    const held = (this.kept[field.name] ??= []);
    const rows = h('ul', { class: 'held' });
    const draw = () => rows.replaceChildren(...held.map((item) => h('li', { class: item.error ? 'bad' : '' },
      icon('file'), h('span', { class: 'name' }, item.name, h('small', {}, item.error ? t(['too_large', 'empty'].includes(item.error) ? item.error : 'upload_failed') : item.id ? fileSize(item.size) : `${Math.round(item.done * 100)} %`)),
      h('button', { class: 'tool', 'aria-label': t('remove', { name: item.name }), onclick: () => {
        item.cancel();
        held.splice(held.indexOf(item), 1);
        draw();
      } }, icon('close')))));
    const input = h('input', { ...shared, type: 'file', multiple: field.multiple, onchange: () => {
      if (!field.multiple) held.splice(0).forEach((item) => item.cancel());
      for (const file of input.files) held.push(uploads.start(file, draw));
      input.value = '';
      draw();
    } });
    draw();
    return { element: h('div', {}, input, rows), input, held, read: () => held.filter((item) => item.id).map((item) => item.id) };
  }

  /** Waits for files under way; whether all of them arrived. */
  async ready() {
    const under = Array.from(this.controls.values()).flatMap((control) => control.held ?? []);
    const ended = await Promise.all(under.map((item) => item.finished));
    return ended.every((item) => item.id || item.error === 'cancelled');
  }

  /** Values by attribute name, and what is wrong with them as far as it can be known here. */
  values() {
    const values = {};
    const wrong = {};
    for (const [name, { field, read }] of this.controls) {
      const value = read();
      const isEmpty = value === '' || (Array.isArray(value) && value.length === 0);
      if (isEmpty) {
        if (field.required) wrong[name] = t('must_fill');
        else if (field.value !== undefined) values[name] = null;
      } else if (field.data_type === 'integer') {
        if (!/^[+-]?\d{1,18}$/.test(value)) wrong[name] = t('must_whole');
        else values[name] = Number.isSafeInteger(Number(value)) ? Number(value) : value;
      } else if (field.data_type === 'decimal') {
        const plain = value.replace(',', '.');
        if (!/^[+-]?\d+(\.\d+)?$/.test(plain)) wrong[name] = t('must_number');
        else values[name] = plain;
      } else {
        values[name] = field.data_type === 'boolean' ? value === 'true' : value;
      }
    }
    return { values, wrong };
  }

  /** Shows what is wrong, by attribute name; the first wrong field gets the focus. */
  mark(wrong) {
    let first = null;
    for (const [name, { input, why, row }] of this.controls) {
      const text = wrong[name];
      row.classList.toggle('wrong', Boolean(text));
      why.hidden = !text;
      why.textContent = text ?? '';
      if (text) {
        input.setAttribute('aria-invalid', 'true');
        input.setAttribute('aria-describedby', why.id);
        first ??= input;
      } else {
        input.removeAttribute('aria-invalid');
        input.removeAttribute('aria-describedby');
      }
    }
    const count = Object.keys(wrong).length;
    this.summary.hidden = count === 0;
    this.summary.textContent = count ? t('look_again', { n: count }) : '';
    first?.focus();
  }
}

/** Fields with a button; posts through the outbox and shows what the server says of each field. */
export class FormPanel {
  constructor(app, form, frame, done) {
    Object.assign(this, { app, form, frame, done });
    const kept = (app.drafts ??= new Map());
    const key = JSON.stringify(frame);
    if (!kept.has(key)) kept.set(key, {});
    this.key = key;
    this.fields = new FormFields(app, form, kept.get(key));
    this.button = h('button', { class: 'primary', type: 'submit' }, t('submit'));
    this.element = h('form', { class: 'form', novalidate: true, onsubmit: (event) => {
      event.preventDefault();
      this.send();
    } }, this.fields.element, this.button);
  }

  async send() {
    if (this.waiting) return;
    const { wrong } = this.fields.values();
    this.fields.mark(wrong);
    if (Object.keys(wrong).length) return;
    this.busy(true);
    await this.fields.ready();
    const { values } = this.fields.values();
    const post = { type: 'form', client_id: crypto.randomUUID(), ...this.frame, attributes: values };
    this.waiting = this.app.outbox.post(post, { form: this.form.name }).id;
  }

  busy(is) {
    this.button.disabled = is;
    this.button.textContent = is ? t('sending') : t('submit');
  }

  settled(item, ack) {
    if (item.id !== this.waiting) return;
    if (item.error?.code === 'rate_limit_exceeded') return;
    this.waiting = null;
    this.busy(false);
    if (ack) {
      this.app.drafts.delete(this.key);
      this.done(ack);
      return;
    }
    const wrong = Object.fromEntries(Object.entries(item.error?.fields ?? {}).filter(([name]) => this.fields.controls.has(name)));
    this.app.outbox.drop(item.id);
    if (Object.keys(wrong).length) this.fields.mark(wrong);
    else this.app.shell.say(item.error?.message ?? t('busy'));
  }
}

/** A form that the contact opens by themselves: a ticket without a conversation before it. */
export class FormView {
  constructor(app, shell, route) {
    Object.assign(this, { app, shell, route });
    this.form = app.model.forms?.find((form) => form.ticket_type_id === route.type);
    this.card = h('section', { class: 'card' });
    this.element = h('div', { class: 'cards' }, this.card);
    if (this.form) {
      this.panel = new FormPanel(app, this.form, { ticket_type_id: route.type }, (ack) => this.done(ack));
      this.card.append(this.panel.element);
    } else {
      this.card.append(h('p', {}, t('not_found')));
    }
  }

  bar() {
    return { title: this.form ? `${this.form.icon} ${this.form.name}`.trim() : t('requests'), back: true };
  }

  focus() {
    return this.card.querySelector('input, textarea, select');
  }

  update() {}

  settled(item, ack) {
    this.panel?.settled(item, ack);
  }

  done(ack) {
    const show = h('button', { class: 'primary', onclick: () => this.shell.openTicket(ack.ticket_id ?? ack.ticket?.ticket_id) }, t('see_ticket'));
    this.card.replaceChildren(h('div', { class: 'thanks', role: 'status' }, icon('check'), h('h2', {}, ack.message || t('thanks')), h('p', {}, t('form_done', { number: ack.ticket_id }))), show);
    show.focus();
  }
}
