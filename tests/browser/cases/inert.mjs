// Whatever anybody writes stays text: no script runs, no picture is fetched from elsewhere, no address leads into a script.

import { assert } from '../harness.mjs';

const EVIL = [
  '<script>window.top.evil=1;alert(1)</script>',
  '<img src=x onerror="alert(1)">',
  '<svg/onload=alert(1)>',
  '"><iframe srcdoc="<script>parent.alert(1)</script>">',
  '[click](javascript:alert(1)) <javascript:alert(1)>',
  '<a href="javascript:alert(1)">x</a>',
  '${alert(1)} {{constructor.constructor("alert(1)")()}}',
  '`</code><script>alert(1)</script>`',
];

export async function ops_9_scripts_in_any_text_are_inert(suite) {
  const visit = await suite.visit({ settings: { name: EVIL[1], email: 'evil@example.com', user_id: undefined } });
  await visit.begin('Evil begins');
  const conversation = await suite.agent.find('Evil begins');
  for (const text of EVIL) {
    await visit.write(text);
    await suite.agent.reply(conversation.id, `<p>${text}</p><img src="https://tracker.invalid/x.png" alt="a picture">`);
  }
  await visit.frame.locator('.composer input[type=file]').setInputFiles([
    { name: '<img src=x onerror=alert(1)>.txt', mimeType: 'text/plain', buffer: Buffer.from(EVIL[0]) },
    { name: 'page.html', mimeType: 'text/html', buffer: Buffer.from(EVIL[0]) },
    { name: 'picture.svg', mimeType: 'image/svg+xml', buffer: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>') },
  ]);
  await visit.write('Evil ends');
  await visit.sent('Evil ends');
  await suite.agent.call('PUT', `/conversations/${conversation.id}`, { title: EVIL[1] });
  const type = await suite.agent.call('POST', '/ticket_types', { name: EVIL[1], icon: '📦', category: 'Customer' });
  await suite.agent.call('POST', `/ticket_types/${type.id}/attributes`, { name: EVIL[2], description: EVIL[3], data_type: 'list', list_items: `${EVIL[4]},b`, visible_to_contacts: true });
  await suite.agent.call('POST', `/conversations/${conversation.id}/forms`, { ticket_type_id: type.id });
  await visit.frame.locator('.form-card').waitFor();
  await visit.script('showSpace', 'home');
  await visit.script('showSpace', 'messages');
  await visit.frame.locator('.row').waitFor();
  await visit.frame.locator('.row').click();
  const { frame } = visit;
  assert.equal(await frame.locator('.part script, .part iframe, .part svg:not(.icon), .part [onerror], .part [onload]').count(), 0);
  const images = await frame.locator('.part img').evaluateAll((all) => all.map((image) => image.getAttribute('src')));
  assert.ok(images.every((src) => src.startsWith(process.env.BASE)), images.join());
  const links = await frame.locator('.part a').evaluateAll((all) => all.map((link) => link.protocol));
  assert.ok(links.every((protocol) => ['http:', 'https:'].includes(protocol)), links.join());
  assert.equal(await visit.page.evaluate(() => window.evil), undefined);
  await visit.shot('inert');
}
