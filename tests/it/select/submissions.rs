//! The Workflows that are submitted.

use kube::api::{ListParams, PostParams};
use serde_json::{Value, json};

use super::{ZEROS, list, select};
use crate::support::argo::Argo;
use crate::support::git_http::GitHttp;
use crate::support::kube::{Identity, Kube};
use crate::support::net::{PATIENCE, unique, until};
use crate::support::plugin::{Plugin, Setup, Workflow, expect_phase, output, tree};
use crate::support::tcp_proxy::{Outage, TcpProxy};

/// A repository with two commits, and a namespace of workflows with a plugin behind a proxy.
struct Site {
    server: GitHttp,
    before: String,
    after: String,
    namespace: String,
    kube: &'static Kube,
    proxy: TcpProxy,
    plugin: Plugin,
}

impl Site {
    async fn open() -> Self {
        // The controller ends each Workflow at once, because its template does not exist.
        Argo::shared().await;
        let (kube, namespace) = (Kube::shared().await, unique("select"));
        kube.namespace(&namespace).await;
        let server = GitHttp::start("", "");
        let files = |content| tree(&[("services/api/main.go", content), ("docs/a.md", "1")]);
        let before = server.commit_directory("shop", "main", files("1").path(), "one");
        let after = server.commit_directory("shop", "main", files("2").path(), "two");
        let proxy = TcpProxy::start(kube.host()).await;
        let kubeconfig = kube.kubeconfig_at(Identity::Plugin, &proxy.host()).display().to_string();
        let plugin = Setup::new("tcp://127.0.0.1:1").env("KUBECONFIG", &kubeconfig).start();
        Self { server, before, after, namespace, kube, proxy, plugin }
    }

