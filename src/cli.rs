//! The command line: one file per subcommand.

mod agent;
mod cache;
mod check;
mod completion;
mod docker_config;
mod edit;
mod lint;
mod log;
mod man;
mod migrate;
mod output;
mod registry;
mod render;
mod report;
mod run;
mod schema;
mod serve;
mod tags;
mod verify;
mod version;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use tokio::runtime::{Builder, Runtime};

use crate::config::Log;
use crate::telemetry;

/// The widest lines of the help.
const WIDEST: usize = 100;

const AFTER_HELP: &str = "\
Examples:
  # Run the step of a file on a buildkitd of this machine.
  argo-buildkit run build.yaml
  # Check what the workflows of a namespace need.
  argo-buildkit check --namespace builds

Exit codes:
  0  done
  1  something is wrong: standard error or the output says what
  2  the command line is wrong
The help of a subcommand has its own.";

/// Builds images on a shared buildkitd and commits their digests to a GitOps repository, as steps of
/// an Argo workflow.
#[derive(Debug, Parser)]
#[command(name = "argo-buildkit", version, long_version = version::long(), propagate_version = true)]
#[command(max_term_width = WIDEST, after_help = AFTER_HELP)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    log: Log,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer Argo's agent: the executor plugin's sidecar.
    Serve(Box<serve::Command>),
    /// Run the steps of all workflows, without a pod for each: the shared agent.
    Agent(Box<agent::Command>),
    /// Run the steps of FILE from a terminal.
    Run(Box<run::Command>),
    /// Print the whole log of a build.
    Log(Box<log::Command>),
    /// Make a page that explains a build: its steps over time, its layers, its log.
    Report(Box<report::Command>),
    /// Print which tags a repository has, and what they name.
    Tags(Box<tags::Command>),
    /// Check that images are signed by one of some keys.
    Verify(Box<verify::Command>),
    /// Print what is in buildkitd's cache, prune it, or pull images into it.
    Cache(Box<cache::Command>),
    /// Look at everything that steps need, and say what to mend; or why WORKFLOW does not move.
    Check(Box<check::Command>),
    /// Set values in local YAML or JSON files, and nothing else in them.
    Edit(Box<edit::Command>),
    /// Check workflows and templates in files: steps, outputs, parameters, references.
    Lint(Box<lint::Command>),
    /// Make the objects of Argo Events and Argo Workflows for a catalogue of services.
    Render(Box<render::Command>),
    /// Make a catalogue of what Tekton, Actions, Jobs and other systems build, and report every key of theirs.
    Migrate(Box<migrate::Command>),
    /// Print a JSON Schema of steps, workflows, policies or catalogues, for editors.
    Schema(schema::Command),
    /// Print a script that completes this command line in a shell.
    Completion(completion::Command),
    /// Print or write the manual pages.
    Man(man::Command),
}

impl Command {
    /// The runtime. Two workers answer a thousand polls at the same time. A single build needs only the main thread,
    /// and is faster without switches between threads. Blocking work has its own threads.
    fn runtime(&self) -> std::io::Result<Runtime> {
        let mut builder = match self {
            Self::Serve(_) | Self::Agent(_) => Builder::new_multi_thread(),
            Self::Run(_)
            | Self::Cache(_)
            | Self::Check(_)
            | Self::Log(_)
            | Self::Report(_)
            | Self::Tags(_)
            | Self::Verify(_)
            | Self::Edit(_)
            | Self::Lint(_)
            | Self::Render(_)
            | Self::Migrate(_)
            | Self::Schema(_)
            | Self::Completion(_)
            | Self::Man(_) => Builder::new_current_thread(),
        };
        // Twice the default. Without optimisation, the nested calls of a build came close to the default.
        builder.worker_threads(2).thread_stack_size(4 << 20).enable_all().build()
    }

    /// Whether standard output is for the lines of builds. The other subcommands print their results there.
    fn prints_builds(&self) -> bool {
        matches!(self, Self::Serve(_) | Self::Agent(_))
    }

    fn default_log(&self) -> &'static str {
        match self {
            Self::Serve(_) | Self::Agent(_) => "info",
            Self::Run(_)
            | Self::Cache(_)
            | Self::Check(_)
            | Self::Log(_)
            | Self::Report(_)
            | Self::Tags(_)
            | Self::Verify(_)
            | Self::Edit(_)
            | Self::Lint(_)
            | Self::Render(_)
            | Self::Migrate(_)
            | Self::Schema(_)
            | Self::Completion(_)
            | Self::Man(_) => "off",
        }
    }
}

impl Cli {
    /// Runs the subcommand in its runtime.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        self.command.runtime()?.block_on(async {
            let filter = self.log.log.as_deref().unwrap_or(self.command.default_log());
            let telemetry = telemetry::init(self.log.log_format, filter, self.command.prints_builds())?;
            // The workflows of a shared agent outlive it: another replica continues with them.
            let ends_runs = !matches!(self.command, Command::Agent(_));
            let code = match self.command {
                Command::Serve(command) => command.run().await,
                Command::Agent(command) => command.run().await,
                Command::Run(command) => command.run().await,
                Command::Log(command) => command.run().await,
                Command::Report(command) => command.run().await,
                Command::Tags(command) => command.run().await,
                Command::Verify(command) => command.run().await,
                Command::Cache(command) => command.run().await,
                Command::Check(command) => command.run().await,
                Command::Edit(command) => command.run(),
                Command::Lint(command) => command.run(),
                Command::Render(command) => command.run().await,
                Command::Migrate(command) => command.run(),
                Command::Schema(command) => command.run(),
                Command::Completion(command) => command.run(Self::command()),
                Command::Man(command) => command.run(Self::command()),
            };
            if ends_runs {
                telemetry::end_runs();
            }
            telemetry.flush().await;
            code
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn certificates_come_from_a_secret_or_from_files() {
        let parse = |flags: &[&str]| Cli::try_parse_from([&["argo-buildkit", "serve"], flags].concat());
        let files = ["--tls-ca", "a", "--tls-cert", "b", "--tls-key", "c"];
        assert!(parse(&files).is_ok() && parse(&["--tls-secret", "s"]).is_ok());
        let both = [&files[..], &["--tls-secret", "s"]].concat();
        for flags in [&both[..], &["--tls-secret", ""], &files[..2]] {
            assert!(parse(flags).is_err(), "{flags:?}");
        }
    }
}
