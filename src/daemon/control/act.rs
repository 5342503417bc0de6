//! Acting on requests.

use crate::channel::imap::NotFetched;
use crate::daemon::control::Control;
use crate::daemon::control::answer::Answer;
use crate::daemon::control::answer::AttemptRow;
use crate::daemon::control::answer::DeliveryRow;
use crate::daemon::control::answer::DeliveryView;
use crate::daemon::control::answer::ErasureView;
use crate::daemon::control::answer::MailboxRow;
use crate::daemon::control::answer::NewToken;
use crate::daemon::control::answer::QuarantineView;
use crate::daemon::control::answer::StatusView;
use crate::daemon::control::answer::TakenIn;
use crate::daemon::control::answer::TraceRow;
use crate::daemon::control::request::Request;
use crate::daemon::exit::Exit;
use crate::daemon::exit::Failure;
use crate::desk;
use crate::desk::access::NewAgent;
use crate::desk::mail::arrival::Arrival;
use crate::desk::mail::arrival::ArrivalSource;
use crate::desk::mail::arrival::MailDoor;
use crate::desk::mail::arrival::NotAccepted;
use crate::desk::mail::arrival::result_word;
use crate::domain::address::Address;
use crate::domain::agent::AgentRole;
use crate::domain::agent::Scope;
use crate::domain::id::DeliveryId;
use crate::domain::id::IntakeId;
use crate::domain::id::PartId;
use crate::domain::id::TokenId;
use crate::domain::refusal::Refusal;
use crate::http::ops::health::phase_word;
use crate::http::ops::health::relay_words;
use crate::store::backup;
use std::io;
use std::io::BufWriter;
use std::io::Write;
use std::time::Duration;
use tokio::sync::mpsc;

/// Rows of a list at most.
const ROWS_MAX: usize = 10_000;
/// Octets of an archive that go to the command at once.
const PIECE_BYTES: usize = 64 << 10;
/// A note of progress after so many blobs.
const NOTE_EVERY: u64 = 500;

/// What comes before an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Out {
    /// A line on how far the work is.
    Note(String),
    /// Octets of a file.
    Bytes(Vec<u8>),
}

/// Does what `request` asks; `body` are the octets that came with it.
///
/// # Errors
/// The sentence and exit code the command ends with.
pub(crate) async fn act(
    control: &Control,
    request: Request,
    body: Vec<u8>,
    out: mpsc::Sender<Out>,
) -> Result<Answer, Failure> {
    let desk = &control.desk;
    match request {
        Request::AddAgent { email, name, admin, password } => {
            let role = if admin { AgentRole::Admin } else { AgentRole::Agent };
            let agent = desk.add_agent(NewAgent { email: address(&email)?, name, role, password }).await?;
            Ok(Answer::Agents(vec![agent.into()]))
        }
        Request::Agents => Ok(Answer::Agents(desk.agents()?.into_iter().map(Into::into).collect())),
        Request::DisableAgent { email } => disable_agent(control, &email).await,
        Request::SetPicture { email, .. } => set_picture(control, &email, body).await,
        Request::CreateToken { agent, name, scopes, days } => {
            let lasts = days.map(|days| Duration::from_hours(24) * u32::from(days));
            let made = desk.create_token(&address(&agent)?, &name, scopes_of(&scopes)?, lasts).await;
            let (token, secret) = made.map_err(|error| of_agent(error, &agent))?;
            Ok(Answer::Token(NewToken { id: token.id.0, token: secret }))
        }
        Request::Tokens => Ok(Answer::Tokens(desk.tokens()?.into_iter().map(Into::into).collect())),
        Request::RevokeToken { id } => Ok(Answer::Tokens(vec![desk.revoke_token(TokenId(id)).await?.into()])),
        Request::TakeIn { origin, support, .. } => take_in(control, origin, &support, body).await,
        Request::Status => status(control).map(|view| Answer::Status(Box::new(view))),
        Request::Trace { of } => {
            let steps = desk.trace(&of)?;
            Ok(Answer::Trace(steps.into_iter().map(|step| TraceRow { at_ms: step.at.0, what: step.what }).collect()))
        }
        Request::Deliveries { limit } => {
            let deliveries = desk.deliveries(limit.min(ROWS_MAX))?;
            Ok(Answer::Deliveries(deliveries.iter().map(Into::into).collect()))
        }
        Request::Delivery { id } => delivery(control, DeliveryId(id)),
        Request::RetryDelivery { id } => {
            Ok(Answer::Deliveries(vec![DeliveryRow::from(&desk.retry_delivery(None, DeliveryId(id)).await?)]))
        }
        Request::CancelDelivery { id } => {
            Ok(Answer::Deliveries(vec![DeliveryRow::from(&desk.cancel_delivery(DeliveryId(id)).await?)]))
        }
        Request::PauseSending { paused } => {
            desk.pause_sending(paused).await?;
            Ok(Answer::Sending { paused })
        }
        Request::Quarantine { limit } => {
            let rows = desk.quarantine(None, limit.min(ROWS_MAX))?;
            Ok(Answer::Quarantine(rows.into_iter().map(Into::into).collect()))
        }
        Request::Quarantined { id } => {
            let (row, raw) = desk.quarantined(None, IntakeId(id))?;
            let raw = String::from_utf8_lossy(&raw).into_owned();
            Ok(Answer::Quarantined(Box::new(QuarantineView { row: row.into(), raw })))
        }
        Request::RetryQuarantined { id } => {
            Ok(Answer::Quarantine(vec![desk.retry_quarantined(None, IntakeId(id)).await?.into()]))
        }
        Request::Addresses => addresses(control),
        Request::ProbeAddress { address: to } => {
            let mail = desk.forwarding_probe(None, &address(&to)?).await?;
            control.probe_relays.send(&mail).await.map_err(|why| Failure::new(Exit::Failed, why))?;
            addresses(control)
        }
        Request::FetchPart { id } => fetch_part(control, PartId(id)).await,
        Request::Backup => blocking(control, move |control| back_up(control, &out)).await,
        Request::Export { contact, internal } => {
            blocking(control, move |control| export(control, &contact, internal, &out)).await
        }
        Request::Erase { contact, yes } => erase(control, &contact, yes).await,
        Request::Verify => blocking(control, |control| Ok(Answer::Faults(control.desk.verify()?))).await,
        Request::Compact => blocking(control, compact).await,
        Request::Retention => blocking(control, retention).await,
    }
}

