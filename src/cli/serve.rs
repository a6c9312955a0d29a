//! `argo-buildkit serve`: the sidecar.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::config::{PeerOptions, Serve};
use crate::jobs::{JobTable, Journal};
use crate::listen::listen;
use crate::metrics::Metrics;
use crate::rpc::{self, BearerToken, Ops, PluginServer, Watches};
use crate::shutdown;

const AFTER_HELP: &str = "\
Examples:
  # For a test on this machine: no token, and only this machine can reach it.
  argo-buildkit serve --insecure-no-token --listen 127.0.0.1:4355
  # For all addresses of a pod, IPv6 included; health and metrics on a port.
  argo-buildkit serve --listen '[::]:4355' --ops-listen 0.0.0.0:4356

Exit codes:
  0  ended by SIGTERM or SIGINT
  1  it could not start; standard error says why
  2  the command line is wrong";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Command {
    #[command(flatten)]
    serve: Serve,
    #[command(flatten)]
    peers: PeerOptions,
}

impl Command {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let signalled = shutdown::signalled().context("setting signal handlers")?;
        let token = self.token()?;
        let metrics = Arc::new(Metrics::new());
        let jobs = JobTable::journaled(self.serve.limits(), metrics.clone(), Journal::open());
        let mut engine = self.peers.engine(metrics.clone())?;
        engine.tenancy = engine.tenancy.with_daemon_cache(self.serve.allow_daemon_cache);
        let engine = Arc::new(engine);
        engine.git.remove_left_overs().await;
        let server = PluginServer {
            jobs: jobs.clone(),
            watches: Watches::new(jobs.clone(), engine.cluster.clone()),
            engine,
            metrics: metrics.clone(),
            default_timeout: self.serve.default_timeout,
        };
        let stop = CancellationToken::new();
        let plugin = listen("the plugin", self.serve.listen, rpc::router(server, token), &stop).await?;
        let ops = rpc::ops_router(Ops { jobs: jobs.clone(), metrics });
        let ops = listen("operations", self.serve.ops_listen, ops, &stop).await?;

        info!(signal = signalled.await, "shutting down: no new steps, running ones are stopped");
        if !jobs.drain(self.serve.drain_grace).await {
            warn!(grace = ?self.serve.drain_grace, "some steps did not stop in time");
        }
        stop.cancel();
        let _ = tokio::join!(plugin, ops);
        Ok(ExitCode::SUCCESS)
    }

    fn token(&self) -> anyhow::Result<Option<BearerToken>> {
        if self.serve.insecure_no_token {
            warn!("serving without a token: whoever reaches the port can build and push");
            return Ok(None);
        }
        Ok(Some(BearerToken::read(&self.serve.token_file)?))
    }
}
