// What people wrote, as elements: agents' clean HTML through an allow-list once more, customers' text with a little Markdown.
// Nothing here ever assigns markup to a live element; documents made by DOMParser run no script and load no image.

import { h } from './dom.js';

const TAGS = new Set(['P', 'DIV', 'SPAN', 'BR', 'B', 'STRONG', 'I', 'EM', 'U', 'S', 'DEL', 'CODE', 'PRE', 'BLOCKQUOTE', 'UL', 'OL', 'LI',
  'H1', 'H2', 'H3', 'H4', 'H5', 'H6', 'HR', 'A', 'TABLE', 'THEAD', 'TBODY', 'TR', 'TD', 'TH', 'SUB', 'SUP']);
const GONE = new Set(['SCRIPT', 'STYLE', 'TEMPLATE', 'IFRAME', 'OBJECT', 'EMBED', 'SVG', 'MATH', 'HEAD', 'TITLE', 'NOSCRIPT']);
const DEPTH_MAX = 40;

const safeLink = (href) => {
  try {
    const url = new URL(href, 'https://invalid.invalid');
    return url.host !== 'invalid.invalid' && ['http:', 'https:', 'mailto:', 'tel:'].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
};
const anchor = (href, ...children) => h('a', { href, target: '_blank', rel: 'noopener noreferrer nofollow' }, ...children);

const copied = (node, depth) => {
  if (node.nodeType === Node.TEXT_NODE) return [document.createTextNode(node.data)];
  if (node.nodeType !== Node.ELEMENT_NODE || depth > DEPTH_MAX) return [];
  const tag = node.tagName.toUpperCase();
  if (GONE.has(tag)) return [];
  if (tag === 'IMG') return node.alt ? [document.createTextNode(`[${node.alt}]`)] : [];
  const children = Array.from(node.childNodes).flatMap((child) => copied(child, depth + 1));
  if (!TAGS.has(tag)) return children;
  if (tag === 'A') {
    const href = safeLink(node.getAttribute('href') ?? '');
    return href ? [anchor(href, ...children)] : children;
  }
  return [h(/^H[1-6]$/.test(tag) ? 'strong' : tag.toLowerCase(), {}, ...children)];
};

/** Agents' HTML. */
export const fromHtml = (html) => copied(new DOMParser().parseFromString(html, 'text/html').body, 0);

const INLINE = /`([^`\n]+)`|\*\*(?=\S)([^\n]*?\S)\*\*|\*(?=\S)([^*\n]*?\S)\*|(?<![\w])_(?=\S)([^_\n]*?\S)_(?![\w])|\[([^\]\n]+)\]\((https?:\/\/[^\s)]+)\)|(https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]])|([\w.+-]+@[\w-]+(?:\.[\w-]+)+)/u;

const inline = (text, depth = 0) => {
  const out = [];
  let rest = text;
  while (rest) {
    const found = depth < 4 ? INLINE.exec(rest) : null;
    if (!found) {
      out.push(rest);
      break;
    }
    if (found.index) out.push(rest.slice(0, found.index));
    const [all, code, strong, star, under, label, target, bare, mail] = found;
    if (code !== undefined) out.push(h('code', {}, code));
    else if (strong !== undefined) out.push(h('strong', {}, ...inline(strong, depth + 1)));
    else if (star !== undefined || under !== undefined) out.push(h('em', {}, ...inline(star ?? under, depth + 1)));
    else if (label !== undefined) out.push(safeLink(target) ? anchor(safeLink(target), label) : all);
    else if (bare !== undefined) out.push(safeLink(bare) ? anchor(safeLink(bare), bare) : all);
    else out.push(anchor(`mailto:${mail}`, mail));
    rest = rest.slice(found.index + all.length);
  }
  return out;
};

/** Customers' text: paragraphs, lists, quotes, code, emphasis, links. */
export const fromText = (text) => {
  const out = [];
  let list = null;
  let paragraph = null;
  let fence = null;
  for (const line of text.replace(/\r\n?/g, '\n').trim().split('\n')) {
    if (fence) {
      if (/^```\s*$/.test(line)) fence = null;
      else fence.append(fence.textContent ? `\n${line}` : line);
      continue;
    }
    const item = /^\s*(?:([-*•])|(\d{1,3})[.)])\s+(.+)$/.exec(line);
    const quote = /^>\s?(.*)$/.exec(line);
    if (/^```/.test(line)) {
      fence = h('code');
      out.push(h('pre', {}, fence));
      [list, paragraph] = [null, null];
    } else if (item) {
      const kind = item[1] ? 'UL' : 'OL';
      if (list?.tagName !== kind) out.push((list = h(kind.toLowerCase(), kind === 'OL' ? { start: item[2] } : {})));
      list.append(h('li', {}, ...inline(item[3])));
      paragraph = null;
    } else if (quote) {
      out.push(h('blockquote', {}, ...inline(quote[1])));
      [list, paragraph] = [null, null];
    } else if (!line.trim()) {
      [list, paragraph] = [null, null];
    } else if (paragraph) {
      paragraph.append(h('br'), ...inline(line));
    } else {
      out.push((paragraph = h('p', {}, ...inline(line))));
      list = null;
    }
  }
  return out;
};
