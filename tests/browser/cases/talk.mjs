// Talking: messages both ways, what is unread, typing, files, several tabs.

import { assert, until } from '../harness.mjs';

const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');

export async function msg_42_a_message_goes_and_an_answer_comes(suite) {
  const visit = await suite.visit();
  await visit.open();
  await visit.shot('home');
  await visit.frame.locator('.start').click();
  await visit.shot('new');
  await visit.write('Where is **my** parcel? See https://example.com/track');
  await visit.sent('Where is my parcel');
  assert.equal(await visit.frame.locator('.own strong').textContent(), 'my');
  assert.equal(await visit.frame.locator('.own a').getAttribute('href'), 'https://example.com/track');
  const conversation = await suite.agent.find('Where is');
  await suite.agent.note(conversation.id, 'a note nobody outside sees');
  await suite.agent.reply(conversation.id, '<p>It is <b>on its way</b>, see <a href="https://example.com/p">here</a>.</p>');
  await visit.saw('on its way');
  assert.equal(await visit.frame.getByText('a note nobody').count(), 0);
  assert.match(await visit.frame.locator('.by').last().textContent(), /Agent|Ivo|Deskgate|\w/);
  await visit.shot('thread');
}

export async function msg_22_an_offered_answer_is_chosen_by_a_click(suite) {
  const visit = await suite.visit();
  await visit.begin('Which size do I need?');
  const conversation = await suite.agent.find('Which size');
  const options = [{ text: 'Small', uuid: 'size-s' }, { text: 'Large & wide', uuid: 'size-l' }];
  await suite.agent.call('POST', `/conversations/${conversation.id}/reply`, { message_type: 'quick_reply', type: 'admin', admin_id: suite.agent.me.id, reply_options: options });
  const offered = visit.frame.locator('.answers button');
  await offered.first().waitFor();
  assert.deepEqual(await offered.allTextContents(), ['Small', 'Large & wide']);
  await visit.shot('quick-reply');
  await offered.last().click();
  await visit.sent('Large & wide');
  assert.equal(await offered.count(), 0, 'what was answered is not asked again');
  const { conversation_parts: { conversation_parts: parts } } = await suite.agent.call('GET', `/conversations/${conversation.id}`);
  assert.equal(parts.at(-1).metadata.quick_reply_uuid, 'size-l');
  await visit.page.reload();
  await visit.open();
  await visit.frame.getByRole('button', { name: 'Messages' }).click();
  await visit.frame.locator('.row', { hasText: 'Large & wide' }).click();
  await visit.sent('Large & wide');
  assert.equal(await offered.count(), 0);
}

export async function msg_23_what_is_unread_shows_on_the_launcher_and_in_the_title(suite) {
  const visit = await suite.visit();
  await visit.begin('A question about badges');
  const conversation = await suite.agent.find('A question about badges');
  await visit.frame.getByRole('button', { name: 'Close messenger' }).click();
  await until('the launcher has the focus', () => visit.page.evaluate(() => document.querySelector('#deskgate-container').shadowRoot.activeElement?.className === 'launcher'));
  await visit.page.evaluate(() => {
    window.counts = [];
    window.Deskgate('onUnreadCountChange', (count) => window.counts.push(count));
  });
  await suite.agent.reply(conversation.id, 'An answer while it is closed');
  await visit.page.locator('.badge', { hasText: '1' }).waitFor();
  await visit.page.locator('.toast', { hasText: 'An answer while' }).waitFor();
  await visit.shot('toast');
  assert.equal(await visit.page.title(), '(1) A shop');
  assert.match(await visit.page.locator('.launcher').getAttribute('aria-label'), /1 unread/);
  await visit.page.locator('.toast .say').click();
  await visit.saw('An answer while');
  await until('it is read', async () => (await visit.page.title()) === 'A shop');
  assert.deepEqual(await visit.page.evaluate(() => window.counts), [0, 1, 0]);
  await visit.script('hideNotifications', true);
  await visit.script('hide');
  await suite.agent.reply(conversation.id, 'A quiet one');
  await visit.page.locator('.badge', { hasText: '1' }).waitFor();
  assert.equal(await visit.page.locator('.toast').isVisible(), false);
}

