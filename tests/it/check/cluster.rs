//! The objects of an installation, each removed in turn.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use super::{Report, Run, named, plugin_with_image, rows};
use crate::support::kube::{Identity, Kube};
use crate::support::net::{PATIENCE, unique, until};
use crate::support::shared::bounded_buildkitd;

const RBAC: &str = "rbac.authorization.k8s.io/v1";

/// An installation in namespaces of its own.
struct Site {
    kube: &'static Kube,
    builds: String,
    argo: String,
    daemon: String,
}

impl Site {
    /// All objects of an installation.
    async fn new() -> Self {
        let kube = Kube::shared().await;
        let site = Self { kube, builds: unique("builds"), argo: unique("argo"), daemon: unique("daemon") };
        for object in site.objects() {
            site.apply(object).await;
        }
        site
    }

    fn objects(&self) -> Vec<Value> {
        let (workflow, plugin) = ("buildkit-workflow", "buildkit-executor-plugin");
        let task_sets = |resource: &str, verbs: &[&str]| json!([{"apiGroups": ["argoproj.io"], "resources": [resource], "verbs": verbs}]);
        let core = |resource: &str, verbs: &[&str]| json!([{"apiGroups": [""], "resources": [resource], "verbs": verbs}]);
        let mut objects = vec![
            self.namespace(&self.argo, json!({})),
            self.namespace(&self.builds, json!({"pod-security.kubernetes.io/enforce": "restricted"})),
            self.namespace(&self.daemon, json!({"pod-security.kubernetes.io/enforce": "privileged"})),
            self.plugin(),
            self.settings(),
            self.controller(&GOOD),
            self.object("v1", "ServiceAccount", &self.builds, workflow, json!({})),
            self.object("v1", "ServiceAccount", &self.builds, plugin, json!({})),
            self.token(workflow),
            self.token(plugin),
        ];
        let agent = ("builds", workflow);
        objects.extend(self.role("agent", agent, task_sets("workflowtasksets", &["list", "watch"])));
        objects.extend(self.role("status", agent, task_sets("workflowtasksets/status", &["patch"])));
        objects.extend(self.role("results", agent, task_sets("workflowtaskresults", &["create", "patch"])));
        let own = ("builds", plugin);
        let watched = json!([{"apiGroups": ["argoproj.io"], "resources": ["workflowtasksets", "workflows"], "verbs": ["get", "list", "watch"]}]);
        objects.extend(self.role("cancel", own, watched));
        let secret = json!([{"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["git", "buildkit-client-tls"], "verbs": ["get"]}]);
        objects.extend(self.role("secrets", own, secret));
        let argo = ("argo", "argo");
        let write = task_sets("workflowtasksets/status", &["patch", "update"]);
        objects.extend(self.role("write-status", argo, write));
        objects.extend(self.role("read-secrets", argo, core("secrets", &["get"])));
        objects.extend(self.role("read-accounts", argo, core("serviceaccounts", &["get"])));
        objects.extend(self.role("make-pods", argo, core("pods", &["create"])));
        objects
    }

    fn object(&self, version: &str, kind: &str, namespace: &str, name: &str, more: Value) -> Value {
        let mut object = more;
        object["apiVersion"] = json!(version);
        object["kind"] = json!(kind);
        object["metadata"]["name"] = json!(name);
        if !namespace.is_empty() {
            object["metadata"]["namespace"] = json!(namespace);
        }
        object
    }

    fn namespace(&self, name: &str, labels: Value) -> Value {
        self.object("v1", "Namespace", "", name, json!({"metadata": {"labels": labels}}))
    }

    fn plugin(&self) -> Value {
        let labels = json!({"workflows.argoproj.io/configmap-type": "ExecutorPlugin"});
        let data = json!({"sidecar.automountServiceAccountToken": "true", "sidecar.container": CONTAINER});
        let more = json!({"metadata": {"labels": labels}, "data": data});
        self.object("v1", "ConfigMap", &self.argo, "buildkit-executor-plugin", more)
    }

    fn settings(&self) -> Value {
        let host = format!("tcp://buildkitd.{}.svc:1234", self.daemon);
        let data = json!({"BUILDKIT_HOST": host, "ARGO_BUILDKIT_TLS_SECRET": "buildkit-client-tls"});
        self.object("v1", "ConfigMap", &self.builds, "buildkit-settings", json!({"data": data}))
    }

    fn controller(&self, env: &[(&str, &str)]) -> Value {
        let env: Vec<_> = env.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        let image = "quay.io/argoproj/workflow-controller:v4.0.7";
        let container = json!({"name": "workflow-controller", "image": image, "env": env});
        let labels = json!({"app": "workflow-controller"});
        let pod = json!({"serviceAccountName": "argo", "containers": [container]});
        let template = json!({"metadata": {"labels": labels}, "spec": pod});
        let spec = json!({"spec": {"selector": {"matchLabels": labels}, "template": template}});
        self.object("apps/v1", "Deployment", &self.argo, "workflow-controller", spec)
    }

    /// A token Secret, filled like by the cluster's own controller.
    fn token(&self, account: &str) -> Value {
        let claims = json!({"sub": format!("system:serviceaccount:{}:{account}", self.builds)}).to_string();
        let token = format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(claims));
        let more = json!({
            "metadata": {"annotations": {"kubernetes.io/service-account.name": account}},
            "type": "kubernetes.io/service-account-token",
            "stringData": {"token": token},
        });
        self.object("v1", "Secret", &self.builds, &format!("{account}.service-account-token"), more)
    }

    /// A Role in the workflows' namespace, bound to the account `name` of `builds` or `argo`.
    fn role(&self, role: &str, (place, name): (&str, &str), rules: Value) -> [Value; 2] {
        let group = "rbac.authorization.k8s.io";
        let namespace = if place == "argo" { &self.argo } else { &self.builds };
        let binding = json!({
            "roleRef": {"apiGroup": group, "kind": "Role", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
        });
        [
            self.object(RBAC, "Role", &self.builds, role, json!({"rules": rules})),
            self.object(RBAC, "RoleBinding", &self.builds, role, binding),
        ]
    }

    async fn apply(&self, object: Value) {
        let is_controller = object["kind"] == "Deployment";
        self.kube.apply(object).await;
        if is_controller {
            self.ready(1).await;
        }
    }

    /// Writes the number of the controller's ready pods, like the cluster's own controller.
    async fn ready(&self, count: u32) {
        let deployments = self.kube.api("apps/v1", "Deployment", &self.argo).await;
        let status = json!({"status": {"replicas": count, "readyReplicas": count}});
        let parameters = PatchParams::default();
        deployments.patch_status("workflow-controller", &parameters, &Patch::Merge(status)).await.unwrap();
    }

    async fn delete(&self, object: &Value) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let metadata = &object["metadata"];
        let (version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
        let api = self.kube.api(&version, &kind, &text(&metadata["namespace"])).await;
        api.delete(&text(&metadata["name"]), &DeleteParams::default()).await.unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Run {
        // Another test's shared agent may watch all namespaces.
        let site =
            ["--namespace", &self.builds, "--argo-namespace", &self.argo, "--agent-namespace", &self.argo];
        Run::new(&[&site[..], arguments].concat()).kubeconfig(&self.kube.kubeconfig(Identity::Admin))
    }

    /// Waits for a report that `fits`, because the server's RBAC learns a change a moment later.
    async fn report_when(&self, fits: impl Fn(&Report) -> bool) -> Report {
        let last = std::cell::RefCell::new(String::new());
        let what = || format!("a report that fits; the last one:\n{}", last.borrow());
        until(what, PATIENCE, async || {
            let report = self.run(&[]).report().await;
            last.replace(report.text.clone());
            fits(&report).then_some(report)
        })
        .await
    }

    fn named(&self, text: &str) -> String {
        // The platforms of a daemon depend on the machine's processor.
        let lines = text.lines().map(|line| match line.split_once(" worker, ") {
            Some((known, _)) => format!("{known} worker, PLATFORMS"),
            None => line.to_owned(),
        });
        let text = lines.collect::<Vec<_>>().join("\n");
        let names = [
            (self.builds.as_str(), "BUILDS"),
            (self.argo.as_str(), "ARGO"),
            (self.daemon.as_str(), "DAEMON"),
            (bounded_buildkitd().address(), "BUILDKITD"),
        ];
        named(&text, &names)
    }
}

const GOOD: [(&str, &str); 5] = [
    ("ARGO_EXECUTOR_PLUGINS", "true"),
    ("DEFAULT_REQUEUE_TIME", "200ms"),
    ("ARGO_AGENT_PATCH_RATE", "100ms"),
    ("ARGO_AGENT_CPU_LIMIT", "1"),
    ("INFORMER_WRITE_BACK", "true"),
];

const CONTAINER: &str = "
name: buildkit
image: registry.example.com/argo-buildkit:0.1.0
args: [serve]
envFrom: [{configMapRef: {name: buildkit-settings}}]
ports: [{containerPort: 4355}]
resources: {requests: {cpu: 50m, memory: 32Mi}, limits: {cpu: 1, memory: 256Mi}}
securityContext:
  runAsNonRoot: true
  runAsUser: 8737
  allowPrivilegeEscalation: false
  capabilities: {drop: [ALL]}
";

fn is_good(report: &Report) -> bool {
    report.lines("FAIL").is_empty() && report.lines("warn").is_empty()
}

#[tokio::test]
async fn a_whole_installation_is_ok() {
    let site = Site::new().await;
    let report = site.report_when(is_good).await;
    assert_eq!(report.code, Some(0));
    for line in report.lines("ok") {
        assert!(rows().iter().any(|row| line.starts_with(row)), "docs/check.md does not explain: {line}");
    }
    insta::assert_snapshot!(site.named(&report.text), @r#"
    ok   Kubernetes API: reached as `admin`
    ok   mode of namespace BUILDS: sidecar: each workflow has an agent pod with the plugin in it
    ok   plugin ConfigMap ARGO/buildkit-executor-plugin: image registry.example.com/argo-buildkit:0.1.0, user 8737
    ok   plugin settings: BUILDKIT_HOST=tcp://buildkitd.DAEMON.svc:1234, certificates of Secret buildkit-client-tls
    ok   Pod Security of namespace BUILDS: enforces restricted, which the agent pod fits
    ok   Pod Security of namespace DAEMON: enforces privileged, as buildkitd needs
    ok   ServiceAccount BUILDS/buildkit-workflow: exists
    ok   token Secret BUILDS/buildkit-workflow.service-account-token: holds a token
    ok   ServiceAccount BUILDS/buildkit-executor-plugin: exists
    ok   token Secret BUILDS/buildkit-executor-plugin.service-account-token: holds a token
    ok   rights of ServiceAccount BUILDS/buildkit-workflow: may list+watch workflowtasksets, patch workflowtasksets/status, create+patch workflowtaskresults
    ok   rights of ServiceAccount BUILDS/buildkit-executor-plugin: may get secrets `buildkit-client-tls`, get+list+watch workflowtasksets, get+list+watch workflows
    ok   controller ARGO/workflow-controller: Argo Workflows v4.0.7
    ok   controller setting ARGO_EXECUTOR_PLUGINS: true: plugins are on
    ok   controller setting DEFAULT_REQUEUE_TIME: 200ms: a plugin step waits twice for it
    ok   controller setting ARGO_AGENT_PATCH_RATE: 100ms: how long a result waits at most in the agent
    ok   controller setting ARGO_AGENT_CPU_LIMIT: 1: the agent is not throttled while it starts
    ok   controller setting INFORMER_WRITE_BACK: true, with the right to workflowtasksets/status that it needs
    ok   rights of ServiceAccount ARGO/argo: may patch+update workflowtasksets/status, get serviceaccounts, get secrets `argo-workflows-agent-ca-certificates`, create pods
    skip events of namespace BUILDS: no EventSource and no Sensor is there, so no push begins a workflow; docs/events.md says how one does
    ok   buildkitd BUILDKITD: v0.32.2, 1 worker, PLATFORMS
    ok   garbage collection of buildkitd: its cache has bounds
    "#);
}

#[tokio::test]
async fn each_object_left_out_is_named_with_what_to_do() {
    let site = Site::new().await;
    site.report_when(is_good).await;
    for object in site.objects() {
        let (kind, name) = (object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap());
        let Some((verdict, expected)) = left_out(kind, name) else { continue };
        site.delete(&object).await;
        let report = site.report_when(|report| !is_good(report)).await;
        let said = report.lines(verdict).join("\n");
        assert!(said.contains(expected), "without {kind} {name}:\n{}", report.text);
        assert_eq!(report.code, Some(i32::from(verdict == "FAIL")), "without {kind} {name}");
        site.apply(object).await;
        site.report_when(is_good).await;
    }
}

/// The finding without an object; none for a namespace, because the other objects would be missing too.
fn left_out(kind: &str, name: &str) -> Option<(&'static str, &'static str)> {
    let fail = |text| Some(("FAIL", text));
    match (kind, name) {
        ("Namespace", _) => None,
        ("ConfigMap", "buildkit-settings") => fail("does not exist, so the sidecar does not start"),
        ("ConfigMap", _) => fail("no plugin executed the template"),
        ("Deployment", _) => fail("install Argo Workflows"),
        ("ServiceAccount", "buildkit-workflow") => fail("kubectl create serviceaccount -n"),
        ("ServiceAccount", _) => fail("buildkit-executor-plugin: does not exist"),
        ("Secret", _) => fail("run for ever without a message; create a Secret"),
        (_, "agent") => fail("may not list, watch workflowtasksets"),
        (_, "status") => fail("may not patch workflowtasksets/status: no result"),
        (_, "results") => fail("may not create, patch workflowtaskresults"),
        (_, "cancel") => {
            Some(("warn", "may not get, list, watch workflowtasksets: a stopped workflow's build"))
        }
        (_, "write-status") => fail("without a right to workflowtasksets/status: workflows hang in Running"),
        (_, "read-secrets") => {
            fail("may not get secrets `argo-workflows-agent-ca-certificates`: no agent pod")
        }
        (_, "read-accounts") => fail("may not get serviceaccounts: no agent pod"),
        (_, "make-pods") => fail("may not create pods: no agent pod"),
        (_, "secrets") => fail("may not get secrets `buildkit-client-tls`"),
        other => panic!("what is said without {other:?}?"),
    }
}

/// The shipped objects are those that `check` expects.
#[tokio::test]
async fn the_objects_of_deploy_are_ok() {
    let site = Site::new().await;
    let ours = ["agent", "status", "results", "cancel", "secrets"];
    for object in site.objects() {
        let is_role = object["kind"].as_str().unwrap().starts_with("Role");
        if is_role && ours.contains(&object["metadata"]["name"].as_str().unwrap()) {
            site.delete(&object).await;
        }
    }
    site.report_when(|report| report.lines("FAIL").len() > 3).await;
    let plugin = plugin_with_image();
    for (yaml, namespace) in [(&*plugin, &site.argo), (PLUGIN_ACCOUNT, &site.builds), (ACCOUNT, &site.builds)]
    {
        for mut object in serde_saphyr::from_multiple::<Value>(yaml).unwrap() {
            object["metadata"]["namespace"] = json!(namespace);
            let subjects = object.get_mut("subjects").and_then(Value::as_array_mut);
            for subject in subjects.into_iter().flatten() {
                subject["namespace"] = json!(namespace);
            }
            // The cluster fills those Secrets. The test keeps its own, which are filled.
            if object["kind"] != "Secret" {
                site.apply(object).await;
            }
        }
    }
    site.report_when(is_good).await;
}

const PLUGIN_ACCOUNT: &str = include_str!("../../../deploy/base/builds/plugin-account.yaml");
const ACCOUNT: &str = include_str!("../../../deploy/base/builds/workflow-account.yaml");

#[tokio::test]
async fn a_secret_s_flaws_are_told_apart() {
    let site = Site::new().await;
    let subject = format!("token Secret {}/buildkit-workflow.service-account-token", site.builds);
    let mut secret = site.token("buildkit-workflow");
    secret["stringData"] = site.token("buildkit-executor-plugin")["stringData"].take();
    site.apply(secret).await;
    let report = site.run(&[]).report().await;
    let owner =
        format!("holds the token of `system:serviceaccount:{}:buildkit-executor-plugin`", site.builds);
    assert!(report.about(&subject).contains(&owner), "{}", report.text);
    assert!(!report.text.contains("c2ln"), "no token is printed");

    let mut secret = site.token("buildkit-workflow");
    site.delete(&secret).await;
    secret["stringData"] = json!({"ca.crt": "none"});
    site.apply(secret.clone()).await;
    assert!(site.run(&[]).report().await.about(&subject).contains("has no token yet"));

    site.delete(&secret).await;
    secret["type"] = json!("Opaque");
    site.apply(secret).await;
    assert!(site.run(&[]).report().await.about(&subject).contains("is not of type"));
}

#[tokio::test]
async fn the_plugin_needs_each_secret_that_is_named() {
    let site = Site::new().await;
    site.report_when(is_good).await;
    // No server listens there. Only the requests to the cluster matter.
    let reads = ["--read", "http://127.0.0.1:1/a.git=git", "--read", "http://127.0.0.1:1/b.git=npm"];
    let report = site.run(&reads).report().await;
    let refused = "may not get secrets `npm`: steps that name this Secret fail";
    assert!(report.text.contains(refused) && !report.text.contains("secrets `git`:"), "{}", report.text);
    assert!(report.about("git read http://127.0.0.1:1/a.git").contains("secret `git` does not exist"));
}

#[tokio::test]
async fn settings_that_cost_seconds_are_warnings() {
    let site = Site::new().await;
    site.apply(site.controller(&[("ARGO_EXECUTOR_PLUGINS", "true"), ("DEFAULT_REQUEUE_TIME", "10s")])).await;
    let report = site.report_when(|report| report.lines("FAIL").is_empty()).await;
    assert_eq!((report.code, report.lines("warn").len()), (Some(0), 4), "{}", report.text);
    assert!(report.about("controller setting DEFAULT_REQUEUE_TIME").contains("20 s where 1s costs 2"));
    site.ready(0).await;
    let report = site.run(&[]).report().await;
    assert!(report.lines("FAIL")[0].contains("no pod of it is ready"), "{}", report.text);
}

#[tokio::test]
async fn a_namespace_that_refuses_the_pod_is_named() {
    let site = Site::new().await;
    let mut plugin = site.plugin();
    let loose = CONTAINER.replace("  capabilities: {drop: [ALL]}\n", "");
    plugin["data"]["sidecar.container"] = json!(loose);
    site.apply(plugin).await;
    let report = site.run(&[]).report().await;
    let line = report.about(&format!("Pod Security of namespace {}", site.builds));
    assert!(line.starts_with("FAIL") && line.contains("set capabilities: {drop: [ALL]}"), "{line}");
    // The daemon's namespace is in its address.
    let host = format!("tcp://buildkitd.{}.svc:1234", site.builds);
    let report = site.run(&[]).env("BUILDKIT_HOST", host).report().await;
    assert!(report.text.contains("enforces restricted, which refuses buildkitd"), "{}", report.text);
}

#[tokio::test]
async fn the_plugin_s_own_account_checks_what_it_may() {
    let site = Site::new().await;
    site.report_when(is_good).await;
    let user = format!("system:serviceaccount:{}:buildkit-executor-plugin", site.builds);
    let run = site.run(&[]).kubeconfig(&site.kube.kubeconfig_as(&user));
    let report = run.report().await;
    assert_eq!(report.code, Some(0), "{}", report.text);
    insta::assert_snapshot!(site.named(&report.text), @r#"
    ok   Kubernetes API: reached as `system:serviceaccount:BUILDS:buildkit-executor-plugin`
    skip mode of namespace BUILDS: this login may not get namespaces BUILDS; run `check` as a login that may, or grant it to this one; taken for a sidecar's
    skip plugin ConfigMap: this login may not list configmaps in namespace ARGO; run `check` as a login that may, or grant it to this one
    skip plugin ConfigMap: this login may not list configmaps in namespace BUILDS; run `check` as a login that may, or grant it to this one
    skip ResourceQuotas of namespace BUILDS: this login may not list resourcequotas in namespace BUILDS; run `check` as a login that may, or grant it to this one
    skip LimitRanges of namespace BUILDS: this login may not list limitranges in namespace BUILDS; run `check` as a login that may, or grant it to this one
    skip Pod Security of namespace BUILDS: this login may not get namespaces BUILDS; run `check` as a login that may, or grant it to this one
    skip ServiceAccount BUILDS/buildkit-workflow: this login may not get serviceaccounts buildkit-workflow in namespace BUILDS; run `check` as a login that may, or grant it to this one
    skip token Secret BUILDS/buildkit-workflow.service-account-token: this login may not read it; run `check` as one who may, or look: kubectl get secret -n BUILDS buildkit-workflow.service-account-token
    skip ServiceAccount BUILDS/buildkit-executor-plugin: this login may not get serviceaccounts buildkit-executor-plugin in namespace BUILDS; run `check` as a login that may, or grant it to this one
    skip token Secret BUILDS/buildkit-executor-plugin.service-account-token: this login may not read it; run `check` as one who may, or look: kubectl get secret -n BUILDS buildkit-executor-plugin.service-account-token
    skip rights of ServiceAccount BUILDS/buildkit-workflow: this login may not ask about others; run `check` as a cluster administrator, or grant it `create` on subjectaccessreviews.authorization.k8s.io
    ok   rights of ServiceAccount BUILDS/buildkit-executor-plugin: may get+list+watch workflowtasksets, get+list+watch workflows
    skip controller ARGO/workflow-controller: this login may not get deployments workflow-controller in namespace ARGO; run `check` as a login that may, or grant it to this one
    skip templates and workflows: this login may not list clusterworkflowtemplates; run `check` as a login that may, or grant it to this one
    skip events of namespace BUILDS: this login may not list eventbus in namespace BUILDS; run `check` as a login that may, or grant it to this one
    ok   buildkitd BUILDKITD: v0.32.2, 1 worker, PLATFORMS
    ok   garbage collection of buildkitd: its cache has bounds
    skip cache registry buildkit-cache/cache-registry: this login may not get deployments cache-registry in namespace buildkit-cache; run `check` as a login that may, or grant it to this one
    "#);
}

#[tokio::test]
async fn a_place_without_a_cluster_still_checks_the_rest() {
    let report = Run::new(&[]).report().await;
    assert_eq!(report.code, Some(0), "{}", report.text);
    assert_eq!(report.lines("skip")[0], "Kubernetes API: not looked at: --offline");
    assert_eq!(report.summary, "2 ok, 0 warn, 0 FAIL, 1 skip\n");
    assert!(report.about("buildkitd").starts_with("ok"), "{}", report.text);
    assert_eq!(report.text.lines().count(), 3, "{}", report.text);
    let forgotten = Run::new(&[]).online().report().await;
    assert_eq!(forgotten.code, Some(1), "{}", forgotten.text);
    let line = forgotten.about("Kubernetes API");
    assert!(line.starts_with("FAIL Kubernetes API: no Kubernetes API is configured"), "{line}");
    assert!(line.ends_with("and --offline says that this is meant"), "{line}");
    let report = Run::new(&["some-workflow"]).online().report().await;
    assert!(report.only().starts_with("FAIL Kubernetes API"), "{}", report.text);
}
