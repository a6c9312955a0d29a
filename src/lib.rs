//! argo-buildkit: an Argo Workflows executor plugin that builds images on a shared buildkitd,
//! pushes them, and commits their digests to a GitOps repository.
//!
//! # The map
//!
//! A request flows one way, and its result back:
//!
//! ```text
//! rpc, agent, cli  →  argo  →  step  →  jobs  →  engine, policy  →  { write_back → git, buildkit, oci, forge,
//!                                                                     argocd → kube, manifest }
//! ```
//!
//! `step` is parsed when it is submitted and handed through: the engine reads its types, and `step` itself names
//! only the clients' vocabulary.
//!
//! The rooms stand in this table from the top of the house to its ground: a room names only rooms of rows below its own.
//! `tests/it/house.rs` reads the table and holds the sources to it, and to a few more pairs that are kept apart.
//!
//! | room | holds |
//! |---|---|
//! | [`cli`] | one file per subcommand |
//! | `fuzzing` | for `make fuzz` alone: the parsers of foreign bytes as functions of bytes |
//! | [`config`] | every flag and environment variable, with default and unit |
//! | [`rpc`] | what Argo's agent calls: router, bearer token, wire types, the one handler; what Argo withdraws |
//! | [`agent`] | the shared agent: watches all workflows' task sets, runs the tasks that are ours, reports by guarded patches |
//! | [`check`] | the doctor: what steps need of their neighbours, looked at without changing it |
//! | [`argo`] | Argo's words, for `rpc` and `agent`: a node's template, and its result |
//! | [`engine`] | what each kind does, orchestration only; one file per kind |
//! | [`policy`] | what the workflows of a namespace may name, where one process serves many |
//! | [`step`] | what the user wrote, parsed once into valid types; one file per kind, and the table of kinds |
//! | [`jobs`] | the table of jobs: identity, single flight, limits, timeout, retention, drain |
//! | [`write_back`] | edits of a branch's files as commits without a clone: who shares one, who is older, whether it landed |
//! | [`buildkit`] | BuildKit's control API: solve, session tunnel, progress, errors, history |
//! | [`argocd`] | Argo CD's Applications, by way of [`kube`] |
//! | [`kube`] | the Kubernetes API; Secrets by reference, from it or from a directory; watches of workflows |
//! | [`forge`] | pull requests, and commits through an API, on Gitea and GitHub |
//! | [`git`] | a Git server: the right to read a commit, branches, files, objects, pushes |
//! | [`oci`] | image references, registry logins and tokens |
//! | [`manifest`] | pure bytes → bytes YAML edits |
//! | `http` | how [`oci`], [`git`] and [`forge`] make clients, which addresses these go to, how much of an answer is read |
//! | [`listen`] | a port of ours: HTTP/1, with a limit on what a caller may hold open |
//! | [`redact`] | what takes the values of Secrets out of texts |
//! | [`telemetry`] | logs and traces |
//! | [`metrics`] | what is counted, and its text |
//! | [`progress`] | one line on how far a step is |
//! | [`time_limits`] | how long a call over a network may take, for the whole and in silence; connections whose peer is gone |
//! | [`limits`] | how much memory the process spends on what others send |
//! | [`outcome`] | how a step ends: outputs, or an error and whose turn it is |
//! | [`push_gate`] | whether a push may begin: none does once a stop is known |
//! | [`shutdown`] | the signals that end the process |
//! | [`duration`] | durations as people write and read them |
//! | [`text`] | foreign text, made plain and short |

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
