//! Real servers for tests: each starts on a free port or a socket of its own, and is gone on drop.

pub(crate) mod argo;
pub(crate) mod argocd;
pub(crate) mod bin;
pub(crate) mod black_hole;
pub(crate) mod buildctl;
pub(crate) mod buildkitd;
pub(crate) mod certificates;
pub(crate) mod collector;
pub(crate) mod git;
pub(crate) mod git_door;
pub(crate) mod git_http;
pub(crate) mod gitea;
pub(crate) mod github;
pub(crate) mod kube;
pub(crate) mod kube_door;
pub(crate) mod net;
pub(crate) mod plugin;
pub(crate) mod process;
pub(crate) mod registry;
pub(crate) mod registry_door;
pub(crate) mod scripted;
pub(crate) mod shared;
pub(crate) mod shared_agent;
pub(crate) mod shop;
pub(crate) mod sshd;
pub(crate) mod tcp_door;
