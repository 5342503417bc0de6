//! Every socket of the process: who sits where, who is woken, how many may be.
//!
//! **Invariant:** the hub keeps nothing that matters: after a restart every client resumes from the log. Its wake-ups
//! come from commits *and* from a timer, and every socket looks at the log by itself at each ping, so that a lost
//! wake-up costs seconds and never an entry.

use crate::channel::messenger::close::Close;
pub use crate::channel::messenger::counts::Counts;
use crate::channel::messenger::counts::Tally;
use crate::channel::messenger::house::HouseWatch;
use crate::channel::messenger::moments::Moments;
pub use crate::channel::messenger::options::Look;
pub use crate::channel::messenger::options::Options;
pub use crate::channel::messenger::options::ReplyTime;
pub use crate::channel::messenger::options::UploadPass;
use crate::channel::messenger::presence::AgentFace;
use crate::channel::messenger::presence::AgentState;
use crate::channel::messenger::protocol::outgoing;
use crate::channel::messenger::receipts::Receipts;
use crate::channel::messenger::room::Room;
use crate::channel::messenger::seat::Seat;
use crate::channel::messenger::session;
use crate::channel::networks::is_among;
use crate::channel::pace::Pace;
use crate::channel::pace::Paces;
use crate::clock;
use crate::desk;
use crate::desk::Desk;
use crate::domain::id::AgentId;
use crate::domain::id::ContactId;
use crate::domain::id::EventSeq;
use crate::domain::id::ThreadId;
use ipnet::IpNet;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Log entries looked at for one round of wake-ups.
const WAKE_ENTRIES_MAX: usize = 1_000;
/// The log is looked at so often even if nobody said that it grew.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A drain gives sockets so long to end.
const DRAIN_WITHIN: Duration = Duration::from_secs(10);
/// Events of a page that one contact may have noted in a minute; each is a commit.
const TRACKED_PER_MINUTE: u32 = 20;
const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;

/// Why a connection does not become a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The daemon goes down.
    Draining,
    /// The process has all the sockets it may have.
    Full,
    /// Too many connects from this address; wait so many seconds.
    TooOften(u64),
    /// Nobody is let in from this address (MSG-62).
    Blocked,
}

/// The messenger's sockets. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Hub {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    desk: Desk,
    options: Options,
    /// Networks from which nobody is let in (MSG-62).
    blocked: Mutex<Vec<IpNet>>,
    started: Instant,
    next_seat: AtomicU64,
    draining: AtomicBool,
    seats: Mutex<HashMap<u64, Arc<Seat>>>,
    rooms: Mutex<HashMap<ContactId, Arc<Room>>>,
    looked_at: AtomicU64,
    moments: Moments,
    house: HouseWatch,
    messages: Mutex<Paces<ContactId>>,
    conversations: Mutex<Paces<ContactId>>,
    forms: Mutex<Paces<ContactId>>,
    tracked: Mutex<Paces<ContactId>>,
    connects: Mutex<Paces<IpAddr>>,
    leads: Mutex<Paces<IpAddr>>,
    tasks: TaskTracker,
    tally: Tally,
    receipts: Receipts,
}

/// A socket's place; leaving it gives it back.
#[derive(Debug)]
pub struct Place {
    hub: Hub,
    pub(crate) seat: Arc<Seat>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.hub.seats().remove(&self.seat.id);
    }
}

/// A socket's place among its contact's; leaving it gives it back.
#[derive(Debug)]
pub(crate) struct Joined {
    hub: Hub,
    pub(crate) room: Arc<Room>,
    seat: Arc<Seat>,
}

impl Drop for Joined {
    fn drop(&mut self) {
        let mut rooms = self.hub.rooms();
        let mut seats = self.room.seats();
        seats.retain(|seat| seat.id != self.seat.id);
        let empty = seats.is_empty();
        drop(seats);
        // A socket that was shown out may outlive its room while the contact is back in another one.
        let current = rooms.get(&self.room.contact()).is_some_and(|room| Arc::ptr_eq(room, &self.room));
        if empty && current {
            rooms.remove(&self.room.contact());
            // Told under the lock, so that coming and going are told in their order.
            self.hub.moments().contact_is(self.room.contact(), false);
        }
        drop(rooms);
        self.room.tidy();
    }
}

