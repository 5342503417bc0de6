// What the contact may see, as the stream tells it: a snapshot, then entries, each applied once by its `seq` (MSG-40).

const TYPING_MS = 5_000;

export class Model {
  constructor() {
    this.reset();
  }

  reset() {
    this.seq = null;
    this.contact = null;
    this.settings = {};
    this.forms = null;
    this.conversations = new Map();
    this.typing = new Map();
    this.presence = new Map();
  }

  /** The first frame of a session: everything anew, or on from where we were. */
  welcome(frame) {
    const other = this.contact && this.contact.id !== frame.contact.id;
    if (other) this.reset();
    this.contact = frame.contact;
    this.settings = frame.settings;
    if (frame.resumed) return;
    const before = this.conversations;
    this.seq = frame.seq;
    this.conversations = new Map(frame.conversations.map((given) => [given.id, this.conversation(given)]));
    for (const [id, known] of this.conversations) {
      // What was read page by page stays on the screen until it is read again.
      const had = before.get(id);
      if (had) Object.assign(known, { parts: had.parts, stale: had.loaded, more: had.more });
    }
  }

  /** Hours, the expected reply time or who is there are others than the welcome said. */
  house({ office, reply_time_s, team, conversations }) {
    Object.assign(this.settings, { office, reply_time_s, team });
    const own = new Map(conversations.map((given) => [given.id, given]));
    const faces = new Map(team.map((one) => [one.id, one.avatar]));
    for (const [id, known] of this.conversations) {
      Object.assign(known, { office: null, reply_time_s: null }, own.get(id));
      for (const part of [...known.parts, known.last_part]) if (part && faces.has(part.author.id)) part.author.avatar = faces.get(part.author.id);
    }
  }

  conversation(given) {
    return { unread: 0, last_part: null, title: null, ticket: null, shared_ticket: null, ...given, parts: [], loaded: false, stale: false, more: true };
  }

  /** Applies an entry; what it was, for sounds and previews, or `null` when it is known already. */
  event(frame) {
    if (this.seq !== null && frame.seq <= this.seq) return null;
    this.seq = frame.seq;
    if (frame.contact) this.contact = frame.contact;
    if (!frame.conversation_id) return { contact: true };
    const id = frame.conversation_id;
    let known = this.conversations.get(id);
    if (!known) {
      const at = frame.part?.created_at ?? Math.floor(Date.now() / 1_000);
      known = this.conversation({ id, open: true, created_at: at, updated_at: at, seen_seq: 0, last_seq: 0 });
      this.conversations.set(id, known);
    }
    if (frame.conversation) this.changed(known, frame.conversation);
    if (frame.ticket) this.ticket(known, frame.ticket);
    return frame.part ? this.part(known, frame.part) : { conversation: id };
  }

  changed(known, given) {
    // Told as it is now, it may be ahead of the parts that are still to come; those say themselves that they are new.
    const { last_part: _, last_seq: __, unread: ___, ...facts } = given;
    const seenBefore = known.seen_seq;
    Object.assign(known, facts, { seen_seq: Math.max(seenBefore, given.seen_seq), agents_seen_seq: Math.max(known.agents_seen_seq ?? 0, given.agents_seen_seq) });
    if (known.seen_seq > seenBefore) this.count(known);
  }

  ticket(known, ticket) {
    if (ticket.id === known.id) known.ticket = ticket;
    for (const other of this.conversations.values()) {
      if (other.shared_ticket?.id === ticket.id) other.shared_ticket = ticket;
    }
  }

  part(known, part) {
    const isNew = part.seq > known.last_seq;
    this.insert(known, part);
    if (part.shared_ticket) {
      const { state, label } = part.state ?? {};
      known.shared_ticket = { attributes: [], icon: '', ...known.shared_ticket, ...part.shared_ticket, ...(state ? { state, label } : {}) };
    }
    if (!isNew) {
      if (known.last_part?.id === part.id) known.last_part = part;
      return { conversation: known.id };
    }
    known.last_seq = part.seq;
    known.last_part = part;
    known.updated_at = Math.max(known.updated_at, part.created_at);
    this.typing.delete(known.id);
    const own = this.isOwn(part);
    if (own) {
      known.seen_seq = part.seq;
      known.unread = 0;
    } else if (!part.silent) {
      known.unread += 1;
    }
    return { conversation: known.id, arrived: own || part.silent ? null : part };
  }

  insert(known, part) {
    const at = known.parts.findIndex((other) => other.id === part.id);
    if (at >= 0) known.parts[at] = part;
    else if (known.loaded || part.seq > known.last_seq) {
      known.parts.push(part);
      known.parts.sort((one, other) => one.seq - other.seq);
    }
  }

  /** A page of older parts, or the newest one. */
  history(frame, before) {
    const known = this.conversations.get(frame.conversation_id);
    if (!known) return;
    if (!before) known.parts = known.parts.filter((part) => part.seq > (frame.parts.at(-1)?.seq ?? 0));
    const ids = new Set(frame.parts.map((part) => part.id));
    known.parts = [...frame.parts, ...known.parts.filter((part) => !ids.has(part.id))].sort((one, other) => one.seq - other.seq);
    if (before || !known.loaded || known.stale) known.more = frame.more;
    known.loaded = true;
    known.stale = false;
    const shared = known.parts.findLast((part) => part.shared_ticket);
    if (shared && !known.shared_ticket) {
      known.shared_ticket = { attributes: [], icon: '', ...shared.shared_ticket, ...shared.state };
    }
  }

  isOwn(part) {
    return part.author.id !== undefined && part.author.id === this.contact?.id;
  }

  /** The contact has seen everything up to `part`, here or elsewhere. */
  seen(id, part) {
    const known = this.conversations.get(id);
    if (!known || part.seq <= known.seen_seq) return false;
    known.seen_seq = part.seq;
    this.count(known);
    return true;
  }

  count(known) {
    if (known.seen_seq >= known.last_seq) known.unread = 0;
    else {
      const behind = known.parts.filter((part) => part.seq > known.seen_seq && !this.isOwn(part) && !part.silent).length;
      known.unread = known.loaded ? behind : Math.min(known.unread, behind || known.unread);
    }
  }

  /** What stands on its own: a merged conversation shows in its primary (MRG-2). */
  shown() {
    return Array.from(this.conversations.values()).filter((known) => !known.merged_into);
  }

  unread() {
    return this.shown().filter((known) => known.unread > 0).length;
  }

  /** Newest first. */
  sorted() {
    const at = (known) => known.last_part?.created_at ?? known.updated_at;
    return this.shown().sort((one, other) => at(other) - at(one) || (BigInt(other.id) > BigInt(one.id) ? 1 : -1));
  }

  /** Tickets with the conversation in which each is followed. */
  tickets() {
    return this.sorted().flatMap((known) => [known.ticket, known.shared_ticket].filter(Boolean).map((ticket) => ({ ticket, conversation: known })));
  }

  types(frame) {
    this.typing.set(frame.conversation_id, { agent: frame.agent, until: Date.now() + TYPING_MS });
  }

  whoTypes(id) {
    const found = this.typing.get(id);
    return found && found.until > Date.now() ? found.agent : null;
  }

  isHere(frame) {
    this.presence.set(frame.conversation_id, { agent: frame.agent, state: frame.state });
  }
}
