//! `argo-buildkit render`: the objects of a catalogue of services, as files.

mod directory;
mod explain;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use super::lint::show as findings;
use crate::catalogue::{Catalogue, KnownTemplates};
use crate::lint::{LintInput, read_catalogue};
use crate::render;

use directory::OutputDirectory;

/// Exit codes: 0 done, 1 the catalogue has mistakes or the files are stale, 2 not readable; clap also uses 2 for a wrong
/// command line.
const FOUND: u8 = 1;
const UNREAD: u8 = 2;

const AFTER_HELP: &str = "\
Written are an EventSource, Sensors, WorkflowTemplates, CronWorkflows and a
kustomization.yaml. The same catalogue gives the same bytes. Nothing is written
if anything is wrong. A file in DIR that an earlier run made and this one does
not is removed; the first line of a file says that a run made it, and no other
file is touched. docs/catalogue.md has all fields.

Examples:
  # Write the objects of a catalogue.
  argo-buildkit render services.yaml --output rendered
  # In CI: fail if what is committed is stale.
  argo-buildkit render services.yaml --output rendered --check

Exit codes:
  0  done; with --check, every file is as it should be
  1  the catalogue has a mistake, or a file in DIR is not ours; with --check,
     a file differs
  2  the command line is wrong, or a file cannot be read";

/// The arguments of `render`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Command {
    /// The catalogue of services
    #[arg(value_name = "CATALOGUE")]
    catalogue: PathBuf,
    /// The directory of the rendered files
    #[arg(long, short, value_name = "DIR", required_unless_present = "explain")]
    output: Option<PathBuf>,
    /// Write nothing, show what would change, and fail if anything would
    #[arg(long)]
    check: bool,
    /// A directory with WorkflowTemplates that services may name, beside those of workflow-templates/
    #[arg(long, value_name = "DIR")]
    templates: Vec<PathBuf>,
    /// Write nothing, and say what a push would build and why: REPO is a directory with a clone or the URL of a
    /// service, BEFORE and AFTER are commits
    #[arg(long, num_args = 3, value_names = ["REPO", "BEFORE", "AFTER"], conflicts_with_all = ["output", "check"])]
    explain: Option<Vec<String>>,
    /// With --explain: the ref that is pushed, such as refs/heads/main; without it, only paths and commits count
    #[arg(long = "ref", value_name = "REF", requires = "explain")]
    git_ref: Option<String>,
    /// With --explain of a URL: read the Secret with the login from DIR/SECRET/KEY
    #[arg(long, value_name = "DIR", requires = "explain")]
    secrets_dir: Option<PathBuf>,
}

impl Command {
    /// Renders the catalogue.
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let read = templates(&self.templates).and_then(|templates| read(&self.catalogue, &templates));
        let catalogue = match read {
            Ok(Some(catalogue)) => catalogue,
            Ok(None) => return Ok(ExitCode::from(FOUND)),
            Err(error) => {
                findings::error(&format!("{error:#}"));
                return Ok(ExitCode::from(UNREAD));
            }
        };
        match (self.explain.as_deref(), &self.output) {
            (Some([repo, before, after]), _) => {
                let question = explain::Question {
                    repo,
                    commits: (before, after),
                    git_ref: self.git_ref.as_deref(),
                    secrets: self.secrets_dir.as_deref(),
                };
                explain::explain(&catalogue, question).await
            }
            (_, Some(output)) => write(&catalogue, output, self.check),
            (_, None) => Ok(ExitCode::SUCCESS),
        }
    }
}

/// Reads the catalogue. `None` if it has mistakes; they are printed.
fn read(path: &Path, templates: &KnownTemplates) -> anyhow::Result<Option<Catalogue>> {
    let name = path.display().to_string().trim_start_matches("./").to_owned();
    let bytes = fs::read(path).with_context(|| format!("{name} cannot be read"))?;
    let source = LintInput { name, bytes, is_named: true };
    match read_catalogue(&source, templates) {
        Ok(catalogue) => Ok(Some(catalogue)),
        Err(report) => {
            findings::mistakes(&report);
            Ok(None)
        }
    }
}

/// The templates that services may name.
fn templates(directories: &[PathBuf]) -> anyhow::Result<KnownTemplates> {
    let mut known = KnownTemplates::bundled();
    for directory in directories {
        let mut found = 0;
        for path in directory::yaml_files(directory)? {
            let bytes = fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
            found += known.add(&path.display().to_string(), &bytes)?;
        }
        anyhow::ensure!(found > 0, "{} has no WorkflowTemplate; name their directory", directory.display());
    }
    Ok(known)
}

/// Writes the files, or shows how they differ.
fn write(catalogue: &Catalogue, output: &Path, is_check: bool) -> anyhow::Result<ExitCode> {
    let files = match render::render(catalogue) {
        Ok(files) => files,
        Err(error) => return Ok(failed(&error.to_string())),
    };
    let directory = OutputDirectory::read(output)?;
    if let Some(foreign) = directory.foreign(&files) {
        let shown = foreign.display();
        return Ok(failed(&format!(
            "{shown} was not made by render, and would be replaced; move it away, or render into another directory"
        )));
    }
    let differences = directory.differences(files);
    if is_check {
        differences.iter().for_each(|one| findings::print(&one.diff(output)));
        return Ok(if differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FOUND) });
    }
    fs::create_dir_all(output).with_context(|| format!("{} cannot be made", output.display()))?;
    differences.iter().try_for_each(|one| one.write(output))?;
    differences.iter().for_each(|one| findings::print(&format!("{}\n", one.said(output))));
    if differences.is_empty() {
        findings::print("nothing to write: every file is as it should be\n");
    }
    Ok(ExitCode::SUCCESS)
}

fn failed(problem: &str) -> ExitCode {
    findings::error(problem);
    ExitCode::from(FOUND)
}
