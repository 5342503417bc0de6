//! Deskgate: an email and messenger gateway daemon with a help desk.

pub mod channel;
pub mod clock;
pub mod desk;
pub mod domain;
pub mod mail;
pub mod store;
pub mod template;
