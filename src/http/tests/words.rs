//! Search by words, with the index's worker driven by hand (DSK-8).

use super::*;
use crate::desk::search::words::Of;
use crate::desk::search::words::TextChange;
use crate::desk::search::words::Wanted;
use crate::desk::search::words::WordIndex;
use crate::domain::id::ContactId;
use crate::domain::id::EventSeq;
use crate::domain::id::PartId;
use crate::domain::id::ThreadId;
use crate::search::Cursor;
use crate::search::Step;
use crate::search::TextIndex;
use crate::search::Worker;
use std::path::Path;
use std::slice::from_ref;
use std::sync::Arc;

/// A house with an index beside it.
struct Searched {
    house: House,
    index: TextIndex,
    worker: Worker,
    dir: TempDir,
}

impl Searched {
    async fn new() -> Self {
        let house = House::new().await;
        let dir = tempfile::tempdir().unwrap();
        let (house, index, worker) = open(house, dir.path()).await;
        Self { house, index, worker, dir }
    }

    /// Opens the index again, as after a restart.
    async fn again(self) -> Self {
        let Self { house, index, worker, dir } = self;
        drop((index, worker));
        let (house, index, worker) = open(house, dir.path()).await;
        Self { house, index, worker, dir }
    }

    fn later(&self) {
        self.house.clock.set(self.house.clock.now().plus(Duration::from_secs(1)));
    }

    fn catch_up(&mut self) {
        while self.worker.step().unwrap() != Step::Nothing {}
        assert_eq!(self.index.read_to(), Some(self.house.desk.log_seq().unwrap()));
    }

    async fn ask(&self, question: &str) -> Value {
        let escaped: String = question.bytes().map(|byte| format!("%{byte:02X}")).collect();
        self.house.get(&format!("/api/search?q={escaped}")).await.ok()
    }

    /// Ids of the objects found.
    async fn found(&self, question: &str) -> Vec<String> {
        self.ask(question).await["data"].as_array().unwrap().iter().map(|hit| id(&hit["object"])).collect()
    }
}

async fn open(mut house: House, dir: &Path) -> (House, TextIndex, Worker) {
    let index = TextIndex::open(&dir.join("search")).unwrap();
    let api = Api::open(house.desk.clone(), RateLimits::default()).await.unwrap();
    house.router = router(api.with_words(Arc::new(index.clone())));
    let worker = Worker::new(house.desk.clone(), index.clone());
    (house, index, worker)
}

#[tokio::test]
async fn dsk_8_an_index_that_is_a_batch_behind_takes_no_rest_and_ended_there_reads_again() {
    let mut here = Searched::new().await;
    here.catch_up();
    let ana = here.house.contact("ana.lopez@example.com").await;
    assert_eq!(here.worker.step(), Ok(Step::Some));
    let before = here.house.desk.log_seq().unwrap().0;
    let mut conversations = 0;
    while here.house.desk.log_seq().unwrap().0 - before < 1_200 {
        here.house.conversation(&ana, "hello").await;
        conversations += 1;
    }
    assert_eq!(here.worker.step(), Ok(Step::More));
    // Ended before it has caught up: what it had read and not committed is read again, and is there once.
    let mut here = here.again().await;
    here.catch_up();
    let wanted = Wanted { phrases: vec!["hello".to_owned()] };
    assert_eq!(here.index.look(&wanted, 0, 2_000).unwrap().len(), conversations);
}

