//! Contacts, agents, ticket types; threads, their parts and links.

use crate::domain::agent::Agent;
use crate::domain::agent::AwayReason;
use crate::domain::agent::Token;
use crate::domain::agent_notice::NoticeSettings;
use crate::domain::company::Company;
use crate::domain::contact::Contact;
use crate::domain::data_attribute::DataAttribute;
use crate::domain::data_event::DataEvent;
use crate::domain::data_event::EventSummary;
use crate::domain::id::TagId;
use crate::domain::id::ThreadId;
use crate::domain::link::Link;
use crate::domain::macros::Macro;
use crate::domain::note::Note;
use crate::domain::note::NoteOn;
use crate::domain::office_hours::Owner;
use crate::domain::office_hours::Schedule;
use crate::domain::part::Part;
use crate::domain::propagation::Propagation;
use crate::domain::state::TicketState;
use crate::domain::tag::Tag;
use crate::domain::team::Team;
use crate::domain::thread::Thread;
use crate::domain::ticket_type::TicketType;
use crate::domain::upload::Upload;
use crate::domain::upload::UploadedBy;
use crate::store::engine::Table;
use crate::store::error::Result;
use crate::store::key;
use crate::store::meta;
use crate::store::record::client_id::Posted;
use crate::store::requests::Answered;
use crate::store::tables;
use crate::store::threads;
use crate::store::verify::Check;

