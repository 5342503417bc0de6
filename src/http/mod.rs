//! The HTTP side.

pub mod ops;
