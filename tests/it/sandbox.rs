//! Checks that the helpers for the tests' servers work as documented.

mod argo;
mod gitea;
mod kube;
