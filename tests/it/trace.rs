//! One trace from a hook's delivery to a healthy deployment, as an OTLP collector receives it.

use kube::Api;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use serde_json::{Value, json};

use crate::support::argo::install_crds;
use crate::support::argocd::Applications;
use crate::support::collector::{Collector, Span};
use crate::support::kube::{Identity, Kube};
use crate::support::net::{PATIENCE, unique, until};
use crate::support::plugin::{Plugin, Setup, Workflow, expect_phase};
use crate::support::shared::shared_buildkitd;
use crate::support::shared_agent::{AgentSetup, Tenant};
use crate::support::shop::{Shop, template};
use crate::sync::state;

const DELIVERY: &str = "f75e5e69-07a8-4dc0-92a1-5ee8f0542a32";
const CAUSE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const WORKFLOWS: &str = "argoproj.io/v1alpha1";

/// A namespace of Workflows that no controller works on.
struct Site {
    kube: &'static Kube,
    namespace: String,
}

impl Site {
    /// The plugin may read the Workflows of this namespace, as in deploy/base/builds.
    async fn new() -> Self {
        let kube = Kube::shared().await;
        install_crds(kube).await;
        let namespace = unique("trace");
        kube.namespace(&namespace).await;
        let rules = json!([{"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["get", "list", "watch"]}]);
        kube.grant_in(&namespace, Identity::Plugin, "workflows", rules).await;
        Self { kube, namespace }
    }

    /// Creates a Workflow with these annotations, as a Sensor does, and waits until the plugin may read it.
    async fn workflow(&self, annotations: Value) -> Workflow {
        let name = unique("wf");
        let labels = json!({"workflows.argoproj.io/workflow-template": "ci-cd-buildkit-deploy"});
        let metadata =
            json!({"name": name, "namespace": self.namespace, "labels": labels, "annotations": annotations});
        let object = json!({"apiVersion": WORKFLOWS, "kind": "Workflow", "metadata": metadata, "spec": {}});
        self.kube.apply(object).await;
        let client = self.kube.client(Identity::Plugin).await;
        let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("argoproj.io", "v1alpha1", "Workflow"));
        let readable = Api::<DynamicObject>::namespaced_with(client, &self.namespace, &kind);
        let found = async || readable.get(&name).await.ok();
        let found = until(|| format!("the right to read {name}"), PATIENCE, found).await;
        Workflow { name, uid: found.metadata.uid.unwrap(), namespace: self.namespace.clone() }
    }

    /// A plugin that sends its spans to `collector`.
    fn plugin(&self, collector: &Collector) -> Plugin {
        let kubeconfig = self.kube.kubeconfig(Identity::Plugin);
        Setup::new(shared_buildkitd().address())
            .env("KUBECONFIG", kubeconfig.to_str().unwrap())
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint())
            .start()
    }
}

/// The one span of the trace with this name.
#[track_caller]
fn one<'a>(spans: &'a [Span], trace: &str, name: &str) -> &'a Span {
    let found: Vec<_> = spans.iter().filter(|span| span.trace == trace && span.name == name).collect();
    assert_eq!(found.len(), 1, "{name} in {trace}: {spans:#?}");
    found[0]
}

fn simple(uuid: &str) -> String {
    uuid.replace('-', "")
}

async fn ended(plugin: &Plugin) {
    plugin.signal("TERM");
    assert!(plugin.exit().await.success(), "{}", plugin.log());
}

