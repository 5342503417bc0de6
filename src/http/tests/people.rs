//! What is done with contacts: merged, archived, blocked, deleted; their notes, subscriptions, visitors.

use super::*;
use crate::desk::people::identity::Claim;

impl House {
    async fn lead(&self, facts: Value) -> String {
        id(&self.post("/api/contacts", facts).await.ok())
    }

    fn sound(&self) {
        assert_eq!(self.desk.verify().unwrap(), Vec::<String>::new());
    }
}

fn by(contact: &str, body: &str) -> Value {
    json!({"message_type": "comment", "type": "user", "intercom_user_id": contact, "body": body})
}

#[tokio::test]
async fn obj_20_a_lead_goes_into_a_user_with_all_it_has() {
    let house = House::new().await;
    let user = house.contact("ana@example.com").await;
    let lead = house
        .lead(json!({"email": "ana@example.com", "phone": "+1", "other_emails": ["a@example.org"],
        "custom_attributes": {"plan": "free", "seats": 2}}))
        .await;
    house.put(&format!("/api/contacts/{user}"), json!({"custom_attributes": {"plan": "gold"}})).await.ok();
    let conversation = house.conversation(&lead, "Hello").await;
    let note = id(&house.post(&format!("/api/contacts/{lead}/notes"), json!({"body": "Likes tea"})).await.ok());
    let company = id(&house.post("/api/companies", json!({"name": "Acme"})).await.ok());
    house.post(&format!("/api/contacts/{lead}/companies"), json!({"id": company})).await.ok();
    let merged = house.post("/api/contacts/merge", json!({"from": lead, "into": user})).await.ok();
    assert_eq!((id(&merged), &merged["phone"]), (user.clone(), &json!("+1")));
    assert_eq!(merged["custom_attributes"], json!({"plan": "gold", "seats": 2}));
    assert_eq!(merged["deskgate"]["other_emails"], json!(["a@example.org"]));
    assert_eq!((&merged["notes"]["data"][0]["id"], &merged["companies"]["total_count"]), (&json!(note), &json!(1)));
    let gone = house.get(&format!("/api/contacts/{lead}")).await;
    assert_eq!((gone.error().0, gone.error().1.as_str()), (410, "contact_merged"));
    assert_eq!(gone.header("link"), Some(format!("</contacts/{user}>; rel=\"canonical\"").as_str()));
    assert_eq!(house.put(&format!("/api/contacts/{lead}"), json!({"name": "x"})).await.error().0, 410);
    let thread = house.get(&format!("/api/conversations/{conversation}")).await.ok();
    assert_eq!(thread["contacts"]["contacts"][0]["id"], json!(user));
    let reply = house.post(&format!("/api/conversations/{conversation}/reply"), by(&user, "And?")).await.ok();
    assert_eq!(reply["conversation_parts"]["conversation_parts"][0]["author"]["id"], json!(user));
    assert_eq!(house.get("/api/contacts").await.ok()["data"].as_array().unwrap().len(), 1);
    let found = json!({"query": {"field": "email", "operator": "=", "value": "ana@example.com"}});
    assert_eq!(house.post("/api/contacts/search", found).await.ok()["total_count"], json!(1));
    house.sound();
}

#[tokio::test]
async fn obj_20_other_directions_and_strangers_are_invalid_merges() {
    let house = House::new().await;
    let (ana, ben) = (house.contact("ana@example.com").await, house.contact("ben@example.com").await);
    let lead = house.lead(json!({"email": "carl@example.com"})).await;
    for (from, into) in [(&ana, &ben), (&ana, &lead), (&lead, &lead), (&lead, &ana)] {
        let reply = house.post("/api/contacts/merge", json!({"from": from, "into": into})).await;
        assert_eq!((reply.error().0, reply.error().1.as_str()), (400, "invalid_merge"), "{from} into {into}");
    }
    let unchecked = json!({"from": lead, "into": ana, "skip_duplicate_validation": true});
    assert_eq!(id(&house.post("/api/contacts/merge", unchecked).await.ok()), ana);
    let again = house.post("/api/contacts/merge", json!({"from": lead, "into": ana})).await;
    assert_eq!(again.error().0, 410);
    assert_eq!(house.post("/api/contacts/merge", json!({"from": lead})).await.error().1, "parameter_not_found");
}

