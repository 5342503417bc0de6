//! One socket: hello, welcome, and then whatever comes first: a frame, a wake-up, the time for a ping.
//!
//! **Invariant:** one task per socket and nothing behind it; while a client does not take what is written to it, nothing
//! more is read from it. The cursor moves only after the frames up to it were handed to the kernel.

use crate::channel::messenger::close::Close;
use crate::channel::messenger::close::End;
use crate::channel::messenger::hub::Hub;
use crate::channel::messenger::hub::Joined;
use crate::channel::messenger::hub::Place;
use crate::channel::messenger::protocol::incoming;
use crate::channel::messenger::protocol::incoming::BadFrame;
use crate::channel::messenger::protocol::incoming::Hello;
use crate::channel::messenger::protocol::incoming::Incoming;
use crate::channel::messenger::protocol::outgoing;
use crate::channel::messenger::protocol::outgoing::Beginning;
use crate::channel::messenger::protocol::outgoing::Fault;
use crate::channel::messenger::seat::Seat;
use crate::channel::messenger::wire;
use crate::channel::pace::Pace;
use crate::channel::pace::Used;
use crate::clock;
use crate::desk::broadcasts::receipts::Reached;
use crate::desk::broadcasts::receipts::Told;
use crate::desk::people::identity::NoSession;
use crate::desk::people::identity::Session;
use crate::domain::id::ContactId;
use crate::domain::id::EventSeq;
use crate::domain::id::Millis;
use crate::domain::page::Page;
use futures_util::StreamExt;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_tungstenite::tungstenite::protocol::Role;

/// Frames of one socket at once, pings included; and then per second.
const FRAMES_BURST: u32 = 60;
const FRAMES_PER_SECOND: u32 = 20;
/// The frame that means nothing for the so-many-eth time ends the socket.
const BAD_FRAMES_MAX: u32 = 10;
/// A client that goes on posting after so many refusals (MSG-61) does not listen.
pub(crate) const REFUSALS_MAX: u32 = 60;

/// Broadcasts' parts of one socket whose acknowledgement is waited for.
const UNACKNOWLEDGED_MAX: usize = 64;

/// What a socket gave as its next message.
type Next = Option<Result<Message, tungstenite::Error>>;

/// Runs one socket on a connection whose handshake is through, to its end.
pub(crate) async fn serve<S>(hub: Hub, place: Place, io: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(wire::config())).await;
    let Err(end) = talk(&hub, &place.seat, &mut socket).await;
    let tally = hub.tally();
    match end {
        End::Close(Close::Resume) => tally.slow_closed.fetch_add(1, Ordering::Relaxed),
        End::Close(Close::TooMany) => tally.flood_closed.fetch_add(1, Ordering::Relaxed),
        End::Close(_) | End::Gone => 0,
    };
    tracing::debug!(seat = place.seat.id, ?end, "socket ends");
    Box::pin(wire::close(socket, end, hub.options().write_within / 2)).await;
}

async fn talk<S>(hub: &Hub, seat: &Arc<Seat>, socket: &mut WebSocketStream<S>) -> Result<Infallible, End>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let mut intake = Intake::default();
    let Greeted { joined, visit, page, expires_at, cursor } = Box::pin(greet(hub, seat, socket, &mut intake)).await?;
    let contact = joined.room.contact();
    let heard_at = clock::instant();
    let asked = Asked::default();
    let mut live =
        Live { hub, seat, joined, socket, contact, visit, page, expires_at, cursor, intake, heard_at, asked };
    live.catch_up().await?;
    live.go_on().await
}

/// What was taken from a client, against floods and nonsense.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    frames: Used,
    bad: u32,
    pub(crate) refusals: u32,
}

impl Intake {
    /// The text of a frame, if it has one for us.
    fn take(&mut self, hub: &Hub, next: Next) -> Result<Option<Utf8Bytes>, End> {
        let message = next.ok_or(End::Gone)?.map_err(|error| wire::end_of(&error))?;
        let pace = Pace::bursting(FRAMES_BURST, FRAMES_PER_SECOND);
        pace.take(&mut self.frames, hub.now_ms()).map_err(|_| Close::TooMany)?;
        match message {
            Message::Text(text) => Ok(Some(text)),
            Message::Binary(_) => Err(Close::BadFrame.into()),
            Message::Close(_) => Err(End::Gone),
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(None),
        }
    }