fn retention(control: &Control) -> Result<Answer, Failure> {
    Ok(Answer::Retention(control.desk.due_to_go()?.into_iter().map(Into::into).collect()))
}

fn address(text: &str) -> Result<Address, Failure> {
    Address::parse(text).ok_or_else(|| Failure::new(Exit::Usage, format!("{text:?} is not an email address")))
}

fn scopes_of(words: &[String]) -> Result<Vec<Scope>, Failure> {
    let scope = |word: &String| {
        Scope::parse(word).ok_or_else(|| {
            let known = Scope::ALL.map(Scope::as_str).join(", ");
            Failure::new(Exit::Usage, format!("{word:?} is not a scope; known are {known}"))
        })
    };
    words.iter().map(scope).collect()
}

async fn disable_agent(control: &Control, email: &str) -> Result<Answer, Failure> {
    let disabled = control.desk.disable_agent(&address(email)?).await;
    Ok(Answer::Agents(vec![disabled.map_err(|error| of_agent(error, email))?.into()]))
}

async fn set_picture(control: &Control, email: &str, body: Vec<u8>) -> Result<Answer, Failure> {
    let picture = Some(body).filter(|bytes| !bytes.is_empty());
    let put = control.desk.set_avatar_of(&address(email)?, picture).await;
    Ok(Answer::Agents(vec![put.map_err(|error| of_agent(error, email))?.into()]))
}

/// "Admin" is a word of the compatible API alone.
fn of_agent(error: desk::Error, email: &str) -> Failure {
    match error {
        desk::Error::Refused(Refusal::NotFound { .. }) => Failure::new(
            Exit::Failed,
            format!("no agent has the address {email}; `deskgate agent list` shows them all"),
        ),
        other => other.into(),
    }
}

async fn take_in(control: &Control, origin: String, support: &str, raw: Vec<u8>) -> Result<Answer, Failure> {
    let support = address(support)?;
    let settings = control.desk.settings();
    if settings.support_at(&support).is_none() {
        let known: Vec<String> = settings.support.iter().map(|known| known.address.to_string()).collect();
        let why = format!("{support} is no [[support]] address; there are {}", known.join(", "));
        return Err(Failure::new(Exit::Usage, why));
    }
    let source = ArrivalSource::Import { origin, support };
    let arrival = Arrival { source, reverse_path: None, recipients: Vec::new(), raw };
    let outcome = control.door.accept(arrival).await;
    let why = match &outcome {
        Ok(_) => None,
        Err(NotAccepted::Policy(why)) => Some(why.clone()),
        Err(error @ (NotAccepted::TryAgain(_) | NotAccepted::Full)) => {
            return Err(Failure::new(Exit::TryAgain, error.to_string()));
        }
    };
    Ok(Answer::TakenIn(TakenIn { result: result_word(&outcome).to_owned(), why }))
}

fn addresses(control: &Control) -> Result<Answer, Failure> {
    Ok(Answer::Addresses(control.desk.forwarding(None)?.into_iter().map(Into::into).collect()))
}

/// Fetches a mail that was too large to be taken in with the others (EML-9).
async fn fetch_part(control: &Control, id: PartId) -> Result<Answer, Failure> {
    let left = control.desk.left_out(None, id)?;
    let fetched = control.large_mail.fetch(&left.origin, &left.message_id).await;
    let raw = fetched.map_err(|why| {
        let exit = if why == NotFetched::Busy { Exit::TryAgain } else { Exit::Failed };
        Failure::new(exit, why.to_string())
    })?;
    let bytes = raw.len() as u64;
    control.desk.complete(None, id, raw).await?;
    Ok(Answer::Fetched { bytes })
}

