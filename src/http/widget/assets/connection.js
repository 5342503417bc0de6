// One socket that comes back: hello and resume, heartbeats, back-off (MSG-40, MSG-46, MSG-47).
// What was missed is the server's to send again; nothing here counts entries but `since`.

import { PollSocket } from './poll.js';

const OPEN = 1;
const HELLO_WITHIN_MS = 15_000;
const PING_EVERY_MS = 25_000;
const SILENCE_MAX_MS = 60_000;
const WAIT_MIN_MS = 1_000;
const WAIT_MAX_MS = 60_000;
const GOING_AWAY_MS = 5_000;
/** Where requests are the way through, a websocket is tried again after this time, and then after twice as long each time. */
const PROBE_AFTER_MS = 60_000;

/** Milliseconds until the next try: doubled each time, and never at the same moment as everybody else. */
export const backoff = (tries, random = Math.random) => {
  const full = Math.min(WAIT_MAX_MS, WAIT_MIN_MS * 2 ** Math.min(tries, 6));
  return Math.round(full * (0.5 + random() / 2));
};

export class Connection {
  /** `hello()` gives the identity and `since`; `onFrame` gets frames, `onState` one of connecting, open, waiting, refused. */
  constructor({ url, pollUrl, hello, onFrame, onState }) {
    Object.assign(this, { url, pollUrl, hello, onFrame, onState });
    this.unopened = 0;
    this.socket = null;
    this.state = 'idle';
    this.tries = 0;
    this.probes = 0;
    this.heardAt = 0;
    this.timers = { retry: 0, beat: 0, hello: 0, probe: 0 };
    this.again = () => {
      if (this.state === 'waiting' && document.visibilityState === 'visible') this.connect();
    };
    window.addEventListener('online', this.again);
    document.addEventListener('visibilitychange', this.again);
    window.addEventListener('offline', () => this.socket && this.drop(0));
  }

  /** A websocket; requests where two of them in a row did not get through, until those fail as well. */
  make() {
    this.greeted = false;
    this.byRequests = typeof WebSocket === 'undefined' || this.unopened >= 2;
    return this.byRequests ? new PollSocket(this.pollUrl) : new WebSocket(this.url, 'deskgate.v1');
  }

  connect() {
    this.clear();
    this.enter('connecting');
    let socket;
    try {
      socket = this.make();
    } catch {
      this.lost(null);
      return;
    }
    this.socket = socket;
    this.timers.hello = setTimeout(() => this.drop(), HELLO_WITHIN_MS);
    socket.onopen = () => socket.send(JSON.stringify({ type: 'hello', ...this.hello() }));
    socket.onmessage = (event) => {
      if (socket === this.socket) this.heard(event.data);
    };
    socket.onclose = (event) => {
      if (socket === this.socket) this.lost(event.code);
    };
  }

  heard(text) {
    this.heardAt = Date.now();
    const frame = JSON.parse(text);
    if (frame.type === 'welcome') {
      clearTimeout(this.timers.hello);
      this.tries = 0;
      this.greeted = true;
      this.timers.beat = setInterval(() => this.beat(), PING_EVERY_MS);
      if (this.byRequests) this.probe();
      else this.probes = 0;
      this.onFrame(frame);
      this.enter('open');
      return;
    }
    if (frame.type !== 'pong') this.onFrame(frame);
  }

  /** A daemon that was away for a while is no reason to ask it by requests for ever. */
  probe() {
    if (typeof WebSocket === 'undefined') return;
    this.timers.probe = setTimeout(() => {
      const probe = new WebSocket(this.url, 'deskgate.v1');
      probe.onerror = () => this.byRequests && this.state === 'open' && this.probe();
      probe.onopen = () => {
        probe.close(1000);
        if (!this.byRequests || this.state !== 'open') return;
        this.unopened = 0;
        this.renew();
      };
    }, PROBE_AFTER_MS * 2 ** Math.min(this.probes++, 6) * (0.5 + Math.random() / 2));
  }

  beat() {
    if (Date.now() - this.heardAt > SILENCE_MAX_MS) this.drop();
    else this.send({ type: 'ping', n: this.heardAt });
  }

  /** Whether it was handed to the socket; what must arrive is sent again by whoever waits for its answer. */
  send(frame) {
    if (this.state !== 'open' && frame.type !== 'hello') return false;
    if (this.socket?.readyState !== OPEN) return false;
    this.socket.send(JSON.stringify(frame));
    return true;
  }

  /** Gives up a connection that seems dead, without waiting for its end. */
  drop(code = null) {
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    this.lost(code);
  }

  lost(code) {
    if (this.greeted) this.unopened = this.byRequests ? this.unopened : 0;
    else if (navigator.onLine !== false) this.unopened = this.byRequests ? 0 : this.unopened + 1;
    this.clear();
    this.socket = null;
    if (code === 4001 || code === 4003) {
      this.enter('refused', code);
      return;
    }
    const wait = code === 1001 || code === 4002 ? Math.random() * GOING_AWAY_MS : backoff(this.tries);
    // A daemon that always goes away at once must not be asked every few seconds for ever.
    // Of too many tabs the idlest was closed: coming back at once would only close another one (MSG-43).
    this.tries += code === 4008 ? 4 : 1;
    this.timers.retry = setTimeout(() => this.connect(), this.tries > 3 ? Math.max(wait, backoff(this.tries)) : wait);
    this.enter('waiting', code);
  }

  /** Says hello again on a new socket, as after a change of identity. */
  renew() {
    if (this.state === 'refused' || this.state === 'idle') this.tries = 0;
    const socket = this.socket;
    this.socket = null;
    socket?.close(1000);
    this.connect();
  }

  /** Ends for good. */
  stop(last) {
    if (last) this.send(last);
    this.clear();
    const socket = this.socket;
    this.socket = null;
    socket?.close(1000);
    this.enter('idle');
  }

  clear() {
    clearTimeout(this.timers.retry);
    clearTimeout(this.timers.hello);
    clearTimeout(this.timers.probe);
    clearInterval(this.timers.beat);
  }

  enter(state, code) {
    this.state = state;
    this.onState(state, code);
  }
}
