// Elements without markup: text always arrives as text, so nothing anybody wrote can become a tag.

/** Makes an element: `on…` functions listen, `class`, `dataset` and attributes are set, `null` and `false` are left out. */
export const h = (tag, props = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else if (name === 'dataset') Object.assign(made.dataset, value);
    else if (name in made && typeof value !== 'string' && name !== 'list') made[name] = value;
    else if (name === 'value') made.value = value;
    else made.setAttribute(name, value === true ? '' : value);
  }
  if (tag === 'button' && !props.type) made.type = 'button';
  made.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
};

const SHAPES = {
  back: 'M15 5l-7 7 7 7',
  close: 'M6 6l12 12M18 6L6 18',
  send: 'M4 12l16-8-6 17-3-7-7-2zM11 14l9-10',
  clip: 'M20 11l-8.5 8.5a5 5 0 01-7-7L13 4a3.3 3.3 0 015 5l-8.5 8.5a1.7 1.7 0 01-2.5-2.5L15 7',
  smile: 'M12 21a9 9 0 100-18 9 9 0 000 18zM8.5 14.5c1.8 2.4 5.2 2.4 7 0M9 9.5h.01M15 9.5h.01',
  home: 'M4 11l8-7 8 7v8.5H14.500v-5.500h-5v5.500H4z',
  talk: 'M4 5h16v11H10l-4.500 4v-4H4z',
  ticket: 'M4 7h16v3.500a1.700 1.700 0 000 3V17H4v-3.500a1.700 1.700 0 000-3zM14 7v10',
  next: 'M9 6l6 6-6 6',
  save: 'M12 4v11M7.500 11l4.500 4.500 4.500-4.500M5 20h14',
  file: 'M6 3h8l4 4v14H6zM14 3v4h4',
  retry: 'M19 12a7 7 0 11-2-5l2 2M19 4v5h-5',
  check: 'M5 12.500l4.500 4.500L19 7.500',
  form: 'M6 4h12v16H6zM9 9h6M9 13h6M9 17h3',
};

/** A drawing that says nothing to screen readers; the control around it has the words. */
export const icon = (name) => {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', `icon icon-${name}`);
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  path.setAttribute('d', SHAPES[name]);
  svg.append(path);
  return svg;
};

/** Brings the children of `parent` to `items`, keeping elements whose version did not change, so that focus and scroll stay. */
export const keyed = (parent, items, key, version, render) => {
  const known = new Map(Array.from(parent.children, (child) => [child.dataset.key, child]));
  let at = parent.firstElementChild;
  for (const item of items) {
    const name = String(key(item));
    const wanted = String(version(item));
    let child = known.get(name);
    if (child && child.dataset.version !== wanted) {
      const made = render(item);
      if (at === child) at = made;
      child.replaceWith(made);
      child = made;
    } else if (!child) {
      child = render(item);
    }
    child.dataset.key = name;
    child.dataset.version = wanted;
    known.delete(name);
    if (child === at) at = at.nextElementSibling;
    else parent.insertBefore(child, at);
  }
  for (const left of known.values()) left.remove();
};
