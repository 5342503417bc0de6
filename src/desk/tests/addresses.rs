//! Mail to several of our addresses, of one team or of several (EML-17, EML-35, EML-36), and mail that only looks like an
//! answer (EML-32).

use crate::desk::Brand;
use crate::desk::SupportAddress;
use crate::desk::agents::teams::TeamChange;
use crate::desk::mail::arrival::Accepted;
use crate::desk::mail::arrival::MailDoor;
use crate::desk::tests::SUPPORT;
use crate::desk::tests::Story;
use crate::desk::tests::address;
use crate::desk::tests::arrival;
use crate::desk::tests::field;
use crate::desk::tests::text;
use crate::desk::tests::thread_of;
use crate::desk::ticket::tickets::Conversion;
use crate::domain::id::ThreadId;
use crate::domain::intake::MultiAddress;
use crate::domain::part::PlacedBy;
use crate::domain::ticket_type::Category;
use std::collections::BTreeMap;
use std::time::Duration;

const BILLING: &str = "billing@desk.example";
const SALES: &str = "sales@desk.example";

/// A desk with support and billing of no team, and sales of a team of its own.
async fn story(multi_address: MultiAddress) -> Story {
    let story = Story::begin_with(move |settings| {
        settings.main_address.new_mail_as = None;
        settings.support = vec![settings.main_address.clone()];
        for (other, team) in [(BILLING, None), (SALES, Some("Sales"))] {
            let team = team.map(str::to_owned);
            settings.support.push(SupportAddress { team, ..SupportAddress::plain(address(other), "Desk") });
        }
        settings.intake.multi_address = multi_address;
        settings.intake.subject_matching = vec![address(BILLING)];
    })
    .await;
    let sales = TeamChange { name: Some("Sales".to_owned()), ..TeamChange::default() };
    story.desk.put_team(&story.agent, None, sales).await.unwrap();
    story
}

/// A mail by these envelope recipients.
async fn mail(story: &Story, recipients: &[&str], headers: &str, body: &str) -> Accepted {
    let raw = format!("{headers}\n\n{body}\n").replace('\n', "\r\n").into_bytes();
    let mut mail = arrival(SUPPORT, raw);
    mail.recipients = recipients.iter().map(|to| address(to)).collect();
    story.desk.accept(mail).await.unwrap()
}

fn threads(story: &Story) -> Vec<ThreadId> {
    let page = story.desk.conversations(&story.agent, None, 50).unwrap();
    page.items.into_iter().map(|view| view.thread.id).collect()
}

#[tokio::test]
async fn tst_76_one_mail_to_two_addresses_of_one_team_makes_one_thread() {
    let story = story(MultiAddress::SplitByTeam).await;
    let both = format!("From: ana@example.com\nTo: {BILLING}, {SUPPORT}\nSubject: Twice\nMessage-ID: <1@example.com>");
    let thread = thread_of(&mail(&story, &[SUPPORT, BILLING], &both, "Hello").await);
    let view = story.desk.thread_view(&story.agent, thread, true).unwrap();
    assert_eq!(view.thread.support_address, Some(address(BILLING)), "the first of To counts");
    // The same mail by the other address's own way.
    for recipients in [&[BILLING][..], &[SUPPORT], &[]] {
        assert_eq!(mail(&story, recipients, &both, "Hello").await, Accepted::Duplicate(thread));
    }
    assert_eq!((threads(&story), view.parts.len()), (vec![thread], 1));
    story.end();
}

#[tokio::test]
async fn tst_76_one_mail_to_two_addresses_of_two_teams_makes_two_threads() {
    let story = story(MultiAddress::SplitByTeam).await;
    let both = format!("From: ana@example.com\nTo: {SUPPORT}\nCc: {SALES}\nSubject: Two\nMessage-ID: <1@example.com>");
    let first = thread_of(&mail(&story, &[SUPPORT, SALES], &both, "Hello").await);
    let all = threads(&story);
    assert_eq!(all.len(), 2);
    let second = *all.iter().find(|thread| **thread != first).unwrap();
    let view = story.desk.thread_view(&story.agent, second, true).unwrap();
    assert_eq!(view.thread.support_address, Some(address(SALES)));
    assert!(view.thread.team_assignee.is_some(), "its own team has it");
    assert_eq!(view.thread.hints.first().map(|hint| hint.thread), Some(first), "and each knows of it");
    for (recipient, thread) in [(SUPPORT, first), (SALES, second)] {
        assert_eq!(mail(&story, &[recipient], &both, "Hello").await, Accepted::Duplicate(thread));
    }
    // Known in two conversations: the one at the receiving address (EML-35).
    for (recipient, thread, id) in [(SALES, second, 2), (SUPPORT, first, 3)] {
        let answer = format!(
            "From: ana@example.com\nTo: {recipient}\nMessage-ID: <{id}@example.com>\nIn-Reply-To: <1@example.com>"
        );
        assert_eq!(thread_of(&mail(&story, &[recipient], &answer, &format!("More {id}")).await), thread);
    }
    story.end();
}

