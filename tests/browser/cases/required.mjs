// A messenger that asks for an address before the first message (MSG-16). Run with a configuration of its own.

import { assert, until, userHash } from '../harness.mjs';

export async function msg_16_the_first_message_waits_for_an_address(suite) {
  const visit = await suite.visit();
  await visit.open();
  await visit.frame.locator('.start').click();
  await visit.write('Sent when you know who I am');
  await visit.frame.locator('.email-ask .why', { hasText: 'leave your email address first' }).waitFor();
  assert.equal(await visit.frame.locator('.part').count(), 0, 'nothing goes before it');
  await visit.shot('email-required');
  const { conversations } = await suite.agent.call('GET', '/conversations');
  assert.deepEqual(conversations, []);
  const field = visit.frame.getByLabel('Get answers by email');
  await field.fill('no address');
  await field.press('Enter');
  await visit.frame.locator('.email-ask .why', { hasText: 'no email address' }).waitFor();
  await field.fill('required@example.com');
  await field.press('Enter');
  await visit.frame.locator('.email-ask', { hasText: 'required@example.com (not confirmed)' }).waitFor();
  const input = visit.frame.getByRole('textbox', { name: 'Write' });
  assert.equal(await input.inputValue(), 'Sent when you know who I am', 'what was written stays');
  await input.press('Enter');
  await visit.sent('Sent when you know who I am');
  const conversation = await suite.agent.find('Sent when you know');
  assert.equal(conversation.source.author.email, 'required@example.com');
}

export async function msg_16_who_has_an_address_is_not_asked(suite) {
  const visit = await suite.visit({ settings: { user_id: 'u-16', user_hash: userHash('u-16'), email: 'u-16@example.com' } });
  await visit.begin('You know me');
  await until('nobody is asked', () => visit.frame.locator('.email-ask').isHidden());
}
