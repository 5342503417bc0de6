//! Facts by which threads and contacts are found without looking at all of them (API-31): who has what, as index rows.
//!
//! A row is code ++ scope ++ value ++ id: one byte, then eight each. Facts that nearly every object shares (closed,
//! assigned to nobody) have no row; who asks for those reads in the order of the answer instead.
//!
//! **Invariant:** a row says that the record may have the fact, never that it surely has: texts stand as a short hash, so
//! what is found here is looked at again.

use crate::domain::attribute::Value;
use crate::domain::contact::Contact;
use crate::domain::id::AttributeId;
use crate::domain::id::ContactId;
use crate::domain::id::ThreadId;
use crate::domain::thread::Priority;
use crate::domain::thread::Thread;
use crate::domain::thread::ThreadState;
use crate::domain::ticket_type::Category;
use crate::store::engine::ReadTx;
use crate::store::engine::Table;
use crate::store::error::Result;
use crate::store::key;
use crate::store::record;
use crate::store::record::code::Code;
use crate::store::tables;

/// A fact about a thread.
#[derive(Clone, Debug, PartialEq)]
pub enum ThreadFact {
    /// It is open.
    Open,
    /// It sleeps.
    Snoozed,
    /// Assigned to this agent.
    Agent(u64),
    /// Assigned to this team.
    Team(u64),
    /// This agent wrote in it.
    Teammate(u64),
    /// More urgent than usual.
    Priority(Priority),
    /// Category of the ticket.
    Category(Category),
    /// Type of the ticket.
    TicketType(u64),
    /// State of the ticket.
    TicketState(u64),
    /// Value of an attribute of the ticket.
    Attribute(AttributeId, Value),
    /// Open and assigned to this agent (ASN-1).
    OpenOfAgent(u64),
    /// Open, assigned to this team and to nobody of it (ASN-1).
    WaitsInTeam(u64),
    /// About this company.
    Company(u64),
    /// A message of an agent that nobody replied to yet.
    AwaitsContact,
    /// Snoozed and assigned to this agent.
    SnoozedOfAgent(u64),
}

/// A fact about a contact.
#[derive(Clone, Debug, PartialEq)]
pub enum ContactFact {
    /// Shown name.
    Name(String),
    /// Telephone.
    Phone(String),
    /// Domain of the address.
    EmailDomain(String),
    /// The caller's key, whatever its case.
    ExternalId(String),
    /// A free fact.
    Custom(String, Value),
    /// Looked after by this agent.
    Owner(u64),
    /// Belongs to this company.
    Company(u64),
}

impl ThreadFact {
    fn prefix(&self) -> Vec<u8> {
        match self {
            Self::Open => row(1, 0, 0),
            Self::Snoozed => row(2, 0, 0),
            Self::Agent(id) => row(3, 0, *id),
            Self::Team(id) => row(4, 0, *id),
            Self::Teammate(id) => row(5, 0, *id),
            Self::Priority(priority) => row(6, 0, u64::from(priority.code())),
            Self::Category(category) => row(7, 0, u64::from(category.code())),
            Self::TicketType(id) => row(8, 0, *id),
            Self::TicketState(id) => row(9, 0, *id),
            Self::Attribute(attribute, value) => row(10, attribute.0, of_value(value)),
            Self::OpenOfAgent(id) => row(11, 0, *id),
            Self::WaitsInTeam(id) => row(12, 0, *id),
            Self::Company(id) => row(13, 0, *id),
            Self::AwaitsContact => row(15, 0, 0),
            Self::SnoozedOfAgent(id) => row(14, 0, *id),
        }
    }
}

impl ContactFact {
    fn prefix(&self) -> Vec<u8> {
        match self {
            Self::Name(name) => row(1, 0, of_text(name)),
            Self::Phone(phone) => row(2, 0, of_text(phone)),
            Self::EmailDomain(domain) => row(3, 0, of_text(domain)),
            Self::Custom(name, value) => row(4, of_text(name), of_value(value)),
            Self::ExternalId(key) => row(5, 0, of_text(key)),
            Self::Owner(id) => row(6, 0, *id),
            Self::Company(id) => row(7, 0, *id),
        }
    }
}