    /// Lets the plugin submit, and waits until it may.
    async fn allow(&self) {
        let rules =
            json!([{"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["create", "get"]}]);
        self.kube.grant_in(&self.namespace, Identity::Plugin, "submit", rules).await;
        let user = Identity::Plugin.user();
        let allowed = async || {
            crate::deploy::rights::allowed(self.kube, user, &self.namespace, "create workflows")
                .await
                .then_some(())
        };
        until(|| "the Role to be in force".to_owned(), PATIENCE, allowed).await;
    }

    fn template(&self, fields: Value) -> Value {
        let mut body = json!({"secret": ""});
        for (key, value) in fields.as_object().unwrap() {
            body[key] = value.clone();
        }
        select(&self.server.repo_url("shop"), &self.before, &self.after, body)
    }

    async fn node(&self, fields: Value) -> Value {
        self.plugin.drive(&Workflow::of(&self.namespace), &self.template(fields)).await
    }

    async fn workflows(&self) -> Vec<Value> {
        let api = self.kube.api("argoproj.io/v1alpha1", "Workflow", &self.namespace).await;
        let found = api.list(&ListParams::default()).await.unwrap();
        found.items.iter().map(|item| serde_json::to_value(item).unwrap()).collect()
    }

    /// The name of a service's Workflow.
    fn name(&self, service: &str) -> String {
        format!("{service}-{}", &self.after[..12])
    }
}

fn service(name: &str, paths: &str, parameters: Value) -> Value {
    json!({"name": name, "branches": ["main"], "tags": ["v.*"], "paths": [paths],
        "workflow": {"template": "ci", "parameters": parameters}})
}

#[tokio::test]
async fn touched_services_are_submitted_once() {
    let site = Site::open().await;
    let odd = "a \"b\" 'c'\n$(id) `x` 😀 $$(build.digest)";
    let services = json!([
        service("api", "services/api", json!({"targets": odd, "image": "reg.example/api", "image-tag": "", "before": "x"})),
        service("web", "services/web", json!({})),
        {"name": "told", "paths": ["**"]},
    ]);
    let node = site.node(json!({"services": services})).await;
    expect_phase(&node, "Failed");
    let message = node["message"]
        .as_str()
        .unwrap()
        .replace(&site.namespace, "NAMESPACE")
        .replace(&site.after[..12], "COMMIT");
    insta::assert_snapshot!(message, @"submitting workflow `api-COMMIT` in namespace `NAMESPACE` is forbidden to the plugin's ServiceAccount; grant it `create` and `get` on workflows of argoproj.io (the component `submit` of deploy/components, or a Role in that namespace)");
    assert_eq!(site.workflows().await, Vec::<Value>::new());

    site.allow().await;
    let node = site.node(json!({"services": services})).await;
    expect_phase(&node, "Succeeded");
    let name = site.name("api");
    assert_eq!(
        (list(&node, "submitted"), list(&node, "services")),
        (vec![name.clone()], vec!["api".to_owned(), "told".to_owned()])
    );
    assert_eq!(output(&node, "selected"), "true");
    let reason = format!(
        "submitted {name}; api: `services/api/main.go` changed; told: `services/api/main.go` changed; \
         web: nothing under services/web changed, only `services/api/main.go`"
    );
    assert_eq!(
        (output(&node, "reason"), node["message"].as_str().unwrap()),
        (reason.clone(), reason.as_str())
    );
    let workflows = site.workflows().await;
    assert_eq!(workflows.len(), 1);
    let workflow = &workflows[0];
    assert_eq!(workflow["metadata"]["name"], name);
    let line =
        argo_buildkit::selection::line(&site.server.repo_url("shop"), "refs/heads/main", "reg.example/api");
    let labels = &workflow["metadata"]["labels"];
    assert_eq!(
        (&labels["argo-buildkit.io/service"], &labels["argo-buildkit.io/line"]),
        (&json!("api"), &json!(line))
    );
    assert_eq!(
        workflow["metadata"]["annotations"]["argo-buildkit.io/reason"],
        "`services/api/main.go` changed"
    );
    let parameter = |name: &str, value: &str| json!({"name": name, "value": value});
    assert_eq!(
        workflow["spec"],
        json!({
            "workflowTemplateRef": {"name": "ci"},
            "arguments": {"parameters": [
                parameter("git-ref", "refs/heads/main"), parameter("image", "reg.example/api"), parameter("image-tag", ""),
                parameter("repo", &site.server.repo_url("shop")), parameter("revision", &site.after),
                parameter("targets", &odd.replace("$$(", "$(")),
            ]},
        })
    );

    // Whatever became of it, it is not made again.
    let ended = async || (site.workflows().await[0]["status"]["phase"] == "Error").then_some(());
    until(|| "the controller to miss the template".to_owned(), PATIENCE, ended).await;
    let node = site.node(json!({"services": services})).await;
    expect_phase(&node, "Succeeded");
    assert!(output(&node, "reason").starts_with(&format!("{name} exists already (Error); ")), "{node}");
    assert_eq!((list(&node, "submitted"), site.workflows().await.len()), (vec![], 1));

    let none = json!({"ref": "refs/heads/dev", "services": [services[0], services[1]]});
    let node = site.node(none).await;
    assert_eq!(output(&node, "selected"), "false");
    assert!(
        output(&node, "reason").starts_with("api: branch `dev` is none of the branch patterns `main`; web: "),
        "{node}"
    );
}

/// Makes the API server refuse Workflows of the site whose names begin with `bad`, and waits until it does.
async fn refuse_bad_names(site: &Site) {
    let group = "admissionregistration.k8s.io/v1";
    let rules = json!([{"apiGroups": ["argoproj.io"], "apiVersions": ["*"], "operations": ["CREATE"], "resources": ["workflows"]}]);
    let selector = json!({"matchLabels": {"kubernetes.io/metadata.name": site.namespace}});
    let name = &site.namespace;
    site.kube
        .apply(json!({
            "apiVersion": group, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name},
            "spec": {"failurePolicy": "Fail", "matchConstraints": {"resourceRules": rules},
                "validations": [{"expression": "!object.metadata.name.startsWith('bad')", "message": "no bad names"}]},
        }))
        .await;
    site.kube
        .apply(json!({
            "apiVersion": group, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name},
            "spec": {"policyName": name, "validationActions": ["Deny"], "matchResources": {"namespaceSelector": selector}},
        }))
        .await;
    let api = site.kube.api("argoproj.io/v1alpha1", "Workflow", &site.namespace).await;
    let object = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "bad"}, "spec": {}});
    let object = serde_json::from_value(object).unwrap();
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let refused = async || api.create(&dry, &object).await.is_err().then_some(());
    until(|| "the policy to be in force".to_owned(), PATIENCE, refused).await;
}

