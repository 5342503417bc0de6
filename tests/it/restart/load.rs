//! What runs while the daemon dies: mail senders, an agent with the API, a mailbox that fills.
//!
//! **Invariant:** a mail whose end was unclear is handed over again as a real mail server would; a call of the API is
//! repeated only when nothing was sent.

use crate::disk::Rng;
use crate::restart::claims::Claims;
use crate::restart::claims::marker;
use crate::support::dovecot::Dovecot;
use crate::support::gateway::SUPPORT;
use crate::support::http_client::NoAnswer;
use crate::support::http_client::try_call;
use crate::support::raw_mail::Session;
use crate::support::smtp_client::mail;
use deskgate::clock::instant;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

/// Where the daemon is, and what tells the load how far the test is.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) smtp: SocketAddr,
    pub(crate) lmtp: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) token: String,
    /// Nothing new is begun any more.
    pub(crate) stop: AtomicBool,
    /// Nothing happens any more: sockets may end once they have seen everything.
    pub(crate) quiet: AtomicBool,
    /// The broadcast is to begin as soon as every client's conversation is linked.
    pub(crate) tell: AtomicBool,
    /// It has begun.
    pub(crate) told: AtomicBool,
    /// Conversations of messenger clients.
    pub(crate) conversations: Mutex<Vec<String>>,
    pub(crate) clients: usize,
}

/// Stops the load when it goes out of scope, so that a failed test ends.
pub(crate) struct StopAtEnd<'a>(pub(crate) &'a Field);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::SeqCst);
        self.0.quiet.store(true, Ordering::SeqCst);
    }
}

impl Field {
    pub(crate) fn stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// A call of the API.
    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, NoAnswer> {
        let authorization = format!("Bearer {}", self.token);
        let reply = try_call(self.http, method, path, &[("Authorization", &authorization)], body)?;
        match reply.status {
            200 => Ok(reply.json()),
            429 => Err(NoAnswer::NotSent),
            500.. => Err(NoAnswer::Unclear),
            other => panic!("{method} {path}: {other} {}", reply.text()),
        }
    }

    /// A call that changes nothing when it is made twice: asked until it is answered.
    pub(crate) fn ask_until(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let mut patience = Patience::default();
        loop {
            match self.ask(method, path, body) {
                Ok(answer) => return answer,
                Err(_) => patience.rest(path),
            }
        }
    }
}

/// Nobody waits longer for a daemon that comes back.
const BACK_WITHIN: Duration = Duration::from_secs(90);

#[derive(Default)]
pub(crate) struct Patience(Option<std::time::Instant>);

