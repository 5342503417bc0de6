//! Mail that comes in: new, as an answer, once more, our own, unreadable; by LMTP and from a mailbox.

use crate::desk_workload::DeskWorkload;
use crate::desk_workload::Life;
use crate::desk_workload::book::Sort;
use crate::desk_workload::book::Speaker;
use crate::desk_workload::book::mark;
use crate::desk_workload::book::pick;
use crate::desk_workload::image::MAILBOX;
use crate::desk_workload::image::SUPPORT;
use crate::desk_workload::image::UID_VALIDITY;
use crate::desk_workload::image::address;
use crate::desk_workload::stop_mail;
use crate::workload::Stop;
use deskgate::desk::mail::arrival::Accepted;
use deskgate::desk::mail::arrival::Arrival;
use deskgate::desk::mail::arrival::ArrivalSource;
use deskgate::desk::mail::arrival::MailDoor;
use deskgate::domain::id::ThreadId;

/// Customers who write from nowhere.
const CUSTOMERS: u64 = 4;

impl DeskWorkload {
    pub(super) async fn mail_in(&mut self, life: &Life) -> Result<(), Stop> {
        match self.rng.below(20) {
            0..=6 => {
                let n = self.new_mail();
                self.deliver(life, n, "new mail").await
            }
            7..=12 => {
                let n = self.answer();
                self.deliver(life, n, "mail that answers").await
            }
            13..=17 => match self.some_mail() {
                Some(n) => self.deliver(life, n, "mail once more").await,
                None => Ok(()),
            },
            18 => self.own_mail(life).await,
            _ => self.unreadable_mail(life).await,
        }
    }

    fn new_mail(&mut self) -> usize {
        let from = format!("c{}@example.com", self.rng.below(CUSTOMERS));
        self.write_mail(&from, "", None)
    }

    /// An answer to a customer's mail, or to one of ours that the relay has, by the customer whose thread it is.
    fn answer(&mut self) -> usize {
        let known = self.book.some_thread(&mut self.rng);
        let theirs = self.book.words.iter().filter(|word| word.thread == Some(known.thread));
        let theirs = theirs.filter_map(|word| match &word.sort {
            Sort::Mail { message_id, .. } => Some(message_id),
            Sort::Post { .. } | Sort::Comment | Sort::Note { .. } => None,
        });
        let ours = self.book.handed.values().filter(|handed| handed.taken > 0 && handed.thread == known.thread);
        let ids: Vec<String> = theirs.chain(ours.map(|handed| &handed.message_id)).cloned().collect();
        if ids.is_empty() {
            return self.new_mail();
        }
        let id = &ids[pick(&mut self.rng, ids.len())];
        self.write_mail(&known.address, &format!("In-Reply-To: <{id}>\r\n"), Some(known.thread))
    }

    fn write_mail(&mut self, from: &str, fields: &str, joins: Option<ThreadId>) -> usize {
        let (n, seed) = (self.book.words.len(), self.seed);
        let message_id = format!("m{n}@s{seed}.example.com");
        let uid = (self.rng.below(3) == 0).then_some(self.book.next_uid);
        self.book.next_uid += u32::from(uid.is_some());
        let raw = format!(
            "To: {SUPPORT}\r\nFrom: Cust <{from}>\r\nSubject: Question {n}\r\nMessage-ID: <{message_id}>\r\n{fields}\r\n\
             {} Where is my invoice?\r\n",
            mark(n)
        );
        let speaker = Speaker::Customer { address: from.to_owned(), contact: None };
        self.book.say(Sort::Mail { raw, message_id, uid, joins }, speaker)
    }

    /// A mail that was tried before; one without an answer first, as its sender does.
    fn some_mail(&mut self) -> Option<usize> {
        let is_mail = |n: &usize| matches!(self.book.words[*n].sort, Sort::Mail { .. });
        let mails: Vec<usize> = (0..self.book.words.len()).filter(is_mail).collect();
        let unanswered = mails.iter().find(|n| self.book.words[**n].thread.is_none());
        match unanswered {
            Some(n) => Some(*n),
            None if mails.is_empty() => None,
            None => Some(mails[pick(&mut self.rng, mails.len())]),
        }
    }

    async fn deliver(&mut self, life: &Life, n: usize, kind: &'static str) -> Result<(), Stop> {
        let Sort::Mail { raw, uid, joins, .. } = self.book.words[n].sort.clone() else { return Ok(()) };
        self.book.arrivals.attempted += 1;
        let accepted = life.desk.accept(arrival(raw.into_bytes(), uid)).await.map_err(stop_mail)?;
        let before = self.book.words[n].thread;
        let (thread, part) = match accepted {
            Accepted::Part { thread, part, new_thread } if before.is_none() => {
                self.book.arrivals.part += 1;
                if joins.is_some_and(|joins| joins != thread) || joins.is_none() != new_thread {
                    return Err(Stop::Broken(format!("mail {n} is in {thread}, not in {joins:?}")));
                }
                (thread, Some(part))
            }
            Accepted::Duplicate(thread) => {
                // What a mailbox brings again is known by its UID and leaves no row.
                self.book.arrivals.duplicate += u64::from(uid.is_none());
                (thread, None)
            }
            other => return Err(Stop::Broken(format!("mail {n} became {other:?}"))),
        };
        self.book.heard(n, thread, part)?;
        self.book.done(kind);
        Ok(())
    }

    /// A mail that the relay took comes back to us.
    async fn own_mail(&mut self, life: &Life) -> Result<(), Stop> {
        let sent: Vec<_> = self.book.handed.values().filter(|handed| handed.taken > 0).collect();
        if sent.is_empty() {
            return Ok(());
        }
        let raw = sent[pick(&mut self.rng, sent.len())].bytes.clone();
        self.book.arrivals.attempted += 1;
        match life.desk.accept(arrival(raw, None)).await.map_err(stop_mail)? {
            Accepted::Own => self.book.arrivals.own += 1,
            other => return Err(Stop::Broken(format!("our own mail became {other:?}"))),
        }
        self.book.done("own mail");
        Ok(())
    }

    async fn unreadable_mail(&mut self, life: &Life) -> Result<(), Stop> {
        let raw = format!("\r\n\r\n{}", " ".repeat(self.book.arrivals.attempted as usize)).into_bytes();
        self.book.arrivals.attempted += 1;
        match life.desk.accept(arrival(raw, None)).await.map_err(stop_mail)? {
            Accepted::Quarantined(_) => self.book.arrivals.quarantined += 1,
            other => return Err(Stop::Broken(format!("an unreadable mail became {other:?}"))),
        }
        self.book.done("unreadable mail");
        Ok(())
    }
}

fn arrival(raw: Vec<u8>, uid: Option<u32>) -> Arrival {
    let source = match uid {
        Some(uid) => {
            let mailbox = MAILBOX.to_owned();
            ArrivalSource::Imap {
                mailbox,
                uid_validity: UID_VALIDITY,
                uid,
                default_address: None,
                follow_up: false,
                stands_for_bytes: None,
            }
        }
        None => ArrivalSource::Lmtp { peer: "127.0.0.1:1 test".to_owned() },
    };
    let recipients = if uid.is_some() { Vec::new() } else { vec![address(SUPPORT)] };
    Arrival { source, reverse_path: None, recipients, raw }
}
