// The official JavaScript client, unchanged, against a running daemon: every step of TST-110.
//
//   BASE=http://127.0.0.1:PORT/api TOKEN=dg_… NODE_PATH=…/node_modules node flow.cjs
//
// Says each step that held, and ends with 1 at the first one that does not.
"use strict";
const assert = require("node:assert/strict");
const { IntercomClient, IntercomError } = require("intercom-client");

const client = new IntercomClient({ baseUrl: process.env.BASE, token: process.env.TOKEN, maxRetries: 0 });
const is = (field, operator, value) => ({ field, operator, value });
const step = (name) => console.log(`js: ${name}`);

async function refused(promise, status, code) {
  const error = await promise.then(() => assert.fail("was not refused"), (error) => error);
  assert.ok(error instanceof IntercomError, String(error));
  assert.equal(error.statusCode, status);
  assert.equal(error.body.type, "error.list");
  assert.equal(error.body.errors[0].code, code);
}

async function collect(page) {
  const ids = [];
  for await (const one of page) ids.push(one.id);
  return ids;
}

async function people() {
  const me = await client.admins.identify();
  assert.equal(me.type, "admin");
  assert.ok(me.app.id_code);
  assert.ok((await client.admins.list()).admins.some((admin) => admin.id === me.id));
  const ana = await client.contacts.create({ role: "user", external_id: "js-ana", email: "cara@example.com", name: "Ana" });
  assert.equal((await client.contacts.find({ contact_id: ana.id })).external_id, "js-ana");
  assert.equal((await client.contacts.update({ contact_id: ana.id, name: "Ana B" })).name, "Ana B");
  const found = await client.contacts.search({ query: is("email", "=", "cara@example.com") });
  assert.deepEqual(found.data.map((one) => one.id), [ana.id]);
  assert.equal((await client.contacts.showContactByExternalId({ external_id: "js-ana" })).id, ana.id);
  step("people");
  return { me, ana };
}

async function types() {
  const made = await client.ticketTypes.create({ name: "Billing", description: "Invoices", category: "Customer", icon: "🧾" });
  await client.ticketTypes.attributes.create({ ticket_type_id: made.id, name: "Urgent", description: "Is it?", data_type: "boolean" });
  const type = await client.ticketTypes.get({ ticket_type_id: made.id });
  assert.ok(type.ticket_type_attributes.data.some((one) => one.name === "Urgent"));
  assert.ok((await client.ticketTypes.list()).data.some((one) => one.id === type.id));
  const states = (await client.ticketStates.listTicketStates()).data;
  const state = (category) => states.find((one) => one.category === category).id;
  assert.ok(["submitted", "in_progress", "waiting_on_customer", "resolved"].every(state));
  const task = await client.ticketTypes.create({ name: "Refund", description: "By hand", category: "Back-office" });
  step("types and states");
  return { type, task, state };
}

async function tickets({ me, ana }, { type, state }) {
  const attributes = { _default_title_: "Wrong VAT", _default_description_: "18 instead of 19", Urgent: true };
  const made = await client.tickets.create({ ticket_type_id: type.id, contacts: [{ id: ana.id }], ticket_attributes: attributes });
  assert.equal(made.ticket_attributes._default_title_, "Wrong VAT");
  assert.equal(made.admin_assignee_id, "0", "2.14 shows assignees as strings");
  const ticket_id = made.id;
  const reply = await client.tickets.reply({ ticket_id, body: { message_type: "note", type: "admin", admin_id: me.id, body: "<p>Look</p>" } });
  assert.equal(reply.part_type, "note");
  const answer = await client.tickets.reply({ ticket_id, body: { message_type: "comment", type: "user", intercom_user_id: ana.id, body: "Here it is" } });
  assert.equal(answer.author.id, ana.id);
  const changed = await client.tickets.update({ ticket_id, ticket_state_id: state("in_progress"), assignee_id: me.id, admin_id: Number(me.id), ticket_attributes: { Urgent: false } });
  assert.equal(changed.ticket_state.category, "in_progress");
  assert.equal(changed.admin_assignee_id, me.id);
  const read = await client.tickets.get({ ticket_id });
  assert.equal(read.ticket_attributes.Urgent, false);
  assert.ok(read.ticket_parts.ticket_parts.some((part) => part.part_type.startsWith("ticket_state_updated")));
  await refused(client.tickets.get({ ticket_id: "1" }), 404, "ticket_not_found");
  await refused(client.tickets.update({ ticket_id, ticket_attributes: { Colour: "red" } }), 400, "parameter_invalid");
  step("create, reply, update, get");
  return ticket_id;
}