#[tokio::test]
async fn a_workflow_that_is_refused_does_not_stop_the_others() {
    let site = Site::open().await;
    site.allow().await;
    refuse_bad_names(&site).await;
    let services = ["bad", "api", "bad2", "web"].map(|name| service(name, "services/api", json!({})));
    let node = site.node(json!({"services": services})).await;
    expect_phase(&node, "Failed");
    let message = node["message"].as_str().unwrap();
    for part in [
        format!("workflow `{}` was not submitted, because the Kubernetes API refuses it: ", site.name("bad")),
        format!("workflow `{}` was not submitted", site.name("bad2")),
        "no bad names".to_owned(),
        format!("\ndone beside it: submitted {}; submitted {}; ", site.name("api"), site.name("web")),
    ] {
        assert!(message.contains(&part), "{part}: {message}");
    }
    assert_eq!(list(&node, "submitted"), [site.name("api"), site.name("web")]);
    assert_eq!(site.workflows().await.len(), 2);
}

/// The decision about the first of two pushes may take longer, and `supersede` ends the Workflow of the older push.
#[tokio::test]
async fn a_workflow_says_when_its_push_was_announced() {
    let site = Site::open().await;
    site.allow().await;
    let api = site.kube.api("argoproj.io/v1alpha1", "Workflow", &site.namespace).await;
    for (annotation, service) in [(None, "api"), (Some("2026-01-02T03:04:05Z"), "web")] {
        let own = Workflow::of(&site.namespace);
        let annotations = annotation.map(|time| json!({"argo-buildkit.io/pushed-at": time}));
        let object = json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow",
            "metadata": {"name": own.name, "annotations": annotations}, "spec": {},
        });
        let object = serde_json::from_value(object).unwrap();
        let object = api.create(&PostParams::default(), &object).await.unwrap();
        let created = serde_json::to_value(object.metadata.creation_timestamp).unwrap();
        let services = json!([self::service(service, "services/api", json!({}))]);
        let node = site.plugin.drive(&own, &site.template(json!({"services": services}))).await;
        expect_phase(&node, "Succeeded");
        let made = serde_json::to_value(api.get(&site.name(service)).await.unwrap()).unwrap();
        let pushed = &made["metadata"]["annotations"]["argo-buildkit.io/pushed-at"];
        assert_eq!(*pushed, annotation.map_or(created, Into::into));
    }
}

#[tokio::test]
async fn the_documented_example_submits() {
    let site = Site::open().await;
    site.allow().await;
    let blocks = include_str!("../../../docs/steps.md").split("```yaml\n").skip(1);
    let mut examples = blocks.filter_map(|block| block.split("```").next());
    let example = examples.find(|block| block.contains("name: select-shop")).unwrap();
    let example = example
        .replace("https://gitea.example.com/shop/shop.git", &site.server.repo_url("shop"))
        .replace("      secret: gitea-credentials\n", "")
        .replace("5e8e821a10c2f3b1d8b0a4c5e6f708192a3b4c5d", &site.before)
        .replace("9fceb02d0ae598e95dc970b74767f19372d61af8", &site.after);
    let template: Value = serde_saphyr::from_str(&example).unwrap();
    let node = site.plugin.drive(&Workflow::of(&site.namespace), &template).await;
    expect_phase(&node, "Succeeded");
    assert_eq!(list(&node, "submitted"), [site.name("api")]);
}

