//! The notes that `helm install` prints: their commands name what exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{Release, identity};
use crate::deploy::{ROOT, object, parse, sidecar, succeeded};
use crate::support::bin;

const INSTALL: &str = include_str!("../../../../docs/install.md");
const README: &str = include_str!("../../../../deploy/chart/README.md");

/// Puts the notes into an object, since `helm template` prints none.
const EXTRA: &str = "extraObjects:\n- |\n  \
    {apiVersion: v1, kind: Notes, metadata: {name: notes}, text: {{ include \"argo-buildkit.notes\" . | toJson }}}\n";

const VALUES: [&str; 4] = [
    "keepData=true",
    "agent.enabled=true,image.repository=registry.example.com/argo-buildkit",
    "buildkitd.pool.enabled=true,fullnameOverride=b,argo.namespace=workflows,workflows.namespaces={builds,team-b}",
    "agent.enabled=true,buildkitd.namespace=bk,cacheRegistry.namespace=cache,agent.namespace=agents",
];

/// The notes, and the objects.
fn release(values: &str) -> (String, Vec<Value>) {
    let extra = tempfile::NamedTempFile::new().unwrap();
    fs::write(extra.path(), EXTRA).unwrap();
    let release = Release::new("notes").with(&["--values", extra.path().to_str().unwrap()]).set(values);
    let objects = release.objects();
    let notes = object(&objects, "Notes", "notes")["text"].as_str().unwrap().to_owned();
    (notes, objects)
}

/// The indented lines.
fn commands(notes: &str) -> Vec<&str> {
    notes.lines().filter_map(|line| line.strip_prefix("  ")).collect()
}

/// The values of an option.
fn options<'a>(command: &'a str, name: &str) -> Vec<&'a str> {
    let words: Vec<_> = command.split_whitespace().collect();
    words.windows(2).filter(|pair| pair[0] == name).map(|pair| pair[1]).collect()
}

#[test]
fn every_command_names_what_exists() {
    let check = Command::new(env!("CARGO_BIN_EXE_argo-buildkit")).args(["check", "--help"]).output().unwrap();
    let check = String::from_utf8(check.stdout).unwrap();
    for values in VALUES {
        let (notes, objects) = release(values);
        let commands = commands(&notes);
        assert!(commands.len() >= 5, "{notes}");
        let identities: BTreeSet<_> = objects.iter().map(identity).collect();
        for command in commands {
            for file in [options(command, "--patch-file"), options(command, "-k")].concat() {
                assert!(Path::new(ROOT).join(file).exists(), "{command}");
            }
            if let Some((_, workload)) = command.split_once(" rollout status ") {
                let workload = workload.split(' ').next().unwrap().replace("deployment/", "Deployment ");
                let (kind, name) = workload.split_once([' ', '/']).unwrap();
                let kind = kind.replace("statefulset", "StatefulSet");
                let sought = format!("{kind} {}/{name}", options(command, "-n")[0]);
                assert!(identities.contains(&sought), "{command}: {sought}");
            }
            if let Some(arguments) = command.strip_prefix("argo-buildkit check ") {
                let unknown =
                    arguments.split(' ').filter(|word| word.starts_with("--") && !check.contains(*word));
                assert_eq!(unknown.collect::<Vec<_>>(), Vec::<&str>::new(), "{command}");
            }
        }
    }
}

/// The Secrets that pods mount and sidecars read, as `NAMESPACE/NAME`.
fn needed(objects: &[Value]) -> BTreeSet<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut needed = BTreeSet::new();
    for object in objects {
        let namespace = &object["metadata"]["namespace"];
        let volumes = object.pointer("/spec/template/spec/volumes").and_then(Value::as_array);
        let mounted = volumes.into_iter().flatten().filter(|volume| volume["secret"].is_object());
        needed.extend(
            mounted.map(|volume| format!("{}/{}", text(namespace), text(&volume["secret"]["secretName"]))),
        );
        if object["metadata"]["name"] == "buildkit-settings" {
            needed.insert(format!(
                "{}/{}",
                text(namespace),
                text(&object["data"]["ARGO_BUILDKIT_TLS_SECRET"])
            ));
        }
    }
    needed
}

#[test]
fn the_certificates_are_those_that_pods_mount() {
    for values in VALUES {
        let (notes, objects) = release(values);
        let commands = commands(&notes);
        let line = commands.iter().find(|command| command.starts_with("scripts/certificates")).unwrap();
        let (script, _) = line.split_once(" | ").unwrap();
        let mut shell = Command::new("sh");
        let made = parse(&succeeded(shell.args(["-c", script]).current_dir(ROOT)));
        let made: BTreeSet<_> =
            made.iter().map(|secret| identity(secret).trim_start_matches("Secret ").to_owned()).collect();
        assert_eq!(made, needed(&objects), "{line}");
    }
}

#[test]
fn they_warn_of_an_image_that_is_not_published() {
    let warning = "is not published";
    assert!(release("keepData=true").0.contains(warning));
    assert!(!release("image.repository=registry.example.com/argo-buildkit").0.contains(warning));
}

/// The pages' commands, with `template` instead of `upgrade --install`.
#[test]
fn the_commands_of_the_pages_name_the_image() {
    let image = "registry.example.com/tools/argo-buildkit:0.1.0";
    for page in [INSTALL, README] {
        let (_, rest) = page.split_once("helm upgrade --install ").unwrap();
        let arguments = rest.split("```").next().unwrap();
        let script = format!("\"$HELM\" template --kube-version 1.36.0 {arguments}");
        let mut shell = Command::new("sh");
        shell.args(["-euc", &script]).current_dir(ROOT);
        let objects = parse(&succeeded(shell.env("HELM", bin::testbed("helm")).env("IMAGE", image)));
        assert_eq!(sidecar(&objects)["image"], image);
    }
}
