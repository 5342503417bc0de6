//! What a client asks, done by the desk and answered.
//!
//! **Invariant:** every post is answered by exactly one `ack` or one `error` with its `client_id`. Before an `ack`
//! everything up to its `seq` has been written, so that a client may take the highest `seq` it saw as its `since`.

use crate::channel::messenger::close::Close;
use crate::channel::messenger::close::End;
use crate::channel::messenger::protocol::forms::Filled;
use crate::channel::messenger::protocol::incoming::History;
use crate::channel::messenger::protocol::incoming::Incoming;
use crate::channel::messenger::protocol::incoming::Send as Post;
use crate::channel::messenger::protocol::objects::For;
use crate::channel::messenger::protocol::outgoing;
use crate::channel::messenger::protocol::outgoing::Fault;
use crate::channel::messenger::session::Live;
use crate::channel::messenger::session::REFUSALS_MAX;
use crate::desk;
use crate::desk::broadcasts::receipts::Told;
use crate::desk::people::data_events::NewDataEvent;
use crate::desk::thread::comments::Posted;
use crate::desk::thread::message::Body;
use crate::desk::thread::message::NewMessage;
use crate::desk::thread::stream::HISTORY_MAX;
use crate::desk::ticket::form_submission::Submission;
use crate::desk::ticket::form_submission::Submitted;
use crate::domain::attribute::Value;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::contact::ContactRole;
use crate::domain::refusal::Refusal;
use std::sync::atomic::Ordering;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio_tungstenite::tungstenite::Utf8Bytes;