    /// A frame that means nothing; the answer, or the end.
    fn nonsense(&mut self, bad: BadFrame) -> Result<Utf8Bytes, End> {
        self.bad += 1;
        match bad {
            BadFrame::Shape { message, client_id } if self.bad < BAD_FRAMES_MAX => {
                Ok(outgoing::error(&Fault::new("bad_frame", message).about(client_id)))
            }
            BadFrame::Shape { .. } | BadFrame::NotJson => Err(Close::BadFrame.into()),
        }
    }
}

/// A session whose welcome was written.
struct Greeted {
    joined: Joined,
    visit: Option<Box<str>>,
    page: Option<Box<Page>>,
    expires_at: Option<Millis>,
    cursor: EventSeq,
}

/// From the first frame to the welcome.
async fn greet<S>(
    hub: &Hub,
    seat: &Arc<Seat>,
    socket: &mut WebSocketStream<S>,
    intake: &mut Intake,
) -> Result<Greeted, End>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let options = hub.options();
    let hello = tokio::time::timeout(options.hello_within, first_frame(hub, seat, socket, intake)).await;
    let hello = hello.map_err(|_| Close::NotAuthorised)??;
    let session = match hub.desk().open_session(hello.presented).await {
        Ok(session) if !session.contact.blocked => session,
        Ok(_) => return refuse(hub, socket, "blocked", "you cannot write here", Close::NotAuthorised).await,
        Err(NoSession::NotProved(why)) => {
            return refuse(hub, socket, "unauthorized", &why, Close::NotAuthorised).await;
        }
        Err(NoSession::Unavailable(why)) => {
            tracing::warn!(%why, "no messenger session");
            return refuse(hub, socket, "service_unavailable", "try again", Close::Resume).await;
        }
    };
    // Woken from here on; what is read below may be woken for once more, which costs a look and no frame.
    let joined = hub.join(session.contact.id, seat);
    let visit = session.visitor.as_deref().map(Box::from);
    let expires_at = session.expires_at;
    let (welcome, cursor) = begin(hub, session, hello.since).await?;
    wire::write(socket, [welcome], options.write_within).await?;
    seat.set_cursor(cursor.0);
    // A resumed session gets no conversations, in which hours and reply times of their teams stand.
    if hello.since == Some(cursor) && hub.house().tells_of_teams() {
        seat.order_house();
    }
    Ok(Greeted { joined, visit, page: hello.page.map(Box::new), expires_at, cursor })
}

async fn first_frame<S>(
    hub: &Hub,
    seat: &Seat,
    socket: &mut WebSocketStream<S>,
    intake: &mut Intake,
) -> Result<Hello, End>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    loop {
        let next = tokio::select! {
            next = socket.next() => next,
            () = seat.wake.notified() => {
                obey(seat.take_orders().close)?;
                continue;
            }
        };
        let Some(text) = intake.take(hub, next)? else { continue };
        match incoming::read(&text) {
            Ok(Incoming::Hello(hello)) => return Ok(*hello),
            Ok(_) => return refuse(hub, socket, "bad_frame", "the first frame is hello", Close::BadFrame).await,
            Err(bad) => {
                let answer = intake.nonsense(bad)?;
                wire::write(socket, [answer], hub.options().write_within).await?;
                return Err(Close::BadFrame.into());
            }
        }
    }
}

/// An error frame, then the end.
async fn refuse<S, T>(hub: &Hub, socket: &mut WebSocketStream<S>, code: &str, why: &str, close: Close) -> Result<T, End>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    wire::write(socket, [outgoing::error(&Fault::new(code, why))], hub.options().write_within).await?;
    Err(close.into())
}

