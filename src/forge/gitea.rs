//! The parts that are specific to Gitea. The facts are from version 1.26, from its sources and from tests with a
//! server.

pub(super) mod contents;
pub(super) mod merge;
pub(super) mod pulls;
