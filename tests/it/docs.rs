//! The examples of docs/steps.md run unchanged, except for the hosts and owners of the test's own servers.

use serde_json::{Value, json};

use crate::support::argocd::Applications;
use crate::support::bin;
use crate::support::kube::{Identity, Kube};
use crate::support::plugin::{Setup, output, tree};
use crate::support::shared::World;
use crate::support::sshd::key_pair;

const DOCS: &str = include_str!("../../docs/steps.md");
/// Of it, the section about promotions.
const REGISTRY: &str = include_str!("../../docs/registry.md");
const KEY: &str = include_str!("../cosign/keys/sec1.pem");
const PUBLIC_KEY: &str = include_str!("../cosign/keys/public.pem");

const OBJECTS: &str = "\
kind: ConfigMap
metadata: {name: api}
data: {VERSION: old}
---
kind: Deployment
metadata: {name: api}
spec: {template: {spec: {initContainers: [{name: migrate, image: shop/api:old}]}}}
";

const APPLICATION: &str = "\
kind: Application
metadata: {name: api}
spec:
  source:
    helm:
      parameters: [{name: image.tag, value: old}]
      values: |
        sidecar:
          tag: old
";

const SOURCES: &str = "\
kind: Application
metadata: {name: shop}
spec:
  sources:
  - {chart: web, helm: {valuesObject: {image: {tag: web}}}}
  - {chart: api, helm: {valuesObject: {image: {tag: old}}}}
";

const INSTALL: &str = "\
kind: Deployment
metadata: {name: server}
spec: {template: {spec: {containers: [{name: server, image: 'quay.io/argoproj/argocd:v2.9.0'}]}}}
";

/// Every fenced YAML block that is a template.
fn examples() -> Vec<&'static str> {
    let (_, promotion) = REGISTRY.split_once("## Promotion between stages").unwrap();
    let promotion = promotion.split("\n## ").next().unwrap();
    let blocks = [DOCS, promotion].into_iter().flat_map(|text| text.split("```yaml\n").skip(1));
    let blocks = blocks.filter_map(|block| block.split("```").next());
    // The examples of `supersede`, of `select` with services, of `poll` and of `sync` need a cluster: see
    // templates::supersede, select::submissions, poll::docs and sync::docs. Those of `cache` need a daemon of their own: see cache::docs.
    // Those of `notify` need a chat: see notify::docs.
    let other = [
        "supersede:",
        "sync-api",
        "notify:",
        "select-shop",
        "poll:",
        "name: cache-usage",
        "name: cache-prune",
        "name: cache-warm",
    ];
    let elsewhere = |block: &str| other.iter().any(|part| block.contains(part));
    blocks.filter(|block| block.contains("plugin:") && !elsewhere(block)).collect()
}

