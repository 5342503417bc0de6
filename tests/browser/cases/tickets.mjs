// Tickets as the contact sees them: pill, four steps, attributes, history; a shared Back-office ticket's card.

import { assert } from '../harness.mjs';

const stateOf = async (suite, category) => {
  const states = await suite.agent.call('GET', '/ticket_states');
  return states.data.find((state) => state.category === category);
};

export async function msg_21_a_ticket_moves_through_its_steps(suite) {
  const type = await suite.agent.call('POST', '/ticket_types', { name: 'Refund', icon: '💶', category: 'Customer' });
  const visit = await suite.visit();
  await visit.begin('I want my money back');
  const conversation = await suite.agent.find('I want my money back');
  await suite.agent.call('POST', `/conversations/${conversation.id}/convert`, { ticket_type_id: type.id });
  const { frame } = visit;
  await frame.locator('.ticket-bar .pill', { hasText: 'Submitted' }).waitFor();
  for (const [category, step] of [['in_progress', 2], ['waiting_on_customer', 3], ['resolved', 4]]) {
    const state = await stateOf(suite, category);
    await suite.agent.call('PUT', `/tickets/${conversation.id}`, { ticket_state_id: state.id });
    await frame.locator(`.ticket-bar .steps[aria-label^="Step ${step} of 4"]`).waitFor();
    await frame.locator('.event', { hasText: state.external_label }).first().waitFor();
    assert.equal(await frame.locator('.ticket-bar .steps .done').count(), step);
    if (step === 2) await visit.shot('ticket-thread');
  }
  await frame.locator('.ticket-bar summary').click();
  await frame.getByRole('button', { name: 'Show the ticket' }).click();
  const labels = await frame.locator('.history strong').allTextContents();
  assert.equal(labels.length, 4, labels.join());
  await visit.shot('ticket-page');
  await frame.getByRole('button', { name: 'Go to the conversation' }).click();
  await frame.locator('.part', { hasText: 'I want my money back' }).waitFor();
  await frame.getByRole('button', { name: 'Back' }).click();
  await visit.script('showSpace', 'home');
  await frame.locator('section', { hasText: 'Recent tickets' }).locator('.row', { hasText: 'Refund' }).waitFor();
  await visit.shot('home-with-ticket');
  await visit.script('showSpace', 'tickets');
  await frame.locator('.row', { hasText: 'Refund' }).waitFor();
  await visit.shot('tickets');
  await frame.getByRole('button', { name: 'Open', exact: true }).click();
  await frame.locator('.empty').waitFor();
  await frame.getByRole('button', { name: 'Resolved', exact: true }).click();
  await frame.locator('.row .pill.is-resolved').waitFor();
}

export async function shr_4_a_shared_ticket_is_a_card_and_its_notes_are_nobodys(suite) {
  const type = await suite.agent.call('POST', '/ticket_types', { name: 'Look for parcel', category: 'Back-office', is_internal: false });
  const visit = await suite.visit();
  await visit.begin('Please look for it');
  const conversation = await suite.agent.find('Please look for it');
  const ticket = await suite.agent.call('POST', '/tickets', { ticket_type_id: type.id, contacts: [], conversation_to_link_id: conversation.id, ticket_attributes: { _default_title_: 'Trace' } });
  await suite.agent.call('POST', `/tickets/${ticket.id}/reply`, { message_type: 'note', type: 'admin', admin_id: suite.agent.me.id, body: 'hidden words' });
  const { frame } = visit;
  assert.equal(await frame.locator('.shared').count(), 0, 'not shared yet (SHR-5)');
  await suite.agent.call('PUT', `/tickets/${ticket.id}`, { is_shared: true });
  await frame.locator('.shared', { hasText: 'Look for parcel' }).waitFor();
  await visit.shot('shared');
  await frame.locator('.shared').click();
  await frame.locator('.ticket-head .pill').waitFor();
  assert.equal(await frame.getByText('hidden words').count(), 0);
}