impl Patience {
    /// Rests a little before the next try: the daemon is away, and nothing tells when it is back.
    pub(crate) fn rest(&mut self, what: &str) {
        let since = *self.0.get_or_insert_with(instant);
        assert!(since.elapsed() < BACK_WITHIN, "{what}: no daemon for {BACK_WITHIN:?}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// How a sender hands its mail over.
pub(crate) struct Sender {
    pub(crate) name: &'static str,
    pub(crate) hello: &'static str,
    /// Mails in one session.
    pub(crate) per_session: u64,
}

/// Sends until it is told to stop; the last mail is brought to its 250.
pub(crate) fn send_mail(field: &Field, sender: &Sender) -> Claims {
    let to = if sender.hello == "LHLO" { field.lmtp } else { field.smtp };
    let mut claims = Claims::default();
    let mut session: Option<Session> = None;
    let mut begun = String::new();
    for n in 1_u64.. {
        if field.stopped() {
            break;
        }
        let mark = marker(sender.name, n);
        let from = format!("{}-{}@example.net", sender.name, n / 20);
        let mut raw = mail(&from, "Hello", &format!("{mark}@example.net"), &format!("Text {mark}."));
        // Most mails answer the first one of twenty.
        if n % 20 == 0 || begun.is_empty() {
            begun.clone_from(&mark);
        } else {
            raw = format!("In-Reply-To: <{begun}@example.net>\n{raw}");
        }
        let raw = raw.replace('\n', "\r\n");
        hand_over(&mut session, to, sender, &from, raw.as_bytes(), &mut claims);
        claims.mails.insert(mark);
        if n % sender.per_session == 0 {
            session = None;
        }
        thread::sleep(Duration::from_millis(15));
    }
    claims
}

/// Until it is told 250.
fn hand_over(
    session: &mut Option<Session>,
    to: SocketAddr,
    sender: &Sender,
    from: &str,
    raw: &[u8],
    claims: &mut Claims,
) {
    let mut patience = Patience::default();
    loop {
        let opened = session.take().map_or_else(|| Session::open(to, sender.hello), Ok);
        let replied = opened.and_then(|mut opened| {
            let reply = opened.mail(from, SUPPORT, raw)?;
            *session = Some(opened);
            Ok(reply)
        });
        match replied {
            Ok(reply) if reply.starts_with("250") => return,
            Ok(reply) if reply.starts_with('5') => panic!("{}: {reply}", sender.name),
            Ok(_) => {
                *session = None;
                patience.rest(sender.name);
            }
            Err(_) => {
                claims.repeats += 1;
                patience.rest(sender.name);
            }
        }
    }
}

/// Mails that come into the mailbox which the daemon reads.
pub(crate) fn fill_mailbox(field: &Field, dovecot: &Dovecot, user: &str) -> Claims {
    let mut claims = Claims::default();
    for n in 1_u64.. {
        if field.stopped() {
            break;
        }
        let mark = marker("imap", n);
        dovecot.deliver(user, &mark);
        claims.imap.insert(mark);
        thread::sleep(Duration::from_millis(100));
    }
    claims
}

/// What an agent works on.
pub(crate) struct Desk {
    /// Conversations by email, all linked to the Tracker.
    pub(crate) emails: Vec<String>,
    pub(crate) tracker: String,
    pub(crate) back_office: String,
    pub(crate) ticket: String,
    /// States that the ticket goes to and fro between.
    pub(crate) states: [String; 2],
}

/// Notes, comments, changes of state, links, and the broadcast.
pub(crate) fn work_as_agent(field: &Field, desk: &Desk, seed: u64) -> Claims {
    let mut rng = Rng::new(seed);
    let mut claims = Claims { ticket: desk.ticket.clone(), ..Claims::default() };
    let mut linked = BTreeSet::new();
    for n in 1_u64.. {
        let conversations = field.conversations.lock().unwrap().clone();
        for conversation in &conversations {
            if !linked.contains(conversation) {
                let path = format!("/api/tickets/{}/linked_conversations", desk.tracker);
                field.ask_until("POST", &path, Some(&json!({"conversation_id": conversation})));
                linked.insert(conversation.clone());
            }
        }
        if linked.len() == field.clients && field.tell.load(Ordering::SeqCst) && claims.told.id.is_empty() {
            claims.told.id = start_broadcast(field, &desk.tracker);
            claims.told.mails = desk.emails.len();
            claims.told.threads = desk.emails.iter().chain(&linked).cloned().collect();
            field.told.store(true, Ordering::SeqCst);
        }
        if field.stopped() && (!claims.told.id.is_empty() || !field.tell.load(Ordering::SeqCst)) {
            break;
        }
        let mark = marker("agent", n);
        let email = &desk.emails[rng.below(desk.emails.len() as u64) as usize];
        match (rng.below(10), conversations.is_empty()) {
            (0..=3, false) => {
                let conversation = &conversations[rng.below(conversations.len() as u64) as usize];
                post(field, conversation, "comment", mark, &mut claims);
            }
            (4 | 5, _) => change_state(field, desk, &mut claims),
            (6, _) => {
                let path = format!("/api/tickets/{}/links", desk.back_office);
                field.ask_until("POST", &path, Some(&json!({"thread_id": email})));
            }
            _ => post(field, email, "note", mark, &mut claims),
        }
        thread::sleep(Duration::from_millis(40));
    }
    claims
}

fn post(field: &Field, conversation: &str, kind: &str, mark: String, claims: &mut Claims) {
    let body = json!({"message_type": kind, "type": "admin", "body": format!("Words {mark}.")});
    let path = format!("/api/conversations/{conversation}/reply");
    let mut patience = Patience::default();
    loop {
        match field.ask("POST", &path, Some(&body)) {
            Ok(_) => {
                claims.posts.insert(mark);
                return;
            }
            Err(NoAnswer::NotSent) => patience.rest("reply"),
            Err(NoAnswer::Unclear) => {
                claims.unclear.insert(mark);
                return;
            }
        }
    }
}

/// To the other state than the one it has now.
fn change_state(field: &Field, desk: &Desk, claims: &mut Claims) {
    let path = format!("/api/tickets/{}", desk.ticket);
    let ticket = field.ask_until("GET", &path, None);
    let to = desk.states.iter().find(|state| ticket["ticket_state"]["id"] != **state).unwrap();
    let mut patience = Patience::default();
    loop {
        match field.ask("PUT", &path, Some(&json!({"ticket_state_id": to}))) {
            Ok(_) => claims.changes += 1,
            Err(NoAnswer::Unclear) => claims.unclear_changes += 1,
            Err(NoAnswer::NotSent) => {
                patience.rest("change");
                continue;
            }
        }
        return;
    }
}

/// Where the answer does not come, the list tells whether it began.
fn start_broadcast(field: &Field, tracker: &str) -> String {
    let path = format!("/api/tickets/{tracker}/broadcasts");
    let new = json!({"subject": "All is well again", "body": "It works **again**.", "email": "always", "send": true});
    let mut patience = Patience::default();
    loop {
        let begun = match field.ask("POST", &path, Some(&new)) {
            Ok(begun) => begun,
            Err(_) => field.ask_until("GET", &path, None)["data"][0].clone(),
        };
        match begun["id"].as_str() {
            Some(id) => return id.to_owned(),
            None => patience.rest("broadcast"),
        }
    }
}
