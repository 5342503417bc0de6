//! Proofs by keys, facts beside them, and the end of a session (MSG-10 to MSG-16).

use crate::messenger::bench::Bench;
use crate::messenger::bench::SECRET;
use crate::messenger::bench::thread;
use crate::messenger::client::Client;
use crate::messenger::client::Seen;
use data_encoding::BASE64;
use data_encoding::BASE64URL_NOPAD;
use deskgate::channel::messenger::hub::Options;
use deskgate::desk::people::identity_keys::IdentityKey;
use deskgate::desk::people::identity_keys::KeyKind;
use deskgate::desk::thread::message::NewAttachment;
use deskgate::domain::address::Address;
use deskgate::domain::mail_choice::ChosenBy;
use jsonwebtoken::Algorithm;
use jsonwebtoken::EncodingKey;
use jsonwebtoken::Header;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
use ring::signature::EcdsaKeyPair;
use ring::signature::KeyPair;
use serde_json::Value;
use serde_json::json;
use tokio::io::DuplexStream;

const RSA: &[u8] = include_bytes!("../../fixtures/messenger/rsa.pem");
const RSA_PUBLIC: &[u8] = include_bytes!("../../fixtures/messenger/rsa.pub.pem");
/// What stands before the point of a P-256 key in its public form (RFC 5480 §2).
const P256_HEAD: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

