//! The examples of docs/steps.md about the cache, and the CronWorkflow, run as they stand.

use argo_buildkit::engine::Tenancy;
use argo_buildkit::policy::Policy;
use serde_json::Value;

use super::Site;
use crate::support::engine::run;

const DOCS: &str = include_str!("../../../docs/steps.md");
const CRON: &str = include_str!("../../../examples/cache-prune.yaml");

#[tokio::test]
async fn the_documented_steps_run() {
    let site = Site::start().await;
    let repositories = site.git.url("*");
    let text = format!("namespaces: {{builds: {{daemon-cache: true, repositories: ['{repositories}']}}}}");
    let policy = Policy::parse("policy.yaml", &text).unwrap();
    let engine = site.engine(Tenancy::shared(Some(policy)));
    let (_, section) = DOCS.split_once("\n## cache\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let blocks = section.split("```yaml\n").skip(1).filter_map(|block| block.split("```").next());
    // The smallest example is no template; `pages::kinds` checks it.
    let blocks: Vec<_> = blocks.filter(|block| block.contains("plugin:")).collect();
    assert_eq!(blocks.len(), 3);
    let cron: Value = serde_saphyr::from_str(CRON).unwrap();
    let nightly = cron["spec"]["workflowSpec"]["templates"][0].clone();
    site.git.create("api", &[("Dockerfile", &format!("FROM {} AS runtime\n", site.busybox))]);
    // The test's registry has one image, and neither server wants a login.
    let here = |block: &str| {
        let bases = "[registry.example.com/base/node:22, registry.example.com/base/nginx:1]";
        block
            .replace(bases, &format!("[{}]", site.busybox))
            .replace("https://gitea.example.com/shop/api.git", &site.git.url("api"))
            .replace(", secret: gitea-credentials", "")
            .replace("registry-secret: registry-credentials", "")
    };
    let templates = blocks.into_iter().map(|block| serde_saphyr::from_str::<Value>(&here(block)).unwrap());
    for template in templates.chain([nightly]) {
        let done = run(&engine, "builds", &template["plugin"]["buildkit"]).await.unwrap();
        for declared in template["outputs"]["parameters"].as_array().unwrap() {
            assert!(done.outputs.contains_key(declared["name"].as_str().unwrap()), "{declared}");
        }
    }
}