#[tokio::test]
async fn obj_20_waiting_mail_goes_with_the_lead_and_its_token_opens_nothing_of_the_user() {
    let house = House::new().await;
    let user = house.contact("ana@example.com").await;
    let session = house.desk.open_session(Claim::NewVisitor).await.unwrap();
    let visitor = session.contact.id.to_string();
    let conversation = house.conversation(&visitor, "Hello").await;
    let answer = json!({"message_type": "comment", "type": "admin", "admin_id": house.agent, "body": "Hi"});
    house.put(&format!("/api/contacts/{visitor}"), json!({"email": "ana@example.com"})).await.ok();
    house.post(&format!("/api/conversations/{conversation}/reply"), answer).await.ok();
    house.post("/api/contacts/merge", json!({"from": visitor, "into": user})).await.ok();
    let owed = house.get("/api/deliveries").await.ok();
    assert_eq!(owed["data"][0]["contact_id"], json!(user), "{owed}");
    let back = house.desk.open_session(Claim::Visitor(session.visitor.unwrap())).await.unwrap();
    assert!(![user, visitor].contains(&back.contact.id.to_string()), "a token proves nothing about the user (MSG-12)");
    house.sound();
}

#[tokio::test]
async fn msg_62_a_blocked_contact_writes_no_more_and_their_threads_are_closed() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let conversation = house.conversation(&ana, "Hello").await;
    let path = format!("/api/conversations/{conversation}");
    assert_eq!(house.post(&format!("/api/contacts/{ana}/block"), json!({})).await.ok()["blocked"], json!(true));
    let thread = house.get(&path).await.ok();
    assert_eq!(thread["state"], json!("closed"));
    let part = &thread["conversation_parts"]["conversation_parts"][0];
    assert_eq!((&part["part_type"], &part["deskgate"]["cause"]), (&json!("close"), &json!("blocked")));
    assert_eq!(house.post(&format!("{path}/reply"), by(&ana, "Please")).await.error().0, 403);
    assert_eq!(house.get(&path).await.ok()["state"], json!("closed"));
    house.post(&format!("/api/contacts/{ana}/unblock"), json!({})).await.ok();
    assert_eq!(house.post(&format!("{path}/reply"), by(&ana, "Thanks")).await.ok()["state"], json!("open"));
    house.sound();
}

#[tokio::test]
async fn api_26_an_archived_contact_is_out_of_lists_until_it_writes() {
    let house = House::new().await;
    let (ana, ben) = (house.contact("ana@example.com").await, house.contact("ben@example.com").await);
    let archived = house.post(&format!("/api/contacts/{ana}/archive"), json!({})).await.ok();
    assert_eq!((&archived["archived"], &archived["external_id"]), (&json!(true), &json!("ana@example.com")));
    let listed = house.get("/api/contacts").await.ok();
    assert_eq!((listed["data"].as_array().unwrap().len(), id(&listed["data"][0])), (1, ben));
    let query = json!({"query": {"field": "role", "operator": "=", "value": "user"}});
    assert_eq!(house.post("/api/contacts/search", query).await.ok()["total_count"], json!(1));
    assert_eq!(house.get(&format!("/api/contacts/{ana}")).await.ok()["deskgate"]["archived"], json!(true));
    assert_eq!(house.post(&format!("/api/contacts/{ana}/unarchive"), json!({})).await.ok()["archived"], json!(false));
    house.post(&format!("/api/contacts/{ana}/archive"), json!({})).await.ok();
    house.conversation(&ana, "Me again").await;
    assert_eq!(house.get("/api/contacts").await.ok()["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn api_26_of_a_deleted_contact_only_what_it_wrote_is_left() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let conversation = house.conversation(&ana, "Hello").await;
    let note = id(&house.post(&format!("/api/contacts/{ana}/notes"), json!({"body": "<b>Tea</b>"})).await.ok());
    assert_eq!(house.delete(&format!("/api/contacts/{ana}")).await.ok()["deleted"], json!(true));
    for path in [format!("/api/contacts/{ana}"), format!("/api/notes/{note}")] {
        assert_eq!(house.get(&path).await.error().0, 404, "{path}");
    }
    assert_eq!(house.get("/api/contacts/find_by_external_id/ana@example.com").await.error().0, 404);
    assert_eq!(house.delete(&format!("/api/contacts/{ana}")).await.error().0, 404);
    let thread = house.get(&format!("/api/conversations/{conversation}")).await.ok();
    assert_eq!((&thread["state"], &thread["source"]["body"]), (&json!("closed"), &json!("<p>Hello</p>\n")));
    let anew = house.contact("ana@example.com").await;
    assert_ne!(anew, ana, "the key is free");
    house.sound();
}

#[tokio::test]
async fn obj_18_notes_are_on_a_contact_or_a_company_and_name_their_author() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let company = id(&house.post("/api/companies", json!({"name": "Acme"})).await.ok());
    let body = json!({"body": "<p>Likes tea<script>x</script></p>", "admin_id": house.agent});
    let note = house.post(&format!("/api/contacts/{ana}/notes"), body.clone()).await.ok();
    assert_eq!((&note["body"], &note["author"]["id"]), (&json!("<p>Likes tea</p>"), &json!(house.agent)));
    assert_eq!(house.get(&format!("/api/notes/{}", id(&note))).await.ok(), note);
    let of_company = house.post(&format!("/api/companies/{company}/notes"), body).await.ok();
    assert_eq!((&of_company["company"]["id"], &of_company["contact"]), (&json!(company), &Value::Null));
    let listed = house.get(&format!("/api/contacts/{ana}/notes")).await.ok();
    assert_eq!((&listed["data"], &listed["total_count"]), (&json!([note]), &json!(1)));
    assert_eq!(house.post(&format!("/api/contacts/{ana}/notes"), json!({"body": " "})).await.error().0, 400);
    house.sound();
}

#[tokio::test]
async fn ntf_14_a_subscription_says_whether_bulk_mail_is_taken() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let path = format!("/api/contacts/{ana}/subscriptions");
    let kind = house.get("/api/subscription_types").await.ok()["data"][0].clone();
    assert_eq!(house.get(&path).await.ok()["data"], json!([kind]));
    house.delete(&format!("{path}/{}", id(&kind))).await.ok();
    assert_eq!(house.get(&path).await.ok()["data"], json!([]));
    assert_eq!(house.get(&format!("/api/contacts/{ana}")).await.ok()["unsubscribed_from_emails"], json!(true));
    house.post(&path, json!({"id": kind["id"], "consent_type": "opt_in"})).await.ok();
    assert_eq!(house.get(&path).await.ok()["data"], json!([kind]));
    house.put(&format!("/api/contacts/{ana}"), json!({"unsubscribed_from_emails": false})).await.ok();
    let choices = house.get(&format!("/api/contacts/{ana}")).await.ok()["deskgate"]["mail_choices"].clone();
    let said: Vec<_> = choices.as_array().unwrap().iter().map(|choice| choice["unsubscribed"].clone()).collect();
    assert_eq!(said, [json!(true), json!(false)], "EML-81: each that changed something, the last one counts");
    assert_eq!(choices[1]["by"], json!({"type": "admin", "id": house.agent}), "EML-81");
    assert_eq!(house.post(&path, json!({"id": "9", "consent_type": "opt_in"})).await.error().0, 404);
}