fn row(code: u8, scope: u64, value: u64) -> Vec<u8> {
    key::joined(&[&[code], &scope.to_be_bytes(), &value.to_be_bytes()])
}

/// Texts are the same whatever their case, as searches compare them.
fn of_text(text: &str) -> u64 {
    key::number_at(&key::hash16(&text.to_lowercase()), 0).unwrap_or(0)
}

/// Whole and decimal numbers that are equal are the same fact.
fn of_value(value: &Value) -> u64 {
    let number = |text: &str| text.parse::<f64>().map_or_else(|_| of_text(text), f64::to_bits);
    match value {
        Value::Text(text) => of_text(text),
        Value::Integer(whole) => number(&whole.to_string()),
        Value::Decimal(text) => number(text),
        Value::Boolean(yes) => u64::from(*yes),
        Value::Files(ids) => of_text(&ids.join(",")),
    }
}

/// Index rows of a thread in [`tables::THREADS_BY_FACT`].
pub(crate) fn rows_of_thread(thread: &Thread) -> Vec<(Table, Vec<u8>)> {
    let mut facts = Vec::new();
    match thread.state {
        ThreadState::Open => facts.push(ThreadFact::Open),
        ThreadState::Snoozed(_) => facts.push(ThreadFact::Snoozed),
        ThreadState::Closed => {}
    }
    facts.extend(thread.admin_assignee.map(|agent| ThreadFact::Agent(agent.0)));
    facts.extend(thread.team_assignee.map(|team| ThreadFact::Team(team.0)));
    facts.extend(thread.awaits_contact.then_some(ThreadFact::AwaitsContact));
    facts.extend(thread.company.map(|company| ThreadFact::Company(company.0)));
    if thread.state == ThreadState::Open && thread.merged_into.is_none() {
        let waits = thread.team_assignee.filter(|_| thread.admin_assignee.is_none());
        facts.extend(thread.admin_assignee.map(|agent| ThreadFact::OpenOfAgent(agent.0)));
        facts.extend(waits.map(|team| ThreadFact::WaitsInTeam(team.0)));
    }
    if let (ThreadState::Snoozed(_), Some(agent)) = (thread.state, thread.admin_assignee) {
        facts.push(ThreadFact::SnoozedOfAgent(agent.0));
    }
    facts.extend(thread.teammates.iter().map(|agent| ThreadFact::Teammate(agent.0)));
    facts.extend((thread.priority != Priority::None).then_some(ThreadFact::Priority(thread.priority)));
    if let Some(ticket) = &thread.ticket {
        facts.push(ThreadFact::Category(ticket.category));
        facts.push(ThreadFact::TicketType(ticket.type_id.0));
        facts.push(ThreadFact::TicketState(ticket.state_id.0));
        facts.extend(ticket.attributes.iter().map(|(id, value)| ThreadFact::Attribute(*id, value.clone())));
    }
    rows(tables::THREADS_BY_FACT, facts.iter().map(ThreadFact::prefix), thread.id.0)
}

/// Index rows of a contact in [`tables::CONTACTS_BY_FACT`].
pub(crate) fn rows_of_contact(contact: &Contact) -> Vec<(Table, Vec<u8>)> {
    let mut facts = Vec::new();
    facts.extend(contact.name.clone().map(ContactFact::Name));
    facts.extend(contact.phone.clone().map(ContactFact::Phone));
    facts.extend(contact.email.as_ref().map(|email| ContactFact::EmailDomain(email.domain().to_owned())));
    facts.extend(contact.external_id.clone().map(ContactFact::ExternalId));
    facts.extend(contact.owner.map(|agent| ContactFact::Owner(agent.0)));
    facts.extend(contact.companies.iter().map(|company| ContactFact::Company(company.0)));
    let custom = contact.custom_attributes.iter();
    facts.extend(custom.map(|(name, value)| ContactFact::Custom(name.clone(), value.clone())));
    rows(tables::CONTACTS_BY_FACT, facts.iter().map(ContactFact::prefix), contact.id.0)
}

