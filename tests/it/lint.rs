//! `argo-buildkit lint` on files of its own, on everything that the repository shows, and on tests/lint.

mod samples;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use argo_buildkit::lint::{LintInput, LintReport, RULES, lint};
use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_argo-buildkit");
const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const CLEAN: i32 = 0;
const FOUND: i32 = 1;
const UNREAD: i32 = 2;

fn corpus(directory: &str) -> PathBuf {
    Path::new(ROOT).join("tests/lint").join(directory)
}

/// Runs `lint`: exit code, standard output, standard error.
fn run(room: &Path, arguments: &[&str], input: &str) -> (i32, String, String) {
    let mut command = Command::new(BINARY);
    command.arg("lint").args(arguments).current_dir(room);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

fn json(room: &Path, arguments: &[&str]) -> Value {
    let (_, shown, _) = run(room, arguments, "");
    serde_json::from_str(&shown).unwrap()
}

fn checked(name: &str, text: &str) -> LintReport {
    lint(&[LintInput { name: name.to_owned(), bytes: text.as_bytes().to_vec(), is_named: true }])
}

/// The fenced blocks of a page.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let text = fs::read_to_string(Path::new(ROOT).join(page)).unwrap();
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn everything_that_the_repository_ships_is_clean() {
    let (code, shown, said) = run(
        Path::new(ROOT),
        &[
            "workflow-templates",
            "deploy/base",
            "deploy/components",
            "deploy/overlays",
            "deploy/plugin",
            "deploy/secrets",
            "demo",
            "examples",
            "eventsources",
            "sensors",
            "tests/lint/good",
            "--deny",
            "warnings",
        ],
        "",
    );
    assert_eq!((code, &*said), (CLEAN, ""), "{shown}");
    assert!(shown.starts_with("nothing to correct: ") && !shown.contains(": 0 objects"), "{shown}");
}

#[test]
fn every_example_of_the_documentation_is_clean() {
    let mut seen = 0;
    for page in [
        "docs/tour.md",
        "docs/steps.md",
        "docs/notify.md",
        "docs/registry.md",
        "docs/workflow-templates.md",
        "docs/agent.md",
        "docs/operate.md",
        "docs/install.md",
    ] {
        for block in blocks(page, "yaml")
            .iter()
            .filter(|block| block.contains("plugin:") || block.contains("argoproj.io/"))
        {
            let report = checked(page, &samples::as_object(block));
            assert_eq!(report.findings, [], "{page}\n{block}");
            seen += report.objects;
        }
    }
    assert!(seen > 8, "{seen} examples");
}

#[test]
fn every_bad_file_has_its_findings() {
    let mut found = BTreeSet::new();
    let mut files: Vec<_> = fs::read_dir(corpus("bad")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    assert!(files.len() > 4, "{files:?}");
    for path in files {
        let name = path.file_name().unwrap().to_str().unwrap();
        let (code, shown, said) = run(&corpus("bad"), &[name, "--deny", "warnings"], "");
        assert_eq!((code, &*said), (FOUND, ""), "{name}: {shown}");
        let expected = path.with_extension("txt");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&expected, &shown).unwrap();
        }
        assert_eq!(shown, fs::read_to_string(&expected).unwrap(), "{name}");
        let report = json(&corpus("bad"), &[name, "--output", "json"]);
        let rules = report["findings"].as_array().unwrap().iter();
        let rules: BTreeSet<_> = rules.map(|finding| finding["rule"].as_str().unwrap().to_owned()).collect();
        let stem = name.trim_end_matches(".yaml");
        if RULES.iter().any(|rule| rule.name == stem) && !["step", "yaml", "plugin-form"].contains(&stem) {
            assert_eq!(rules, BTreeSet::from([stem.to_owned()]), "{name} has mistakes of its rule only");
        }
        found.extend(rules);
    }
    let rules: BTreeSet<_> = RULES.iter().map(|rule| rule.name.to_owned()).collect();
    assert_eq!(found, rules, "every rule has a file");
}

