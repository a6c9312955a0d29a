//! The servers that the tests stand on do what their helpers promise.

mod argo;
mod gitea;
mod kube;