/// The welcome and where the stream goes on: behind `since`, or behind a snapshot when `since` does not serve (MSG-40). A
/// `since` acknowledges what came before it; a snapshot shows the beginnings of parts and delivers none.
async fn begin(hub: &Hub, session: Session, since: Option<EventSeq>) -> Result<(Utf8Bytes, EventSeq), End> {
    let (desk, contact) = (hub.desk().clone(), session.contact.id);
    let look = hub.options().look.clone();
    let (tally, of_house) = (hub.tally(), hub.clone());
    // Up to 50 conversations are read: not on a thread that serves sockets.
    let begun = tokio::task::spawn_blocking(move || {
        let house = of_house.house().now(&desk, look.reply_time, of_house.now_ms())?;
        let welcome = |beginning| outgoing::welcome(&session, beginning, desk.settings(), &look, &house);
        let resumable = match since {
            Some(since) => desk.stream_after(contact, since, 1)?.map(|_| since),
            None => None,
        };
        if let Some(since) = resumable {
            let open = desk.unacknowledged(contact)?.into_iter();
            let has: Vec<Told> = open.filter(|(_, seq)| *seq <= since).map(|(told, _)| told).collect();
            return Ok((welcome(Beginning::Resumed(since)), since, Some(has)));
        }
        let snapshot = desk.snapshot(contact)?;
        Ok((welcome(Beginning::Fresh(&snapshot)), snapshot.seq, None))
    });
    let begun: Result<_, crate::desk::Error> = begun.await.map_err(|_| Close::Resume)?;
    let (welcome, cursor, resumed) = begun.map_err(|error| {
        tracing::warn!(%error, "no messenger snapshot");
        Close::Resume
    })?;
    let counter = if resumed.is_some() { &tally.resumed } else { &tally.snapshots };
    counter.fetch_add(1, Ordering::Relaxed);
    hub.receipts().note(contact, &resumed.unwrap_or_default(), Reached::Client);
    Ok((welcome, cursor))
}

fn obey(order: Option<Close>) -> Result<(), End> {
    match order {
        Some(close) => Err(close.into()),
        None => Ok(()),
    }
}

/// A socket with a session.
pub(crate) struct Live<'a, S> {
    pub(crate) hub: &'a Hub,
    pub(crate) seat: &'a Seat,
    joined: Joined,
    socket: &'a mut WebSocketStream<S>,
    pub(crate) contact: ContactId,
    /// The token of a session without proof.
    pub(crate) visit: Option<Box<str>>,
    /// The page that carries it.
    pub(crate) page: Option<Box<Page>>,
    /// When its token runs out (MSG-11).
    expires_at: Option<Millis>,
    /// Everything up to here was written.
    cursor: EventSeq,
    pub(crate) intake: Intake,
    heard_at: Instant,
    asked: Asked,
}

/// Broadcasts' parts that were written and that the client has not acknowledged, by the ping that was sent behind them.
#[derive(Debug, Default)]
struct Asked {
    pings: u64,
    waiting: Vec<(u64, Told)>,
}

/// What came first.
enum Turn {
    Frame(Next),
    Woken,
    Due,
}

