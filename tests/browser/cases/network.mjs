// Networks that go away: what is written meanwhile is sent once, what was missed comes once.

import { assert, until } from '../harness.mjs';

export async function msg_42_what_is_written_offline_is_sent_once(suite) {
  const visit = await suite.visit({}, { expect: ['ERR_INTERNET_DISCONNECTED', 'WebSocket'] });
  await visit.begin('Before the tunnel');
  const context = visit.page.context();
  const conversation = await suite.agent.find('Before the tunnel');
  await context.setOffline(true);
  await visit.frame.locator('.notice', { hasText: 'offline' }).waitFor({ timeout: 15_000 });
  await visit.write('Inside, one');
  await visit.write('Inside, two');
  await visit.frame.locator('.pending', { hasText: 'Sending' }).nth(1).waitFor();
  await visit.shot('offline');
  await suite.agent.reply(conversation.id, 'Said while you were away');
  await context.setOffline(false);
  await visit.sent('Inside, two');
  await visit.saw('Said while you were away');
  await until('the notice goes', () => visit.frame.locator('.notice').isHidden());
  const texts = (await suite.agent.parts(conversation.id)).map((part) => part.body.trim());
  assert.deepEqual(texts, ['Before the tunnel', 'Said while you were away', 'Inside, one', 'Inside, two']);
  assert.equal(await visit.frame.locator('.part .text', { hasText: 'Inside, one' }).count(), 1);
}

export async function msg_42_a_message_survives_a_reload_before_its_ack(suite) {
  const visit = await suite.visit({}, { expect: ['ERR_INTERNET_DISCONNECTED', 'WebSocket'] });
  await visit.begin('Still here');
  await visit.page.context().setOffline(true);
  await visit.frame.locator('.notice', { hasText: 'offline' }).waitFor({ timeout: 15_000 });
  await visit.write('Kept over the reload');
  await visit.frame.locator('.pending').waitFor();
  await visit.page.context().setOffline(false);
  await visit.page.reload();
  await visit.ready();
  const conversation = await suite.agent.find('Still here');
  await until('it arrived once', async () => {
    const texts = (await suite.agent.parts(conversation.id)).map((part) => part.body.trim());
    return texts.filter((text) => text === 'Kept over the reload').length === 1;
  });
}

export async function msg_61_too_fast_is_kept_and_sent_later(suite) {
  const visit = await suite.visit();
  await visit.begin('Message 0');
  for (let number = 1; number <= 20; number += 1) await visit.write(`Message ${number}`);
  await visit.frame.locator('.pending .meta', { hasText: 'Will be sent in' }).waitFor();
  await visit.shot('too-fast');
  await visit.sent('Message 20');
  const texts = await visit.frame.locator('.own .text').allTextContents();
  // In the order they were written, whatever was refused meanwhile.
  assert.deepEqual(texts.map((text) => text.trim()), Array.from({ length: 21 }, (_, number) => `Message ${number}`));
}

export async function msg_46_when_the_daemon_goes_down_clients_come_back_at_different_times(suite) {
  const context = await suite.profile();
  const [greeted, back] = [new Map(), []];
  let goneAt = null;
  await context.routeWebSocket(/messenger\/ws$/, (socket) => {
    if (goneAt) back.push(Date.now() - goneAt);
    socket.onMessage((text) => {
      if (JSON.parse(text).type !== 'hello' || goneAt) return;
      greeted.set(socket, true);
      const contact = { id: '1', type: 'visitor', user_id: null, name: null, email: null, email_verified: false };
      socket.send(JSON.stringify({ type: 'welcome', contact, visitor: 'v', seq: 1, resumed: false, conversations: [], unread: 0, settings: {} }));
    });
  });
  const count = 10;
  for (let tab = 0; tab < count; tab += 1) await suite.visit({}, { context });
  await until('all are there', () => greeted.size === count);
  goneAt = Date.now();
  for (const socket of greeted.keys()) await socket.close({ code: 1001, reason: 'going away' });
  await until('all come back', () => back.length >= count, 12_000);
  const [first, last] = [Math.min(...back.slice(0, count)), Math.max(...back.slice(0, count))];
  assert.ok(last < 7_000 && last - first > 1_000, `between ${first} and ${last} ms`);
}

export async function msg_47_without_websockets_it_goes_by_requests(suite) {
  const context = await suite.profile();
  await context.addInitScript(() => {
    delete window.WebSocket;
  });
  const visit = await suite.visit({}, { context });
  await visit.begin('By requests alone');
  const conversation = await suite.agent.find('By requests alone');
  for (let number = 0; number < 5; number += 1) {
    await suite.agent.reply(conversation.id, `Answer ${number}`);
    await visit.write(`Question ${number}`);
  }
  await visit.sent('Question 4');
  await visit.saw('Answer 4');
  await suite.agent.call('POST', `/conversations/${conversation.id}/typing`);
  await visit.frame.locator('.typing .dots').waitFor();
  const shown = (await visit.frame.locator('.part .text').allTextContents()).map((text) => text.trim());
  const stored = (await suite.agent.parts(conversation.id)).map((part) => part.body.trim());
  assert.deepEqual(shown, stored);
}

export async function msg_47_from_requests_back_to_a_websocket(suite) {
  const context = await suite.profile();
  const tried = [];
  let through = false;
  await context.routeWebSocket(/messenger\/ws$/, (socket) => {
    tried.push(through);
    if (through) socket.connectToServer();
    else socket.close();
  });
  const visit = await suite.visit({}, { context, expect: ['WebSocket'] });
  await visit.page.clock.install();
  await visit.page.reload();
  await visit.open();
  await visit.frame.locator('.start').click();
  await visit.write('By requests at first');
  await visit.sent('By requests at first');
  through = true;
  // In two steps, so that the line is not taken for a silent one.
  await visit.page.clock.fastForward(31_000);
  await visit.write('Still by requests, or not');
  await visit.sent('Still by requests, or not');
  await visit.page.clock.fastForward(31_000);
  await until('a websocket is tried again', () => tried.filter(Boolean).length >= 2);
  await visit.write('And by a websocket then');
  await visit.sent('And by a websocket then');
  assert.deepEqual((await visit.frame.locator('.own .text').allTextContents()).map((text) => text.trim()), ['By requests at first', 'Still by requests, or not', 'And by a websocket then']);
}
