// A conversation as a file, text or HTML, read page by page and put together here.

import { h } from './dom.js';
import { dateTime, t } from './locale.js';
import { fromHtml, fromText } from './richtext.js';

const said = (part) => (part.redacted ? t('redacted') : part.state && !part.text ? t('state_now', { label: part.state.label }) : null);
const filesOf = (part) => (part.attachments ?? []).map((file) => `[${file.name}]`);

const asText = (title, parts, name) => {
  const one = (part) => `${dateTime(part.created_at)}  ${name(part)}\n${[said(part) ?? part.text.trim(), ...filesOf(part)].filter(Boolean).join('\n')}\n`;
  return `${title}\n\n${parts.map(one).join('\n')}`;
};

/** A page of its own, without scripts, styles or anything from elsewhere; links lead where they led. */
const asHtml = (title, parts, name) => {
  const page = document.implementation.createHTMLDocument(title);
  page.documentElement.lang = document.documentElement.lang;
  page.documentElement.dir = document.documentElement.dir;
  page.head.prepend(h('meta', { charset: 'utf-8' }));
  page.body.append(h('h1', {}, title), ...parts.map((part) => h('article', {},
    h('h2', {}, `${name(part)}, `, h('time', { datetime: new Date(part.created_at * 1_000).toISOString() }, dateTime(part.created_at))),
    said(part) ?? (part.body === undefined ? fromText(part.text) : fromHtml(part.body)), filesOf(part).map((file) => h('p', {}, file)))));
  return `<!doctype html>${new XMLSerializer().serializeToString(page.documentElement)}`;
};

const KINDS = { txt: ['text/plain', asText], html: ['text/html', asHtml] };

/** Downloads `parts` under a name that says which conversation it is; `kind` is `txt` or `html`. */
export const download = (kind, title, parts, name) => {
  const [type, write] = KINDS[kind];
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([write(title, parts, name)], { type: `${type};charset=utf-8` }));
  link.download = `${title.replace(/[^\p{L}\p{N}#]+/gu, '-').replace(/^-|-$/g, '').slice(0, 60) || 'conversation'}.${kind}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
};
