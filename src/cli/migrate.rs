//! `argo-buildkit migrate DIR…`: a catalogue of what other systems build.

mod input;
mod output;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::lint::show;
use crate::migrate::{MigrateOptions, Verdict, migrate};

/// Exit codes: 0 done, 1 nothing was found or the output directory is not empty, 2 not everything could be read; clap also uses
/// 2 for a wrong command line.
const FOUND: u8 = 1;
const UNREAD: u8 = 2;

const AFTER_HELP: &str = "\
Read are Tekton (Pipelines, Tasks, PipelineRuns, TriggerTemplates,
TriggerBindings, EventListeners), workflows of Gitea, Forgejo and GitHub
Actions, Jobs and Workflows of Argo that run buildctl or kaniko, and the
annotations of Argo CD Image Updater. Written are services.yaml, what `render`
makes of it, the right to read the Secrets, and report.md. In the report, every
key of the input is `direct`, `approximate` or `by hand`. No expression is
evaluated, no script is run, and no symbolic link is followed. docs/migrate.md
has the table of keys, and how to change over in three phases.

Examples:
  argo-buildkit migrate tekton/
  argo-buildkit migrate shop/api shop/web --git-url https://git.example.com --out new

Exit codes:
  0  done; see the report for what is left to do
  1  nothing builds an image, or the directory of --out is not empty
  2  the command line is wrong, or a file cannot be read";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Command {
    /// Directories with *.yaml, *.yml and *.json files, or files. Name all that belong together at once
    #[arg(required = true, value_name = "DIR")]
    paths: Vec<PathBuf>,
    /// The directory to write to; without it, the report alone is printed
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write to a directory that is not empty; files with the same names are replaced
    #[arg(long, requires = "out")]
    force: bool,
    /// The form of the report
    #[arg(long, short, value_enum, default_value_t = Form::Text)]
    output: Form,
    /// The namespace of the catalogue
    #[arg(long, value_name = "NAME", default_value = "builds")]
    namespace: String,
    /// The URL of the forge, for repositories of which the files say owner and name alone
    #[arg(long, value_name = "URL")]
    git_url: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

impl Command {
    /// Prints the report on standard output, and what cannot be read or written on standard error.
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        if let Some(directory) = &self.out
            && !self.force
            && !output::is_empty(directory)?
        {
            show::error(&format!(
                "{} is not empty; name another directory, or write over it with --force",
                directory.display()
            ));
            return Ok(ExitCode::from(FOUND));
        }
        let (inputs, unread) = input::read(&self.paths);
        let options = MigrateOptions { namespace: self.namespace, git_url: self.git_url };
        let migration = migrate(&inputs, &options);
        match self.output {
            Form::Text => show::print(&migration.report.text()),
            Form::Json => show::json(&migration.report.json()),
        }
        unread.iter().for_each(|problem| show::error(problem));
        if let Some(directory) = &self.out {
            output::write(directory, &migration.files)?;
            let left = migration.report.count(Verdict::ByHand) + migration.report.open.len();
            show::warning(&format!(
                "{} says what {left} keys and points ask of you",
                directory.join("report.md").display()
            ));
        }
        Ok(match (unread.is_empty(), migration.report.services.is_empty()) {
            (false, _) => ExitCode::from(UNREAD),
            (true, true) => ExitCode::from(FOUND),
            (true, false) => ExitCode::SUCCESS,
        })
    }
}
