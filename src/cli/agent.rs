//! `argo-buildkit agent`: the shared agent.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::agent::{Agent, AgentOptions};
use crate::config::{self, PeerOptions};
use crate::jobs::{JobTable, Journal};
use crate::listen::listen;
use crate::metrics::Metrics;
use crate::rpc::{self, Ops};
use crate::shutdown;

/// How long the last reports may take, after the last step has ended.
const LAST_REPORTS: Duration = Duration::from_secs(3);

const AFTER_HELP: &str = "\
Examples:
  # The workflows of one namespace.
  argo-buildkit agent --namespace builds --ops-listen 0.0.0.0:4356
  # Those of several, within a policy.
  argo-buildkit agent -n shop,bank --policy policy.yaml

Exit codes:
  0  ended by SIGTERM or SIGINT
  1  it could not start; standard error says why
  2  the command line is wrong";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Command {
    #[command(flatten)]
    agent: config::AgentSettings,
    #[command(flatten)]
    peers: PeerOptions,
}

impl Command {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let options = self.agent.task_sets()?;
        let signalled = shutdown::signalled().context("setting signal handlers")?;
        let (metrics, counted) = Metrics::with_agent();
        let metrics = Arc::new(metrics);
        let jobs = JobTable::journaled(self.agent.limits(), metrics.clone(), Journal::open());
        let (account, policy) = (&self.agent.service_account, self.agent.policy()?);
        let issuer = self.agent.token_issuer()?;
        let engine = Arc::new(self.peers.shared_engine(metrics.clone(), account, policy, issuer)?);
        engine.git.remove_left_overs().await;
        let (cluster, ended) = (engine.cluster.clone(), CancellationToken::new());
        let ops = rpc::ops_router(Ops { jobs: jobs.clone(), metrics });
        let ops = listen("operations", self.agent.ops_listen, ops, &ended).await?;
        let election = cluster.elect_leader(self.agent.leader_election().context("reading the host's name")?);
        let agent = Agent::new(AgentOptions {
            jobs: jobs.clone(),
            engine,
            metrics: counted,
            options,
            default_timeout: self.agent.default_timeout,
        });
        let stop = CancellationToken::new();
        let mut working = tokio::spawn(agent.run(election.leadership(), stop.clone()));

        let broken = tokio::select! {
            signal = signalled => {
                info!(signal, "shutting down: no new steps, running ones are stopped");
                false
            }
            _ = &mut working => {
                error!("argo-buildkit has a bug: the agent has ended by itself; another replica takes over");
                true
            }
        };
        stop.cancel();
        if !jobs.drain(self.agent.drain_grace).await {
            warn!(grace = ?self.agent.drain_grace, "some steps did not stop in time");
        }
        if !broken && tokio::time::timeout(LAST_REPORTS, working).await.is_err() {
            warn!("some results could not be reported in time; the next agent finds them out again");
        }
        election.release().await;
        ended.cancel();
        let _ = ops.await;
        Ok(if broken { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}