#[test]
fn the_page_shows_what_is_printed_and_has_every_rule() {
    let (page, room) = ("docs/lint.md", tempfile::tempdir().unwrap());
    fs::write(room.path().join("api.yaml"), &blocks(page, "yaml")[0]).unwrap();
    let (code, shown, _) = run(room.path(), &["api.yaml"], "");
    let path = Path::new(ROOT).join(page);
    let text = fs::read_to_string(&path).unwrap();
    if std::env::var_os("BLESS").is_some() {
        let (before, after) = text.split_once("```text\n").unwrap();
        let after = after.split_once("```").unwrap().1;
        fs::write(&path, format!("{before}```text\n{shown}```{after}")).unwrap();
    }
    assert_eq!((code, shown), (FOUND, blocks(page, "text").remove(0)));
    let missing: Vec<_> =
        RULES.iter().filter(|rule| !text.contains(&format!("| `{}` |", rule.name))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// What upstream's linter passes over (argo-events v1.9.11: `Skips with exit 0`).
#[test]
fn documents_behind_any_separator_are_checked() {
    let good = fs::read_to_string(corpus("good").join("events.yaml")).unwrap();
    let bad = good.replace("webhookSecret", "webhookSecrt");
    for text in [
        bad.replace('\n', "\r\n"),
        bad.replace("---\n", "--- # next\n"),
        bad.replace("---\n", "---   \n"),
        bad.replace("---\n", "...\n---\n"),
    ] {
        let rules: Vec<_> = checked("a.yaml", &text).findings.iter().map(|found| found.rule).collect();
        assert_eq!(rules, ["unsigned-hook", "unknown-field"], "{text}");
    }
}

#[test]
fn references_are_checked_between_the_files_of_a_project() {
    let text = fs::read_to_string(corpus("good").join("events.yaml")).unwrap();
    let input = |(n, text): (usize, &str)| LintInput {
        name: format!("{n}.yaml"),
        bytes: text.as_bytes().to_vec(),
        is_named: true,
    };
    let apart: Vec<_> = text.split("---\n").enumerate().map(input).collect();
    assert_eq!(lint(&apart).findings, []);
    let renamed =
        text.replacen("    push:\n", "    pushed:\n", 1).replace("name: image-build", "name: image-builder");
    let renamed = renamed.replacen("name: image-builder", "name: image-build", 1);
    let apart: Vec<_> = renamed.split("---\n").enumerate().map(input).collect();
    let report = lint(&apart);
    let found: Vec<_> = report.findings.iter().map(|found| (found.file.as_str(), found.rule)).collect();
    assert_eq!(found, [("2.yaml", "unknown-event"), ("2.yaml", "unknown-template")], "{report:?}");
}

#[test]
fn the_exit_code_says_what_was_found() {
    let (room, warning) = (
        tempfile::tempdir().unwrap(),
        "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nspec:\n  parallelism: 1\n  entrypoint: a\n  templates: [{name: a, plugin: {buildkit: {supersede: {}}}}]\n",
    );
    let code = |arguments: &[&str], input: &str| run(room.path(), arguments, input).0;
    assert_eq!(code(&["-"], warning), CLEAN);
    assert_eq!(code(&["-", "--deny", "warnings"], warning), FOUND);
    assert_eq!(code(&["-"], &warning.replace("supersede", "supercede")), FOUND);
    assert_eq!(code(&["absent.yaml"], ""), UNREAD);
    assert_eq!(code(&[], ""), UNREAD);
    assert_eq!(code(&["-", "--output", "xml"], ""), UNREAD);
    fs::write(room.path().join("a.yaml"), warning.replace("supersede", "supercede")).unwrap();
    let (code, shown, said) = run(room.path(), &["absent.yaml", "a.yaml"], "");
    assert_eq!(code, UNREAD);
    assert!(
        shown.contains("did you mean `supersede`?") && said.starts_with("error: absent.yaml cannot be read"),
        "{shown}{said}"
    );
}

#[test]
fn in_a_directory_only_what_mentions_argo_has_to_be_yaml() {
    let room = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(room.path().join(name), text).unwrap();
    fs::create_dir(room.path().join("chart")).unwrap();
    write("chart/values.yml", "a: {{ .Values.a }}\n");
    write("chart/NOTES.txt", "kind: Workflow\napiVersion: argoproj.io/v1alpha1\nx: {{\n");
    assert_eq!(run(room.path(), &["."], "").0, CLEAN);
    assert_eq!(run(room.path(), &["chart/values.yml"], "").0, FOUND);
    write("chart/b.yml", "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nspec: {{ .Values.spec }}\n");
    let (code, shown, _) = run(room.path(), &["."], "");
    assert!(code == FOUND && shown.contains("chart/b.yml:3:7"), "{shown}");
}

#[test]
fn places_are_right_behind_a_byte_order_mark_wide_characters_and_windows_line_ends() {
    let text = "\u{feff}apiVersion: argoproj.io/v1alpha1\r\nkind: Workflow\r\nmetadata: {name: \u{e4}\u{1f680}, labels: {a: b, a: c}}\r\nspec: {}\r\n";
    let report = checked("a.yaml", text);
    let place = &report.findings[0];
    assert_eq!((place.start.line, place.start.column, place.end.column), (3, 37, 38), "{report:?}");
}

#[test]
fn json_and_sarif_have_the_same_findings() {
    let room = corpus("bad");
    let plain = json(&room, &["documents.yaml", "--output", "json"]);
    insta::assert_json_snapshot!(plain["findings"][1], @r#"
    {
      "column": 48,
      "end_column": 64,
      "end_line": 8,
      "file": "documents.yaml",
      "help": "close it, or leave it out; otherwise the workflow is never begun, and the controller's log alone says why",
      "line": 8,
      "object": "WorkflowTemplate api",
      "problem": "a `{{` without a `}}`, which Argo takes for the beginning of a reference",
      "rule": "open-braces",
      "severity": "error"
    }
    "#);
    let sarif = json(&room, &["documents.yaml", "--output", "sarif"]);
    assert_eq!((sarif["version"].as_str(), sarif["runs"].as_array().map(Vec::len)), (Some("2.1.0"), Some(1)));
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    assert_eq!(results.len(), plain["findings"].as_array().unwrap().len());
    let rules = &sarif["runs"][0]["tool"]["driver"]["rules"];
    for (result, finding) in results.iter().zip(plain["findings"].as_array().unwrap()) {
        let number = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!((&result["ruleId"], &rules[number]["id"]), (&finding["rule"], &finding["rule"]));
        let place = &result["locations"][0]["physicalLocation"]["region"];
        assert_eq!((&place["startLine"], &place["startColumn"]), (&finding["line"], &finding["column"]));
    }
    insta::assert_json_snapshot!(results[1], @r#"
    {
      "level": "error",
      "locations": [
        {
          "physicalLocation": {
            "artifactLocation": {
              "uri": "documents.yaml"
            },
            "region": {
              "endColumn": 64,
              "endLine": 8,
              "startColumn": 48,
              "startLine": 8
            }
          }
        }
      ],
      "message": {
        "text": "a `{{` without a `}}`, which Argo takes for the beginning of a reference; close it, or leave it out; otherwise the workflow is never begun, and the controller's log alone says why"
      },
      "ruleId": "open-braces",
      "ruleIndex": 11
    }
    "#);
}
