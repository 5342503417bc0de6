// What this browser keeps for one app: who the visitor is, and what was written and not yet sent.

/** The frame's own storage, or nothing where the browser keeps frames of other sites from having one. */
const area = () => {
  try {
    const probe = 'deskgate-probe';
    localStorage.setItem(probe, '1');
    localStorage.removeItem(probe);
    return localStorage;
  } catch {
    return null;
  }
};

/** Values under `deskgate-<app>-<name>`. Without a storage of its own the frame asks the page to keep them: `keep(name, text)`. */
export class Storage {
  constructor(app, keep) {
    this.prefix = `deskgate-${app}-`;
    this.area = area();
    this.kept = new Map();
    this.keep = keep;
  }

  /** What the page kept for us. */
  load(kept) {
    for (const [name, text] of Object.entries(kept ?? {})) {
      if (name.startsWith(this.prefix) && typeof text === 'string') this.kept.set(name, text);
    }
  }

  get(name) {
    const key = this.prefix + name;
    const text = this.area ? this.area.getItem(key) : this.kept.get(key);
    try {
      return text ? JSON.parse(text) : null;
    } catch {
      return null;
    }
  }

  set(name, value) {
    this.put(this.prefix + name, JSON.stringify(value));
  }

  remove(name) {
    this.put(this.prefix + name, null);
  }

  put(key, text) {
    if (this.area) {
      try {
        if (text === null) this.area.removeItem(key);
        else this.area.setItem(key, text);
      } catch {
        // Full: it is lost with the page, as without any storage.
      }
      return;
    }
    if (text === null) this.kept.delete(key);
    else this.kept.set(key, text);
    this.keep(key, text);
  }

  /** Names that begin so. */
  names(start) {
    const all = this.area ? Object.keys(this.area) : Array.from(this.kept.keys());
    return all.filter((key) => key.startsWith(this.prefix + start)).map((key) => key.slice(this.prefix.length));
  }

  /** Forgets everything of this app (MSG-15). */
  clear() {
    for (const name of this.names('')) this.remove(name);
  }
}
