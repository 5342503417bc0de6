// What every case needs: the browser, a site of another origin that embeds the widget, the API as an agent calls it.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const { BASE, TOKEN, MODULES, SECRET, SHOTS, CHROMIUM = '/usr/bin/chromium' } = process.env;
const require = createRequire(join(MODULES, 'package.json'));
const { chromium } = require('playwright-core');
export const axePath = require.resolve('axe-core/axe.min.js');
export { assert };

/** The policy of README: the desk's scripts and frames, and nothing inline but what the page itself brings. */
const policyOf = (desk) => `default-src 'none'; script-src ${desk} 'nonce-page'; frame-src ${desk}; base-uri 'none'`;

const escaped = (text) => text.replace(/[<&]/g, (sign) => (sign === '<' ? '\\u003c' : '\\u0026'));

/** A page with the snippet; `settings` stand before the loader, `queue` are calls made before it came. */
const pageOf = ({ settings, queue = [], alias, desk = BASE, lang = 'en' }) => `<!doctype html><html lang="${lang}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1"><title>A shop</title></head><body><h1>A shop</h1><button id="help">Help</button>
<script nonce="page">
  ${settings ? `window.${alias ? 'intercom' : 'deskgate'}Settings = ${escaped(JSON.stringify(settings))};` : ''}
  window.Deskgate = window.Deskgate || function () { (Deskgate.q = Deskgate.q || []).push(arguments); };
  ${alias ? `window.${alias} = window.${alias} || function () { (${alias}.q = ${alias}.q || []).push(arguments); };` : ''}
  ${queue.map((call) => `Deskgate(...${escaped(JSON.stringify(call))});`).join('\n')}
</script>
<script async src="${desk}/widget.js"${alias ? ` data-alias="${alias}"` : ''}></script></body></html>`;

