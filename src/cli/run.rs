//! `argo-buildkit run FILE`: the same steps from a terminal, or from a container template where plugins
//! are switched off.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::Value;
use tokio::sync::watch;

use crate::config::Neighbours;
use crate::duration::parse_timeout;
use crate::engine::Workflow;
use crate::git::PushGate;
use crate::metrics::Metrics;
use crate::outcome::{Fault, Outputs, StepError, Success};
use crate::progress::Progress;
use crate::{shutdown, step};

/// Exit codes: 0 done, 1 the step's own fault, 75 (sysexits' EX_TEMPFAIL) a server's, 130 interrupted.
const FAILED: u8 = 1;
const TEMPORARY: u8 = 75;
const INTERRUPTED: u8 = 130;

#[derive(Debug, Args)]
pub(super) struct Command {
    /// A YAML file with one step: what a template has under `plugin.buildkit`, or such a template.
    file: PathBuf,
    /// The namespace of the Secrets that the step names.
    #[arg(long, short, env = "ARGO_BUILDKIT_NAMESPACE", default_value = "default")]
    namespace: String,
    /// How long it may take.
    #[arg(long, default_value = "1h", value_parser = parse_timeout)]
    timeout: Duration,
    /// Also write each output to DIR/NAME, for `valueFrom.path`.
    #[arg(long, value_name = "DIR")]
    outputs_dir: Option<PathBuf>,
    #[command(flatten)]
    neighbours: Neighbours,
}

impl Command {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let step = step::parse(&read(&self.file)?).with_context(|| self.file.display().to_string())?;
        let engine = self.neighbours.engine(Arc::new(Metrics::new()))?;
        let workflow = Workflow {
            name: "terminal".to_owned(),
            namespace: self.namespace,
            uid: uuid::Uuid::new_v4().to_string(),
        };
        let (progress, lines) = watch::channel(Progress::default());
        let gate = Arc::new(PushGate::default());
        let reference = workflow.uid.clone();
        let work = engine.run(step, workflow, reference, progress, gate.clone());
        let signalled = shutdown::signalled()?;
        let ended = tokio::select! {
            ended = tokio::time::timeout(self.timeout, work) => ended.unwrap_or_else(|_| Err(timed_out(self.timeout))),
            () = show(lines) => bail!("the step ended without a result"),
            _ = signalled => return Ok(ExitCode::from(INTERRUPTED)),
        };
        report(ended, self.outputs_dir.as_deref())
    }
}

/// The step in `file`, wherever it stands in it.
fn read(file: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let value: Value =
        serde_saphyr::from_str(&text).with_context(|| format!("{} is not YAML", file.display()))?;
    Ok(match value.pointer("/plugin/buildkit").or_else(|| value.get("buildkit")) {
        Some(step) => step.clone(),
        None => value,
    })
}

/// Prints what is going on whenever that changes.
async fn show(mut lines: watch::Receiver<Progress>) {
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

fn report(ended: Result<Success, StepError>, directory: Option<&Path>) -> anyhow::Result<ExitCode> {
    let (outputs, said, code) = match &ended {
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

/// A line to a terminal or a pipe; a reader that has gone away is no reason to fail a build.
fn say(mut to: impl Write, line: &str) {
    let _ = writeln!(to, "{line}");
}

fn timed_out(limit: Duration) -> StepError {
    StepError::user(format!("it took longer than --timeout {limit:?}"))
}
