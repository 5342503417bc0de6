// A small picker: the faces and signs people use when they ask for help.

import { h } from './dom.js';
import { t } from './locale.js';

const FACES = ['😀', '😃', '😄', '😁', '😅', '😂', '🙂', '😉', '😊', '😍', '😘', '😎', '🤔', '🤨', '😐', '😬', '🙄', '😌', '😴', '😷', '😢', '😭', '😤', '😡',
  '😱', '🥳', '🤯', '🙈', '👍', '👎', '👏', '🙏', '👋', '🤝', '💪', '👀', '❤️', '💔', '✨', '🔥', '🎉', '✅', '❌', '⚠️', '❓', '❗', '💡', '📦'];

/** A grid of buttons, moved through by arrows; `pick(face)` and `leave()` are called. */
export const emojiPicker = (pick, leave) => {
  const columns = 8;
  const buttons = FACES.map((face, at) => h('button', { class: 'face', tabindex: at ? '-1' : '0', 'aria-label': face, onclick: () => pick(face) }, face));
  const move = (event) => {
    const at = buttons.indexOf(document.activeElement);
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
    if (event.key === 'Escape') {
      event.stopPropagation();
      leave();
    } else if (step && buttons[at + step]) {
      event.preventDefault();
      buttons[at].tabIndex = -1;
      buttons[at + step].tabIndex = 0;
      buttons[at + step].focus();
    }
  };
  const grid = h('div', { class: 'faces', role: 'group', 'aria-label': t('emoji'), onkeydown: move }, buttons);
  queueMicrotask(() => buttons[0].focus());
  return grid;
};
