//! Sample data: what templates are checked with at load and previewed with.

use super::catalog::Kind;
use super::view::About;
use super::view::AgentNotice;
use super::view::AgentReply;
use super::view::AutoAck;
use super::view::Body;
use super::view::CleanHtml;
use super::view::CleanText;
use super::view::File;
use super::view::FormSent;
use super::view::Named;
use super::view::NewsItem;
use super::view::Notice;
use super::view::Part;
use super::view::Person;
use super::view::Thread;
use super::view::Ticket;
use super::view::TicketStateChanged;
use super::view::TicketSubmitted;
use super::view::TrackerBroadcast;
use super::view::WebUrl;
use crate::domain::state::StateCategory;

/// 2026-03-04 09:30 UTC.
const SENT_AT_MS: u64 = 1_772_616_600_000;

/// Every field filled, every list with entries.
pub(super) fn full(kind: Kind) -> Notice {
    match kind {
        Kind::AgentReply => Notice::AgentReply(AgentReply {
            about: about(),
            email_thread: false,
            parts: vec![
                part("Ana Example", true, "Hi Ben,\n\nI found it: the invoice was made out to your old address."),
                part("Ana Example", true, "I have sent you a new one. Does it look right?"),
            ],
            earlier: vec![part("Ben Example", false, "My invoice for March shows the wrong address. Can you fix it?")],
            signature: body("Ana Example\nExample Support"),
        }),
        Kind::TicketSubmitted => Notice::TicketSubmitted(TicketSubmitted {
            about: About { ticket: ticket("Submitted", StateCategory::Submitted), ..about() },
            description: body("My invoice for March shows the wrong address.\nCan you fix it?"),
            message: Some("We answer within one working day.".to_owned()),
        }),
        Kind::TicketStateChanged => Notice::TicketStateChanged(TicketStateChanged {
            about: About { ticket: ticket("Waiting for you", StateCategory::WaitingOnCustomer), ..about() },
            previous_state: Some("In progress".to_owned()),
            parts: vec![part("Ana Example", true, "Could you send us a photo of the invoice?")],
        }),
        Kind::TrackerBroadcast => Notice::TrackerBroadcast(TrackerBroadcast {
            about: about(),
            subject: Some("Invoices show the right address again".to_owned()),
            email_thread: false,
            body_html: CleanHtml::already_clean(
                "<p>Hi Ben,</p>\n<p>invoices show the <strong>right address</strong> again. There is nothing you need \
                 to do:</p>\n<ul>\n<li>new invoices are correct</li>\n<li>old ones were made out again</li>\n</ul>\n"
                    .to_owned(),
            ),
            body_text: CleanText::new(
                "Hi Ben,\n\ninvoices show the right address again. There is nothing you need to do:\n\n- new invoices \
                 are correct\n- old ones were made out again\n",
            ),
            files: File::sample().into_iter().collect(),
        }),
        Kind::FormSent => Notice::FormSent(FormSent {
            about: About { url: WebUrl::parse("https://desk.example.com/forms/sample"), ..about() },
            email_thread: false,
            form_name: Some("Billing question".to_owned()),
        }),
        Kind::AutoAck => Notice::AutoAck(AutoAck { about: about() }),
        Kind::AgentNotice => Notice::AgentNotice(AgentNotice { about: about(), news: news(), answer_is_sent: true }),
    }
}

/// One of each.
fn news() -> Vec<NewsItem> {
    let item = |kind: &str, author: &str, text: &str| NewsItem {
        kind: kind.to_owned(),
        author_name: Some(author.to_owned()),
        body_html: CleanHtml::from_text(text),
        body_text: CleanText::new(text),
        sent_at: Some(SENT_AT_MS),
        ..NewsItem::default()
    };
    let reason = Some("550 5.1.1 no such user".to_owned());
    vec![
        item("new_conversation", "Ben Example", "My invoice for March shows the wrong address."),
        item("customer_reply", "Ben Example", "Can you fix it?"),
        item("assignment", "Cleo Example", ""),
        item("snooze_end", "", ""),
        item("mention", "Cleo Example", "@Ana Example this is one of yours."),
        NewsItem {
            recipient: Some("ben@example.com".to_owned()),
            reason: reason.clone(),
            ..item("failed_delivery", "", "")
        },
        item(
            "broadcast_held",
            "",
            "Ana Example: broadcast 7: it is paused: the relay has taken no mail for 10 minutes.",
        ),
        NewsItem { reason, ..item("mail_not_taken", "", "") },
    ]
}

/// Most fields empty, as for an unnamed visitor without ticket.
pub(super) fn sparse(kind: Kind) -> Notice {
    let about = About { lang: "en".to_owned(), time_zone: "UTC".to_owned(), ..About::default() };
    match kind {
        Kind::AgentReply => Notice::AgentReply(AgentReply {
            about,
            email_thread: true,
            parts: vec![Part { body_text: CleanText::new("Hello."), ..Part::default() }],
            ..AgentReply::default()
        }),
        Kind::TicketSubmitted => Notice::TicketSubmitted(TicketSubmitted { about, ..TicketSubmitted::default() }),
        Kind::TicketStateChanged => {
            Notice::TicketStateChanged(TicketStateChanged { about, ..TicketStateChanged::default() })
        }
        Kind::TrackerBroadcast => {
            Notice::TrackerBroadcast(TrackerBroadcast { about, email_thread: true, ..TrackerBroadcast::default() })
        }
        Kind::AutoAck => Notice::AutoAck(AutoAck { about }),
        Kind::FormSent => Notice::FormSent(FormSent { about, email_thread: true, ..FormSent::default() }),
        Kind::AgentNotice => {
            let item = NewsItem { kind: "customer_reply".to_owned(), ..NewsItem::default() };
            Notice::AgentNotice(AgentNotice { about, news: vec![item], ..AgentNotice::default() })
        }
    }
}

fn about() -> About {
    let named = |name: &str| Named { name: Some(name.to_owned()) };
    let person = |first: &str| Person { first_name: Some(first.to_owned()), name: Some(format!("{first} Example")) };
    About {
        lang: "en".to_owned(),
        time_zone: "UTC".to_owned(),
        workspace: named("Example"),
        brand: named("Example Support"),
        contact: person("Ben"),
        agent: person("Ana"),
        thread: Thread { id: Some("123456789".to_owned()), title: Some("Wrong address on my invoice".to_owned()) },
        ticket: ticket("In progress", StateCategory::InProgress),
        url: WebUrl::parse("https://desk.example.com/portal/threads/123456789"),
        stop_url: WebUrl::parse("https://desk.example.com/unsubscribe/sample"),
    }
}

fn ticket(state: &str, category: StateCategory) -> Ticket {
    Ticket {
        number: Some(1_234),
        title: Some("Wrong address on my invoice".to_owned()),
        state: Some(state.to_owned()),
        category: Some(category),
        type_name: Some("Billing question".to_owned()),
    }
}

fn body(text: &str) -> Body {
    Body { body_html: CleanHtml::from_text(text), body_text: CleanText::new(text) }
}

fn part(author: &str, from_agent: bool, text: &str) -> Part {
    Part {
        author_name: Some(author.to_owned()),
        avatar: WebUrl::parse("https://desk.example.com/avatars/sample.png"),
        from_agent,
        body_html: CleanHtml::from_text(text),
        body_text: CleanText::new(text),
        sent_at: Some(SENT_AT_MS),
    }
}

impl File {
    fn sample() -> Option<Self> {
        let url = WebUrl::parse("https://desk.example.com/files/sample")?;
        Some(Self { name: "changes.pdf".to_owned(), url })
    }
}
