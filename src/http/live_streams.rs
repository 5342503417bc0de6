//! Agents' streams of the log: how many there are, and what ends them.
//!
//! **Invariant:** streams are bounded, in all and for each agent; over the limit of an agent the oldest one ends, so that
//! a client that comes back after a cut is never locked out by what it left behind.

use crate::domain::id::AgentId;
use crate::http::error::ApiError;
use crate::http::error::Result;
use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use tokio_util::sync::CancellationToken;

/// Streams of one agent.
pub(crate) const PER_AGENT_MAX: usize = 10;
/// Streams of the process.
const STREAMS_MAX: usize = 1_000;

/// The streams of the process. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct LiveStreams {
    by_agent: Arc<Mutex<HashMap<AgentId, VecDeque<Open>>>>,
    drain: CancellationToken,
}

#[derive(Debug)]
struct Open {
    number: u64,
    shown_out: CancellationToken,
}

/// A stream's place; leaving it gives it back.
#[derive(Debug)]
pub(crate) struct Place {
    streams: LiveStreams,
    agent: AgentId,
    number: u64,
    shown_out: CancellationToken,
}

impl LiveStreams {
    /// Streams that end when this is cancelled.
    pub(crate) fn until(drain: CancellationToken) -> Self {
        Self { drain, ..Self::default() }
    }

    /// A place for one more stream of the agent.
    ///
    /// # Errors
    /// 503 when the process has all it may have, or goes down.
    pub(crate) fn enter(&self, agent: AgentId) -> Result<Place> {
        let mut by_agent = self.locked();
        if self.drain.is_cancelled() || by_agent.values().map(VecDeque::len).sum::<usize>() >= STREAMS_MAX {
            return Err(ApiError::unavailable("no more streams now; try again later"));
        }
        let open = by_agent.entry(agent).or_default();
        while open.len() >= PER_AGENT_MAX {
            let Some(oldest) = open.pop_front() else { break };
            oldest.shown_out.cancel();
        }
        let number = open.back().map_or(0, |newest| newest.number.wrapping_add(1));
        let shown_out = CancellationToken::new();
        open.push_back(Open { number, shown_out: shown_out.clone() });
        drop(by_agent);
        Ok(Place { streams: self.clone(), agent, number, shown_out })
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<AgentId, VecDeque<Open>>> {
        self.by_agent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Waits until the stream has to end; why.
    pub(crate) async fn ended(&self) -> &'static str {
        tokio::select! {
            () = self.streams.drain.cancelled() => "going_away",
            () = self.shown_out.cancelled() => "too_many_streams",
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut by_agent = self.streams.locked();
        let Some(open) = by_agent.get_mut(&self.agent) else { return };
        // One that was shown out is no longer in the list, and its number may be another one's by now.
        if !self.shown_out.is_cancelled() {
            open.retain(|other| other.number != self.number);
        }
        if open.is_empty() {
            by_agent.remove(&self.agent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BO: AgentId = AgentId(1);

    #[test]
    fn the_oldest_stream_of_an_agent_makes_room_and_places_come_back() {
        let streams = LiveStreams::default();
        let mut places: Vec<Place> = (0..PER_AGENT_MAX).map(|_| streams.enter(BO).unwrap()).collect();
        let other = streams.enter(AgentId(2)).unwrap();
        places.push(streams.enter(BO).unwrap());
        let out: Vec<bool> = places.iter().map(|place| place.shown_out.is_cancelled()).collect();
        assert_eq!(out.iter().filter(|out| **out).count(), 1);
        assert!(out[0] && !other.shown_out.is_cancelled());
        drop(places);
        drop(other);
        assert!(streams.locked().is_empty());
    }

    #[test]
    fn there_is_an_end_to_streams() {
        let drain = CancellationToken::new();
        let streams = LiveStreams::until(drain.clone());
        let places: Vec<Place> = (0..STREAMS_MAX as u64).map(|n| streams.enter(AgentId(n)).unwrap()).collect();
        assert!(streams.enter(BO).is_err());
        drop(places);
        assert!(streams.enter(BO).is_ok());
        drain.cancel();
        assert!(streams.enter(BO).is_err(), "not while the daemon goes down");
    }
}
