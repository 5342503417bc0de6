//! Webhook subscriptions and the notifications they owe (WHK-1 to WHK-3): what is kept of them, and what the outcome of
//! an attempt means for both.
//!
//! | outcome | the notification | the subscription |
//! |---|---|---|
//! | 2xx within 5 s | sent | its failures are forgotten |
//! | 410 | failed | disabled; what waits stays until it is enabled again or is a week old |
//! | 429 | again, without counting as a failure | rests for 1 min, doubling to 2 h |
//! | anything else, or nothing | again after 60 s once (`compat`), or for 24 h (`durable`); then failed | 50 in a row: rests for 15 min |
//!
//! **Invariant:** a notification keeps its id through every attempt and replay, so that receivers can tell repeats.

use crate::domain::event::EventKind;
use crate::domain::event::LogEntry;
use crate::domain::id::AgentId;
use crate::domain::id::EventSeq;
use crate::domain::id::Millis;
use crate::domain::id::NotificationId;
use crate::domain::id::WebhookId;
use crate::domain::webhook_topic::Topic;
use std::fmt;
use std::hash::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;
use std::time::Duration;

/// Most subscriptions of a workspace.
pub const WEBHOOKS_MAX: usize = 50;
/// Longest address, in bytes.
pub const URL_BYTES_MAX: usize = 2_048;
/// Shortest secret a caller may choose, in bytes.
pub const SECRET_BYTES_MIN: usize = 16;
/// Longest secret a caller may choose, in bytes.
pub const SECRET_BYTES_MAX: usize = 256;
/// First wait after a failure (WHK-3).
pub const RETRY_DELAY_MIN: Duration = Duration::from_secs(60);
/// Longest wait between two attempts (WHK-3).
pub const RETRY_DELAY_MAX: Duration = Duration::from_secs(3_600);
/// Attempts go on for so long (WHK-3).
pub const RETRY_FOR_MAX: Duration = Duration::from_secs(24 * 3_600);
/// First rest after a 429 (WHK-3).
pub const SLOW_DELAY_MIN: Duration = Duration::from_secs(60);
/// Longest rest after a 429 (WHK-3).
pub const SLOW_DELAY_MAX: Duration = Duration::from_secs(2 * 3_600);
/// Nothing waits longer than this for its next attempt.
const WAIT_MAX: Duration = SLOW_DELAY_MAX;
/// So many failures in a row pause a subscription (WHK-3).
pub const FAILURES_IN_ROW_MAX: u32 = 50;
/// A subscription pauses for so long (WHK-3).
pub const PAUSE: Duration = Duration::from_secs(15 * 60);
/// Attempts kept with a notification; older ones are dropped.
pub const ATTEMPTS_KEPT_MAX: usize = 10;
/// Longest answer kept of an attempt, in characters.
pub const ANSWER_CHARS_MAX: usize = 200;

/// What notifications are signed with; never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(pub String);

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret")
    }
}

/// A signing secret as it is kept: it opens with a key that is not in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSecret(pub String);

/// How failures are repeated (WHK-3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RetryPolicy {
    /// One repeat after 60 s.
    Compat,
    /// For 24 h, at growing distances.
    #[default]
    Durable,
}

impl RetryPolicy {
    /// The API's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Compat => "compat",
            Self::Durable => "durable",
        }
    }

    /// The policy of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Compat, Self::Durable].into_iter().find(|policy| policy.as_str() == word)
    }
}

/// Whether a subscription gets anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum WebhookState {
    /// It does.
    #[default]
    Active,
    /// An agent turned it off.
    Disabled,
    /// Its receiver said 410 (WHK-3).
    Gone,
}

impl WebhookState {
    /// The API's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Gone => "gone",
        }
    }
}