fn user_hash(subject: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    data_encoding::HEXLOWER.encode(hmac::sign(&key, subject.as_bytes()).as_ref())
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// A pair of P-256 keys: the private one to sign with, the public one in PEM.
fn p256() -> (EncodingKey, String) {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
    let public = BASE64.encode(&[&P256_HEAD[..], pair.public_key().as_ref()].concat());
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{public}\n-----END PUBLIC KEY-----\n");
    (EncodingKey::from_ec_der(pkcs8.as_ref()), pem)
}

fn signed(algorithm: Algorithm, kid: Option<&str>, key: &EncodingKey, claims: &Value) -> String {
    let header = Header { kid: kid.map(ToOwned::to_owned), ..Header::new(algorithm) };
    jsonwebtoken::encode(&header, claims, key).unwrap()
}

/// The contact a claim opens, or the close code.
async fn opened(bench: &Bench, identity: Value) -> Result<Value, u16> {
    let mut client: Client<DuplexStream> = bench.connect().await;
    client.say(json!({"type": "hello", "identity": identity})).await;
    let answer = client.frame().await;
    if answer["type"] == "welcome" {
        return Ok(answer["contact"].clone());
    }
    assert_eq!(answer["code"], "unauthorized", "{answer}");
    Err(client.close_code().await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tst_96_each_key_has_its_one_algorithm_and_kid_chooses_among_them() {
    let (es, es_public) = p256();
    let (other_es, _) = p256();
    let rsa = EncodingKey::from_rsa_pem(RSA).unwrap();
    let shared = b"a shared secret of sixteen bytes and more";
    let keys = vec![
        IdentityKey::read(KeyKind::Es256, Some("new".to_owned()), es_public.as_bytes()).unwrap(),
        IdentityKey::read(KeyKind::Rs256, Some("old".to_owned()), RSA_PUBLIC).unwrap(),
        IdentityKey::read(KeyKind::Hs256, Some("shared".to_owned()), shared).unwrap(),
    ];
    let bench = Bench::with_keys(keys).await;
    let claims = json!({"user_id": "u-1", "exp": now() + 600});
    let hs = EncodingKey::from_secret(shared);
    let good = [
        signed(Algorithm::ES256, Some("new"), &es, &claims),
        signed(Algorithm::RS256, Some("old"), &rsa, &claims),
        signed(Algorithm::HS256, Some("shared"), &hs, &claims),
        signed(Algorithm::ES256, None, &es, &claims),
        signed(Algorithm::RS256, None, &rsa, &claims),
        signed(Algorithm::ES256, Some("new"), &es, &json!({"user_id": "u-1", "exp": now() - 50})),
    ];
    for token in good {
        assert_eq!(opened(&bench, json!({"jwt": token})).await.unwrap()["user_id"], "u-1");
    }
    let bad = [
        signed(Algorithm::ES256, Some("old"), &es, &claims),
        signed(Algorithm::ES256, Some("gone"), &es, &claims),
        signed(Algorithm::ES256, Some("new"), &other_es, &claims),
        signed(Algorithm::HS256, Some("old"), &EncodingKey::from_secret(RSA_PUBLIC), &claims),
        signed(Algorithm::HS256, None, &EncodingKey::from_secret(RSA_PUBLIC), &claims),
        signed(Algorithm::HS256, None, &EncodingKey::from_secret(es_public.as_bytes()), &claims),
        signed(Algorithm::HS256, None, &EncodingKey::from_secret(SECRET), &claims),
        signed(Algorithm::ES256, Some("new"), &es, &json!({"user_id": "u-1", "exp": now() - 70})),
        signed(Algorithm::ES256, Some("new"), &es, &json!({"user_id": "u-1", "nbf": now() + 120})),
        signed(Algorithm::ES256, Some("new"), &es, &json!({"email": "ana@example.com", "exp": now() + 600})),
        signed(Algorithm::ES256, Some("new"), &es, &json!({"user_id": "", "exp": now() + 600})),
        format!(
            "{}.{}.",
            BASE64URL_NOPAD.encode(br#"{"alg":"none","kid":"new"}"#),
            BASE64URL_NOPAD.encode(br#"{"user_id":"u-1"}"#)
        ),
    ];
    for token in bad {
        assert_eq!(opened(&bench, json!({"jwt": token})).await, Err(4001), "{token}");
    }
}

#[test]
fn a_key_that_is_none_is_refused_when_it_is_read() {
    for (kind, bytes) in [
        (KeyKind::Hs256, &b"short"[..]),
        (KeyKind::Rs256, &b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"[..]),
        (KeyKind::Es256, RSA_PUBLIC),
        (KeyKind::Rs256, &b""[..]),
    ] {
        assert!(IdentityKey::read(kind, None, bytes).is_err(), "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn msg_11_what_a_token_says_the_page_cannot_change() {
    let (es, public) = p256();
    let bench = Bench::with_keys(vec![IdentityKey::read(KeyKind::Es256, None, public.as_bytes()).unwrap()]).await;
    let claims =
        json!({"user_id": "u-1", "name": "Ana", "email": "ana@example.com", "plan": "gold", "exp": now() + 60});
    let token = signed(Algorithm::ES256, None, &es, &claims);
    let page = json!({"jwt": token, "name": "Eve", "email": "eve@example.com", "phone": "+49 30 1",
        "attributes": {"plan": "free", "city": "Ulm", "seats": 3, "nested": {"a": 1}}});
    let contact = opened(&bench, page).await.unwrap();
    assert_eq!((&contact["name"], &contact["email"]), (&json!("Ana"), &json!("ana@example.com")));
    assert_eq!(contact["email_verified"], true);
    let known = bench.contact(&contact["id"]);
    assert_eq!(known.phone.as_deref(), Some("+49 30 1"));
    let shown = format!("{:?}", known.custom_attributes);
    assert!(shown.contains("gold") && shown.contains("Ulm") && !shown.contains("free"), "{shown}");
    assert!(!shown.contains("exp") && !shown.contains("nested"), "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn msg_11_a_session_ends_with_its_token() {
    let bench = Bench::new().await;
    let key = EncodingKey::from_secret(SECRET);
    let token = |exp: i64| signed(Algorithm::HS256, None, &key, &json!({"user_id": "u-1", "exp": exp}));
    // A minute of skew is granted, so this one lasts two seconds more.
    let mut client = bench.connect().await;
    client.hello(json!({"jwt": token(now() - 58)}), None).await;
    let mut renewed = bench.connect().await;
    renewed.hello(json!({"jwt": token(now() + 60)}), None).await;
    let error = client.frame_of("error").await;
    assert_eq!((&error["code"], &error["message"]), (&json!("unauthorized"), &json!("the token has expired")));
    assert_eq!(client.close_code().await, 4001);
    renewed.post("c", None, "still here").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn msg_12_where_proofs_are_enforced_a_visitors_token_does_not_replace_one() {
    let bench = Bench::with(Options::default(), true).await;
    let visitor = bench.visitor().await.1["visitor"].clone();
    assert_eq!(opened(&bench, json!({"visitor": visitor, "user_id": "u-1"})).await, Err(4001));
    let proved = json!({"visitor": visitor, "user_id": "u-1", "user_hash": user_hash("u-1")});
    assert_eq!(opened(&bench, proved).await.unwrap()["user_id"], "u-1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn msg_10_an_address_alone_is_proved_by_its_own_hash() {
    let bench = Bench::with(Options::default(), true).await;
    let claim = json!({"email": "ana@example.com", "user_hash": user_hash("ana@example.com")});
    let first = opened(&bench, claim.clone()).await.unwrap();
    assert_eq!((&first["email"], &first["type"]), (&json!("ana@example.com"), &json!("user")));
    assert_eq!(opened(&bench, claim).await.unwrap()["id"], first["id"]);
    let other = json!({"email": "eve@example.com", "user_hash": user_hash("ana@example.com")});
    assert_eq!(opened(&bench, other).await, Err(4001));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tst_102_signing_out_ends_every_tab_and_the_token_opens_nothing_more() {
    let bench = Bench::new().await;
    let (mut first, identity) = bench.visitor().await;
    let ack = first.post("c", None, "mine").await;
    let mut second = bench.connect().await;
    second.hello(identity.clone(), None).await;
    let (mut other, _) = bench.visitor().await;
    first.say(json!({"type": "bye"})).await;
    assert_eq!(first.close_code().await, 4003);
    assert_eq!(second.close_code().await, 4003);
    bench.agent_says(&ack["conversation_id"], "too late for the old stream").await;
    let mut replayed = bench.connect().await;
    let welcome = replayed.hello(identity, None).await;
    assert_eq!(welcome["conversations"], json!([]), "a token that was given up opens a new visitor's session");
    assert!(replayed.so_far().await.is_empty());
    assert!(other.so_far().await.is_empty(), "others go on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tst_102_a_user_who_signs_out_ends_their_other_tabs() {
    let bench = Bench::new().await;
    let identity = json!({"user_id": "u-5", "user_hash": user_hash("u-5")});
    let mut tabs = Vec::new();
    for _ in 0..2 {
        let mut tab = bench.connect().await;
        tab.hello(identity.clone(), None).await;
        tabs.push(tab);
    }
    tabs[0].say(json!({"type": "bye"})).await;
    for tab in &mut tabs {
        assert_eq!(tab.close_code().await, 4003);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn msg_16_a_visitor_leaves_an_address_which_stays_unverified_and_is_not_changed_again() {
    let bench = Bench::new().await;
    let (mut first, identity) = bench.visitor().await;
    let mut second = bench.connect().await;
    second.hello(identity, None).await;
    first.say(json!({"type": "contact", "email": "no address"})).await;
    let refused = first.frame_of("error").await;
    assert_eq!(refused["fields"]["email"], "this is not an email address", "{refused}");
    first.say(json!({"type": "contact", "email": "ana@example.com", "name": "Ana"})).await;
    for tab in [&mut first, &mut second] {
        let told = tab.event("contact.updated").await;
        assert_eq!(
            (&told["contact"]["email"], &told["contact"]["email_verified"], &told["contact"]["name"]),
            (&json!("ana@example.com"), &json!(false), &json!("Ana"))
        );
    }
    first.say(json!({"type": "contact", "email": "eve@example.com"})).await;
    assert!(!first.so_far().await.iter().any(|frame| frame.to_string().contains("eve@")), "OBJ-23, MSG-13");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn msg_61_twenty_leads_an_hour_come_from_one_address() {
    let bench = Bench::new().await;
    let begin = async |from: &str, n: usize| {
        let mut client = Client::on(bench.raw_from(64 * 1_024, Some(from.parse().unwrap()))).await;
        client.hello(json!({}), None).await;
        client.say(json!({"type": "send", "client_id": format!("c-{n}"), "body": "hello"})).await;
        loop {
            match client.see().await {
                Seen::Frame(frame) if frame["type"] == "ack" => return true,
                Seen::Frame(frame) if frame["type"] == "error" => {
                    assert_eq!(frame["code"], "rate_limit_exceeded", "{frame}");
                    return false;
                }
                Seen::Frame(_) => {}
                end => panic!("{end:?}"),
            }
        }
    };
    for n in 0..20 {
        assert!(begin("192.0.2.1", n).await, "lead {n}");
    }
    assert!(!begin("192.0.2.1", 20).await, "the 21st is kept by its client");
    assert!(begin("192.0.2.2", 21).await, "another address has its own");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_frame_that_names_a_foreign_conversation_gets_nothing() {
    let bench = Bench::new().await;
    let (mut owner, _) = bench.visitor().await;
    let ack = owner.post("c", None, "private words").await;
    let (id, part) = (&ack["conversation_id"], &ack["part_id"]);
    let owner_id = bench.desk.messenger_reader(thread(id)).unwrap().unwrap();
    let file =
        NewAttachment { name: "a.txt".to_owned(), content_type: "text/plain".to_owned(), bytes: b"private".to_vec() };
    let upload = bench.desk.upload_by_contact(owner_id, file).await.unwrap().id.to_string();
    let (mut stranger, _) = bench.visitor().await;
    let own = &stranger.post("own", None, "my own words").await["conversation_id"];
    stranger.so_far().await;
    let chosen = json!({"part_id": part, "uuid": "yes"});
    let frames = [
        json!({"type": "send", "client_id": "v", "conversation_id": own, "body": "", "upload_ids": [upload]}),
        json!({"type": "send", "client_id": "w", "conversation_id": own, "body": "yes", "quick_reply": chosen}),
        json!({"type": "form", "client_id": "h", "form_part_id": part, "conversation_id": own, "attributes": {}}),
        json!({"type": "seen", "conversation_id": own, "part_id": part}),
        json!({"type": "history", "conversation_id": own, "before": part}),
        json!({"type": "send", "client_id": "s", "conversation_id": id, "body": "mine too"}),
        json!({"type": "send", "client_id": "t", "ticket_id": id, "body": "mine too"}),
        json!({"type": "send", "client_id": "u", "body": "", "upload_ids": [part]}),
        json!({"type": "form", "client_id": "f", "form_part_id": part, "attributes": {}}),
        json!({"type": "form", "client_id": "g", "ticket_type_id": "1", "conversation_id": id, "attributes": {}}),
        json!({"type": "seen", "conversation_id": id, "part_id": part}),
        json!({"type": "typing", "conversation_id": id}),
        json!({"type": "history", "conversation_id": id}),
        json!({"type": "history", "conversation_id": id, "before": part}),
    ];
    for frame in frames {
        stranger.say(frame.clone()).await;
        let answers = stranger.so_far().await;
        assert!(answers.iter().all(|answer| answer["type"] == "error"), "{frame}: {answers:?}");
        // Typing is a word that nobody answers, heard or not.
        assert_eq!(answers.len(), usize::from(frame["type"] != "typing"), "{frame}: {answers:?}");
        assert!(!format!("{answers:?}").contains("private"), "{frame}");
    }
    assert!(owner.so_far().await.iter().all(|frame| frame["event"] != "part.created"), "nothing reached the owner");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn msg_13_only_a_proof_puts_somebody_into_companies() {
    let bench = Bench::new().await;
    let names = |contact: &Value| {
        let contact = bench.contact(contact).id;
        let found = bench.desk.companies_of(&bench.caller, contact).unwrap();
        found.into_iter().map(|view| view.company.name.unwrap_or_default()).collect::<Vec<_>>()
    };
    let shop = json!({"company_id": "c-1", "name": "The shop", "size": 7});
    let unproved =
        opened(&bench, json!({"user_id": "u-0", "created_at": 1_700_000_000, "company": shop})).await.unwrap();
    assert_eq!(names(&unproved["id"]), Vec::<String>::new());
    assert_eq!(bench.contact(&unproved["id"]).signed_up_at, None);
    let proved = json!({"user_id": "u-1", "user_hash": user_hash("u-1"), "created_at": 1_700_000_000,
        "company": shop, "companies": [{"id": 2}]});
    let by_hash = opened(&bench, proved.clone()).await.unwrap();
    assert_eq!(bench.contact(&by_hash["id"]).signed_up_at.map(|at| at.seconds()), Some(1_700_000_000), "MSG-1");
    assert_eq!(names(&by_hash["id"]), ["The shop", ""]);
    let before = bench.desk.log_seq().unwrap();
    opened(&bench, proved).await.unwrap();
    assert_eq!(bench.desk.log_seq().unwrap(), before, "what is so already is no news");
    // What the token says the page cannot change (MSG-11).
    let key = EncodingKey::from_secret(SECRET);
    let claims = json!({"user_id": "u-2", "companies": [{"company_id": "c-1", "name": "The signed shop"}]});
    let token = signed(Algorithm::HS256, None, &key, &claims);
    let page = json!({"company_id": "c-9", "name": "Somebody else's"});
    let by_token = opened(&bench, json!({"jwt": token, "company": page})).await.unwrap();
    assert_eq!(names(&by_token["id"]), ["The signed shop"]);
    assert_eq!(names(&by_hash["id"]), ["The signed shop", ""], "it is one company");
    assert_eq!(bench.desk.verify().unwrap(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eml_81_only_a_proof_says_whether_bulk_mail_is_wanted() {
    let bench = Bench::new().await;
    let says = |unsubscribed: bool| json!({"user_id": "u-1", "unsubscribed_from_emails": unsubscribed});
    let unproved = opened(&bench, says(true)).await.unwrap();
    assert!(!bench.contact(&unproved["id"]).unsubscribed_from_emails);
    let proved = |unsubscribed: bool| {
        let mut identity = says(unsubscribed);
        identity["user_hash"] = json!(user_hash("u-1"));
        identity
    };
    let user = opened(&bench, proved(true)).await.unwrap();
    assert!(bench.contact(&user["id"]).unsubscribed_from_emails);
    // A token goes before the page.
    let key = EncodingKey::from_secret(SECRET);
    let token = signed(Algorithm::HS256, None, &key, &says(false));
    opened(&bench, json!({"jwt": token, "unsubscribed_from_emails": true})).await.unwrap();
    let contact = bench.contact(&user["id"]);
    assert!(!contact.unsubscribed_from_emails && contact.custom_attributes.is_empty());
    let choices: Vec<_> = contact.mail_choices.iter().map(|choice| (choice.unsubscribed, choice.by)).collect();
    assert_eq!(choices, [(true, ChosenBy::Messenger), (false, ChosenBy::Messenger)]);
    let agent = bench.desk.contact(&bench.caller, contact.id).unwrap();
    assert_eq!(agent.mail_choices, contact.mail_choices);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn par_7_no_frame_gives_a_contact_an_address_of_the_house() {
    let bench = Bench::new().await;
    let house = ["support@example.com", "support+3@example.com", "agent@example.com"];
    for address in house {
        let (mut client, identity) = bench.visitor().await;
        client.say(json!({"type": "contact", "email": address, "name": "Eve"})).await;
        let refused = client.frame_of("error").await;
        assert!(refused["fields"]["email"].as_str().unwrap().contains("is ours"), "{refused}");
        let again = opened(&bench, identity).await.unwrap();
        assert_eq!((&again["email"], &again["name"]), (&Value::Null, &Value::Null), "nothing of it was applied");
        let claimed = opened(&bench, json!({"user_id": "u-1", "email": address})).await.unwrap();
        assert_eq!(claimed["email"], Value::Null, "claimed: {address}");
        let proved = json!({"user_id": address, "email": address, "user_hash": user_hash(address)});
        let proved = opened(&bench, proved).await.unwrap();
        assert_eq!((&proved["email"], &proved["user_id"]), (&Value::Null, &json!(address)), "proved: {address}");
        let alone = json!({"email": address, "user_hash": user_hash(address)});
        assert_eq!(opened(&bench, alone).await, Err(4001), "nothing else is proved");
        let known = bench.desk.contacts_with_email(&bench.caller, &Address::parse(address).unwrap()).unwrap();
        assert_eq!(known, []);
    }
}
