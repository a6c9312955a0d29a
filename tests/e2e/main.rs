//! The whole product on a real cluster: real Kubernetes, Argo Workflows, Argo CD and Gitea, everything in `deploy/`
//! and `workflow-templates/`, `eventsources/` and `sensors/`, and the commands of docs/install.md, docs/agent.md and docs/events.md. `make e2e` starts all of it and
//! runs this in both [modes](mode::Mode): first what must run [alone], then the rest concurrently. `make e2e-more` runs [more].

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "tests")]

#[expect(dead_code, reason = "this crate needs a part of it")]
#[path = "../support/lib.rs"]
mod support;

mod agent;
mod alone;
mod chart;
mod cluster;
mod events;
mod exits;
mod gate;
mod install;
mod logs;
mod mode;
mod more;
mod pipeline;
mod pool;
mod shop;
mod signed;
mod stops;
mod sync;
mod tenants;
mod trust;
mod workflow;