#[tokio::test]
async fn obj_23_the_caller_vouches_for_an_address_and_names_owner_and_sign_up() {
    let house = House::new().await;
    let facts = json!({"email": "ana@example.com", "email_verified": true, "owner_id": house.agent,
        "signed_up_at": 1_700_000_000, "last_seen_at": 1_700_000_001});
    let made = house.post("/api/contacts", facts).await.ok();
    assert_eq!(made["deskgate"]["email_verified"], json!(true));
    assert_eq!((&made["signed_up_at"], &made["last_seen_at"]), (&json!(1_700_000_000), &json!(1_700_000_001)));
    assert_eq!(made["owner_id"], json!(house.agent));
    let moved = house.put(&format!("/api/contacts/{}", id(&made)), json!({"email": "ana@example.org"})).await.ok();
    assert_eq!(moved["deskgate"]["email_verified"], json!(false));
    let wrong = house.post("/api/contacts", json!({"owner_id": 99})).await.error();
    assert_eq!(wrong, (400, "parameter_invalid".to_owned(), Some("owner_id".to_owned())));
}

#[tokio::test]
async fn obj_21_two_users_with_one_address_are_never_guessed() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    house.post("/api/contacts", json!({"email": "ana@example.com", "external_id": "twin"})).await.ok();
    let conversation = house.conversation(&ana, "Hello").await;
    let reply = json!({"message_type": "comment", "type": "user", "email": "ana@example.com", "body": "x"});
    let reply = house.post(&format!("/api/conversations/{conversation}/reply"), reply).await;
    assert_eq!((reply.error().0, reply.error().1.as_str()), (409, "conflict"));
}

#[tokio::test]
async fn obj_15_a_visitor_is_named_and_becomes_a_lead_or_goes_into_a_user() {
    let house = House::new().await;
    let visitor = house.desk.open_session(Claim::NewVisitor).await.unwrap().contact.id.to_string();
    let seen = house.get(&format!("/api/visitors?user_id={visitor}")).await.ok();
    assert_eq!((&seen["type"], &seen["anonymous"], &seen["name"]), (&json!("visitor"), &json!(true), &Value::Null));
    let named = house.put("/api/visitors", json!({"user_id": visitor, "name": "Ana"})).await.ok();
    assert_eq!(named["name"], json!("Ana"));
    let lead = json!({"type": "lead", "visitor": {"user_id": visitor}});
    assert_eq!(id(&house.post("/api/visitors/convert", lead).await.ok()), visitor);
    assert_eq!(house.get(&format!("/api/visitors?user_id={visitor}")).await.error().0, 404);
    let other = house.desk.open_session(Claim::NewVisitor).await.unwrap().contact.id.to_string();
    let ben = house.contact("ben@example.com").await;
    let into = json!({"type": "user", "visitor": {"id": other}, "user": {"email": "ben@example.com"}});
    assert_eq!(id(&house.post("/api/visitors/convert", into).await.ok()), ben);
    assert_eq!(house.get(&format!("/api/contacts/{other}")).await.error().0, 410);
    house.sound();
}

