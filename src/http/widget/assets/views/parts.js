// One part of a thread as it is shown: messages as bubbles, events as lines, forms and shared tickets as cards.

import { h, icon } from '../dom.js';
import { fileAddress } from '../files.js';
import { clockTime, dateTime, fileSize, t } from '../locale.js';
import { fromHtml, fromText } from '../richtext.js';
import { FormPanel } from './form.js';
import { avatar, pill } from './lists.js';

const IMAGES = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp']);

const attachment = (file) => {
  const href = file.url ? fileAddress(file.url) : null;
  const isImage = href && IMAGES.has(file.content_type);
  if (isImage) {
    return h('a', { class: 'image', href, target: '_blank', rel: 'noopener', download: file.name }, h('img', { src: href, alt: file.name, loading: 'lazy' }));
  }
  const inside = [icon('file'), h('span', { class: 'name' }, file.name, h('small', {}, fileSize(file.size)))];
  return href ? h('a', { class: 'file', href, download: file.name }, inside) : h('span', { class: 'file' }, inside);
};

const bubble = (app, part, own) => {
  if (part.redacted) return h('div', { class: 'bubble gone' }, t('redacted'));
  const body = own || part.body === undefined ? fromText(part.text) : fromHtml(part.body);
  const lone = part.text.trim();
  const big = /^\p{Extended_Pictographic}(?:\u200d?\p{Extended_Pictographic}|\ufe0f|\p{Emoji_Modifier}){0,5}$/u.test(lone) && lone.length < 16;
  return h('div', { class: `bubble${big ? ' big' : ''}` },
    lone || body.length ? h('div', { class: 'text', dir: 'auto' }, body) : null,
    part.truncated ? h('p', { class: 'soft' }, t('cut')) : null,
    (part.attachments ?? []).map(attachment));
};

const event = (words, part, inside) => h('div', { class: 'event' }, h('span', {}, words), inside ?? null, part ? h('time', { class: 'sr' }, dateTime(part.created_at)) : null);

const formCard = (app, thread, part) => {
  const { form } = part;
  const title = h('h2', {}, `${form.icon ?? ''} ${form.name}`.trim());
  if (form.state === 'submitted') {
    const number = form.ticket?.ticket_id;
    return h('div', { class: 'card form-card' }, title, h('p', { class: 'done' }, icon('check'), t('form_done', { number })),
      h('button', { class: 'secondary', onclick: () => app.shell.openTicket(form.ticket.id) }, t('see_ticket')));
  }
  if (form.state !== 'open') return h('div', { class: 'card form-card' }, title, h('p', { class: 'soft' }, t('form_withdrawn')));
  const panel = new FormPanel(app, form, { form_part_id: part.id }, () => {});
  thread.panels.set(part.id, panel);
  return h('div', { class: 'card form-card' }, title, panel.element);
};

/** The answers of a quick reply; choosing one sends it. */
const answers = (thread, part) => h('div', { class: 'answers', role: 'group', 'aria-label': t('choose') },
  part.quick_replies.map(({ text, uuid }) => h('button', { class: 'secondary', dir: 'auto', onclick: () => thread.choose(part, uuid, text) }, text)));

/**
 * A part that came, as a list item. `follows` says that the same author spoke just before, `asks` that it waits for a choice,
 * `seen` that an agent saw it.
 */
export const partItem = (app, thread, part, { follows, asks, seen }) => {
  const own = app.model.isOwn(part);
  const name = app.nameOf(part.author);
  const item = h('li', { class: own ? 'part own' : 'part', dataset: { seq: part.seq } });
  if (part.form) {
    item.append(h('div', { class: 'wide' }, formCard(app, thread, part)));
  } else if (part.shared_ticket) {
    const { shared_ticket: shared, state } = part;
    item.append(h('div', { class: 'wide' }, h('button', { class: 'card shared', onclick: () => app.shell.openTicket(shared.id) },
      h('strong', {}, t('shared', { number: shared.ticket_id, type: shared.type })), state ? pill({ state: state.state, label: state.label }) : null)));
  } else if (part.state && !part.text.trim()) {
    item.append(event(t('state_now', { label: part.state.label }), part));
  } else if (part.part_type.startsWith('ticket_form_submitted') || part.part_type === 'form_submitted') {
    item.append(event(t('submitted_event'), part));
  } else if (!part.text.trim() && !part.attachments?.length && !part.redacted) {
    item.append(event(t(part.part_type.startsWith('convert') ? 'converted' : 'attribute_changed'), part));
  } else {
    const time = h('time', { datetime: new Date(part.created_at * 1_000).toISOString(), title: dateTime(part.created_at) }, clockTime(part.created_at));
    item.append(own ? '' : h('span', { class: 'side' }, follows ? '' : avatar(part.author, name)),
      h('div', { class: 'says' }, h('p', { class: follows ? 'sr' : 'by' }, name), asks ? answers(thread, part) : bubble(app, part, own), h('p', { class: 'meta' }, time, own ? h('span', {}, ` · ${t(seen ? 'seen' : 'sent')}`) : null)));
    if (part.state) item.append(event(t('state_now', { label: part.state.label }), part));
  }
  return item;
};

/** A post that is not acknowledged yet. */
export const pendingItem = (app, item) => {
  const { frame, about } = item;
  const isFailed = item.state === 'failed';
  const wait = item.error?.code === 'rate_limit_exceeded';
  const why = wait ? t('wait', { n: item.error.retry_after_s ?? 5 }) : item.error ? `${t('failed')}: ${item.error.message}` : t('sending');
  return h('li', { class: `part own pending${isFailed && !wait ? ' failed' : ''}` }, h('div', { class: 'says' },
    h('div', { class: 'bubble' }, frame.body.trim() ? h('div', { class: 'text', dir: 'auto' }, fromText(frame.body)) : null,
      (about.files ?? []).map((file) => h('span', { class: 'file' }, icon('file'), h('span', { class: 'name' }, file.name, h('small', {}, fileSize(file.size)))))),
    h('p', { class: 'meta', role: isFailed ? 'alert' : null }, why),
    isFailed && !wait ? h('p', { class: 'again' },
      h('button', { onclick: () => app.outbox.retry(item.id) }, icon('retry'), t('retry')),
      h('button', { onclick: () => app.outbox.drop(item.id) }, t('discard'))) : null));
};