/// A subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Never changes.
    pub id: WebhookId,
    /// Where notifications go.
    pub url: String,
    /// What it is told of.
    pub topics: Vec<Topic>,
    /// Signs every notification (WHK-2).
    pub secret: SealedSecret,
    /// Signs too, while the secret is being changed (WHK-2).
    pub previous_secret: Option<SealedSecret>,
    /// Bodies as HTML instead of text (WHK-1).
    pub html: bool,
    /// What follows a failure.
    pub retry: RetryPolicy,
    /// Whether it gets anything.
    pub state: WebhookState,
    /// Made by this agent.
    pub created_by: AgentId,
    /// When it was made.
    pub created_at: Millis,
    /// Last change of its settings.
    pub updated_at: Millis,
    /// The log was read for it up to here.
    pub cursor: EventSeq,
    /// Failures since the last success or pause.
    pub failures_in_row: u32,
    /// 429s since the last other answer.
    pub slowed: u32,
    /// Nothing goes out before.
    pub paused_until: Option<Millis>,
    /// Last 2xx.
    pub last_success_at: Option<Millis>,
}

impl Webhook {
    /// Whether it is to be told now.
    #[must_use]
    pub fn takes_now(&self, now: Millis) -> bool {
        self.state == WebhookState::Active && self.paused_until.is_none_or(|until| until.has_come(now, WAIT_MAX))
    }
}

/// Where a notification stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotificationState {
    /// Goes out at its time.
    Queued,
    /// The receiver took it.
    Sent,
    /// Given up.
    Failed,
}

impl NotificationState {
    /// The API's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Failed => "failed",
        }
    }

    /// The state of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Queued, Self::Sent, Self::Failed].into_iter().find(|state| state.as_str() == word)
    }
}

/// One attempt, as the list of deliveries shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it ended.
    pub at: Millis,
    /// Status of the answer; `None` when there was none.
    pub status: Option<u16>,
    /// Beginning of the answer's body, or what stood in the way.
    pub answer: String,
}

/// One event owed to one subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Ascending in the order of the log.
    pub id: NotificationId,
    /// To this subscription.
    pub webhook: WebhookId,
    /// About this.
    pub topic: Topic,
    /// What happened; `None` for a ping.
    pub entry: Option<LogEntry>,
    /// When it was owed.
    pub created_at: Millis,
    /// Where it stands.
    pub state: NotificationState,
    /// Not before.
    pub due_at: Millis,
    /// The time allowed for attempts began then: when it was owed, or replayed.
    pub retry_from: Millis,
    /// Failures since then.
    pub failures: u32,
    /// Attempts in all.
    pub attempt_count: u32,
    /// The first attempt.
    pub first_sent_at: Option<Millis>,
    /// The latest [`ATTEMPTS_KEPT_MAX`].
    pub attempts: Vec<Attempt>,
}

impl Notification {
    /// Whether its time has come.
    #[must_use]
    pub fn is_due(&self, now: Millis) -> bool {
        self.due_at.has_come(now, WAIT_MAX)
    }

    /// A notification that is due at once.
    #[must_use]
    pub fn new(id: NotificationId, webhook: WebhookId, topic: Topic, entry: Option<LogEntry>, now: Millis) -> Self {
        Self {
            id,
            webhook,
            topic,
            entry,
            created_at: now,
            state: NotificationState::Queued,
            due_at: now,
            retry_from: now,
            failures: 0,
            attempt_count: 0,
            first_sent_at: None,
            attempts: Vec::new(),
        }
    }

    /// What it must stay in order with: notifications of one thread, contact or mailbox go one after the other.
    #[must_use]
    pub fn line(&self) -> Option<u64> {
        let event = &self.entry.as_ref()?.event;
        match event.kind {
            EventKind::MailboxChanged { ref mailbox, .. } => {
                let mut hasher = DefaultHasher::new();
                mailbox.hash(&mut hasher);
                Some(hasher.finish())
            }
            EventKind::ContactUpdated(contact)
            | EventKind::ContactTagged { contact, .. }
            | EventKind::ContactChanged { contact, .. }
            | EventKind::DataEventNoted { contact, .. }
            | EventKind::ContactsMerged { from: contact, .. } => Some(contact.0),
            EventKind::CompanyChanged { company, .. } => Some(company.0),
            EventKind::AgentChanged { agent, .. } => Some(agent.0),
            _ => event.thread.map(|thread| thread.0),
        }
    }

