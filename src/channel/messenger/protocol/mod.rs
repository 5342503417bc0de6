//! The frames of `deskgate.v1` (INTERFACES §5): JSON text, one object each, told apart by `type`.
//!
//! **Invariant:** these are types of their own; nothing of `domain` is serialised, every field that leaves is named
//! here. Reading is linear and takes no more memory than the frame; unknown fields are skipped however deep they are.

pub mod forms;
pub mod incoming;
pub mod objects;
pub mod outgoing;
