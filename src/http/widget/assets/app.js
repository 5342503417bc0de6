// The frame's program: joins the page's wishes, the socket, what is known and what is shown.

import { Bridge } from './bridge.js';
import { Connection } from './connection.js';
import { Uploads } from './files.js';
import { choose, duration, shortTime, t } from './locale.js';
import { Model } from './model.js';
import { Outbox } from './outbox.js';
import { chime } from './sound.js';
import { Storage } from './storage.js';
import { applyTheme } from './theme.js';
import { Shell } from './views/shell.js';

const BEGUN_KEPT_MS = 7 * 86_400_000;
/** What refusals of the page's events are known by. */
const TRACKED = 'track';
const TRACKED_MAX = 20;
const PRESET = JSON.parse(document.documentElement.dataset.preset);
/** Keys of the page's settings that are not facts about the person. */
const NOT_FACTS = new Set(['app_id', 'user_id', 'email', 'name', 'phone', 'created_at', 'user_hash', 'deskgate_user_jwt', 'intercom_user_jwt', 'company',
  'companies', 'unsubscribed_from_emails', 'language_override', 'avatar', 'hide_default_launcher', 'alignment', 'horizontal_padding', 'vertical_padding',
  'custom_launcher_selector', 'session_duration', 'action_color', 'background_color', 'api_base', 'title_badge', 'sound', 'theme']);