#[tokio::test]
async fn par_7_a_visitor_becomes_nobody_of_the_house() {
    let house = House::new().await;
    let visitor = house.desk.open_session(Claim::NewVisitor).await.unwrap().contact.id.to_string();
    for address in ["support@example.com", "support+7@example.com", "bo@example.com", "BO@example.com"] {
        for kind in ["user", "lead"] {
            let to = json!({"type": kind, "visitor": {"user_id": visitor}, "user": {"email": address}});
            let refused = house.post("/api/visitors/convert", to).await.error();
            let expected = (400, "parameter_invalid".to_owned(), Some("user.email".to_owned()));
            assert_eq!(refused, expected, "{kind} {address}");
        }
    }
    let still = house.get(&format!("/api/visitors?user_id={visitor}")).await.ok();
    assert_eq!((&still["type"], &still["email"]), (&json!("visitor"), &json!("")), "nothing of it was applied");
    let to = json!({"type": "user", "visitor": {"user_id": visitor}, "user": {"email": "ana@example.com"}});
    assert_eq!(house.post("/api/visitors/convert", to).await.ok()["email"], "ana@example.com");
    house.sound();
}

#[tokio::test]
async fn api_31_contacts_and_threads_are_found_by_company_tag_owner_and_statistics() {
    let house = House::new().await;
    let (ana, ben) = (house.contact("ana@example.com").await, house.contact("ben@example.com").await);
    let company = id(&house.post("/api/companies", json!({"name": "Acme"})).await.ok());
    house.post(&format!("/api/contacts/{ana}/companies"), json!({"id": company})).await.ok();
    let facts = json!({"owner_id": house.agent, "signed_up_at": 1_700_000_000, "custom_attributes": {"plan": "gold"}});
    house.put(&format!("/api/contacts/{ana}"), facts).await.ok();
    let tag = id(&house.post("/api/tags", json!({"name": "VIP"})).await.ok());
    house.post(&format!("/api/contacts/{ana}/tags"), json!({"id": tag})).await.ok();
    let is = |field: &str, value: Value| json!({"query": {"field": field, "operator": "=", "value": value}});
    for (field, value) in [
        ("owner_id", json!(house.agent)),
        ("tag_id", json!(tag)),
        ("company_id", json!(company)),
        ("signed_up_at", json!(1_700_000_000)),
        ("custom_attributes.plan", json!("gold")),
    ] {
        let found = house.post("/api/contacts/search", is(field, value)).await.ok();
        assert_eq!((&found["total_count"], &found["data"][0]["id"]), (&json!(1), &json!(ana)), "{field}");
    }
    let nowhere = house.post("/api/contacts/search", is("location.country", json!("Spain"))).await.ok();
    assert_eq!(nowhere["total_count"], json!(0));
    let (of_ana, of_ben) = (house.conversation(&ana, "Hello").await, house.conversation(&ben, "Hello").await);
    house.put(&format!("/api/conversations/{of_ana}"), json!({"company_id": company})).await.ok();
    let tagging = json!({"id": tag, "admin_id": house.agent});
    house.post(&format!("/api/conversations/{of_ana}/tags"), tagging).await.ok();
    house.clock.set(START.plus(Duration::from_secs(60)));
    house.post(&format!("/api/conversations/{of_ana}/parts"), json!({"message_type": "close"})).await.ok();
    for (field, value) in [
        ("company_id", json!(company)),
        ("tag_ids", json!(tag)),
        ("statistics.time_to_first_close", json!(60)),
        ("statistics.last_closed_by_id", json!(house.agent)),
    ] {
        let found = house.post("/api/conversations/search", is(field, value)).await.ok();
        assert_eq!((&found["total_count"], &found["conversations"][0]["id"]), (&json!(1), &json!(of_ana)), "{field}");
    }
    let open = json!({"query": {"field": "statistics.count_conversation_parts", "operator": "<", "value": 2}});
    assert_eq!(house.post("/api/conversations/search", open).await.ok()["conversations"][0]["id"], json!(of_ben));
    let unknown = house.post("/api/conversations/search", is("statistics.mood", json!(1))).await.error();
    assert_eq!(unknown.1, "invalid_field");
}
