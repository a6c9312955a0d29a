//! argo-buildkit: an Argo Workflows executor plugin that builds images on a shared buildkitd,
//! pushes them, and commits their digests to a GitOps repository.
//!
//! # The map
//!
//! The flow is one-way; a lower room never names a higher one:
//!
//! ```text
//! rpc, agent, cli  →  argo  →  step  →  jobs  →  policy, engine  →  { buildkit, oci, write_back  →  git, kube,
//!                                                                     argocd, forge, manifest }
//! ```
//!
//! `step` is parsed at the door and handed through: the engine reads its types, and `step` itself names
//! only the clients' vocabulary. Below everything are the words that all rooms share: [`outcome`],
//! [`progress`], [`duration`], [`redact`], [`limits`], [`time_limits`], [`text`], [`push_gate`], and [`telemetry`] and [`metrics`] beside them.
//!
//! | room | holds |
//! |---|---|
//! | [`cli`] | one file per subcommand |
//! | [`rpc`] | the door that Argo's agent knocks on: router, bearer token, wire types, the one handler; what Argo withdraws |
//! | [`listen`] | a port of ours: HTTP/1, with a limit on what a caller may hold open |
//! | [`agent`] | the shared agent: watches all workflows' task sets, runs the tasks that are ours, reports by guarded patches |
//! | [`argo`] | Argo's words at every door: a node's template, and its result |
//! | [`check`] | the doctor: what steps need of their neighbours, looked at without changing it |
//! | [`step`] | what the user wrote, parsed once into valid types; one file per step kind |
//! | [`policy`] | what the workflows of a namespace may name, where one process serves many |
//! | [`jobs`] | the table of jobs: identity, single flight, limits, timeout, retention, drain |
//! | [`engine`] | what each kind does, orchestration only; one file per kind |
//! | [`buildkit`] | BuildKit's control API: solve, session tunnel, progress, errors, history |
//! | [`oci`] | image references, registry logins and tokens |
//! | [`write_back`] | edits of a branch's files as commits without a clone: who shares one, who is older, whether it landed |
//! | [`git`] | a Git server: the right to read a commit, branches, files, objects, pushes |
//! | [`kube`] | the Kubernetes API; Secrets by reference, from it or from a directory; watches of workflows |
//! | [`argocd`] | Argo CD's Applications, by way of [`kube`] |
//! | [`forge`] | pull requests, and commits through an API, on Gitea and GitHub |
//! | [`manifest`] | pure bytes → bytes YAML edits |
//! | [`time_limits`] | how long a call over a network may take, for the whole and in silence; connections whose peer is gone |
//! | `http` | below [`oci`], [`git`] and [`forge`]: how they make clients, which addresses these go to, how much of an answer is read |

pub mod agent;
pub mod argo;
pub mod argocd;
pub mod buildkit;
pub mod check;
pub mod cli;
pub mod config;
pub mod duration;
pub mod engine;
pub mod forge;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod git;
mod http;
pub mod jobs;
pub mod kube;
pub mod limits;
pub mod listen;
pub mod manifest;
pub mod metrics;
pub mod oci;
pub mod outcome;
pub mod policy;
pub mod progress;
pub mod push_gate;
pub mod redact;
pub mod rpc;
pub mod shutdown;
pub mod step;
pub mod telemetry;
pub mod text;
pub mod time_limits;
pub mod write_back;
