//! The auditor: what is in the desk, as the API tells it, against what was claimed.

use crate::restart::claims::Claims;
use crate::restart::claims::Stream;
use crate::restart::claims::markers;
use crate::support::gateway::Gateway;
use serde_json::Value;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// A part as it is stored.
#[derive(Clone, Debug, Default)]
pub(crate) struct FoundPart {
    pub(crate) thread: String,
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) markers: BTreeSet<String>,
    pub(crate) broadcast: Option<String>,
}

/// What is in the desk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    pub(crate) parts: Vec<FoundPart>,
    /// Markers of each mail in quarantine.
    pub(crate) quarantined: Vec<BTreeSet<String>>,
    /// Rows of the broadcast's ledger that stand for threads: thread and state.
    pub(crate) ledger: Vec<(String, String)>,
    /// Those that stand for mails: Message-ID and state.
    pub(crate) owed: Vec<(String, String)>,
    /// What a real relay took, envelope and message.
    pub(crate) relayed: Vec<String>,
}

impl Found {
    /// Reads all of it.
    pub(crate) fn read(gateway: &mut Gateway, claims: &Claims, relayed: Vec<String>) -> Self {
        let mut found = Self { relayed, ..Self::default() };
        for id in gateway.pages("/api/conversations?per_page=150", "conversations") {
            let id = text(&id["id"]);
            let conversation = gateway.api("GET", &format!("/api/conversations/{id}"), None).expect(200);
            let behind = conversation["conversation_parts"]["conversation_parts"].as_array().unwrap();
            let total = conversation["conversation_parts"]["total_count"].as_u64().unwrap();
            assert!(total < 499, "conversation {id} has more parts than are shown: {total}");
            let source = Some(&conversation["source"]).filter(|source| source.is_object());
            found.parts.extend(source.into_iter().chain(behind).map(|part| FoundPart::of(&id, part)));
        }
        let quarantined = gateway.cli_json(&["quarantine", "list"]);
        for row in quarantined.as_array().unwrap() {
            let shown = gateway.cli_json(&["quarantine", "show", &row["id"].to_string()]);
            found.quarantined.push(markers(&shown.to_string()));
        }
        if !claims.told.id.is_empty() {
            let path = format!("/api/broadcasts/{}/ledger?per_page=150", claims.told.id);
            let (threads, contacts): (Vec<_>, Vec<_>) =
                gateway.pages(&path, "data").into_iter().partition(|row| row["kind"] == "thread");
            let mails = contacts.iter().filter(|row| row["channel"] == "email");
            found.ledger = threads.iter().map(|row| (text(&row["thread_id"]), text(&row["state"]))).collect();
            found.owed = mails.map(|row| (text(&row["message_id"]), text(&row["state"]))).collect();
        }
        found
    }
}

