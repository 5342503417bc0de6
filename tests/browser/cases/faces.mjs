// Who answers, as customers see them: with a picture where there is one, with letters where not (MSG-24).

import { assert, until } from '../harness.mjs';
import { deflateSync } from 'node:zlib';

const { BASE, TOKEN } = process.env;

const crcOf = (octets) => {
  let crc = ~0;
  for (const octet of octets) {
    crc ^= octet;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
};

const chunk = (name, data) => {
  const named = Buffer.concat([Buffer.from(name), data]);
  const numbers = [data.length, crcOf(named)].map((number) => {
    const octets = Buffer.alloc(4);
    octets.writeUInt32BE(number);
    return octets;
  });
  return Buffer.concat([numbers[0], named, numbers[1]]);
};

/** A PNG of 64 pixels: a face of two colours. */
const picture = (skin, hair) => {
  const rows = [];
  for (let y = 0; y < 64; y += 1) {
    rows.push(0);
    for (let x = 0; x < 64; x += 1) {
      const [dx, dy] = [x - 32, y - 36];
      rows.push(...(dx * dx + dy * dy < 400 ? skin : dx * dx + (y - 26) * (y - 26) < 500 ? hair : [214, 226, 240]));
    }
  }
  const head = Buffer.from([0, 0, 0, 64, 0, 0, 0, 64, 8, 2, 0, 0, 0]);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk('IHDR', head), chunk('IDAT', deflateSync(Buffer.from(rows))), chunk('IEND', Buffer.alloc(0))]);
};

const set = async (agent, octets) => {
  const response = await fetch(`${BASE}/api/admins/${agent.id}/avatar`, {
    method: octets ? 'PUT' : 'DELETE',
    headers: { authorization: `Bearer ${TOKEN}` },
    body: octets,
  });
  assert.equal(response.status, 200, await response.text());
};

const isDrawn = (image) => image.evaluate((img) => img.complete && img.naturalWidth === 64);

export async function msg_24_agents_have_faces_in_home_thread_and_lists(suite) {
  const { me } = suite.agent;
  const visit = await suite.visit();
  await visit.begin('Who is there?');
  const conversation = await suite.agent.find('Who is there?');
  await suite.agent.reply(conversation.id, 'Me, with letters.');
  await visit.saw('with letters');
  const letters = visit.frame.locator('.part .avatar').last();
  assert.equal(await letters.locator('img').count(), 0);
  assert.match(await letters.innerText(), /^\p{Lu}{1,2}$/u);
  await set(me, picture([236, 188, 150], [92, 58, 40]));
  try {
    // The bar of an open thread keeps who wrote last; the next answer brings the face.
    await suite.agent.reply(conversation.id, 'And now with a face.');
    await visit.saw('with a face');
    await until('the face in the thread', () => isDrawn(visit.frame.locator('.bar .team img')));
    await visit.shot('face-thread');
    await visit.frame.getByRole('button', { name: 'Back' }).click();
    await visit.frame.locator('.spaces').waitFor();
    await visit.frame.locator('[data-space="home"]').click();
    await until('the face at home', () => isDrawn(visit.frame.locator('.welcome .team img')));
    assert.equal(await visit.frame.locator('.welcome .team').getAttribute('aria-label'), 'Support');
    await until('the face in the list', () => isDrawn(visit.frame.locator('.rows .avatar img').first()));
    await visit.shot('face-home');
    await visit.page.setViewportSize({ width: 360, height: 740 });
    await visit.shot('face-home-phone');
    await visit.frame.locator('.rows .row').first().click();
    await until('the face beside what was written', () => isDrawn(visit.frame.locator('.side .avatar img').last()));
    await visit.shot('face-thread-phone');
    for (const [name, profile, settings] of [['dark', { colorScheme: 'dark' }, {}], ['ar', {}, { language_override: 'ar' }]]) {
      const other = await suite.visit({ settings }, { profile: { viewport: { width: 360, height: 740 }, ...profile } });
      await other.open();
      await until('the face', () => isDrawn(other.frame.locator('.welcome .team img')));
      await other.shot(`face-home-${name}`);
      await other.frame.locator('.start').click();
      await until('the face of a new conversation', () => isDrawn(other.frame.locator('.bar .team img')));
      await other.shot(`face-new-${name}`);
    }
  } finally {
    await set(me, null);
  }
}

export async function msg_24_letters_stand_where_a_picture_does_not_come(suite) {
  const { me } = suite.agent;
  await set(me, picture([236, 188, 150], [92, 58, 40]));
  const visit = await suite.visit({}, { expect: ['404'] });
  await visit.page.route('**/avatars/*', (route) => route.fulfill({ status: 404 }));
  await visit.open();
  await visit.frame.locator('.welcome .team .avatar').first().waitFor();
  await until('no broken picture', async () => (await visit.frame.locator('.welcome .team img').count()) === 0);
  assert.match(await visit.frame.locator('.welcome .team .avatar').first().innerText(), /^\p{Lu}{1,2}$/u);
  await set(me, null);
}
