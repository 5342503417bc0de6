// One conversation by two browsers and one mail client: nobody has to stay on the page (MSG-48, EML-70 to EML-73).

import { assert, until, userHash } from '../harness.mjs';
import { deliver } from '../mail.mjs';

export async function msg_48_two_browsers_and_a_mail_client_share_a_conversation(suite) {
  const id = `u-mail-${Date.now()}`;
  const email = `${id}@example.com`;
  const settings = { user_id: id, user_hash: userHash(id), name: 'Ana Mail', email };
  const laptop = await suite.visit({ settings });
  const phone = await suite.visit({ settings });
  await laptop.begin('Do you have it in green?');
  await phone.ready();
  const conversation = await suite.agent.find('Do you have it in green?');
  await laptop.script('hide');
  await suite.agent.reply(conversation.id, 'We do, since this morning.');
  // Nobody looks, so it is mailed after the delay.
  const mailed = await until('the answer is mailed', async () => {
    const { data } = await suite.agent.call('GET', '/deliveries?per_page=50');
    return data.find((delivery) => delivery.thread_id === conversation.id && delivery.address === email && delivery.attempt_count > 0);
  }, 30_000);
  await deliver(process.env.LMTP, email, 'support@example.com', [
    `From: Ana Mail <${email}>`, 'To: support@example.com', 'Subject: Re: Do you have it in green?', `Message-ID: <${id}-1@mail.example.com>`,
    `In-Reply-To: ${mailed.message_id}`, `References: ${mailed.message_id}`, `Date: ${new Date().toUTCString()}`, 'Content-Type: text/plain; charset=utf-8', '', 'Then I take it, written in my mail.', '',
  ].join('\n'));
  for (const browser of [laptop, phone]) {
    await browser.script('showConversation', conversation.id);
    await browser.sent('Then I take it, written in my mail.');
  }
  await suite.agent.reply(conversation.id, 'It is on its way.');
  await laptop.saw('It is on its way.');
  await phone.saw('It is on its way.');
  await phone.write('From my phone, thank you');
  await laptop.sent('From my phone, thank you');
  // The way back that the mail shows: the page it began on, with the conversation open.
  await laptop.page.goto('about:blank');
  await laptop.page.goto(`${laptop.url}#deskgate-conversation-${conversation.id}`);
  await laptop.saw('It is on its way.');
  const texts = (await suite.agent.parts(conversation.id)).map((part) => part.body.trim());
  assert.deepEqual(texts, ['Do you have it in green?', 'We do, since this morning.', 'Then I take it, written in my mail.', 'It is on its way.', 'From my phone, thank you']);
}
