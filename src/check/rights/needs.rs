//! The tables of rights: who does what with the Kubernetes API, and what happens without.

use crate::check::{Mode, Site};
use crate::kube::Account;

const ARGO: &str = "argoproj.io";

/// Some verbs on one resource, and why they are needed.
#[derive(Debug, Clone)]
pub(in crate::check) struct Need {
    pub(super) group: &'static str,
    pub(super) resource: &'static str,
    pub(super) verbs: &'static [&'static str],
    pub(super) namespace: String,
    pub(super) name: Option<String>,
    /// What happens without.
    pub(super) without: &'static str,
    /// Whether everything works without it, only worse.
    pub(super) optional: bool,
}

impl Need {
    fn new(
        namespace: &str,
        resource: &'static str,
        verbs: &'static [&'static str],
        without: &'static str,
    ) -> Self {
        let namespace = namespace.to_owned();
        Self { group: ARGO, resource, verbs, namespace, name: None, without, optional: false }
    }

    fn of_group(self, group: &'static str) -> Self {
        Self { group, ..self }
    }

    fn core(self, name: Option<&str>) -> Self {
        Self { group: "", name: name.map(str::to_owned), ..self }
    }

    fn named(self, name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..self }
    }

    fn optional(self) -> Self {
        Self { optional: true, ..self }
    }

    pub(super) fn what(&self) -> String {
        match &self.name {
            Some(name) => format!("{} `{name}`", self.resource),
            None => self.resource.to_owned(),
        }
    }

    pub(super) fn grant(&self, verbs: &[&str], account: &Account) -> String {
        let Self { group, resource, namespace, name, .. } = self;
        let only = name.as_ref().map(|name| format!(", resourceNames: [{name}]")).unwrap_or_default();
        format!(
            "bind ServiceAccount {account} to a Role in {namespace} with the rule \
             {{apiGroups: [\"{group}\"], resources: [{resource}]{only}, verbs: [{}]}}",
            verbs.join(", ")
        )
    }
}

/// What Argo's agent does with the workflow's account.
pub(in crate::check) fn of_agent(namespace: &str) -> Vec<Need> {
    let hangs = "the agent restarts, and workflows run for ever without a message";
    let silent = "no result of a plugin step reaches its workflow";
    vec![
        Need::new(namespace, "workflowtasksets", &["list", "watch"], hangs),
        Need::new(namespace, "workflowtasksets/status", &["patch"], silent),
    ]
}

/// What a workflow does with its account, in plugin steps and in pods.
pub(in crate::check) fn of_workflow(namespace: &str) -> Vec<Need> {
    let lost = "steps that are pods lose their outputs";
    let mut needs = of_agent(namespace);
    needs.push(Need::new(namespace, "workflowtaskresults", &["create", "patch"], lost));
    needs
}

/// What a workflow's steps that are pods do with its account, where the shared agent does the others.
pub(in crate::check) fn of_pods(namespace: &str) -> Vec<Need> {
    let lost = "steps that are pods lose their outputs";
    vec![Need::new(namespace, "workflowtaskresults", &["create", "patch"], lost).optional()]
}

/// What the sidecar does with its own account.
pub(in crate::check) fn of_plugin(site: &Site, secrets: &[String]) -> Vec<Need> {
    let mut needs = of_steps(site, secrets);
    let blind = "a stopped workflow's build runs on until its agent is gone";
    let watched = ["workflowtasksets", "workflows"];
    let at = secrets.len();
    needs.splice(
        at..at,
        watched.map(|resource| {
            Need::new(&site.namespace, resource, &["get", "list", "watch"], blind).optional()
        }),
    );
    needs
}

/// What steps do with the plugin's account, in a sidecar or through the shared agent.
pub(in crate::check) fn of_steps(site: &Site, secrets: &[String]) -> Vec<Need> {
    let secret = |secret: &String| {
        let without = "steps that name this Secret fail";
        Need::new(&site.namespace, "secrets", &["get"], without).core(Some(secret))
    };
    let mut needs: Vec<_> = secrets.iter().map(secret).collect();
    needs.extend(site.application.as_ref().map(|application| {
        let untold = "Argo CD is not told of a commit";
        Need::new(&application.namespace, "applications", &["patch"], untold).named(&application.name)
    }));
    needs
}

/// What the shared agent does with its own account for the workflows of `namespace`, as the account `steps` there.
pub(in crate::check) fn of_shared(namespace: &str, steps: &str) -> Vec<Need> {
    let unseen = "it sees no step of this namespace, and workflows run for ever without a message";
    let unsaid = "no result of a plugin step reaches its workflow";
    let blind = "a stopped workflow's build runs on";
    let refused = "steps can use no Secret and no other right of their namespace";
    vec![
        Need::new(namespace, "workflowtasksets", &["list", "watch"], unseen),
        Need::new(namespace, "workflowtasksets/status", &["patch"], unsaid),
        Need::new(namespace, "workflows", &["get", "list", "watch"], blind),
        Need::new(namespace, "serviceaccounts", &["impersonate"], refused).core(Some(steps)),
    ]
}

/// What it does with its Lease.
pub(in crate::check) fn of_leader(namespace: &str, lease: &str) -> Vec<Need> {
    let leases =
        |verbs, without| Need::new(namespace, "leases", verbs, without).of_group("coordination.k8s.io");
    let idle = "no replica of it can lead, and no step is taken";
    let late = "a replica notices seconds late that another has given up";
    vec![
        leases(&["create"], idle),
        leases(&["get", "update"], idle).named(lease),
        leases(&["watch"], late).named(lease).optional(),
    ]
}

/// The one Secret that the controller itself reads for an agent pod (argo-workflows `controller/agent.go`).
const AGENT_CA: &str = "argo-workflows-agent-ca-certificates";

/// What the controller does in the workflows' namespace; upstream's own roles lack the first.
pub(super) fn of_controller(namespace: &str, writes_back: bool, mode: Mode) -> Vec<Need> {
    let without = match (writes_back, mode.is_shared()) {
        (true, _) => "and INFORMER_WRITE_BACK=true, so workflows with plugin steps hang in Running",
        (false, true) => {
            "so the shared agent hears of no stopped or timed-out step, and finds finished tasks again at each restart"
        }
        (false, false) => "so every plugin step logs an error and finished tasks are never pruned",
    };
    let status = Need::new(namespace, "workflowtasksets/status", &["patch", "update"], without);
    let mut needs = vec![Need { optional: !writes_back && !mode.is_shared(), ..status }];
    if mode.makes_agent_pods() {
        let no_pod = "no agent pod can be made";
        needs.push(Need::new(namespace, "serviceaccounts", &["get"], no_pod).core(None));
        needs.push(Need::new(namespace, "secrets", &["get"], no_pod).core(Some(AGENT_CA)));
        needs.push(Need::new(namespace, "pods", &["create"], no_pod).core(None));
    }
    needs
}