#[tokio::test]
async fn obj_11_addresses_of_two_brands_have_a_conversation_each_and_answer_as_their_brand() {
    let story = Story::begin_with(|settings| {
        settings.main_address.new_mail_as = None;
        let house = settings.main_address.clone();
        let (brand, name) = (Some("acme".to_owned()), "Acme Help".to_owned());
        let acme = SupportAddress { address: address(BILLING), name, brand, ..house.clone() };
        settings.support = vec![house, acme];
        let (id, name) = ("acme".to_owned(), "Acme".to_owned());
        settings.brands = vec![Brand { id, name, default_locale: Some("de".to_owned()) }];
    })
    .await;
    let words = "{{brand.name}} {{t \"state\"}}".to_owned();
    let own = BTreeMap::from([("brands/acme/email/agent_reply/subject.hbs".to_owned(), words)]);
    story.desk.templates().reload(&own).unwrap();
    let both = format!("From: ana@example.com\nTo: {SUPPORT}, {BILLING}\nSubject: Two\nMessage-ID: <1@example.com>");
    let house = thread_of(&mail(&story, &[SUPPORT, BILLING], &both, "Hello").await);
    let all = threads(&story);
    assert_eq!(all.len(), 2, "EML-17");
    let acme = *all.iter().find(|thread| **thread != house).unwrap();
    // An answer that comes to the other brand's address begins a conversation there.
    let astray =
        format!("From: ben@example.com\nTo: {BILLING}\nMessage-ID: <2@example.com>\nIn-Reply-To: <1@example.com>");
    assert_eq!(thread_of(&mail(&story, &[BILLING], &astray, "And me").await), acme, "EML-35");
    for thread in [house, acme] {
        story.desk.agent_comment(&story.agent, thread, text("Looked at")).await.unwrap();
    }
    let sent = story.send_due().await;
    let from = |address: &str| sent.iter().find(|mail| field(mail, "From").contains(address)).unwrap();
    let (of_house, of_acme) = (from(SUPPORT), from(BILLING));
    assert!(field(of_acme, "Reply-To").starts_with("\"Acme Help\""), "{of_acme}");
    assert_eq!(field(of_acme, "Subject"), "Acme Stand", "its template, its name, its language (I18-1, I18-2)");
    assert_eq!(field(of_house, "Subject"), "Re: Two");
    story.end();
}

#[tokio::test]
async fn eml_17_files_of_a_mail_to_two_teams_are_files_of_each_of_its_parts() {
    let story = story(MultiAddress::SplitByTeam).await;
    let both = format!(
        "From: ana@example.com\nTo: {SUPPORT}, {SALES}\nMessage-ID: <1@example.com>\nMIME-Version: 1.0\n\
         Content-Type: multipart/related; boundary=x\n\n--x\nContent-Type: text/html\n\n<p>See <img src=\"cid:a@b\"></p>\n\
         --x\nContent-Type: image/png\nContent-ID: <a@b>\nContent-Disposition: inline; filename=a.png\n\n0123\n--x--"
    );
    mail(&story, &[], &both, "").await;
    let mut ids = Vec::new();
    for thread in threads(&story) {
        let part = story.parts(thread).remove(0);
        let id = part.attachments[0].id;
        assert!(part.body_html.contains(&format!("attachment:{id}")), "{}", part.body_html);
        ids.push(id);
    }
    assert!(ids.len() == 2 && ids[0] != ids[1], "{ids:?}");
    story.end();
}

#[tokio::test]
async fn eml_17_single_makes_one_thread_whatever_the_teams() {
    let story = story(MultiAddress::Single).await;
    let both = format!("From: ana@example.com\nTo: {SALES}, {SUPPORT}\nSubject: Two\nMessage-ID: <1@example.com>");
    let thread = thread_of(&mail(&story, &[SUPPORT], &both, "Hello").await);
    assert_eq!(mail(&story, &[SALES], &both, "Hello").await, Accepted::Duplicate(thread));
    assert_eq!(
        story.desk.thread_view(&story.agent, thread, true).unwrap().thread.support_address,
        Some(address(SALES))
    );
    let answer = "From: ana@example.com\nMessage-ID: <2@example.com>\nIn-Reply-To: <1@example.com>";
    assert_eq!(thread_of(&mail(&story, &[SUPPORT], answer, "More").await), thread);
    assert_eq!(threads(&story), [thread]);
    story.end();
}

