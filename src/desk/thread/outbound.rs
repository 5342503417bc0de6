//! Messages that agents begin (API-28).

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::require;
use crate::desk::people::contacts::ContactRef;
use crate::desk::thread::comments::Posted;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::Draft;
use crate::desk::thread::draft::conclude;
use crate::desk::thread::message::NewMessage;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::id::ThreadId;
use crate::domain::refusal::Refusal;
use crate::domain::thread::PARTICIPANTS_MAX;
use crate::domain::thread::Thread;
use crate::store;
use crate::store::save::Change;

/// A message to somebody who has not written.
#[derive(Clone, Debug)]
pub struct Outbound {
    /// To whom.
    pub to: ContactRef,
    /// Who else takes part.
    pub copies: Vec<ContactRef>,
    /// Mail, or the messenger with a mail when it is not seen.
    pub channel: ChannelKind,
    /// What it says; its title is the subject.
    pub message: NewMessage,
    /// Agents see a conversation at once, else when the contact replies.
    pub is_conversation: bool,
}

impl Desk {
    /// Sends a message as the caller. Scope `write_conversations`. Events as for a conversation that begins with an
    /// agent's comment; agents' readers have it once the contact replies, or at once where that is asked for.
    ///
    /// # Errors
    /// `NotFound` and `Conflict` for the contact; `parameter_invalid` for a mail to somebody without address.
    pub async fn send_message(&self, caller: &Caller, new: Outbound) -> Result<Posted> {
        require(caller, &[Scope::WriteConversations])?;
        let ready = self.ready(new.message.clone()).await?;
        if new.copies.len() >= PARTICIPANTS_MAX {
            return Err(Refusal::invalid("cc", format!("at most {PARTICIPANTS_MAX} recipients")).into());
        }
        let (inner, caller, at) = (self.inner.clone(), caller.clone(), At::of(&self.inner.clock));
        let sent = self.inner.store.update(move |tx| {
            let mut thread = Thread::new(ThreadId(at.id()), new.channel, at.now);
            thread.support_address = Some(inner.support_address(&thread).address.clone());
            thread.title.clone_from(&ready.title);
            thread.awaits_contact = !new.is_conversation;
            for (field, who) in [("to", &new.to)].into_iter().chain(new.copies.iter().map(|copy| ("cc", copy))) {
                let contact = inner.outsider(tx, field, who, &at)?;
                if new.channel == ChannelKind::Email && contact.email.is_none() {
                    return Err(store::Error::Refused(Refusal::invalid(field, "this contact has no email address")));
                }
                thread.join(contact.id, false, 1);
            }
            let mut draft = Draft::begin(thread, &at);
            let part = inner.say(tx, &mut draft, &caller, &ready)?;
            let seq = conclude(tx, vec![draft], Change::default())?;
            Ok(Posted { thread: part.thread, part: part.id, part_seq: part.seq, seq, repeated: false })
        });
        Ok(sent.await?)
    }
}
