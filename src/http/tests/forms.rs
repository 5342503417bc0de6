//! Forms through the API, and the hosted page.

use super::*;
use crate::desk::mail::outbox::Prepared;

pub(super) async fn repair(house: &House, category: &str) -> String {
    let made = id(&house
        .post(
            "/api/ticket_types",
            json!({"name": "Repair <b>", "category": category, "submitted_message": "We come on Monday."}),
        )
        .await
        .ok());
    let path = format!("/api/ticket_types/{made}/attributes");
    for new in [
        json!({"name": "Floor", "data_type": "integer", "required_to_create_for_contacts": true}),
        json!({"name": "Photos", "data_type": "files", "allow_multiple_values": true}),
        json!({"name": "When", "data_type": "datetime"}),
        json!({"name": "Margin", "data_type": "integer", "visible_to_contacts": false}),
        json!({"name": "Urgent", "data_type": "boolean"}),
        json!({"name": "Room", "data_type": "list", "list_items": "Kitchen,Bath"}),
    ] {
        house.post(&path, new).await.ok();
    }
    made
}

/// Ids of a type's attributes by name.
async fn attributes(house: &House, ticket_type: &str) -> BTreeMap<String, String> {
    let made = house.get(&format!("/api/ticket_types/{ticket_type}")).await.ok();
    let each = made["ticket_type_attributes"]["data"].as_array().unwrap().clone();
    each.iter().map(|one| (one["name"].as_str().unwrap().to_owned(), id(one))).collect()
}

pub(super) async fn sent(house: &House, conversation: &str, ticket_type: &str) -> Value {
    let new = json!({"ticket_type_id": ticket_type, "ticket_attributes": {"_default_title_": "Heating \"<i>\"", "Margin": 5}});
    house.post(&format!("/api/conversations/{conversation}/forms"), new).await.ok()
}

#[tokio::test]
async fn api_47_a_form_is_sent_submitted_and_withdrawn() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let conversation = house.conversation(&ana, "It is cold").await;
    let ticket_type = repair(&house, "Customer").await;
    let offered = house.get(&format!("/api/conversations/{conversation}/forms")).await.ok();
    assert_eq!(offered["data"][0]["id"], json!(ticket_type));
    let card = sent(&house, &conversation, &ticket_type).await;
    assert_eq!(
        (&card["part_type"], &card["deskgate"]["details"]["form_state"]),
        (&json!("ticket_form_sent"), &json!("open"))
    );
    let path = format!("/api/forms/{}", id(&card));
    let wrong = house.post(&format!("{path}/submit"), json!({"ticket_attributes": {"When": "soon"}})).await;
    let errors = wrong.json()["errors"].as_array().unwrap().clone();
    let fields: Vec<&Value> = errors.iter().map(|error| &error["field"]).collect();
    assert_eq!((wrong.status.as_u16(), fields), (400, vec![&json!("Floor"), &json!("When")]));
    let filled = json!({"client_id": "k", "ticket_attributes": {"Floor": 3, "Margin": 1, "Unknown": 2}});
    let made = house.post(&format!("{path}/submit"), filled.clone()).await.ok();
    assert_eq!((id(&made), &made["deskgate"]["created_via"]), (conversation.clone(), &json!("form")));
    assert_eq!((&made["ticket_attributes"]["Floor"], &made["ticket_attributes"]["Margin"]), (&json!(3), &json!(5)));
    assert_eq!(house.post(&format!("{path}/submit"), filled).await.ok()["ticket_id"], made["ticket_id"]);
    for act in ["submit", "withdraw"] {
        let body = json!({"client_id": "other", "ticket_attributes": {"Floor": 1}});
        assert_eq!(house.post(&format!("{path}/{act}"), body).await.error().1, "conflict", "{act}");
    }
    let second = house.conversation(&ana, "And wet").await;
    let card = sent(&house, &second, &ticket_type).await;
    let taken_back = house.post(&format!("/api/forms/{}/withdraw", id(&card)), json!({})).await.ok();
    assert_eq!(taken_back["deskgate"]["details"]["form_state"], "withdrawn");
    assert_eq!(house.post("/api/forms/7/submit", json!({})).await.error().0, 404);
    assert_eq!(house.desk.verify().unwrap(), Vec::<String>::new());
}

/// The address of the hosted form in the mail that is due.
pub(super) async fn mailed_link(house: &House) -> String {
    house.clock.set(house.clock.now().plus(Duration::from_secs(200)));
    for delivery in house.desk.lease_due(50, Duration::from_secs(60)).await.unwrap() {
        if let Prepared::Send(mail) = house.desk.prepare(&delivery).unwrap() {
            let text = String::from_utf8(mail.bytes).unwrap().replace("=\r\n", "").replace("=3D", "=");
            if let Some((_, after)) = text.split_once("https://desk.example.com/forms/") {
                let token: String =
                    after.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
                return format!("/forms/{token}");
            }
        }
    }
    panic!("no mail with a form");
}

