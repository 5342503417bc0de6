//! Conversations that a late mail shows to be one (EML-31): an answer came before what it answers, began a conversation
//! of its own, and now the mail between the two arrives. They are merged, visibly, and it can be undone (MRG-4).
//!
//! **Invariant:** nobody gets to read by this what they would not have got in the order in which it was written: people
//! of the other conversation join as external senders, from now on (EML-33); of machines' mail nobody joins. A mail joins
//! conversations only by its own Message-ID, which the other one named before; what it names itself joins nothing but
//! machines' mail. Work of agents on both sides, or a ticket, leaves it to an agent.

use crate::desk::Inner;
use crate::desk::mail::intake::reading::Reading;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::Draft;
use crate::desk::thread::merging::Brought;
use crate::desk::thread::merging::MERGED_MAX;
use crate::domain::id::ThreadId;
use crate::domain::part::Author;
use crate::domain::refusal::Refusal;
use crate::domain::thread::PARTICIPANTS_MAX;
use crate::domain::thread::Thread;
use crate::mail::message::msg_id::MsgId;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;

/// Ids of one mail that are looked up.
const IDS_MAX: usize = 50;
/// Conversations that one mail joins with its own.
const JOINED_MAX: usize = store::message_ids::THREADS_MAX;

impl Inner {
    /// Merges what belongs together with the conversation that a mail was just added to.
    pub(super) fn join_late(
        &self,
        tx: &mut dyn WriteTx,
        thread: ThreadId,
        reading: &Reading,
        at: &At,
    ) -> store::Result<()> {
        if self.settings.trust.strict_senders.contains(&reading.support) {
            return Ok(());
        }
        let ids = &reading.candidates;
        let own: Vec<&MsgId> = std::iter::once(&ids.own_id).chain(&ids.other_ids).collect();
        let named: Vec<&MsgId> = if reading.class.is_silent() {
            ids.in_reply_to.iter().chain(&ids.references).collect()
        } else {
            Vec::new()
        };
        let mut joined = 0;
        for id in own.into_iter().chain(named).take(IDS_MAX) {
            for other in store::message_ids::threads_of(&*tx, id.as_str())? {
                if other != thread && joined < JOINED_MAX {
                    joined += usize::from(self.join_two(tx, (thread, other), at)?);
                }
            }
        }
        Ok(())
    }

    fn join_two(&self, tx: &mut dyn WriteTx, (one, other): (ThreadId, ThreadId), at: &At) -> store::Result<bool> {
        let one = Draft::open_merged(&*tx, one, at)?;
        let other = match Draft::open_merged(&*tx, other, at) {
            Err(store::Error::Refused(Refusal::NotFound { .. })) => return Ok(false),
            other => other?,
        };
        if one.thread.id == other.thread.id || !self.may_be_one(&*tx, &one.thread, &other.thread)? {
            return Ok(false);
        }
        // Where agents are at work, or where it began, it goes on.
        let rank =
            |thread: &Thread| (thread.automatic, thread.teammates.is_empty() && thread.ticket.is_none(), thread.id);
        let (primary, secondary) = if rank(&one.thread) <= rank(&other.thread) { (one, other) } else { (other, one) };
        let brought = if secondary.thread.automatic { Brought::Nobody } else { Brought::AsExternal };
        self.merge_in(tx, secondary, primary, &Author::Bot, brought)?;
        Ok(true)
    }

    fn may_be_one(&self, tx: &dyn ReadTx, one: &Thread, other: &Thread) -> store::Result<bool> {
        let is_untouched = |thread: &Thread| thread.teammates.is_empty() && thread.ticket.is_none();
        let is_free = |thread: &Thread| thread.is_customer_facing() && thread.merged_into.is_none();
        let fits = one.participants.len() + other.participants.len() <= PARTICIPANTS_MAX;
        let sound = is_free(one) && is_free(other) && (is_untouched(one) || is_untouched(other)) && fits;
        Ok(sound
            && self.together(tx, &self.support_address(one).address, &self.support_address(other).address)?
            && store::threads::merged_into(tx, one.id, MERGED_MAX)?.len() < MERGED_MAX
            && store::threads::merged_into(tx, other.id, MERGED_MAX)?.len() < MERGED_MAX)
    }
}
