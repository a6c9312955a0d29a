//! The help of every subcommand: its groups, its width, its examples, its exit codes.

use std::process::Command;

use super::{printed, run, subcommands};

/// The widest terminal that help is written for.
const WIDEST: usize = 100;

fn help(words: &[String]) -> String {
    let words: Vec<_> = words.iter().map(String::as_str).chain(["--help"]).collect();
    printed(&words)
}

/// The lines of a section, which ends at an empty line.
fn section<'a>(help: &'a str, title: &str) -> Vec<&'a str> {
    let (_, section) =
        help.split_once(&format!("\n{title}:\n")).unwrap_or_else(|| panic!("no {title}:\n{help}"));
    section.lines().take_while(|line| !line.is_empty()).collect()
}

#[test]
fn every_subcommand_has_its_exit_codes() {
    for words in subcommands().into_iter().chain([Vec::new()]) {
        let help = help(&words);
        let codes: Vec<_> =
            section(&help, "Exit codes").iter().filter_map(|line| line.strip_prefix("  ")).collect();
        let has = |code: &str| codes.iter().any(|line| line.split(' ').next() == Some(code));
        assert!(["0", "1", "2"].into_iter().all(has), "{words:?}: {codes:?}");
    }
}

/// Help is printed only if all arguments before it are valid.
#[test]
fn every_subcommand_has_two_examples_that_it_takes() {
    for words in subcommands().into_iter().chain([Vec::new()]) {
        let help = help(&words);
        let lines = section(&help, "Examples");
        let commands: Vec<_> =
            lines.iter().filter_map(|line| line.strip_prefix("  argo-buildkit ")).collect();
        assert!(commands.len() >= 2, "{words:?}: {lines:#?}");
        assert!(
            lines.iter().all(|line| line.starts_with("  argo-buildkit ") || line.starts_with("  # ")),
            "{lines:#?}"
        );
        for command in commands {
            let arguments = arguments(command);
            assert_eq!(arguments[..words.len()], words[..], "{command}");
            let arguments: Vec<_> = arguments.iter().map(String::as_str).chain(["--help"]).collect();
            let output = run(&arguments);
            assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

/// The words that a shell makes of `command`, without its pipe and redirection.
fn arguments(command: &str) -> Vec<String> {
    let command = command.split(" >").next().unwrap().split(" | ").next().unwrap();
    let shell = format!("printf '%s\\n' {command}");
    let output = Command::new("bash").args(["-c", &shell]).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn help_is_wrapped() {
    for words in subcommands().into_iter().chain([Vec::new()]) {
        let help = help(&words);
        let wide: Vec<_> = help.lines().filter(|line| line.chars().count() > WIDEST).collect();
        assert!(wide.is_empty(), "{words:?}: {wide:#?}");
    }
}

#[test]
fn many_options_are_in_groups() {
    for (name, groups) in [
        (
            "serve",
            &["Ports", "Steps", "buildkitd", "Registries, Git, forges and chats", "Secrets", "Log"][..],
        ),
        (
            "agent",
            &["Whose workflows", "Cache registry", "Replicas", "Ports", "Steps", "buildkitd", "Secrets"][..],
        ),
        ("run", &["buildkitd", "Secrets", "Log"][..]),
        ("check", &["Installation", "What steps use", "buildkitd"][..]),
        ("tags", &["Registry"][..]),
    ] {
        let help = help(&[name.to_owned()]);
        for group in groups {
            assert!(section(&help, group)[0].contains("--"), "{name}: {group}");
        }
    }
}
