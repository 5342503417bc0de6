//! http

pub mod messenger;
