// A daemon that stops and comes back while people write: nothing is lost, nothing is there twice (MSG-40, MSG-42, MSG-46).

import { assert, until } from '../harness.mjs';
import { createInterface } from 'node:readline';

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
/** Whoever runs this stops and starts the daemon at our word. */
const order = async (word) => {
  console.log(`order ${word}`);
  const { value } = await answers.next();
  assert.equal(value, `done ${word}`);
};

const shownIn = async (visit) => (await visit.frame.locator('.part .text').allTextContents()).map((text) => text.trim());

export async function msg_46_a_daemon_that_drains_and_comes_back_loses_and_doubles_nothing(suite) {
  const expect = ['WebSocket', 'ERR_CONNECTION_REFUSED', '503'];
  const context = await suite.profile();
  const visit = await suite.visit({}, { context, expect });
  await visit.begin('Before the restart');
  const conversation = await suite.agent.find('Before the restart');
  const other = await suite.visit({}, { context, expect });
  await other.open();
  await other.frame.locator('.rows .row').first().click();
  await other.sent('Before the restart');
  await visit.page.bringToFront();
  const visitor = await visit.page.evaluate(() => window.Deskgate('getVisitorId'));
  // One message is on its way while the daemon is told to stop, one stands in the composer.
  await visit.write('Written as it stops');
  const composer = visit.frame.getByRole('textbox', { name: /Write/ });
  await composer.fill('Not sent yet');
  await order('stop');
  await visit.frame.locator('.notice', { hasText: 'Connecting' }).waitFor({ timeout: 15_000 });
  await visit.shot('drain-connecting');
  await composer.fill('Written while it was away');
  await composer.press('Enter');
  await visit.frame.locator('.pending', { hasText: 'Written while it was away' }).waitFor();
  await composer.fill('Not sent yet');
  await visit.page.setViewportSize({ width: 360, height: 740 });
  await visit.shot('drain-connecting-phone');
  await visit.page.setViewportSize({ width: 1000, height: 800 });
  await order('start');
  await until('the connection is back', () => visit.frame.locator('.notice').isHidden(), 30_000);
  await visit.frame.locator('.part.own:not(.pending)', { hasText: 'Written while it was away' }).waitFor({ timeout: 30_000 });
  assert.equal(await composer.inputValue(), 'Not sent yet', 'the draft is where it was');
  assert.equal(await visit.page.evaluate(() => window.Deskgate('getVisitorId')), visitor, 'the same visitor');
  await suite.agent.reply(conversation.id, 'Answered after it');
  await visit.saw('Answered after it');
  await composer.press('Enter');
  await visit.sent('Not sent yet');
  const expected = ['Before the restart', 'Written as it stops', 'Written while it was away', 'Answered after it', 'Not sent yet'];
  assert.deepEqual(await shownIn(visit), expected);
  await until('the other tab has the same', async () => JSON.stringify(await shownIn(other)) === JSON.stringify(expected), 30_000);
  const stored = (await suite.agent.parts(conversation.id)).map((part) => part.body.trim());
  assert.deepEqual(stored, expected);
  await visit.shot('drain-back');
}

export async function msg_46_a_daemon_that_is_killed_loses_and_doubles_nothing(suite) {
  const visit = await suite.visit({}, { expect: ['WebSocket', 'ERR_CONNECTION_REFUSED', '503'] });
  await visit.begin('Before the cut');
  const conversation = await suite.agent.find('Before the cut');
  for (let number = 0; number < 5; number += 1) await visit.write(`At the cut ${number}`);
  await order('kill');
  await visit.frame.locator('.notice', { hasText: 'Connecting' }).waitFor({ timeout: 15_000 });
  await order('start');
  await visit.frame.locator('.part.own:not(.pending)', { hasText: 'At the cut 4' }).waitFor({ timeout: 30_000 });
  await until('the connection is back', () => visit.frame.locator('.notice').isHidden(), 30_000);
  const expected = ['Before the cut', ...[0, 1, 2, 3, 4].map((number) => `At the cut ${number}`)];
  assert.deepEqual(await shownIn(visit), expected);
  const stored = (await suite.agent.parts(conversation.id)).map((part) => part.body.trim());
  assert.deepEqual(stored, expected);
}