impl<S> Live<'_, S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    async fn go_on(&mut self) -> Result<Infallible, End> {
        let options = self.hub.options();
        let due = tokio::time::sleep(self.proved_for(options.ping_every));
        tokio::pin!(due);
        loop {
            let turn = tokio::select! {
                next = self.socket.next() => Turn::Frame(next),
                () = self.seat.wake.notified() => Turn::Woken,
                () = due.as_mut() => Turn::Due,
            };
            match turn {
                Turn::Frame(next) => self.take(next).await?,
                Turn::Woken => self.look().await?,
                Turn::Due => {
                    if self.proved_for(options.ping_every).is_zero() {
                        let fault = Fault::new("unauthorized", "the token has expired");
                        self.write([outgoing::error(&fault)]).await?;
                        return Err(Close::NotAuthorised.into());
                    }
                    let silent = clock::instant().saturating_duration_since(self.heard_at);
                    let left = options.silence_max.checked_sub(silent).filter(|left| !left.is_zero());
                    let left = left.ok_or(Close::Resume)?;
                    self.ping().await?;
                    self.catch_up().await?;
                    let wait = self.proved_for(left.min(options.ping_every));
                    due.as_mut().reset(tokio::time::Instant::now() + wait);
                }
            }
        }
    }

    /// So long, or for as long as the token lasts.
    fn proved_for(&self, wait: Duration) -> Duration {
        let Some(expires_at) = self.expires_at else { return wait };
        let now = self.hub.desk().clock().now();
        wait.min(Duration::from_millis(expires_at.0.saturating_sub(now.0)))
    }

    async fn take(&mut self, next: Next) -> Result<(), End> {
        self.heard_at = clock::instant();
        self.seat.touch(self.hub.now_ms());
        if let Some(Ok(Message::Pong(n))) = &next {
            self.acknowledged(n);
        }
        let Some(text) = self.intake.take(self.hub, next)? else { return Ok(()) };
        match incoming::read(&text) {
            Ok(frame) => Box::pin(self.answer(frame)).await,
            Err(bad) => {
                let answer = self.intake.nonsense(bad)?;
                self.write([answer]).await
            }
        }
    }

    /// Orders first, then frames of the moment, then the log.
    async fn look(&mut self) -> Result<(), End> {
        let orders = self.seat.take_orders();
        obey(orders.close)?;
        if !orders.passing.is_empty() {
            self.write(orders.passing).await?;
        }
        if orders.house {
            Box::pin(self.tell_of_house()).await?;
        }
        if self.joined.room.is_behind(self.cursor) { self.catch_up().await } else { Ok(()) }
    }

    async fn tell_of_house(&mut self) -> Result<(), End> {
        let (hub, contact) = (self.hub.clone(), self.contact);
        // Up to 50 conversations are read: not on a thread that serves sockets.
        let told = tokio::task::spawn_blocking(move || -> crate::desk::Result<Utf8Bytes> {
            let house = hub.house().now(hub.desk(), hub.options().look.reply_time, hub.now_ms())?;
            let of_teams = if hub.house().tells_of_teams() { hub.desk().team_offices(contact)? } else { Vec::new() };
            Ok(outgoing::house(&house, &of_teams))
        });
        match told.await {
            Ok(Ok(frame)) => self.write([frame]).await,
            // The next welcome says it.
            Ok(Err(_)) | Err(_) => Ok(()),
        }
    }

    /// Writes everything behind the cursor.
    pub(crate) async fn catch_up(&mut self) -> Result<(), End> {
        loop {
            let options = self.hub.options();
            let people = self.hub.house().people();
            let read = self.joined.room.read(self.hub.desk(), self.cursor, options.file_link.as_deref(), &people);
            let batch = read.map_err(|error| {
                tracing::warn!(%error, "a messenger's stream cannot be read");
                Close::Resume
            })?;
            // Out of the window: only a new session with a snapshot helps.
            let batch = batch.ok_or(Close::Resume)?;
            let count = batch.frames.len();
            if count > 0 {
                self.write(batch.frames).await?;
                self.hub.tally().events_sent.fetch_add(count as u64, Ordering::Relaxed);
                self.wrote(batch.told).await?;
            }
            self.cursor = batch.reached;
            self.seat.set_cursor(batch.reached.0);
            if batch.shut_out {
                // A contact that went into another one comes back as that one (OBJ-20).
                let own = self.hub.desk().own_record(self.joined.room.contact());
                if own.is_ok_and(|own| own.is_some_and(|own| own.merged_into.is_some())) {
                    return Err(Close::Resume.into());
                }
                let fault = Fault::new("blocked", "you cannot write here");
                self.write([outgoing::error(&fault)]).await?;
                return Err(Close::NotAuthorised.into());
            }
            if !batch.more && !self.joined.room.is_behind(self.cursor) {
                self.joined.room.tidy();
                return Ok(());
            }
        }
    }

    async fn ping(&mut self) -> Result<(), End> {
        self.asked.pings += 1;
        wire::ping(self.socket, self.asked.pings, self.hub.options().write_within).await
    }

    /// Parts of broadcasts were written: a ping behind them asks whether they came.
    pub(crate) async fn wrote(&mut self, told: Vec<Told>) -> Result<(), End> {
        if told.is_empty() {
            return Ok(());
        }
        self.hub.receipts().note(self.contact, &told, Reached::Socket);
        let ping = self.asked.pings + 1;
        let room = UNACKNOWLEDGED_MAX.saturating_sub(self.asked.waiting.len());
        self.asked.waiting.extend(told.into_iter().take(room).map(|told| (ping, told)));
        self.ping().await
    }

    /// The client answered a ping: it has everything that was written before it, since a connection keeps the order.
    fn acknowledged(&mut self, n: &[u8]) {
        let Ok(n) = n.try_into().map(u64::from_be_bytes) else { return };
        let (has, waiting) = std::mem::take(&mut self.asked.waiting).into_iter().partition(|(ping, _)| *ping <= n);
        self.asked.waiting = waiting;
        let has: Vec<(u64, Told)> = has;
        let has: Vec<Told> = has.into_iter().map(|(_, told)| told).collect();
        self.hub.receipts().note(self.contact, &has, Reached::Client);
    }

    pub(crate) async fn write(&mut self, frames: impl IntoIterator<Item = Utf8Bytes>) -> Result<(), End> {
        wire::write(self.socket, frames, self.hub.options().write_within).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::DuplexStream;

    fn size_of_future<A, B, C, F: Future>(_: impl Fn(A, B, C) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn an_idle_socket_is_a_small_future() {
        let bytes = size_of_future(serve::<DuplexStream>);
        assert!(bytes <= 2_560, "{bytes} bytes per socket");
    }
}
