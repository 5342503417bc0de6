//! A conversation becomes a Customer ticket; a Back-office ticket is linked and stays behind the scenes.

use crate::cli::demo::answer::is;
use crate::cli::demo::answer::last_part;
use crate::cli::demo::answer::list;
use crate::cli::demo::answer::text;
use crate::cli::demo::messenger::Seat;
use crate::cli::demo::stage::Stage;
use crate::cli::demo::telling::Told;
use crate::cli::demo::telling::ms;
use crate::clock;
use anyhow::Context;
use anyhow::Result;
use anyhow::ensure;
use serde_json::Value;
use serde_json::json;

/// Title of the Back-office ticket, which the customer must never see.
const INTERNAL_TITLE: &str = "Find out why sign-ins are refused";
/// What customers read of the state `waiting_on_customer` (STA-5).
const WAITING_LABEL: &str = "Waiting on you";

/// A ticket type of that category.
pub(super) async fn ticket_type(stage: &Stage, name: &str, category: &str) -> Result<Value> {
    stage.api.post("/api/ticket_types", &json!({"name": name, "category": category})).await
}

/// The id of the type's state of that category.
fn state_of<'t>(ticket_type: &'t Value, category: &str) -> Result<&'t str> {
    let states = list(ticket_type, "/ticket_states/data")?;
    let found = states.iter().find(|state| is(state, "/category", category));
    text(found.with_context(|| format!("the type has no state {category}"))?, "/id")
}

async fn move_to(stage: &Stage, ticket: &str, state: &str) -> Result<Value> {
    stage.api.put(&format!("/api/tickets/{ticket}"), &json!({"ticket_state_id": state})).await
}

/// Converts, and changes the state twice: one mail says that the ticket is there, one the last state once it settled.
pub(super) async fn convert(stage: &Stage, conversation: &str) -> Result<(Told, ())> {
    let kind = ticket_type(stage, "Problem report", "Customer").await?;
    let body = json!({"ticket_type_id": text(&kind, "/id")?});
    let began_at = clock::instant();
    let ticket = stage.api.post(&format!("/api/conversations/{conversation}/convert"), &body).await?;
    ensure!(is(&ticket, "/id", conversation), "the ticket has another id: {ticket}");
    let number = text(&ticket, "/ticket_id")?;
    let made = text(last_part(&ticket, "converted_to_ticket")?, "/id")?;
    let submission = stage.mail_of(conversation, made).await?;
    let submitted = began_at.elapsed();
    ensure!(submission.text.contains(number), "the mail does not name ticket {number}: {:?}", submission.text);
    let changed_at = clock::instant();
    let first = move_to(stage, conversation, state_of(&kind, "in_progress")?).await?;
    let first = text(last_part(&first, "ticket_state_updated_by_admin")?, "/id")?.to_owned();
    move_to(stage, conversation, state_of(&kind, "waiting_on_customer")?).await?;
    let change = stage.mail_of(conversation, &first).await?;
    let settled = changed_at.elapsed();
    ensure!(change.text.contains(WAITING_LABEL), "the mail does not say {WAITING_LABEL:?}: {:?}", change.text);
    let words = format!("#{number} made of a conversation; submission mail after {} ms", ms(submitted));
    let settled_s = settled.as_secs_f64();
    let details = vec![format!("2 changes of state: 1 mail with the last one, once settled ({settled_s:.1} s)")];
    let facts = json!({"ticket_id": number, "submission_mail_ms": ms(submitted), "state_changes": 2,
        "state_mails": 1, "state_mail_ms": ms(settled)});
    Ok((Told { words, details, facts }, ()))
}

/// A work order linked to a messenger conversation: its change is told there, and not at the customer.
pub(super) async fn link_back_office(stage: &Stage, seat: &mut Seat) -> Result<(Told, ())> {
    let kind = ticket_type(stage, "Engineering", "Back-office").await?;
    seat.socket.events_so_far().await?;
    let order = json!({
        "ticket_type_id": text(&kind, "/id")?,
        "contacts": [],
        "ticket_attributes": {"_default_title_": INTERNAL_TITLE},
        "conversation_to_link_id": seat.conversation,
    });
    let ticket = stage.api.post("/api/tickets", &order).await?;
    move_to(stage, text(&ticket, "/id")?, state_of(&kind, "in_progress")?).await?;
    let conversation = stage.conversation(&seat.conversation).await?;
    let told = last_part(&conversation, "linked_ticket_state_updated")?;
    ensure!(is(told, "/deskgate/details/title", INTERNAL_TITLE), "the part does not name the ticket: {told}");
    ensure!(is(told, "/deskgate/details/to_label", "In progress"), "the part does not name the state: {told}");
    ensure!(list(told, "/deskgate/deliveries")?.is_empty(), "something is owed for it: {told}");
    let linked = list(&conversation, "/linked_objects/data")?;
    ensure!(linked.iter().any(|one| is(one, "/category", "Back-office")), "no link in {conversation}");
    let events = seat.socket.events_so_far().await?;
    ensure!(events.is_empty(), "the customer got {events:?}");
    let number = text(&ticket, "/ticket_id")?;
    let words = format!("#{number} linked; its change of state is told in the conversation");
    let facts = json!({"ticket_id": number, "customer_events": 0, "customer_mails": 0});
    let details = vec!["the customer's socket and mailbox got nothing of it".to_owned()];
    Ok((Told { words, details, facts }, ()))
}