impl Hub {
    /// A hub without sockets. Somebody must run [`Hub::run`].
    #[must_use]
    pub fn new(desk: Desk, options: Options) -> Self {
        let pace = |count, per_ms| Mutex::new(Paces::new(Pace::new(count, per_ms)));
        let moments = Moments::new(options.view_holds);
        let looked_at = AtomicU64::new(desk.log_seq().unwrap_or_default().0);
        let shared = Shared {
            blocked: Mutex::default(),
            messages: pace(options.messages_per_minute, MINUTE_MS),
            conversations: pace(options.conversations_per_hour, HOUR_MS),
            forms: pace(options.forms_per_hour, HOUR_MS),
            tracked: pace(TRACKED_PER_MINUTE, MINUTE_MS),
            connects: Mutex::new(Paces::new(Pace::new(options.connects_per_minute, MINUTE_MS))),
            leads: Mutex::new(Paces::new(Pace::new(options.leads_per_hour, HOUR_MS))),
            desk,
            options,
            started: clock::instant(),
            next_seat: AtomicU64::new(1),
            draining: AtomicBool::new(false),
            seats: Mutex::default(),
            rooms: Mutex::default(),
            looked_at,
            moments,
            house: HouseWatch::default(),
            tasks: TaskTracker::new(),
            tally: Tally::default(),
            receipts: Receipts::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Wakes sockets as the log grows, and writes down what reached them of broadcasts, until `stop`. May be started again
    /// after it ended.
    pub async fn run(&self, stop: CancellationToken) {
        let receipts = self.shared.receipts.run(&self.shared.desk, &stop);
        tokio::join!(self.wake_all(&stop), self.expire(&stop), self.tell_of_house(&stop), receipts);
    }

    /// Every open socket is told when hours or the expected reply time change.
    async fn tell_of_house(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            let hub = self.clone();
            let looked = tokio::task::spawn_blocking(move || {
                hub.house().turned(hub.desk(), hub.options().look.reply_time, hub.now_ms())
            });
            match looked.await {
                Ok(Ok(true)) => self.seats().values().for_each(|seat| seat.order_house()),
                Ok(Ok(false)) | Err(_) => {}
                Ok(Err(error)) => tracing::warn!(%error, "the messenger cannot read the office hours"),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    async fn wake_all(&self, stop: &CancellationToken) {
        let mut committed = self.shared.desk.committed();
        loop {
            if let Err(error) = self.wake_touched() {
                tracing::warn!(%error, "the messenger cannot read the log");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
                changed = committed.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
            }
        }
    }

    async fn expire(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            self.shared.moments.expire(self.now_ms());
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY.min(self.shared.options.view_holds)) => {}
            }
        }
    }

    fn wake_touched(&self) -> desk::Result<()> {
        loop {
            let after = EventSeq(self.shared.looked_at.load(Ordering::Acquire));
            let (contacts, reached) = self.shared.desk.contacts_touched(after, WAKE_ENTRIES_MAX)?;
            if reached <= after {
                return Ok(());
            }
            let rooms = self.rooms();
            let touched: Vec<_> = contacts.iter().filter_map(|contact| rooms.get(contact).cloned()).collect();
            drop(rooms);
            for room in touched {
                room.wake(reached);
            }
            self.shared.looked_at.fetch_max(reached.0, Ordering::AcqRel);
        }
    }

    /// A place for one more socket. `from` is the client's address, if it is to be limited.
    ///
    /// # Errors
    /// [`Refused`] says why there is none.
    pub fn admit(&self, from: Option<IpAddr>) -> Result<Place, Refused> {
        let admitted = self.admitted(from);
        if admitted.is_err() {
            self.shared.tally.refused.fetch_add(1, Ordering::Relaxed);
        }
        admitted
    }

    fn admitted(&self, from: Option<IpAddr>) -> Result<Place, Refused> {
        if let Some(from) = from {
            let taken = lock(&self.shared.connects).take(from, self.now_ms());
            taken.map_err(|wait_ms| Refused::TooOften(wait_ms.div_ceil(1_000)))?;
        }
        let mut seats = self.seats();
        // Read under the lock, so that a drain that has listed the seats misses none.
        if self.shared.draining.load(Ordering::Acquire) {
            return Err(Refused::Draining);
        }
        // And so that a block that has shown out the seats misses none.
        if from.is_some_and(|from| is_among(&lock(&self.shared.blocked), from)) {
            return Err(Refused::Blocked);
        }
        if seats.len() >= self.shared.options.sockets_max {
            return Err(Refused::Full);
        }
        let id = self.shared.next_seat.fetch_add(1, Ordering::Relaxed);
        let seat = Arc::new(Seat::new(id, from, self.now_ms()));
        seats.insert(id, Arc::clone(&seat));
        drop(seats);
        Ok(Place { hub: self.clone(), seat })
    }

    /// Runs a socket on an upgraded connection, in a task of its own that a drain waits for. `io` gives the connection
    /// once the upgrade is through, or nothing.
    pub fn spawn<S>(&self, place: Place, io: impl Future<Output = Option<S>> + Send + 'static)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let hub = self.clone();
        self.shared.tasks.spawn(async move {
            let within = hub.options().hello_within;
            if let Ok(Some(io)) = tokio::time::timeout(within, io).await {
                session::serve(hub, place, io).await;
            }
        });
    }

    /// Lets nobody in from these networks from now on, and shows out who is there (MSG-62).
    pub fn block(&self, networks: &[IpNet]) {
        networks.clone_into(&mut lock(&self.shared.blocked));
        let seats = self.seats();
        let theirs = seats.values().filter(|seat| seat.from.is_some_and(|from| is_among(networks, from)));
        theirs.for_each(|seat| seat.order_close(Close::NotAuthorised));
    }

    /// Closes every socket with 1001, takes no new ones, and waits until all are gone, 10 s at most. How many were left.
    pub async fn drain(&self) -> usize {
        self.order_all_out();
        self.shared.tasks.close();
        let _ = tokio::time::timeout(DRAIN_WITHIN, self.shared.tasks.wait()).await;
        self.seats().len()
    }

    /// Under one lock, so that no socket is admitted between the list and the order.
    fn order_all_out(&self) {
        let seats = self.seats();
        self.shared.draining.store(true, Ordering::Release);
        seats.values().for_each(|seat| seat.order_close(Close::GoingAway));
    }

    /// Shows other agents, and the contact in whose messenger the thread is ([`desk::Desk::may_appear`]), that an agent types.
    pub fn agent_typing(&self, thread: ThreadId, shown_to: Option<ContactId>, agent: &AgentFace) {
        self.shared.moments.agent_types(thread, agent, self.now_ms());
        self.pass(shown_to, || outgoing::typing(thread, agent));
    }

    /// Shows them that an agent came or went.
    pub fn agent_presence(&self, thread: ThreadId, shown_to: Option<ContactId>, agent: &AgentFace, state: AgentState) {
        match state {
            AgentState::Active => self.shared.moments.agent_views(thread, agent, self.now_ms()),
            AgentState::Away => self.shared.moments.agent_leaves(thread, agent),
        }
        self.pass(shown_to, || outgoing::presence(thread, agent, state));
    }

    fn pass(&self, shown_to: Option<ContactId>, frame: impl FnOnce() -> Utf8Bytes) {
        let room = shown_to.and_then(|contact| self.rooms().get(&contact).cloned());
        if let Some(room) = room {
            let frame = frame();
            room.seats().iter().for_each(|seat| seat.pass(frame.clone()));
        }
    }

    /// Whether the contact types in the thread now (MSG-45).
    #[must_use]
    pub fn is_typing(&self, thread: ThreadId, contact: ContactId) -> bool {
        self.shared.moments.is_typing(thread, contact, self.now_ms())
    }

    /// Whether the contact has an open session; a silent one is gone after 60 s (MSG-45).
    #[must_use]
    pub fn is_online(&self, contact: ContactId) -> bool {
        self.rooms().contains_key(&contact)
    }

    /// Counts for metrics.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let tally = &self.shared.tally;
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            open: self.seats().len() as u64,
            contacts: self.rooms().len() as u64,
            resumed: of(&tally.resumed),
            snapshots: of(&tally.snapshots),
            events_sent: of(&tally.events_sent),
            acknowledged: of(&tally.acknowledged),
            slow_closed: of(&tally.slow_closed),
            flood_closed: of(&tally.flood_closed),
            refused: of(&tally.refused),
        }
    }

    /// Puts a socket among its contact's; over the limit the one that was idle longest is closed (MSG-43).
    pub(crate) fn join(&self, contact: ContactId, seat: &Arc<Seat>) -> Joined {
        let mut rooms = self.rooms();
        let room = rooms.entry(contact).or_insert_with(|| Arc::new(Room::new(contact)));
        let room = Arc::clone(room);
        let mut seats = room.seats();
        while seats.len() >= self.shared.options.sockets_per_contact_max.max(1) {
            let idlest = seats.iter().enumerate().min_by_key(|(_, seat)| seat.active_at_ms());
            let Some((at, _)) = idlest else { break };
            seats.swap_remove(at).order_close(Close::TooMany);
        }
        let first = seats.is_empty();
        seats.push(Arc::clone(seat));
        drop(seats);
        if first {
            self.moments().contact_is(contact, true);
        }
        drop(rooms);
        Joined { hub: self.clone(), room, seat: Arc::clone(seat) }
    }

    /// Ends every socket of the contact: they signed out (MSG-15).
    pub(crate) fn sign_out(&self, contact: ContactId) {
        let room = self.rooms().get(&contact).cloned();
        if let Some(room) = room {
            room.seats().iter().for_each(|seat| seat.order_close(Close::SignedOut));
        }
    }

    /// Whether the contact may post now (MSG-61).
    ///
    /// # Errors
    /// Milliseconds to wait.
    pub(crate) fn may_post(&self, contact: ContactId, begins: bool) -> Result<(), u64> {
        let now_ms = self.now_ms();
        lock(&self.shared.messages).take(contact, now_ms)?;
        if begins {
            lock(&self.shared.conversations).take(contact, now_ms)?;
        }
        Ok(())
    }

    /// Whether one more visitor from this address may become a lead now (MSG-61).
    ///
    /// # Errors
    /// Milliseconds to wait.
    pub(crate) fn may_become_lead(&self, from: Option<IpAddr>) -> Result<(), u64> {
        from.map_or(Ok(()), |from| lock(&self.shared.leads).take(from, self.now_ms()))
    }

    /// Whether the contact may submit a form now (MSG-61).
    ///
    /// # Errors
    /// Milliseconds to wait.
    pub(crate) fn may_submit(&self, contact: ContactId) -> Result<(), u64> {
        lock(&self.shared.forms).take(contact, self.now_ms())
    }

    /// Whether a contact's page may tell one more thing that happened on it.
    ///
    /// # Errors
    /// Milliseconds to wait.
    pub(crate) fn may_track(&self, contact: ContactId) -> Result<(), u64> {
        lock(&self.shared.tracked).take(contact, self.now_ms())
    }

    pub(crate) fn contact_types(&self, thread: ThreadId, contact: ContactId) {
        self.shared.moments.contact_types(thread, contact, self.now_ms());
    }

    pub(crate) fn contact_typed(&self, thread: ThreadId, contact: ContactId) {
        self.shared.moments.contact_typed(thread, contact);
    }

    /// Who types, looks and is here.
    pub(crate) fn moments(&self) -> &Moments {
        &self.shared.moments
    }

    /// How the house is.
    /// Address of the agent's picture, if they have one.
    #[must_use]
    pub fn avatar_of(&self, agent: AgentId) -> Option<String> {
        self.shared.house.people().avatars.get(&agent).cloned()
    }

    pub(crate) fn house(&self) -> &HouseWatch {
        &self.shared.house
    }

    /// Contacts with an open session, at most `limit`.
    pub(crate) fn online(&self, limit: usize) -> Vec<ContactId> {
        self.rooms().keys().copied().take(limit).collect()
    }

    pub(crate) fn desk(&self) -> &Desk {
        &self.shared.desk
    }

    pub(crate) fn options(&self) -> &Options {
        &self.shared.options
    }

    pub(crate) fn receipts(&self) -> &Receipts {
        &self.shared.receipts
    }

    pub(crate) fn tally(&self) -> &Tally {
        &self.shared.tally
    }

    /// Milliseconds since the hub was made.
    pub(crate) fn now_ms(&self) -> u64 {
        let running = clock::instant().saturating_duration_since(self.shared.started);
        u64::try_from(running.as_millis()).unwrap_or(u64::MAX)
    }

    fn seats(&self) -> MutexGuard<'_, HashMap<u64, Arc<Seat>>> {
        lock(&self.shared.seats)
    }

    fn rooms(&self) -> MutexGuard<'_, HashMap<ContactId, Arc<Room>>> {
        lock(&self.shared.rooms)
    }
}

impl desk::Presence for Hub {
    fn is_online(&self, contact: ContactId) -> bool {
        Self::is_online(self, contact)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
