// A messenger whose home is switched off for visitors and whose portal is elsewhere (MSG-20). Run with a configuration of its own.

import { assert, userHash } from '../harness.mjs';

export async function msg_20_a_space_that_is_off_is_nowhere_and_its_way_leads_to_one_that_is_on(suite) {
  const visit = await suite.visit();
  await visit.open();
  await visit.frame.locator('h1', { hasText: 'Messages' }).waitFor();
  assert.deepEqual(await visit.frame.locator('nav button:visible').allInnerTexts(), ['Messages', 'Tickets']);
  await visit.script('showSpace', 'tickets');
  const link = visit.frame.getByRole('link', { name: 'All your tickets in the portal' });
  await link.waitFor();
  assert.deepEqual([await link.getAttribute('href'), await link.getAttribute('rel')], ['https://example.com/portal', 'noopener']);
  if (process.env.PICTURES) await visit.page.screenshot({ path: `${process.env.PICTURES}/spaces.png` });
  await visit.script('showSpace', 'home');
  await visit.frame.locator('h1', { hasText: 'Messages' }).waitFor();
  await visit.script('startConversation', 'Without a home');
  await visit.sent('Without a home');
  await visit.frame.getByRole('button', { name: 'Back' }).click();
  await visit.frame.locator('.row', { hasText: 'Without a home' }).waitFor();
  assert.equal(await visit.frame.locator('nav').isVisible(), true);
}

export async function msg_20_users_have_their_own_spaces(suite) {
  const visit = await suite.visit({ settings: { user_id: 'u-20', user_hash: userHash('u-20') } });
  await visit.open();
  await visit.frame.locator('.start').waitFor();
  assert.equal(await visit.frame.locator('nav').isVisible(), false, 'one space needs no choice');
}
