//! The tests' real servers.

#[path = "../../tests/support/bin.rs"]
pub(crate) mod bin;
#[path = "../../tests/support/buildctl.rs"]
pub(crate) mod buildctl;
#[path = "../../tests/support/buildkitd.rs"]
pub(crate) mod buildkitd;
#[path = "../../tests/support/git.rs"]
pub(crate) mod git;
#[path = "../../tests/support/registry.rs"]
pub(crate) mod registry;
