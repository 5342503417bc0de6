//! One mail over one connection: MAIL, RCPT, DATA, the message, the dot, and what that came to.
//!
//! RFC 5321 §3.3 and §4.2 (classes of replies), RFC 1047 (the span after the dot), RFC 4954 §6 (530 and its like), RFC 2920
//! (MAIL and RCPT in one group where the relay offers it; DATA waits for both, so that it never opens a text for nobody).
//!
//! | what happens | before the dot | after it |
//! |---|---|---|
//! | 2yz | next command | `Delivered` |
//! | 4yz | `Deferred` | `Deferred` |
//! | 5yz | `Failed`; when it says that we are not signed in, `Deferred` | `Failed` |
//! | anything else, silence, a lost connection | `Deferred`: nothing was handed over | `Uncertain` |
//!
//! **Invariant:** the final dot is written only after `mark` answered `Ok` (BRC-43). A connection that ends before the
//! dot ends the transaction on the relay's side too (RFC 5321 §4.1.1.4).

use crate::channel::smtp_out::connect::Connection;
use crate::channel::smtp_out::envelope::Envelope;
use crate::channel::smtp_out::fault::Fault;
use crate::channel::smtp_out::options::RelayOptions;
use crate::channel::smtp_out::reply::Reply;
use crate::channel::smtp_out::text;
use crate::channel::smtp_out::wire::within;
use crate::desk::mail::outbox::OutgoingMail;
use crate::domain::delivery::Verdict;
use lettre::transport::smtp::commands::Data;
use std::future::Future;
use std::time::Duration;

/// Time for a relay that cuts us off within the message to have said why.
const LAST_WORDS_WAIT: Duration = Duration::from_secs(2);
/// Step names, as they stand in verdicts.
const MAIL: &str = "MAIL FROM";
const RCPT: &str = "RCPT TO";
const DATA: &str = "DATA";
const MESSAGE: &str = "message";
pub(crate) const END: &str = "end of message";
/// All of them.
pub(crate) const STEPS: [&str; 5] = [MAIL, RCPT, DATA, MESSAGE, END];

/// What an attempt on a connection came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// What becomes of the delivery.
    pub(crate) verdict: Verdict,
    /// What it says about connection and relay.
    pub(crate) after: After,
}

/// What an attempt says about connection and relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// Both are well; the connection may be used again.
    Keep,
    /// The relay is well, the connection must be dropped.
    Drop,
    /// The relay took nothing and would take nothing else: it is closing, wants a sign-in, or is gone.
    Unwell(String),
    /// As [`After::Unwell`], but the message was on its way: never tried again at once.
    UnwellPastDot(String),
}

/// Hands `mail` over. `mark` makes the marker of BRC-43 durable; it is called once, when all but the final dot was taken
/// by the network.
pub(crate) async fn transact<M, F>(
    connection: &mut Connection,
    mail: &OutgoingMail,
    options: &RelayOptions,
    mark: M,
) -> Outcome
where
    M: FnOnce() -> F,
    F: Future<Output = Result<(), String>>,
{
    let envelope = match Envelope::of(mail, &connection.offers) {
        Ok(envelope) => envelope,
        Err(reason) => return Outcome { verdict: Verdict::Failed { reason }, after: After::Keep },
    };
    let before_dot = within(MESSAGE, options.text_wait(), up_to_dot(connection, &envelope, mail, options));
    match before_dot.await {
        Ok(None) => {}
        Ok(Some(refusal)) => return refusal,
        Err(fault) => return lost_before_dot(&fault),
    }
    if let Err(why) = mark().await {
        let reason = format!("not handed over: {why}");
        return Outcome { verdict: Verdict::Deferred { reason, retry_after: None }, after: After::Drop };
    }
    dot(connection, options).await
}