#[tokio::test]
async fn dsk_8_titles_messages_notes_and_contacts_are_found_by_words() {
    let mut here = Searched::new().await;
    here.catch_up();
    let known = here.house.desk.log_seq().unwrap().0;
    let ana = here.house.contact("ana.lopez@example.com").await;
    let first = here.house.conversation(&ana, "The crème brûlée arrived cold").await;
    here.later();
    let second = here.house.conversation(&ana, "The invoice arrived late").await;
    let note = json!({"message_type": "note", "type": "admin", "body": "<p>Ask the <b>courier</b> about it</p>"});
    here.house.post(&format!("/api/conversations/{second}/reply"), note).await.ok();
    let billing = here.house.ticket_type("Customer").await;
    let title = json!({"_default_title_": "Wrong VAT number"});
    let new = json!({"ticket_type_id": id(&billing), "contacts": [{"id": ana}], "ticket_attributes": title});
    let ticket = id(&here.house.post("/api/tickets", new).await.ok());
    assert_eq!(
        here.ask("invoice").await["index"]["lag"],
        json!(here.house.desk.log_seq().unwrap().0 - known),
        "says that it lags"
    );
    here.catch_up();
    assert_eq!(here.ask("invoice").await["index"], json!({"complete": true, "lag": 0}));
    assert_eq!(here.found("CREME brulee").await, from_ref(&first), "without case and accents");
    assert_eq!(here.found("arrived").await, [second.clone(), first.clone()], "latest first");
    assert_eq!(here.found("arrived late").await, from_ref(&second), "all words together");
    assert_eq!(here.found("\"arrived cold\"").await, from_ref(&first));
    assert!(here.found("\"cold arrived\"").await.is_empty());
    assert_eq!(here.found("courier").await, from_ref(&second));
    assert_eq!(here.found("vat").await, from_ref(&ticket));
    assert_eq!(here.found("ana.lopez@example.com").await, from_ref(&ana));
    assert_eq!(here.found("lopez type:contact").await, from_ref(&ana));
    assert!(here.found("lopez type:ticket").await.is_empty());
    assert_eq!(here.found("arrived type:conversation").await.len(), 2);
    assert_eq!(here.found("vat category:Customer state:submitted is:open").await, from_ref(&ticket));
    assert!(here.found("vat is:closed").await.is_empty() && here.found("vat before:2026-01-01").await.is_empty());
    assert_eq!(here.found("#1").await, from_ref(&ticket));
    let hit = &here.ask("courier").await["data"][0];
    assert_eq!((&hit["type"], hit["part_id"].is_string()), (&json!("search_result"), true));
    assert_eq!(here.house.get("/api/search?q=").await.error().2.as_deref(), Some("q"));
    let path = format!("/api/tickets/{ticket}");
    here.house.put(&path, json!({"ticket_attributes": {"_default_title_": "Right number"}})).await.ok();
    here.catch_up();
    assert!(here.found("vat").await.is_empty());
    assert_eq!(here.found("right").await, [ticket]);
}

#[tokio::test]
async fn dsk_8_nobody_finds_what_they_may_not_read() {
    let mut here = Searched::new().await;
    let ana = here.house.contact("ana@example.com").await;
    let conversation = here.house.conversation(&ana, "About the zebra").await;
    let billing = here.house.ticket_type("Back-office").await;
    let title = json!({"_default_title_": "The zebra too"});
    let new = json!({"ticket_type_id": id(&billing), "contacts": [], "ticket_attributes": title});
    let ticket = id(&here.house.post("/api/tickets", new).await.ok());
    here.house.post("/api/contacts", json!({"name": "Zebra", "email": "z@example.com"})).await.ok();
    here.catch_up();
    assert_eq!(here.found("zebra").await.len(), 3);
    for (scope, expected) in [(Scope::ReadConversations, conversation), (Scope::ReadTickets, ticket)] {
        here.house.token = here.house.token_for(&[scope]).await;
        assert_eq!(here.found("zebra").await, [expected], "{scope:?}");
    }
    here.house.token = here.house.token_for(&[Scope::Settings]).await;
    assert_eq!(here.house.get("/api/search?q=zebra").await.error().0, 403);
}

#[tokio::test]
async fn obj_47_texts_that_are_gone_leave_the_index() {
    let here = Searched::new().await;
    let (thread, other) = (ThreadId(7), ThreadId(8));
    let put = |of, text: &str| TextChange::Put { of, at: START, text: text.to_owned() };
    let mut writing = here.index.write().unwrap();
    let mut commit = |changes: &[TextChange]| {
        let cursor = here.index.cursor().unwrap_or_else(|| Cursor::beginning(EventSeq(0)));
        here.index.take_in(&mut writing, changes, cursor).unwrap();
        here.index.commit(&mut writing).unwrap();
        let mut found = here.index.look(&Wanted { phrases: vec!["zebra".to_owned()] }, 0, 9).unwrap();
        found.sort_unstable();
        found
    };
    let (first, second) = (Of::Part(thread, PartId(1)), Of::Part(other, PartId(2)));
    let (title, contact) = (Of::Thread(thread), Of::Contact(ContactId(9)));
    let all = [put(first, "zebra"), put(second, "a zebra"), put(title, "Zebra!"), put(contact, "Zebra Z")];
    assert_eq!(commit(&all), [title, first, second, contact]);
    assert_eq!(commit(&all), [title, first, second, contact], "read again, and nothing is there twice");
    assert_eq!(commit(&[TextChange::Drop(contact), put(second, "a horse")]), [title, first]);
    assert_eq!(commit(&[TextChange::DropThread(thread)]), []);
}

