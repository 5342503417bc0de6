//! Mail in by LMTP: what became of each sample.

use crate::cli::demo::answer::is;
use crate::cli::demo::answer::list;
use crate::cli::demo::answer::parts;
use crate::cli::demo::answer::text;
use crate::cli::demo::letters;
use crate::cli::demo::lmtp::Lmtp;
use crate::cli::demo::stage::Stage;
use crate::cli::demo::telling::Told;
use crate::cli::demo::telling::p50_ms;
use crate::clock;
use anyhow::Context;
use anyhow::Result;
use anyhow::ensure;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;

/// Conversations that later steps go on with, by id.
#[derive(Debug)]
pub(super) struct Inbox {
    /// Ana's, of two mails.
    pub(super) sign_in: String,
    /// Ben's, with the file.
    pub(super) invoice: String,
    /// Chen's.
    pub(super) login: String,
    /// Of the sender without a name.
    pub(super) parcel: String,
}

/// Where a mail is: its conversation, and the message in it.
type Placed<'c> = BTreeMap<String, (&'c str, &'c Value)>;

/// Hands over every sample, the first one twice, and looks where each is.
pub(super) async fn take_in(stage: &Stage) -> Result<(Told, Inbox)> {
    let letters = letters::letters(&stage.support);
    let mut session = Lmtp::connect(stage.lmtp).await?;
    let mut took = Vec::with_capacity(letters.len());
    for letter in &letters {
        let began_at = clock::instant();
        let stored = session.deliver(letter.from, &stage.support, &letter.text).await;
        stored.with_context(|| format!("<{}>", letter.message_id))?;
        took.push(began_at.elapsed());
    }
    session.quit().await?;
    let conversations = conversations(stage).await?;
    let placed = placed(&conversations)?;
    ensure!(conversations.len() == 6, "{} conversations instead of 6", conversations.len());
    let inbox = Inbox {
        sign_in: begun_by(&placed, letters::SIGN_IN, "human")?,
        invoice: begun_by(&placed, letters::INVOICE, "human")?,
        login: begun_by(&placed, letters::LOGIN, "human")?,
        parcel: begun_by(&placed, letters::PARCEL, "human")?,
    };
    threaded(&placed, &inbox)?;
    cleaned(stage, &placed).await?;
    for (id, class) in [(letters::VACATION, "auto_reply"), (letters::BOUNCE, "dsn_failed")] {
        let silent = begun_by(&placed, id, class)?;
        let conversation = conversations.iter().find(|one| is(one, "/id", &silent));
        ensure!(conversation.is_some_and(|one| is(one, "/state", "closed")), "<{id}> waits for somebody");
    }
    let parcel = conversations.iter().find(|one| is(one, "/id", &inbox.parcel));
    let decoded = parcel.is_some_and(|one| is(one, "/title", letters::PARCEL_SUBJECT));
    ensure!(decoded, "the subject of <{}> is not decoded", letters::PARCEL);
    let words = format!("{} mails, p50 {} ms until stored: 6 conversations", letters.len(), p50_ms(&took));
    let facts = json!({"mails": letters.len(), "p50_ms": p50_ms(&took), "conversations": 6, "threaded": 1,
        "attachments": 1, "auto_replies": 1, "bounces": 1, "duplicates": 1});
    Ok((Told { words, details: details(), facts }, inbox))
}

fn details() -> Vec<String> {
    [
        "4 from people; HTML cleaned, Latin-1 decoded, 1 attachment kept",
        "1 reply threaded into the first one, its quoted text set apart",
        "1 vacation notice and 1 bounce filed without waking anybody",
        "1 mail sent twice: acknowledged again, stored once",
    ]
    .map(ToOwned::to_owned)
    .to_vec()
}

/// Every conversation with its parts.
async fn conversations(stage: &Stage) -> Result<Vec<Value>> {
    let listed = stage.api.get("/api/conversations?per_page=50").await?;
    let mut conversations = Vec::new();
    for row in list(&listed, "/conversations")? {
        conversations.push(stage.conversation(text(row, "/id")?).await?);
    }
    Ok(conversations)
}

/// Every mail by its Message-ID; none may be there twice.
fn placed(conversations: &[Value]) -> Result<Placed<'_>> {
    let mut placed = Placed::new();
    for conversation in conversations {
        let id = text(conversation, "/id")?;
        for message in conversation.pointer("/source").into_iter().chain(parts(conversation)?) {
            let Ok(message_id) = text(message, "/email_message_metadata/message_id") else { continue };
            let message_id = message_id.trim_matches(['<', '>']).to_owned();
            let before = placed.insert(message_id.clone(), (id, message));
            ensure!(before.is_none(), "<{message_id}> is there twice");
        }
    }
    Ok(placed)
}

/// The conversation that a mail of that class began.
fn begun_by(placed: &Placed<'_>, message_id: &str, class: &str) -> Result<String> {
    let (conversation, message) = placed.get(message_id).with_context(|| format!("<{message_id}> is nowhere"))?;
    ensure!(is(message, "/deskgate/delivery_class", class), "<{message_id}> is not {class}: {message}");
    ensure!(is(message, "/deskgate/placed_by", "new_thread"), "<{message_id}> began no conversation: {message}");
    Ok((*conversation).to_owned())
}

/// The reply stands behind the mail it answers, without what it quotes.
fn threaded(placed: &Placed<'_>, inbox: &Inbox) -> Result<()> {
    let found = placed.get(letters::SIGN_IN_MORE);
    let (conversation, message) = found.with_context(|| format!("<{}> is nowhere", letters::SIGN_IN_MORE))?;
    ensure!(*conversation == inbox.sign_in, "the reply is in another conversation");
    ensure!(is(message, "/deskgate/placed_by", "in_reply_to"), "the reply was placed otherwise: {message}");
    ensure!(!text(message, "/body")?.contains("unknown user"), "the reply still quotes: {message}");
    ensure!(text(message, "/email_message_metadata/history")?.contains("unknown user"), "what it quotes is lost");
    Ok(())
}

/// The HTML is harmless, and the file comes back whole by its link.
async fn cleaned(stage: &Stage, placed: &Placed<'_>) -> Result<()> {
    let (_, message) = placed.get(letters::INVOICE).context("the HTML mail is nowhere")?;
    let body = text(message, "/body")?;
    ensure!(body.contains("<b>line 3</b>"), "the HTML lost its form: {body}");
    ensure!(!body.contains("script") && !body.contains("onerror"), "the HTML is not clean: {body}");
    let [file] = list(message, "/attachments")? else { anyhow::bail!("one attachment was expected: {message}") };
    let url = text(file, "/url")?;
    let path = url.find("/files/").and_then(|at| url.get(at..)).context("the link leads elsewhere")?;
    let bytes = stage.api.bytes(path).await?;
    ensure!(bytes.len() == letters::INVOICE_FILE_BYTES, "the attachment has {} bytes", bytes.len());
    Ok(())
}
