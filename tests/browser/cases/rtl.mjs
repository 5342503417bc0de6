// Everything the other way round: Arabic, on a page that reads from right to left and on one that does not (MSG-3).

import { assert, until } from '../harness.mjs';
import { everything } from '../types.mjs';

const middle = async (locator) => {
  const box = await locator.boundingBox();
  return box.x + box.width / 2;
};

export async function msg_3_right_to_left_turns_what_reads_and_leaves_what_stands(suite) {
  const type = await everything(suite, 'Form right to left');
  const visit = await suite.visit({ settings: { language_override: 'ar' } });
  // The page's own direction is not what says where the launcher stands.
  await visit.page.evaluate(() => (document.documentElement.dir = 'rtl'));
  const launcher = await visit.page.locator('.launcher').boundingBox();
  assert.ok(launcher.x > 500, 'alignment is a side of the screen');
  await visit.open();
  await visit.frame.locator('.how', { hasText: 'كيف' }).waitFor();
  assert.equal(await visit.frame.locator('html').getAttribute('dir'), 'rtl');
  assert.equal(await visit.frame.locator('html').getAttribute('lang'), 'ar');
  const start = visit.frame.locator('.start');
  assert.ok((await middle(start.locator('strong'))) > (await middle(start.locator('.icon'))), 'words begin at the right');
  await visit.shot('rtl-home');
  await start.click();
  const empty = visit.frame.locator('.write textarea');
  await empty.waitFor();
  assert.equal(await empty.getAttribute('placeholder'), 'اكتب رسالة …');
  await visit.shot('rtl-composer');
  await visit.write('أين طلبي؟');
  await visit.sent('أين طلبي؟');
  const conversation = await suite.agent.find('أين طلبي؟');
  await suite.agent.reply(conversation.id, '<p>It is on its way!</p>');
  await visit.saw('on its way!');
  const frame = await middle(visit.frame.locator('main'));
  assert.ok((await middle(visit.frame.locator('.own .bubble').last())) < frame, 'own words at the left');
  assert.ok((await middle(visit.frame.locator('.part:not(.own) .bubble').last())) > frame, 'answers at the right');
  const back = visit.frame.getByRole('button', { name: 'رجوع' });
  assert.ok((await middle(back)) > frame, 'the way back begins at the right');
  const turned = await back.locator('.icon').evaluate((icon) => getComputedStyle(icon).transform);
  assert.equal(turned, 'matrix(-1, 0, 0, 1, 0, 0)', 'and points there');
  await visit.shot('rtl-thread');
  await suite.agent.call('POST', `/conversations/${conversation.id}/forms`, { ticket_type_id: type.id });
  await visit.frame.locator('.form-card button[type=submit]').click();
  await visit.frame.locator('.wrong-summary', { hasText: 'يُرجى مراجعة' }).waitFor();
  await visit.shot('rtl-form');
  await visit.frame.getByLabel('Order').fill('1');
  await visit.frame.getByLabel('Pieces').fill('1');
  await visit.frame.locator('.form-card button[type=submit]').click();
  await visit.frame.locator('.form-card .done').waitFor();
  await visit.frame.locator('.ticket-bar .steps').waitFor();
  const steps = visit.frame.locator('.ticket-bar .steps span');
  assert.ok((await middle(steps.first())) > (await middle(steps.last())), 'progress begins at the right');
  await visit.shot('rtl-ticket-thread');
  await visit.frame.locator('.form-card .secondary').click();
  await visit.frame.locator('.ticket-head').waitFor();
  await visit.shot('rtl-ticket');
  await visit.script('showSpace', 'messages');
  const row = visit.frame.locator('.row .line').first();
  await row.waitFor();
  await until('rows begin at the right', () => row.evaluate((line) => getComputedStyle(line).textAlign === 'right'));
  await visit.shot('rtl-messages');
}

export async function msg_3_an_arabic_widget_on_a_page_that_reads_from_left_to_right(suite) {
  const visit = await suite.visit({ settings: { language_override: 'ar', alignment: 'left', theme: 'dark' } });
  const launcher = await visit.page.locator('.launcher').boundingBox();
  assert.ok(launcher.x < 500);
  await visit.open();
  await visit.frame.locator('.how', { hasText: 'كيف' }).waitFor();
  await visit.shot('rtl-dark-left');
}
