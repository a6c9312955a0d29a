//! argo-buildkit: an Argo Workflows executor plugin that builds images on a shared buildkitd,
//! pushes them, and commits their digests to a GitOps repository.
//!
//! # Structure
//!
//! A request passes through the rooms in this order, and its result returns the same way:
//!
//! ```text
//! rpc, agent, cli  →  argo  →  step  →  jobs  →  engine, policy  →  { write_back → git, pool → buildkit, oci,
//!                                                                     forge, notify, argocd → kube, manifest }
//! ```
//!
//! `step` is parsed when it is submitted, and then passed on: the engine reads its types, and `step` itself uses only the
//! types of the clients.
//!
//! A room is a module at the root of `src/`, with the files below it. The table lists the rooms from top to bottom: a room
//! uses only rooms of rows below its own. `tests/it/house.rs` reads the table and checks the sources against it; it also
//! forbids a few more pairs.
//!
//! | room | holds |
//! |---|---|
//! | [`cli`] | the subcommands, one file each |
//! | `fuzzing` | for `make fuzz` only: the parsers of untrusted bytes as functions |
//! | [`config`] | every flag and environment variable, with its default and unit |
//! | [`rpc`] | the server for Argo's agent: router, bearer token, wire types, the one handler; stops jobs that Argo withdraws |
//! | [`agent`] | the shared agent: watches all workflows' task sets, runs this plugin's tasks, reports with guarded patches |
//! | [`check`] | the doctor: checks what steps need of other systems, without changing anything |
//! | [`lint`] | checks of Argo's objects in files, without a cluster: the steps by the parser, and what Argo lets through |
//! | [`schema`] | JSON Schemas of steps, policies and catalogues, from the parsers' tables |
//! | [`migrate`] | a catalogue of what other systems build images with, as functions from texts to texts; a report of every key |
//! | [`render`] | the objects of Argo Events and Argo Workflows that a catalogue becomes, as files |
//! | [`catalogue`] | the catalogue of services, from text to types; its mistakes with their places |
//! | `go` | regular expressions and templates as Go's libraries read them, for texts that Argo Events gives to these |
//! | [`argo`] | Argo's types, for `rpc` and `agent`: the template of a node, and its result |
//! | [`engine`] | the orchestration of each step kind; one file per kind |
//! | [`policy`] | what the workflows of a namespace may name, when one process serves many namespaces |
//! | [`step`] | the user's step, parsed once into valid types; one file per kind, and the table of kinds |
//! | [`jobs`] | the table of jobs: identity, one job per key, limits, timeout, retention, drain |
//! | [`report`] | the report of a build as one page of HTML: its steps with their times, its layers, its log |
//! | [`write_back`] | edits of a branch's files as commits without a clone: batches writers, orders source commits, confirms pushes |
//! | [`pool`] | several buildkitds that act as one: which of them builds a service, which are there, who waits |
//! | [`buildkit`] | BuildKit's control API: solve, session tunnel, progress, errors, history |
//! | [`argocd`] | Argo CD's Applications, through [`kube`] |
//! | [`kube`] | the Kubernetes API; Secrets by reference, from the API or a directory; watches of workflows; leader election |
//! | [`forge`] | pull requests, commits through an API, and statuses of commits, on Gitea and GitHub |
//! | [`notify`] | messages to chats and webhooks: their forms, limits and pace |
//! | [`git`] | a Git server: the right to read a commit, branches, files, objects, pushes |
//! | [`oci`] | image references, registry logins and tokens, copies of images |
//! | [`signature`] | signatures of images and the keys for them, as functions from bytes to bytes |
//! | [`manifest`] | YAML edits as functions from bytes to bytes |
//! | [`selection`] | which services a push touches, as functions without requests: refs, globs, marks, names, reasons |
//! | `http` | HTTP clients for [`oci`], [`git`], [`forge`] and [`notify`]: which addresses they may use, how much of an answer they read |
//! | [`listen`] | serves a port: HTTP/1, with limits on what a caller may hold open |
//! | [`redact`] | removes the values of Secrets from texts |
//! | `templates` | the templates in users' objects, and what Argo handles badly in them; whether two texts are of one task |
//! | [`telemetry`] | logs and traces |
//! | [`metrics`] | the counters, and their text format |
//! | [`progress`] | the progress of a step, as one line |
//! | [`time_limits`] | time limits of network calls, for the whole and for silence; detects connections whose peer is gone |
//! | [`limits`] | limits on the memory for other parties' data |
//! | [`outcome`] | the outcome of a step: outputs, or an error that says who must act |
//! | [`push_gate`] | the gate for pushes: none starts once a stop is known |
//! | [`shutdown`] | the signals that end the process |
//! | [`duration`] | durations in the form in which people write and read them |
//! | [`text`] | cleans and shortens untrusted text |

pub mod agent;
pub mod argo;
pub mod argocd;
pub mod buildkit;
pub mod catalogue;
pub mod check;
pub mod cli;
pub mod config;
pub mod duration;
pub mod engine;
pub mod forge;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod git;
mod go;
mod http;
pub mod jobs;
pub mod kube;
pub mod limits;
pub mod lint;
pub mod listen;
pub mod manifest;
pub mod metrics;
pub mod migrate;
pub mod notify;
pub mod oci;
pub mod outcome;
pub mod policy;
pub mod pool;
pub mod progress;
pub mod push_gate;
pub mod redact;
pub mod render;
pub mod report;
pub mod rpc;
pub mod schema;
pub mod selection;
pub mod shutdown;
pub mod signature;
pub mod step;
pub mod telemetry;
mod templates;
pub mod text;
pub mod time_limits;
pub mod write_back;
