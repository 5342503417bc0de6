//! An agent and a customer answer each other by mail.

use crate::cli::demo::answer::is;
use crate::cli::demo::answer::parts;
use crate::cli::demo::answer::text;
use crate::cli::demo::letters;
use crate::cli::demo::lmtp::Lmtp;
use crate::cli::demo::stage::Stage;
use crate::cli::demo::telling::Told;
use crate::cli::demo::telling::ms;
use crate::clock;
use anyhow::Context;
use anyhow::Result;
use anyhow::ensure;
use serde_json::json;

/// The agent's comment goes out with a signed Reply-To; what comes to that address finds its conversation by it alone.
pub(super) async fn answer_each_other(stage: &Stage, conversation: &str) -> Result<(Told, ())> {
    let began_at = clock::instant();
    let part = stage.comment(conversation, "Please clear the cache of your browser and try again.").await?;
    let mail = stage.mail_of(conversation, &part).await?;
    let took = began_at.elapsed();
    let to = mail.to.first().context("the mail is to nobody")?;
    ensure!(to.address.to_string() == letters::CHEN, "the mail is to {}", to.address);
    ensure!(mail.in_reply_to.iter().any(|id| id.as_str() == letters::LOGIN), "the mail answers {:?}", mail.in_reply_to);
    let reply_to = mail.reply_to.first().context("the mail has no Reply-To")?.address.clone();
    let (base, tag) = reply_to.without_tag();
    ensure!(base.to_string() == stage.support && tag.is_some(), "Reply-To is {reply_to}");
    let mut session = Lmtp::connect(stage.lmtp).await?;
    session.deliver(letters::CHEN, &reply_to.to_string(), &letters::answer(&reply_to.to_string())).await?;
    session.quit().await?;
    let thread = stage.conversation(conversation).await?;
    let last = parts(&thread)?.last().context("the conversation has no parts")?;
    ensure!(text(last, "/body")?.contains("Clearing the cache helped"), "the answer is not there: {last}");
    ensure!(is(last, "/deskgate/placed_by", "reply_token"), "the answer was placed otherwise: {last}");
    let words = format!("captured after {} ms with a signed Reply-To", ms(took));
    let facts = json!({"captured_ms": ms(took), "reply_to": reply_to.to_string(), "placed_by": "reply_token"});
    let details = vec!["the answer to that address found its conversation by it alone".to_owned()];
    Ok((Told { words, details, facts }, ()))
}