fn delivery(control: &Control, id: DeliveryId) -> Result<Answer, Failure> {
    let delivery = control.desk.delivery(None, id)?;
    let attempt = |attempt: &crate::domain::delivery::Attempt| AttemptRow {
        at_ms: attempt.at.0,
        stage: attempt.stage.as_str().to_owned(),
        answer: attempt.answer.clone(),
    };
    let captured = control.desk.captured_bytes(id)?;
    Ok(Answer::Delivery(Box::new(DeliveryView {
        delivery: DeliveryRow::from(&delivery),
        attempts: delivery.attempts.iter().map(attempt).collect(),
        captured: captured.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
    })))
}

fn status(control: &Control) -> Result<StatusView, Failure> {
    let status = control.desk.status()?;
    let now = control.desk.clock().now();
    let mut view = StatusView {
        running: control.health.is_some(),
        deliveries: status.deliveries.iter().map(|(state, count)| ((*state).to_owned(), *count)).collect(),
        oldest_due_s: status.oldest_due.map(|due| now.since(due).as_secs()),
        quarantined: status.quarantined,
        broadcasts_running: status.broadcasts_running,
        broadcasts_held: status.broadcasts_held.into_iter().map(|(why, count)| (why.to_owned(), count)).collect(),
        log_seq: status.log_seq,
        sending_paused: status.sending_paused,
        store_bytes: status.store_bytes,
        commits: status.commits,
        last_commit_ms: status.last_commit.map(|took| took.as_secs_f64() * 1_000.0),
        ..StatusView::default()
    };
    if let Some(health) = &control.health {
        view.reasons = health.not_ready_because();
        view.ready = view.reasons.is_empty();
        view.restarts = health.restarts();
        view.last_errors = health.errors();
        let row = |(name, state): (String, crate::channel::imap::MailboxState)| MailboxRow {
            name,
            phase: phase_word(state.phase).to_owned(),
            last_success_s: state.last_success_at.map(|at| now.since(at).as_secs()),
            waiting: state.lag,
            last_error: state.last_error,
            only_read: state.only_read,
        };
        view.mailboxes = health.mailboxes().into_iter().map(row).collect();
        view.relays = health.relays().into_iter().map(|(name, relay)| (name, relay_words(&relay, now))).collect();
        view.sockets = health.sockets().open;
    }
    Ok(view)
}

async fn blocking(
    control: &Control,
    work: impl FnOnce(&Control) -> Result<Answer, Failure> + Send + 'static,
) -> Result<Answer, Failure> {
    let control = control.clone();
    let done = tokio::task::spawn_blocking(move || work(&control)).await;
    done.map_err(|error| Failure::doing("work", error))?
}

fn back_up(control: &Control, out: &mpsc::Sender<Out>) -> Result<Answer, Failure> {
    let mut note = |amount: backup::Amount| {
        if amount.blobs.is_multiple_of(NOTE_EVERY) {
            // Only a note: when nobody reads as fast, it is left out.
            drop(out.try_send(Out::Note(format!("{} blobs", amount.blobs))));
        }
    };
    let mut octets = Octets(out);
    let amount = backup::write(&control.store, &control.blobs, &control.data_dir, &mut octets, &mut note);
    let amount = amount.map_err(|error| Failure::doing("backup", error))?;
    Ok(Answer::Amount { store_bytes: amount.store_bytes, blobs: amount.blobs })
}

fn export(control: &Control, contact: &str, internal: bool, out: &mpsc::Sender<Out>) -> Result<Answer, Failure> {
    let id = control.desk.contact_named(contact)?.id;
    // The archive is written in small pieces, the way to the command takes larger ones.
    let mut octets = BufWriter::with_capacity(PIECE_BYTES, Octets(out));
    let exported = control.desk.export_archive(None, id, internal, &mut octets)?;
    octets.flush().map_err(|error| Failure::doing("export", error))?;
    Ok(Answer::Exported { threads: exported.threads, parts: exported.parts, files: exported.files })
}

async fn erase(control: &Control, contact: &str, yes: bool) -> Result<Answer, Failure> {
    let id = control.desk.contact_named(contact)?.id;
    let erasure =
        if yes { control.desk.erase_contact(None, id).await? } else { control.desk.erasure_preview(None, id)? };
    Ok(Answer::Erasure(ErasureView {
        contact_id: id.to_string(),
        done: yes,
        threads: erasure.threads,
        shared_threads: erasure.shared_threads,
        parts: erasure.parts,
        files: erasure.files,
        mails: erasure.mails,
        notes: erasure.notes,
    }))
}

/// Passes octets on to whoever asked, at their pace.
struct Octets<'a>(&'a mpsc::Sender<Out>);

impl Write for Octets<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let gone = |_| io::Error::new(io::ErrorKind::BrokenPipe, "nobody reads the backup any more");
        self.0.blocking_send(Out::Bytes(octets.to_vec())).map_err(gone)?;
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn compact(control: &Control) -> Result<Answer, Failure> {
    let before_bytes = control.store.stats().engine.file_bytes;
    control.store.compact().map_err(|error| Failure::new(Exit::TryAgain, format!("compact: {error}")))?;
    Ok(Answer::Compacted { before_bytes, after_bytes: control.store.stats().engine.file_bytes })
}
