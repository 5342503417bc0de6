//! What customers read of ticket types and states in mails and broadcasts (OBJ-52, OBJ-53, I18-1).

use super::Story;
use super::address;
use super::field;
use super::thread_of;
use crate::desk::Brand;
use crate::desk::SupportAddress;
use crate::desk::broadcasts::NewBroadcast;
use crate::desk::people::contacts::ContactFacts;
use crate::desk::ticket::forms::NewForm;
use crate::desk::ticket::ticket_states::TicketStateChange;
use crate::desk::ticket::ticket_types::TicketTypeChange;
use crate::desk::ticket::tickets::Conversion;
use crate::desk::ticket::tickets::TicketChange;
use crate::desk::ticket::translations::TextsGiven;
use crate::desk::ticket::type_settings::SettingsChange;
use crate::domain::broadcast::EmailPolicy;
use crate::domain::broadcast::Options;
use crate::domain::id::ThreadId;
use crate::domain::id::TicketTypeId;
use crate::domain::state::StateCategory;
use crate::domain::ticket_type::Category;
use std::time::Duration;

const HELLO: &str = "From: Ana <ana@example.com>\nSubject: Heating\nMessage-ID: <1@example.com>";

/// A type with German texts, and states with German labels.
async fn repair(story: &Story) -> TicketTypeId {
    let made = story.ticket_type("Repair", Category::Customer).await;
    let german = TextsGiven {
        name: Some("Reparatur".to_owned()),
        submitted_message: Some("Wir kommen am Montag.".to_owned()),
        attributes: Vec::new(),
    };
    let settings = SettingsChange {
        submitted_message: Some("We come on Monday.".to_owned()),
        translations: vec![("de".to_owned(), Some(german))],
        ..SettingsChange::default()
    };
    let change = TicketTypeChange { settings, ..TicketTypeChange::default() };
    let known = story.desk.update_ticket_type(&story.agent, made, change).await.unwrap();
    for (at, id) in known.states.iter().enumerate() {
        let translations = vec![("de".to_owned(), Some(format!("Schritt {at}")))];
        let change = TicketStateChange { translations, ..TicketStateChange::default() };
        story.desk.update_ticket_state(&story.agent, *id, change).await.unwrap();
    }
    made
}

async fn reads(story: &Story, thread: ThreadId, language: &str) {
    let contact = story.desk.thread_view(&story.agent, thread, false).unwrap().contacts.remove(0).id;
    let facts = ContactFacts { language_override: Some(Some(language.to_owned())), ..ContactFacts::default() };
    story.desk.update_contact(&story.agent, contact, facts).await.unwrap();
}

async fn convert(story: &Story, thread: ThreadId, ticket_type: TicketTypeId) {
    let conversion = Conversion { ticket_type, state: None, values: Vec::new(), skip_notifications: false };
    story.desk.convert(&story.agent, thread, conversion).await.unwrap();
}

/// The one mail that is due, without its line breaks.
async fn mailed(story: &Story) -> String {
    story.wait(Duration::from_secs(200));
    let mut mails = story.send_due().await;
    assert_eq!(mails.len(), 1);
    mails.remove(0).replace("=\r\n", "")
}

fn label(story: &Story, ticket_type: TicketTypeId, category: StateCategory) -> String {
    let known = story.desk.ticket_type(&story.agent, ticket_type).unwrap();
    let states = story.desk.ticket_states(&story.agent).unwrap();
    let of_type = states.into_iter().filter(|state| known.states.contains(&state.id));
    of_type.into_iter().find(|state| state.category == category).unwrap().translations["de"].clone()
}

#[tokio::test]
async fn obj_52_obj_53_mails_name_type_and_state_in_the_contacts_language() {
    let story = Story::begin().await;
    let ticket_type = repair(&story).await;
    let thread = thread_of(&story.mail(HELLO, "It is cold").await);
    reads(&story, thread, "de-AT").await;
    convert(&story, thread, ticket_type).await;
    let mail = mailed(&story).await;
    for said in ["Reparatur", "Wir kommen am Montag.", &label(&story, ticket_type, StateCategory::Submitted)] {
        assert!(mail.contains(said), "{said}: {mail}");
    }
    assert!(!mail.contains("Repair") && !mail.contains("We come"), "{mail}");
    let state = Some(story.state(StateCategory::InProgress));
    let change = TicketChange { state, ..TicketChange::default() };
    story.desk.update_ticket(&story.agent, thread, change).await.unwrap();
    let mail = mailed(&story).await;
    assert!(mail.contains(&label(&story, ticket_type, StateCategory::InProgress)), "{mail}");
    assert!(!mail.contains("In progress"), "{mail}");
    story.end();
}

