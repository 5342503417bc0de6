// Where a message is written: text that grows, files by picker, paste and drop with their progress, emoji (MSG-22).

import { h, icon } from '../dom.js';
import { emojiPicker } from '../emoji.js';
import { fileSize, t } from '../locale.js';

const TYPING_EVERY_MS = 3_000;
const LINES_PX_MAX = 140;

export class Composer {
  /** `post(text, files)` takes what was written; `typing()` is called at most every 3 s (MSG-45). */
  constructor({ app, post, typing, text }) {
    Object.assign(this, { app, post, typing });
    this.files = [];
    this.typedAt = 0;
    this.input = h('textarea', { rows: '1', 'aria-label': t('write'), placeholder: t('write'), enterkeyhint: 'send',
      oninput: () => this.typed(), onkeydown: (event) => this.key(event), onpaste: (event) => this.paste(event) });
    this.input.value = text ?? '';
    this.picker = h('input', { type: 'file', multiple: true, hidden: true, tabindex: '-1', onchange: () => {
      this.add(this.picker.files);
      this.picker.value = '';
    } });
    this.held = h('ul', { class: 'held', hidden: true });
    this.why = h('p', { class: 'why', role: 'alert', hidden: true });
    this.sendButton = h('button', { class: 'send', 'aria-label': t('send'), onclick: () => this.send() }, icon('send'));
    this.emojiButton = h('button', { class: 'tool', 'aria-label': t('emoji'), 'aria-expanded': 'false', onclick: () => this.emoji() }, icon('smile'));
    this.element = h('div', { class: 'composer' }, this.held, this.why, h('div', { class: 'write' }, this.input,
      h('div', { class: 'tools' }, h('button', { class: 'tool', 'aria-label': t('attach'), onclick: () => this.picker.click() }, icon('clip')), this.emojiButton, this.sendButton)), this.picker);
    requestAnimationFrame(() => this.grow());
    this.draw();
  }

  typed() {
    this.grow();
    this.draw();
    if (this.input.value.trim() && Date.now() - this.typedAt > TYPING_EVERY_MS) {
      this.typedAt = Date.now();
      this.typing();
    }
  }

  grow() {
    this.input.style.height = 'auto';
    this.input.style.height = `${Math.min(this.input.scrollHeight, LINES_PX_MAX)}px`;
  }

  key(event) {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    this.send();
  }

  paste(event) {
    const files = Array.from(event.clipboardData?.files ?? []);
    if (!files.length) return;
    event.preventDefault();
    this.add(files);
  }

  add(files) {
    const max = this.app.model.settings.attachments_max ?? 10;
    const room = max - this.files.length;
    const given = Array.from(files);
    if (given.length > room) this.complain(t('too_many_files', { n: max }));
    for (const file of given.slice(0, room)) this.files.push(this.app.uploads.start(file, () => this.draw()));
    this.draw();
  }

  emoji() {
    const close = () => {
      this.faces?.remove();
      this.faces = null;
      this.emojiButton.setAttribute('aria-expanded', 'false');
      this.input.focus();
    };
    if (this.faces) {
      close();
      return;
    }
    this.faces = emojiPicker((face) => {
      this.input.setRangeText(face, this.input.selectionStart, this.input.selectionEnd, 'end');
      close();
      this.typed();
    }, close);
    this.emojiButton.setAttribute('aria-expanded', 'true');
    this.element.prepend(this.faces);
  }

  complain(text) {
    this.why.hidden = !text;
    this.why.textContent = text ?? '';
  }

  draw() {
    const over = Array.from(this.input.value).length - (this.app.model.settings.text_chars_max ?? 10_000);
    if (over > 0) this.complain(t('too_long', { n: over }));
    else if (this.over) this.complain('');
    this.over = over > 0;
    const usable = this.files.filter((file) => !file.error);
    this.sendButton.disabled = this.over || !(this.input.value.trim() || usable.length) || usable.some((file) => !file.id);
    this.held.hidden = this.files.length === 0;
    this.held.replaceChildren(...this.files.map((file) => this.heldFile(file)));
    if (this.sendWhenReady && !this.sendButton.disabled) this.send();
  }

  heldFile(file) {
    const word = file.error ? t(['too_large', 'empty'].includes(file.error) ? file.error : 'upload_failed') : file.id ? fileSize(file.size) : `${Math.round(file.done * 100)} %`;
    const bar = h('progress', { max: '1', 'aria-label': file.name, hidden: Boolean(file.id || file.error) });
    bar.value = file.done;
    return h('li', { class: file.error ? 'bad' : '' }, file.preview ? h('img', { src: file.preview, alt: '' }) : icon('file'),
      h('span', { class: 'name' }, file.name, h('small', {}, word), bar),
      h('button', { class: 'tool', 'aria-label': t('remove', { name: file.name }), onclick: () => {
        file.cancel();
        this.files.splice(this.files.indexOf(file), 1);
        this.draw();
        this.input.focus();
      } }, icon('close')));
  }

  /** With files still under way it goes as soon as they arrived. */
  send() {
    const usable = this.files.filter((file) => !file.error);
    const text = this.input.value;
    if (this.over || !(text.trim() || usable.length)) return;
    this.sendWhenReady = usable.some((file) => !file.id);
    if (this.sendWhenReady) return;
    if (!this.post(text.trim() ? text : '', usable)) return;
    this.input.value = '';
    this.files = [];
    this.typedAt = 0;
    this.complain('');
    this.grow();
    this.draw();
    this.input.focus();
  }
}
