//! `argo-buildkit schema` as a user runs it.

use std::process::Command;

use serde_json::Value;

/// What the command prints.
fn printed(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_argo-buildkit"))
        .arg("schema")
        .args(arguments)
        .env_clear()
        .output()
        .unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_command_of_the_page_prints_a_schema() {
    let page = include_str!("../../docs/schema.md");
    let commands =
        page.lines().filter_map(|line| line.strip_prefix("argo-buildkit schema ")?.split(' ').next());
    let commands: Vec<_> = commands.collect();
    assert_eq!(commands, ["step", "workflow", "policy", "catalogue"]);
    for what in commands {
        let text = printed(&[what]);
        let schema: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert!(jsonschema::draft202012::meta::is_valid(&schema), "{what}");
        assert_eq!(printed(&[what]), text, "each run prints the same");
    }
    assert_eq!(printed(&[]), printed(&["step"]));
}
