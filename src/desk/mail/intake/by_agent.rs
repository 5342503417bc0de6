//! Mail from agents: their answers to notices, and what they forward by hand (EML-42, EML-46).
//!
//! **Invariant:** a mail counts as an agent's words only with a token of ours that is bound to this very agent and this
//! thread, and with a From that is proven; whatever lacks one of them is kept in quarantine and shown to nobody outside.

use crate::desk::Inner;
use crate::desk::access::author;
use crate::desk::mail::arrival::Accepted;
use crate::desk::mail::intake::place::Place;
use crate::desk::mail::intake::reading::Reading;
use crate::desk::mail::intake::write::Taken;
use crate::desk::mail::intake::write::email_facts;
use crate::desk::mail::intake::write::keep_row;
use crate::desk::mail::intake::write::row;
use crate::desk::thread::comments::open_for_comment;
use crate::desk::thread::comments::worded;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::Draft;
use crate::desk::thread::draft::conclude;
use crate::desk::thread::message::Ready;
use crate::domain::agent::Agent;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::delivery_class::DeliveryClass;
use crate::domain::id::IntakeId;
use crate::domain::id::ThreadId;
use crate::domain::intake::IntakeResult;
use crate::domain::part::PartKind;
use crate::mail::forward;
use crate::mail::html_text;
use crate::mail::message_id::Principal;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::save::Change;

/// The agent who seems to have written a mail by hand.
pub(super) fn agent_of(tx: &dyn ReadTx, reading: &Reading) -> store::Result<Option<Agent>> {
    let Some(from) = reading.message.from.first().filter(|_| reading.class == DeliveryClass::Human) else {
        return Ok(None);
    };
    Ok(store::agents::by_email(tx, &from.address)?.filter(|agent| !agent.disabled))
}

/// Why a mail in a thread is not taken as the words of the agent it says it is from.
pub(super) fn not_proven(reading: &Reading, agent: &Agent, thread: ThreadId) -> Option<&'static str> {
    let (tokens, ours) = (&reading.candidates.tokens, &reading.candidates.ours);
    let is_bound = |of: ThreadId, to: Principal| of == thread && to == Principal::Agent(agent.id);
    let by_token = tokens.iter().any(|claims| is_bound(claims.thread, claims.principal));
    let by_id = ours.iter().any(|claims| is_bound(claims.thread, claims.principal));
    if !by_token && !by_id {
        return Some(
            "an agent's answer by mail is taken only when it answers a notice to that agent; answer in the console",
        );
    }
    let verified = reading.authentication.as_ref().is_some_and(|found| found.from_verified);
    (!verified).then_some("an agent's answer by mail whose sender is not proven by DKIM, SPF or DMARC is not taken")
}

/// The mail as the one that was forwarded, if an agent forwarded it by hand; only for mail that begins a thread.
pub(super) fn forwarded(inner: &Inner, reading: &Reading, agent: Agent) -> Option<Reading> {
    let found = forward::read(&reading.message, |address| inner.is_ours(address))?;
    let mut as_written = reading.clone();
    as_written.message.subject = forward::subject(&reading.message.subject).to_owned();
    as_written.message.from = vec![found.author];
    as_written.message.reply_to.clear();
    as_written.body_html = html_text::text_to_html(&found.text);
    as_written.body_text = found.text;
    as_written.may_answer = false;
    as_written.forwarded_by = Some((agent, found.note));
    Some(as_written)
}

/// Adds what an agent wrote above a mail they forwarded, as a note.
pub(super) fn note_of_forward(tx: &mut dyn WriteTx, draft: &mut Draft, reading: &Reading) -> store::Result<()> {
    let Some((agent, note)) = reading.forwarded_by.as_ref().filter(|(_, note)| !note.is_empty()) else { return Ok(()) };
    let ready = Ready { html: html_text::text_to_html(note), text: note.clone(), ..Ready::default() };
    draft.add(worded(tx, &ready, PartKind::Note, author(&caller(agent)))?);
    Ok(())
}

impl Inner {
    /// Takes an agent's proven answer in: a comment, or a note where no customer reads (EML-46).
    pub(super) fn agent_answers(
        &self,
        tx: &mut dyn WriteTx,
        (taken, reading): (&Taken, &Reading),
        (place, thread): (&Place, ThreadId),
        agent: &Agent,
        id: IntakeId,
        at: &At,
    ) -> store::Result<Accepted> {
        let caller = caller(agent);
        let ready = Ready {
            html: reading.body_html.clone(),
            text: reading.body_text.clone(),
            attachments: reading.attachments.clone(),
            ..Ready::default()
        };
        let (mut draft, part) = match open_for_comment(&*tx, thread, at) {
            Ok(mut draft) => {
                let part = self.say(tx, &mut draft, &caller, &ready)?;
                (draft, part)
            }
            Err(store::Error::Refused(_)) => {
                let mut draft = Draft::open_merged(&*tx, thread, at)?;
                let part = draft.add(worded(tx, &ready, PartKind::Note, author(&caller))?);
                (draft, part)
            }
            Err(error) => return Err(error),
        };
        draft.came_by_mail(part.id, &email_facts(taken, reading, place, reading.class, None));
        let thread = draft.thread.id;
        conclude(tx, vec![draft], Change::default())?;
        for message_id in reading.candidates.all_ids() {
            store::message_ids::put(tx, message_id.as_str(), thread)?;
        }
        let result = IntakeResult::Part { thread, part: part.id, placed_by: place.by };
        keep_row(tx, &row(taken, Some(reading), id, result, at))?;
        Ok(Accepted::Part { thread, part: part.id, new_thread: false })
    }
}

fn caller(agent: &Agent) -> Caller {
    Caller { agent: agent.id, name: agent.name.clone(), role: agent.role, scopes: Scope::ALL.to_vec() }
}
