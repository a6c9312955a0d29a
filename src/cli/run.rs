//! `argo-buildkit run FILE`: the same steps from a terminal, or from a container template where plugins
//! are switched off.

mod input;
mod parameters;
mod progress;
mod results;
mod socket;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;
use serde_json::Value;
use tokio::sync::watch;

use super::docker_config;
use crate::argo::TimedStep;
use crate::config::PeerOptions;
use crate::duration::parse_timeout;
use crate::engine::{Engine, StepRequest, Workflow};
use crate::jobs::{Ending, JobContext, JobKey, JobLimits, JobSpec, JobState, JobTable};
use crate::metrics::Metrics;
use crate::outcome::Fault;
use crate::step::Step;
use crate::{shutdown, text};
use input::Wanted;
use results::Form;

pub(super) use results::Results;

/// Exit codes: 0 done, 1 the step's own fault, [`TEMPORARY`] a server's, 130 interrupted.
const FAILED: u8 = 1;
/// The EX_TEMPFAIL of sysexits.
pub(super) const TEMPORARY: u8 = 75;
const INTERRUPTED: u8 = 130;

/// How long an interrupted step may take to stop.
const DRAIN: Duration = Duration::from_secs(25);

/// How long a step may take whose template does not say.
const TIMEOUT: Duration = Duration::from_secs(3600);

/// The limits for one job, which nobody polls.
const SINGLE_JOB: JobLimits = JobLimits { running: 1, per_group: 1, kept: 1, kept_bytes: 0, lease: None };

const AFTER_HELP: &str = "\
Examples:
  # On a buildkitd of this machine, with the logins of `docker login`.
  argo-buildkit run build.yaml
  # On another, with Secrets from files: secrets/NAME/KEY.
  argo-buildkit run --buildkit-host tcp://10.0.0.7:1234 --secrets-dir secrets build.yaml
  # A template of a WorkflowTemplate, with values for its parameters.
  argo-buildkit run workflow.yaml --template build -p revision=main -p version=1.4.0
  # The step on standard input, with its outputs as shell variables.
  argo-buildkit run - -o env

Exit codes:
  0    done
  1    the step failed by its own fault, or could not begin
  2    the command line is wrong
  75   a server failed: try again
  130  interrupted";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Command {
    /// A YAML file with a step (what a template has under `plugin.buildkit`), a template, a Workflow, a WorkflowTemplate or a
    /// CronWorkflow; `-` is standard input.
    file: PathBuf,
    /// The template to run, if several of the file have a step.
    #[arg(long, value_name = "NAME")]
    template: Option<String>,
    /// A value of a parameter, of the template or of the workflow. May be given several times. The others have their defaults.
    #[arg(long = "parameter", short, value_name = "NAME=VALUE", value_parser = parameter)]
    parameters: Vec<(String, String)>,
    /// The form of the outputs on standard output: those that the template declares, or all of a step that is alone in its file.
    #[arg(long, short, value_enum, default_value_t = Form::Text)]
    output: Form,
    /// The name of the workflow in the commits that the step makes.
    #[arg(long, env = "ARGO_BUILDKIT_WORKFLOW", value_name = "NAME", default_value = "terminal")]
    workflow: String,
    /// The namespace of the Secrets that the step names.
    #[arg(long, short, env = "ARGO_BUILDKIT_NAMESPACE", default_value = "default")]
    namespace: String,
    /// How long it may take. By default the template's `timeout`, or 1h.
    #[arg(long, value_parser = parse_timeout)]
    timeout: Option<Duration>,
    /// The form of the progress on standard error.
    #[arg(long, value_enum, default_value_t = progress::Form::Auto)]
    progress: progress::Form,
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
        let uid = uuid::Uuid::new_v4().to_string();
        let workflow = Workflow { name: self.workflow, namespace: self.namespace, uid };
        let (template, parameters) = (self.template.as_deref(), self.parameters.as_slice());
        let wanted = Wanted { template, parameters, workflow: &workflow };
        let template = input::read(&self.file, &wanted)?;
        let body = template.step().context("the file has no step")?;
        let wrong = |why: String| anyhow!("{}: {why}", input::shown(&self.file));
        let TimedStep { step, limit, .. } = template.timed_step(body, TIMEOUT).map_err(wrong)?;
        let results = Results {
            form: self.output,
            declared: template.declared(),
            directory: self.outputs_dir,
            progress: self.progress,
        };
        results.prepare()?;
        if let Some(hosts) = socket::absent(&step, &self.peers.buildkit_host) {
            say(std::io::stderr(), &socket::problem(&hosts));
            return Ok(ExitCode::from(TEMPORARY));
        }
        let mut engine = self.peers.engine(Arc::new(Metrics::new()))?;
        engine.logins = docker_config::logins(self.docker_config).await?;
        // The user at the terminal could call the daemon directly.
        engine.tenancy = engine.tenancy.with_daemon_cache(true);
        one(engine, step, workflow, self.timeout.unwrap_or(limit), &results).await
    }
}

fn parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write it as NAME=VALUE".to_owned()),
    }
}

/// Runs one step, and prints its progress and its result.
pub(super) async fn one(
    engine: Engine,
    step: Step,
    workflow: Workflow,
    timeout: Duration,
    results: &Results,
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
    let signal = tokio::select! {
        ended = end(state.clone()) => return report(ended?.as_ref(), results),
        never = results.progress.show(progress.clone()) => match never {},
        signal = signalled => signal,
    };
    interrupted(signal, &progress.borrow().now.clone());
    jobs.drain(DRAIN).await;
    if let JobState::Done(ending) = &*state.borrow() {
        stopped(ending);
    }
    Ok(ExitCode::from(INTERRUPTED))
}

/// Says at once what a signal stops.
fn interrupted(signal: &str, doing: &str) {
    let doing = if doing.is_empty() { "the step" } else { doing };
    say(std::io::stderr(), &format!("{signal}: stopping {doing}; a push that has begun is waited for"));
}

/// Says whether the step was stopped, or had ended before.
fn stopped(ending: &Ending) {
    match ending {
        Ok(success) => {
            say(std::io::stderr(), &format!("not stopped, because it was done: {}", success.summary))
        }
        Err(error) => say(std::io::stderr(), &error.message),
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

fn report(ended: &Ending, results: &Results) -> anyhow::Result<ExitCode> {
    let (outputs, said, code) = match ended {
        Ok(success) => (&success.outputs, &success.summary, 0),
        Err(error) if error.fault == Fault::User => (&error.outputs, &error.message, FAILED),
        Err(error) => (&error.outputs, &error.message, TEMPORARY),
    };
    results.progress.end(said, code);
    if let Some(printed) = results.printed(outputs) {
        say(std::io::stdout(), &printed);
    }
    results.write(outputs)?;
    Ok(ExitCode::from(code))
}

/// Prints plain text to a terminal or a pipe. A closed output must not fail a build.
fn say(mut to: impl Write, line: &str) {
    let _ = writeln!(to, "{}", text::lines(line));
}
