//! Messages: fetched, handed in, and then done with in the folder as configured.

use crate::channel::imap::client::Client;
use crate::channel::imap::error::ImapError;
use crate::channel::imap::folder_name::quoted_folder;
use crate::channel::imap::memory::Memory;
use crate::channel::imap::options::After;
use crate::channel::imap::round::Reader;
use crate::channel::imap::round::Stop;
use crate::channel::imap::round::TAKEN_AT_ONCE_MAX;
use crate::channel::imap::round::at_the_door;
use crate::channel::imap::too_large::stand_in;
use crate::desk::mail::arrival::Arrival;
use crate::desk::mail::arrival::ArrivalSource;
use crate::desk::mail::arrival::MailDoor;
use crate::desk::mail::arrival::NotAccepted;
use crate::domain::mailbox_cursor::ImapFeature;
use std::collections::BTreeMap;

/// So many messages are worth fetching several with one FETCH.
const MANY: usize = 8;
/// Most messages that are fetched and handed in together, and their bytes as the server tells them.
const TOGETHER_MAX: usize = 50;
const TOGETHER_BYTES_MAX: u64 = 4 << 20;
/// A larger one is fetched by itself.
const SMALL_BYTES_MAX: u64 = 256 << 10;

/// What the server gave for a message.
#[derive(Debug)]
enum Had {
    Whole(Vec<u8>),
    /// What stands in for a message of so many bytes.
    StandIn(Vec<u8>, u64),
    /// Listed, and not to be had this time.
    Nothing,
    /// No longer there.
    Gone,
}

/// A message in hand.
#[derive(Debug)]
struct InHand {
    uid: u32,
    /// Whether something is to be done with it in the folder.
    follow_up: bool,
    arrival: Arrival,
}

