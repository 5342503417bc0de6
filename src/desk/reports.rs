//! Reports: one metric over an interval, by time and by whom (API-50, §10).
//!
//! Every number is counted from the parts when it is asked for: nothing is kept that could differ from them. A thread in
//! which something happened in the interval was changed at its beginning or later, so those are read, oldest change first.
//!
//! **Invariant:** at most [`THREADS_MAX`] threads and [`PARTS_MAX`] parts of each are read, page by page on snapshots of
//! their own; a report that would need more says that it is not complete.

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::require;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::id::AgentId;
use crate::domain::id::CompanyId;
use crate::domain::id::Millis;
use crate::domain::id::TagId;
use crate::domain::id::TeamId;
use crate::domain::id::ThreadId;
use crate::domain::id::TicketTypeId;
use crate::domain::refusal::Refusal;
use crate::domain::report::Figures;
use crate::domain::report::Metric;
use crate::domain::report::Sample;
use crate::domain::report::Sampler;
use crate::domain::thread::Priority;
use crate::domain::thread::Thread;
use crate::domain::ticket_type::Category;
use crate::store;
use crate::store::engine::ReadTx;
use jiff::ToSpan;
use jiff::Zoned;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// Threads of one report.
pub const THREADS_MAX: usize = 50_000;
/// Parts of one thread that are counted.
pub const PARTS_MAX: u64 = 20_000;
/// Rows of one answer.
pub const ROWS_MAX: usize = 2_000;
/// Threads of one snapshot.
const PAGE: usize = 200;
/// Parts read at once.
const PARTS_PAGE: usize = 500;

/// A span of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Every {
    /// An hour.
    Hour,
    /// A calendar day (REP-1).
    Day,
    /// A week from Monday.
    Week,
    /// A month.
    Month,
}

impl Every {
    /// The span of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "hour" => Self::Hour,
            "day" => Self::Day,
            "week" => Self::Week,
            "month" => Self::Month,
            _ => return None,
        })
    }

    /// When the span that holds that moment begins.
    fn begins(self, at: Millis, zone: &TimeZone) -> Option<Millis> {
        let moment = jiff::Timestamp::from_millisecond(i64::try_from(at.0).ok()?).ok()?;
        let local = moment.to_zoned(zone.clone());
        let day = local.start_of_day().ok()?;
        let begins: Zoned = match self {
            Self::Hour => {
                local.round(jiff::ZonedRound::new().smallest(jiff::Unit::Hour).mode(jiff::RoundMode::Trunc)).ok()?
            }
            Self::Day => day,
            Self::Week => {
                let since_monday = i64::from(local.date().weekday().since(Weekday::Monday));
                local.date().checked_sub(since_monday.days()).ok()?.to_zoned(zone.clone()).ok()?
            }
            Self::Month => local.date().first_of_month().to_zoned(zone.clone()).ok()?,
        };
        u64::try_from(begins.timestamp().as_millisecond()).ok().map(Millis)
    }
}

/// By what a report is told apart, beside time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// Who gets the credit.
    Agent,
    /// Their team at that time.
    Team,
    /// The ticket type.
    TicketType,
    /// The ticket category.
    Category,
    /// The channel it began by.
    Channel,
    /// The state category, of times in state.
    State,
}

impl GroupBy {
    /// The group of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "agent" => Self::Agent,
            "team" => Self::Team,
            "ticket_type" => Self::TicketType,
            "category" => Self::Category,
            "channel" => Self::Channel,
            "state" => Self::State,
            _ => return None,
        })
    }

    /// What the sample belongs to; empty where that is nothing.
    fn of(self, thread: &Thread, sample: &Sample) -> String {
        let named = match self {
            Self::Agent => sample.agent.map(|agent| agent.to_string()),
            Self::Team => sample.team.map(|team| team.to_string()),
            Self::TicketType => thread.ticket.as_ref().map(|ticket| ticket.type_id.to_string()),
            Self::Category => thread.category().map(|category| category.as_str().to_owned()),
            Self::Channel => Some(thread.initial_channel.as_str().to_owned()),
            Self::State => sample.state.map(|state| state.as_str().to_owned()),
        };
        named.unwrap_or_default()
    }
}

/// Which threads and acts are counted (REP-3); what is absent does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportFilter {
    /// Ticket type.
    pub ticket_type: Option<TicketTypeId>,
    /// Ticket category.
    pub category: Option<Category>,
    /// The channel it began by.
    pub channel: Option<ChannelKind>,
    /// A tag it carries.
    pub tag: Option<TagId>,
    /// How urgent it is.
    pub priority: Option<Priority>,
    /// The company it is about.
    pub company: Option<CompanyId>,
    /// Who gets the credit.
    pub agent: Option<AgentId>,
    /// Their team at that time.
    pub team: Option<TeamId>,
}

impl ReportFilter {
    fn takes(&self, thread: &Thread) -> bool {
        let ticket = thread.ticket.as_ref();
        self.ticket_type.is_none_or(|wanted| ticket.is_some_and(|ticket| ticket.type_id == wanted))
            && self.category.is_none_or(|wanted| thread.category() == Some(wanted))
            && self.channel.is_none_or(|wanted| thread.initial_channel == wanted)
            && self.tag.is_none_or(|wanted| thread.tags.contains(&wanted))
            && self.priority.is_none_or(|wanted| thread.priority == wanted)
            && self.company.is_none_or(|wanted| thread.company == Some(wanted))
    }

