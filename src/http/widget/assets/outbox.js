// What was written and is not acknowledged yet (MSG-42). One post is under way at a time, so that order stays; each has a
// `client_id`, so that sending it again makes no second message. It survives a reload of the page.

const ANSWER_WITHIN_MS = 20_000;

export class Outbox {
  /** `send(frame)` gives whether it left; `changed()` is called after every change. */
  constructor({ storage, send, changed, settled }) {
    Object.assign(this, { storage, send, changed, settled });
    this.items = [];
    this.name = `outbox-${crypto.randomUUID()}`;
    this.timer = 0;
  }

  /** Takes over what earlier pages of the same contact left. Another tab may send the same: it is one message by its id. */
  load(contact) {
    this.contact = contact;
    for (const name of this.storage.names('outbox-').filter((other) => other !== this.name)) {
      const left = this.storage.get(name);
      if (left?.contact !== contact) continue;
      this.storage.remove(name);
      const fresh = left.items.filter((item) => !this.seen(item.id));
      this.items.push(...fresh.map((item) => ({ ...item, state: 'sending', sentAt: 0 })));
    }
    if (this.items.length > 0) this.keep();
  }

  keep() {
    if (this.items.length === 0) this.storage.remove(this.name);
    else this.storage.set(this.name, { contact: this.contact, items: this.items });
    this.changed();
  }

  /** Posts a frame; `about` is shown until it is acknowledged. */
  post(frame, about) {
    const item = { id: frame.client_id, frame, about, state: 'sending', sentAt: 0, at: Math.floor(Date.now() / 1_000) };
    this.items.push(item);
    this.keep();
    this.pump();
    return item;
  }

  /** Sends the oldest that may go. After a reconnect everything under way goes again. */
  pump(again = false) {
    clearTimeout(this.timer);
    if (again) for (const item of this.items) item.sentAt = 0;
    // What waits for its turn holds up what was written behind it, or that would come first (MSG-61).
    const next = this.items.find((item) => item.state === 'sending' || item.error?.code === 'rate_limit_exceeded');
    if (next?.state !== 'sending') return;
    if (next.sentAt === 0 && this.send(next.frame)) next.sentAt = Date.now();
    this.timer = setTimeout(() => this.pump(true), ANSWER_WITHIN_MS);
  }

  acked(ack) {
    const item = this.take(ack.client_id);
    if (!item) return;
    // What was written into the same new conversation meanwhile belongs into this one.
    for (const other of this.items) {
      if (other.frame.type === 'send' && !other.frame.conversation_id && other.about.draft === item.about.draft) {
        other.frame.conversation_id = ack.conversation_id;
      }
    }
    this.settled(item, ack);
    this.keep();
    this.pump();
  }

  /** The part itself came, by this tab's socket or by another's: the post is through. */
  seen(clientId) {
    return this.items.some((item) => item.id === clientId);
  }

  failed(error) {
    const item = this.items.find((known) => known.id === error.client_id);
    if (!item) return;
    item.state = 'failed';
    item.error = error;
    if (error.code === 'rate_limit_exceeded') {
      // Kept and sent as soon as it may be (MSG-61).
      setTimeout(() => this.retry(item.id), 1_000 * (error.retry_after_s ?? 5));
    }
    this.settled(item, null);
    this.keep();
    this.pump();
  }

  retry(id) {
    const item = this.items.find((known) => known.id === id && known.state === 'failed');
    if (!item) return;
    item.state = 'sending';
    item.sentAt = 0;
    delete item.error;
    this.keep();
    this.pump();
  }

  take(id) {
    const at = this.items.findIndex((item) => item.id === id);
    return at < 0 ? null : this.items.splice(at, 1)[0];
  }

  drop(id) {
    this.take(id);
    this.keep();
    this.pump();
  }
}