/** A site of its own origin: every path answers the page that was last registered for it. */
const startSite = async () => {
  const pages = new Map();
  const server = createServer((request, response) => {
    const path = new URL(request.url, 'http://site').pathname;
    const page = pages.get(path);
    const desk = page?.desk ?? BASE;
    // Browsers ask for it by themselves; its absence is nobody's error.
    response.writeHead(page ? 200 : path === '/favicon.ico' ? 204 : 404, { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': policyOf(desk) });
    response.end(page ? pageOf(page) : '');
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  // Another host name than the desk's: another site, so that storage is a third party's.
  const origin = `http://localhost:${server.address().port}`;
  let count = 0;
  return {
    origin,
    page: (options = {}) => {
      const path = `/${(count += 1)}`;
      pages.set(path, options);
      return origin + path;
    },
    close: () => server.close(),
  };
};

/** Waits until `ask` gives something; what it throws meanwhile does not count. */
export const until = async (what, ask, within = 10_000) => {
  const end = Date.now() + within;
  let last;
  for (;;) {
    try {
      const found = await ask();
      if (found) return found;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`not within ${within} ms: ${what}${last ? ` (${last.message})` : ''}`);
    await new Promise((wait) => setTimeout(wait, 50));
  }
};

const call = async (method, path, body) => {
  const response = await fetch(`${BASE}/api${path}`, {
    method,
    headers: { authorization: `Bearer ${TOKEN}`, ...(body ? { 'content-type': 'application/json' } : {}) },
    body: body ? JSON.stringify(body) : undefined,
  });
  const answer = await response.json().catch(() => null);
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${JSON.stringify(answer)}`);
  return answer;
};

/** The agent who answers. */
const startAgent = async () => {
  const me = await call('GET', '/me');
  return {
    me,
    call,
    reply: (id, body, more = {}) => call('POST', `/conversations/${id}/reply`, { message_type: 'comment', type: 'admin', admin_id: me.id, body, ...more }),
    note: (id, body) => call('POST', `/conversations/${id}/reply`, { message_type: 'note', type: 'admin', admin_id: me.id, body }),
    parts: async (id) => {
      const read = await call('GET', `/conversations/${id}?display_as=plaintext`);
      return [read.source, ...read.conversation_parts.conversation_parts].filter((part) => part?.body);
    },
    /** The newest conversation whose first message holds the words. */
    find: (words) => until(`a conversation with ${words}`, async () => {
      const { conversations } = await call('GET', '/conversations?per_page=50&display_as=plaintext');
      return conversations.find((known) => known.source?.body?.includes(words));
    }),
  };
};

export const userHash = (id) => createHmac('sha256', SECRET).update(id).digest('hex');

/** A token as the site's server would sign it (RFC 7519), with HS256. */
export const token = (claims) => {
  const octets = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${octets({ alg: 'HS256', typ: 'JWT' })}.${octets(claims)}`;
  return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
};

/** One browser page with the widget; every error of its console is an error of the test, unless it was expected. */
export class Visit {
  constructor(page, errors) {
    Object.assign(this, { page, errors });
    this.launcher = page.getByRole('button', { name: /messenger|Messenger|messagerie|chat|メッセンジャー/ }).last();
    this.frame = page.frameLocator('iframe');
  }

  async open() {
    // A page behind another one draws nothing, and so never finishes opening.
    await this.page.bringToFront();
    await this.page.locator('.launcher').click();
    await this.frame.locator('main').waitFor();
    await this.ready();
  }

  /** The session is there: the frame heard its welcome. */
  async ready() {
    await until('a session', () => this.page.evaluate(() => window.Deskgate('getVisitorId')));
  }

  script(...given) {
    return this.page.evaluate((args) => window.Deskgate(...args), given);
  }

  async write(text) {
    const input = this.frame.getByRole('textbox', { name: /Write|schreiben|Écrire|Escriba|入力|اكتب/ });
    await input.fill(text);
    await input.press('Enter');
  }

  async begin(text) {
    await this.open();
    await this.frame.locator('.start').click();
    await this.write(text);
    await this.sent(text);
  }

  sent(text) {
    return this.frame.locator('.part.own:not(.pending)', { hasText: text }).last().waitFor({ timeout: 10_000 });
  }

  saw(text) {
    return this.frame.locator('.part:not(.own)', { hasText: text }).last().waitFor({ timeout: 10_000 });
  }

  async shot(name) {
    if (!SHOTS) return;
    mkdirSync(SHOTS, { recursive: true });
    await this.page.screenshot({ path: join(SHOTS, `${name}.png`) });
  }
}

export class Suite {
  static async start() {
    const suite = new Suite();
    suite.browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--autoplay-policy=no-user-gesture-required'],
    });
    suite.site = await startSite();
    suite.agent = await startAgent();
    suite.contexts = [];
    return suite;
  }

  /** A browser profile of its own. */
  async profile(options = {}) {
    const context = await this.browser.newContext({ viewport: { width: 1000, height: 800 }, ...options });
    this.contexts.push(context);
    return context;
  }

  /** A page of the site in a profile, or in a new one. */
  async visit(options = {}, { context, expect = [], profile = {} } = {}) {
    const page = await (context ?? (await this.profile(profile))).newPage();
    const errors = [];
    const isExpected = (text) => expect.some((fragment) => text.includes(fragment));
    page.on('console', (message) => {
      const text = message.text();
      if (message.type() === 'error' && !isExpected(text)) errors.push(text);
    });
    page.on('pageerror', (error) => isExpected(error.message) || errors.push(String(error)));
    page.on('dialog', (dialog) => {
      errors.push(`dialog: ${dialog.message()}`);
      dialog.dismiss();
    });
    const visit = new Visit(page, errors);
    visit.url = this.site.page({ settings: {}, ...options });
    visits.push(visit);
    await page.goto(visit.url);
    return visit;
  }

  async clean() {
    for (const context of this.contexts.splice(0)) await context.close();
    const found = visits.splice(0).flatMap((visit) => visit.errors);
    assert.deepEqual(found, [], 'errors in a page');
  }

  async end() {
    await this.browser.close();
    this.site.close();
  }
}
const visits = [];
