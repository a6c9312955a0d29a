//! Real servers for tests: each starts on a free port or a socket of its own, and is gone on drop.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "shared by tests that each use a part")]

pub mod bin;
pub mod buildkitd;
pub mod certificates;
pub mod git;
pub mod registry;
pub mod registry_door;
