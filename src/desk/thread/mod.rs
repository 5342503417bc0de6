//! A conversation and its parts: what is said in it, who takes part, what readers see.
//!
//! | file | operations |
//! |---|---|
//! | `draft` | a thread being changed inside a transaction |
//! | [`message`], [`uploads`] | what somebody writes, made ready to be kept; files sent ahead of it |
//! | [`comments`], `contact_comment`, `quick_reply`, [`outbound`] | comment, note; what follows from a contact's; answers to choose from; messages that agents begin |
//! | [`conversations`], [`tags`] | assign, close, open, snooze, seen; tags |
//! | [`participants`], [`merging`] | who takes part; one thread into another |
//! | [`redaction`], [`deletion`] | content and threads taken away for good |
//! | [`views`], [`stream`], `authors` | what readers get to see, what a messenger has missed, who wrote it |
//! | [`thread_history`], [`history`] | all parts of a thread, its statistics; its owners and states over time |

pub(in crate::desk) mod authors;
pub mod comments;
pub(in crate::desk) mod contact_comment;
pub mod conversations;
pub mod deletion;
pub(in crate::desk) mod draft;
pub mod history;
pub mod merging;
pub mod message;
pub mod outbound;
pub mod participants;
pub(in crate::desk) mod quick_reply;
pub mod redaction;
pub mod stream;
pub mod tags;
pub mod thread_history;
pub mod uploads;
pub mod views;