export async function msg_23_a_new_message_is_heard_unless_it_is_read_or_hushed(suite) {
  const context = await suite.profile();
  await context.addInitScript(() => {
    const tone = { frequency: {}, connect: (next) => next, start: () => (window.tones = (window.tones ?? 0) + 1), stop: () => {} };
    const volume = { gain: { setValueAtTime: () => {}, exponentialRampToValueAtTime: () => {} }, connect: () => {} };
    window.AudioContext = class {
      currentTime = 0;
      state = 'running';
      createOscillator() { return tone; }
      createGain() { return volume; }
    };
  });
  const visit = await suite.visit({}, { context });
  const tones = () => visit.page.frames().find((frame) => frame.url().includes('/widget/frame')).evaluate(() => window.tones ?? 0);
  await visit.begin('Do you ring?');
  const conversation = await suite.agent.find('Do you ring?');
  await suite.agent.reply(conversation.id, 'Not while you look');
  await visit.saw('Not while you look');
  assert.equal(await tones(), 0);
  await visit.script('hide');
  await suite.agent.reply(conversation.id, 'Ring!');
  await visit.page.locator('.toast', { hasText: 'Ring!' }).waitFor();
  assert.equal(await tones(), 2, 'two tones');
  await visit.script('hideNotifications', true);
  await suite.agent.reply(conversation.id, 'Hush');
  await suite.agent.reply(conversation.id, 'Hush again');
  await visit.script('show');
  await visit.saw('Hush again');
  await visit.script('hide');
  await visit.script('hideNotifications', false);
  await visit.script('update', { sound: false });
  await suite.agent.reply(conversation.id, 'Seen, not heard');
  await visit.page.locator('.toast', { hasText: 'Seen, not heard' }).waitFor();
  assert.equal(await tones(), 2);
}

export async function msg_43_tabs_and_devices_stay_in_step(suite) {
  const context = await suite.profile();
  const one = await suite.visit({}, { context });
  await one.begin('From the first tab');
  const two = await suite.visit({}, { context });
  await two.open();
  await two.frame.getByRole('button', { name: 'Messages' }).click();
  await two.frame.locator('.row', { hasText: 'From the first tab' }).click();
  await two.write('From the second tab');
  await one.sent('From the second tab');
  const conversation = await suite.agent.find('From the first tab');
  await two.page.locator('.launcher').waitFor();
  await two.script('hide');
  await one.script('hide');
  await suite.agent.reply(conversation.id, 'To both');
  await one.page.locator('.badge', { hasText: '1' }).waitFor();
  await two.page.locator('.badge', { hasText: '1' }).waitFor();
  await two.page.bringToFront();
  await two.script('show');
  await two.saw('To both');
  await until('read there, read here', () => one.page.locator('.badge').isHidden());
}

export async function msg_45_typing_shows_while_it_lasts(suite) {
  const visit = await suite.visit();
  await visit.begin('Is anybody there?');
  const conversation = await suite.agent.find('Is anybody there?');
  await suite.agent.call('POST', `/conversations/${conversation.id}/typing`);
  await visit.frame.locator('.typing .dots').waitFor();
  await visit.shot('typing');
  await visit.frame.locator('.typing .dots').waitFor({ state: 'detached', timeout: 7_000 });
  await suite.agent.call('POST', `/conversations/${conversation.id}/presence`, { state: 'active' });
  await visit.frame.locator('.titles p', { hasText: 'Here now' }).waitFor();
}

export async function msg_44_the_contact_sees_what_an_agent_has_read(suite) {
  const visit = await suite.visit();
  await visit.begin('Has anybody read this?');
  const conversation = await suite.agent.find('Has anybody read this?');
  const meta = (words) => visit.frame.locator('.part.own .meta').last().filter({ hasText: words }).waitFor();
  await meta('Sent');
  await suite.agent.call('POST', `/conversations/${conversation.id}/seen`);
  await meta('Seen');
  await visit.shot('seen');
  await visit.write('And this?');
  await visit.sent('And this?');
  await meta('Sent');
  assert.equal(await visit.frame.locator('.part.own .meta', { hasText: 'Seen' }).count(), 1);
  // The other way round: agents see that the answer was in view, part by part.
  await suite.agent.reply(conversation.id, '<p>Yes, I have.</p>');
  await visit.saw('Yes, I have.');
  const visitor = await visit.script('getVisitorId');
  await until('agents see that it was seen', async () => {
    const read = await suite.agent.call('GET', `/conversations/${conversation.id}?display_as=plaintext`);
    const answer = read.conversation_parts.conversation_parts.find((part) => part.body?.includes('Yes, I have.'));
    return answer.deskgate.seen_by.includes(visitor);
  });
}

