// The messenger's loader: defines the function, draws the launcher, opens the frame. Everything else lives in the frame.
// It needs no inline style and no connection of its own, so that it works under a strict Content-Security-Policy.
(() => {
  'use strict';
  const preset = "__PRESET__";
  const script = document.currentScript;
  const alias = script?.dataset.alias;
  const names = ['Deskgate', ...(alias && /^[A-Za-z_$][\w$]*$/.test(alias) ? [alias] : [])];
  const settingsNames = names.map((name) => `${name[0].toLowerCase()}${name.slice(1)}Settings`);
  if (window.Deskgate?.loaded) return;

  const queued = names.flatMap((name) => Array.from(window[name]?.q ?? [], (call) => Array.from(call)));
  const source = script?.src ? new URL(script.src) : new URL('/widget.js', location.href);
  const pageSettings = () => settingsNames.map((name) => window[name]).find((found) => found && typeof found === 'object') ?? {};

  let settings = {};
  let booted = false;
  let open = false;
  let ready = false;
  let unread = 0;
  let quiet = false;
  let parts;
  let waiting = [];
  let visitorId;
  let lastFocus;
  const listeners = { show: [], hide: [], unread: [] };
  const texts = { open: 'Open messenger', close: 'Close messenger', unread: 'unread', frame: 'Messenger', dismiss: 'Dismiss' };

  const base = () => {
    const own = !alias && (settings.api_base || pageSettings().api_base);
    if (own) return new URL('widget/', own.endsWith('/') ? own : `${own}/`);
    return source.pathname.endsWith('/widget.js') ? new URL('widget/', source) : new URL('.', source);
  };
  const warn = (...words) => console.warn('Deskgate:', ...words);
  const plain = (value) => {
    try {
      return JSON.parse(JSON.stringify(value ?? {}));
    } catch {
      warn('settings must be plain data');
      return {};
    }
  };
  const tell = (type, data) => {
    const message = { deskgate: type, data };
    if (ready) parts.frame.contentWindow?.postMessage(message, base().origin);
    else waiting.push(message);
  };
  const each = (list, ...given) => list.forEach((call) => {
    try {
      call(...given);
    } catch (error) {
      console.error(error);
    }
  });

  const css = `
:host{all:initial}
*{box-sizing:border-box}
[hidden]{display:none!important}
.launcher,.frame,.toast{position:fixed;z-index:2147483000}
.launcher{bottom:var(--y,20px);right:var(--x,20px);width:56px;height:56px;padding:0;border:0;border-radius:50%;
background:var(--action,#1f5fd0);color:var(--on-action,#fff);cursor:pointer;
box-shadow:0 1px 4px rgb(0 0 0/.14),0 6px 22px rgb(0 0 0/.18);transition:transform .16s ease}
.launcher:hover{transform:scale(1.05)}.launcher:active{transform:scale(.96)}
.launcher:focus-visible{outline:3px solid var(--action,#1f5fd0);outline-offset:3px}
.launcher svg{position:absolute;inset:0;margin:auto;width:28px;height:28px;transition:opacity .16s,transform .16s}
.launcher .shut{opacity:0;transform:rotate(-45deg)}
.launcher[aria-expanded=true] .talk{opacity:0;transform:rotate(45deg)}
.launcher[aria-expanded=true] .shut{opacity:1;transform:none}
.badge{position:absolute;top:-4px;inset-inline-end:-4px;min-width:22px;height:22px;padding:0 6px;border-radius:11px;
background:#c81e1e;color:#fff;font:600 13px/22px system-ui,sans-serif;text-align:center}
.frame{bottom:calc(var(--y,20px) + 72px);right:var(--x,20px);width:400px;height:min(704px,calc(100vh - var(--y,20px) - 96px));
border:0;border-radius:18px;background:Canvas;overflow:hidden;color-scheme:normal;
box-shadow:0 5px 40px rgb(0 0 0/.18),0 0 1px rgb(0 0 0/.3);opacity:0;visibility:hidden;
transform:translateY(12px);transition:opacity .18s ease,transform .18s ease,visibility .18s}
.frame.open{opacity:1;visibility:visible;transform:none}
.toast{bottom:calc(var(--y,20px) + 72px);right:var(--x,20px);display:flex;width:320px;max-width:calc(100vw - 40px);
border-radius:14px;background:#fff;color:#1b2330;font:15px/1.45 system-ui,sans-serif;
box-shadow:0 4px 28px rgb(0 0 0/.2),0 0 1px rgb(0 0 0/.3)}
.toast button{border:0;background:none;color:inherit;font:inherit;cursor:pointer;border-radius:14px;text-align:start}
.toast .say{flex:1;min-width:0;padding-block:14px;padding-inline:16px 0}.toast .off{padding:8px 14px;font-size:20px}
.toast b,.toast span{display:block;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.toast b{font-weight:600}.toast button:focus-visible{outline:3px solid var(--action,#1f5fd0);outline-offset:-3px}
:host(.left) .launcher,:host(.left) .frame,:host(.left) .toast{right:auto;left:var(--x,20px)}
@media(max-width:520px){.frame{inset:0!important;width:100%;height:100%;border-radius:0}.frame.open~.launcher{display:none}}
@media(prefers-color-scheme:dark){.toast{background:#232a35;color:#e8ebf0}}
@media(prefers-reduced-motion:reduce){*{transition:none!important}}`;
  const drawing = (name, path) => {
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    svg.setAttribute('viewBox', '0 0 24 24');
    svg.setAttribute('class', name);
    svg.setAttribute('aria-hidden', 'true');
    const line = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    for (const [key, value] of Object.entries({ d: path, fill: 'none', stroke: 'currentColor', 'stroke-width': '2', 'stroke-linecap': 'round', 'stroke-linejoin': 'round' })) line.setAttribute(key, value);
    svg.append(line);
    return svg;
  };
  const element = (tag, name, hidden) => {
    const made = document.createElement(tag);
    made.className = name;
    made.hidden = Boolean(hidden);
    if (tag === 'button') made.type = 'button';
    return made;
  };

  const build = () => {
    const host = document.createElement('div');
    host.id = 'deskgate-container';
    const root = host.attachShadow({ mode: 'open' });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    root.adoptedStyleSheets = [sheet];
    const frame = element('iframe', 'frame');
    frame.allow = 'clipboard-write';
    frame.tabIndex = -1;
    const launcher = element('button', 'launcher');
    const badge = element('span', 'badge', true);
    launcher.append(drawing('talk', 'M4 5h16v11H10l-4.5 4V16H4zM8 9h8M8 12h5'), drawing('shut', 'M6 9l6 6 6-6'), badge);
    launcher.addEventListener('click', (event) => (open ? hide() : show({ keyboard: event.detail === 0 })));
    const toast = element('div', 'toast', true);
    toast.setAttribute('role', 'status');
    const say = element('button', 'say');
    const off = element('button', 'off');
    off.textContent = '×';
    off.addEventListener('click', () => (toast.hidden = true));
    toast.append(say, off);
    root.append(frame, toast, launcher);
    parts = { host, frame, launcher, badge, toast, say, off };
    frame.src = new URL('frame', base()).href;
    (document.body ?? document.documentElement).append(host);
  };

  const dress = () => {
    if (!parts) return;
    const { host, launcher, frame } = parts;
    const px = (value) => (Number.isFinite(Number(value)) && value !== '' && value !== null ? `${Number(value)}px` : '');
    host.classList.toggle('left', (settings.alignment ?? preset.alignment) === 'left');
    const action = settings.action_color ?? preset.action_color;
    if (action && !host.style.getPropertyValue('--on-action')) host.style.setProperty('--action', action);
    host.style.setProperty('--x', px(settings.horizontal_padding) || '20px');
    host.style.setProperty('--y', px(settings.vertical_padding) || '20px');
    launcher.hidden = settings.hide_default_launcher === true;
    frame.title = texts.frame;
    parts.off.setAttribute('aria-label', texts.dismiss);
    label();
  };
  const label = () => {
    if (!parts) return;
    const { launcher, badge } = parts;
    launcher.setAttribute('aria-expanded', String(open));
    launcher.setAttribute('aria-label', open ? texts.close : unread ? `${texts.open} (${unread} ${texts.unread})` : texts.open);
    badge.hidden = open || unread === 0;
    badge.textContent = unread > 99 ? '99+' : String(unread);
    const bare = document.title.replace(/^\(\d+\+?\) /, '');
    const wanted = unread && !quiet && settings.title_badge !== false ? `(${badge.textContent}) ${bare}` : bare;
    if (wanted !== document.title) document.title = wanted;
  };

  const isPhone = () => matchMedia('(max-width:520px)').matches;
  let overflow;
  const show = (to) => {
    if (!booted) return warn('boot first');
    tell('open', to ?? {});
    if (open) return undefined;
    open = true;
    parts.toast.hidden = true;
    lastFocus = document.activeElement;
    parts.frame.classList.add('open');
    parts.frame.tabIndex = 0;
    if (isPhone()) {
      overflow = document.documentElement.style.overflow;
      document.documentElement.style.overflow = 'hidden';
    }
    parts.frame.focus();
    label();
    each(listeners.show);
    return undefined;
  };
  const hide = () => {
    if (!open) return;
    open = false;
    parts.frame.classList.remove('open');
    parts.frame.tabIndex = -1;
    if (overflow !== undefined) document.documentElement.style.overflow = overflow;
    overflow = undefined;
    tell('close');
    const back = parts.launcher.hidden ? lastFocus : parts.launcher;
    back?.focus?.();
    label();
    each(listeners.hide);
  };

  const shutdown = () => {
    if (!booted) return;
    hide();
    tell('shutdown');
    kept((area, names) => names.forEach((name) => area.removeItem(name)));
    const leaving = parts;
    booted = false;
    unread = 0;
    label();
    leaving.host.hidden = true;
    // The frame needs a moment to end its session and to clear what it kept.
    setTimeout(() => leaving.host.remove(), 400);
    document.removeEventListener('click', onCustomLauncher, true);
    [parts, ready, waiting, visitorId, settings] = [undefined, false, [], undefined, {}];
  };
  // Of a token what it says counts; whether it says so rightly is the server's to tell.
  const who = (given) => {
    const jwt = given.deskgate_user_jwt ?? given.intercom_user_jwt;
    let id = given.user_id;
    try {
      id = JSON.parse(atob(jwt.split('.')[1].replace(/-/g, '+').replace(/_/g, '/'))).user_id;
    } catch {}
    return String([id, given.email]);
  };
  const boot = (given) => {
    const next = { ...plain(pageSettings()), ...plain(given) };
    if (booted && who(next) !== who(settings)) shutdown();
    if (booted) return update(next);
    settings = next;
    booted = true;
    const start = () => {
      if (!booted || parts) return;
      build();
      dress();
      tell('boot', { settings, page: page(), kept: kept() });
      document.addEventListener('click', onCustomLauncher, true);
      // A mail led here (MSG-48).
      const linked = location.hash.split('#deskgate-conversation-')[1];
      if (linked) show({ conversation: linked });
    };
    if (document.body) start();
    else document.addEventListener('DOMContentLoaded', start, { once: true });
    return undefined;
  };
  const page = () => ({ url: location.origin + location.pathname, title: document.title, locale: document.documentElement.lang || navigator.language });
  const update = (given) => {
    if (!booted) return warn('boot first');
    settings = { ...settings, ...plain(given) };
    dress();
    tell('update', { settings, page: page() });
    return undefined;
  };
  const onCustomLauncher = (event) => {
    const selector = settings.custom_launcher_selector;
    if (!selector) return;
    try {
      if (event.target instanceof Element && event.target.closest(selector)) {
        event.preventDefault();
        open ? hide() : show();
      }
    } catch {
      warn('custom_launcher_selector is no selector');
    }
  };
  // Browsers that keep frames of other sites from storing anything leave the page's own storage to it.
  const kept = (change) => {
    try {
      const names = Object.keys(localStorage).filter((name) => name.startsWith('deskgate-'));
      if (!change) return Object.fromEntries(names.map((name) => [name, localStorage.getItem(name)]));
      change(localStorage, names);
    } catch {
      // Then for as long as the page is there.
    }
    return {};
  };
  const listen = (list) => (call) => {
    if (typeof call === 'function') list.push(call);
  };
  const methods = {
    boot,
    update,
    shutdown,
    show: () => show(),
    hide,
    showSpace: (space) => (['home', 'messages', 'tickets'].includes(space) ? show({ space }) : warn(`there is no space ${space}`)),
    showMessages: () => show({ space: 'messages' }),
    showNewMessage: (text) => show({ compose: String(text ?? '') }),
    showTicket: (id) => show({ ticket: String(id) }),
    showConversation: (id) => show({ conversation: String(id) }),
    startConversation: (text) => show({ start: String(text ?? '') }),
    onShow: listen(listeners.show),
    onHide: listen(listeners.hide),
    onUnreadCountChange: (call) => {
      if (typeof call !== 'function') return;
      listeners.unread.push(call);
      if (booted) each([call], unread);
    },
    getVisitorId: () => visitorId,
    trackEvent: (name, metadata) => tell('track', { name: String(name), metadata: plain(metadata) }),
    hideNotifications: (hidden) => {
      quiet = hidden !== false;
      if (quiet && parts) parts.toast.hidden = true;
      tell('quiet', quiet);
      label();
    },
    reattach_activator: () => {},
  };

  const heard = {
    ready: () => {
      ready = true;
      waiting.splice(0).forEach((message) => tell(message.deskgate, message.data));
    },
    unread: (count) => {
      if (count === unread) return;
      unread = count;
      label();
      each(listeners.unread, unread);
    },
    visitor: (id) => (visitorId = id),
    texts: (given) => {
      Object.assign(texts, given);
      dress();
    },
    colors: ({ action, onAction }) => {
      parts.host.style.setProperty('--action', action);
      parts.host.style.setProperty('--on-action', onAction);
    },
    keep: ({ name, text }) => kept((area) => {
      if (!String(name).startsWith('deskgate-')) return;
      if (text === null) area.removeItem(name);
      else area.setItem(name, text);
    }),
    close: hide,
    toast: ({ conversation, name, text }) => {
      if (open || quiet) return;
      const [who, what] = [document.createElement('b'), document.createElement('span')];
      who.textContent = name;
      what.textContent = text;
      parts.say.replaceChildren(who, what);
      parts.say.onclick = () => show({ conversation });
      parts.toast.hidden = false;
    },
    error: (text) => console.error('Deskgate:', text),
  };
  window.addEventListener('message', (event) => {
    if (!parts || event.source !== parts.frame.contentWindow || event.origin !== base().origin) return;
    const told = heard[event.data?.deskgate];
    if (told) told(event.data.data);
  });

  const answer = (name, ...given) => {
    if (Object.hasOwn(methods, name)) return methods[name](...given);
    return warn(`there is no method ${String(name)}`);
  };
  answer.loaded = true;
  for (const name of names) window[name] = answer;
  if (settingsNames.some((name) => window[name])) boot({});
  queued.forEach((call) => answer(...call));
})();