impl FoundPart {
    fn of(thread: &str, part: &Value) -> Self {
        Self {
            thread: thread.to_owned(),
            id: text(&part["id"]),
            // The first part of a conversation has no kind of its own.
            kind: part["part_type"].as_str().unwrap_or("comment").to_owned(),
            markers: markers(&part.to_string()),
            broadcast: part["deskgate"]["broadcast_id"].as_str().map(str::to_owned),
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Everything that is not as it was promised.
pub(crate) fn faults(claims: &Claims, found: &Found) -> Vec<String> {
    let mut faults = Vec::new();
    each_once(claims, found, &mut faults);
    broadcast_once(claims, found, &mut faults);
    relayed_once(claims, found, &mut faults);
    let known: BTreeMap<&str, &FoundPart> = found.parts.iter().map(|part| (part.id.as_str(), part)).collect();
    if known.len() != found.parts.len() {
        faults.push(format!("{} parts have {} ids", found.parts.len(), known.len()));
    }
    for stream in &claims.streams {
        acks_hold(stream, &known, &mut faults);
        stream_is_whole(stream, found, claims, &mut faults);
    }
    let changed = found.parts.iter().filter(|part| part.thread == claims.ticket);
    let changed = changed.filter(|part| part.kind.starts_with("ticket_state_updated")).count() as u64;
    let at_most = claims.changes + claims.unclear_changes;
    if !claims.ticket.is_empty() && !(claims.changes..=at_most).contains(&changed) {
        faults.push(format!("{changed} changes of state are there, {}..={at_most} were claimed", claims.changes));
    }
    faults
}

/// Every marker that was acknowledged is in exactly one place; one in doubt is in one at most; no other is anywhere.
fn each_once(claims: &Claims, found: &Found, faults: &mut Vec<String>) {
    let mut places: BTreeMap<&str, u64> = BTreeMap::new();
    let everywhere = found.parts.iter().map(|part| &part.markers).chain(&found.quarantined);
    for marker in everywhere.flatten() {
        *places.entry(marker).or_default() += 1;
    }
    let acks = claims.streams.iter().flat_map(|stream| stream.acks.keys());
    let promised: BTreeSet<&String> =
        claims.mails.iter().chain(&claims.imap).chain(&claims.posts).chain(acks).collect();
    for marker in &promised {
        match places.get(marker.as_str()) {
            Some(1) => {}
            None => faults.push(format!("{marker} was acknowledged and is lost")),
            Some(count) => faults.push(format!("{marker} was acknowledged and is there {count} times")),
        }
    }
    for (marker, count) in places {
        let is_unclear = claims.unclear.contains(marker);
        if !promised.contains(&marker.to_owned()) && (!is_unclear || count > 1) {
            faults.push(format!("{marker} was never acknowledged and is there {count} times"));
        }
    }
}

/// Every linked thread has the broadcast's part once, and its row in the ledger.
fn broadcast_once(claims: &Claims, found: &Found, faults: &mut Vec<String>) {
    let mut told: BTreeMap<&str, u64> = BTreeMap::new();
    for part in found.parts.iter().filter(|part| part.broadcast.as_ref() == Some(&claims.told.id)) {
        *told.entry(&part.thread).or_default() += 1;
    }
    let mut rows: BTreeMap<&str, u64> = BTreeMap::new();
    for (thread, state) in &found.ledger {
        *rows.entry(thread).or_default() += 1;
        if state != "sent" {
            faults.push(format!("the broadcast's ledger says {state} of thread {thread}"));
        }
    }
    for (what, by_thread) in [("parts", &told), ("ledger rows", &rows)] {
        for thread in &claims.told.threads {
            let count = by_thread.get(thread.as_str()).copied().unwrap_or_default();
            if count != 1 {
                faults.push(format!("thread {thread} has {count} {what} of the broadcast"));
            }
        }
        if by_thread.len() > claims.told.threads.len() {
            faults.push(format!("the broadcast has {what} in {} threads", by_thread.len()));
        }
    }
}

/// The relay has each mail of the broadcast that counts as sent exactly once, and one in doubt at most once.
fn relayed_once(claims: &Claims, found: &Found, faults: &mut Vec<String>) {
    for (message_id, state) in &found.owed {
        let field = format!("Message-ID: {message_id}");
        let count = found.relayed.iter().filter(|mail| mail.contains(&field)).count();
        let holds = match state.as_str() {
            "sent" => count == 1,
            "uncertain" => count <= 1,
            // A visitor without an address.
            "skipped" => message_id.is_empty(),
            _ => false,
        };
        if !holds {
            faults.push(format!("mail {message_id} of the broadcast is {state}, and the relay has it {count} times"));
        }
    }
    let mails = found.owed.iter().filter(|(message_id, _)| !message_id.is_empty()).count();
    if mails != claims.told.mails {
        faults.push(format!("{mails} mails of the broadcast are accounted for, not {}", claims.told.mails));
    }
}

/// What was acknowledged is the part that the ack named.
fn acks_hold(stream: &Stream, known: &BTreeMap<&str, &FoundPart>, faults: &mut Vec<String>) {
    for (marker, ack) in &stream.acks {
        let holds = known
            .get(ack.part.as_str())
            .is_some_and(|part| part.markers.contains(marker) && part.thread == ack.conversation);
        if !holds {
            faults.push(format!("{marker} was acknowledged as part {} and is not that part", ack.part));
        }
    }
}

/// A client saw everything it may see of its conversation, once and in order.
fn stream_is_whole(stream: &Stream, found: &Found, claims: &Claims, faults: &mut Vec<String>) {
    let client = &stream.conversation;
    for pair in stream.events.windows(2) {
        if pair[0].0 >= pair[1].0 {
            faults.push(format!("the client of {client} saw {} after {}", pair[1].0, pair[0].0));
        }
    }
    let parts: Vec<&String> = stream.events.iter().filter_map(|(_, part)| part.as_ref()).collect();
    let seen: BTreeSet<&String> = parts.iter().copied().collect();
    if seen.len() != parts.len() {
        faults.push(format!("the client of {client} saw {} parts {} times", seen.len(), parts.len()));
    }
    let visible = found.parts.iter().filter(|part| part.thread == *client && part.kind == "comment");
    for part in visible.filter(|part| !seen.contains(&part.id)) {
        faults.push(format!("the client of {client} never saw part {}", part.id));
    }
    let is_told = |part: &&FoundPart| part.thread == *client && part.broadcast.as_ref() == Some(&claims.told.id);
    for part in found.parts.iter().filter(is_told).filter(|part| !seen.contains(&part.id)) {
        faults.push(format!("the client of {client} never saw the broadcast, part {}", part.id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::restart::claims::Ack;
    use crate::restart::claims::Told;

    fn part(thread: &str, id: &str, marker: &str) -> FoundPart {
        FoundPart {
            thread: thread.to_owned(),
            id: id.to_owned(),
            kind: "comment".to_owned(),
            markers: markers(marker),
            broadcast: None,
        }
    }

    fn sound() -> (Claims, Found) {
        let stream = Stream {
            conversation: "2".to_owned(),
            events: vec![(4, Some("p2".to_owned())), (9, Some("p3".to_owned())), (11, None)],
            acks: BTreeMap::from([("mk-b-1-".to_owned(), Ack { conversation: "2".to_owned(), part: "p2".to_owned() })]),
            connections: 1,
        };
        let told = Told { id: "7".to_owned(), threads: BTreeSet::from(["2".to_owned()]), mails: 1 };
        let claims = Claims {
            mails: BTreeSet::from(["mk-a-1-".to_owned()]),
            unclear: BTreeSet::from(["mk-c-1-".to_owned()]),
            streams: vec![stream],
            told,
            ..Claims::default()
        };
        let broadcast = FoundPart { broadcast: Some("7".to_owned()), ..part("2", "p3", "") };
        let parts = vec![part("1", "p1", "mk-a-1-"), part("2", "p2", "mk-b-1-"), broadcast];
        let ledger = vec![("2".to_owned(), "sent".to_owned())];
        let owed = vec![("<m1>".to_owned(), "sent".to_owned())];
        let relayed = vec!["X-Rcpt-Args: <a@example.net>\nMessage-ID: <m1>\n\ntext".to_owned()];
        (claims, Found { parts, ledger, owed, relayed, ..Found::default() })
    }

    /// Positive control: each of these must be found.
    #[test]
    fn the_auditor_finds_every_kind_of_broken_promise() {
        let (claims, found) = sound();
        assert_eq!(faults(&claims, &found), Vec::<String>::new());
        type Doctor = fn(&mut Claims, &mut Found);
        let table: [(&str, Doctor); 14] = [
            ("mk-a-2- was acknowledged and is lost", |claims, _| {
                claims.mails.insert("mk-a-2-".to_owned());
            }),
            ("is there 2 times", |_, found| found.parts.push(part("1", "p9", "mk-a-1-"))),
            ("never acknowledged", |_, found| found.parts.push(part("1", "p9", "mk-x-1-"))),
            ("never acknowledged and is there 2", |_, found| {
                found.parts.extend([part("1", "p9", "mk-c-1-"), part("1", "p8", "mk-c-1-")]);
            }),
            ("thread 2 has 0 parts of the broadcast", |_, found| found.parts[2].broadcast = None),
            ("thread 2 has 2 ledger rows", |_, found| found.ledger.extend(found.ledger.clone())),
            ("says queued", |_, found| found.ledger[0].1 = "queued".to_owned()),
            ("is sent, and the relay has it 0", |_, found| found.relayed.clear()),
            ("is uncertain, and the relay has it 2", |_, found| {
                found.owed[0].1 = "uncertain".to_owned();
                found.relayed.extend(found.relayed.clone());
            }),
            ("0 mails of the broadcast", |_, found| found.owed.clear()),
            ("is not that part", |_, found| found.parts[1].thread = "1".to_owned()),
            ("saw 4 after 9", |claims, _| claims.streams[0].events.swap(0, 1)),
            ("never saw part p3", |claims, _| drop(claims.streams[0].events.remove(1))),
            ("saw 2 parts 3 times", |claims, _| claims.streams[0].events.push((12, Some("p2".to_owned())))),
        ];
        for (expected, doctor) in table {
            let (mut claims, mut found) = sound();
            doctor(&mut claims, &mut found);
            let told = faults(&claims, &found);
            assert!(told.iter().any(|fault| fault.contains(expected)), "{expected}: {told:?}");
        }
        let (mut claims, mut found) = sound();
        (claims.ticket, claims.changes) = ("1".to_owned(), 3);
        found.parts.push(FoundPart { kind: "ticket_state_updated_by_admin".to_owned(), ..part("1", "p9", "") });
        assert_eq!(faults(&claims, &found), ["1 changes of state are there, 3..=3 were claimed"]);
    }
}