export async function msg_60_files_go_by_picker_paste_and_drop(suite) {
  const visit = await suite.visit();
  await visit.begin('Look at these');
  const { frame } = visit;
  await frame.locator('.composer input[type=file]').setInputFiles([{ name: 'Plan <b>.png', mimeType: 'image/png', buffer: PNG }, { name: 'list.txt', mimeType: 'text/plain', buffer: Buffer.from('one\ntwo\n') }]);
  await frame.locator('.held li').nth(1).waitFor();
  await visit.shot('files-held');
  await visit.write('The plan');
  await visit.sent('The plan');
  const image = frame.locator('.image img').last();
  await image.waitFor();
  await until('the picture is shown', () => image.evaluate((shown) => shown.complete && shown.naturalWidth === 1));
  assert.equal(await frame.locator('.part .file', { hasText: 'list.txt' }).count(), 1);
  const give = (type) => frame.locator(type === 'drop' ? '.thread' : '.composer textarea').evaluate((target, kind) => {
    const data = new DataTransfer();
    data.items.add(new File(['hello'], `${kind}.txt`, { type: 'text/plain' }));
    const event = kind === 'drop' ? new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }) : new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true });
    target.dispatchEvent(event);
  }, type);
  await give('paste');
  await give('drop');
  await frame.locator('.held li', { hasText: 'paste.txt' }).waitFor();
  await frame.locator('.held li', { hasText: 'drop.txt' }).waitFor();
  await frame.getByRole('button', { name: 'Remove drop.txt' }).click();
  await frame.getByRole('button', { name: 'Send', exact: true }).click();
  await frame.locator('.part.own .file', { hasText: 'paste.txt' }).waitFor();
  const conversation = await suite.agent.find('Look at these');
  const read = await suite.agent.call('GET', `/conversations/${conversation.id}`);
  const names = read.conversation_parts.conversation_parts.flatMap((part) => part.attachments ?? []).map((file) => file.name);
  assert.deepEqual(names.filter((name) => name.endsWith('.txt')).sort(), ['list.txt', 'paste.txt']);
}

export async function msg_60_a_program_is_refused_and_said_so(suite) {
  const visit = await suite.visit({}, { expect: ['400', '422'] });
  await visit.begin('A bad file');
  await visit.frame.locator('.composer input[type=file]').setInputFiles([{ name: 'setup.exe', mimeType: 'application/octet-stream', buffer: Buffer.from('MZ\x90\x00programs') }]);
  await visit.frame.locator('.held .bad', { hasText: 'could not be sent' }).waitFor();
  assert.equal(await visit.frame.getByRole('button', { name: 'Send', exact: true }).isDisabled(), true);
}

export async function msg_22_emoji_are_picked_by_keyboard(suite) {
  const visit = await suite.visit();
  await visit.begin('A feeling');
  await visit.frame.getByRole('button', { name: 'Emoji' }).click();
  await visit.frame.locator('.faces').waitFor();
  await visit.shot('emoji');
  await visit.page.keyboard.press('ArrowRight');
  await visit.page.keyboard.press('ArrowDown');
  await visit.page.keyboard.press('Enter');
  const input = visit.frame.getByRole('textbox', { name: 'Write' });
  assert.equal(await input.inputValue(), '😍');
  await input.press('Enter');
  await visit.frame.locator('.bubble.big', { hasText: '😍' }).waitFor();
}

export async function msg_23_a_transcript_is_a_file_of_text_or_html(suite) {
  const visit = await suite.visit();
  await visit.begin('First <b>words</b>');
  const conversation = await suite.agent.find('First');
  await suite.agent.reply(conversation.id, '<p>Second <em>words</em>, <a href="https://example.com/x">linked</a></p>');
  await visit.saw('Second words');
  const { readFileSync } = await import('node:fs');
  const downloaded = async (name) => {
    const coming = visit.page.waitForEvent('download');
    await visit.frame.getByRole('button', { name }).click();
    const file = await coming;
    return [file.suggestedFilename(), readFileSync(await file.path(), 'utf8')];
  };
  const [plain, text] = await downloaded('Download as text');
  assert.match(plain, /\.txt$/);
  assert.ok(text.includes('First <b>words</b>') && text.indexOf('First') < text.indexOf('Second words'), text);
  const [rich, html] = await downloaded('Download as HTML');
  assert.match(rich, /\.html$/);
  const page = await (await suite.profile()).newPage();
  await page.setContent(html);
  assert.deepEqual(await page.locator('article').evaluateAll((all) => all.map((one) => one.lastElementChild.textContent)), ['First <b>words</b>', 'Second words, linked']);
  assert.equal(await page.locator('article em').textContent(), 'words');
  assert.equal(await page.locator('article a').getAttribute('href'), 'https://example.com/x');
  assert.equal(await page.locator('time').count(), 2);
}

