//! Search of tickets and of conversations.

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::may_read;
use crate::desk::access::require;
use crate::desk::search::Found;
use crate::desk::search::Noun;
use crate::desk::search::Position;
use crate::desk::search::Sort;
use crate::desk::search::SortBy;
use crate::desk::search::by_words;
use crate::desk::search::fields::kept;
use crate::desk::search::fields::only;
use crate::desk::search::fields::only_ids;
use crate::desk::search::fields::only_texts;
use crate::desk::search::run;
use crate::desk::search::source_fields::SourceField;
use crate::desk::search::thread_fields;
use crate::desk::search::thread_fields::ThreadField;
use crate::desk::search::words::WordIndex;
use crate::desk::thread::thread_history::tally;
use crate::desk::thread::views::ThreadView;
use crate::desk::thread::views::view;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::attribute::Attribute;
use crate::domain::attribute::DataType;
use crate::domain::attribute::Value;
use crate::domain::id::ContactId;
use crate::domain::id::Millis;
use crate::domain::id::TagId;
use crate::domain::id::ThreadId;
use crate::domain::search::Asked;
use crate::domain::search::Condition;
use crate::domain::search::Datum;
use crate::domain::search::understand;
use crate::domain::thread::Priority;
use crate::domain::thread::Thread;
use crate::domain::ticket_type::Category;
use crate::domain::ticket_type::TicketType;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::facts::ThreadFact;
use std::sync::Arc;

/// A search as a caller asks for it.
#[derive(Clone, Debug)]
pub struct Search {
    /// What is looked for; `None` finds everything.
    pub query: Option<Asked>,
    /// `>` and `<` on moments compare seconds instead of days (API-32).
    pub exact: bool,
    /// The order of the answer.
    pub sort: Sort,
    /// Behind this row.
    pub after: Option<Position>,
    /// Rows of a page.
    pub limit: usize,
    /// Whether parts ride along.
    pub with_parts: bool,
    /// Tells which threads hold words, so that not all are read; the answer is the same without it.
    pub words: Option<Arc<dyn WordIndex>>,
}

impl Search {
    /// The condition tree; an empty AND holds for everything.
    pub(super) fn tree(&self) -> Asked {
        self.query.clone().unwrap_or(Asked::All(Vec::new()))
    }
}

impl Desk {
    /// Tickets of every category. Scope `read_tickets`.
    ///
    /// # Errors
    /// `Forbidden`; `invalid_field`, `data_invalid`.
    pub fn search_tickets(&self, caller: &Caller, search: &Search) -> Result<Found<ThreadView>> {
        require(caller, &[Scope::ReadTickets])?;
        self.search_threads(caller, search, true)
    }

    /// Conversations, and Customer tickets for those who may read tickets (API-10). Scope `read_conversations`.
    ///
    /// # Errors
    /// `Forbidden`; `invalid_field`, `data_invalid`.
    pub fn search_conversations(&self, caller: &Caller, search: &Search) -> Result<Found<ThreadView>> {
        require(caller, &[Scope::ReadConversations])?;
        self.search_threads(caller, search, false)
    }

    fn search_threads(&self, caller: &Caller, search: &Search, tickets: bool) -> Result<Found<ThreadView>> {
        let now = self.inner.clock.now();
        Ok(self.inner.store.view(|tx| {
            let words = search.words.as_deref();
            let threads = Threads { caller, tickets, words, types: store::ticket_types::all(tx)?, now };
            let field = |name: &str| match tickets {
                true => thread_fields::of_tickets(name, &threads.types),
                false => thread_fields::of_conversations(name),
            };
            let query = understand(&search.tree(), search.exact, &field)?;
            let found = run(tx, &threads, &query, (search.sort, search.after, search.limit))?;
            let views = found.items.into_iter().map(|thread| view(tx, thread, search.with_parts));
            Ok(Found {
                items: views.collect::<store::Result<_>>()?,
                total: found.total,
                total_is_exact: found.total_is_exact,
                next: found.next,
            })
        })?)
    }
}

struct Threads<'a> {
    caller: &'a Caller,
    tickets: bool,
    words: Option<&'a dyn WordIndex>,
    types: Vec<TicketType>,
    now: Millis,
}

