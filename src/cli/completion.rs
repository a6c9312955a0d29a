//! `argo-buildkit completion SHELL`: completion of the command line.

use std::process::ExitCode;

use clap::Args;
use clap_complete::Shell;

use super::output;

const AFTER_HELP: &str = "\
Examples:
  # For bash, where bash-completion is installed.
  argo-buildkit completion bash >~/.local/share/bash-completion/completions/argo-buildkit
  # For fish.
  argo-buildkit completion fish >~/.config/fish/completions/argo-buildkit.fish

Exit codes:
  0  printed
  1  it could not be written
  2  the command line is wrong";

/// The arguments of `completion`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Command {
    /// The shell that reads the script.
    #[arg(value_enum)]
    shell: Shell,
}

impl Command {
    /// Prints the script that completes `command`.
    pub(super) fn run(self, mut command: clap::Command) -> anyhow::Result<ExitCode> {
        let (name, mut script) = (command.get_name().to_owned(), Vec::new());
        clap_complete::generate(self.shell, &mut command, name, &mut script);
        let script = match self.shell {
            Shell::Bash => with_one_name(&script),
            _ => script,
        };
        output::print(&script, "the script")?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The script with one name for each nested subcommand. clap_complete 4.6 writes the hyphen of the program's name in two ways, so bash
/// would find no option of them.
fn with_one_name(script: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(script).replace("argo__subcmd__buildkit__", "argo__buildkit__").into_bytes()
}
