//! `argo-buildkit run FILE`: the same steps from a terminal, or from a container template where plugins
//! are switched off.

mod socket;

use std::convert::Infallible;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use serde_json::Value;
use tokio::sync::watch;

use super::docker_config;
use crate::config::PeerOptions;
use crate::duration::parse_timeout;
use crate::engine::{Engine, StepRequest, Workflow};
use crate::jobs::{Ending, JobContext, JobKey, JobLimits, JobSpec, JobState, JobTable};
use crate::metrics::Metrics;
use crate::outcome::{Fault, Outputs};
use crate::progress::Progress;
use crate::step::{self, Step};
use crate::{shutdown, text};

/// Exit codes: 0 done, 1 the step's own fault, [`TEMPORARY`] a server's, 130 interrupted.
const FAILED: u8 = 1;
/// The EX_TEMPFAIL of sysexits.
pub(super) const TEMPORARY: u8 = 75;
const INTERRUPTED: u8 = 130;

/// How long an interrupted step may take to stop.
const DRAIN: Duration = Duration::from_secs(25);

/// The limits for one job, which nobody polls.
const SINGLE_JOB: JobLimits = JobLimits { running: 1, per_group: 1, kept: 1, kept_bytes: 0, lease: None };

const AFTER_HELP: &str = "\
Examples:
  # On a buildkitd of this machine, with the logins of `docker login`.
  argo-buildkit run build.yaml
  # On another, with Secrets from files: secrets/NAME/KEY.
  argo-buildkit run --buildkit-host tcp://10.0.0.7:1234 --secrets-dir secrets build.yaml

Exit codes:
  0    done
  1    the step failed by its own fault, or could not begin
  2    the command line is wrong
  75   a server failed: try again
  130  interrupted";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Command {
    /// A YAML file with one step: what a template has under `plugin.buildkit`, or such a template.
    file: PathBuf,
    /// The name of the workflow in the commits that the step makes.
    #[arg(long, env = "ARGO_BUILDKIT_WORKFLOW", value_name = "NAME", default_value = "terminal")]
    workflow: String,
    /// The namespace of the Secrets that the step names.
    #[arg(long, short, env = "ARGO_BUILDKIT_NAMESPACE", default_value = "default")]
    namespace: String,
    /// How long it may take.
    #[arg(long, default_value = "1h", value_parser = parse_timeout)]
    timeout: Duration,
    /// Also write each output to DIR/NAME, for `valueFrom.path`.
    #[arg(long, value_name = "DIR")]
    outputs_dir: Option<PathBuf>,
    /// The docker config with the logins of a step that names no `registry-secret`. By default that of docker, where there is
    /// one. Its credential helpers are asked.
    #[arg(long, value_name = "FILE")]
    docker_config: Option<PathBuf>,
    #[command(flatten)]
    peers: PeerOptions,
}

impl Command {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let step = step::parse(&read(&self.file)?).with_context(|| self.file.display().to_string())?;
        if let Some(hosts) = socket::absent(&step, &self.peers.buildkit_host) {
            say(std::io::stderr(), &socket::problem(&hosts));
            return Ok(ExitCode::from(TEMPORARY));
        }
        let mut engine = self.peers.engine(Arc::new(Metrics::new()))?;
        engine.logins = docker_config::logins(self.docker_config).await?;
        // The user at the terminal could call the daemon directly.
        engine.tenancy = engine.tenancy.with_daemon_cache(true);
        let uid = uuid::Uuid::new_v4().to_string();
        let workflow = Workflow { name: self.workflow, namespace: self.namespace, uid };
        one(engine, step, workflow, self.timeout, self.outputs_dir.as_deref()).await
    }
}

/// Runs one step, prints its progress and its result, and writes its outputs to `outputs_dir`.
pub(super) async fn one(
    engine: Engine,
    step: Step,
    workflow: Workflow,
    timeout: Duration,
    outputs_dir: Option<&Path>,
) -> anyhow::Result<ExitCode> {
    let key = JobKey::derive(&workflow.uid, &Value::Null);
    let spec = JobSpec::new(timeout, async move |job: JobContext| {
        let JobContext { progress, gate, deadline } = job;
        engine.run(step, StepRequest { workflow, reference: None, progress, gate, deadline }).await
    });
    let signalled = shutdown::signalled()?;
    // The job table provides the timeout, and a drain that lets a running push finish.
    let jobs = JobTable::new(SINGLE_JOB);
    jobs.poll_or_start(&key, spec)?;
    let (state, progress) = jobs.watch(&key).context("the step ended before it began")?;
    tokio::select! {
        ended = end(state) => report(ended?.as_ref(), outputs_dir),
        never = show(progress) => match never {},
        _ = signalled => {
            jobs.drain(DRAIN).await;
            Ok(ExitCode::from(INTERRUPTED))
        }
    }
}

async fn end(mut state: watch::Receiver<JobState>) -> anyhow::Result<Arc<Ending>> {
    loop {
        if let JobState::Done(ending) = &*state.borrow_and_update() {
            return Ok(ending.clone());
        }
        state.changed().await?;
    }
}

/// Reads the step in `file`, from either form of the file.
fn read(file: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let value: Value =
        serde_saphyr::from_str(&text).with_context(|| format!("{} is not YAML", file.display()))?;
    Ok(match value.pointer("/plugin/buildkit").or_else(|| value.get("buildkit")) {
        Some(step) => step.clone(),
        None => value,
    })
}

/// Prints the progress whenever it changes.
async fn show(mut lines: watch::Receiver<Progress>) -> Infallible {
    let started = Instant::now();
    let mut last = String::new();
    while lines.changed().await.is_ok() {
        let progress = lines.borrow_and_update().clone();
        if progress.now != last {
            say(std::io::stderr(), &progress.line(started.elapsed()));
            last = progress.now;
        }
    }
    std::future::pending().await
}

fn report(ended: &Ending, directory: Option<&Path>) -> anyhow::Result<ExitCode> {
    let (outputs, said, code) = match ended {
        Ok(success) => (&success.outputs, &success.summary, 0),
        Err(error) if error.fault == Fault::User => (&error.outputs, &error.message, FAILED),
        Err(error) => (&error.outputs, &error.message, TEMPORARY),
    };
    say(std::io::stderr(), said);
    for (name, value) in outputs {
        say(std::io::stdout(), &format!("{name}: {value}"));
    }
    if let Some(directory) = directory {
        write_all(directory, outputs)?;
    }
    Ok(ExitCode::from(code))
}

fn write_all(directory: &Path, outputs: &Outputs) -> anyhow::Result<()> {
    std::fs::create_dir_all(directory).with_context(|| format!("creating {}", directory.display()))?;
    for (name, value) in outputs {
        let path = directory.join(name);
        std::fs::write(&path, value).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

/// Prints plain text to a terminal or a pipe. A closed output must not fail a build.
fn say(mut to: impl Write, line: &str) {
    let _ = writeln!(to, "{}", text::lines(line));
}
