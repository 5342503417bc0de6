//! What the tests share.

#![allow(dead_code, reason = "offered to every test, also to those that are still to come")]

pub(crate) mod browser;
pub(crate) mod dns_server;
pub(crate) mod door;
pub(crate) mod dovecot;
pub(crate) mod gateway;
pub(crate) mod http_client;
pub(crate) mod noting_relay;
pub(crate) mod ports;
pub(crate) mod raw_mail;
pub(crate) mod sdk;
pub(crate) mod setting;
pub(crate) mod smtp_client;
pub(crate) mod smtp_peer;
pub(crate) mod smtp_sink;
pub(crate) mod tap;