#[tokio::test]
async fn obj_52_the_mail_that_asks_for_a_form_names_it_in_the_contacts_language() {
    let story = Story::begin().await;
    let ticket_type = repair(&story).await;
    let thread = thread_of(&story.mail(HELLO, "It is cold").await);
    reads(&story, thread, "de").await;
    let form = || NewForm { ticket_type, values: Vec::new(), skip_notifications: false };
    story.desk.send_form(&story.agent, thread, form()).await.unwrap();
    let mail = mailed(&story).await;
    assert!(mail.contains("Reparatur") && !mail.contains("Repair"), "{mail}");
    story.desk.send_form(&story.agent, thread, form()).await.unwrap();
    let change = TicketTypeChange { name: Some("Overhaul".to_owned()), ..TicketTypeChange::default() };
    story.desk.update_ticket_type(&story.agent, ticket_type, change).await.unwrap();
    let mail = mailed(&story).await;
    assert!(mail.contains("Repair") && !mail.contains("Reparatur"), "as it was called: {mail}");
    story.end();
}

#[tokio::test]
async fn i18_1_each_text_falls_back_by_itself_in_a_mail_of_one_language() {
    let story = Story::begin().await;
    let ticket_type = repair(&story).await;
    let thread = thread_of(&story.mail(HELLO, "It is cold").await);
    // A language that the house speaks, and the type does not.
    reads(&story, thread, "fr").await;
    convert(&story, thread, ticket_type).await;
    let mail = mailed(&story).await;
    for said in ["Repair", "We come on Monday.", "Submitted", "votre demande"] {
        assert!(mail.contains(said), "{said}: {mail}");
    }
    story.end();
}

#[tokio::test]
async fn i18_1_a_brands_language_is_that_of_texts_where_the_contacts_is_unknown() {
    let story = Story::begin_with(|settings| {
        let brand = Some("acme".to_owned());
        let acme = SupportAddress { address: address("help@acme.example"), brand, ..settings.main_address.clone() };
        settings.support.push(acme);
        let default_locale = Some("de".to_owned());
        settings.brands = vec![Brand { id: "acme".to_owned(), name: "Acme".to_owned(), default_locale }];
    })
    .await;
    let ticket_type = repair(&story).await;
    let thread = thread_of(&story.mail_to("help@acme.example", HELLO, "It is cold").await);
    convert(&story, thread, ticket_type).await;
    let mail = mailed(&story).await;
    assert!(mail.contains("Reparatur") && mail.contains("Wir kommen am Montag."), "{mail}");
    story.end();
}

#[tokio::test]
async fn obj_53_a_broadcast_names_each_tickets_state_in_its_contacts_language() {
    let story = Story::begin().await;
    let ticket_type = repair(&story).await;
    let incident = story.ticket_type("Incident", Category::Tracker).await;
    let issue = story.ticket(incident, "Login is down", None).await;
    for (n, language) in ["de", "en"].into_iter().enumerate() {
        let mail = format!("From: c{n}@example.com\nMessage-ID: <m{n}@example.com>");
        let thread = thread_of(&story.mail(&mail, "I cannot sign in").await);
        reads(&story, thread, language).await;
        convert(&story, thread, ticket_type).await;
        story.desk.link(&story.agent, issue, thread).await.unwrap();
    }
    story.send_due().await;
    let new = NewBroadcast {
        subject: "Login works again".to_owned(),
        body: "Your request stands at [{{ticket.state}}].".to_owned(),
        options: Options { email: EmailPolicy::Always, ..Options::default() },
        ..NewBroadcast::default()
    };
    story.desk.start_broadcast(&story.agent, issue, new, None).await.unwrap();
    while story.desk.broadcast_batch().await.unwrap() {}
    let mails = story.send_due().await;
    let german = format!("[{}]", label(&story, ticket_type, StateCategory::Submitted));
    for (to, said) in [("c0@", german.as_str()), ("c1@", "[Submitted]")] {
        let mail = mails.iter().find(|mail| field(mail, "To").contains(to)).unwrap();
        assert!(mail.contains(said), "{to} {said}: {mail}");
    }
    story.end();
}
