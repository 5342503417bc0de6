//! Agents are told by mail of what they have not seen (NTF-15, DSK-11).
//!
//! | file | what |
//! |---|---|
//! | [`feed`] | the reader of the log: who is owed which news, grouped into one waiting notice per agent and thread |
//! | `whom` | which agents hear of an event |
//! | `mentions` | whom a note names |
//! | `mail` | looked at again when it is due: seen, acted, no longer theirs; then composed |
//! | [`settings`] | what an agent wants to be mailed, and what they have seen |
//!
//! | killed | state in the store | what follows |
//! |---|---|---|
//! | before the batch's commit | cursor before it, nothing owed | the batch is read again |
//! | after it | notices owed, cursor behind it | they go out as every delivery does |
//!
//! **Invariant:** notices and the cursor of the log are one transaction, so that an event is told once, whatever is killed; a
//! notice tells nothing of a mail to an agent, so that none causes another (TST-89).

pub mod feed;
mod mail;
mod mentions;
pub mod settings;
mod whom;

pub use crate::desk::agents::agent_notices::settings::NoticeChange;