#[tokio::test]
async fn an_index_goes_on_after_a_restart_and_is_made_anew_when_it_is_lost() {
    let mut here = Searched::new().await;
    let ana = here.house.contact("ana@example.com").await;
    let first = here.house.conversation(&ana, "The first zebra").await;
    here.catch_up();
    let mut here = here.again().await;
    assert_eq!(here.found("zebra").await, from_ref(&first), "without reading anything");
    here.later();
    let second = here.house.conversation(&ana, "The second zebra").await;
    here.catch_up();
    assert_eq!(here.found("zebra").await, [second.clone(), first.clone()]);
    let here = here.again().await;
    let files = here.dir.path().join("search");
    std::fs::write(files.join("meta.json"), "no index").unwrap();
    let mut here = here.again().await;
    assert!(here.found("zebra").await.is_empty());
    assert_eq!(here.ask("zebra").await["index"], json!({"complete": false, "lag": null}));
    here.catch_up();
    assert_eq!(here.found("zebra").await, [second, first]);
    assert_eq!(here.found("ana").await, [ana], "contacts too");
}

#[tokio::test]
async fn api_31_compatible_searches_by_words_find_the_same_with_the_index_before_it_and_behind_it() {
    let mut here = Searched::new().await;
    here.catch_up();
    let ana = here.house.contact("ana@example.com").await;
    let kind = here.house.ticket_type("Customer").await;
    let mut threads = Vec::new();
    for n in 0..30 {
        here.later();
        let words = if n % 10 == 3 { "The private vat number is wrong" } else { "Nothing to be found" };
        let thread = here.house.conversation(&ana, words).await;
        if n % 2 == 1 {
            let values = json!({"_default_title_": format!("Wrong VAT number {n}"), "_default_description_": words});
            let convert = json!({"ticket_type_id": id(&kind), "attributes": values});
            here.house.post(&format!("/api/conversations/{thread}/convert"), convert).await.ok();
        }
        threads.push(thread);
    }
    let questions = [
        ("conversations", "source.body", "~", "vat number", 3),
        ("conversations", "source.body", "=", "VAT", 3),
        ("conversations", "source.body", "~", "at numb", 0),
        ("conversations", "source.body", "!~", "vat", 27),
        ("tickets", "title", "=", "wrong vat number 13", 1),
        ("tickets", "title", "~", "rong VAT num", 15),
        ("tickets", "title", "^", "wrong v", 15),
        ("tickets", "title", "$", "number 13", 1),
        ("tickets", "description", "~", "is wro", 3),
        ("tickets", "description", "=", "Nothing to be found", 12),
    ];
    // Nothing of it is in the index, then everything, then all but the last change.
    for state in ["unread", "read", "behind"] {
        if state == "read" {
            here.catch_up();
        }
        for (noun, field, operator, value, expected) in &questions {
            let query = json!({"query": {"field": field, "operator": operator, "value": value}});
            let found = here.house.post(&format!("/api/{noun}/search"), query).await.ok();
            let also = usize::from(state == "behind" && *field == "source.body" && *expected == 3);
            assert_eq!(found["total_count"], json!(expected + also), "{state}: {field} {operator} {value}: {found}");
        }
        if state == "read" {
            here.house.conversation(&ana, "Another vat number").await;
            here.house.clock.set(here.house.clock.now().plus(Duration::from_secs(1)));
            let gone = json!({"query": {"field": "source.body", "operator": "!~", "value": "vat"}});
            assert_eq!(here.house.post("/api/conversations/search", gone).await.ok()["total_count"], json!(27));
        }
    }
}

