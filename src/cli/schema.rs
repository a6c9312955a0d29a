//! `argo-buildkit schema`: JSON Schemas for editors.

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::output;
use crate::schema;

const AFTER_HELP: &str = "\
Examples:
  # What an editor needs for a step.
  argo-buildkit schema step
  # What an editor needs for a WorkflowTemplate.
  argo-buildkit schema workflow >workflow.schema.json

Exit codes:
  0  printed
  1  it could not be written
  2  the command line is wrong";

/// The arguments of `schema`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Command {
    /// What the schema describes
    #[arg(value_enum, default_value_t = What::Step)]
    what: What,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum What {
    /// A step: the value under `plugin.buildkit`
    Step,
    /// A file with a Workflow, a WorkflowTemplate or a CronWorkflow
    Workflow,
    /// The policy file of the shared agent
    Policy,
    /// A catalogue of services
    Catalogue,
}

impl Command {
    /// Prints the schema.
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let schema = match self.what {
            What::Step => schema::step(),
            What::Workflow => schema::workflow(),
            What::Policy => schema::policy(),
            What::Catalogue => schema::catalogue(),
        };
        let mut text = serde_json::to_string_pretty(&schema)?;
        text.push('\n');
        output::print(text.as_bytes(), "the schema")?;
        Ok(ExitCode::SUCCESS)
    }
}