#[tokio::test]
async fn one_trace_goes_from_the_delivery_to_healthy() {
    let (site, collector, applications) =
        (Site::new().await, Collector::start().await, Applications::shared().await);
    let shop = Shop::with(site.plugin(&collector), "FROM BASE\nRUN echo one trace\n").await;
    let application = unique("trace");
    applications.create(&application).await;
    applications.allow_sync(&application).await;
    let delivered = site.workflow(json!({"argo-buildkit.io/delivery": DELIVERY})).await;
    let caused = site
        .workflow(json!({"argo-buildkit.io/traceparent": CAUSE, "argo-buildkit.io/delivery": DELIVERY}))
        .await;

    expect_phase(&shop.plugin.drive(&delivered, &template(shop.steps())).await, "Succeeded");
    let commit = shop.gitops.head("main").await;
    let image = format!("{}@{}", shop.image(), shop.digest("1").await.unwrap());
    applications.set(&application, &state(&commit, &image)).await;
    let sync = template(json!({"sync": {
        "applications": application, "commit": commit, "images": image,
        "repo": shop.gitops.url(), "secret": {"name": "git"},
    }}));
    // In a request of its own, and in another workflow.
    for workflow in [&delivered, &caused] {
        expect_phase(&shop.plugin.drive(workflow, &sync).await, "Succeeded");
    }
    ended(&shop.plugin).await;

    let (spans, trace) = (collector.spans(), simple(DELIVERY));
    let find = |name: &str| one(&spans, &trace, name);
    let (run, steps) = (find("RUN ci-cd-buildkit-deploy"), find("steps"));
    let (build, vertex, update) = (find("build"), find("[2/2] RUN echo one trace"), find("update-manifest"));
    let healthy = find("sync");
    let parents = [run, steps, build, vertex, update, healthy].map(|span| span.parent.as_slice());
    let [run_id, steps_id, build_id] = [run, steps, build].map(|span| span.id.as_slice());
    assert_eq!(parents, [&[][..], run_id, steps_id, build_id, steps_id, run_id]);
    assert!(run.start <= steps.start && steps.end <= healthy.start && healthy.end <= run.end, "{spans:#?}");
    assert!(build.end <= update.start, "{spans:#?}");

    for (name, value) in [
        ("cicd.pipeline.name", "ci-cd-buildkit-deploy"),
        ("cicd.pipeline.run.id", delivered.uid.as_str()),
        ("cicd.pipeline.result", "success"),
        ("argo_buildkit.delivery.id", DELIVERY),
        ("workflow.name", delivered.name.as_str()),
    ] {
        assert_eq!(run.attribute(name), value, "{name}");
    }
    for (span, task) in [(steps, "steps"), (build, "build"), (update, "update-manifest"), (healthy, "sync")] {
        let names =
            ["task.name", "task.run.result"].map(|name| span.attribute(&format!("cicd.pipeline.{name}")));
        assert_eq!(names, [task, "success"]);
        assert!(!span.attribute("cicd.pipeline.task.run.id").is_empty() && !span.failed, "{span:?}");
    }
    for span in [steps, healthy] {
        assert_eq!(span.attribute("cicd.pipeline.name"), "ci-cd-buildkit-deploy");
        assert_eq!(span.attribute("cicd.pipeline.run.id"), delivered.uid);
    }
    let place = |span: &Span| {
        ["vcs.repository.url.full", "vcs.ref.head.name", "vcs.ref.head.revision"]
            .map(|name| span.attribute(name).to_owned())
    };
    let without_git = |url: String| url.trim_end_matches(".git").to_owned();
    let (service, gitops) = (without_git(shop.service.url()), without_git(shop.gitops.url()));
    assert_eq!(place(build), [service, "main".to_owned(), shop.sha.clone()]);
    assert_eq!(place(update), [gitops.clone(), "main".to_owned(), commit.clone()]);
    assert_eq!(place(healthy), [gitops, String::new(), commit.clone()]);
    assert_eq!(healthy.attribute("argo_buildkit.sync.outcome"), "healthy");
    assert_eq!(healthy.attribute("argo_buildkit.sync.deployed"), commit);

    // The commit leads to the step that wrote it, from wherever it is deployed.
    let message = shop.gitops.message(&commit).await;
    let trailer = format!("\nTraceparent: 00-{trace}-{}-01\n", hex::encode(&update.id));
    assert!(message.contains(&trailer), "{message}");
    let wrote = [(trace.clone(), update.id.clone())];
    let elsewhere = CAUSE.split('-').nth(1).unwrap();
    let other = one(&spans, elsewhere, "sync");
    assert_eq!((healthy.links.as_slice(), other.links.as_slice()), (&wrote[..], &wrote[..]));
    let other_run = one(&spans, elsewhere, "RUN ci-cd-buildkit-deploy");
    assert_eq!(hex::encode(&other_run.parent), "b7ad6b7169203331", "what caused the workflow");
    assert_eq!(other.parent, other_run.id);
    assert!(spans.iter().all(|span| span.trace == trace || span.trace == elsewhere), "{spans:#?}");
}