impl Noun for Threads<'_> {
    type Field = ThreadField;
    type Row = Thread;

    fn named(
        &self,
        tx: &dyn ReadTx,
        condition: &Condition<ThreadField>,
        limit: usize,
    ) -> store::Result<Option<Vec<u64>>> {
        if let Some(facts) = facts(condition) {
            let mut ids = Vec::new();
            for fact in facts {
                ids.extend(store::facts::threads(tx, &fact, limit)?.into_iter().map(|id| id.0));
            }
            return Ok(Some(ids));
        }
        if let (Some(index), true) = (self.words, is_of_words(&condition.field)) {
            return condition.whole_words().map_or(Ok(None), |any_of| by_words::named(tx, index, any_of));
        }
        let by_id = [
            ThreadField::Id,
            ThreadField::TicketNumber,
            ThreadField::Contacts,
            ThreadField::LinkedTo,
            ThreadField::Tags,
        ];
        let Some(wanted) = only_ids(condition).filter(|_| by_id.contains(&condition.field)) else { return Ok(None) };
        let mut ids = Vec::new();
        for one in wanted {
            match condition.field {
                ThreadField::Id => ids.push(one),
                ThreadField::TicketNumber => {
                    ids.extend(store::threads::by_ticket_number(tx, one)?.map(|id| id.0));
                }
                ThreadField::Contacts => {
                    let threads = store::threads::of_contact(tx, ContactId(one), limit)?;
                    ids.extend(threads.iter().map(|thread| thread.id.0));
                }
                ThreadField::Tags => {
                    ids.extend(store::tags::threads(tx, TagId(one), limit)?.into_iter().map(|id| id.0));
                }
                ThreadField::LinkedTo => ids.extend(linked(tx, ThreadId(one), limit)?),
                _ => return Ok(None),
            }
        }
        Ok(Some(ids))
    }

    fn read(&self, tx: &dyn ReadTx, id: u64) -> store::Result<Option<Thread>> {
        store::threads::get(tx, ThreadId(id))
    }

    fn scan(&self, tx: &dyn ReadTx, sort: Sort, after: Option<Position>, limit: usize) -> store::Result<Vec<Thread>> {
        match sort.by {
            SortBy::UpdatedAt => store::threads::by_update(tx, self.tickets, sort.ascending, after, limit),
            SortBy::CreatedAt => {
                let after = after.map(|(_, id)| ThreadId(id));
                store::threads::by_id(tx, self.tickets, sort.ascending, after, limit)
            }
        }
    }

    fn is_listed(&self, thread: &Thread) -> bool {
        let fits = if self.tickets { thread.ticket.is_some() } else { thread.is_customer_facing() };
        fits && may_read(self.caller, thread)
    }

    fn times(thread: &Thread) -> Position {
        (thread.updated_at.0, thread.id.0)
    }

    fn values(&self, tx: &dyn ReadTx, thread: &Thread, field: &ThreadField) -> store::Result<Vec<Datum>> {
        match field {
            ThreadField::LinkedTo => {
                let ids = linked(tx, thread.id, crate::domain::link::LISTED_MAX)?;
                Ok(ids.into_iter().map(Datum::Id).collect())
            }
            ThreadField::Source(field) => {
                let source = store::parts::get(tx, thread.id, 1)?;
                Ok(source.map(|source| field.of(thread, &source)).unwrap_or_default())
            }
            ThreadField::Statistic(field) => {
                let tally = tally(tx, thread, &[])?;
                Ok(field.of(&tally.at(self.now)))
            }
            field => Ok(thread_fields::of_thread(thread, field, &self.types)),
        }
    }
}

/// Whether all of a field's words are in the index.
fn is_of_words(field: &ThreadField) -> bool {
    matches!(
        field,
        ThreadField::Title | ThreadField::Description | ThreadField::Source(SourceField::Body | SourceField::Subject)
    )
}

/// Threads on the other side of a thread's links.
fn linked(tx: &dyn ReadTx, thread: ThreadId, limit: usize) -> store::Result<Vec<u64>> {
    let there = store::links::of_ticket(tx, thread, None, limit)?;
    let here = store::links::of_thread(tx, thread, limit)?;
    Ok(there.iter().map(|link| link.to_thread.0).chain(here.iter().map(|link| link.from_ticket.0)).collect())
}

/// Facts of which a thread that meets the condition has one; `None` where no fact tells.
fn facts(condition: &Condition<ThreadField>) -> Option<Vec<ThreadFact>> {
    let by_id = |fact: fn(u64) -> ThreadFact| Some(only_ids(condition)?.into_iter().map(fact).collect());
    match &condition.field {
        ThreadField::Agent => by_id(ThreadFact::Agent),
        ThreadField::Team => by_id(ThreadFact::Team),
        ThreadField::Teammates => by_id(ThreadFact::Teammate),
        ThreadField::Company => by_id(ThreadFact::Company),
        ThreadField::TicketType => by_id(ThreadFact::TicketType),
        ThreadField::TicketState => by_id(ThreadFact::TicketState),
        ThreadField::Open => {
            let open = [Datum::Flag(true)].as_slice();
            (only(condition)? == open).then(|| vec![ThreadFact::Open, ThreadFact::Snoozed])
        }
        ThreadField::State => {
            let fact = |word: &str| match word {
                "open" => Some(ThreadFact::Open),
                "snoozed" => Some(ThreadFact::Snoozed),
                _ => None,
            };
            only_texts(condition)?.into_iter().map(fact).collect()
        }
        ThreadField::Category => {
            let words = only_texts(condition)?;
            let named = |word: &&str| Category::ALL.into_iter().find(|one| one.as_str().eq_ignore_ascii_case(word));
            let facts =
                words.iter().map(|word| Category::parse(word).or_else(|| named(word)).map(ThreadFact::Category));
            Some(facts.flatten().collect())
        }
        ThreadField::Priority => {
            let urgent = [Priority::Low, Priority::Medium, Priority::High, Priority::Urgent];
            let fact = |word: &str| urgent.into_iter().find(|one| one.as_str() == word).map(ThreadFact::Priority);
            only_texts(condition)?.into_iter().map(fact).collect()
        }
        ThreadField::Attribute(attribute) => {
            let values = only(condition)?.iter().filter_map(kept).map(|value| of_option(attribute, value));
            Some(values.map(|value| ThreadFact::Attribute(attribute.id, value)).collect())
        }
        _ => None,
    }
}

/// An option is kept by its id, and looked for by id or label (ATT-4).
fn of_option(attribute: &Attribute, value: Value) -> Value {
    let (DataType::List, Value::Text(wanted)) = (attribute.data_type, &value) else { return value };
    let named = attribute.options.iter().find(|option| option.label.to_lowercase() == *wanted);
    named.map_or(value, |option| Value::Text(option.id.clone()))
}
