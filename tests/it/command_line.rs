//! The command line itself: what is the same for all subcommands.

mod completion;
mod help;
mod messages;
mod pages;
mod run;
mod version;

use std::process::{Command, Output};

const BINARY: &str = env!("CARGO_BIN_EXE_argo-buildkit");

/// Runs the binary without this machine's settings.
fn run(arguments: &[&str]) -> Output {
    Command::new(BINARY).args(arguments).env_clear().output().unwrap()
}

/// What a run that must succeed prints.
fn printed(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The subcommands that the help of `path` lists.
fn subcommands_of(path: &[&str]) -> Vec<String> {
    let help = printed(&[path, &["--help"]].concat());
    let Some((_, list)) = help.split_once("\nCommands:\n") else { return Vec::new() };
    let list = list.split("\n\n").next().unwrap();
    // Only a name is indented by two.
    let names = list.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    names.filter(|name| !name.is_empty() && *name != "help").map(str::to_owned).collect()
}

/// Every subcommand as its words: `["cache"]`, `["cache", "usage"]`.
fn subcommands() -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for name in subcommands_of(&[]) {
        let below = subcommands_of(&[&name]).into_iter().map(|verb| vec![name.clone(), verb]);
        all.extend(std::iter::once(vec![name.clone()]).chain(below));
    }
    assert!(all.len() > 15, "{all:?}");
    all
}
