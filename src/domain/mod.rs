//! What a desk knows: the nouns and rules of conversations and tickets.
//!
//! **Invariant:** no I/O, no clock, no randomness, no environment: time, ids and tokens are arguments. A refusal is a
//! value ([`refusal::Refusal`]), never a panic. Knows nothing of HTTP, SMTP, sockets or the store.

pub mod address;
pub mod agent;
pub mod agent_notice;
pub mod alarm;
pub mod attachment;
pub mod attribute;
pub mod audience;
pub mod authentication;
pub mod avatar;
pub mod broadcast;
pub mod channel_kind;
pub mod company;
pub mod contact;
pub mod data_attribute;
pub mod data_event;
pub mod delivery;
pub mod delivery_class;
pub mod event;
pub mod form;
pub mod id;
pub mod intake;
pub mod ledger;
pub mod link;
pub mod macros;
pub mod mail_lane;
pub mod mail_limits;
pub mod mail_share;
pub mod mailbox_cursor;
pub mod mailing;
pub mod note;
pub mod office_hours;
pub mod part;
pub mod propagation;
pub mod refusal;
pub mod reply_time;
pub mod report;
pub mod search;
pub mod state;
pub mod statistics;
pub mod suppression;
pub mod tag;
pub mod team;
pub mod thread;
pub mod ticket;
pub mod ticket_rules;
pub mod ticket_type;
pub mod traces;
pub mod translation;
pub mod type_settings;
pub mod upload;
pub mod webhook;
pub mod webhook_topic;
pub mod webhook_url;
