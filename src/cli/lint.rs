//! `argo-buildkit lint FILE|DIR…`: checks of Argo's objects in files.

mod input;
mod json;
mod sarif;
pub(super) mod show;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::lint::{DiagnosticLevel, LintReport, lint};

/// Exit codes: 0 nothing found, 1 errors, 2 not everything could be read; clap also uses 2 for a wrong command line.
const FOUND: u8 = 1;
const UNREAD: u8 = 2;

const AFTER_HELP: &str = "\
Checked are Workflows, WorkflowTemplates, ClusterWorkflowTemplates and
CronWorkflows, and EventSources, Sensors and EventBuses of Argo Events;
other documents are passed over. Steps are judged by the parser of the
plugin itself. docs/lint.md has all rules.

Examples:
  # All files of a project, so that references between them are checked.
  argo-buildkit lint workflow-templates sensors
  # In CI: warnings count, and the host shows the findings beside the lines.
  argo-buildkit lint --deny warnings --output sarif deploy

Exit codes:
  0  nothing to correct
  1  at least one error; with `--deny warnings`, or one warning
  2  the command line is wrong, or a file cannot be read";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Command {
    /// YAML or JSON files, directories with *.yaml and *.yml files, or `-` for standard input. References between
    /// them are checked too, so name all files of a project at once.
    #[arg(required = true, value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
    /// The form of the findings.
    #[arg(long, value_enum, default_value_t = Form::Text)]
    output: Form,
    /// What else counts as an error.
    #[arg(long, value_enum, value_name = "WHAT")]
    deny: Option<Deny>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people.
    Text,
    /// One JSON object.
    Json,
    /// SARIF 2.1.0, which code hosts show beside the lines.
    Sarif,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Deny {
    Warnings,
}

impl Command {
    /// Prints all findings on standard output, and files that cannot be read on standard error.
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let (sources, unread) = input::read(&self.paths);
        let report = lint(&sources);
        match self.output {
            Form::Text => show::findings(&report, sources.len()),
            Form::Json => show::json(&json::report(&report, sources.len())),
            Form::Sarif => show::json(&sarif::report(&report)),
        }
        unread.iter().for_each(|problem| show::error(problem));
        Ok(self.code(&report, !unread.is_empty()))
    }

    fn code(&self, report: &LintReport, is_unread: bool) -> ExitCode {
        let warnings = if self.deny.is_some() { report.count(DiagnosticLevel::Warning) } else { 0 };
        match (is_unread, report.count(DiagnosticLevel::Error) + warnings) {
            (true, _) => ExitCode::from(UNREAD),
            (false, 0) => ExitCode::SUCCESS,
            (false, _) => ExitCode::from(FOUND),
        }
    }
}
