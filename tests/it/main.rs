//! Tests over the wire, against real servers.

#[path = "../support/lib.rs"]
mod support;

mod buildkit;