impl<S> Live<'_, S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    pub(crate) async fn answer(&mut self, frame: Incoming) -> Result<(), End> {
        match frame {
            Incoming::Send(post) => self.post(post).await,
            Incoming::Seen { thread, part } => match self.hub.desk().mark_seen(self.contact, thread, part).await {
                Ok(()) => Ok(()),
                Err(error) => self.fail(Fault::of(&error)).await,
            },
            Incoming::Typing { thread } => {
                if self.hub.desk().may_type(self.contact, thread) {
                    self.hub.contact_types(thread, self.contact);
                }
                Ok(())
            }
            Incoming::History(asked) => self.history(asked).await,
            Incoming::Ping { n } => self.write([outgoing::pong(n)]).await,
            Incoming::Form(filled) => self.form(filled).await,
            Incoming::Forms => match self.hub.desk().offered_forms(self.contact) {
                Ok(types) => self.write([outgoing::forms(&types)]).await,
                Err(error) => self.fail(Fault::of(&error)).await,
            },
            Incoming::Upload => self.upload_pass().await,
            Incoming::Contact(facts) => match self.hub.desk().introduce(self.contact, facts).await {
                Ok(()) => Ok(()),
                Err(error) => self.fail(Fault::of(&error)).await,
            },
            Incoming::Track { client_id, name, metadata } => {
                self.track(client_id, NewDataEvent { name, at: None, metadata }).await
            }
            Incoming::Bye => self.sign_out().await,
            Incoming::Hello(_) => self.fail(Fault::new("bad_frame", "hello comes once")).await,
        }
    }

    /// Answered only when it is refused: a page that tells what happens on it waits for nothing.
    async fn track(&mut self, client_id: Option<String>, event: NewDataEvent) -> Result<(), End> {
        if let Err(wait_ms) = self.hub.may_track(self.contact) {
            self.intake.refusals += 1;
            self.fail(Fault::too_often(wait_ms).about(client_id)).await?;
            return if self.intake.refusals < REFUSALS_MAX { Ok(()) } else { Err(Close::TooMany.into()) };
        }
        match self.hub.desk().contact_did(self.contact, event).await {
            Ok(()) => Ok(()),
            Err(error) => self.fail(Fault::of(&error).about(client_id)).await,
        }
    }

    async fn upload_pass(&mut self) -> Result<(), End> {
        match &self.hub.options().upload_pass {
            Some(pass) => self.write([outgoing::upload(&pass(self.contact))]).await,
            None => self.fail(Fault::new("not_supported", "files are not taken here")).await,
        }
    }

    /// The token first: what is not written down can be tried again, a closed socket cannot.
    async fn sign_out(&mut self) -> Result<(), End> {
        if let Some(token) = self.visit.take()
            && let Err(error) = self.hub.desk().end_visit(&token).await
        {
            return self.fail(Fault::of(&error)).await;
        }
        self.hub.sign_out(self.contact);
        Err(Close::SignedOut.into())
    }

    async fn post(&mut self, post: Post) -> Result<(), End> {
        // A repeat counts for nothing: it is asked because an ack was lost.
        let known = self.hub.desk().posted_before(self.contact, &post.client_id);
        match known {
            Ok(Some(posted)) => self.acknowledge(&post.client_id, &posted).await,
            Ok(None) => self.post_new(post).await,
            Err(error) => self.fail(Fault::of(&error).about(Some(post.client_id))).await,
        }
    }

    async fn post_new(&mut self, post: Post) -> Result<(), End> {
        let Post { client_id, thread, body, attachments, uploads, chosen } = post;
        let paced =
            self.hub.may_post(self.contact, thread.is_none()).and_then(|()| self.may_be_heard(thread.is_none()));
        if let Err(wait_ms) = paced {
            self.intake.refusals += 1;
            self.fail(Fault::too_often(wait_ms).about(Some(client_id))).await?;
            return if self.intake.refusals < REFUSALS_MAX { Ok(()) } else { Err(Close::TooMany.into()) };
        }
        let message = NewMessage {
            attachments,
            uploads,
            client_id: Some(client_id.clone()),
            chosen,
            page: self.page.as_deref().cloned(),
            ..NewMessage::new(Body::Text(body))
        };
        let desk = self.hub.desk();
        match desk.contact_comment(self.contact, thread, message, ChannelKind::Messenger).await {
            Ok(posted) => self.acknowledge(&client_id, &posted).await,
            Err(error) => {
                let blocked = matches!(error, desk::Error::Refused(Refusal::Forbidden { .. }));
                self.fail(Fault::of(&error).about(Some(client_id))).await?;
                if blocked { Err(Close::NotAuthorised.into()) } else { Ok(()) }
            }
        }
    }

    /// Whether a visitor who says something for the first time may: each of them becomes a lead (MSG-61). A contact that
    /// cannot be read is let pass; the post itself will say why.
    fn may_be_heard(&self, begins: bool) -> Result<(), u64> {
        if !begins || self.seat.from.is_none() {
            return Ok(());
        }
        let known = self.hub.desk().own_record(self.contact).ok().flatten();
        let is_visitor = known.is_some_and(|contact| contact.role == ContactRole::Visitor);
        if is_visitor { self.hub.may_become_lead(self.seat.from) } else { Ok(()) }
    }

    /// A filled form: like a message, it is answered once and its repeat with the same answer (FRM-6).
    async fn form(&mut self, filled: Filled) -> Result<(), End> {
        let client_id = filled.client_id.clone();
        let known = self.hub.desk().posted_before(self.contact, &client_id);
        let is_new = matches!(known, Ok(None));
        if let Some(wait_ms) =
            is_new.then(|| self.hub.may_submit(self.contact).and_then(|()| self.may_be_heard(true)).err()).flatten()
        {
            self.intake.refusals += 1;
            self.fail(Fault::too_often(wait_ms).about(Some(client_id))).await?;
            return if self.intake.refusals < REFUSALS_MAX { Ok(()) } else { Err(Close::TooMany.into()) };
        }
        match self.submit(filled, is_new).await {
            Ok(submitted) => {
                self.hub.tally().acknowledged.fetch_add(1, Ordering::Relaxed);
                self.catch_up().await?;
                self.write([outgoing::ack_form(&client_id, &submitted)]).await
            }
            Err(error) => self.fail(Fault::of(&error).about(Some(client_id))).await,
        }
    }

    async fn submit(&mut self, filled: Filled, is_new: bool) -> desk::Result<Submitted> {
        let Filled { client_id, form, mut values, files } = filled;
        let desk = self.hub.desk();
        // A repeat is answered from its key; its files are there already.
        for (name, file) in files.into_iter().filter(|_| is_new) {
            let id = desk.upload_by_contact(self.contact, file).await?.id.to_string();
            match values.iter_mut().find(|(known, _)| *known == name) {
                Some((_, Some(Value::Files(ids)))) => ids.push(id),
                _ => values.push((name, Some(Value::Files(vec![id])))),
            }
        }
        let submission = Submission { form, values, client_id: Some(client_id), channel: ChannelKind::Messenger };
        desk.submit_form(self.contact, submission).await
    }

    async fn acknowledge(&mut self, client_id: &str, posted: &Posted) -> Result<(), End> {
        self.hub.contact_typed(posted.thread, self.contact);
        self.hub.tally().acknowledged.fetch_add(1, Ordering::Relaxed);
        self.catch_up().await?;
        self.write([outgoing::ack(client_id, posted)]).await
    }

    async fn history(&mut self, asked: History) -> Result<(), End> {
        let (desk, contact) = (self.hub.desk().clone(), self.contact);
        let (file_link, people) = (self.hub.options().file_link.clone(), self.hub.house().people());
        // A hundred parts with their bodies: not on a thread that serves sockets.
        let read = tokio::task::spawn_blocking(move || -> desk::Result<(Utf8Bytes, Vec<Told>)> {
            let limit = asked.limit.clamp(1, HISTORY_MAX);
            let before = match asked.before {
                Some(part) => Some(desk.part_seq(contact, asked.thread, part)?),
                None => None,
            };
            let parts = desk.history(contact, asked.thread, before, limit)?;
            let forms: Vec<_> = desk.form_types(contact, parts.iter())?.into_values().collect();
            let reader = For { contact, file_link: file_link.as_deref(), forms: &forms, people: &people };
            let told =
                parts.iter().filter_map(|part| Some(Told { broadcast: part.broadcast?, part: part.id })).collect();
            Ok((outgoing::history(asked.thread, &parts, parts.len() >= limit, reader), told))
        });
        match read.await.map_err(|_| Close::Resume)? {
            Ok((frame, told)) => {
                self.write([frame]).await?;
                self.wrote(told).await
            }
            Err(error) => self.fail(Fault::of(&error)).await,
        }
    }

    async fn fail(&mut self, fault: Fault) -> Result<(), End> {
        self.write([outgoing::error(&fault)]).await
    }
}
