//! workflow-templates/ with the real tools: `argo lint`, the full CRDs, the controller, its agent.

mod cleanup;
mod docs;
mod exits;
mod files;
mod parameters;
mod pipeline;
mod queue;
mod supersede;

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::support::argo::Argo;
use crate::support::kube::{BUILDS, Kube};
use crate::support::net::PATIENCE;

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("workflow-templates")
}

/// The WorkflowTemplates, by file name.
fn templates() -> Vec<(String, Value)> {
    let mut found: Vec<_> = fs::read_dir(directory())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), path))
        .map(|(name, path)| (name, serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap()))
        .filter(|(name, _): &(String, Value)| name != "kustomization.yaml")
        .collect();
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    assert!(found.len() >= 4, "{found:?}");
    found
}

/// Waits until the shared controller knows the templates.
async fn installed() -> &'static Argo {
    static INSTALLED: OnceCell<()> = OnceCell::const_new();
    let argo = Argo::shared().await;
    INSTALLED.get_or_init(async || install(argo).await).await;
    argo
}

async fn install(argo: &Argo) {
    for (_, mut template) in templates() {
        template["metadata"]["namespace"] = json!(BUILDS);
        Kube::shared().await.apply(template.clone()).await;
        let name = template["metadata"]["name"].as_str().unwrap().to_owned();
        // The template is known when the error is no longer about the reference, but about a missing parameter.
        let started = std::time::Instant::now();
        loop {
            let workflow = submit(argo, &name, &[]).await;
            let (phase, message) = argo.finished(&workflow).await;
            if message.contains("is required") {
                break;
            }
            assert!(message.contains("not found") && started.elapsed() < PATIENCE, "{phase} {message}");
        }
    }
}

/// Creates a Workflow of the template. Returns its name.
async fn submit(argo: &Argo, template: &str, parameters: &[(&str, &str)]) -> String {
    let parameters: Vec<_> =
        parameters.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    let spec = json!({"workflowTemplateRef": {"name": template}, "arguments": {"parameters": parameters}});
    argo.submit(&json!({"metadata": {"generateName": "templates-"}, "spec": spec}).to_string()).await
}