class App {
  constructor() {
    this.storage = new Storage(PRESET.app, (name, text) => this.bridge.tell('keep', { name, text }));
    this.model = new Model();
    this.settings = {};
    this.page = {};
    this.open = false;
    this.quiet = false;
    this.state = 'connecting';
    this.asked = { history: [], upload: [] };
    this.tracked = [];
    /** What was begun and not sent, by conversation. */
    this.drafts = new Map();
    this.outbox = new Outbox({
      storage: this.storage,
      send: (frame) => this.connection.send(frame),
      changed: () => this.shell?.update(),
      settled: (item, ack) => this.settled(item, ack),
    });
    this.connection = new Connection({
      url: new URL('../messenger/ws', location.href).href.replace(/^http/, 'ws'),
      pollUrl: new URL('../messenger/poll', location.href).href,
      hello: () => ({ identity: this.identity(), since: this.model.seq, page: this.page.url ?? '' }),
      onFrame: (frame) => this.heard(frame),
      onState: (state, code) => this.connected(state, code),
    });
    this.uploads = new Uploads(() => this.uploadPass());
    this.bridge = new Bridge({
      boot: (data) => this.boot(data),
      update: (data) => this.update(data),
      shutdown: () => this.shutdown(),
      open: (to) => this.show(to),
      close: () => this.hidden(),
      quiet: (quiet) => (this.quiet = quiet),
      track: (event) => this.track(event),
    });
    document.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && !event.defaultPrevented) this.close();
    });
    document.addEventListener('visibilitychange', () => this.shell?.visible());
  }

  /** Proof first; beside it the visitor's token, so that what was written before signing in comes along (MSG-14). */
  identity() {
    const given = this.settings;
    const jwt = given.deskgate_user_jwt ?? given.intercom_user_jwt;
    const visitor = this.storage.get('visitor')?.token;
    const text = (value) => (value === null || value === undefined ? undefined : String(value));
    const attributes = Object.fromEntries(
      Object.entries(given).filter(([key, value]) => !NOT_FACTS.has(key) && ['string', 'number', 'boolean'].includes(typeof value)),
    );
    return {
      jwt,
      visitor,
      user_id: text(given.user_id),
      email: text(given.email),
      name: text(given.name),
      phone: text(given.phone),
      avatar: typeof given.avatar === 'string' ? given.avatar : text(given.avatar?.image_url),
      language_override: text(given.language_override),
      user_hash: text(given.user_hash),
      created_at: given.created_at,
      company: given.company,
      companies: given.companies,
      unsubscribed_from_emails: typeof given.unsubscribed_from_emails === 'boolean' ? given.unsubscribed_from_emails : undefined,
      attributes,
    };
  }

  /** What happens before the socket is open waits for it; of a page that tells too much the newest is kept. */
  track(event) {
    const frame = { type: 'track', client_id: TRACKED, ...event };
    if (!this.connection.send(frame)) this.tracked = [...this.tracked, frame].slice(-TRACKED_MAX);
  }

  async boot({ settings, page, kept }) {
    this.storage.load(kept);
    await this.take(settings, page);
    this.forgetOld();
    this.shell = new Shell(this, document.getElementById('app'));
    this.connection.connect();
    // What the clock changes, looked at every minute: times, and whether the house is open.
    setInterval(() => this.shell.update(), 60_000);
  }

  async take(settings, page) {
    this.settings = settings;
    this.page = page ?? {};
    await choose(settings.language_override, this.page.locale, PRESET.locale);
    const scheme = ['light', 'dark'].includes(settings.theme) ? settings.theme : 'auto';
    document.documentElement.dataset.theme = scheme;
    this.bridge.tell('colors', applyTheme({ ...PRESET, ...settings }));
    this.bridge.tell('texts', Object.fromEntries(['open', 'close', 'unread', 'frame', 'dismiss'].map((key) => [key, t(key)])));
  }

  async update({ settings, page }) {
    const before = JSON.stringify(this.identity());
    await this.take(settings, page);
    if (!this.shell) return;
    this.shell.rebuild();
    if (JSON.stringify(this.identity()) !== before) this.connection.renew();
  }

  /** A token that was not used for its time is worth nothing any more (MSG-15). */
  forgetOld() {
    const kept = this.storage.get('visitor');
    const lasts = Number(this.settings.session_duration) > 0 ? Number(this.settings.session_duration) : BEGUN_KEPT_MS;
    if (kept && Date.now() - kept.at > lasts) this.storage.clear();
  }

  shutdown() {
    this.connection.stop({ type: 'bye' });
    this.storage.clear();
    this.model.reset();
    this.outbox.items = [];
    this.drafts.clear();
    this.tracked = [];
  }

  heard(frame) {
    switch (frame.type) {
      case 'welcome':
        this.welcome(frame);
        break;
      case 'event':
        this.event(frame);
        break;
      case 'ack':
        this.outbox.acked(frame);
        break;
      case 'history': {
        const asked = this.asked.history.shift();
        this.model.history(frame, asked?.before);
        asked?.done(frame);
        break;
      }
      case 'forms':
        this.model.forms = frame.forms;
        break;
      case 'upload':
        this.asked.upload.splice(0).forEach((ask) => ask.done(frame));
        break;
      case 'typing':
        this.model.types(frame);
        setTimeout(() => this.shell?.update(), 5_100);
        break;
      case 'presence':
        this.model.isHere(frame);
        break;
      case 'house':
        this.model.house(frame);
        break;
      case 'error':
        this.fault(frame);
        break;
      default:
    }
    this.shell?.update();
    this.bridge.tell('unread', this.model.unread());
  }

  welcome(frame) {
    this.model.welcome(frame);
    if (frame.visitor) this.storage.set('visitor', { token: frame.visitor, at: Date.now() });
    else this.storage.remove('visitor');
    this.bridge.tell('visitor', frame.contact.id);
    this.outbox.load(frame.contact.id);
    // What was asked on the old socket is asked again, or it would wait for ever.
    this.asked.history.splice(0).forEach((asked) => asked.fail());
    this.asked.upload.splice(0).forEach((asked) => asked.fail());
  }

  connected(state, code) {
    this.state = state;
    this.shell?.connected(state, code);
    if (state === 'open') {
      this.connection.send({ type: 'forms' });
      this.outbox.pump(true);
      this.tracked.splice(0).forEach((frame) => this.track(frame));
      this.shell?.reload();
    }
    if (state === 'refused') {
      this.model.reset();
      this.bridge.tell('unread', 0);
      this.bridge.tell('error', code === 4003 ? 'this session was signed out elsewhere' : `no session: ${this.refusal ?? 'not authorised'}`);
      this.shell?.update();
    }
  }

  event(frame) {
    const what = this.model.event(frame);
    if (frame.part?.client_id && this.outbox.seen(frame.part.client_id) && frame.event === 'part.created') {
      this.outbox.acked({ client_id: frame.part.client_id, conversation_id: frame.conversation_id, part_id: frame.part.id });
    }
    const arrived = what?.arrived;
    if (!arrived || this.quiet || this.shell?.isReading(what.conversation)) return;
    if (this.settings.sound !== false && PRESET.sound) chime();
    this.bridge.tell('toast', { conversation: what.conversation, name: this.nameOf(arrived.author), text: this.preview(arrived) });
  }

  fault(frame) {
    if (frame.client_id === TRACKED) this.bridge.tell('error', `trackEvent: ${frame.message}`);
    else if (frame.client_id) this.outbox.failed(frame);
    else if (frame.code === 'unauthorized' || frame.code === 'blocked') this.refusal = frame.message;
    else if (frame.code.endsWith('_not_found') || frame.code === 'not_found') this.asked.history.shift()?.fail(frame);
    else this.shell?.say(frame.message);
  }

  settled(item, ack) {
    this.shell?.settled(item, ack);
  }

  ask(kind, frame, about = {}) {
    return new Promise((done, reject) => {
      const asked = { ...about, done, fail: (error) => reject(new Error(error?.code ?? 'cut')) };
      if (!this.connection.send(frame)) asked.fail();
      else this.asked[kind].push(asked);
    });
  }

  history(id, before = null, limit = 50) {
    const frame = { type: 'history', conversation_id: id, limit, ...(before ? { before } : {}) };
    return this.ask('history', frame, { before });
  }

  uploadPass() {
    return this.ask('upload', { type: 'upload' });
  }

  /** Whether somebody is there, in words: the welcome told the changes ahead; nothing where there are no hours (HRS-1). */
  office(known) {
    const office = known?.office ?? this.model.settings.office;
    if (!office) return '';
    const ahead = office.changes.filter((at) => at * 1_000 > Date.now());
    const turned = (office.changes.length - ahead.length) % 2 > 0;
    return t(office.open !== turned ? 'open_now' : ahead[0] ? 'closed_until' : 'closed_now', { when: ahead[0] && shortTime(ahead[0]) });
  }

  /** How soon an answer comes as a rule, in words; a team's own time goes before the house's (MSG-24). */
  replyTime(known) {
    const seconds = known?.reply_time_s ?? this.model.settings.reply_time_s;
    return seconds ? t('reply_time', { time: duration(seconds) }) : '';
  }

  nameOf(author) {
    if (author.id !== undefined && author.id === this.model.contact?.id) return t('you');
    return author.type === 'admin' && author.name ? author.name : this.model.settings.workspace ?? t('team');
  }

  preview(part) {
    if (part.redacted) return t('redacted');
    if (part.form) return part.form.name;
    if (part.shared_ticket) return t('shared', { number: part.shared_ticket.ticket_id, type: part.shared_ticket.type });
    if (part.state && !part.text) return t('state_now', { label: part.state.label });
    const text = part.text.replace(/\s+/g, ' ').trim();
    if (text) return text;
    const file = part.attachments?.[0];
    if (file) return t('file_sent', { name: file.name });
    return t(part.part_type.startsWith('convert') ? 'converted' : 'attribute_changed');
  }

  show(to) {
    this.open = true;
    this.shell?.opened(to ?? {});
  }

  hidden() {
    this.open = false;
    this.shell?.visible();
  }

  close() {
    this.bridge.tell('close');
  }
}

export const app = new App();
