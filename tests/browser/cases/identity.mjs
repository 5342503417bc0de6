// Who is there: users by proof, visitors by their device, signing out, what an unproved page sees.

import { assert, token, until, userHash } from '../harness.mjs';

export async function msg_10_a_proved_user_comes_back_on_another_device(suite) {
  const settings = { user_id: 'u-widget-1', name: 'Ana Example', email: 'ana.user@example.com', user_hash: userHash('u-widget-1'), plan: 'gold', company: { company_id: 'c-widget', name: 'Widget buyers' } };
  const one = await suite.visit({ settings });
  await one.open();
  await one.frame.locator('.hello', { hasText: 'Hello Ana!' }).waitFor();
  await one.frame.locator('.start').click();
  await one.write('From my laptop');
  await one.sent('From my laptop');
  const two = await suite.visit({ settings });
  await two.open();
  await two.frame.locator('.row', { hasText: 'From my laptop' }).waitFor();
  const found = await suite.agent.call('GET', '/contacts/find_by_external_id/u-widget-1');
  assert.equal(found.custom_attributes.plan, 'gold');
  assert.deepEqual((await suite.agent.call('GET', `/contacts/${found.id}/companies`)).data.map((company) => company.name), ['Widget buyers']);
  assert.equal(await two.frame.locator('.email-ask').count(), 0, 'a user with an address is not asked');
}

export async function msg_12_a_wrong_proof_gives_no_session_and_one_error(suite) {
  const visit = await suite.visit({ settings: { user_id: 'u-widget-2', user_hash: 'ff' } }, { expect: ['no session'] });
  const said = [];
  visit.page.on('console', (message) => message.type() === 'error' && said.push(message.text()));
  await visit.page.locator('.launcher').click();
  await visit.frame.locator('.notice', { hasText: 'ended' }).waitFor();
  assert.equal(await visit.frame.locator('.row').count(), 0);
  assert.ok(said.length <= 1, said.join());
}

export async function tst_102_booting_as_somebody_else_ends_the_session_before(suite) {
  const context = await suite.profile();
  const settings = (id) => ({ user_id: id, user_hash: userHash(id), name: `User ${id}` });
  const visit = await suite.visit({ settings: settings('u-first') }, { context });
  const tab = await suite.visit({ settings: settings('u-first') }, { context, expect: ['signed out'] });
  await visit.begin('Only for the first');
  await tab.open();
  await tab.frame.locator('.row', { hasText: 'Only for the first' }).waitFor();
  const first = await visit.script('getVisitorId');
  await visit.script('boot', settings('u-second'));
  await until('the second is there', async () => {
    const id = await visit.script('getVisitorId');
    return id && id !== first;
  });
  await visit.page.locator('.launcher').last().click();
  const frame = visit.page.frameLocator('iframe').last();
  await frame.locator('.hello').waitFor();
  assert.equal(await frame.getByText('Only for the first').count(), 0);
  await tab.frame.locator('.notice', { hasText: 'ended' }).waitFor();
}

export async function msg_15_another_users_token_ends_the_session_before(suite) {
  const context = await suite.profile();
  const settings = (id) => ({ deskgate_user_jwt: token({ user_id: id, name: `User ${id}` }) });
  const visit = await suite.visit({ settings: settings('u-token-1') }, { context });
  const tab = await suite.visit({ settings: settings('u-token-1') }, { context, expect: ['signed out'] });
  await visit.begin('By the first token');
  await tab.open();
  await tab.frame.locator('.row', { hasText: 'By the first token' }).waitFor();
  const first = await visit.script('getVisitorId');
  await visit.script('boot', settings('u-token-2'));
  await until('the second is there', async () => ![undefined, first].includes(await visit.script('getVisitorId')));
  await tab.frame.locator('.notice', { hasText: 'ended' }).waitFor();
}

export async function msg_11_a_token_that_ran_out_is_renewed_by_update(suite) {
  const claims = { user_id: 'u-renewed', name: 'Ana Renewed' };
  const now = () => Math.floor(Date.now() / 1_000);
  // With the minute that clocks may differ by, it lasts eight seconds more.
  const exp = now() - 52;
  const visit = await suite.visit({ settings: { deskgate_user_jwt: token({ ...claims, exp }) } }, { expect: ['no session'] });
  await visit.begin('While it lasts');
  await visit.frame.locator('.notice', { hasText: 'ended' }).waitFor();
  assert.equal(await visit.frame.getByText('While it lasts').count(), 0, 'nothing of the contact is shown without a proof');
  await visit.script('update', { deskgate_user_jwt: token({ ...claims, exp: now() + 60 }) });
  await visit.script('showMessages');
  await visit.frame.locator('.row', { hasText: 'While it lasts' }).click();
  await visit.write('And after');
  await visit.sent('And after');
}

export async function msg_15_shutdown_forgets_the_visitor(suite) {
  const visit = await suite.visit();
  await visit.begin('Nobody shall see this later');
  const before = await visit.script('getVisitorId');
  const kept = () => visit.page.evaluate(() => Object.keys(localStorage).filter((key) => key.startsWith('deskgate-')).length);
  assert.equal(await kept(), 1, 'this browser gives frames of other sites no storage, so the page keeps the token');
  await visit.script('shutdown');
  await until('the messenger is gone', () => visit.page.evaluate(() => !document.querySelector('#deskgate-container')));
  assert.equal(await kept(), 0);
  await visit.script('boot', {});
  await visit.open();
  assert.notEqual(await visit.script('getVisitorId'), before);
  assert.equal(await visit.frame.getByText('Nobody shall see this').count(), 0);
}

export async function msg_12_a_visitor_comes_back_to_what_they_wrote(suite) {
  const visit = await suite.visit();
  await visit.begin('I will be back');
  const id = await visit.script('getVisitorId');
  await visit.page.reload();
  await visit.open();
  assert.equal(await visit.script('getVisitorId'), id);
  await visit.frame.locator('.row', { hasText: 'I will be back' }).waitFor();
}