    fn takes_sample(&self, sample: &Sample) -> bool {
        self.agent.is_none_or(|wanted| sample.agent == Some(wanted))
            && self.team.is_none_or(|wanted| sample.team == Some(wanted))
    }
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct ReportAsked {
    /// What is counted.
    pub metric: Metric,
    /// From then on.
    pub since: Millis,
    /// Until right before then.
    pub until: Millis,
    /// Rows by time.
    pub every: Option<Every>,
    /// Rows by whom.
    pub group_by: Option<GroupBy>,
    /// Zone of the calendar, an IANA name; the workspace's without it.
    pub time_zone: Option<String>,
    /// What is counted.
    pub filter: ReportFilter,
}

/// One row: a span, a group, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportRow {
    /// When its span begins.
    pub from: Option<Millis>,
    /// Id or word of its group; empty for what belongs to none.
    pub group: Option<String>,
    /// Its figures.
    pub figures: Figures,
}

/// A report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Rows by span and group; spans without anything are not told.
    pub rows: Vec<ReportRow>,
    /// All of it.
    pub total: Figures,
    /// The zone of its calendar.
    pub time_zone: String,
    /// Whether every thread was counted.
    pub complete: bool,
}

impl Desk {
    /// A report. Scope `reports`.
    ///
    /// # Errors
    /// `Invalid` for an interval that ends before it begins, a zone that is none, or more than [`ROWS_MAX`] rows;
    /// `Forbidden`.
    pub fn report(&self, caller: &Caller, asked: &ReportAsked) -> Result<Report> {
        require(caller, &[Scope::Reports])?;
        if asked.until <= asked.since {
            return Err(Refusal::invalid("until", "the interval ends before it begins").into());
        }
        let time_zone = asked.time_zone.clone().unwrap_or_else(|| self.inner.settings.time_zone.clone());
        let zone = TimeZone::get(&time_zone)
            .map_err(|_| Refusal::invalid("time_zone", format!("there is no time zone '{time_zone}'")))?;
        let (found, complete) = self.samples(asked)?;
        let mut rows: BTreeMap<(Option<Millis>, Option<String>), Vec<&Sample>> = BTreeMap::new();
        for (group, sample) in &found {
            let from = asked.every.and_then(|every| every.begins(sample.at, &zone));
            rows.entry((from, group.clone())).or_default().push(sample);
            if rows.len() > ROWS_MAX {
                let message = format!("more than {ROWS_MAX} rows: ask for longer spans or a shorter interval");
                return Err(Refusal::invalid("by", message).into());
            }
        }
        if asked.every.is_none() && asked.group_by.is_none() {
            rows.clear();
        }
        let rows =
            rows.into_iter().map(|((from, group), samples)| ReportRow { from, group, figures: Figures::of(&samples) });
        let all: Vec<&Sample> = found.iter().map(|(_, sample)| sample).collect();
        Ok(Report { rows: rows.collect(), total: Figures::of(&all), time_zone, complete })
    }

    /// Samples of the metric in the interval with their groups, and whether every thread was read.
    fn samples(&self, asked: &ReportAsked) -> Result<(Vec<Grouped>, bool)> {
        let (mut found, mut read) = (Vec::new(), 0_usize);
        // A thread that changes meanwhile comes again, further behind.
        let mut seen = BTreeSet::new();
        // Behind everything that changed last before the interval.
        let mut after = Some((asked.since.0.saturating_sub(1), u64::MAX));
        while read < THREADS_MAX {
            let page = self.inner.store.view(|tx| page_of(tx, asked, after, &seen))?;
            found.extend(page.found);
            let is_full = page.read.len() == PAGE;
            read = read.saturating_add(page.read.len());
            seen.extend(page.read);
            match page.last {
                Some(last) if is_full => after = Some(last),
                _ => return Ok((found, true)),
            }
        }
        Ok((found, false))
    }
}

/// A sample with its group, if there are groups.
type Grouped = (Option<String>, Sample);

/// What one snapshot gave.
struct SampledPage {
    found: Vec<Grouped>,
    read: Vec<ThreadId>,
    last: Option<(u64, u64)>,
}

fn page_of(
    tx: &dyn ReadTx,
    asked: &ReportAsked,
    after: Option<(u64, u64)>,
    seen: &BTreeSet<ThreadId>,
) -> store::Result<SampledPage> {
    let threads = store::threads::by_update(tx, false, true, after, PAGE)?;
    let last = threads.last().map(|thread| (thread.updated_at.0, thread.id.0));
    let mut found = Vec::new();
    for thread in threads
        .iter()
        .filter(|thread| !thread.awaits_contact && !seen.contains(&thread.id) && asked.filter.takes(thread))
    {
        let wanted = |sample: &Sample| {
            let within = sample.at >= asked.since && sample.at < asked.until;
            sample.metric == asked.metric && within && asked.filter.takes_sample(sample)
        };
        let samples = samples_of(tx, thread, asked.until)?;
        let grouped = |sample: Sample| (asked.group_by.map(|by| by.of(thread, &sample)), sample);
        found.extend(samples.into_iter().filter(wanted).map(grouped));
    }
    Ok(SampledPage { found, read: threads.iter().map(|thread| thread.id).collect(), last })
}

/// Everything that is counted of a thread until then.
pub(crate) fn samples_of(tx: &dyn ReadTx, thread: &Thread, until: Millis) -> store::Result<Vec<Sample>> {
    let mut sampler = Sampler::new(thread);
    let mut from = 1;
    while from <= thread.last_seq.min(PARTS_MAX) {
        let parts = store::parts::of_thread(tx, thread.id, from, u64::MAX, PARTS_PAGE)?;
        let Some(last) = parts.last() else { break };
        from = last.seq.saturating_add(1);
        parts.iter().filter(|part| part.created_at < until).for_each(|part| sampler.add(part));
    }
    Ok(sampler.until(until))
}
