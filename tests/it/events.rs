//! eventsources/ and sensors/ without a cluster: which trigger an event starts, and that what they name is there. The real
//! EventSource and Sensor judge the same events in tests/e2e.

mod bus;
mod filters;
mod objects;

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::deploy::{parse, succeeded};
use crate::support::bin;

/// The objects of a kustomization of the tree.
fn kustomization(folder: &str) -> Vec<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    parse(&succeeded(Command::new(bin::testbed("kustomize")).arg("build").arg(root.join(folder))))
}

/// The objects of a kustomization that is written here and names folders as `../../FOLDER`.
fn own_kustomization(text: &str) -> Vec<Value> {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    let room = tempfile::Builder::new().prefix("events-").tempdir_in(target).unwrap();
    std::fs::write(room.path().join("kustomization.yaml"), text).unwrap();
    parse(&succeeded(Command::new(bin::testbed("kustomize")).arg("build").arg(room.path())))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a string: {value}"))
}