/// Everything that may be taken back. `Some` when the relay refused.
async fn up_to_dot(
    connection: &mut Connection,
    envelope: &Envelope,
    mail: &OutgoingMail,
    options: &RelayOptions,
) -> Result<Option<Outcome>, Fault> {
    let refusal = if connection.offers.pipelining {
        in_one_group(connection, envelope, options.timeout).await?
    } else {
        one_by_one(connection, envelope, options.timeout).await?
    };
    if refusal.is_some() {
        return Ok(refusal);
    }
    let reply = connection.wire.command(DATA, &Data.to_string(), options.timeout).await?;
    if reply.class() != 3 {
        return refused(DATA, &reply).map(Some);
    }
    connection.wire.nothing_unread(DATA)?;
    for piece in text::stuffed(&mail.bytes) {
        if let Err(fault) = connection.wire.write_all(MESSAGE, &piece).await {
            return last_words(connection, fault).await.map(Some);
        }
    }
    Ok(None)
}

async fn one_by_one(
    connection: &mut Connection,
    envelope: &Envelope,
    wait: Duration,
) -> Result<Option<Outcome>, Fault> {
    for (step, line) in [(MAIL, &envelope.mail), (RCPT, &envelope.rcpt)] {
        let reply = connection.wire.command(step, line, wait).await?;
        if reply.class() != 2 {
            return refused(step, &reply).map(Some);
        }
    }
    Ok(None)
}

async fn in_one_group(
    connection: &mut Connection,
    envelope: &Envelope,
    wait: Duration,
) -> Result<Option<Outcome>, Fault> {
    let wire = &mut connection.wire;
    let sender = wire.command(MAIL, &[envelope.mail.as_str(), &envelope.rcpt].concat(), wait).await?;
    if sender.class() == 2 {
        let recipient = wire.reply(RCPT, wait).await?;
        return if recipient.class() == 2 { Ok(None) } else { refused(RCPT, &recipient).map(Some) };
    }
    let outcome = refused(MAIL, &sender)?;
    // Its answer to RCPT must not stand before the next mail's.
    if outcome.after == After::Keep && wire.reply(RCPT, wait).await.is_err() {
        return Ok(Some(Outcome { after: After::Drop, ..outcome }));
    }
    Ok(Some(outcome))
}

/// A reply that is not the wanted one.
fn refused(step: &'static str, reply: &Reply) -> Result<Outcome, Fault> {
    let said = format!("{step}: {reply}");
    let deferred = |after| Outcome { verdict: Verdict::Deferred { reason: said.clone(), retry_after: None }, after };
    match (reply.code(), reply.class()) {
        (421 | 530 | 534 | 535 | 538, _) => Ok(deferred(After::Unwell(said.clone()))),
        (_, 4) => Ok(deferred(After::Keep)),
        (_, 5) => Ok(Outcome { verdict: Verdict::Failed { reason: said }, after: After::Keep }),
        _ => Err(Fault::Garbled { step, what: "the relay's answer makes no sense here" }),
    }
}

/// A relay may refuse a message within its text and close; its words are worth more than the network's.
async fn last_words(connection: &mut Connection, fault: Fault) -> Result<Outcome, Fault> {
    let Ok(reply) = connection.wire.reply(MESSAGE, LAST_WORDS_WAIT).await else { return Err(fault) };
    let outcome = refused(MESSAGE, &reply)?;
    let after = if outcome.after == After::Keep { After::Drop } else { outcome.after };
    Ok(Outcome { after, ..outcome })
}

fn lost_before_dot(fault: &Fault) -> Outcome {
    let reason = fault.to_string();
    Outcome { after: After::Unwell(reason.clone()), verdict: Verdict::Deferred { reason, retry_after: None } }
}

/// The final dot and its answer.
async fn dot(connection: &mut Connection, options: &RelayOptions) -> Outcome {
    let answered = within(END, options.answer_wait(), async {
        connection.wire.write_all(END, b".\r\n").await?;
        connection.wire.reply(END, options.answer_wait()).await
    });
    let uncertain = |reason: String| Outcome {
        after: After::UnwellPastDot(reason.clone()),
        verdict: Verdict::Uncertain { reason },
    };
    match answered.await {
        Err(fault) => uncertain(fault.to_string()),
        Ok(reply) => match (reply.code(), reply.class()) {
            (_, 2) => Outcome { verdict: Verdict::Delivered { answer: reply.to_string() }, after: After::Keep },
            (421, _) => {
                let reason = format!("{END}: {reply}");
                Outcome { verdict: Verdict::Deferred { reason, retry_after: None }, after: After::Drop }
            }
            _ => refused(END, &reply).unwrap_or_else(|fault| uncertain(fault.to_string())),
        },
    }
}
