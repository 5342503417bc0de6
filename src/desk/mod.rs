//! What can be done: one function is one operation is one transaction.
//!
//! **Invariant:** channels and HTTP call this layer and never the store; this layer never knows HTTP, SMTP or sockets.

pub mod arrival;