#[tokio::test]
async fn a_workflow_whose_origin_is_not_valid_is_a_trace_of_its_own() {
    let (site, collector) = (Site::new().await, Collector::start().await);
    let plugin = site.plugin(&collector);
    let hostile = json!({"argo-buildkit.io/traceparent": "00-\n-x-01", "argo-buildkit.io/delivery": "none"});
    let workflow = site.workflow(hostile).await;
    // Another Workflow had the name before.
    let replaced = Workflow { uid: uuid::Uuid::new_v4().to_string(), ..workflow.clone() };
    for workflow in [&workflow, &replaced] {
        let node = plugin.drive(workflow, &template(refused())).await;
        expect_phase(&node, "Failed");
    }
    ended(&plugin).await;
    let spans = collector.spans();
    for (workflow, name) in [(&workflow, "RUN ci-cd-buildkit-deploy"), (&replaced, "RUN")] {
        let trace = simple(&workflow.uid);
        let (run, step) = (one(&spans, &trace, name), one(&spans, &trace, "update-manifest"));
        assert_eq!((run.parent.as_slice(), &step.parent), (&[][..], &run.id));
        assert!(run.failed && step.failed, "{spans:#?}");
        assert_eq!(
            (run.attribute("cicd.pipeline.result"), step.attribute("error.type")),
            ("failure", "user")
        );
        assert_eq!(run.attribute("argo_buildkit.delivery.id"), "");
        assert_eq!(step.attribute("cicd.pipeline.task.run.result"), "failure");
    }
}

/// A step that fails at once: its Secret does not exist.
fn refused() -> Value {
    json!({"update-manifest": {
        "repo": "https://git.invalid/ops/gitops.git", "secret": {"name": "absent"},
        "targets": [{"file": "values.yaml", "helm": {"image.tag": "1"}}],
    }})
}

#[tokio::test]
async fn a_shared_agent_sends_the_span_of_a_workflow_when_that_has_ended() {
    let (tenant, collector) = (Tenant::new().await, Collector::start().await);
    let agent = AgentSetup::new(shared_buildkitd().address(), &[&tenant])
        .await
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint())
        .env("OTEL_BSP_SCHEDULE_DELAY", "100")
        .start();
    agent.leads().await;
    let metadata = json!({"generateName": "trace-", "annotations": {"argo-buildkit.io/delivery": DELIVERY}});
    let main = json!({"name": "main", "plugin": {"buildkit": refused()}});
    let workflow = json!({"metadata": metadata, "spec": {"entrypoint": "main", "templates": [main]}});
    let name = tenant.argo.submit(&workflow.to_string()).await;
    let sent = async || {
        let spans = collector.spans();
        spans.iter().any(|span| span.name == "RUN").then_some(spans)
    };
    let spans = until(|| format!("the span of {name}\n{}", agent.log()), PATIENCE, sent).await;
    let (trace, uid) = (simple(DELIVERY), tenant.argo.workflow(&name).await["metadata"]["uid"].take());
    let (run, step) = (one(&spans, &trace, "RUN"), one(&spans, &trace, "update-manifest"));
    assert_eq!((run.parent.as_slice(), &step.parent), (&[][..], &run.id));
    assert_eq!(run.attribute("cicd.pipeline.run.id"), uid);
    assert_eq!(run.attribute("cicd.pipeline.name"), name, "it was made from no template");
    assert_eq!(run.attribute("cicd.pipeline.result"), "failure");
}
