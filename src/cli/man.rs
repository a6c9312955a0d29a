//! `argo-buildkit man`: the manual pages.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::output;

const AFTER_HELP: &str = "\
Examples:
  # Read the page of argo-buildkit.
  argo-buildkit man | man -l -
  # Write the pages of all subcommands.
  argo-buildkit man --out ~/.local/share/man/man1

Exit codes:
  0  printed or written
  1  it could not be written
  2  the command line is wrong";

/// The arguments of `man`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Command {
    /// Write the page of each subcommand to DIR, which is created if needed. Without it, the page of argo-buildkit is printed.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Command {
    /// Prints or writes the pages of `command`. They have no date, so that two runs give the same bytes.
    pub(super) fn run(self, command: clap::Command) -> anyhow::Result<ExitCode> {
        let mut command = command.disable_help_subcommand(true);
        command.build();
        match self.out {
            Some(directory) => {
                let shown = directory.display();
                std::fs::create_dir_all(&directory).with_context(|| format!("creating {shown}"))?;
                write(&command, &directory).with_context(|| format!("writing the pages to {shown}"))?;
            }
            None => output::print(&page(&command).context("making the page")?, "the page")?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Writes the pages of `command` and of all commands below it.
fn write(command: &clap::Command, directory: &Path) -> io::Result<()> {
    let file = Man::new(command.clone()).get_filename();
    std::fs::write(directory.join(file), page(command)?)?;
    command
        .get_subcommands()
        .filter(|below| !below.is_hide_set())
        .try_for_each(|below| write(below, directory))
}

fn page(command: &clap::Command) -> io::Result<Vec<u8>> {
    let source = format!("argo-buildkit {}", env!("CARGO_PKG_VERSION"));
    let (man, mut page) = (Man::new(command.clone()).source(source), Vec::new());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    after_help(command).to_writer(&mut page)?;
    Ok(page)
}

/// What follows the options in the help, line by line: clap_mangen would join the lines.
fn after_help(command: &clap::Command) -> Roff {
    let mut roff = Roff::new();
    let Some(text) = command.get_after_help() else { return roff };
    roff.control("SH", ["NOTES"]);
    roff.control("nf", []);
    for line in text.to_string().lines() {
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
    roff
}
