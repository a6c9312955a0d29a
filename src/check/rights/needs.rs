//! The tables of rights: which account uses which Kubernetes API, and what happens without the right.

use crate::check::fix::{self, Rule};
use crate::check::{Application, ExecutionMode, Site};
use crate::kube::Account;

const ARGO: &str = "argoproj.io";

/// Verbs on one resource, and why they are needed.
#[derive(Debug, Clone)]
pub(in crate::check) struct RequiredRight {
    pub(super) group: &'static str,
    pub(super) resource: &'static str,
    pub(super) verbs: &'static [&'static str],
    pub(super) namespace: String,
    pub(super) name: Option<String>,
    /// What happens without the right.
    pub(super) without: &'static str,
    /// Whether everything works without the right, only less well.
    pub(super) optional: bool,
}

impl RequiredRight {
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

    /// The commands that give it to `account`.
    pub(super) fn fix(&self, account: &Account) -> Option<String> {
        let Self { group, resource, namespace, name, verbs, .. } = self;
        let rule = Rule { group, resource, name: name.as_deref(), verbs };
        fix::role(account, namespace, &rule)
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

/// The rights that Argo's agent needs, with the workflow's account.
pub(in crate::check) fn of_agent(namespace: &str) -> Vec<RequiredRight> {
    let hangs = "the agent restarts, and workflows run for ever without a message";
    let silent = "no result of a plugin step reaches its workflow";
    vec![
        RequiredRight::new(namespace, "workflowtasksets", &["list", "watch"], hangs),
        RequiredRight::new(namespace, "workflowtasksets/status", &["patch"], silent),
    ]
}

/// The rights that a workflow's account needs, for plugin steps and for pods.
pub(in crate::check) fn of_workflow(namespace: &str) -> Vec<RequiredRight> {
    let lost = "steps that are pods lose their outputs";
    let mut needs = of_agent(namespace);
    needs.push(RequiredRight::new(namespace, "workflowtaskresults", &["create", "patch"], lost));
    needs
}

/// The rights that a workflow's account needs for steps that are pods, if the shared agent executes the others.
pub(in crate::check) fn of_pods(namespace: &str) -> Vec<RequiredRight> {
    let lost = "steps that are pods lose their outputs";
    vec![RequiredRight::new(namespace, "workflowtaskresults", &["create", "patch"], lost).optional()]
}

/// The rights that the sidecar's own account needs.
pub(in crate::check) fn of_plugin(site: &Site, secrets: &[String], submits: bool) -> Vec<RequiredRight> {
    let mut needs = of_steps(site, secrets, submits);
    let blind = "a stopped workflow's build runs on until its agent is gone";
    let watched = ["workflowtasksets", "workflows"];
    let at = secrets.len();
    needs.splice(
        at..at,
        watched.map(|resource| {
            RequiredRight::new(&site.namespace, resource, &["get", "list", "watch"], blind).optional()
        }),
    );
    needs
}

/// The rights that steps need, with the plugin's account, in a sidecar or through the shared agent. `submits` says whether a
/// template has a step that submits workflows.
pub(in crate::check) fn of_steps(site: &Site, secrets: &[String], submits: bool) -> Vec<RequiredRight> {
    let secret = |secret: &String| {
        let without = "steps that name this Secret fail";
        RequiredRight::new(&site.namespace, "secrets", &["get"], without).core(Some(secret))
    };
    let mut needs: Vec<_> = secrets.iter().map(secret).collect();
    needs.extend(site.application.iter().flat_map(of_application));
    let unmade = "steps that submit workflows (`select` with `services`, `poll`) fail";
    needs.extend(
        submits.then(|| RequiredRight::new(&site.namespace, "workflows", &["create", "get"], unmade)),
    );
    needs
}

/// The rights of steps that refresh the Application, and of a `sync` that waits for it. The component `argocd-sync` grants both.
fn of_application(application: &Application) -> [RequiredRight; 2] {
    let (untold, failing) = ("Argo CD is not told of a commit", "a step `sync` that waits for it fails");
    let right = |verbs, without| {
        RequiredRight::new(&application.namespace, "applications", verbs, without).named(&application.name)
    };
    [right(&["patch"], untold), right(&["get", "watch"], failing).optional()]
}

/// The rights of the shared agent's own account for the workflows of `namespace`, where it acts as the account `steps`.
pub(in crate::check) fn of_shared(namespace: &str, steps: &str) -> Vec<RequiredRight> {
    let unseen = "it sees no step of this namespace, and workflows run for ever without a message";
    let unsaid = "no result of a plugin step reaches its workflow";
    let blind = "a stopped workflow's build runs on";
    let refused = "steps can use no Secret and no other right of their namespace";
    vec![
        RequiredRight::new(namespace, "workflowtasksets", &["list", "watch"], unseen),
        RequiredRight::new(namespace, "workflowtasksets/status", &["patch"], unsaid),
        RequiredRight::new(namespace, "workflows", &["get", "list", "watch"], blind),
        RequiredRight::new(namespace, "serviceaccounts", &["impersonate"], refused).core(Some(steps)),
    ]
}

/// The rights of a Sensor's account that makes Workflows by `operations` (argo-events `standard-k8s.go`).
pub(in crate::check) fn of_sensor(namespace: &str, operations: &[String]) -> Vec<RequiredRight> {
    let lost = "no event begins a workflow: each is tried, and then lost";
    let verbs: [(&str, &[&str]); 3] = [
        ("create", &["create"]),
        ("patch", &["get", "create", "patch"]),
        ("update", &["get", "create", "update"]),
    ];
    let used = verbs.into_iter().filter(|(operation, _)| operations.iter().any(|used| used == operation));
    used.map(|(_, verbs)| RequiredRight::new(namespace, "workflows", verbs, lost)).collect()
}

/// The rights that the shared agent needs for its Lease.
pub(in crate::check) fn of_leader(namespace: &str, lease: &str) -> Vec<RequiredRight> {
    let leases = |verbs, without| {
        RequiredRight::new(namespace, "leases", verbs, without).of_group("coordination.k8s.io")
    };
    let idle = "no replica of it can lead, and no step is taken";
    let late = "a replica notices seconds late that another has given up";
    vec![
        leases(&["create"], idle),
        leases(&["get", "update"], idle).named(lease),
        leases(&["watch"], late).named(lease).optional(),
    ]
}

/// The only Secret that the controller itself reads for an agent pod (argo-workflows `controller/agent.go`).
const AGENT_CA: &str = "argo-workflows-agent-ca-certificates";

/// The rights that the controller needs in the workflows' namespace. Upstream's own roles lack the first.
pub(super) fn of_controller(namespace: &str, writes_back: bool, mode: ExecutionMode) -> Vec<RequiredRight> {
    let without = match (writes_back, mode.is_shared()) {
        (true, _) => "and INFORMER_WRITE_BACK=true, so workflows with plugin steps hang in Running",
        (false, true) => {
            "so the shared agent hears of no stopped or timed-out step, and finds finished tasks again at each restart"
        }
        (false, false) => "so every plugin step logs an error and finished tasks are never pruned",
    };
    let status = RequiredRight::new(namespace, "workflowtasksets/status", &["patch", "update"], without);
    let mut needs = vec![RequiredRight { optional: !writes_back && !mode.is_shared(), ..status }];
    if mode.makes_agent_pods() {
        let no_pod = "no agent pod can be made";
        needs.push(RequiredRight::new(namespace, "serviceaccounts", &["get"], no_pod).core(None));
        needs.push(RequiredRight::new(namespace, "secrets", &["get"], no_pod).core(Some(AGENT_CA)));
        needs.push(RequiredRight::new(namespace, "pods", &["create"], no_pod).core(None));
    }
    needs
}
