//! What only Gitea does, or does in its own way. Facts are of 1.26, run and read.

pub(super) mod contents;
pub(super) mod merge;
pub(super) mod pulls;
