//! deploy/ can be rendered, a real API server accepts every object of it, and its rights are as documented.

mod agent;
mod alerts;
pub(crate) mod buildkitd;
mod cache_registry;
mod chart;
mod dashboards;
mod network;
mod objects;
mod pages;
mod pod_security;
mod promql;
pub(crate) mod rights;
mod server;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::bin;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

pub(crate) const OVERLAYS: [&str; 2] = ["local", "production"];

/// A copy of deploy/ with a user's own overlay.
pub(crate) struct Site(tempfile::TempDir);

impl Site {
    pub(crate) fn new(kustomization: &str) -> Self {
        let site = tempfile::tempdir().unwrap();
        succeeded(Command::new("cp").arg("-r").arg(Path::new(ROOT).join("deploy")).arg(site.path()));
        let site = Self(site);
        fs::create_dir(site.own()).unwrap();
        fs::write(site.own().join("kustomization.yaml"), kustomization).unwrap();
        site
    }

    fn own(&self) -> PathBuf {
        self.0.path().join("deploy/overlays/own")
    }

    pub(crate) fn objects(&self) -> Vec<Value> {
        parse(&kustomize(&self.own()))
    }
}

/// The output of `kustomize build`.
fn kustomize(directory: &Path) -> String {
    succeeded(Command::new(bin::testbed("kustomize")).arg("build").arg(directory))
}

pub(crate) fn overlay(name: &str) -> Vec<Value> {
    parse(&kustomize(&Path::new(ROOT).join("deploy/overlays").join(name)))
}

pub(crate) fn parse(yaml: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(yaml).unwrap()
}

/// The one object of `kind` and `name`.
pub(crate) fn object<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let mut found = objects.iter().filter(|o| o["kind"] == kind && o["metadata"]["name"] == name);
    let object = found.next().unwrap_or_else(|| panic!("there is no {kind} {name}"));
    assert!(found.next().is_none(), "there are two of {kind} {name}");
    object
}

/// The sidecar, as the plugin's ConfigMap describes it.
fn sidecar(objects: &[Value]) -> Value {
    let map = object(objects, "ConfigMap", "buildkit-executor-plugin");
    serde_saphyr::from_str(map["data"]["sidecar.container"].as_str().unwrap()).unwrap()
}

pub(crate) fn succeeded(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}:\n{stdout}\n{stderr}");
    stdout.into_owned()
}
