//! The `argo-buildkit` binary.

fn main() {}
