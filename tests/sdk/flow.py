"""The official Python client, unchanged, against a running daemon: every step of TST-110.

    BASE=http://127.0.0.1:PORT/api TOKEN=dg_… python flow.py

Says each step that held, and ends with a traceback at the first one that does not. The pager of the client's searches
asks for the first page again and again, so searches are paged by hand.
"""

import os

from intercom import AdminReplyConversationRequest
from intercom import AdminReplyTicketRequest
from intercom import ContactReplyTicketIntercomUserIdRequest
from intercom import CreateContactRequestWithExternalId
from intercom import CreateContactRequestWithEmail
from intercom import CreateConversationRequestFrom
from intercom import CreateMessageRequestFrom
from intercom import CreateMessageRequestTo
from intercom import CreateMessageRequest_Inapp
from intercom import CreateOrUpdateCompanyRequest
from intercom import CreateOrUpdateTagRequest
from intercom import CreateTicketRequestContactsItemId
from intercom import CreateTicketTypeRequest
from intercom import Intercom
from intercom import MultipleFilterSearchRequest
from intercom import SingleFilterSearchRequest
from intercom import StartingAfterPaging
from intercom.conversations import ConversationsManageRequestBody_Assignment
from intercom.conversations import ConversationsManageRequestBody_Close
from intercom.core.api_error import ApiError

client = Intercom(base_url=os.environ["BASE"], token=os.environ["TOKEN"])


def step(name):
    print(f"python: {name}")


def field(name, operator, value):
    return SingleFilterSearchRequest(field=name, operator=operator, value=value)


def refused(call, status, code):
    try:
        call()
    except ApiError as error:
        assert error.status_code == status, error
        body = error.body if isinstance(error.body, dict) else error.body.dict()
        assert body["type"] == "error.list", body
        assert body["errors"][0]["code"] == code, body
    else:
        raise AssertionError("was not refused")


def ids_of(search, query, per_page):
    """Ids over all pages of a search."""
    ids, after = [], None
    while True:
        pagination = StartingAfterPaging(per_page=per_page, starting_after=after)
        page = search(query=query, pagination=pagination)
        ids += [one.id for one in page.items]
        following = page.response.pages.next
        if following is None:
            return ids
        after = following.starting_after


def people():
    me = client.admins.identify()
    assert me.type == "admin" and me.app.id_code
    assert me.id in [admin.id for admin in client.admins.list().admins]
    ana = client.contacts.create(request=CreateContactRequestWithExternalId(external_id="py-ana", name="Ana"))
    assert client.contacts.find(ana.id).external_id == "py-ana"
    assert client.contacts.update(ana.id, name="Ana B").name == "Ana B"
    found = client.contacts.search(query=field("external_id", "=", "py-ana"))
    assert [one.id for one in found.items] == [ana.id]
    step("people")
    return me, ana


def kinds():
    made = client.ticket_types.create(request=CreateTicketTypeRequest(name="Billing", category="Customer"))
    client.ticket_types.attributes.create(made.id, name="Urgent", description="Is it?", data_type="boolean")
    kind = client.ticket_types.get(made.id)
    assert kind.id in [one.id for one in client.ticket_types.list().data]
    states = {state.category: state.id for state in client.ticket_states.list_ticket_states().data}
    assert set(states) == {"submitted", "in_progress", "waiting_on_customer", "resolved"}
    task = client.ticket_types.create(request=CreateTicketTypeRequest(name="Refund", category="Back-office"))
    step("types and states")
    return kind, task, states


def tickets(me, ana, kind, states):
    attributes = {"_default_title_": "Wrong VAT", "Urgent": True}
    made = client.tickets.create(
        ticket_type_id=kind.id,
        contacts=[CreateTicketRequestContactsItemId(id=ana.id)],
        request_options={"additional_body_parameters": {"ticket_attributes": attributes}},
    )
    assert made.ticket_attributes["_default_title_"] == "Wrong VAT", made.ticket_attributes
    assert made.admin_assignee_id == 0, "without a version, assignees are integers"
    note = AdminReplyTicketRequest(message_type="note", type="admin", admin_id=me.id, body="<p>Look</p>")
    assert client.tickets.reply(made.id, request=note).part_type == "note"
    answer = ContactReplyTicketIntercomUserIdRequest(
        message_type="comment", type="user", intercom_user_id=ana.id, body="Here it is"
    )
    assert client.tickets.reply(made.id, request=answer).author.id == ana.id
    changed = client.tickets.update(
        made.id,
        ticket_state_id=states["in_progress"],
        assignee_id=me.id,
        admin_id=int(me.id),
        ticket_attributes={"Urgent": False},
    )
    assert changed.ticket_state.category == "in_progress"
    assert changed.admin_assignee_id == int(me.id)
    read = client.tickets.get(made.id)
    assert read.ticket_attributes["Urgent"] is False
    parts = [part.part_type for part in read.ticket_parts.ticket_parts]
    assert any(kind.startswith("ticket_state_updated") for kind in parts), parts
    refused(lambda: client.tickets.get("1"), 404, "ticket_not_found")
    refused(lambda: client.tickets.update(made.id, ticket_attributes={"Colour": "red"}), 400, "parameter_invalid")
    step("create, reply, update, get")
    return made.id


