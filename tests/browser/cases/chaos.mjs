// Connections are cut at random while messages flow both ways: everybody entitled sees every acknowledged one once, in order.

import { cuttingNetwork } from '../cutting.mjs';
import { assert, until } from '../harness.mjs';

const SECONDS = Number(process.env.CHAOS_S ?? 15);
const TABS = 3;

const shown = (tab) => tab.frame.locator('.part:not(.pending) .text').allTextContents().then((texts) => texts.map((text) => text.trim()));

export async function chaos_every_message_is_seen_once_and_in_order(suite) {
  const network = await cuttingNetwork(process.env.BASE);
  const expect = ['ERR_', 'WebSocket', 'Failed to load', 'Failed to fetch'];
  try {
    const context = await suite.profile();
    const first = await suite.visit({ desk: network.base }, { context, expect });
    await first.begin('The beginning');
    const conversation = await suite.agent.find('The beginning');
    const tabs = [first];
    while (tabs.length < TABS) {
      const tab = await suite.visit({ desk: network.base }, { context, expect });
      await tab.open();
      await tab.script('showConversation', conversation.id);
      await tab.frame.locator('.part', { hasText: 'The beginning' }).waitFor();
      tabs.push(tab);
    }
    const end = Date.now() + SECONDS * 1_000;
    let running = true;
    let cuts = 0;
    const chaos = (async () => {
      while (running) {
        await new Promise((wait) => setTimeout(wait, 200 + Math.random() * 1_200));
        if (Math.random() < 0.2) network.stall(800);
        else cuts += network.cut(0.6);
      }
    })();
    const posted = ['The beginning'];
    // Eighteen in the first minute, then one every four seconds: below what a contact may post (MSG-61).
    const every = Math.max(SECONDS * 1_000 / 18, SECONDS > 60 ? 4_000 : 0);
    const customer = (async () => {
      for (let number = 0; Date.now() < end; number += 1) {
        const text = `Customer ${number}`;
        await tabs[number % TABS].write(text);
        posted.push(text);
        await new Promise((wait) => setTimeout(wait, every));
      }
    })();
    const agent = (async () => {
      for (let number = 0; Date.now() < end; number += 1) {
        const text = `Agent ${number}`;
        await suite.agent.reply(conversation.id, text);
        posted.push(text);
        await new Promise((wait) => setTimeout(wait, 300));
      }
    })();
    await Promise.all([customer, agent]);
    running = false;
    await chaos;
    assert.ok(cuts > 0, 'nothing was cut');
    const stored = await until('everything is stored', async () => {
      const texts = [];
      for (let from = ''; from !== null;) {
        const page = await suite.agent.call('GET', `/conversations/${conversation.id}/parts?per_page=50&display_as=plaintext${from}`);
        texts.push(...page.data.filter((part) => part.body).map((part) => part.body.trim()));
        const next = page.pages?.next?.starting_after;
        from = next ? `&starting_after=${next}` : null;
      }
      return texts.length >= posted.length && texts;
    }, 90_000);
    assert.deepEqual([...stored].sort(), [...posted].sort(), 'stored once each');
    for (const [at, tab] of tabs.entries()) {
      const has = await until(`tab ${at} has everything`, async () => {
        const texts = await shown(tab);
        return texts.length >= stored.length && texts;
      }, 90_000);
      assert.deepEqual(has, stored, `tab ${at}`);
    }
    console.log(`   ${stored.length} messages, ${cuts} cuts, ${TABS} tabs`);
  } finally {
    network.close();
  }
}
