//! Tests over the network against Git's own programs.
#![expect(clippy::unwrap_used, reason = "tests")]

mod batch;
mod budget;
mod fixture;
mod globs;
mod head;
mod idle;
mod publish;
mod signing;
mod silence;
mod ssh;
mod supersede;
mod truth;
mod write_back;