#[tokio::test]
async fn eml_36_an_answer_that_comes_to_another_team_begins_a_thread_there_with_a_hint() {
    let story = story(MultiAddress::SplitByTeam).await;
    let first = format!("From: ana@example.com\nTo: {SUPPORT}\nSubject: Offer\nMessage-ID: <1@example.com>");
    let thread = thread_of(&mail(&story, &[SUPPORT], &first, "Hello").await);
    story.desk.agent_comment(&story.agent, thread, text("Ask sales.")).await.unwrap();
    story.wait(Duration::from_secs(600));
    let sent = story.send_due().await.remove(0);
    let ours = field(&sent, "Message-ID");
    for (references, id) in [("<1@example.com>", 2), (ours, 3)] {
        let answer =
            format!("From: ana@example.com\nTo: {SALES}\nMessage-ID: <{id}@example.com>\nIn-Reply-To: {references}");
        let other = thread_of(&mail(&story, &[SALES], &answer, &format!("Dear sales {id}")).await);
        assert_ne!(other, thread);
        let view = story.desk.thread_view(&story.agent, other, true).unwrap();
        assert_eq!(view.thread.hints[0].thread, thread);
        assert_eq!(view.thread.support_address, Some(address(SALES)));
    }
    let answer = format!("From: ana@example.com\nTo: {BILLING}\nMessage-ID: <4@example.com>\nIn-Reply-To: {ours}");
    assert_eq!(thread_of(&mail(&story, &[BILLING], &answer, "Dear billing").await), thread, "the same team's address");
    story.end();
}

#[tokio::test]
async fn tst_80_an_id_known_in_two_threads_leads_to_the_one_at_the_receiving_address_or_to_none() {
    let story = story(MultiAddress::SplitByTeam).await;
    let begin = |to: &str, id: u32| {
        // Equal ids with other content: two conversations know the id.
        format!("From: ana{id}@example.com\nTo: {to}\nMessage-ID: <{id}@example.com>\nSubject: {id}")
    };
    let support = thread_of(&mail(&story, &[SUPPORT], &begin(SUPPORT, 1), "one").await);
    let billing = thread_of(&mail(&story, &[BILLING], &begin(BILLING, 2), "two").await);
    // A mail that names both binds neither; then both know <9@…>.
    for (to, parent, id, thread) in [(SUPPORT, 1, 3, support), (BILLING, 2, 4, billing)] {
        let names = format!(
            "From: ana@example.com\nTo: {to}\nMessage-ID: <{id}@example.com>\nReferences: <9@example.com>\n\
             In-Reply-To: <{parent}@example.com>"
        );
        assert_eq!(thread_of(&mail(&story, &[to], &names, &format!("part {id}")).await), thread);
    }
    for (to, thread, id) in [(BILLING, billing, 5), (SUPPORT, support, 6)] {
        let answer =
            format!("From: ana@example.com\nTo: {to}\nMessage-ID: <{id}@example.com>\nIn-Reply-To: <9@example.com>");
        assert_eq!(thread_of(&mail(&story, &[to], &answer, &format!("answer {id}")).await), thread);
    }
    let elsewhere =
        format!("From: ana@example.com\nTo: {SALES}\nMessage-ID: <7@example.com>\nIn-Reply-To: <9@example.com>");
    let new = thread_of(&mail(&story, &[SALES], &elsewhere, "which?").await);
    let hints = story.desk.thread_view(&story.agent, new, true).unwrap().thread.hints;
    let mut hinted: Vec<ThreadId> = hints.iter().map(|hint| hint.thread).collect();
    hinted.sort_unstable();
    assert_eq!(hinted, [support, billing]);
    story.end();
}

#[tokio::test]
async fn eml_32_an_equal_subject_leads_a_participant_where_the_address_allows_it() {
    let story = story(MultiAddress::SplitByTeam).await;
    let mail_of = |from: &str, subject: &str, id: u32| {
        format!("From: {from}\nTo: {BILLING}\nSubject: {subject}\nMessage-ID: <{id}@example.com>")
    };
    let thread = thread_of(&mail(&story, &[BILLING], &mail_of("ana@example.com", "Late parcel", 1), "a").await);
    let again = mail(&story, &[BILLING], &mail_of("ana@example.com", "RE: late  parcel", 2), "b").await;
    assert_eq!(thread_of(&again), thread);
    assert_eq!(story.parts(thread)[1].email.as_ref().unwrap().placed_by, PlacedBy::Subject);
    let others = mail(&story, &[BILLING], &mail_of("eve@example.org", "Re: Late parcel", 3), "c").await;
    assert_ne!(thread_of(&others), thread, "who takes no part is led nowhere");
    let agents = mail(&story, &[BILLING], &mail_of("maria@desk.example", "Re: Late parcel", 4), "d").await;
    assert_ne!(thread_of(&agents), thread, "nor is an agent");
    let off = format!("From: ana@example.com\nTo: {SUPPORT}\nSubject: Re: Late parcel\nMessage-ID: <5@example.com>");
    assert_ne!(thread_of(&mail(&story, &[SUPPORT], &off, "e").await), thread, "nor anybody at another address");
    story.wait(Duration::from_secs(31 * 86_400));
    let late = mail(&story, &[BILLING], &mail_of("ana@example.com", "Late parcel", 6), "f").await;
    assert_ne!(thread_of(&late), thread, "nor after 30 days");
    story.end();
}

