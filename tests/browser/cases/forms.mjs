// Forms: as cards in a conversation, and opened by the contact; every data type, what is wrong at its field.

import { assert, until } from '../harness.mjs';
import { everything } from '../types.mjs';

const fill = async (frame) => {
  await frame.getByLabel('Order').fill('A-17');
  await frame.getByLabel('Story').fill('It came\nbroken.');
  await frame.getByLabel('Pieces').fill('3');
  await frame.getByLabel('Weight').fill('1,5');
  await frame.getByLabel('Opened').selectOption('true');
  await frame.getByLabel('Arrived').fill('2026-03-04T10:30');
  await frame.getByLabel('Colour').selectOption({ label: 'Green' });
  await frame.getByLabel('Photos').setInputFiles([{ name: 'one.txt', mimeType: 'text/plain', buffer: Buffer.from('1') }, { name: 'two.txt', mimeType: 'text/plain', buffer: Buffer.from('2') }]);
};

export async function frm_1_a_ticket_without_a_conversation(suite) {
  await everything(suite, 'Broken parcel');
  const visit = await suite.visit();
  await visit.open();
  const { frame } = visit;
  await frame.locator('.row', { hasText: 'Broken parcel' }).click();
  assert.equal(await frame.getByLabel('Inner').count(), 0, 'hidden from contacts');
  await frame.getByRole('button', { name: 'Send' }).click();
  await frame.locator('.wrong-summary', { hasText: '2 fields' }).waitFor();
  assert.equal(await frame.locator('.field.wrong').count(), 2);
  await visit.shot('form-wrong');
  assert.equal(await frame.getByLabel('Order').getAttribute('aria-invalid'), 'true');
  await fill(frame);
  await frame.getByLabel('Pieces').fill('many');
  await frame.getByRole('button', { name: 'Send' }).click();
  await frame.locator('.field.wrong .why', { hasText: 'whole number' }).waitFor();
  await frame.getByLabel('Pieces').fill('3');
  await visit.shot('form-filled');
  await frame.getByRole('button', { name: 'Send' }).click();
  await frame.locator('.thanks').waitFor();
  await visit.shot('form-thanks');
  await frame.getByRole('button', { name: 'Show the ticket' }).click();
  await frame.locator('.ticket .facts', { hasText: 'A-17' }).waitFor();
  const facts = await frame.locator('.facts').innerText();
  for (const told of ['broken.', '3', '1.5', 'Yes', 'Green', 'one.txt, two.txt']) assert.ok(facts.includes(told), `${told} in ${facts}`);
  await visit.shot('ticket');
}

export async function frm_5_6_a_card_is_filled_once_and_shows_what_the_server_refuses(suite) {
  const type = await everything(suite, 'Return');
  const visit = await suite.visit();
  await visit.begin('I want to send it back');
  const conversation = await suite.agent.find('I want to send it back');
  await suite.agent.call('POST', `/conversations/${conversation.id}/forms`, { ticket_type_id: type.id });
  const { frame } = visit;
  await frame.locator('.form-card', { hasText: 'Return' }).waitFor();
  await visit.shot('form-card');
  await fill(frame);
  await frame.getByLabel('Weight').fill('1.2345678901234567890');
  await frame.locator('.form-card button[type=submit]').click();
  await frame.locator('.form-card .field.wrong .why').waitFor();
  await frame.getByLabel('Weight').fill('2');
  // What is typed survives whatever comes meanwhile (FRM-5).
  await suite.agent.reply(conversation.id, 'Take your time');
  await visit.saw('Take your time');
  assert.equal(await frame.getByLabel('Order').inputValue(), 'A-17');
  await frame.locator('.form-card button[type=submit]').click();
  await frame.locator('.form-card .done', { hasText: 'ticket #' }).waitFor();
  await frame.locator('.ticket-bar .pill').waitFor();
  await visit.shot('form-done');
  const made = await until('a ticket', async () => {
    const found = await suite.agent.call('GET', `/tickets/${conversation.id}`);
    return found.ticket_attributes?.Order === 'A-17' && found;
  });
  assert.equal(String(made.ticket_attributes.Pieces), '3');
}
