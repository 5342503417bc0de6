//! Tickets, links, states and broadcasts.

use crate::desk_workload::DeskWorkload;
use crate::desk_workload::Life;
use crate::desk_workload::book::Made;
use crate::desk_workload::book::pick;
use crate::desk_workload::image::ticket;
use crate::desk_workload::stop;
use crate::workload::Stop;
use deskgate::desk::broadcasts::NewBroadcast;
use deskgate::desk::ticket::tickets::Conversion;
use deskgate::desk::ticket::tickets::TicketChange;
use deskgate::domain::broadcast::EmailPolicy;
use deskgate::domain::broadcast::Options;
use deskgate::domain::id::ThreadId;

impl DeskWorkload {
    /// A conversation becomes a ticket, unless a try without an answer has made it one.
    pub(super) async fn convert(&mut self, life: &Life) -> Result<(), Stop> {
        let known = self.book.some_thread(&mut self.rng);
        let view = life.desk.thread_view(&self.image.agent, known.thread, false).map_err(stop)?;
        if view.ticket.is_some() {
            return Ok(());
        }
        let count = self.book.conversions.entry(known.thread).or_default();
        count.attempted += 1;
        let conversion = Conversion {
            ticket_type: self.image.customer_type,
            state: None,
            values: Vec::new(),
            skip_notifications: false,
        };
        life.desk.convert(&self.image.agent, known.thread, conversion).await.map_err(stop)?;
        self.book.conversions.entry(known.thread).or_default().acknowledged += 1;
        self.book.done("conversion");
        Ok(())
    }

    /// A Back-office ticket, linked to a customer's thread as it is made.
    pub(super) async fn back_office(&mut self, life: &Life) -> Result<(), Stop> {
        let link_to = self.book.some_thread(&mut self.rng).thread;
        let title = format!("t{}", self.book.tickets.len());
        let new = ticket(self.image.back_office_type, &title, Some(link_to));
        self.book.tickets.push(Made { title, link_to, thread: None });
        let made = life.desk.create_ticket(&self.image.agent, new).await.map_err(stop)?;
        if let Some(last) = self.book.tickets.last_mut() {
            last.thread = Some(made);
        }
        self.book.done("Back-office ticket");
        Ok(())
    }

    /// A customer's thread is linked to the Tracker.
    pub(super) async fn link(&mut self, life: &Life) -> Result<(), Stop> {
        let tracker = self.image.tracker;
        let all: Vec<_> = self.book.known.iter().map(|known| known.thread).filter(|at| !self.is_report(*at)).collect();
        if all.is_empty() {
            return Ok(());
        }
        let thread = all[pick(&mut self.rng, all.len())];
        self.book.links.entry((tracker, thread)).or_default().attempted += 1;
        life.desk.link(&self.image.agent, tracker, thread).await.map_err(stop)?;
        self.book.links.entry((tracker, thread)).or_default().acknowledged += 1;
        self.book.done("link");
        Ok(())
    }

    /// An internal ticket changes its state, which every linked thread is told.
    pub(super) async fn change_state(&mut self, life: &Life) -> Result<(), Stop> {
        let ticket = self.book.some_internal_ticket(&mut self.rng, self.image.tracker);
        let view = life.desk.thread_view(&self.image.agent, ticket, false).map_err(stop)?;
        let before = view.ticket.map(|ticket| ticket.state.id);
        let others: Vec<_> = self.image.states.iter().filter(|state| Some(**state) != before).collect();
        let to = *others[pick(&mut self.rng, others.len())];
        self.book.states.entry(ticket).or_default().0.attempted += 1;
        let change = TicketChange { state: Some(to), ..TicketChange::default() };
        life.desk.update_ticket(&self.image.agent, ticket, change).await.map_err(stop)?;
        let (count, last) = self.book.states.entry(ticket).or_default();
        count.acknowledged += 1;
        *last = Some(to);
        self.book.done("change of state");
        Ok(())
    }

    /// The Tracker's broadcast, unless one is running.
    pub(super) async fn start_broadcast(&mut self, life: &Life) -> Result<(), Stop> {
        let (desk, agent) = (&life.desk, &self.image.agent);
        let earlier = desk.broadcasts_of(agent, Some(self.image.tracker), None, 100).map_err(stop)?;
        if earlier.iter().any(|view| view.broadcast.state.is_under_way() || view.broadcast.starts_at().is_some()) {
            return self.batches(life).await;
        }
        let email = match self.rng.below(3) {
            0 => EmailPolicy::Always,
            1 => EmailPolicy::Never,
            _ => EmailPolicy::WhenUnseen,
        };
        let body = "News for {{or contact.first_name \"you\"}}: **login** works again.".to_owned();
        let options = Options { email, ..Options::default() };
        let subject = "Login works again".to_owned();
        let new = NewBroadcast { subject, body, options, ..NewBroadcast::default() };
        let started = desk.start_broadcast(agent, self.image.tracker, new, None).await.map_err(stop)?;
        self.book.broadcasts.push(started.id);
        self.book.done("broadcast");
        Ok(())
    }

    fn is_report(&self, thread: ThreadId) -> bool {
        self.image.reports.iter().any(|(report, _, _)| *report == thread)
    }
}
