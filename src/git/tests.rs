//! Over the wire, against Git's own programs.
#![expect(clippy::unwrap_used, reason = "tests")]

mod fixture;
mod resolve;
mod server;
mod ssh;
mod write_back;
