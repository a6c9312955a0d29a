//! The examples of docs/steps.md and docs/sync.md.

use argo_buildkit::step;
use serde_json::{Value, json};

use super::{OUR_IMAGE, Site};

const STEPS: &str = include_str!("../../../docs/steps.md");
const PAGE: &str = include_str!("../../../docs/sync.md");

fn templates(page: &str) -> Vec<Value> {
    let blocks = page.split("```yaml\n").skip(1).filter_map(|block| block.split("```").next());
    let blocks = blocks.filter(|block| block.contains("plugin:") && block.contains("sync:"));
    blocks.map(|block| serde_saphyr::from_str(block).unwrap()).collect()
}

#[test]
fn every_example_of_the_page_is_a_valid_step() {
    let templates = templates(PAGE);
    assert_eq!(templates.len(), 3);
    for template in templates {
        let step = step::parse(&template["plugin"]["buildkit"]).unwrap();
        let declared = template["outputs"]["parameters"].as_array().cloned().unwrap_or_default();
        let names: Vec<_> = declared.iter().map(|each| each["name"].as_str().unwrap().to_owned()).collect();
        step.check_declared(&names).unwrap();
    }
}

#[tokio::test]
async fn the_example_of_the_steps_runs() {
    let templates: Vec<_> = templates(STEPS)
        .into_iter()
        .filter(|template| template["plugin"]["buildkit"]["sync"].is_object())
        .collect();
    let [template] = templates.as_slice() else { panic!("{templates:?}") };
    let fields = &template["plugin"]["buildkit"]["sync"];
    let commit = fields["commit"].as_str().unwrap();
    let image = fields["images"].as_str().unwrap();
    assert_eq!(image.split('@').nth(1), OUR_IMAGE.split('@').nth(1));
    let site = Site::open(commit, image).await;
    let application = json!([{"name": site.name, "namespace": fields["applications"][0]["namespace"]}]);
    let more = json!({"applications": application, "commit": commit, "images": image});
    let done = site.start(more).ended().await.unwrap();
    for declared in template["outputs"]["parameters"].as_array().unwrap() {
        assert!(done.outputs.contains_key(declared["name"].as_str().unwrap()), "{declared}");
    }
}