#[tokio::test]
async fn eml_32_the_number_of_a_ticket_leads_its_participants_to_it() {
    let story = story(MultiAddress::SplitByTeam).await;
    let begin = format!("From: ana@example.com\nTo: {BILLING}\nSubject: Broken\nMessage-ID: <1@example.com>");
    let thread = thread_of(&mail(&story, &[BILLING], &begin, "a").await);
    let kind = story.ticket_type("Claim", Category::Customer).await;
    let conversion = Conversion { ticket_type: kind, state: None, values: Vec::new(), skip_notifications: true };
    story.desk.convert(&story.agent, thread, conversion).await.unwrap();
    let number = story.desk.thread_view(&story.agent, thread, true).unwrap().thread.ticket.unwrap().number;
    story.wait(Duration::from_secs(90 * 86_400));
    for (from, id, leads) in [("ana@example.com", 2, true), ("eve@example.org", 3, false)] {
        let mail_of = format!("From: {from}\nTo: {BILLING}\nSubject: about #{number}\nMessage-ID: <{id}@example.com>");
        assert_eq!(thread_of(&mail(&story, &[BILLING], &mail_of, "b").await) == thread, leads, "{from}");
    }
    story.end();
}

#[tokio::test]
async fn eml_31_conversations_that_a_late_mail_shows_to_be_one_become_one() {
    let story = story(MultiAddress::SplitByTeam).await;
    let mail_of = |from: &str, id: u32, parent: Option<u32>| {
        let parent = parent.map(|id| format!("\nIn-Reply-To: <{id}@example.com>")).unwrap_or_default();
        format!("From: {from}\nTo: {SUPPORT}\nSubject: {id}\nMessage-ID: <{id}@example.com>{parent}")
    };
    let oldest = thread_of(&mail(&story, &[SUPPORT], &mail_of("ana@example.com", 1, None), "one").await);
    let newest = thread_of(&mail(&story, &[SUPPORT], &mail_of("ben@example.com", 3, Some(2)), "three").await);
    assert_ne!(oldest, newest, "nothing tells yet");
    story.desk.agent_comment(&story.agent, oldest, text("Seen.")).await.unwrap();
    let between = thread_of(&mail(&story, &[SUPPORT], &mail_of("ben@example.com", 2, Some(1)), "two").await);
    assert_eq!(between, oldest);
    let view = |thread| story.desk.thread_view(&story.agent, thread, true).unwrap();
    assert_eq!(view(newest).thread.merged_into, Some(oldest), "merged where everybody sees it");
    let ben = view(newest).contacts[0].id;
    let joined = view(oldest).thread.participant(ben).cloned().unwrap();
    assert!(joined.external && joined.visible_from_seq > 2, "and sees nothing earlier: {joined:?}");
    let next = thread_of(&mail(&story, &[SUPPORT], &mail_of("ben@example.com", 4, Some(3)), "four").await);
    assert_eq!(next, oldest);

    // What a mail names joins nothing: anybody can write two ids.
    let a = thread_of(&mail(&story, &[SUPPORT], &mail_of("ana@example.com", 11, None), "a").await);
    let b = thread_of(&mail(&story, &[SUPPORT], &mail_of("ben@example.com", 12, None), "b").await);
    let both = format!("{}\nReferences: <12@example.com>", mail_of("eve@example.org", 13, Some(11)));
    mail(&story, &[SUPPORT], &both, "both").await;
    assert!(view(a).thread.merged_into.is_none() && view(b).thread.merged_into.is_none());

    // Where agents work on both, it is theirs to say.
    let first = thread_of(&mail(&story, &[SUPPORT], &mail_of("ana@example.com", 21, None), "x").await);
    let second = thread_of(&mail(&story, &[SUPPORT], &mail_of("ben@example.com", 23, Some(22)), "y").await);
    for thread in [first, second] {
        story.desk.agent_comment(&story.agent, thread, text("On it.")).await.unwrap();
    }
    mail(&story, &[SUPPORT], &mail_of("ben@example.com", 22, Some(21)), "z").await;
    assert!(view(second).thread.merged_into.is_none());
    story.end();
}