fn body(fields: &[(&str, &str)], files: &[(&str, &str, &str)]) -> Vec<u8> {
    let mut body = String::new();
    for (name, value) in fields {
        body.push_str(&format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"));
    }
    for (name, file, content) in files {
        body.push_str(&format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{file}\"\r\nContent-Type: text/plain\r\n\r\n{content}\r\n"));
    }
    body.push_str("--b--\r\n");
    body.into_bytes()
}

async fn post(house: &House, link: &str, body: Vec<u8>) -> (u16, String) {
    let request = Request::builder().method(Method::POST).uri(link);
    let request = request.header(header::CONTENT_TYPE, "multipart/form-data; boundary=b");
    let reply = house.send(request.body(Body::from(body)).unwrap()).await;
    (reply.status.as_u16(), String::from_utf8(reply.bytes).unwrap())
}

/// The value of a hidden field of the page.
fn hidden<'p>(page: &'p str, name: &str) -> Vec<&'p str> {
    let start = format!("name=\"{name}\" value=\"");
    page.split(start.as_str()).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[tokio::test]
async fn frm_7_the_hosted_form_works_without_script_and_shows_what_is_wrong_at_the_field() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let conversation = house.conversation(&ana, "It is cold").await;
    let ticket_type = repair(&house, "Customer").await;
    sent(&house, &conversation, &ticket_type).await;
    let link = mailed_link(&house).await;
    let of = attributes(&house, &ticket_type).await;
    let page = house.get(&link).await;
    let policy = page.header("content-security-policy").unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(
        (page.header("referrer-policy"), page.header("cache-control")),
        (Some("no-referrer"), Some("private, no-store"))
    );
    let html = String::from_utf8(page.bytes.clone()).unwrap();
    assert!(html.contains("Repair &lt;b&gt;") && html.contains("Heating &quot;&lt;i&gt;&quot;"), "escaped, prefilled");
    assert!(!html.contains("<script") && !html.contains("Margin"));
    assert!(html.contains("<option value=") && html.contains(">Kitchen</option>"));
    assert_eq!(house.get(&link).await.status, StatusCode::OK, "reading changes nothing");

    let key = hidden(&html, "client_id")[0].to_owned();
    let field = |name: &str| format!("a{}", of[name]);
    let (floor, photos, when, urgent) = (field("Floor"), field("Photos"), field("When"), field("Urgent"));
    let (status, html) = post(
        &house,
        &link,
        body(
            &[("client_id", &key), (&floor, "up \"there\""), (&when, "2026-02-03T10:30")],
            &[(&photos, "a.txt", "hello"), (&photos, "", "")],
        ),
    )
    .await;
    assert_eq!(status, 422);
    assert!(
        html.contains("This field takes a whole number.") && html.contains("value=\"up &quot;there&quot;\""),
        "{html}"
    );
    assert!(html.contains(">a.txt<"), "the file stays");
    let kept = hidden(&html, &format!("u{}", of["Photos"]))[0].to_owned();
    let kept_field = format!("u{}", of["Photos"]);
    let title = field("_default_title_");
    let fields = [
        ("client_id", key.as_str()),
        (&title, "Heating"),
        (&floor, " 3 "),
        (&when, "2026-02-03T10:30"),
        (&urgent, "true"),
        (&kept_field, &kept),
    ];
    let (status, html) = post(&house, &link, body(&fields, &[])).await;
    assert_eq!(status, 200, "{html}");
    assert!(html.contains("#1") && html.contains("We come on Monday."));
    let ticket = house.get(&format!("/api/tickets/{conversation}")).await.ok();
    let values = &ticket["ticket_attributes"];
    assert_eq!(
        (&values["Floor"], &values["Urgent"], &values["When"]),
        (&json!(3), &json!(true), &json!(1_770_114_600))
    );
    assert_eq!(values["Photos"][0]["name"], "a.txt");
    let (status, _) = post(&house, &link, body(&fields, &[])).await;
    assert_eq!(status, 200, "FRM-6: the same submission again");
    let (status, html) = post(&house, &link, body(&[("client_id", "another"), (&floor, "4")], &[])).await;
    assert_eq!((status, html.contains("#1")), (409, true));
    let read_only = String::from_utf8(house.get(&link).await.bytes).unwrap();
    assert!(read_only.contains("#1") && !read_only.contains("<form"), "read-only");
    assert_eq!(house.get("/forms/forged").await.status, StatusCode::NOT_FOUND);
    assert_eq!(house.desk.verify().unwrap(), Vec::<String>::new());
}

