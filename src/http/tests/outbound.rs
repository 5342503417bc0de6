//! Messages agents begin, tickets as jobs, times in the past, files by address, whose rights count.

use super::*;
use crate::channel::webhook_out::Targets;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

impl House {
    /// The same house with a router that reaches this machine.
    pub(super) async fn reaching_itself(mut self) -> Self {
        let api = Api::open(self.desk.clone(), RateLimits::default()).await.unwrap();
        self.router = router(api.with_webhook_targets(Targets::new(true)));
        self
    }

    fn message(&self, to: Value, more: Value) -> Value {
        let mut message = json!({"message_type": "email", "from": {"type": "admin", "id": self.agent},
            "subject": "News", "body": "<p>Hello</p>", "template": "plain"});
        message["to"] = to;
        if let (Some(message), Value::Object(more)) = (message.as_object_mut(), more) {
            message.extend(more);
        }
        message
    }
}

/// Answers one request with these bytes; its address.
pub(super) async fn host(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            let mut request = [0; 1_024];
            let _read = tcp.read(&mut request).await.unwrap();
            tcp.write_all(&answer).await.unwrap();
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn api_28_a_message_is_no_conversation_until_the_contact_replies() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let sent = house.post("/api/messages", house.message(json!({"type": "user", "id": ana}), json!({}))).await.ok();
    assert_eq!((&sent["type"], &sent["message_type"]), (&json!("admin_message"), &json!("email")));
    assert_eq!((&sent["conversation_id"], &sent["owner"]["id"]), (&Value::Null, &json!(house.agent)));
    let list = house.get("/api/conversations").await.ok();
    assert_eq!((&list["conversations"], &list["total_count"]), (&json!([]), &json!(0)));
    let owed = house.get("/api/deliveries").await.ok();
    assert_eq!(owed["data"][0]["contact_id"], json!(ana), "it is mailed");
    let hidden = owed["data"][0]["conversation_id"].as_str().unwrap_or_default().to_owned();
    let last = json!({"message_type": "comment", "type": "user", "intercom_user_id": ana, "body": "Thanks"});
    let reply = house.post("/api/conversations/last/reply", last).await.ok();
    assert!(hidden.is_empty() || reply["id"] == json!(hidden));
    assert_eq!((&reply["title"], &reply["source"]["delivered_as"]), (&json!("News"), &json!("admin_initiated")));
    let list = house.get("/api/conversations").await.ok();
    assert_eq!((&list["conversations"][0]["id"], &list["total_count"]), (&reply["id"], &json!(1)));
    assert_eq!(house.desk.verify().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn api_28_a_message_can_be_a_conversation_at_once_and_is_refused_by_name() {
    let house = House::new().await;
    let lead = id(&house.post("/api/contacts", json!({"name": "Ben"})).await.ok());
    let at_once = json!({"create_conversation_without_contact_reply": true, "message_type": "in_app", "cc": [{"email": "ana@example.com"}]});
    let sent = house.post("/api/messages", house.message(json!({"id": lead}), at_once)).await.ok();
    let path = format!("/api/conversations/{}", sent["conversation_id"].as_str().unwrap());
    assert_eq!(house.get(&path).await.ok()["contacts"]["contacts"].as_array().unwrap().len(), 2);
    let cases = [
        (house.message(json!({"id": lead}), json!({})), "to", 400),
        (house.message(json!({"email": "x@example.com"}), json!({"subject": " "})), "subject", 400),
        (house.message(json!({"email": "x@example.com"}), json!({"message_type": "fax"})), "message_type", 400),
        (
            house.message(
                json!({"email": "x@example.com"}),
                json!({"message_type": "in_app", "bcc": [{"email": "y@example.com"}]}),
            ),
            "bcc",
            400,
        ),
        (house.message(json!({}), json!({})), "to.id", 400),
    ];
    for (body, field, status) in cases {
        let (got, _, named) = house.post("/api/messages", body.clone()).await.error();
        assert_eq!((got, named.as_deref()), (status, Some(field)), "{body}");
    }
    assert_eq!(house.get("/api/contacts").await.ok()["total_count"], json!(2), "API-4: nobody was made for a refusal");
}

#[tokio::test]
async fn eml_60_a_reply_takes_to_cc_bcc_and_subject_and_says_what_became_of_each() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let sent = house.message(
        json!({"id": ana}),
        json!({"create_conversation_without_contact_reply": true, "bcc": ["hidden@example.net"]}),
    );
    let sent = house.post("/api/messages", sent).await.ok();
    let path = format!("/api/conversations/{}", sent["conversation_id"].as_str().unwrap());
    let conversation = house.get(&path).await.ok();
    let of = |list: &Value| -> Vec<(String, String)> {
        let pair = |one: &Value| {
            (one["type"].as_str().unwrap().to_owned(), one["email"].as_str().unwrap_or_default().to_owned())
        };
        list.as_array().unwrap().iter().map(pair).collect()
    };
    let pair = |kind: &str, email: &str| (kind.to_owned(), email.to_owned());
    let first = [pair("to", "ana@example.com"), pair("bcc", "hidden@example.net")];
    assert_eq!(of(&conversation["source"]["recipients"]), first);
    assert_eq!(conversation["contacts"]["contacts"].as_array().unwrap().len(), 1);
    let reply = json!({"message_type": "comment", "type": "admin", "admin_id": house.agent, "body": "More",
        "to": "ana@example.com", "cc": [{"email": "ben@example.com"}], "subject": "Another word"});
    let answered = house.post(&format!("{path}/reply"), reply).await.ok();
    let part = answered["conversation_parts"]["conversation_parts"].as_array().unwrap().last().unwrap().clone();
    let mailing = &part["deskgate"]["mailing"];
    assert_eq!(mailing["subject"], json!("Another word"));
    assert_eq!(of(&mailing["recipients"]), [pair("to", "ana@example.com"), pair("cc", "ben@example.com")]);
    let wrong =
        json!({"message_type": "comment", "type": "admin", "admin_id": house.agent, "body": "x", "cc": ["nobody"]});
    let refused = house.post(&format!("{path}/reply"), wrong).await.error();
    assert_eq!(refused, (400, "parameter_invalid".to_owned(), Some("cc[0]".to_owned())));
    assert_eq!(house.desk.verify().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn api_15_a_ticket_is_made_as_a_job_and_dated_back() {
    let house = House::new().await;
    let customer = id(&house.ticket_type("Customer").await);
    let new =
        |at: u64| json!({"ticket_type_id": customer, "contacts": [{"email": "ana@example.com"}], "created_at": at});
    let job = house.post("/api/tickets/enqueue", new(1_700_000_000)).await.ok();
    assert_eq!((&job["type"], &job["status"]), (&json!("job"), &json!("success")));
    assert_eq!(house.get(&format!("/api/jobs/status/{}", id(&job))).await.ok(), job);
    let ticket = house.get(&format!("/api/tickets/{}", job["resource_id"].as_str().unwrap())).await.ok();
    assert_eq!(ticket["created_at"], json!(1_700_000_000));
    assert_eq!(house.get("/api/jobs/status/99").await.error().1, "job_not_found");
    let future = house.post("/api/tickets", new(START.seconds() + 60)).await.error();
    assert_eq!(future, (400, "parameter_invalid".to_owned(), Some("created_at".to_owned())));
}

#[tokio::test]
async fn api_24_conversations_and_replies_are_dated_back() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let from = json!({"type": "user", "id": ana});
    let begun = json!({"from": from, "body": "Hello", "created_at": 1_700_000_000});
    let made = house.post("/api/conversations", begun).await.ok();
    assert_eq!(made["created_at"], json!(1_700_000_000));
    let path = format!("/api/conversations/{}", made["conversation_id"].as_str().unwrap());
    assert_eq!(house.get(&path).await.ok()["created_at"], json!(1_700_000_000));
    let said = |at: u64| json!({"message_type": "note", "type": "admin", "admin_id": house.agent, "body": "x", "created_at": at});
    let noted = house.post(&format!("{path}/reply"), said(1_700_000_060)).await.ok();
    assert_eq!(noted["conversation_parts"]["conversation_parts"][0]["created_at"], json!(1_700_000_060));
    for at in [1_699_999_999, START.seconds() + 60] {
        let refused = house.post(&format!("{path}/reply"), said(at)).await.error();
        assert_eq!(refused, (400, "parameter_invalid".to_owned(), Some("created_at".to_owned())), "{at}");
    }
}

#[tokio::test]
async fn api_17_files_are_fetched_by_address_from_where_webhooks_may_go() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let conversation = house.conversation(&ana, "Hello").await;
    let path = format!("/api/conversations/{conversation}/reply");
    let found = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello".to_vec();
    let host_of = host(found).await;
    let with = |url: String| {
        json!({"message_type": "comment", "type": "user", "intercom_user_id": ana, "body": "See",
            "attachment_urls": [url]})
    };
    let inside = [format!("{host_of}/a.txt"), "https://127.0.0.1/a".to_owned(), "https://10.0.0.1/a".to_owned()];
    for url in inside {
        let (status, code, field) = house.post(&path, with(url.clone())).await.error();
        assert_eq!(
            (status, code.as_str(), field.as_deref()),
            (400, "parameter_invalid", Some("attachment_urls[0]")),
            "{url}"
        );
    }
    let house = house.reaching_itself().await;
    let reply = house.post(&path, with(format!("{host_of}/files/a.txt?x=1"))).await.ok();
    let file = &reply["conversation_parts"]["conversation_parts"][0]["attachments"][0];
    assert_eq!((&file["name"], &file["filesize"]), (&json!("a.txt"), &json!(5)));
    let gone = host(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec()).await;
    assert_eq!(house.post(&path, with(gone)).await.error().0, 400);
    let parts = house.get(&format!("/api/conversations/{conversation}")).await.ok();
    assert_eq!(parts["conversation_parts"]["total_count"], json!(1), "API-4: nothing of a refused reply is there");
}

#[tokio::test]
async fn dsk_12_under_another_agents_name_nobody_may_more_than_that_agent() {
    let mut house = House::new().await;
    let clerk =
        NewAgent { email: address("ria@example.com"), name: "Ria".to_owned(), role: AgentRole::Agent, password: None };
    let clerk = house.desk.add_agent(clerk).await.unwrap().id;
    let everything = house.desk.authenticate(&house.token).unwrap();
    let as_clerk = house.desk.acting_as(&everything, clerk).unwrap();
    assert!(!as_clerk.scopes.contains(&Scope::Settings) && as_clerk.scopes.contains(&Scope::WriteTickets));
    assert_eq!((as_clerk.agent, as_clerk.role), (clerk, AgentRole::Agent));
    house.token = house.desk.create_token(&address("ria@example.com"), "all", Vec::new(), None).await.unwrap().1;
    assert_eq!(house.post("/api/teams", json!({"name": "x"})).await.error().0, 403);
    house.desk.disable_agent(&address("ria@example.com")).await.unwrap();
    assert!(house.desk.acting_as(&everything, clerk).is_err());
}

#[tokio::test]
async fn api_27_the_house_says_its_brand_and_addresses() {
    let house = House::new().await;
    let brand = house.get("/api/brands").await.ok()["data"][0].clone();
    assert_eq!((&brand["name"], &brand["is_default"]), (&json!("Example"), &json!(true)));
    assert_eq!(house.get(&format!("/api/brands/{}", id(&brand))).await.ok(), brand);
    let email = house.get("/api/emails").await.ok()["data"][0].clone();
    assert_eq!((&email["email"], &email["brand_id"]), (&json!("support@example.com"), &brand["id"]));
    assert_eq!(house.get("/api/emails/support@example.com").await.ok(), email);
    assert_eq!(house.get("/api/office_hours_schedules").await.ok()["data"], json!([]));
    for path in ["/api/brands/x", "/api/emails/x"] {
        assert_eq!(house.get(path).await.error().0, 404, "{path}");
    }
}

#[tokio::test]
async fn api_10_a_total_counts_what_the_list_shows() {
    let mut house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    house.conversation(&ana, "Hello").await;
    for category in ["Customer", "Back-office", "Tracker"] {
        let of_type = id(&house.ticket_type(category).await);
        house.post("/api/tickets", json!({"ticket_type_id": of_type, "contacts": [{"id": ana}]})).await.ok();
    }
    let list = house.get("/api/conversations").await.ok();
    assert_eq!((list["conversations"].as_array().unwrap().len(), &list["total_count"]), (2, &json!(2)));
    house.token = house.token_for(&[Scope::ReadConversations]).await;
    let list = house.get("/api/conversations").await.ok();
    assert_eq!((list["conversations"].as_array().unwrap().len(), &list["total_count"]), (1, &json!(1)));
}

#[tokio::test]
async fn api_17_a_quick_reply_offers_answers_and_lists_them_for_the_mail() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let conversation = house.conversation(&ana, "Hello").await;
    let path = format!("/api/conversations/{conversation}/reply");
    let options = json!([{"text": "Yes", "uuid": "u-1"}, {"text": "<No>", "uuid": "u-2"}]);
    let ask = |options: Value| json!({"message_type": "quick_reply", "type": "admin", "admin_id": house.agent, "reply_options": options});
    let reply = house.post(&path, ask(options.clone())).await.ok();
    let part = &reply["conversation_parts"]["conversation_parts"][0];
    assert_eq!((&part["part_type"], &part["metadata"]["quick_reply_options"]), (&json!("quick_reply"), &options));
    assert!(part["body"].as_str().unwrap().contains("&lt;No&gt;"), "{part}");
    for bad in [json!([]), json!([{"text": "Yes"}]), json!([{"text": " ", "uuid": "u"}])] {
        assert_eq!(house.post(&path, ask(bad.clone())).await.error().0, 400, "{bad}");
    }
    assert_eq!(house.desk.verify().unwrap(), Vec::<String>::new());
}