#[tokio::test]
async fn tags_and_pull_requests_have_names_and_image_tags_of_their_own() {
    let site = Site::open().await;
    site.allow().await;
    let services = || {
        json!([service(
            "api",
            "services/api",
            json!({"image-tag": "x", "repo": "https://other.example/shop"})
        )])
    };
    for (git_ref, before, tag) in [
        ("refs/tags/v1.0.0", ZEROS, "v1.0.0".to_owned()),
        ("refs/tags/v1.0.1", ZEROS, "v1.0.1".to_owned()),
        ("refs/pull/7/head", &site.before, format!("pr-7-{}", &site.after[..12])),
        ("refs/heads/main", &site.before, "x".to_owned()),
    ] {
        let node = site.node(json!({"ref": git_ref, "before": before, "services": services()})).await;
        expect_phase(&node, "Succeeded");
        let submitted = list(&node, "submitted");
        let workflows = site.workflows().await;
        let workflow =
            workflows.iter().find(|workflow| workflow["metadata"]["name"] == submitted[0]).unwrap();
        let parameters = workflow["spec"]["arguments"]["parameters"].as_array().unwrap();
        let value = |name: &str| {
            parameters.iter().find(|parameter| parameter["name"] == name).unwrap()["value"].clone()
        };
        assert_eq!((value("git-ref"), value("image-tag")), (json!(git_ref), json!(tag)));
        assert_eq!(value("repo"), "https://other.example/shop");
    }
    let names: Vec<_> =
        site.workflows().await.iter().map(|workflow| workflow["metadata"]["name"].to_string()).collect();
    assert_eq!(names.len(), 4, "{names:?}");
}

#[tokio::test]
async fn an_api_server_that_is_away_is_waited_for_and_a_stop_ends_the_wait() {
    let site = Site::open().await;
    site.allow().await;
    let fields = json!({"services": [service("api", "services/api", json!({}))]});
    let (workflow, template) = (Workflow::of(&site.namespace), site.template(fields.clone()));
    site.proxy.interrupt(Outage::Refused);
    let submitting = |node: &Value| node["message"].to_string().contains("submitting 1 workflows");
    site.plugin.until(&workflow, &template, submitting).await;
    let mut short = site.template(fields);
    short["timeout"] = json!("2s");
    let ended = site.plugin.drive(&Workflow::of(&site.namespace), &short).await;
    expect_phase(&ended, "Failed");
    assert!(
        ended["message"]
            .as_str()
            .unwrap()
            .contains("took longer than its timeout of 2.0 s, during: submitting"),
        "{ended}"
    );
    assert_eq!(site.workflows().await.len(), 0);
    site.proxy.restore();
    let node = site.plugin.drive(&workflow, &template).await;
    expect_phase(&node, "Succeeded");
    assert_eq!(list(&node, "submitted"), [site.name("api")]);
}

#[tokio::test]
async fn hundreds_of_services_with_hostile_globs_are_decided() {
    let site = Site::open().await;
    let hostile =
        ["{a,b,{c,d,{e,f}}}*".repeat(20), "*/".repeat(200) + "x", "**/*a*b*c*d*e*f*g*h*i".to_owned()];
    let services: Vec<_> = (0..200)
        .map(|nth| json!({"name": format!("s{nth}"), "paths": [hostile[nth % 3]], "branches": ["(a|aa)+b|main"]}))
        .collect();
    let node = site.node(json!({"services": services})).await;
    expect_phase(&node, "Succeeded");
    assert_eq!((output(&node, "selected").as_str(), list(&node, "services").len()), ("false", 0));
    assert!(node["message"].as_str().unwrap().len() < 9 << 10);
    let many: Vec<_> = (0..10_000).map(|nth| json!({"name": format!("s{nth}")})).collect();
    let node = site.node(json!({"services": many})).await;
    expect_phase(&node, "Failed");
    assert!(node["message"].as_str().unwrap().contains("more than 20000 values"), "{node}");
}