impl Check<'_> {
    /// How far agents have read, and what contacts are told of it.
    fn reads(&mut self) -> Result<()> {
        self.each(tables::AGENT_READS, |check, row, value| {
            let (agent, thread) = (key::number_at(row, 0).unwrap_or(0), key::number_at(row, 8).unwrap_or(0));
            check.names_id((tables::AGENT_READS, row), tables::AGENTS, agent)?;
            check.names_id((tables::AGENT_READS, row), tables::THREADS, thread)?;
            if key::number(value).is_none() {
                check.fault(tables::AGENT_READS, row, "is no place in a thread");
            }
            Ok(())
        })?;
        self.each(tables::AGENTS_SAW, |check, row, value| {
            let thread = key::number_at(row, 0).unwrap_or(0);
            check.names_id((tables::AGENTS_SAW, row), tables::THREADS, thread)?;
            // A thread that cannot be read is named where threads are.
            let known = threads::even_deleted(check.tx, ThreadId(thread)).ok().flatten();
            let is_place = |seq| seq > 0 && known.is_none_or(|thread| seq <= thread.last_seq);
            if !key::number(value).is_some_and(is_place) {
                check.fault(tables::AGENTS_SAW, row, "is no place in its thread");
            }
            Ok(())
        })
    }

    pub(super) fn people(&mut self) -> Result<()> {
        self.records::<Contact>(Self::contact)?;
        self.records::<Company>(|check, key, company| {
            let from = (tables::COMPANIES, key);
            company.notes.iter().try_for_each(|note| check.names_id(from, tables::NOTES, note.0))?;
            check.tags(from, &company.tags)
        })?;
        self.records::<Note>(|check, key, note| match note.on {
            NoteOn::Contact(contact) => check.names_id((tables::NOTES, key), tables::CONTACTS, contact.0),
            NoteOn::Company(company) => check.names_id((tables::NOTES, key), tables::COMPANIES, company.0),
        })?;
        self.records::<DataEvent>(|check, key, event| {
            check.names_id((tables::DATA_EVENTS, key), tables::CONTACTS, event.contact.0)
        })?;
        self.records::<EventSummary>(|check, key, summary| {
            check.names_id((tables::DATA_EVENT_COUNTS, key), tables::CONTACTS, summary.contact.0)
        })?;
        self.records::<Macro>(|check, key, saved| {
            saved.teams.iter().try_for_each(|team| check.names_id((tables::MACROS, key), tables::TEAMS, team.0))
        })?;
        self.records::<DataAttribute>(|check, key, attribute| {
            let from = (tables::DATA_ATTRIBUTES, key);
            attribute.teams.iter().try_for_each(|team| check.names_id(from, tables::TEAMS, team.0))?;
            check.names_id(from, tables::AGENTS, attribute.created_by.0)
        })?;
        self.records::<AwayReason>(|_, _, _| Ok(()))?;
        self.records::<Schedule>(|check, key, schedule| match schedule.owner {
            Owner::Workspace => Ok(()),
            Owner::Team(team) => check.names_id((tables::OFFICE_HOURS, key), tables::TEAMS, team.0),
        })?;
        self.each(tables::VISITORS, |check, row, value| {
            check.value_names((tables::VISITORS, row), value, tables::CONTACTS)
        })?;
        self.records::<Agent>(|check, key, agent| {
            let reason = agent.away.and_then(|away| away.reason);
            reason.map_or(Ok(()), |id| check.names_id((tables::AGENTS, key), tables::AWAY_REASONS, id.0))
        })?;
        self.records::<NoticeSettings>(|check, key, settings| {
            check.names_id((tables::NOTICE_SETTINGS, key), tables::AGENTS, settings.agent.0)
        })?;
        self.reads()?;
        self.records::<Token>(|check, key, token| {
            check.names_id((tables::TOKENS, key), tables::AGENTS, token.agent.0)
        })?;
        self.records::<Tag>(|_, _, _| Ok(()))?;
        self.records::<Team>(|check, key, team| {
            team.members().try_for_each(|agent| check.names_id((tables::TEAMS, key), tables::AGENTS, agent.0))
        })?;
        self.records::<TicketState>(|_, _, _| Ok(()))?;
        self.records::<TicketType>(|check, key, ticket_type| {
            let from = (tables::TICKET_TYPES, key);
            let targets: Vec<_> = ticket_type.settings.on_customer_reply.states().collect();
            let mut states = ticket_type.states.iter().chain(&targets);
            states.try_for_each(|state| check.names_id(from, tables::TICKET_STATES, state.0))?;
            let agent = ticket_type.settings.default_agent;
            agent.map_or(Ok(()), |agent| check.names_id(from, tables::AGENTS, agent.0))
        })
    }

    /// What is gone keeps nothing of the person, and what a contact names is there.
    fn contact(&mut self, key: &[u8], contact: &Contact) -> Result<()> {
        let from = (tables::CONTACTS, key);
        if !contact.is_there() && (contact.email.is_some() || contact.external_id.is_some() || contact.name.is_some()) {
            self.fault(tables::CONTACTS, key, "is deleted or merged and still says who it was");
        }
        if let Some(into) = contact.merged_into {
            self.names_id(from, tables::CONTACTS, into.0)?;
        }
        if let Some(owner) = contact.owner {
            self.names_id(from, tables::AGENTS, owner.0)?;
        }
        contact.notes.iter().try_for_each(|note| self.names_id(from, tables::NOTES, note.0))?;
        contact.companies.iter().try_for_each(|company| self.names_id(from, tables::COMPANIES, company.0))?;
        self.tags(from, &contact.tags)
    }

    pub(super) fn threads(&mut self) -> Result<()> {
        let last_number = meta::counter(self.tx, meta::LAST_TICKET_NUMBER);
        let last_number = self.sound(last_number.map(Some))?.unwrap_or(u64::MAX);
        self.records::<Thread>(|check, key, thread| check.thread(key, thread, last_number))
    }

    fn thread(&mut self, key: &[u8], thread: &Thread, last_number: u64) -> Result<()> {
        let from = (tables::THREADS, key);
        if thread.deleted_at.is_some() {
            return self.tombstone(key, thread);
        }
        self.tags(from, &thread.tags)?;
        if thread.merged_into.is_some() != thread.merge.is_some() {
            self.fault(tables::THREADS, key, "is merged without saying how, or the other way round");
        }
        if let Some(company) = thread.company {
            self.names_id(from, tables::COMPANIES, company.0)?;
        }
        if let Some(team) = thread.team_assignee {
            self.names_id(from, tables::TEAMS, team.0)?;
        }
        for participant in &thread.participants {
            self.names_id(from, tables::CONTACTS, participant.contact.0)?;
        }
        if let Some(primary) = thread.merged_into {
            self.names_id(from, tables::THREADS, primary.0)?;
        }
        if let Some(ticket) = &thread.ticket {
            self.names_id(from, tables::TICKET_TYPES, ticket.type_id.0)?;
            self.names_id(from, tables::TICKET_STATES, ticket.state_id.0)?;
            if ticket.number > last_number {
                self.fault(tables::THREADS, key, "has a ticket number above the last one given");
            }
        }
        let newest = self.tx.scan_back(tables::PARTS, key, &key::prefix_end(key), 1)?;
        let last_seq = newest.first().and_then(|(row, _)| key::number_at(row, 8)).unwrap_or(0);
        if last_seq != thread.last_seq {
            let what = format!("its newest part is {last_seq}, last_seq says {}", thread.last_seq);
            self.fault(tables::THREADS, key, &what);
        }
        Ok(())
    }

    /// Nothing of a deleted thread is left but its id, or the rest of it is on its way out (TCK-15).
    fn tombstone(&mut self, key: &[u8], thread: &Thread) -> Result<()> {
        let bare = thread.tombstone(thread.deleted_at.unwrap_or_default());
        if bare != *thread {
            self.fault(tables::THREADS, key, "is deleted and still says something");
        }
        let purging = self.tx.get(tables::PURGES, key)?.is_some();
        if !purging && !self.tx.scan(tables::PARTS, key, &key::prefix_end(key), 1)?.is_empty() {
            self.fault(tables::THREADS, key, "is deleted and has parts");
        }
        Ok(())
    }

    fn tags(&mut self, from: (Table, &[u8]), tags: &[TagId]) -> Result<()> {
        tags.iter().try_for_each(|tag| self.names_id(from, tables::TAGS, tag.0))
    }

    /// Whether a thread was deleted: what names its parts may name nothing.
    pub(super) fn is_deleted(&self, thread: ThreadId) -> Result<bool> {
        Ok(threads::even_deleted(self.tx, thread).is_ok_and(|found| found.is_some_and(|it| it.deleted_at.is_some())))
    }

    pub(super) fn parts(&mut self) -> Result<()> {
        let mut before = (0, 0);
        self.records::<Part>(|check, key, part| {
            let expected = if before.0 == part.thread.0 { before.1 + 1 } else { 1 };
            if part.seq != expected {
                check.fault(tables::PARTS, key, &format!("part {expected} is missing before it"));
            }
            before = (part.thread.0, part.seq);
            check.tags((tables::PARTS, key), &part.tags)?;
            check.names_id((tables::PARTS, key), tables::THREADS, part.thread.0)
        })?;
        self.records::<Upload>(|check, key, upload| {
            let from = (tables::UPLOADS, key);
            if let UploadedBy::Contact(contact) = upload.by {
                check.names_id(from, tables::CONTACTS, contact.0)?;
            }
            upload.held_by.map_or(Ok(()), |thread| check.names_id(from, tables::THREADS, thread.0))
        })?;
        self.records::<Posted>(|check, key, posted| {
            if check.is_deleted(posted.thread)? {
                return Ok(());
            }
            check.names_id((tables::CLIENT_IDS, key), tables::PART_BY_ID, posted.part.0)
        })?;
        self.records::<Answered>(|_, _, _| Ok(()))
    }

    /// What was begun and has more to do names what it works on.
    pub(super) fn chores(&mut self) -> Result<()> {
        self.each(tables::REDACTIONS, |check, row, _| check.names((tables::REDACTIONS, row), tables::PART_BY_ID, row))?;
        self.each(tables::PURGES, |check, row, _| {
            if key::number(row).is_none_or(|id| !check.is_deleted(ThreadId(id)).unwrap_or(false)) {
                check.fault(tables::PURGES, row, "names no deleted thread");
            }
            Ok(())
        })?;
        self.each(tables::CLOSINGS, |check, row, value| {
            check.names((tables::CLOSINGS, row), tables::CONTACTS, row)?;
            check.names_id((tables::CLOSINGS, row), tables::AGENTS, key::number_at(value, 0).unwrap_or(0))
        })?;
        self.records::<Propagation>(|check, key, propagation| {
            let from = (tables::PROPAGATIONS, key);
            check.names_id(from, tables::THREADS, propagation.tracker.0)?;
            check.names_id(from, tables::TICKET_STATES, propagation.to.0)
        })
    }

    pub(super) fn links(&mut self) -> Result<()> {
        let mut counted = (0, 0);
        self.records::<Link>(|check, key, link| {
            let from = (tables::LINKS, key);
            check.names_id(from, tables::THREADS, link.from_ticket.0)?;
            check.names_id(from, tables::THREADS, link.to_thread.0)?;
            let ticket = link.from_ticket.0;
            if counted.0 != ticket {
                check.links_counted(counted)?;
                counted = (ticket, 0);
            }
            counted.1 += 1;
            Ok(())
        })?;
        self.links_counted(counted)?;
        self.each(tables::LINK_COUNTS, |check, row, _| {
            if check.tx.scan(tables::LINKS, row, &key::prefix_end(row), 1)?.is_empty() {
                check.fault(tables::LINK_COUNTS, row, "counts links of a ticket that has none");
            }
            Ok(())
        })
    }

    /// The count of a ticket's links against the number that was found; ticket 0 stands for none yet.
    fn links_counted(&mut self, (ticket, found): (u64, u64)) -> Result<()> {
        let row = key::one(ticket);
        let said = self.tx.get(tables::LINK_COUNTS, &row)?;
        if ticket != 0 && said != Some(key::one(found)) {
            self.fault(tables::LINK_COUNTS, &row, &format!("the ticket has {found} links"));
        }
        Ok(())
    }
}
