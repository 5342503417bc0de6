// The stream by requests, for networks that let no websocket through (MSG-47). It looks like a socket to its user.

/** Has `send`, `close`, `readyState` and the `on…` functions of a `WebSocket`. */
export class PollSocket {
  constructor(url) {
    this.url = url;
    this.readyState = WebSocketState.CONNECTING;
    this.session = null;
    this.abort = new AbortController();
    this.order = Promise.resolve();
    queueMicrotask(() => {
      this.readyState = WebSocketState.OPEN;
      this.onopen?.();
    });
  }

  /** One request after the other, so that frames keep their order; the first one opens the line. */
  send(text) {
    this.order = this.order.then(() => this.ask([text], false)).then(() => {
      if (this.session && !this.listens) this.listen();
    }).catch(() => this.end(1006));
  }

  async listen() {
    this.listens = true;
    try {
      while (this.readyState === WebSocketState.OPEN) await this.ask([], true);
    } catch {
      this.end(1006);
    }
  }

  async ask(frames, wait) {
    const headers = { 'content-type': 'application/json', ...(this.session ? { 'x-session': this.session } : {}) };
    const response = await fetch(this.url, { method: 'POST', headers, body: JSON.stringify({ frames, wait }), signal: this.abort.signal, cache: 'no-store' });
    if (!response.ok) throw new Error(String(response.status));
    const answer = await response.json();
    this.session ??= answer.session ?? null;
    for (const data of answer.frames) {
      if (this.readyState === WebSocketState.OPEN) this.onmessage?.({ data });
    }
    if (answer.closed) this.end(answer.closed);
  }

  close() {
    // What was given to send goes first, as on a socket.
    this.order.finally(() => this.end(1000));
  }

  end(code) {
    if (this.readyState === WebSocketState.CLOSED) return;
    this.readyState = WebSocketState.CLOSED;
    this.abort.abort();
    this.onclose?.({ code });
  }
}

const WebSocketState = { CONNECTING: 0, OPEN: 1, CLOSED: 3 };
