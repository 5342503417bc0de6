//! What tickets can be, how they come to be and change, and what binds them to other threads.
//!
//! | file | operations |
//! |---|---|
//! | [`ticket_types`], [`type_settings`], [`attributes`], [`ticket_states`] | what tickets can be |
//! | [`translations`] | what customers read of that in their own language |
//! | [`tickets`], `kinds`, `ticket_state`, [`type_change`] | convert, create, change; what every way has in common; the one change of state; change of type |
//! | [`forms`], [`form_submission`], `form_links` | a form sent, what it becomes, its page |
//! | [`links`], [`linked`] | link and unlink; what a thread is linked to |
//! | `cross_post`, `sharing`, [`propagation`] | what linked threads are told; a Back-office ticket shown to its customer; a Tracker's state on Customer tickets |

pub mod attributes;
pub(in crate::desk) mod cross_post;
pub(in crate::desk) mod form_links;
pub mod form_submission;
pub mod forms;
pub(in crate::desk) mod kinds;
pub mod linked;
pub mod links;
pub mod propagation;
pub(in crate::desk) mod sharing;
pub(in crate::desk) mod ticket_state;
pub mod ticket_states;
pub mod ticket_types;
pub mod tickets;
pub mod translations;
pub mod type_change;
pub mod type_settings;
