//! What stands around an agent's words in a mail: their signature, or the talk and their picture (EML-61).

use super::*;
use crate::desk::agents::profiles::AgentChange;
use crate::desk::people::identity::Facts;
use crate::domain::channel_kind::ChannelKind;
use crate::template::signature::Signature;

/// The least that is a GIF.
const DOT: &[u8] =
    b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff!\xf9\x04\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
const HELLO: &str = "From: Ana <ana@example.com>\nSubject: Invoice\nMessage-ID: <1@example.com>";
const BY_ADDRESS: &str = "{{agent.name}}{{#if agent.job_title}}, {{agent.job_title}}{{/if}}  \n{{brand.name}}";

async fn story() -> Story {
    let set = |settings: &mut Settings| {
        let signature = Some(Signature::compile(BY_ADDRESS).unwrap());
        settings.main_address = SupportAddress { signature, ..settings.main_address.clone() };
        settings.support = vec![settings.main_address.clone()];
    };
    Story::begin_with(set).await
}

fn as_written(mail: &str) -> String {
    mail.replace("=\r\n", "").replace("=3D", "=").replace("=20\r\n", " \n").replace("\r\n", "\n")
}

/// The mail of an answer.
async fn answered(story: &Story, thread: ThreadId, words: &str) -> String {
    story.desk.agent_comment(&story.agent, thread, text(words)).await.unwrap();
    story.wait(Duration::from_secs(130));
    as_written(&story.send_due().await.remove(0))
}

#[tokio::test]
async fn eml_61_an_answer_by_mail_is_signed_as_the_agent_wishes_else_as_the_address_says() {
    let story = story().await;
    let thread = thread_of(&story.mail(HELLO, "Where is it?").await);
    let mail = answered(&story, thread, "On its way.").await;
    assert!(mail.contains("On its way.\n\n-- \nMaria Agent\nDesk\n"), "{mail}");

    let me = story.agent.agent;
    let titled = AgentChange { job_title: Some(Some("Care".to_owned())), ..AgentChange::default() };
    story.desk.change_agent(&story.agent, me, titled).await.unwrap();
    assert!(answered(&story, thread, "It left.").await.contains("\n-- \nMaria Agent, Care\nDesk\n"));

    let own = |text: &str| AgentChange { signature: Some(Some(text.to_owned())), ..AgentChange::default() };
    story.desk.change_agent(&story.agent, me, own("*{{agent.first_name}}* from {{workspace.name}}")).await.unwrap();
    let mail = answered(&story, thread, "It is there.").await;
    assert!(mail.contains("\n-- \nMaria from Desk\n") && mail.contains("<em>Maria</em> from Desk"), "{mail}");
    assert!(!mail.contains("Care"), "{mail}");

    let refused = story.desk.change_agent(&story.agent, me, own("{{agent.salary}}")).await.unwrap_err().to_string();
    assert!(refused.contains("signature:1:1: there is no agent.salary"), "{refused}");
    let cleared = AgentChange { signature: Some(None), ..AgentChange::default() };
    assert_eq!(story.desk.change_agent(&story.agent, me, cleared).await.unwrap().signature, None);
    story.end();
}

#[tokio::test]
async fn eml_61_a_notice_of_the_messenger_shows_the_talk_before_and_the_agents_picture() {
    let story = story().await;
    let me = story.agent.agent;
    let picture = story.desk.set_avatar(&story.agent, me, Some(DOT.to_vec())).await.unwrap().avatar.unwrap();
    let ana = story.visitor().await;
    let facts = Facts { email: Some("ana@example.com".to_owned()), ..Facts::default() };
    story.desk.introduce(ana.id, facts).await.unwrap();
    let long = format!("My lamp is dark. {}", "It was a gift. ".repeat(80));
    let said = story.desk.contact_comment(ana.id, None, text(&long), ChannelKind::Messenger).await.unwrap();
    story.desk.agent_note(&story.agent, said.thread, text("A known fault")).await.unwrap();
    let mail = answered(&story, said.thread, "Please try this.").await;
    let (plain, html) = mail.split_once("text/html").unwrap();
    let words = plain.split_once("---- Earlier ----").unwrap().1;
    assert!(words.contains("My lamp is dark.") && words.contains("=E2=80=A6") && words.len() < 900, "{words}");
    assert!(html.contains(&story.desk.avatar_address(me, &picture)), "{html}");
    assert!(!mail.contains("A known fault") && !mail.contains("\n-- \n"), "no note, no signature: {mail}");

    let by_mail = thread_of(&story.mail(HELLO, "Where is it?").await);
    assert!(!answered(&story, by_mail, "On its way.").await.contains("Where is it?"), "they have it themselves");
    story.end();
}
