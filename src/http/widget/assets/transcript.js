// A conversation as a text file, read page by page and put together here.

import { dateTime, t } from './locale.js';

const wrapped = (part, name) => {
  const files = (part.attachments ?? []).map((file) => `[${file.name}]`);
  const body = part.redacted ? t('redacted') : part.state && !part.text ? t('state_now', { label: part.state.label }) : part.text.trim();
  return `${dateTime(part.created_at)}  ${name(part)}\n${[body, ...files].filter(Boolean).join('\n')}\n`;
};

/** Downloads `parts` under a name that says which conversation it is. */
export const download = (title, parts, name) => {
  const text = `${title}\n\n${parts.map((part) => wrapped(part, name)).join('\n')}`;
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'text/plain;charset=utf-8' }));
  link.download = `${title.replace(/[^\p{L}\p{N}#]+/gu, '-').replace(/^-|-$/g, '').slice(0, 60) || 'conversation'}.txt`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
};