impl<D: MailDoor> Reader<'_, D> {
    /// Takes messages in; how many are done now. Many are fetched and handed in together: a folder that is read for the
    /// first time waits neither for a round trip nor for a sync with each of its messages.
    pub(super) async fn take_all(&mut self, uids: &[u32], sizes: &BTreeMap<u32, u64>) -> Result<usize, Stop> {
        let mut done = 0;
        for together in self.grouped(uids, sizes) {
            let mut in_hand = Vec::with_capacity(together.len());
            let gone = self.fetch_group(&together, sizes, &mut in_hand).await;
            done += self.hand_in(in_hand).await?;
            done += gone?;
        }
        Ok(done)
    }

    /// Which of `uids` are fetched with one FETCH, in order.
    fn grouped(&self, uids: &[u32], sizes: &BTreeMap<u32, u64>) -> Vec<Vec<u32>> {
        let mut groups: Vec<Vec<u32>> = Vec::new();
        let mut bytes_left = 0;
        for uid in uids {
            let small = sizes.get(uid).filter(|bytes| **bytes <= SMALL_BYTES_MAX);
            let small = small.filter(|_| uids.len() >= MANY && self.memory.may_be_with_others(*uid));
            match (small, groups.last_mut()) {
                (Some(bytes), Some(group)) if *bytes <= bytes_left && group.len() < TOGETHER_MAX => {
                    bytes_left -= bytes;
                    group.push(*uid);
                }
                _ => {
                    bytes_left = small.map_or(0, |bytes| TOGETHER_BYTES_MAX.saturating_sub(*bytes));
                    groups.push(vec![*uid]);
                }
            }
        }
        groups
    }

    /// Fetches the messages of a group; how many are gone. Those fetched before one that ended the connection are in hand
    /// all the same.
    async fn fetch_group(
        &mut self,
        uids: &[u32],
        sizes: &BTreeMap<u32, u64>,
        in_hand: &mut Vec<InHand>,
    ) -> Result<usize, Stop> {
        let mut gone = 0;
        let mut fetched = self.fetch_together(uids).await?;
        for uid in uids {
            let had = match fetched.remove(uid).filter(|raw| !raw.is_empty()) {
                Some(raw) => Had::Whole(raw),
                None => self.have(*uid, sizes.get(uid).copied()).await?,
            };
            match had {
                Had::Whole(raw) => in_hand.push(self.in_hand(*uid, raw, None)),
                Had::StandIn(raw, bytes) => in_hand.push(self.in_hand(*uid, raw, Some(bytes))),
                Had::Nothing => self.could_not_have(*uid),
                Had::Gone => {
                    self.set_done(&[(*uid, *uid)]).await?;
                    gone += 1;
                }
            }
        }
        Ok(gone)
    }

    /// What one FETCH gives of several messages. Where it fails, each of them is fetched by itself from then on, so that it
    /// is known which of them is the cause.
    async fn fetch_together(&mut self, uids: &[u32]) -> Result<BTreeMap<u32, Vec<u8>>, Stop> {
        if uids.len() < 2 {
            return Ok(BTreeMap::new());
        }
        match self.client.fetch_messages(uids, SMALL_BYTES_MAX.saturating_mul(2)).await {
            Ok(fetched) => Ok(fetched),
            Err(ImapError::Draining) => Err(ImapError::Draining.into()),
            Err(error) => {
                tracing::warn!(mailbox = self.options.name, %error, "messages are fetched one by one after this");
                self.memory.failed_together(uids);
                if error.is_refusal() { Ok(BTreeMap::new()) } else { Err(error.into()) }
            }
        }
    }

    fn could_not_have(&mut self, uid: u32) {
        tracing::warn!(mailbox = self.options.name, uid, "the server lists a message and does not give it");
        self.publisher.note(&format!("message with UID {uid} is listed and cannot be fetched"));
        self.memory.had_trouble(uid);
    }

    fn in_hand(&self, uid: u32, raw: Vec<u8>, stands_for_bytes: Option<u64>) -> InHand {
        let removes_the_only_copy = stands_for_bytes.is_some() && self.options.after == After::Delete;
        let follow_up = self.options.changes_folder() && !removes_the_only_copy;
        InHand { uid, follow_up, arrival: self.arrival(uid, raw, follow_up, stands_for_bytes) }
    }

    /// Hands messages in and does with them in the folder as configured; how many are done.
    async fn hand_in(&mut self, in_hand: Vec<InHand>) -> Result<usize, Stop> {
        let (sent, arrivals): (Vec<_>, Vec<_>) =
            in_hand.into_iter().map(|one| ((one.uid, one.follow_up), one.arrival)).unzip();
        let (options, door) = (self.options, self.door);
        let outcomes = at_the_door(options, async { Ok(door.accept_all(arrivals).await) }).await?;
        let (mut taken, mut owed, mut stopped) = (0, Vec::new(), None);
        for ((uid, follow_up), outcome) in sent.into_iter().zip(outcomes) {
            match outcome {
                Ok(accepted) => {
                    tracing::debug!(mailbox = options.name, uid, ?accepted, "taken in");
                    self.is_taken(uid);
                    owed.extend(follow_up.then_some(uid));
                    taken += 1;
                }
                Err(NotAccepted::Policy(reason)) => self.was_refused(uid, &reason),
                Err(other) => stopped = stopped.or(Some(Stop::Door(other))),
            }
        }
        owed.iter().for_each(|uid| self.cursor.owe(*uid));
        for uid in owed {
            self.pay(uid).await?;
        }
        stopped.map_or(Ok(taken), Err)
    }

    fn is_taken(&mut self, uid: u32) {
        self.cursor.add(uid);
        self.memory.is_done(uid);
        self.publisher.took_one();
    }

    fn was_refused(&mut self, uid: u32, reason: &str) {
        tracing::error!(mailbox = self.options.name, uid, reason, "refused by the desk, left in the mailbox");
        self.publisher.note(&format!("message with UID {uid}: {reason}"));
        self.memory.was_refused(uid);
    }

    fn arrival(&self, uid: u32, raw: Vec<u8>, follow_up: bool, stands_for_bytes: Option<u64>) -> Arrival {
        let source = ArrivalSource::Imap {
            mailbox: self.options.name.clone(),
            uid_validity: self.cursor.uid_validity,
            uid,
            default_address: self.options.default_address.clone(),
            follow_up,
            stands_for_bytes,
        };
        Arrival { source, reverse_path: None, recipients: Vec::new(), raw }
    }

    async fn have(&mut self, uid: u32, size_bytes: Option<u64>) -> Result<Had, Stop> {
        let bytes_max = self.options.message_bytes_max;
        if self.memory.is_too_large(uid) || size_bytes.is_some_and(|bytes| bytes > bytes_max) {
            let fetched = self.client.fetch_header(uid).await;
            let bytes = size_bytes.unwrap_or(bytes_max).max(bytes_max.saturating_add(1));
            let header = self.unless_refused(uid, fetched)?;
            return match header.filter(|header| !header.is_empty()) {
                Some(header) => Ok(Had::StandIn(stand_in(&header, bytes, bytes_max), bytes)),
                None => self.gone_or_nothing(uid).await,
            };
        }
        let fetched = self.client.fetch_message(uid, bytes_max).await;
        match self.unless_refused(uid, fetched)? {
            // Some servers give an empty body for what they cannot read any more.
            Some(raw) if !raw.is_empty() || size_bytes == Some(0) => Ok(Had::Whole(raw)),
            _ => self.gone_or_nothing(uid).await,
        }
    }

    /// A refused FETCH is a message that cannot be had; a broken connection is remembered against the message, so that
    /// one that breaks it every time does not stand before the others.
    fn unless_refused<T>(&mut self, uid: u32, fetched: Result<Option<T>, ImapError>) -> Result<Option<T>, Stop> {
        match fetched {
            Ok(fetched) => Ok(fetched),
            Err(error) if error.is_refusal() => Ok(None),
            Err(ImapError::Draining) => Err(ImapError::Draining.into()),
            Err(error) => {
                if matches!(error, ImapError::TooLarge { .. }) && !self.memory.is_too_large(uid) {
                    self.memory.is_found_too_large(uid);
                } else {
                    self.memory.had_trouble(uid);
                }
                Err(error.into())
            }
        }
    }

    async fn gone_or_nothing(&mut self, uid: u32) -> Result<Had, Stop> {
        if !self.memory.may_use(ImapFeature::Search) {
            return Ok(Had::Nothing);
        }
        let still_there = self.client.search(&uid.to_string()).await?.contains(&uid);
        Ok(if still_there { Had::Nothing } else { Had::Gone })
    }

    /// Does the follow-up actions that an earlier connection or process left undone, some at each look. Doing one again
    /// changes nothing: the flag is set, or the UID is gone.
    pub(super) async fn pay_what_is_owed(&mut self) -> Result<(), Stop> {
        if self.only_read {
            return Ok(());
        }
        let owed = self.cursor.owed.iter().flat_map(|(first, last)| *first..=*last);
        for uid in owed.take(TAKEN_AT_ONCE_MAX).collect::<Vec<_>>() {
            if self.options.changes_folder() {
                self.pay(uid).await?;
            } else {
                self.cursor.paid(uid);
                self.paid_unsaved = true;
            }
        }
        self.save_what_was_paid().await
    }

    /// Stores which follow-up actions are done; killed before, they are done once more.
    pub(super) async fn save_what_was_paid(&mut self) -> Result<(), Stop> {
        if self.paid_unsaved {
            at_the_door(self.options, self.door.set_mailbox_cursor(&self.options.name, self.cursor.clone())).await?;
            self.paid_unsaved = false;
        }
        Ok(())
    }

    /// Does the follow-up action of one message, or leaves it owed where nothing may be changed. A refusal costs nothing but
    /// the action.
    async fn pay(&mut self, uid: u32) -> Result<(), Stop> {
        if self.only_read {
            return Ok(());
        }
        match follow_up(self.client, self.memory, &self.options.after, uid).await {
            Ok(()) => {
                self.memory.is_paid(uid);
                self.cursor.paid(uid);
                self.paid_unsaved = true;
            }
            Err(error) if error.is_refusal() => {
                let again = self.memory.is_refused_payment(uid);
                if !again {
                    self.cursor.paid(uid);
                    self.paid_unsaved = true;
                }
                tracing::warn!(mailbox = self.options.name, uid, %error, again, "taken in, but left in the folder");
                self.publisher.note(&format!("message with UID {uid} was taken in and left in the folder: {error}"));
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

async fn follow_up(client: &mut Client, memory: &mut Memory, after: &After, uid: u32) -> Result<(), ImapError> {
    match after {
        After::Keep => Ok(()),
        After::Seen => client.simple("mark as seen", &format!("UID STORE {uid} +FLAGS.SILENT (\\Seen)")).await,
        After::Delete => client.remove(&[uid]).await,
        After::Move(folder) => {
            let folder =
                quoted_folder(folder).ok_or(ImapError::Unsafe("the folder's name holds control characters"))?;
            if client.can("MOVE") && memory.may_use(ImapFeature::Move) {
                match into_folder(client, "MOVE", uid, &folder).await {
                    Err(ImapError::Bad { .. }) => memory.refuses(ImapFeature::Move),
                    done => return done,
                }
            }
            into_folder(client, "COPY", uid, &folder).await?;
            client.remove(&[uid]).await
        }
    }
}

/// `UID MOVE` or `UID COPY`; makes the folder when the server says that is what is missing (RFC 9051 §7.1, TRYCREATE).
async fn into_folder(client: &mut Client, verb: &str, uid: u32, folder: &str) -> Result<(), ImapError> {
    let line = format!("UID {verb} {uid} {folder}");
    match client.simple("move", &line).await {
        Err(ImapError::No { code: Some(code), .. }) if code.eq_ignore_ascii_case("TRYCREATE") => {
            client.simple("make folder", &format!("CREATE {folder}")).await?;
            client.simple("move", &line).await
        }
        done => done,
    }
}
