//! The rows of failures: an Application that does not run our commit, and what the step says of it.

use serde_json::{Value, json};

use super::site::{ARGOCD, Site, automated, deployment, image, refused};
use super::wait::{Ended, Wait};

/// One of them.
pub(super) struct Row {
    /// The name of its step and of its folder in the repository; its Application's name ends with it.
    name: &'static str,
    /// The namespace of its Application.
    namespace: String,
    /// What its Application has beside the folder. `None` if there is no Application.
    spec: Option<Value>,
    /// What its step has beside the Application, the commit and the image.
    step: Value,
    timeout: &'static str,
    /// Parts of the node's message.
    says: [&'static str; 2],
}

/// The manifests of those that have one, in the first commit.
pub(super) fn folders() -> [(&'static str, String); 9] {
    let without_patience = |manifest: String| manifest.replace("Seconds: 600", "Seconds: 5");
    let config_map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kind}\n";
    [
        ("refused", refused("refused")),
        ("kind", config_map.to_owned()),
        ("repeated", refused("repeated")),
        ("window", deployment("window", "2")),
        ("by-hand", deployment("by-hand", "2")),
        ("manual", deployment("manual", "2")),
        ("image", deployment("image", "none")),
        ("degraded", without_patience(deployment("degraded", "none"))),
        ("ignored", deployment("ignored", "1")),
    ]
}

/// All of them. `foreign` is the source of an Application whose repository Argo CD has no login for.
pub(super) fn all(site: &Site, foreign: &Value) -> Vec<Row> {
    let [served, unserved] = ["served", "unserved"].map(|row| site.name_of(row));
    let elsewhere = json!({"server": "https://kubernetes.default.svc", "namespace": "default"});
    let start = json!({"start-sync": true});
    let without_image = json!({"images": image("none")});
    let image_pointer = json!([{
        "group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/template/spec/containers/0/image"],
    }]);
    vec![
        Row::new("missing", ["there is no Application", "correct its name in the step"]),
        Row::new("forbidden", ["reading Application", "is forbidden to"]).in_namespace(&unserved),
        Row::new("unserved", ["is not handled by any controller", "`application.namespaces`"])
            .in_namespace(&unserved)
            .with(automated(json!({}))),
        Row::new("served", ["has the condition UnknownError", "is not permitted to use project 'default'"])
            .in_namespace(&served)
            .with(automated(json!({}))),
        Row::new("project", ["has the condition InvalidSpecError", "which does not exist"])
            .with(automated(json!({"project": site.name_of("absent")}))),
        Row::new("destination", ["has the condition InvalidSpecError", "any of the allowed destinations"])
            .with(automated(json!({"project": site.name_of("kinds"), "destination": elsewhere}))),
        Row::new("path", ["cannot be compared with Git", "app path does not exist"])
            .with(automated(json!({}))),
        Row::new("login", ["cannot be compared with Git", "authentication required"])
            .with(automated(json!({"source": foreign}))),
        Row::new("refused", ["could not be synced: Deployment `refused`", "does not match template"])
            .with(json!({}))
            .step(start.clone()),
        Row::new("kind", ["could not be synced: ConfigMap `kind`", "is not permitted in project"])
            .with(json!({"project": site.name_of("kinds")}))
            .step(start.clone()),
        Row::new("repeated", ["repeats a failed sync of the older revision", "set `stop-older-sync: true`"])
            .with(automated(json!({})))
            .within("15s"),
        Row::new("window", ["its automated sync does not begin", "look at the sync windows"])
            .with(automated(json!({"project": site.name_of("windows")})))
            .within("20s"),
        Row::new("by-hand", ["waits for a sync window", "the step's time is over"])
            .with(json!({"project": site.name_of("windows")}))
            .step(start)
            .within("12s"),
        Row::new("manual", ["is OutOfSync and has no automated sync", "set `start-sync: true`"])
            .with(json!({})),
        // In turns, kubelet says `ErrImagePull` and `ImagePullBackOff`.
        Row::new("image", ["is still Progressing", "ImagePull"])
            .with(automated(json!({})))
            .step(json!({"images": image("none"), "stuck-after": "2s"})),
        Row::new("degraded", ["is Degraded; look at its resources", "ImagePull"])
            .with(automated(json!({})))
            .step(without_image),
        Row::new("ignored", ["is Synced and Healthy without", "busybox:2; compare the image"])
            .with(automated(json!({"ignoreDifferences": image_pointer}))),
    ]
}

/// Adds what the rows need to a site.
pub(super) fn add(site: &mut Site, rows: &[Row]) {
    let [served, unserved] = ["served", "unserved"].map(|row| site.name_of(row));
    site.namespace(&served);
    site.namespace(&unserved);
    let no_config_maps = json!([{"group": "", "kind": "ConfigMap"}]);
    site.project("kinds", json!({"namespaceResourceBlacklist": no_config_maps}));
    let window = json!({"kind": "deny", "schedule": "* * * * *", "duration": "1h", "applications": ["*"]});
    site.project("windows", json!({"syncWindows": [window]}));
    let named = |namespace: &str| -> Vec<_> {
        let has_right = |row: &&Row| row.namespace == namespace && row.name != "forbidden";
        rows.iter().filter(has_right).map(|row| row.name).collect()
    };
    for namespace in [ARGOCD, &served, &unserved] {
        site.allow_waits(namespace, &named(namespace));
    }
    for row in rows {
        if let Some(spec) = &row.spec {
            site.application(&row.namespace, row.name, spec.clone());
        }
    }
}

impl Row {
    fn new(name: &'static str, says: [&'static str; 2]) -> Self {
        let (namespace, step) = (ARGOCD.to_owned(), json!({}));
        Self { name, namespace, spec: None, step, timeout: "2m", says }
    }

    fn in_namespace(self, namespace: &str) -> Self {
        Self { namespace: namespace.to_owned(), ..self }
    }

    fn with(self, spec: Value) -> Self {
        Self { spec: Some(spec), ..self }
    }

    fn step(self, step: Value) -> Self {
        Self { step, ..self }
    }

    fn within(self, timeout: &'static str) -> Self {
        Self { timeout, ..self }
    }

    /// The step that waits until its Application runs `commit`.
    pub(super) fn wait(&self, site: &Site, commit: &str) -> Wait {
        let application = json!({"name": site.name_of(self.name), "namespace": self.namespace});
        let mut sync = json!({"applications": [application], "commit": commit, "images": image("2")});
        crate::support::shop::merge(&mut sync, self.step.clone());
        Wait { name: self.name, sync, timeout: self.timeout }
    }

    /// What its node says, if that is not what it should say.
    pub(super) fn wrong(&self, ended: &Ended) -> Option<String> {
        let node = ended.node(self.name);
        let (phase, message) = (&node["phase"], node["message"].as_str().unwrap_or_default());
        let is_right = *phase == "Failed" && self.says.iter().all(|part| message.contains(*part));
        (!is_right).then(|| format!("{}: {phase} {message}\nwithout {:?}", self.name, self.says))
    }
}