/// A form mailed to a contact of that language, of a type that has German texts; its type and its link.
async fn sent_to_reader_of(house: &House, language: &str) -> (String, String) {
    let ana = house.contact("ana@example.com").await;
    house.put(&format!("/api/contacts/{ana}"), json!({"language_override": language})).await.ok();
    let conversation = house.conversation(&ana, "It is cold").await;
    let ticket_type = repair(house, "Customer").await;
    let asked = json!({"Floor": {"label": "Stockwerk"}, "Room": {"options": {"Kitchen": "Küche"}}});
    let german = json!({"name": "Reparatur", "submitted_message": "Wir kommen am Montag.", "attributes": asked});
    let made =
        house.put(&format!("/api/ticket_types/{ticket_type}"), json!({"translations": {"de": german}})).await.ok();
    for state in made["ticket_states"]["data"].as_array().unwrap() {
        let german = json!({"translations": {"de": "Eingegangen"}});
        house.put(&format!("/api/ticket_states/{}", id(state)), german).await.ok();
    }
    sent(house, &conversation, &ticket_type).await;
    (ticket_type, mailed_link(house).await)
}

#[tokio::test]
async fn i18_1_the_hosted_form_is_in_the_contacts_language_from_beginning_to_end() {
    let house = House::new().await;
    let (ticket_type, link) = sent_to_reader_of(&house, "de-AT").await;
    let page = house.plain("GET", &link, "").await.1;
    for said in [
        "<html lang=\"de\">",
        "Reparatur",
        ">Titel<",
        ">Stockwerk",
        "(erforderlich)",
        ">Küche<",
        ">Bath<",
        "Uhrzeit in ",
        ">Ja<",
        ">Senden<",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    for written in ["Repair", ">Title<", "Floor", "Kitchen", "needed", ">Yes<", ">Send<"] {
        assert!(!page.contains(written), "{written}: {page}");
    }
    let floor = format!("a{}", attributes(&house, &ticket_type).await["Floor"]);
    let (status, page) = post(&house, &link, body(&[(&floor, "oben")], &[])).await;
    assert_eq!(status, 422);
    assert!(page.contains("Bitte eine ganze Zahl eingeben.") && page.contains("markierten Felder"), "{page}");
    let (_, page) = post(&house, &link, body(&[(&floor, "")], &[])).await;
    assert!(page.contains("Bitte ausfüllen."), "{page}");
    let (status, page) = post(&house, &link, body(&[(&floor, "3")], &[])).await;
    assert_eq!(status, 200);
    for said in
        ["Vielen Dank", "hat die Nummer #1.", "Wir kommen am Montag.", "<dd>Reparatur", "<dt>Stand</dt><dd>Eingegangen"]
    {
        assert!(page.contains(said), "{said}: {page}");
    }
    let nowhere = house.plain("GET", "/forms/x", "").await.1;
    assert!(
        nowhere.contains("<html lang=\"en\">") && nowhere.contains("no longer works"),
        "the workspace's: {nowhere}"
    );
}

#[tokio::test]
async fn i18_1_the_hosted_form_is_in_the_workspaces_language_where_nobody_wrote_the_contacts() {
    let house = House::with(Settings { default_locale: "fr".to_owned(), ..settings() }).await;
    let (_, link) = sent_to_reader_of(&house, "sv").await;
    let page = house.plain("GET", &link, "").await.1;
    assert!(page.contains("<html lang=\"fr\">") && page.contains(">Envoyer<") && page.contains(">Titre<"), "{page}");
    assert!(page.contains("Repair &lt;b&gt;") && page.contains(">Floor"), "as they were written: {page}");
    let nowhere = house.plain("GET", "/forms/x", "").await.1;
    assert!(nowhere.contains("Ce lien ne fonctionne plus"), "{nowhere}");
}

#[tokio::test]
async fn frm_2_a_form_that_is_no_longer_offered_says_so_and_marks_no_field() {
    let house = House::new().await;
    let (ticket_type, link) = sent_to_reader_of(&house, "es").await;
    house.put(&format!("/api/ticket_types/{ticket_type}"), json!({"archived": true})).await.ok();
    let floor = format!("a{}", attributes(&house, &ticket_type).await["Floor"]);
    let (status, page) = post(&house, &link, body(&[(&floor, "3")], &[])).await;
    assert_eq!(status, 400);
    assert!(page.contains("No se ha podido enviar") && !page.contains("<form"), "{page}");
}
