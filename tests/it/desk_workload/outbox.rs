//! The outbox with a relay that takes, defers, refuses, or leaves one in doubt, and workers that die in between.

use crate::desk_workload::DeskWorkload;
use crate::desk_workload::Life;
use crate::desk_workload::stop;
use crate::workload::Stop;
use deskgate::desk::mail::outbox::OutgoingMail;
use deskgate::desk::mail::outbox::Prepared;
use deskgate::domain::delivery::Delivery;
use deskgate::domain::delivery::Verdict;
use std::time::Duration;

const LEASE: Duration = Duration::from_secs(60);

impl DeskWorkload {
    pub(super) async fn outbox(&mut self, life: &Life) -> Result<(), Stop> {
        let leased = life.desk.lease_due(3, LEASE).await.map_err(stop)?;
        for delivery in &leased {
            self.book.leased(delivery)?;
        }
        for delivery in &leased {
            match life.desk.prepare(delivery).map_err(stop)? {
                Prepared::Settle(verdict) => self.settle(life, delivery, verdict).await?,
                Prepared::Send(mail) => self.send(life, delivery, mail).await?,
            }
        }
        Ok(())
    }

    async fn send(&mut self, life: &Life, delivery: &Delivery, mail: OutgoingMail) -> Result<(), Stop> {
        let handed = self.book.hand(delivery);
        if handed.message_id != mail.message_id {
            return Err(Stop::Broken(format!("{} goes out as {}", handed.message_id, mail.message_id)));
        }
        // The marker may be there though its answer was lost; then the mail was not sent.
        life.desk.mark_past_dot(vec![delivery.id]).await.map_err(stop)?;
        let draw = self.rng.below(10);
        let handed = self.book.hand(delivery);
        handed.past_dot = true;
        handed.bytes = mail.bytes;
        let verdict = match draw {
            0 | 1 => Verdict::Deferred { reason: "451 later".to_owned(), retry_after: None },
            2 => Verdict::Failed { reason: "550 no".to_owned() },
            3 => Verdict::Uncertain { reason: "cut".to_owned() },
            _ => Verdict::Delivered { answer: "250 ok".to_owned() },
        };
        match &verdict {
            Verdict::Deferred { .. } => handed.past_dot = false,
            Verdict::Delivered { .. } | Verdict::Uncertain { .. } => handed.taken += 1,
            Verdict::Failed { .. } | Verdict::Skipped(_) | Verdict::Held | Verdict::Postponed { .. } => {}
        }
        let most = if handed.is_broadcast { 1 } else { 2 };
        if handed.taken > most {
            return Err(Stop::Broken(format!("{} was handed over {} times", delivery.id, handed.taken)));
        }
        if draw == 9 {
            self.book.done("worker that died past the dot");
            return Ok(());
        }
        self.settle(life, delivery, verdict).await
    }

    async fn settle(&mut self, life: &Life, delivery: &Delivery, verdict: Verdict) -> Result<(), Stop> {
        life.desk.settle(delivery.id, verdict.clone()).await.map_err(stop)?;
        self.book.done(match &verdict {
            Verdict::Delivered { .. } => "mail sent",
            Verdict::Deferred { .. } => "mail deferred",
            Verdict::Failed { .. } => "mail failed",
            Verdict::Uncertain { .. } => "mail in doubt",
            Verdict::Skipped(_) => "mail skipped",
            Verdict::Held => "mail held",
            Verdict::Postponed { .. } => "mail postponed",
        });
        self.book.hand(delivery).settled = Some(verdict);
        Ok(())
    }
}
