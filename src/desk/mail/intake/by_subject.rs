//! Mail that names no conversation but looks like one: by number, or by an equal subject (EML-32). Off unless an address
//! asks for it.
//!
//! **Invariant:** a subject leads only those to a conversation who take part in it, and never an agent: anybody can write
//! a number.

use crate::desk::Inner;
use crate::desk::mail::intake::by_agent::agent_of;
use crate::desk::mail::intake::reading::Reading;
use crate::desk::mail::intake::write::writer;
use crate::domain::delivery_class::DeliveryClass;
use crate::domain::id::Millis;
use crate::domain::id::ThreadId;
use crate::domain::thread::Thread;
use crate::mail::compose::base_subject;
use crate::store;
use crate::store::engine::ReadTx;
use std::time::Duration;

/// How long after its last change a conversation is found by its subject.
const FOUND_FOR: Duration = Duration::from_secs(30 * 86_400);
/// Conversations of a sender that are looked through.
const LOOKED_AT_MAX: usize = 50;
/// Contacts of one address that are looked at.
const CONTACTS_MAX: usize = 5;

impl Inner {
    /// The newest conversation of the sender that the subject means.
    pub(super) fn by_subject(&self, tx: &dyn ReadTx, reading: &Reading) -> store::Result<Option<ThreadId>> {
        let is_asked_for = self.settings.intake.subject_matching.contains(&reading.support);
        if !is_asked_for || reading.class != DeliveryClass::Human || agent_of(tx, reading)?.is_some() {
            return Ok(None);
        }
        let Some(writer) = writer(reading, self).filter(|writer| !self.is_ours(&writer.address)) else {
            return Ok(None);
        };
        let wanted = Wanted { numbers: numbers(&reading.message.subject), base: folded(&reading.message.subject) };
        let now = self.clock.now();
        let known = store::contacts::by_email(tx, &writer.address)?.into_iter();
        for contact in known.filter(|contact| contact.sends_from(&writer.address)).take(CONTACTS_MAX) {
            for thread in store::threads::of_contact(tx, contact.id, LOOKED_AT_MAX)? {
                let takes_part = thread.current_participants().any(|known| known.contact == contact.id);
                let is_open_to = takes_part && thread.is_customer_facing() && !thread.automatic;
                if is_open_to && wanted.means(tx, &thread, now)? && self.answers(tx, &thread, &reading.support)? {
                    return Ok(Some(thread.id));
                }
            }
        }
        Ok(None)
    }
}

/// What a subject says.
struct Wanted {
    numbers: Vec<u64>,
    base: String,
}

impl Wanted {
    fn means(&self, tx: &dyn ReadTx, thread: &Thread, now: Millis) -> store::Result<bool> {
        if thread.ticket.as_ref().is_some_and(|ticket| self.numbers.contains(&ticket.number)) {
            return Ok(true);
        }
        if self.base.is_empty() || now.since(thread.updated_at) > FOUND_FOR {
            return Ok(false);
        }
        if thread.title.as_deref().is_some_and(|title| folded(title) == self.base) {
            return Ok(true);
        }
        // A title may have been changed since.
        let first = store::parts::get(tx, thread.id, 1)?.and_then(|part| part.email);
        Ok(first.and_then(|email| email.subject).is_some_and(|subject| folded(&subject) == self.base))
    }
}

/// The subject without marks of answers, in lower case, with single spaces.
fn folded(subject: &str) -> String {
    let base = base_subject(subject).to_lowercase();
    base.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Every `#1234` of a subject that stands by itself.
fn numbers(subject: &str) -> Vec<u64> {
    let behind = subject.split('#').skip(1);
    let number = |rest: &str| {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (digits, next) = rest.split_at_checked(end)?;
        let stands_alone = !next.starts_with(|c: char| c.is_alphanumeric());
        digits.parse().ok().filter(|_| stands_alone)
    };
    behind.filter_map(number).take(10).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eml_32_numbers_stand_behind_a_hash_and_end_with_a_word() {
        for (subject, found) in [
            ("Re: [#12] late", &[12_u64][..]),
            ("#7, and #8!", &[7, 8]),
            ("12 or # 3", &[]),
            ("colour #12ab34", &[]),
            ("#99999999999999999999999", &[]),
        ] {
            assert_eq!(numbers(subject), found, "{subject}");
        }
        assert_eq!(folded("AW: Re:  Late   Parcel"), "late parcel");
    }
}
