//! What agents' streams say of the moment (DSK-7, MSG-45).

use crate::channel::messenger::moments::Typist;
use crate::channel::messenger::presence::AgentFace;
use crate::domain::id::ContactId;
use crate::domain::id::EventSeq;
use crate::domain::id::ThreadId;
use serde_json::Value;
use serde_json::json;
use std::sync::Arc;

/// How things are when a stream begins, or when it missed a change.
pub(crate) struct Now {
    pub(crate) log_seq: EventSeq,
    pub(crate) typing: Vec<(ThreadId, ContactId)>,
    pub(crate) online: Vec<ContactId>,
    pub(crate) viewing: Vec<(ThreadId, Vec<Arc<AgentFace>>)>,
}

impl Now {
    /// The whole of it.
    pub(crate) fn json(&self) -> Value {
        let typing = |(thread, contact): &(ThreadId, ContactId)| typing(*thread, &Typist::Contact(*contact), true);
        json!({
            "type": "now",
            "log_seq": self.log_seq.0,
            "typing": self.typing.iter().map(typing).collect::<Vec<_>>(),
            "online": self.online.iter().map(|contact| online(*contact, true)).collect::<Vec<_>>(),
            "viewing": self.viewing.iter().map(|(thread, agents)| viewing(*thread, agents)).collect::<Vec<_>>(),
        })
    }
}

/// Somebody types, for five seconds unless it is said again, or has stopped.
pub(crate) fn typing(thread: ThreadId, who: &Typist, on: bool) -> Value {
    let by = match who {
        Typist::Contact(contact) => json!({"type": "contact", "id": contact.to_string()}),
        Typist::Agent(agent) => admin(agent),
    };
    json!({"type": "typing", "conversation_id": thread.to_string(), "by": by, "typing": on})
}

/// A contact is in a messenger, or in none any more.
pub(crate) fn online(contact: ContactId, online: bool) -> Value {
    json!({"type": "presence", "contact_id": contact.to_string(), "online": online})
}

/// Everybody who looks at the conversation.
pub(crate) fn viewing(thread: ThreadId, agents: &[Arc<AgentFace>]) -> Value {
    let admins: Vec<Value> = agents.iter().map(|agent| admin(agent)).collect();
    json!({"type": "viewing", "conversation_id": thread.to_string(), "admins": admins})
}

fn admin(agent: &AgentFace) -> Value {
    json!({"type": "admin", "id": agent.id, "name": agent.name})
}