#[tokio::test]
async fn api_31_a_rare_word_is_found_behind_more_threads_than_a_search_looks_at() {
    let mut here = Searched::new().await;
    let ana = here.house.contact("ana@example.com").await;
    let rare = here.house.conversation(&ana, "A needle in the hay").await;
    for _ in 0..60 {
        here.later();
        here.house.conversation(&ana, "Hay").await;
    }
    here.catch_up();
    let known = crate::desk::search::threads::Search {
        query: Some(crate::domain::search::Asked::Is(crate::domain::search::AskedCondition {
            field: "source.body".to_owned(),
            operator: crate::domain::search::Operator::Contains,
            values: vec![crate::domain::search::Scalar::Text("needle".to_owned())],
        })),
        exact: false,
        sort: crate::desk::search::Sort::default(),
        after: None,
        limit: 10,
        with_parts: false,
        words: Some(Arc::new(OnlyThis(here.index.clone()))),
    };
    let caller = here.house.desk.authenticate(&here.house.token).unwrap();
    let found = here.house.desk.search_conversations(&caller, &known).unwrap();
    assert_eq!(found.items.iter().map(|view| view.thread.id.to_string()).collect::<Vec<_>>(), [rare]);
    assert!(found.total_is_exact);
}

/// An index that is asked for one word alone, once.
#[derive(Debug)]
struct OnlyThis(TextIndex);

impl WordIndex for OnlyThis {
    fn look(&self, wanted: &Wanted, offset: usize, limit: usize) -> Result<Vec<Of>, String> {
        assert_eq!(wanted.phrases, ["needle"]);
        let hits = self.0.look(wanted, offset, limit)?;
        assert_eq!(hits.len(), 1, "one text of many");
        Ok(hits)
    }

    fn read_to(&self) -> Option<EventSeq> {
        self.0.read_to()
    }
}

#[tokio::test]
async fn dsk_8_a_search_is_narrowed_by_team_tag_sender_and_what_is_there() {
    let mut here = Searched::new().await;
    here.catch_up();
    let (ana, ben) = (here.house.contact("ana@example.com").await, here.house.contact("ben@sub.example.net").await);
    let first = here.house.conversation(&ana, "The invoice is wrong").await;
    here.later();
    let second = here.house.conversation(&ben, "My invoice is late").await;
    let tag = id(&here.house.post("/api/tags", json!({"name": "Big Customer"})).await.ok());
    let tagged = json!({"id": tag, "admin_id": here.house.agent});
    here.house.post(&format!("/api/conversations/{first}/tags"), tagged).await.ok();
    let file = json!({"content_type": "text/plain", "data": "SGVsbG8=", "name": "invoice.txt"});
    let with_file = json!({"message_type": "note", "type": "admin", "body": "see there", "attachment_files": [file]});
    here.house.post(&format!("/api/conversations/{second}/reply"), with_file).await.ok();
    here.later();
    let later = json!({"message_type": "note", "type": "admin", "body": "the invoice comes, look there"});
    here.house.post(&format!("/api/conversations/{second}/reply"), later).await.ok();
    let kind = here.house.ticket_type("Tracker").await;
    let issue = json!({"ticket_type_id": id(&kind), "contacts": []});
    let issue = id(&here.house.post("/api/tickets", issue).await.ok());
    here.house.post(&format!("/api/tickets/{issue}/links"), json!({"thread_id": first})).await.ok();
    here.catch_up();
    let both = vec![second.clone(), first.clone()];
    for (question, expected) in [
        ("invoice", both.clone()),
        ("invoice tag:\"big customer\"", vec![first.clone()]),
        ("invoice tag:unknown", vec![]),
        ("invoice from:ANA@example.com", vec![first.clone()]),
        ("invoice from:@sub.example.net", vec![second.clone()]),
        ("invoice from:@example.net", vec![]),
        ("invoice has:link", vec![first.clone()]),
        ("there has:attachment", vec![second.clone()]),
        ("wrong has:attachment", vec![]),
        ("invoice team:nobody", both),
        ("invoice team:7", vec![]),
        ("invoice team:Billing", vec![]),
        ("invoice tag:\"big customer\" has:link from:ana@example.com team:nobody", vec![first.clone()]),
    ] {
        assert_eq!(here.found(question).await, expected, "{question}");
    }
}
