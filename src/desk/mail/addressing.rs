//! To, Cc, Bcc and subject of one message of an agent (EML-60, PAR-1, PAR-5).
//!
//! **Invariant:** an envelope that was chosen is the whole of it: nobody else gets that mail, and nobody in Bcc is named to
//! anybody or takes part in the thread because of it.

use crate::desk::Inner;
use crate::desk::mail::notify::recipients;
use crate::desk::people::contacts::ContactRef;
use crate::desk::thread::draft::Draft;
use crate::desk::thread::participants::join;
use crate::domain::attribute::STRING_CHARS_MAX;
use crate::domain::delivery::DeliveryKind;
use crate::domain::id::AgentId;
use crate::domain::mailing::Mailing;
use crate::domain::mailing::RecipientField;
use crate::domain::part::Author;
use crate::domain::part::Part;
use crate::domain::refusal::Refusal;
use crate::domain::thread::PARTICIPANTS_MAX;
use crate::mail::clean;
use crate::mail::message::NamedAddress;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;

/// The envelope a message asks for. With nothing in it, the message goes to everybody as usual.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addressing {
    /// Subject of this mail alone, at most 255 characters.
    pub subject: Option<String>,
    /// To; `None` is everybody who takes part and is named in no other field.
    pub to: Option<Vec<ContactRef>>,
    /// Cc.
    pub cc: Vec<ContactRef>,
    /// Bcc.
    pub bcc: Vec<ContactRef>,
}

impl Addressing {
    /// Whether the agent chose anything.
    #[must_use]
    pub fn is_chosen(&self) -> bool {
        *self != Self::default()
    }
}

impl Inner {
    /// Makes an envelope of what a message asks for: unknown addresses become leads, whoever is in To or Cc takes part from
    /// now on (PAR-1), and who was left out stays a participant (PAR-5).
    pub(crate) fn addressed(
        &self,
        tx: &mut dyn WriteTx,
        draft: &mut Draft,
        asked: &Addressing,
        by: &Author,
    ) -> store::Result<Option<Mailing>> {
        if !asked.is_chosen() {
            return Ok(None);
        }
        let mut mailing = Mailing { subject: subject(asked)?, recipients: Vec::new() };
        if asked.to.is_none() && asked.cc.is_empty() && asked.bcc.is_empty() {
            return Ok(Some(mailing));
        }
        let fields = [
            (RecipientField::To, asked.to.as_deref().unwrap_or_default()),
            (RecipientField::Cc, &asked.cc),
            (RecipientField::Bcc, &asked.bcc),
        ];
        for (field, who) in fields.iter().flat_map(|(field, all)| all.iter().map(move |who| (*field, who))) {
            self.name(tx, draft, &mut mailing, (field, who), by)?;
        }
        if asked.to.is_none() {
            let everybody = recipients(&*tx, &draft.thread)?.into_iter();
            let unnamed = everybody.filter(|(known, contact)| !known.external && contact.email.is_some());
            let unnamed: Vec<_> = unnamed.filter(|(_, contact)| mailing.field_of(contact.id).is_none()).collect();
            let to = unnamed.into_iter().map(|(_, contact)| (RecipientField::To, contact.id));
            mailing.recipients.splice(0..0, to);
        }
        if mailing.named_in(RecipientField::To).next().is_none() {
            return Err(refused(RecipientField::To, "a mail needs somebody in 'to'"));
        }
        if mailing.recipients.len() > PARTICIPANTS_MAX {
            return Err(refused(RecipientField::To, &format!("at most {PARTICIPANTS_MAX} recipients")));
        }
        Ok(Some(mailing))
    }

    fn name(
        &self,
        tx: &mut dyn WriteTx,
        draft: &mut Draft,
        mailing: &mut Mailing,
        (field, who): (RecipientField, &ContactRef),
        by: &Author,
    ) -> store::Result<()> {
        let contact = self.outsider(tx, field.as_str(), who, &draft.at)?;
        if contact.email.is_none() {
            return Err(refused(field, "this contact has no email address"));
        }
        if mailing.field_of(contact.id).is_some() {
            return Ok(());
        }
        if field != RecipientField::Bcc {
            join(draft, contact.id, by)?;
        }
        mailing.recipients.push((field, contact.id));
        Ok(())
    }

    /// What is owed for a message with an envelope: a mail of its own at once for each that is named; with a subject alone,
    /// for everybody as without it. Nothing is added to it later.
    pub(crate) fn owe_addressed(
        &self,
        tx: &mut dyn WriteTx,
        draft: &mut Draft,
        part: &Part,
        mailing: &Mailing,
        agent: AgentId,
    ) -> store::Result<()> {
        if draft.silent {
            return Ok(());
        }
        let kind = DeliveryKind::Reply { parts: vec![part.id] };
        if mailing.recipients.is_empty() {
            for (participant, contact) in recipients(&*tx, &draft.thread)? {
                let due_at = draft.at.now.plus(self.reply_delay(&draft.thread, &participant, &contact));
                draft.owed.push(self.owed(draft, &contact, Some(agent), kind.clone(), due_at));
            }
            return Ok(());
        }
        for (_, contact) in &mailing.recipients {
            let contact = crate::desk::people::contacts::known(&*tx, *contact)?;
            let owed = self.owed(draft, &contact, Some(agent), kind.clone(), draft.at.now);
            draft.owed.push(owed);
        }
        Ok(())
    }
}

fn subject(asked: &Addressing) -> store::Result<Option<String>> {
    let Some(subject) = asked.subject.as_deref().map(str::trim).filter(|subject| !subject.is_empty()) else {
        return Ok(None);
    };
    if subject.chars().count() > STRING_CHARS_MAX {
        let message = format!("a subject takes at most {STRING_CHARS_MAX} characters");
        return Err(store::Error::Refused(Refusal::invalid("subject", message)));
    }
    Ok(Some(clean::subject(subject)))
}

fn refused(field: RecipientField, message: &str) -> store::Error {
    store::Error::Refused(Refusal::invalid(field.as_str(), message))
}

/// To and Cc as every recipient of that mail reads them. Whoever has no address any more is left out.
pub(crate) fn shown(tx: &dyn ReadTx, mailing: &Mailing) -> store::Result<(Vec<NamedAddress>, Vec<NamedAddress>)> {
    let named = |field| -> store::Result<Vec<NamedAddress>> {
        let mut people = Vec::new();
        for contact in mailing.named_in(field) {
            let contact = store::contacts::get(tx, contact)?;
            people.extend(contact.and_then(|contact| {
                Some(NamedAddress { name: contact.name.clone().unwrap_or_default(), address: contact.email? })
            }));
        }
        Ok(people)
    };
    Ok((named(RecipientField::To)?, named(RecipientField::Cc)?))
}
