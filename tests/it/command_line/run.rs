//! `argo-buildkit run`: what it takes from a file, and how it gives its outputs.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::support::shared::shared_registry;

/// A WorkflowTemplate with two steps that ask a registry for an image that it does not have.
fn workflow() -> String {
    let host = shared_registry().host();
    format!(
        "\
apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata: {{name: ask}}
spec:
  arguments: {{parameters: [{{name: image}}]}}
  templates:
    - name: ask
      timeout: 2m
      inputs: {{parameters: [{{name: host, default: '{host}'}}]}}
      outputs: {{parameters: [{{name: exists, valueFrom: {{supplied: {{}}, default: ''}}}}]}}
      plugin:
        buildkit:
          tags: {{image: {{ref: '{{{{inputs.parameters.host}}}}/{{{{workflow.parameters.image}}}}', insecure: true}}}}
    - name: more
      plugin: {{buildkit: {{tags: {{image: '{host}/nothing/more'}}}}}}
"
    )
}

/// Runs `text` from standard input.
fn piped(text: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(super::BINARY);
    command.env_clear().args(["run", "-"]).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn a_template_of_a_workflow_runs_with_parameters_and_prints_what_it_declares() {
    let ask = |more: &[&str]| {
        let output = piped(&workflow(), &[&["--template", "ask", "-p", "image=nothing/here"], more].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout).to_owned()
    };
    assert_eq!(ask(&[]), "exists: false\n");
    assert_eq!(ask(&["-o", "env"]), "EXISTS='false'\n");
    let printed: Value = serde_json::from_str(&ask(&["-o", "json"])).unwrap();
    assert_eq!(printed, json!({"exists": "false"}));
}

#[test]
fn the_progress_is_quiet_or_lines_of_json() {
    let told = |form: &str| {
        let output = piped(&workflow(), &["--template", "ask", "-p", "image=a/b", "--progress", form]);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "exists: false\n"));
        text(&output.stderr).to_owned()
    };
    let quiet = told("quiet");
    assert_eq!(quiet.lines().count(), 1, "{quiet}");
    let lines = told("json");
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (result, changes) = lines.split_last().unwrap();
    assert_eq!(*result, json!({"result": quiet.trim_end(), "code": 0}));
    assert!(
        changes.iter().all(|change| change["now"].is_string() && change["seconds"].is_f64()),
        "{changes:?}"
    );
    for form in ["auto", "plain"] {
        let said = told(form);
        assert!(said.ends_with(&quiet) && !said.contains('\x1b'), "{said}");
    }
}

#[test]
fn what_is_not_clear_in_a_file_is_refused() {
    for (arguments, expected) in [
        (
            &["-p", "image=a"][..],
            "standard input: several templates have a step; name one with --template: `ask`, `more`",
        ),
        (
            &["--template", "ask"][..],
            "standard input: parameters without a value or a default; give -p image=VALUE",
        ),
        (&["--template", "aks"][..], "standard input: there is no template `aks` with a step"),
    ] {
        let output = piped(&workflow(), arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(expected), "{said}");
    }
    let several = piped("tags: {image: a}\n---\ntags: {image: b}\n", &[]);
    let said = text(&several.stderr);
    assert!(said.contains("several templates have a step") && !said.contains("from_str"), "{said}");
}

#[test]
fn a_directory_that_takes_no_files_is_found_before_the_step_runs() {
    let room = tempfile::tempdir().unwrap();
    let file = room.path().join("file");
    fs::write(&file, "").unwrap();
    let directory = file.join("outputs");
    let output = piped(
        &workflow(),
        &["--template", "ask", "-p", "image=a", "--outputs-dir", directory.to_str().unwrap()],
    );
    let said = text(&output.stderr);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), ""), "{said}");
    assert!(said.contains("/outputs cannot be made, and nothing was run"), "{said}");
}

#[test]
fn the_files_have_all_outputs() {
    let room = tempfile::tempdir().unwrap();
    let directory = room.path().join("outputs");
    let arguments = ["--template", "ask", "-p", "image=a/b", "--outputs-dir", directory.to_str().unwrap()];
    let output = piped(&workflow(), &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(fs::read_to_string(directory.join("exists")).unwrap(), "false");
    assert_eq!(fs::read_to_string(directory.join("tags")).unwrap(), "[]");
}