    /// Puts it back in the queue (WHK-3).
    pub fn replay(&mut self, now: Millis) {
        self.state = NotificationState::Queued;
        (self.due_at, self.retry_from, self.failures) = (now, now, 0);
    }
}

/// What an attempt came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Status of the answer; `None` when there was none in time.
    pub status: Option<u16>,
    /// Beginning of the answer's body, or what stood in the way.
    pub answer: String,
    /// `Retry-After` of the answer.
    pub retry_after: Option<Duration>,
}

/// Notes an attempt that ended `now` on both sides (WHK-3).
pub fn settle(
    webhook: &mut Webhook,
    notification: &mut Notification,
    outcome: &Outcome,
    began_at: Millis,
    now: Millis,
) {
    notification.attempt_count = notification.attempt_count.saturating_add(1);
    notification.first_sent_at.get_or_insert(began_at);
    let answer = outcome.answer.chars().take(ANSWER_CHARS_MAX).collect();
    notification.attempts.push(Attempt { at: now, status: outcome.status, answer });
    if notification.attempts.len() > ATTEMPTS_KEPT_MAX {
        notification.attempts.remove(0);
    }
    match outcome.status {
        Some(200..=299) => {
            notification.state = NotificationState::Sent;
            (webhook.failures_in_row, webhook.slowed, webhook.paused_until) = (0, 0, None);
            webhook.last_success_at = Some(now);
        }
        Some(410) => {
            notification.state = NotificationState::Failed;
            webhook.state = WebhookState::Gone;
            webhook.updated_at = now;
        }
        Some(429) => slow_down(webhook, notification, outcome.retry_after, now),
        _ => fail(webhook, notification, now),
    }
}

/// The receiver has enough for now; what it did not take is not a failure, but has its end too.
fn slow_down(webhook: &mut Webhook, notification: &mut Notification, asked: Option<Duration>, now: Millis) {
    let wait = doubled(SLOW_DELAY_MIN, webhook.slowed, SLOW_DELAY_MAX);
    let wait = wait.max(asked.unwrap_or_default()).min(SLOW_DELAY_MAX);
    webhook.slowed = webhook.slowed.saturating_add(1);
    let until = now.plus(wait);
    webhook.paused_until = Some(webhook.paused_until.map_or(until, |before| before.max(until)));
    notification.due_at = until;
    if until > notification.retry_from.plus(RETRY_FOR_MAX) {
        notification.state = NotificationState::Failed;
    }
}

fn fail(webhook: &mut Webhook, notification: &mut Notification, now: Millis) {
    webhook.slowed = 0;
    webhook.failures_in_row = webhook.failures_in_row.saturating_add(1);
    if webhook.failures_in_row >= FAILURES_IN_ROW_MAX {
        webhook.failures_in_row = 0;
        webhook.paused_until = Some(now.plus(PAUSE));
    }
    let next = now.plus(doubled(RETRY_DELAY_MIN, notification.failures, RETRY_DELAY_MAX));
    notification.failures = notification.failures.saturating_add(1);
    let again = match webhook.retry {
        RetryPolicy::Compat => notification.failures < 2,
        RetryPolicy::Durable => next <= notification.retry_from.plus(RETRY_FOR_MAX),
    };
    notification.due_at = next;
    if !again {
        notification.state = NotificationState::Failed;
    }
}