def conversations(me, ana, kind):
    sender = CreateConversationRequestFrom(type="user", id=ana.id)
    message = client.conversations.create(from_=sender, body="The invoice is wrong")
    conversation = message.conversation_id
    reply = AdminReplyConversationRequest(message_type="comment", type="admin", admin_id=me.id, body="We look")
    replied = client.conversations.reply(conversation, request=reply)
    assert replied.conversation_parts.conversation_parts[0].body.strip() == "<p>We look</p>"
    assign = ConversationsManageRequestBody_Assignment(type="admin", admin_id=me.id, assignee_id=me.id)
    assert str(client.conversations.manage(conversation, request=assign).admin_assignee_id) == me.id
    close = ConversationsManageRequestBody_Close(type="admin", admin_id=me.id)
    assert client.conversations.manage(conversation, request=close).state == "closed"
    query = MultipleFilterSearchRequest(
        operator="AND", value=[field("contact_ids", "=", ana.id), field("state", "=", "closed")]
    )
    assert ids_of(client.conversations.search, query, 5) == [conversation]
    ticket = client.conversations.convert_to_ticket(int(conversation), ticket_type_id=kind.id)
    assert ticket.id == conversation
    assert client.conversations.find(conversation).id == conversation
    step("conversation: create, reply, assign, close, search, convert")


def teams(me):
    away = client.admins.away(int(me.id), away_mode_enabled=True, away_mode_reassign=False)
    assert away.away_mode_enabled is True
    assert client.admins.away(int(me.id), away_mode_enabled=False, away_mode_reassign=False).away_mode_enabled is False
    assert client.away_status_reasons.list_away_status_reasons() == []
    assert client.teams.list().teams == []
    step("teams and away")


def contacts(me, ana):
    company = client.companies.create_or_update(request=CreateOrUpdateCompanyRequest(company_id="py-1", name="Acme"))
    assert client.companies.find(company.id).name == "Acme"
    assert client.companies.attach_contact(ana.id, company_id=company.id).id == company.id
    attached = client.companies.list_attached_contacts(company.id)
    assert [one.id for one in attached.data] == [ana.id]
    assert client.companies.detach_contact(ana.id, company.id).id == company.id
    note = client.notes.create(ana.id, body="Likes tea", admin_id=me.id)
    assert client.notes.find(int(note.id)).body.strip() == "<p>Likes tea</p>", note
    assert [one.id for one in client.notes.list(ana.id)] == [note.id]
    client.contacts.update(ana.id, email="py-ana@example.com")
    lead = client.contacts.create(request=CreateContactRequestWithEmail(email="py-ana@example.com"))
    assert client.contacts.merge_lead_in_user(lead_id=lead.id, contact_id=ana.id).id == ana.id
    refused(lambda: client.contacts.find(lead.id), 410, "contact_merged")
    ben = client.contacts.create(request=CreateContactRequestWithExternalId(external_id="py-ben"))
    assert client.contacts.archive(ben.id).archived is True
    assert client.contacts.unarchive(ben.id).archived is False
    assert client.contacts.block_contact(ben.id).blocked is True
    assert client.contacts.delete(ben.id).deleted is True
    sent = client.messages.create(
        request=CreateMessageRequest_Inapp(
            body="Hello",
            from_=CreateMessageRequestFrom(type="admin", id=int(me.id)),
            to=CreateMessageRequestTo(type="user", id=ana.id),
        )
    )
    assert sent.body == "Hello"
    client.companies.delete(company.id)
    step("companies, notes, merge, archive, block, delete, messages")


def paging(task):
    made = [client.tickets.create(ticket_type_id=task.id, contacts=[]).id for _ in range(5)]
    query = field("category", "=", "task")
    assert sorted(ids_of(client.tickets.search, query, 2)) == sorted(made), "every ticket once"
    listed = [one.id for one in client.conversations.list(per_page=1)]
    assert len(listed) == len(set(listed)) >= 2, listed
    too_many = StartingAfterPaging(per_page=151)
    refused(lambda: client.tickets.search(query=query, pagination=too_many), 400, "invalid_per_page")
    step("paging and search")


def tags(me, ticket):
    tag = client.tags.create(request=CreateOrUpdateTagRequest(name="billing"))
    assert client.tags.tag_ticket(ticket, tag_id=tag.id, admin_id=me.id).id == tag.id
    assert tag.id in [one.id for one in client.tags.list().data]
    client.tags.untag_ticket(ticket, tag.id, admin_id=me.id)
    client.tags.delete(tag.id)
    step("tags")


def main():
    me, ana = people()
    kind, task, states = kinds()
    ticket = tickets(me, ana, kind, states)
    conversations(me, ana, kind)
    teams(me)
    contacts(me, ana)
    paging(task)
    tags(me, ticket)
    stranger = Intercom(base_url=os.environ["BASE"], token="dg_wrong")
    refused(stranger.admins.list, 401, "unauthorized")
    step("done")


main()
