//! One agent as a process, and its metrics.

use std::process::Command;
use std::time::Duration;

use super::super::measured::memory;
use super::super::support::kube::{BUILDS, Identity, Kube};
use super::super::support::net::{client, free_port, unique, until};
use super::super::support::process::{self, Process};
use super::super::table::mib;
use super::super::world::binary;

const PATIENCE: Duration = Duration::from_secs(60);

/// An agent; dropping it ends it.
pub(crate) struct Agent {
    process: Process,
    operations: String,
    _room: tempfile::TempDir,
}

impl Agent {
    /// Starts one, and gives it when it leads.
    pub(crate) async fn start(kube: &Kube, options: &[&str]) -> Self {
        let room = process::directory("agent-");
        let operations = format!("127.0.0.1:{}", free_port());
        let mut command = Command::new(binary());
        command.args(["agent", "--namespace", BUILDS, "--ops-listen", &operations]);
        // A Lease of its own: one that was killed has not given up its.
        command.args(["--lease-namespace", BUILDS, "--lease", &unique("bench")]);
        // The administrator may act as anybody. No step asks buildkitd.
        command.args(options).env("KUBECONFIG", kube.kubeconfig(Identity::Admin));
        let log = room.path().join("log");
        let agent = Self { process: Process::spawn("agent", command, &log), operations, _room: room };
        let leads = async || (agent.metric("agent_leading").await? == 1).then_some(());
        until(|| format!("the agent to lead: {}", agent.process.log()), PATIENCE, leads).await;
        agent
    }

    /// The resident set, in MiB.
    pub(crate) fn resident(&self) -> f64 {
        mib(memory(self.process.pid(), "VmRSS"))
    }

    /// How many jobs it has that have not ended.
    pub(crate) async fn jobs(&self) -> Option<usize> {
        Some(self.metric("jobs_queued").await? + self.metric("jobs_running").await?)
    }

    async fn metric(&self, name: &str) -> Option<usize> {
        let reply = client().get(format!("http://{}/metrics", self.operations)).send().await.ok()?;
        let text = reply.text().await.ok()?;
        let head = format!("argo_buildkit_{name} ");
        text.lines().find_map(|line| line.strip_prefix(&head))?.trim().parse().ok()
    }
}
