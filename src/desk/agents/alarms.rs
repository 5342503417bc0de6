//! Alarms: what only people can mend is said once per spell, by mail to every admin (EML-6).
//!
//! | killed | what is left | what follows |
//! |---|---|---|
//! | before the admins were told | the alarm, untold | they are told after the start |
//! | between the mails and the commit that says so | the same | they are told once more |
//!
//! **Invariant:** an alarm is told until it was told; what lasts is told once, however often it is raised.

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::mail::outbox::OutgoingMail;
use crate::desk::thread::draft::At;
use crate::domain::agent::Agent;
use crate::domain::agent::AgentRole;
use crate::domain::alarm::ALARM_NAME_BYTES_MAX;
use crate::domain::alarm::ALARM_WORDS_CHARS_MAX;
use crate::domain::alarm::Alarm;
use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::domain::event::MailboxStanding;
use crate::domain::id::DeliveryId;
use crate::mail::clean;
use crate::mail::compose::Automatic;
use crate::mail::compose::ComposeError;
use crate::mail::compose::Outgoing;
use crate::mail::compose::compose;
use crate::mail::message::NamedAddress;
use crate::mail::message::msg_id::MsgId;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::save::Change;
use crate::store::save::save;

impl Desk {
    /// Begins a spell, unless one of that name lasts; `true` when it is new. For the daemon.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn raise_alarm(&self, name: &str, words: &str) -> Result<bool> {
        let name: String = name.chars().take(ALARM_NAME_BYTES_MAX / 4).collect();
        let words = clean::line(words, ALARM_WORDS_CHARS_MAX);
        if self.inner.store.view(|tx| store::alarms::get(tx, &name))?.is_some() {
            return Ok(false);
        }
        let at = At::of(&self.inner.clock);
        let raised = self.inner.store.update(move |tx| {
            if store::alarms::get(&*tx, &name)?.is_some() {
                return Ok(false);
            }
            let alarm = Alarm { name: name.clone(), id: at.id(), words: words.clone(), since: at.now, told_at: None };
            store::alarms::put(tx, &alarm)?;
            Ok(true)
        });
        Ok(raised.await?)
    }

    /// Ends the spell of that name, if there is one. For the daemon.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn end_alarm(&self, name: &str) -> Result<()> {
        if self.inner.store.view(|tx| store::alarms::get(tx, name))?.is_none() {
            return Ok(());
        }
        let name = name.to_owned();
        Ok(self.inner.store.update(move |tx| store::alarms::end(tx, &name)).await?)
    }

    /// Notes how a mailbox is: a trouble begins its spell, being well ends both. What is news stands in the log
    /// (`MailboxChanged`). Returns whether it was. For the daemon.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn note_mailbox(&self, mailbox: &str, standing: MailboxStanding, words: &str) -> Result<bool> {
        let (spells, words) = (spells_of(mailbox), clean::line(words, ALARM_WORDS_CHARS_MAX));
        if !self.inner.store.view(|tx| is_news(tx, &spells, standing))? {
            return Ok(false);
        }
        let (mailbox, at) = (mailbox.to_owned(), At::of(&self.inner.clock));
        let noted = self.inner.store.update(move |tx| {
            if !is_news(&*tx, &spells, standing)? {
                return Ok(false);
            }
            for (of, name) in &spells {
                if *of == standing {
                    let (id, words) = (at.id(), words.clone());
                    let alarm = Alarm { name: name.clone(), id, words, since: at.now, told_at: None };
                    store::alarms::put(tx, &alarm)?;
                } else if standing == MailboxStanding::Connected {
                    store::alarms::end(tx, name)?;
                }
            }
            let event = Event {
                kind: EventKind::MailboxChanged { mailbox: mailbox.clone(), standing },
                thread: None,
                at: at.now,
                thread_state: None,
                ticket_state: None,
                cause: None,
            };
            save(tx, &Change { events: vec![event], ..Change::default() })?;
            Ok(true)
        });
        Ok(noted.await?)
    }

    /// Every alarm that lasts, by name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn alarms(&self) -> Result<Vec<Alarm>> {
        Ok(self.inner.store.view(store::alarms::all)?)
    }

    /// The mails that tell every admin of an alarm; equal each time they are asked for.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn alarm_mails(&self, alarm: &Alarm) -> Result<Vec<OutgoingMail>> {
        let agents = self.inner.store.view(store::agents::all)?;
        let admins = agents.iter().filter(|agent| agent.role == AgentRole::Admin && !agent.disabled);
        let mails = admins.filter_map(|admin| match self.alarm_mail(alarm, admin) {
            Ok(mail) => Some(mail),
            Err(error) => {
                tracing::error!(admin = %admin.id, %error, "a mail about an alarm cannot be written");
                None
            }
        });
        Ok(mails.collect())
    }

    fn alarm_mail(&self, alarm: &Alarm, admin: &Agent) -> std::result::Result<OutgoingMail, ComposeError> {
        let settings = self.settings();
        let from = &settings.main_address;
        let delivery = DeliveryId(alarm.id);
        let message_id = format!("alarm.{}.{}@{}", alarm.id, admin.id, from.address.domain());
        let text = format!(
            "{}\n\n{}\n\nThis is said once until it is mended. The state of everything: deskgate status, or\n{}\n",
            alarm.name, alarm.words, settings.public_url
        );
        let mail = Outgoing {
            from: NamedAddress { name: settings.workspace_name.clone(), address: from.address.clone() },
            reply_to: None,
            to: vec![NamedAddress { name: admin.name.clone(), address: admin.email.clone() }],
            cc: Vec::new(),
            subject: format!("Deskgate: {}", alarm.name),
            message_id: MsgId::parse(&message_id).unwrap_or_default(),
            in_reply_to: None,
            references: Vec::new(),
            date: alarm.since,
            text,
            html: None,
            automatic: Automatic::Generated,
            list_unsubscribe: None,
            marker: self.inner.keys.marker(delivery),
            files: Vec::new(),
        };
        Ok(OutgoingMail {
            delivery,
            reverse_path: from.address.clone(),
            recipient: admin.email.clone(),
            message_id,
            bytes: compose(&mail)?,
        })
    }

    /// The admins were told of this spell.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn alarm_was_told(&self, alarm: &Alarm) -> Result<()> {
        let (now, told) = (self.inner.clock.now(), alarm.clone());
        let written = self.inner.store.update(move |tx| {
            match store::alarms::get(&*tx, &told.name)? {
                // A spell that ended meanwhile, and perhaps another one began.
                Some(lasts) if lasts.id == told.id => {
                    store::alarms::put(tx, &Alarm { told_at: Some(now), ..told.clone() })
                }
                _ => Ok(()),
            }
        });
        Ok(written.await?)
    }
}

/// The names of a mailbox's two spells, with the trouble each is about.
fn spells_of(mailbox: &str) -> [(MailboxStanding, String); 2] {
    let named =
        |what: &str| -> String { format!("mailbox {mailbox} {what}").chars().take(ALARM_NAME_BYTES_MAX / 4).collect() };
    [(MailboxStanding::NeedsAuth, named("needs a new sign-in")), (MailboxStanding::Degraded, named("is degraded"))]
}

/// Whether a trouble has no spell yet, or being well ends one.
fn is_news(tx: &dyn ReadTx, spells: &[(MailboxStanding, String)], standing: MailboxStanding) -> store::Result<bool> {
    for (of, name) in spells {
        let lasts = store::alarms::get(tx, name)?.is_some();
        if (*of == standing && !lasts) || (standing == MailboxStanding::Connected && lasts) {
            return Ok(true);
        }
    }
    Ok(false)
}