export async function older_messages_come_when_asked_for(suite) {
  const visit = await suite.visit();
  await visit.begin('Number zero');
  const conversation = await suite.agent.find('Number zero');
  for (let number = 1; number <= 70; number += 1) await suite.agent.reply(conversation.id, `Number ${number}.`);
  await visit.saw('Number 70.');
  await visit.page.reload();
  await visit.open();
  await visit.frame.getByRole('button', { name: 'Messages' }).click();
  await visit.frame.locator('.row').first().click();
  await visit.saw('Number 70.');
  assert.equal(await visit.frame.getByText('Number zero', { exact: true }).count(), 0);
  await visit.frame.locator('.scroll').evaluate((scroller) => (scroller.scrollTop = 0));
  await visit.frame.getByText('Number zero', { exact: true }).waitFor();
  const numbers = await visit.frame.locator('.part .text').allTextContents();
  assert.deepEqual(numbers.map((text) => text.trim()), ['Number zero', ...Array.from({ length: 70 }, (_, at) => `Number ${at + 1}.`)]);
}

export async function msg_16_an_address_is_asked_for_and_stays_unconfirmed(suite) {
  const address = `ana.${Date.now()}@example.com`;
  const visit = await suite.visit();
  await visit.begin('Please write to me');
  const { frame } = visit;
  const input = frame.getByRole('textbox', { name: 'Get answers by email' });
  await input.waitFor();
  await visit.shot('email-ask');
  await input.fill('nonsense');
  await frame.getByRole('button', { name: 'Save' }).click();
  await frame.locator('.email-ask .why', { hasText: 'no email address' }).waitFor();
  await input.fill(address);
  await frame.getByRole('button', { name: 'Save' }).click();
  await frame.locator('.email-ask', { hasText: `${address} (not confirmed)` }).waitFor();
  const found = await suite.agent.call('POST', '/contacts/search', { query: { field: 'email', operator: '=', value: address } });
  assert.equal(found.data.length, 1);
  assert.equal(found.data[0].role, 'lead');
}

export async function msg_44_agents_see_how_far_the_customer_has_read(suite) {
  const visit = await suite.visit();
  await visit.begin('Has it been read?');
  const conversation = await suite.agent.find('Has it been read?');
  const read = async (words) => {
    const now = await suite.agent.call('GET', `/conversations/${conversation.id}`);
    const part = now.conversation_parts.conversation_parts.findLast((one) => one.body?.includes(words));
    return now.deskgate.participants[0].seen_seq >= part.deskgate.seq;
  };
  await suite.agent.reply(conversation.id, '<p>In an open thread</p>');
  await visit.saw('In an open thread');
  await until('what is in view is seen', () => read('In an open thread'));
  await visit.page.locator('.launcher').click();
  await suite.agent.reply(conversation.id, '<p>Behind a closed messenger</p>');
  await visit.page.locator('.toast', { hasText: 'Behind a closed messenger' }).waitFor();
  assert.equal(await read('Behind a closed messenger'), false, 'a toast is no reading');
  await visit.page.locator('.launcher').click();
  await visit.saw('Behind a closed messenger');
  await until('what came into view is seen', () => read('Behind a closed messenger'));
  await suite.agent.reply(conversation.id, '<p>The last word</p>');
  await visit.saw('The last word');
  await until('each part by itself', () => read('The last word'));
}

export async function msg_22_what_is_begun_and_not_sent_stays_where_it_was(suite) {
  const visit = await suite.visit();
  await visit.begin('A first one');
  const composer = visit.frame.getByRole('textbox', { name: /Write/ });
  await composer.fill('Half a thou');
  await visit.frame.getByRole('button', { name: 'Back' }).click();
  await visit.frame.locator('.start').click();
  await composer.waitFor();
  assert.equal(await composer.inputValue(), '', 'another conversation has its own');
  await composer.fill('For a new one');
  await visit.frame.getByRole('button', { name: 'Back' }).click();
  await visit.frame.locator('.rows .row').first().click();
  await visit.sent('A first one');
  assert.equal(await composer.inputValue(), 'Half a thou');
  await composer.press('Enter');
  await visit.sent('Half a thou');
  await visit.frame.getByRole('button', { name: 'Back' }).click();
  await visit.frame.locator('.start').click();
  await composer.waitFor();
  assert.equal(await composer.inputValue(), 'For a new one');
  await visit.script('shutdown');
  await until('the old frame is gone', async () => (await visit.page.locator('.launcher').count()) === 0);
  await visit.script('boot', {});
  await visit.open();
  await visit.frame.locator('.start').click();
  await composer.waitFor();
  assert.equal(await composer.inputValue(), '', 'a signed out browser keeps nothing of it');
}
