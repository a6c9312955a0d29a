//! README.md, docs/tour.md and docs/settings.md: the examples work, and the settings are those of the binary.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::git::GitServer;
use crate::support::shared::{shared_buildkitd, shared_registry};

const README: &str = include_str!("../../README.md");
const TOUR: &str = include_str!("../../docs/tour.md");
const SETTINGS: &str = include_str!("../../docs/settings.md");
const BINARY: &str = env!("CARGO_BIN_EXE_argo-buildkit");
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The fenced blocks of `page` in `language`.
fn blocks(page: &'static str, language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    page.split(&*fence).skip(1).map(|rest| rest.split_once("```").unwrap().0).collect()
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

fn template() -> &'static str {
    blocks(TOUR, "yaml").into_iter().find(|block| block.contains("plugin:")).unwrap()
}

/// The template after Argo's substitution.
fn substituted() -> String {
    template()
        .replace("{{inputs.parameters.revision}}", "main")
        .replace("{{inputs.parameters.version}}", "1.4.0")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn succeeded(output: &Output) -> String {
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
    stdout
}

#[test]
fn every_command_is_one_that_a_test_runs() {
    let blocks = [README, TOUR].into_iter().flat_map(|page| blocks(page, "sh"));
    let commands: Vec<_> = blocks.flat_map(str::lines).collect();
    let run =
        "argo-buildkit run --secrets-dir secrets -p revision=main -p version=1.4.0 build-and-promote.yaml";
    // `make e2e` runs docs/install.md.
    let install = include_str!("../../docs/install.md").replace("\"$OVERLAY\"", "deploy/overlays/production");
    let (installed, others): (Vec<_>, Vec<_>) =
        commands.iter().partition(|command| install.contains(**command));
    assert_eq!((others, installed.len()), (vec![&"make demo", &"make test", &run, &run], 5));
    // `make test` runs this test; `make -n` shows that it is the right target.
    let plan = succeeded(&Command::new("make").args(["-n", "test"]).current_dir(ROOT).output().unwrap());
    assert!(plan.contains("cargo test --locked"), "{plan}");
}

#[test]
fn the_template_is_a_valid_step_with_outputs_it_has() {
    let template = yaml(&substituted());
    let step = argo_buildkit::step::parse(&template["plugin"]["buildkit"]).unwrap();
    let declared = template["outputs"]["parameters"].as_array().unwrap().iter();
    let declared: Vec<_> = declared.map(|p| p["name"].as_str().unwrap().to_owned()).collect();
    step.check_declared(&declared).unwrap();
}

#[test]
fn the_template_runs_from_a_terminal() {
    let (git, registry) = (GitServer::start("ci", "pw"), shared_registry());
    let busybox = registry.push_busybox(shared_buildkitd().address());
    let values = "image:\n  tag: \"1.3.0\"   # for people\n  digest: \"\"\n";
    git.create("api", &[("Dockerfile", &format!("FROM {busybox}\nRUN echo built > /built\n"))]);
    git.create("gitops", &[("charts/api/values.yaml", values)]);
    let work = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = work.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("secrets/git-credentials/username", "ci");
    write("secrets/git-credentials/password", "pw");
    write("secrets/registry-credentials/.dockerconfigjson", "{\"auths\": {}}");
    let here = template()
        .replace("https://git.example.com/shop/api.git", &git.url("api"))
        .replace("https://git.example.com/ops/gitops.git", &git.url("gitops"))
        .replace("registry.example.com", registry.host());
    write("build-and-promote.yaml", &here);

    let line = blocks(TOUR, "sh").into_iter().find_map(|block| block.strip_prefix("argo-buildkit ")).unwrap();
    let mut command = Command::new(BINARY);
    command
        .args(line.split_whitespace())
        .current_dir(&work)
        .env("BUILDKIT_HOST", shared_buildkitd().address());
    let outputs = succeeded(&command.output().unwrap());
    let digest = outputs.lines().find_map(|line| line.strip_prefix("digest: ")).unwrap();
    let expected = values.replace("1.3.0", "1.4.0").replace("digest: \"\"", &format!("digest: \"{digest}\""));
    let show = ["show", "main:charts/api/values.yaml"];
    let shown = Command::new("git").arg("-C").arg(git.path("gitops")).args(show).output().unwrap();
    assert_eq!(succeeded(&shown), expected);
}

/// Argo's rules for such a ConfigMap (argo-workflows `pkg/plugins/spec/plugin_types.go`).
#[test]
fn the_plugin_listens_where_the_binary_does_and_knows_its_settings() {
    let read = |path: &str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let container = yaml(&read("deploy/plugin/plugin.yaml"))["spec"]["sidecar"]["container"].clone();
    let typed: k8s_openapi::api::core::v1::Container = serde_json::from_value(container.clone()).unwrap();
    assert_eq!(serde_json::to_value(&typed).unwrap(), container, "a field that Kubernetes does not know");
    let listen = settings(SETTINGS)["--listen"].clone();
    assert_eq!(listen.1, format!("127.0.0.1:{}", typed.ports.unwrap()[0].container_port));
    let set = yaml(&read("deploy/base/builds/settings.yaml"))["data"].clone();
    for variable in set.as_object().unwrap().keys() {
        assert!(settings(SETTINGS).values().any(|(name, _)| name == variable), "{variable}");
    }
}

/// Flag → variable and default, from the table of a page.
pub(crate) fn settings(page: &str) -> BTreeMap<String, (String, String)> {
    let rows = page.lines().filter(|line| line.starts_with("| `--"));
    rows.map(|row| {
        let cells: Vec<_> = row.split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect();
        (cells[1].clone(), (cells[2].clone(), cells[3].clone()))
    })
    .collect()
}

/// The same, from the help of a subcommand.
pub(crate) fn flags(subcommand: &str) -> BTreeMap<String, (String, String)> {
    let help = succeeded(&Command::new(BINARY).args([subcommand, "--help"]).env_clear().output().unwrap());
    let between = |text: &str, from: &str, to: char| {
        text.split_once(from).map(|(_, rest)| rest.split(to).next().unwrap_or_default().to_owned())
    };
    let mut flags = BTreeMap::new();
    for entry in help.replace("\n  -n, --", "\n      --").split("\n      --").skip(1) {
        let name = format!("--{}", entry.split([' ', '\n']).next().unwrap());
        let variable = between(entry, "[env: ", '=').unwrap();
        flags.insert(name, (variable, between(entry, "[default: ", ']').unwrap_or_default()));
    }
    assert!(flags.len() > 10, "{help}");
    flags
}

#[test]
fn the_settings_are_those_of_the_binary() {
    assert_eq!(settings(SETTINGS), flags("serve"));
}

#[test]
fn the_demo_shows_the_main_job_and_leaves_nothing_running() {
    let output = Command::new("make")
        .arg("demo")
        .current_dir(ROOT)
        .env("ARGO_BUILDKIT_BIN", BINARY)
        .env_remove("KEEP")
        .output()
        .unwrap();
    let said = succeeded(&output);
    let digest = said.lines().find_map(|line| line.trim().strip_prefix("digest  ")).unwrap();
    assert!(digest.starts_with("sha256:") && digest.len() == 71, "{said}");
    assert!(said.contains(&format!("+  digest: \"{digest}\"")), "{said}");
    assert!(said.contains("Managed-By: argo-buildkit"), "{said}");
    let cached = |what: &str| {
        let line = said.lines().find(|line| line.trim().starts_with(what)).unwrap();
        line.split_once(" of ").unwrap().0.rsplit(' ').next().unwrap().parse::<u32>().unwrap()
    };
    assert_eq!(cached("first build and commit"), 0, "{said}");
    assert!(cached("after the source change") > 0, "{said}");

    let pids: Vec<_> =
        said.lines().filter_map(|line| line.rsplit_once("  pid ")).map(|(_, pid)| pid).collect();
    assert_eq!(pids.len(), 4, "{said}");
    let room = said.lines().find_map(|line| line.strip_prefix("Starting the servers in ")).unwrap();
    assert!(!Path::new(room).exists(), "{room} is still there");
    for pid in pids {
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        assert!(!text(&arguments).contains(room), "{pid} still runs");
    }
}
