//! The shared agent: each object of an installation is removed in turn; contradictions; steps that it does not run.

mod site;

use kube::api::{DynamicObject, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::{Report, rows};
use crate::support::argo::Argo;
use crate::support::bin;
use crate::support::kube::{BUILDS, Kube};
use crate::support::net::{PATIENCE, unique, until};
use site::{Site, text};

const WORKFLOWS: &str = "argoproj.io/v1alpha1";

const RIGHTS: &str = include_str!("../../../deploy/components/agent-rights/role.yaml");
const ACCOUNT: &str = include_str!("../../../deploy/base/agent/account.yaml");
const GATE: &str = include_str!("../../../deploy/components/agent-gate/gate.yaml");

fn is_good(report: &Report) -> bool {
    report.lines("FAIL").is_empty() && report.lines("warn").is_empty()
}

#[tokio::test]
async fn a_whole_installation_of_the_shared_agent_is_ok() {
    // Brings Argo's kinds.
    Argo::shared().await;
    let site = Site::new(Kube::shared().await, unique("builds")).await;
    let report = site.report_when(&[], is_good).await;
    assert_eq!(report.code, Some(0));
    for line in report.lines("ok") {
        assert!(rows().iter().any(|row| line.starts_with(row)), "docs/check.md does not explain: {line}");
    }
    insta::assert_snapshot!(site.named(&report.text), @r#"
    ok   Kubernetes API: reached as `admin`
    ok   mode of namespace BUILDS: shared agent, by disableAgentPodCreation in ConfigMap ARGO/workflow-controller-configmap (Argo Workflows v4.1.2)
    skip plugin ConfigMap, token Secrets, ARGO_EXECUTOR_PLUGINS, ARGO_AGENT_PATCH_RATE, ARGO_AGENT_CPU_LIMIT: not looked at: only agent pods need them, and none starts here
    ok   shared agent AGENT/buildkit-agent: 2 of 2 pods ready, image registry.example.com/argo-buildkit:0.1.0
    ok   shared agent settings: watches shop, BUILDS, BUILDKIT_HOST=tcp://10.0.0.7:1234
    ok   policy ConfigMap AGENT/buildkit-agent-policy: has an entry for BUILDS
    ok   Lease AGENT/buildkit-agent: replica-a leads, and renews it within its 15 s
    ok   client certificate Secret AGENT/buildkit-client-tls: has ca.crt, tls.crt, tls.key
    ok   rights of ServiceAccount AGENT/buildkit-agent: may list+watch workflowtasksets, patch workflowtasksets/status, get+list+watch workflows, impersonate serviceaccounts `buildkit-executor-plugin`, create leases, get+update leases `buildkit-agent`, watch leases `buildkit-agent`
    ok   Pod Security of namespace BUILDS: enforces nothing by label; the agent pod fits restricted
    ok   rights of ServiceAccount BUILDS/buildkit-workflow: may create+patch workflowtaskresults
    ok   controller ARGO/workflow-controller: Argo Workflows v4.1.2
    ok   controller setting DEFAULT_REQUEUE_TIME: 200ms: a step ends in its workflow up to 0.4 s after it began, its commit is out before
    ok   controller flag --qps: 200, --burst 400: workflows that run at once do not wait for it
    ok   controller setting INFORMER_WRITE_BACK: Argo 4.1 and newer have no such setting, and need none
    ok   rights of ServiceAccount ARGO/argo: may patch+update workflowtasksets/status
    ok   HTTP templates and other plugins: no template that workflows of BUILDS share has one
    skip events of namespace BUILDS: no EventSource and no Sensor is there, so no push begins a workflow; docs/events.md says how one does
    ok   buildkitd BUILDKITD: v0.32.2, 1 worker, PLATFORMS
    ok   garbage collection of buildkitd: its cache has bounds
    ok   egress of namespace AGENT: reaches no link-local address and no metadata service
    "#);
}

#[tokio::test]
async fn each_object_of_the_shared_agent_left_out_is_named() {
    Argo::shared().await;
    let site = Site::new(Kube::shared().await, unique("builds")).await;
    site.report_when(&[], is_good).await;
    for object in site.objects() {
        let (kind, name) = (text(&object["kind"]), text(&object["metadata"]["name"]));
        let Some((verdict, expected)) = left_out(&kind, &name.replace(&site.agent, "AGENT")) else {
            continue;
        };
        site.delete(&object).await;
        let report = site.report_when(&[], |report| !is_good(report)).await;
        let said = report.lines(verdict).join("\n");
        assert!(said.contains(expected), "without {kind} {name}:\n{}", report.text);
        assert_eq!(report.code, Some(i32::from(verdict == "FAIL")), "without {kind} {name}");
        site.apply(object).await;
        site.report_when(&[], is_good).await;
    }
}

#[tokio::test]
async fn an_instance_id_that_the_agent_lacks_is_named() {
    Argo::shared().await;
    let site = Site::new(Kube::shared().await, unique("builds")).await;
    site.report_when(&[], is_good).await;
    let mut map = site.object("ConfigMap", "workflow-controller-configmap");
    map["data"]["instanceID"] = json!("blue");
    site.apply(map).await;
    let report = site.report_when(&[], |report| !is_good(report)).await;
    let said = report.lines("FAIL").join("\n");
    for words in [
        "the controller's instanceID is `blue`",
        "serves workflows of none",
        "set ARGO_BUILDKIT_INSTANCE_ID=blue in",
    ] {
        assert!(said.contains(words), "{said}");
    }
    let mut settings = site.object("ConfigMap", "buildkit-agent-settings");
    settings["data"]["ARGO_BUILDKIT_INSTANCE_ID"] = json!("blue");
    site.apply(settings).await;
    site.report_when(&[], is_good).await;
}

/// The finding without an object; none for a namespace, because the other objects would be missing too.
fn left_out(kind: &str, name: &str) -> Option<(&'static str, &'static str)> {
    let fail = |text| Some(("FAIL", text));
    match (kind, name) {
        ("Namespace", _) => None,
        ("ConfigMap", "workflow-controller-configmap") => {
            fail("watches this namespace too: both execute every step")
        }
        ("ConfigMap", "buildkit-agent-settings") => {
            fail("does not exist, so the shared agent does not start")
        }
        ("ConfigMap", _) => fail("buildkit-agent-policy: does not exist"),
        ("Deployment", "workflow-controller") => fail("install Argo Workflows"),
        ("Deployment", _) => fail("there is no such Deployment, so plugin steps"),
        ("Secret", _) => fail("make it with the keys ca.crt, tls.crt, tls.key"),
        ("Lease", _) => fail("does not exist, so no replica"),
        ("NetworkPolicy", _) => Some(("warn", "no NetworkPolicy limits it")),
        (_, "AGENT-status") => fail("hears of no stopped or timed-out step"),
        (_, "AGENT-results") => Some(("warn", "may not create, patch workflowtaskresults")),
        (_, "AGENT-steps") => fail("may not impersonate serviceaccounts `buildkit-executor-plugin`"),
        (_, "AGENT-lease") => fail("may not get, update leases `buildkit-agent`"),
        other => panic!("what is said without {other:?}?"),
    }
}

/// The shipped objects are those that `check` expects.
#[tokio::test]
async fn the_rights_of_deploy_are_those_that_the_shared_agent_needs() {
    Argo::shared().await;
    let site = Site::new(Kube::shared().await, unique("builds")).await;
    for object in site.objects() {
        let name = text(&object["metadata"]["name"]);
        let is_agent_s = name.ends_with("-steps") || name.ends_with("-lease");
        if is_agent_s && name.starts_with(&site.agent) {
            site.delete(&object).await;
        }
    }
    site.report_when(&[], |report| report.lines("FAIL").len() > 3).await;
    for (yaml, namespace) in [(RIGHTS, &site.builds), (ACCOUNT, &site.agent)] {
        for mut object in serde_saphyr::from_multiple::<Value>(yaml).unwrap() {
            object["metadata"]["namespace"] = json!(namespace);
            for subject in object.get_mut("subjects").and_then(Value::as_array_mut).into_iter().flatten() {
                subject["namespace"] = json!(site.agent);
            }
            site.apply(object).await;
        }
    }
    site.report_when(&[], is_good).await;
}

/// A separate server, because the gate belongs to no namespace.
#[tokio::test]
async fn a_gate_that_does_not_hold_is_named() {
    let kube = Kube::start().await;
    install_templates(&kube).await;
    let site = Site::new(&kube, unique("builds")).await;
    gated(&site).await;
    let report = site.report_when(&[], is_good).await;
    assert!(report.about("mode of namespace").contains("shared agent, by the gate"), "{}", report.text);

    let [policy, binding] = gate();
    let with = |change: fn(&mut Value)| {
        let mut policy = policy.clone();
        change(&mut policy["spec"]);
        policy
    };
    site.apply(with(|spec| spec["failurePolicy"] = json!("Ignore"))).await;
    site.says("warn", "has failurePolicy Ignore").await;
    site.delete(&policy).await;
    site.apply(with(|spec| spec["mutations"] = json_patch())).await;
    site.says("FAIL", "has the patchType JSONPatch, on which kube-apiserver panics").await;
    site.delete(&policy).await;
    site.says("FAIL", "there is no MutatingAdmissionPolicy buildkit-agent-gate: agent pods start").await;
    site.apply(policy).await;
    site.delete(&binding).await;
    site.says("FAIL", "there is no MutatingAdmissionPolicyBinding buildkit-agent-gate").await;
    site.apply(binding).await;
    site.report_when(&[], is_good).await;

    // The flag is for 4.1 and newer.
    site.apply(site.object("ConfigMap", "workflow-controller-configmap")).await;
    site.says("FAIL", "and Argo Workflows v4.0.7 does not know it: the controller crash-loops").await;
}

#[tokio::test]
async fn an_agent_that_does_not_work_here_is_named() {
    Argo::shared().await;
    let site = Site::new(Kube::shared().await, unique("builds")).await;
    site.report_when(&[], is_good).await;
    let mut lease = site.object("Lease", "buildkit-agent");
    lease["spec"]["renewTime"] = json!("2026-01-01T00:00:00.000000Z");
    site.apply(lease).await;
    site.says("FAIL", "replica-a has not renewed it for").await;
    site.apply(site.object("Lease", "buildkit-agent")).await;

    let mut settings = site.object("ConfigMap", "buildkit-agent-settings");
    settings["data"]["ARGO_BUILDKIT_NAMESPACES"] = json!("shop");
    site.apply(settings).await;
    site.says("FAIL", &format!("it watches shop, and not {}", site.builds)).await;
    site.apply(site.object("ConfigMap", "buildkit-agent-settings")).await;

    let mut policy = site.object("ConfigMap", "buildkit-agent-policy");
    policy["data"]["policy.yaml"] = json!("namespaces: {}");
    site.apply(policy).await;
    site.says("FAIL", "has no entry in the policy").await;
    site.apply(site.object("ConfigMap", "buildkit-agent-policy")).await;

    site.ready(&site.agent, "buildkit-agent", 1).await;
    site.says("warn", "1 of 2 pods ready").await;
    site.ready(&site.agent, "buildkit-agent", 2).await;

    let template = json!({"name": "call", "http": {"url": "https://example.com"}});
    site.apply(json!({
        "apiVersion": WORKFLOWS, "kind": "WorkflowTemplate",
        "metadata": {"name": "notify", "namespace": site.builds}, "spec": {"templates": [template]},
    }))
    .await;
    let report = site.says("warn", "WorkflowTemplate notify (http in template call)").await;
    assert_eq!(report.code, Some(0), "{}", report.text);
}

#[tokio::test]
async fn a_workflow_that_the_shared_agent_leaves_is_explained() {
    Argo::shared().await;
    let site = Site::new(Kube::shared().await, BUILDS.to_owned()).await;
    let plugin = |key: &str| json!({"name": "main", "plugin": {key: {"build": {}}}});
    let ours = submit(site.kube, plugin("buildkit")).await;
    let why = async |name: &str, words: &str| {
        let report = site.report_when(&[name], |report| report.text.contains(words)).await;
        report.only().to_owned()
    };
    let line = why(&ours, "has reported nothing yet").await;
    assert!(line.starts_with("warn") && line.contains(&format!("kubectl logs -n {}", site.agent)), "{line}");
    site.ready(&site.agent, "buildkit-agent", 0).await;
    let line = why(&ours, "no pod of it is ready").await;
    assert!(line.starts_with("FAIL"), "{line}");
    site.ready(&site.agent, "buildkit-agent", 2).await;

    let sets = site.kube.api(WORKFLOWS, "WorkflowTaskSet", BUILDS).await;
    let report = json!({"status": {"nodes": {&ours: {"phase": "Running", "message": "[3/7] RUN npm ci"}}}});
    sets.patch_status(&ours, &PatchParams::default(), &Patch::Merge(report)).await.unwrap();
    let line = why(&ours, "[3/7] RUN npm ci").await;
    assert!(line.starts_with("ok"), "{line}");

    let slack = submit(site.kube, plugin("slack")).await;
    let line = why(&slack, "it wants the plugin `slack`").await;
    assert!(line.starts_with("FAIL"), "{line}");
    let http = submit(site.kube, json!({"name": "main", "http": {"url": "https://example.com"}})).await;
    let line = why(&http, "it is an `http` template").await;
    assert!(line.contains(&format!("argo stop -n {BUILDS} {http}")), "{line}");
}

/// A workflow of one template, made by the genuine controller's rules.
async fn submit(kube: &Kube, template: Value) -> String {
    let spec = json!({"entrypoint": "main", "serviceAccountName": "wf", "templates": [template]});
    let object = json!({
        "apiVersion": WORKFLOWS, "kind": "Workflow", "metadata": {"generateName": "shared-"}, "spec": spec,
    });
    let object: DynamicObject = serde_json::from_value(object).unwrap();
    let workflows = kube.api(WORKFLOWS, "Workflow", BUILDS).await;
    workflows.create(&PostParams::default(), &object).await.unwrap().metadata.name.unwrap()
}

/// The policy and its binding.
fn gate() -> [Value; 2] {
    serde_saphyr::from_multiple::<Value>(GATE).unwrap().try_into().unwrap()
}

/// A policy that makes the server panic if it is evaluated, which nothing does here.
fn json_patch() -> Value {
    let expression = r#"[JSONPatch{op: "add", path: "/spec/priority", value: 1}]"#;
    json!([{"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}])
}

/// Changes it to an installation under Argo 4.0, whose agent pods are made and gated.
async fn gated(site: &Site<'_>) {
    site.delete(&site.object("ConfigMap", "workflow-controller-configmap")).await;
    let mut controller = site.object("Deployment", "workflow-controller");
    let container = &mut controller["spec"]["template"]["spec"]["containers"][0];
    container["image"] = json!("quay.io/argoproj/workflow-controller:v4.0.7");
    let write_back = json!({"name": "INFORMER_WRITE_BACK", "value": "true"});
    container["env"].as_array_mut().unwrap().push(write_back);
    site.apply(controller).await;
    let labels = json!({"argo-buildkit.io/agent": "shared"});
    let metadata = json!({"name": site.builds, "labels": labels});
    site.apply(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})).await;
    let metadata = json!({"name": "buildkit-workflow", "namespace": site.builds});
    site.apply(json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})).await;
    let mut role = site.object("Role", &format!("{}-status", site.agent));
    role["rules"].as_array_mut().unwrap().extend([
        json!({"apiGroups": [""], "resources": ["serviceaccounts", "secrets"], "verbs": ["get"]}),
        json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["create"]}),
    ]);
    site.apply(role).await;
    for object in gate() {
        site.apply(object).await;
    }
}

/// The kinds that hold templates.
async fn install_templates(kube: &Kube) {
    let testbed = bin::testbed("workflow-controller");
    let crds = testbed.ancestors().nth(2).unwrap().join("share/argo/crds");
    for plural in ["workflowtemplates", "cronworkflows", "clusterworkflowtemplates"] {
        let path = crds.join(format!("argoproj.io_{plural}.yaml"));
        kube.apply_yaml(&std::fs::read_to_string(path).unwrap()).await;
    }
    for kind in ["WorkflowTemplate", "CronWorkflow"] {
        let objects = kube.api(WORKFLOWS, kind, BUILDS).await;
        until(|| kind.to_owned(), PATIENCE, async || objects.list(&ListParams::default()).await.ok()).await;
    }
}
