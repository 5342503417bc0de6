// What a page can do with the messenger: every method, calls before it came, another name for it, how it looks.

import { assert, until } from '../harness.mjs';

const isOpen = (visit) => visit.page.locator('.frame.open').count();

export async function msg_2_calls_before_loading_are_kept_and_every_method_answers(suite) {
  const visit = await suite.visit({ settings: null, queue: [['onShow', null], ['boot', {}], ['showMessages']] });
  await visit.frame.locator('.empty', { hasText: 'No messages yet' }).waitFor();
  assert.equal(await isOpen(visit), 1);
  await visit.ready();
  await visit.page.evaluate(() => {
    window.told = [];
    window.Deskgate('onShow', () => window.told.push('show'));
    window.Deskgate('onHide', () => window.told.push('hide'));
    window.Deskgate('onShow', () => {
      throw new TypeError('the page fails');
    });
    console.error = () => {};
  });
  await visit.script('hide');
  await visit.script('show');
  assert.deepEqual(await visit.page.evaluate(() => window.told), ['hide', 'show']);
  await visit.script('showSpace', 'tickets');
  await visit.frame.locator('h1', { hasText: 'Tickets' }).waitFor();
  await visit.script('showSpace', 'home');
  await visit.frame.locator('.start').waitFor();
  await visit.script('showNewMessage', 'About my order');
  assert.equal(await visit.frame.getByRole('textbox', { name: 'Write' }).inputValue(), 'About my order');
  await visit.script('startConversation', 'Straight from the page');
  await visit.sent('Straight from the page');
  const conversation = await suite.agent.find('Straight from the page');
  await visit.script('showSpace', 'home');
  await visit.script('showConversation', conversation.id);
  await visit.frame.locator('.part', { hasText: 'Straight from the page' }).waitFor();
  const type = await suite.agent.call('POST', '/ticket_types', { name: 'By method', category: 'Customer' });
  const ticket = await suite.agent.call('POST', `/conversations/${conversation.id}/convert`, { ticket_type_id: type.id });
  await visit.frame.locator('.ticket-bar .pill').waitFor();
  await visit.script('showSpace', 'home');
  await visit.script('showTicket', ticket.ticket_id);
  await visit.frame.locator('.ticket-head').waitFor();
}

export async function msg_2_tracked_events_are_kept_though_told_before_the_socket_is_open(suite) {
  const visit = await suite.visit({ settings: null, queue: [['boot', {}], ['trackEvent', 'opened-page', { page: 'prices' }]] });
  await visit.ready();
  await visit.script('trackEvent', 'ordered', { total: 12 });
  const contact = await visit.page.evaluate(() => window.Deskgate('getVisitorId'));
  const names = async () => (await suite.agent.call('GET', `/events?type=user&intercom_user_id=${contact}`)).events.map((event) => event.event_name).sort();
  await until('both are kept', async () => (await names()).length === 2);
  assert.deepEqual(await names(), ['opened-page', 'ordered']);
}

export async function msg_2_an_unknown_method_is_a_warning_and_nothing_else(suite) {
  const visit = await suite.visit();
  const warned = [];
  visit.page.on('console', (message) => message.type() === 'warning' && warned.push(message.text()));
  await visit.script('startTour', 4);
  await visit.script('constructor');
  await until('two warnings', () => warned.length === 2);
  assert.match(warned[0], /no method startTour/);
}

export async function msg_1_the_page_may_call_it_by_another_name(suite) {
  const visit = await suite.visit({ alias: 'Intercom', settings: { app_id: 'abc', api_base: 'https://elsewhere.invalid', hide_default_launcher: true, custom_launcher_selector: '#help' } });
  await until('it is there', () => visit.page.evaluate(() => window.Intercom?.loaded));
  assert.equal(await visit.page.locator('.launcher').isVisible(), false);
  await visit.page.click('#help');
  await visit.frame.locator('.start').waitFor();
  assert.equal(await isOpen(visit), 1);
  await visit.page.evaluate(() => window.Intercom('hide'));
  await until('it is closed', async () => (await isOpen(visit)) === 0);
}

export async function msg_1_colours_position_and_language_follow_the_page(suite) {
  const settings = { action_color: '#ffd400', background_color: '#0b3d2e', alignment: 'left', horizontal_padding: 44, vertical_padding: 30 };
  const visit = await suite.visit({ settings, lang: 'de' });
  await visit.open();
  await visit.frame.locator('.how', { hasText: 'Wie können wir helfen?' }).waitFor();
  await visit.page.mouse.move(500, 5);
  await until('it stands where the page says', async () => {
    const box = await visit.page.locator('.launcher').boundingBox();
    return box.x === 44 && box.y + box.height === 770;
  });
  await visit.shot('german-left');
  await visit.script('update', { language_override: 'ja' });
  await visit.frame.locator('.how', { hasText: 'どのような' }).waitFor();
  await visit.shot('japanese');
  for (const [language, words] of [['fr', 'Comment'], ['es', 'ayudar']]) {
    await visit.script('update', { language_override: language });
    await visit.frame.locator('.how', { hasText: words }).waitFor();
  }
  await visit.script('update', { language_override: 'ar' });
  await until('right to left', () => visit.frame.locator('html').getAttribute('dir').then((dir) => dir === 'rtl'));
  await visit.shot('right-to-left');
}

export async function msg_3_nothing_comes_from_anywhere_else(suite) {
  const visit = await suite.visit({ settings: null });
  const asked = [];
  visit.page.on('request', (request) => asked.push(request.url()));
  visit.page.on('websocket', (socket) => asked.push(socket.url()));
  await visit.script('boot', {});
  await visit.open();
  assert.ok(asked.some((url) => url.startsWith('ws:')), 'sockets are among them');
  const hosts = new Set(asked.map((url) => new URL(url).host));
  assert.deepEqual([...hosts], [new URL(process.env.BASE).host]);
  for (const url of asked) assert.equal(new URL(url).search, '', `nothing stands in an address: ${url}`);
}

export async function msg_1_where_a_visitor_came_from_is_kept(suite) {
  const visit = await suite.visit({ settings: { utm_source: 'newsletter', utm_campaign: 'spring' } });
  await visit.begin('From a newsletter');
  const conversation = await suite.agent.find('From a newsletter');
  const { custom_attributes: facts } = await suite.agent.call('GET', `/contacts/${conversation.source.author.id}`);
  assert.deepEqual([facts.utm_source, facts.utm_campaign], ['newsletter', 'spring']);
}