fn rows(table: Table, prefixes: impl Iterator<Item = Vec<u8>>, id: u64) -> Vec<(Table, Vec<u8>)> {
    let mut rows: Vec<_> = prefixes.map(|prefix| (table, key::joined(&[&prefix, &id.to_be_bytes()]))).collect();
    rows.sort_by(|a, b| a.1.cmp(&b.1));
    rows.dedup();
    rows
}

/// Threads that may have that fact, by ascending id.
///
/// # Errors
/// `Corrupt`.
pub fn threads(tx: &dyn ReadTx, fact: &ThreadFact, limit: usize) -> Result<Vec<ThreadId>> {
    Ok(found(tx, tables::THREADS_BY_FACT, &fact.prefix(), limit)?.into_iter().map(ThreadId).collect())
}

/// Contacts that may have that fact, by ascending id.
///
/// # Errors
/// `Corrupt`.
pub fn contacts(tx: &dyn ReadTx, fact: &ContactFact, limit: usize) -> Result<Vec<ContactId>> {
    Ok(found(tx, tables::CONTACTS_BY_FACT, &fact.prefix(), limit)?.into_iter().map(ContactId).collect())
}

/// How many threads may have that fact, counted up to `up_to`.
///
/// # Errors
/// As the engine.
pub fn count_threads(tx: &dyn ReadTx, fact: &ThreadFact, up_to: usize) -> Result<usize> {
    let prefix = fact.prefix();
    Ok(tx.scan(tables::THREADS_BY_FACT, &prefix, &key::prefix_end(&prefix), up_to)?.len())
}

/// How many contacts may have that fact, counted up to `up_to`.
///
/// # Errors
/// As the engine.
pub fn count_contacts(tx: &dyn ReadTx, fact: &ContactFact, up_to: usize) -> Result<usize> {
    let prefix = fact.prefix();
    Ok(tx.scan(tables::CONTACTS_BY_FACT, &prefix, &key::prefix_end(&prefix), up_to)?.len())
}

fn found(tx: &dyn ReadTx, table: Table, prefix: &[u8], limit: usize) -> Result<Vec<u64>> {
    let rows = tx.scan(table, prefix, &key::prefix_end(prefix), limit)?;
    let id = |(row, value): (Vec<u8>, Vec<u8>)| {
        key::number(&value).ok_or_else(|| record::corrupt(table, &row, "leads to no id"))
    };
    rows.into_iter().map(id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sample;

    #[test]
    fn api_31_threads_and_contacts_are_found_by_their_facts() {
        let store = sample::store();
        let mut tickets = sample::all_threads().into_iter().filter_map(|thread| Some((thread.id, thread.ticket?)));
        let (id, ticket) = tickets.next().unwrap();
        let of = |fact: ThreadFact| store.view(|tx| threads(tx, &fact, 10)).unwrap();
        assert!(of(ThreadFact::Category(ticket.category)).contains(&id));
        assert!(of(ThreadFact::TicketState(ticket.state_id.0)).contains(&id));
        assert_eq!(of(ThreadFact::TicketState(u64::MAX)), []);
        let ana = sample::contacts().remove(0);
        let of = |fact: ContactFact| store.view(|tx| contacts(tx, &fact, 10)).unwrap();
        let domain = ana.email.as_ref().unwrap().domain().to_uppercase();
        assert!(of(ContactFact::EmailDomain(domain)).contains(&ana.id), "whatever its case");
        assert_eq!(of(ContactFact::Name("Nobody".to_owned())), []);
    }

    #[test]
    fn equal_numbers_are_one_fact() {
        assert_eq!(of_value(&Value::Integer(18)), of_value(&Value::Decimal("18.0".to_owned())));
        assert_ne!(of_value(&Value::Integer(18)), of_value(&Value::Integer(19)));
    }
}
