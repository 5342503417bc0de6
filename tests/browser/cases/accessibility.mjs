// WCAG 2.2 AA as far as axe-core can tell, in every view, light, dark and on a phone; and everything by keyboard.

import { readFileSync } from 'node:fs';
import { assert, axePath, until } from '../harness.mjs';
import { everything } from '../types.mjs';

const axeSource = readFileSync(axePath, 'utf8');

/** What axe finds in the page and, through its own copy, in the frame. */
const violations = async (visit) => {
  const frame = visit.page.frames().find((one) => one.url().includes('/widget/frame'));
  const found = [];
  for (const place of [visit.page.mainFrame(), frame]) {
    // The policies of both pages let no script in from here; the test's own way round them is the debugger's.
    await place.evaluate((source) => { (0, eval)(source); }, axeSource).catch(() => {});
    const result = await place.evaluate(async (inFrame) => {
      const given = inFrame ? document : { include: [['#deskgate-container']] };
      const { violations: all } = await window.axe.run(given, { iframes: false, runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] });
      return all.map((one) => `${one.id}: ${one.nodes.map((node) => `${node.target.join(' ')} (${node.failureSummary?.split('\n')[1]?.trim()})`).join(', ')}`);
    }, place === frame);
    found.push(...result);
  }
  return found;
};

const walk = async (suite, name, options, settings = {}) => {
  const type = await everything(suite, `Form ${name}`);
  const context = await suite.profile({ bypassCSP: true, ...options });
  const visit = await suite.visit({ settings }, { context });
  const check = async (where) => assert.deepEqual(await violations(visit), [], `${name}, ${where}`);
  await check('closed');
  await visit.begin(`Walk ${name}`);
  const conversation = await suite.agent.find(`Walk ${name}`);
  await suite.agent.reply(conversation.id, `<p>An answer with a <a href="https://example.com">link</a> and <code>code</code>.</p>`);
  await visit.saw('An answer');
  await check('thread');
  await visit.shot(`${name}-thread`);
  await suite.agent.call('POST', `/conversations/${conversation.id}/forms`, { ticket_type_id: type.id });
  await visit.frame.locator('.form-card').waitFor();
  await visit.frame.locator('.form-card button[type=submit]').click();
  await visit.frame.locator('.wrong-summary').waitFor();
  await check('form with faults');
  await visit.shot(`${name}-form`);
  await visit.frame.getByLabel('Order').fill('1');
  await visit.frame.getByLabel('Pieces').fill('1');
  await visit.frame.locator('.form-card button[type=submit]').click();
  await visit.frame.locator('.form-card .done').waitFor();
  await visit.frame.locator('.ticket-bar .pill').waitFor();
  await check('ticket in its thread');
  await visit.shot(`${name}-ticket-thread`);
  await visit.frame.locator('.form-card .secondary').click();
  await visit.frame.locator('.ticket-head').waitFor();
  await check('ticket');
  await visit.shot(`${name}-ticket`);
  for (const space of ['home', 'messages', 'tickets']) {
    await visit.script('showSpace', space);
    await visit.frame.locator(`.spaces [data-space=${space}][aria-current]`).waitFor();
    await check(space);
    await visit.shot(`${name}-${space}`);
  }
};

export const msg_3_no_violation_in_the_light = (suite) => walk(suite, 'light', { colorScheme: 'light' });
export const msg_3_no_violation_in_the_dark = (suite) => walk(suite, 'dark', { colorScheme: 'dark' }, { action_color: '#7a1fa2' });
export const msg_3_no_violation_on_a_phone = (suite) => walk(suite, 'phone', { viewport: { width: 390, height: 740 }, hasTouch: true, isMobile: true }, { action_color: '#ffd400', background_color: '#ffd400' });
export const msg_3_no_violation_in_arabic = (suite) => walk(suite, 'arabic', { colorScheme: 'light' }, { language_override: 'ar' });
export const msg_3_no_violation_in_arabic_in_the_dark = (suite) => walk(suite, 'arabic-dark', { colorScheme: 'dark' }, { language_override: 'ar', alignment: 'left' });

export async function msg_3_everything_goes_by_keyboard(suite) {
  const visit = await suite.visit();
  await visit.ready();
  await visit.page.locator('#help').focus();
  await visit.page.keyboard.press('Tab');
  await until('the launcher has the focus', () => visit.page.evaluate(() => document.querySelector('#deskgate-container').shadowRoot.activeElement?.className === 'launcher'));
  await visit.page.keyboard.press('Enter');
  const focused = () => visit.page.frames().find((frame) => frame.url().includes('/widget/frame')).evaluate(() => `${document.activeElement.className} ${document.activeElement.textContent}`);
  await until('the start button has the focus', async () => (await focused()).startsWith('start'));
  await visit.page.keyboard.press('Enter');
  await visit.page.keyboard.type('By keyboard alone');
  await visit.page.keyboard.press('Enter');
  await visit.sent('By keyboard alone');
  await visit.page.keyboard.press('Escape');
  await until('it is closed and the launcher has the focus', () => visit.page.evaluate(() => document.querySelector('#deskgate-container').shadowRoot.activeElement?.className === 'launcher' && !document.querySelector('#deskgate-container').shadowRoot.querySelector('.frame.open')));
}

export async function msg_3_on_a_phone_it_fills_the_screen(suite) {
  const visit = await suite.visit({}, { profile: { viewport: { width: 390, height: 740 } } });
  await visit.open();
  await until('it fills the screen', async () => {
    const box = await visit.page.locator('.frame').boundingBox();
    return box.x === 0 && box.y === 0 && box.width === 390 && box.height === 740;
  });
  assert.equal(await visit.page.locator('.launcher').isVisible(), false);
  await visit.frame.getByRole('button', { name: 'Close messenger' }).click();
  await visit.page.locator('.launcher').waitFor();
}