fn doubled(first: Duration, times: u32, most: Duration) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(times)).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_policy(retry: RetryPolicy) -> Webhook {
        Webhook {
            id: WebhookId(1),
            url: "https://example.com/in".to_owned(),
            topics: vec![Topic::PING],
            secret: SealedSecret("0123456789abcdef".to_owned()),
            previous_secret: None,
            html: false,
            retry,
            state: WebhookState::Active,
            created_by: AgentId(1),
            created_at: Millis(0),
            updated_at: Millis(0),
            cursor: EventSeq(0),
            failures_in_row: 0,
            slowed: 0,
            paused_until: None,
            last_success_at: None,
        }
    }

    fn owed_now() -> Notification {
        Notification::new(NotificationId(1), WebhookId(1), Topic::PING, None, Millis(0))
    }

    fn status(status: u16) -> Outcome {
        Outcome { status: Some(status), answer: "x".repeat(999), retry_after: None }
    }

    /// Attempts until it is settled, each at its time; the times in seconds.
    fn times(retry: RetryPolicy, answer: &Outcome) -> Vec<u64> {
        let (mut webhook, mut owed) = (of_policy(retry), owed_now());
        let mut times = Vec::new();
        while owed.state == NotificationState::Queued {
            let now = owed.due_at;
            times.push(now.seconds());
            settle(&mut webhook, &mut owed, answer, now, now);
        }
        assert_eq!(owed.state, NotificationState::Failed);
        times
    }

    #[test]
    fn whk_3_compat_repeats_once_after_a_minute() {
        assert_eq!(times(RetryPolicy::Compat, &status(500)), [0, 60]);
    }

    #[test]
    fn whk_3_durable_doubles_from_a_minute_to_an_hour_for_a_day() {
        let silent = Outcome { status: None, answer: "no answer".to_owned(), retry_after: None };
        let times = times(RetryPolicy::Durable, &silent);
        assert_eq!(times[..8], [0, 60, 180, 420, 900, 1_860, 3_780, 7_380]);
        let last = *times.last().unwrap();
        assert!((23 * 3_600..=24 * 3_600).contains(&last), "{last}");
    }

    #[test]
    fn whk_3_a_429_rests_the_whole_subscription_from_a_minute_to_two_hours() {
        let (mut webhook, mut owed) = (of_policy(RetryPolicy::Compat), owed_now());
        let mut rests = Vec::new();
        for _ in 0..9 {
            let now = owed.due_at;
            settle(&mut webhook, &mut owed, &status(429), now, now);
            let until = webhook.paused_until.unwrap();
            assert!(!webhook.takes_now(Millis(until.0 - 1)) && webhook.takes_now(until));
            rests.push(until.since(now).as_secs());
        }
        assert_eq!(rests, [60, 120, 240, 480, 960, 1_920, 3_840, 7_200, 7_200]);
        assert_eq!((owed.state, owed.failures), (NotificationState::Queued, 0), "no failure of compat's two");
        let asks = Outcome { retry_after: Some(Duration::from_secs(300)), ..status(429) };
        let (mut fresh, mut asked) = (of_policy(RetryPolicy::Durable), owed_now());
        settle(&mut fresh, &mut asked, &asks, Millis(0), Millis(0));
        assert_eq!(fresh.paused_until, Some(Millis(300_000)));
    }

    #[test]
    fn whk_3_fifty_failures_in_a_row_pause_for_a_quarter_of_an_hour() {
        let mut webhook = of_policy(RetryPolicy::Durable);
        for n in 1..=FAILURES_IN_ROW_MAX {
            assert_eq!(webhook.paused_until, None, "before failure {n}");
            settle(&mut webhook, &mut owed_now(), &status(503), Millis(0), Millis(5_000));
        }
        assert_eq!(webhook.paused_until, Some(Millis(5_000).plus(PAUSE)));
        let mut taken = owed_now();
        settle(&mut webhook, &mut taken, &status(204), Millis(1), Millis(2));
        assert_eq!((webhook.paused_until, webhook.last_success_at), (None, Some(Millis(2))));
        assert_eq!((taken.state, taken.first_sent_at), (NotificationState::Sent, Some(Millis(1))));
    }

    #[test]
    fn whk_3_a_410_disables() {
        let (mut webhook, mut owed) = (of_policy(RetryPolicy::Durable), owed_now());
        settle(&mut webhook, &mut owed, &status(410), Millis(0), Millis(0));
        assert_eq!((webhook.state, owed.state), (WebhookState::Gone, NotificationState::Failed));
        assert!(!webhook.takes_now(Millis(u64::MAX)));
        assert_eq!(owed.attempts[0].answer.len(), ANSWER_CHARS_MAX);
        owed.replay(Millis(9));
        assert_eq!((owed.state, owed.due_at, owed.attempt_count), (NotificationState::Queued, Millis(9), 1));
    }
}
