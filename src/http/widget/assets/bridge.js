// The frame's side of the talk with the page around it. The page's origin is learnt from its first message and is the
// only one that is answered from then on.

export class Bridge {
  constructor(handlers) {
    this.origin = null;
    window.addEventListener('message', (event) => {
      if (event.source !== window.parent || window.parent === window) return;
      if (this.origin === null) this.origin = event.origin;
      if (event.origin !== this.origin || !event.data || typeof event.data !== 'object') return;
      const name = event.data.deskgate;
      if (typeof name === 'string' && Object.hasOwn(handlers, name)) handlers[name](event.data.data);
    });
    // Nothing but this one word is said before the page is known.
    window.parent.postMessage({ deskgate: 'ready' }, '*');
  }

  tell(type, data) {
    if (this.origin !== null) window.parent.postMessage({ deskgate: type, data }, this.origin);
  }
}