async function conversations({ me, ana }, { type }) {
  const message = await client.conversations.create({ from: { type: "user", id: ana.id }, body: "The invoice is wrong" });
  assert.equal(message.type, "user_message");
  const conversation_id = message.conversation_id;
  const replied = await client.conversations.reply({ conversation_id, body: { message_type: "comment", type: "admin", admin_id: me.id, body: "We look" } });
  assert.equal(replied.conversation_parts.conversation_parts[0].body.trim(), "<p>We look</p>");
  const assigned = await client.conversations.manage({ conversation_id, body: { message_type: "assignment", type: "admin", admin_id: me.id, assignee_id: me.id } });
  assert.equal(String(assigned.admin_assignee_id), me.id);
  const closed = await client.conversations.manage({ conversation_id, body: { message_type: "close", type: "admin", admin_id: me.id } });
  assert.equal(closed.state, "closed");
  const found = await client.conversations.search({ query: { operator: "AND", value: [is("contact_ids", "=", ana.id), is("open", "=", false)] } });
  assert.deepEqual(found.data.map((one) => one.id), [conversation_id]);
  const ticket = await client.conversations.convertToTicket({ conversation_id: Number(conversation_id), ticket_type_id: type.id, attributes: { _default_title_: "Invoice" } });
  assert.equal(ticket.id, conversation_id);
  assert.equal((await client.conversations.find({ conversation_id })).id, conversation_id);
  step("conversation: create, reply, assign, close, search, convert");
}

async function contacts({ me, ana }) {
  const company = await client.companies.createOrUpdate({ company_id: "js-1", name: "Acme" });
  assert.equal((await client.companies.find({ company_id: company.id })).name, "Acme");
  assert.equal((await client.companies.attachContact({ contact_id: ana.id, id: company.id })).id, company.id);
  const attached = await client.companies.listAttachedContacts({ company_id: company.id });
  assert.deepEqual(attached.data.map((one) => one.id), [ana.id]);
  assert.equal((await client.companies.detachContact({ contact_id: ana.id, company_id: company.id })).id, company.id);
  const note = await client.notes.create({ contact_id: ana.id, body: "Likes tea", admin_id: me.id });
  assert.equal((await client.notes.find({ note_id: Number(note.id) })).id, note.id);
  await client.contacts.update({ contact_id: ana.id, email: "js-ana@example.com" });
  const lead = await client.contacts.create({ email: "js-ana@example.com" });
  assert.equal((await client.contacts.mergeLeadInUser({ from: lead.id, into: ana.id })).id, ana.id);
  await refused(client.contacts.find({ contact_id: lead.id }), 410, "contact_merged");
  const ben = await client.contacts.create({ external_id: "js-ben" });
  assert.equal((await client.contacts.archive({ contact_id: ben.id })).archived, true);
  assert.equal((await client.contacts.unarchive({ contact_id: ben.id })).archived, false);
  assert.equal((await client.contacts.blockContact({ contact_id: ben.id })).blocked, true);
  assert.equal((await client.contacts.delete({ contact_id: ben.id })).deleted, true);
  const away = await client.admins.away({ admin_id: Number(me.id), away_mode_enabled: true, away_mode_reassign: false });
  assert.equal(away.away_mode_enabled, true);
  await client.admins.away({ admin_id: Number(me.id), away_mode_enabled: false, away_mode_reassign: false });
  assert.deepEqual((await client.teams.list()).teams, []);
  const sent = await client.messages.create({ message_type: "inapp", body: "Hello", from: { type: "admin", id: Number(me.id) }, to: { type: "user", id: ana.id } });
  assert.equal(sent.body, "Hello");
  step("companies, notes, merge, archive, block, delete, teams, messages");
}

async function paging({ task }) {
  const made = [];
  for (let n = 0; n < 5; n += 1) {
    made.push((await client.tickets.create({ ticket_type_id: task.id, contacts: [], ticket_attributes: { _default_title_: `Refund ${n}` } })).id);
  }
  const search = { query: is("category", "=", "task"), pagination: { per_page: 2 } };
  assert.deepEqual((await collect(await client.tickets.search(search))).sort(), made.sort(), "every ticket once");
  const listed = await collect(await client.conversations.list({ per_page: 1 }));
  assert.equal(new Set(listed).size, listed.length);
  assert.ok(listed.length >= 2);
  const byTitle = await client.tickets.search({ query: is("title", "=", "Refund 3") });
  assert.equal(byTitle.data.length, 1);
  await refused(client.tickets.search({ query: is("category", "=", "task"), pagination: { per_page: 151 } }), 400, "invalid_per_page");
  step("paging and search");
}

async function tags({ me, ana }, ticket_id) {
  const tag = await client.tags.create({ name: "billing" });
  const on = await client.tags.tagTicket({ ticket_id, id: tag.id, admin_id: me.id });
  assert.equal(on.id, tag.id);
  await client.tags.tagContact({ contact_id: ana.id, id: tag.id });
  assert.ok((await client.tags.list()).data.some((one) => one.id === tag.id));
  await client.tags.untagTicket({ ticket_id, tag_id: tag.id, admin_id: me.id });
  await client.tags.untagContact({ contact_id: ana.id, tag_id: tag.id });
  await client.tags.delete({ tag_id: tag.id });
  step("tags");
}

async function main() {
  const who = await people();
  const kinds = await types();
  const ticket = await tickets(who, kinds);
  await conversations(who, kinds);
  await contacts(who);
  await paging(kinds);
  await tags(who, ticket);
  const stranger = new IntercomClient({ baseUrl: process.env.BASE, token: "dg_wrong", maxRetries: 0 });
  await refused(stranger.admins.list(), 401, "unauthorized");
  step("done");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