#[tokio::test]
async fn every_example_of_the_documentation_runs() {
    let world = World::shared().await;
    let gitea = world.gitea;
    let owner = gitea.user("docs").await;
    let (api, gitops) = (gitea.repo(&owner, "api").await, gitea.repo(&owner, "gitops").await);
    let dockerfile = "FROM scratch AS runtime\nARG VERSION\nCOPY main.txt /\nFROM runtime\n";
    let source = tree(&[
        ("Dockerfile", dockerfile),
        ("main.txt", "hello"),
        ("services/api/Dockerfile", dockerfile),
        ("services/api/main.txt", "hello"),
    ]);
    let revision = api.push_directory(source.path(), "main", "first").await;
    let kustomization = format!(
        "resources: ['https://git.example.com/ops/base?ref=old']\nimages:\n- name: {}\n  newTag: old\n",
        api.full_name()
    );
    let manifests = tree(&[
        ("charts/api/values.yaml", "image:\n  tag: old\n"),
        ("charts/api/values-prod.yaml", "image:\n  tag: old\n  digest: old\n"),
        ("overlays/prod/kustomization.yaml", &kustomization),
        ("charts/web/values.yaml", "image:\n  tag: old\n"),
        ("charts/umbrella/values.yaml", "image: {tag: old}\napi:\n  image: shop/api:old\n"),
        ("apps/api.yaml", OBJECTS),
        ("argocd/api.yaml", APPLICATION),
        ("argocd/shop.yaml", SOURCES),
        ("environments/prod.yaml", "image: &image {tag: old}\napi: {image: *image, args: []}\n"),
        ("flux/other.yaml", "image: shop/web:v1\n"),
        ("argocd/install.yaml", INSTALL),
        ("flux/api.yaml", "image: shop/api:old # {\"$imagepolicy\": \"flux-system:api\"}\n"),
    ]);
    gitops.push_directory(manifests.path(), "main", "lay out").await;

    let applications = Applications::shared().await;
    applications.create("api").await;
    applications.allow("api").await;
    let kubeconfig = Kube::shared().await.kubeconfig(Identity::Plugin).display().to_string();
    let plugin = Setup::new(world.buildkitd.address()).env("KUBECONFIG", &kubeconfig).start();
    let token = gitea.token(&owner, &["write:repository", "write:package"]).await;
    plugin.put("gitea-credentials", "username", &owner);
    plugin.put("gitea-credentials", "password", &token);
    plugin.put("registry-credentials", ".dockerconfigjson", &gitea.docker_config_json(&owner, &token));
    for (key, pem) in [("cosign.key", KEY), ("cosign.pub", PUBLIC_KEY)] {
        plugin.put("image-signing-key", key, pem);
    }
    plugin.put("npm", ".npmrc", "//registry.example/:_authToken=npm_0123456789\n");

    plugin.put("deploy-key", "ssh-privatekey", &key_pair().private);

    let examples = examples();
    assert_eq!(examples.len(), 19);
    for example in examples {
        let here = example
            .replace("https://gitea.example.com/shop/api.git", &api.url())
            .replace("https://gitea.example.com/ops/gitops.git", &gitops.url())
            .replace("gitea.example.com/shop/api", &api.image())
            .replace("gitea.example.com/prod/api", &format!("{}-prod", api.image()))
            .replace("cache.example.com", world.registry.host())
            .replace("name: shop/api", &format!("name: {}", api.full_name()))
            .replace("9fceb02d0ae598e95dc970b74767f19372d61af8", &revision)
            .replace("5e8e821a10c2f3b1d8b0a4c5e6f708192a3b4c5d", &revision);
        let mut template: Value = serde_saphyr::from_str(&here).unwrap();
        if template["retryStrategy"].is_object() {
            // The shortest example uses a public repository and an open registry.
            template["plugin"]["buildkit"]["build"]["context"] =
                json!({"repo": api.url(), "secret": "gitea-credentials"});
            template["plugin"]["buildkit"]["build"]["registry-secret"] = json!("registry-credentials");
        }
        let node = plugin.node(&template).await;
        assert_eq!(node["phase"], "Succeeded", "{}\n{here}", node["message"]);
        for declared in template["outputs"]["parameters"].as_array().into_iter().flatten() {
            output(&node, declared["name"].as_str().unwrap());
        }
    }
    let values = gitops.read("main", "charts/api/values.yaml").await.unwrap();
    assert!(values.contains("1.6.1"), "{values}");
    let promoted = gitops.read("main", "charts/api/values-prod.yaml").await.unwrap();
    assert!(promoted.contains("1.4.0") && promoted.contains("digest: sha256:"), "{promoted}");
    assert_eq!(applications.refresh("api").await.as_deref(), Some("normal"));
    for file in [
        "apps/api.yaml",
        "argocd/api.yaml",
        "argocd/shop.yaml",
        "environments/prod.yaml",
        "flux/api.yaml",
        "charts/umbrella/values.yaml",
    ] {
        let text = gitops.read("main", file).await.unwrap();
        assert!(text.contains("1.5.0") && !text.contains("old"), "{text}");
    }
    let head = format!("argo-buildkit/main/{}", api.full_name());
    let proposed = gitops.read(&head, "charts/api/values.yaml").await.unwrap();
    assert!(proposed.contains("1.7.0"), "{proposed}");
    assert!(
        gitops.read("main", "overlays/prod/kustomization.yaml").await.unwrap().contains("digest: sha256:")
    );
}

/// The options of `docker buildx build --help` (buildx v0.30), except `--help`.
const BUILDX: &[&str] = &[
    "add-host",
    "allow",
    "annotation",
    "attest",
    "build-arg",
    "build-context",
    "builder",
    "cache-from",
    "cache-to",
    "call",
    "cgroup-parent",
    "check",
    "debug",
    "file",
    "iidfile",
    "label",
    "load",
    "metadata-file",
    "network",
    "no-cache",
    "no-cache-filter",
    "output",
    "platform",
    "policy",
    "progress",
    "provenance",
    "pull",
    "push",
    "quiet",
    "sbom",
    "secret",
    "shm-size",
    "ssh",
    "tag",
    "target",
    "ulimit",
];

#[test]
fn every_option_of_buildx_and_buildctl_has_a_row() {
    let help =
        std::process::Command::new(bin::testbed("buildctl")).args(["build", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let (_, options) = help.split_once("OPTIONS:").unwrap();
    let (options, _) = options.split_once("GLOBAL OPTIONS:").unwrap();
    let names = options.lines().filter_map(|line| line.trim().strip_prefix("--")?.split([' ', ',']).next());
    let buildctl: Vec<_> = names.filter(|name| *name != "help").collect();
    assert!(buildctl.len() > 15, "{help}");
    let (_, table) = DOCS.split_once("### Beside buildx and buildctl").unwrap();
    let rows: Vec<Vec<_>> = table
        .lines()
        .take_while(|line| !line.starts_with('#'))
        .filter(|line| line.starts_with('|'))
        .map(|line| line.split('|').collect())
        .collect();
    let has = |column: usize, option: &str| {
        let word = format!("`--{option}");
        let ends = |rest: &str| rest.starts_with(['`', ' ']);
        rows.iter()
            .any(|row| row[column].match_indices(&word).any(|(at, _)| ends(&row[column][at + word.len()..])))
    };
    let missing = |column, options: &[&str]| -> Vec<String> {
        options.iter().filter(|option| !has(column, option)).map(|option| (*option).to_owned()).collect()
    };
    assert_eq!((missing(1, BUILDX), missing(2, &buildctl)), (Vec::new(), Vec::new()));
}
