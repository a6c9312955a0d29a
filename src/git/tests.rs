//! Tests over the network against Git's own programs.
#![expect(clippy::unwrap_used, reason = "tests")]

pub(crate) mod fixture;
mod heads;
mod push_reader;
mod ref_names;
mod resolve;
pub(crate) mod server;
mod snapshot;
