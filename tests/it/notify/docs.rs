//! The examples of docs/steps.md and docs/notify.md.

use argo_buildkit::step;
use serde_json::{Value, json};

use super::Site;
use crate::support::engine::run;

const STEPS: &str = include_str!("../../../docs/steps.md");
const PAGE: &str = include_str!("../../../docs/notify.md");

fn templates(page: &str) -> Vec<Value> {
    let blocks = page.split("```yaml\n").skip(1).filter_map(|block| block.split("```").next());
    let blocks = blocks.filter(|block| block.contains("plugin:") && block.contains("notify:"));
    blocks.map(|block| serde_saphyr::from_str(block).unwrap()).collect()
}

/// What Argo puts in place of the variables of the page's exit handler.
fn substituted(page: &str) -> String {
    let failures = json!([{"displayName": "build", "message": "RUN make failed"}]).to_string();
    let quoted = json!(json!(failures).to_string()).to_string();
    page.replace("{{workflow.status}}", "Failed")
        .replace("{{workflow.duration}}", "41.5")
        .replace("\"{{workflow.failures}}\"", &quoted)
        .replace("{{workflow.parameters.revision}}", "9fceb02d0ae598e95dc970b74767f19372d61af8")
}

#[tokio::test]
async fn every_example_runs() {
    let steps: Vec<_> = templates(STEPS);
    assert_eq!(steps.len(), 1);
    let page = templates(&substituted(PAGE));
    assert_eq!(page.len(), 3);
    for template in steps.iter().chain(&page) {
        let site = Site::open().await;
        let body = &template["plugin"]["buildkit"];
        let step = step::parse(body).unwrap();
        let declared = template["outputs"]["parameters"].as_array().cloned().unwrap_or_default();
        let names: Vec<_> = declared.iter().map(|each| each["name"].as_str().unwrap().to_owned()).collect();
        step.check_declared(&names).unwrap();
        // The entry of a pipeline is tested in `pipeline`.
        let Some(fields) = body["notify"].as_object() else { continue };
        let mut fields = Value::Object(fields.clone());
        let secret = match fields["to"].as_str().unwrap() {
            "slack" => "slack",
            "n8n" => "hook",
            other => panic!("{other}"),
        };
        fields["url"] = json!(secret);
        if fields["signing-secret"].is_string() {
            fields["signing-secret"] = json!(secret);
        }
        let done = run(&site.engine, "builds", &json!({"notify": fields})).await.unwrap();
        assert!(names.iter().all(|name| done.outputs.contains_key(name)), "{done:?}");
        assert_eq!(done.outputs["notified"], "true");
        assert_eq!(site.server.received().len(), 1);
    }
}
