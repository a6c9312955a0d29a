//! Tests over the wire, against real servers.

// The future of a whole step is a deep type, and a test spawns it.
#![recursion_limit = "256"]
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../support/lib.rs"]
mod support;

mod agent;
mod agent_faults;
mod argo;
mod bad_input;
mod build_fields;
mod buildkit;
mod cache;
mod cancel;
mod check;
mod command_line;
mod commit_status;
mod confined;
mod corpus;
mod deploy;
mod docs;
mod edit;
mod events;
mod forge;
mod house;
mod image;
mod leaks;
mod lease;
mod lifecycle;
mod lint;
mod logs;
mod main_job;
mod migrate;
mod notify;
mod pages;
mod poll;
mod pool;
mod push;
mod readme;
mod refresh;
mod render;
mod rendered;
mod report_page;
mod round_trips;
mod rpc;
mod sandbox;
mod schema;
mod secrets;
mod select;
mod sign;
mod silence;
mod silent_peers;
mod ssh;
mod sync;
mod tags;
mod task_sets;
mod templates;
mod tenants;
mod tls_secret;
mod trace;
mod trust;
mod update_manifest;
mod write_back;
mod writers;
