//! A contact chooses one of the answers of a quick reply (SHP-4, MSG-22).
//!
//! **Invariant:** the words are those of the answer, never those a client sent with it.

use crate::desk::thread::draft::missing;
use crate::desk::thread::message::Ready;
use crate::domain::part::PartKind;
use crate::domain::refusal::Refusal;
use crate::domain::thread::Thread;
use crate::mail::html_text;
use crate::store;
use crate::store::engine::ReadTx;

/// The message with the words of the answer that was chosen; `None` where none was.
///
/// # Errors
/// `NotFound` when the quick reply is in no such thread, `parameter_invalid` when it has no such answer.
pub(crate) fn answer(tx: &dyn ReadTx, thread: &Thread, ready: &Ready) -> store::Result<Option<Ready>> {
    let Some(chosen) = &ready.chosen else { return Ok(None) };
    let asked = store::parts::by_id(tx, chosen.part)?.filter(|asked| asked.thread == thread.id && !asked.redacted);
    let asked = asked.ok_or_else(|| missing("part"))?;
    let answers = match &asked.kind {
        PartKind::QuickReply(answers) => answers.as_slice(),
        _ => &[],
    };
    let Some(answer) = answers.iter().find(|answer| answer.uuid == chosen.uuid) else {
        return Err(Refusal::invalid("quick_reply", "this is none of the answers to choose from").into());
    };
    let html = html_text::text_to_html(&answer.text);
    Ok(Some(Ready { html, text: answer.text.clone(), ..ready.clone() }))
}
