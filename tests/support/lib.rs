//! Real servers for tests: each starts on a free port or a socket of its own, and is gone on drop.

pub mod bin;
pub mod buildkitd;
pub mod registry;
