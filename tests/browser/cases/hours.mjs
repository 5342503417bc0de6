// Office hours as people see them: at the top of the home and of a conversation, now and as the clock goes on (HRS-1, MSG-20, MSG-24).

import { assert, until } from '../harness.mjs';

const DAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'];
const set = (suite, schedule) => suite.agent.call('PUT', '/office_hours_schedules/workspace', { time_zone: 'UTC', ...schedule });
const always = DAYS.map((day) => ({ day, from: '00:00', to: '24:00' }));
/** The date of a day from now, in UTC. */
const dateIn = (days) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);

export async function hrs_1_home_and_thread_say_whether_somebody_is_there(suite) {
  await set(suite, { intervals: always });
  const open = await suite.visit();
  await open.open();
  await open.frame.locator('.office', { hasText: 'We are here now' }).waitFor();
  await open.frame.locator('.start small', { hasText: 'Usual reply time: 1 hour' }).waitFor();
  await open.shot('office-open');
  // Closed from yesterday on, and open again in three days at nine.
  const closed = [-1, 0, 1, 2].map((days) => ({ date: dateIn(days), name: 'Moving house' }));
  const again = { date: dateIn(3), intervals: [{ from: '09:00', to: '17:00' }] };
  await set(suite, { intervals: [], exceptions: [...closed, again] });
  const shut = await suite.visit({}, { profile: { timezoneId: 'UTC', locale: 'en-US' } });
  await shut.open();
  const weekday = new Intl.DateTimeFormat('en', { weekday: 'short', timeZone: 'UTC' }).format(new Date(Date.now() + 3 * 86_400_000));
  const line = shut.frame.locator('.office', { hasText: 'Back' });
  await line.waitFor();
  const said = (await line.innerText()).replaceAll('\u202f', ' ');
  assert.match(said, new RegExp(`^Back: ${weekday},? (at )?9:00 AM$`), said);
  await shut.shot('office-closed');
  await shut.frame.locator('.start').click();
  const subtitle = shut.frame.locator('.titles p');
  await subtitle.waitFor();
  assert.match(await subtitle.innerText(), /^Back: .* · Usual reply time: 1 hour$/);
  await shut.shot('office-closed-thread');
  const told = [['de', 'Wieder da', 'Antwortzeit: 1 Stunde'], ['fr', 'De retour', 'réponse habituel : 1 heure'], ['es', 'De vuelta', 'respuesta habitual: 1 hora'],
    ['ja', '再開', '返信時間: 1 時間'], ['ar', 'نعود', 'الرد المعتاد: ساعة']];
  for (const [language, back, soon] of told) {
    await shut.script('update', { language_override: language });
    await shut.frame.locator('.titles p', { hasText: back }).filter({ hasText: soon }).waitFor();
  }
  await suite.agent.call('DELETE', '/office_hours_schedules/workspace');
  const none = await suite.visit();
  await none.open();
  await none.frame.locator('.start').waitFor();
  assert.equal(await none.frame.locator('.office').innerText(), '', 'a house without hours says nothing of them');
}

export async function hrs_1_an_open_tab_learns_new_hours_and_those_of_a_team(suite) {
  const visit = await suite.visit();
  await visit.begin('Whose hours count here?');
  const conversation = await suite.agent.find('Whose hours count here?');
  const subtitle = (words) => visit.frame.locator('.titles p', { hasText: words }).waitFor();
  await subtitle(/^Usual reply time: 1 hour$/);
  assert.equal(await visit.frame.locator('.email-ask').isVisible(), false, 'this house asks for no address');
  await set(suite, { intervals: always });
  await subtitle('We are here now');
  const team = await suite.agent.call('POST', '/teams', { name: 'Night shift' });
  await suite.agent.call('PUT', `/office_hours_schedules/${team.id}`, { time_zone: 'UTC', intervals: [] });
  await suite.agent.call('POST', `/conversations/${conversation.id}/parts`, { message_type: 'assignment', type: 'team', admin_id: suite.agent.me.id, assignee_id: team.id });
  await subtitle('We are away now');
  await suite.agent.call('PUT', `/teams/${team.id}`, { reply_time_s: 86_400 });
  await subtitle(/^We are away now.* · Usual reply time: 1 day$/);
  await visit.shot('office-team');
  await suite.agent.call('PUT', `/teams/${team.id}`, { reply_time_s: null });
  await suite.agent.call('DELETE', `/office_hours_schedules/${team.id}`);
  await subtitle('We are here now');
  await suite.agent.call('DELETE', '/office_hours_schedules/workspace');
  await subtitle(/^Usual reply time: 1 hour$/);
}

export async function hrs_1_an_open_tab_sees_the_house_close(suite) {
  await set(suite, { intervals: always, exceptions: [{ date: dateIn(1), name: 'Closed' }] });
  const context = await suite.profile({ timezoneId: 'UTC' });
  const visit = await suite.visit({}, { context });
  await visit.page.clock.install();
  await visit.page.reload();
  await visit.open();
  await visit.frame.locator('.office', { hasText: 'here now' }).waitFor();
  const left = new Date(`${dateIn(1)}T00:00:00Z`).getTime() - Date.now();
  await visit.page.clock.fastForward(left + 120_000);
  await until('the house closes', () => visit.frame.locator('.office', { hasText: 'Back' }).isVisible());
  await suite.agent.call('DELETE', '/office_hours_schedules/workspace');
}
