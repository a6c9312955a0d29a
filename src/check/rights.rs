//! What the ServiceAccounts may do: access reviews, our own where we are the account, else about it.

use super::controller::Controller;
use super::session::{Session, unread};
use super::{Doctor, Finding, Mode, Site};
use crate::kube::{Account, ReadError, Right};

const ARGO: &str = "argoproj.io";

/// Some verbs on one resource, and why they are needed.
#[derive(Debug, Clone)]
pub(super) struct Need {
    group: &'static str,
    resource: &'static str,
    verbs: &'static [&'static str],
    namespace: String,
    name: Option<String>,
    /// What happens without.
    without: &'static str,
    /// Whether everything works without it, only worse.
    optional: bool,
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

    fn what(&self) -> String {
        match &self.name {
            Some(name) => format!("{} `{name}`", self.resource),
            None => self.resource.to_owned(),
        }
    }

    fn grant(&self, verbs: &[&str], account: &Account) -> String {
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
pub(super) fn of_agent(namespace: &str) -> Vec<Need> {
    let hangs = "the agent restarts, and workflows run for ever without a message";
    let silent = "no result of a plugin step reaches its workflow";
    vec![
        Need::new(namespace, "workflowtasksets", &["list", "watch"], hangs),
        Need::new(namespace, "workflowtasksets/status", &["patch"], silent),
    ]
}

/// What a workflow does with its account, in plugin steps and in pods.
pub(super) fn of_workflow(namespace: &str) -> Vec<Need> {
    let lost = "steps that are pods lose their outputs";
    let mut needs = of_agent(namespace);
    needs.push(Need::new(namespace, "workflowtaskresults", &["create", "patch"], lost));
    needs
}

/// What a workflow's steps that are pods do with its account, where the shared agent does the others.
pub(super) fn of_pods(namespace: &str) -> Vec<Need> {
    let lost = "steps that are pods lose their outputs";
    vec![Need::new(namespace, "workflowtaskresults", &["create", "patch"], lost).optional()]
}

/// What the sidecar does with its own account.
pub(super) fn of_plugin(site: &Site, secrets: &[String]) -> Vec<Need> {
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
pub(super) fn of_steps(site: &Site, secrets: &[String]) -> Vec<Need> {
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
pub(super) fn of_shared(namespace: &str, steps: &str) -> Vec<Need> {
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
pub(super) fn of_leader(namespace: &str, lease: &str) -> Vec<Need> {
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
fn of_controller(namespace: &str, writes_back: bool, mode: Mode) -> Vec<Need> {
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

/// What is known of the controller's rights.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) findings: Vec<Finding>,
    missing: Option<Vec<&'static str>>,
}

impl Held {
    /// Whether it may patch a task set's status; unknown when nobody could be asked.
    pub(super) fn status(&self) -> Option<bool> {
        self.missing.as_ref().map(|missing| !missing.contains(&"workflowtasksets/status"))
    }
}

impl Doctor {
    /// Whether `account` has what it needs.
    pub(super) async fn rights(&self, session: &Session, account: &Account, needs: &[Need]) -> Vec<Finding> {
        judge(account, needs, &self.review(session, account, needs).await)
    }

    pub(super) async fn controller_rights(
        &self,
        session: &Session,
        controller: &Controller,
        mode: Mode,
    ) -> Held {
        let account = Account::new(&self.site.argo_namespace, &controller.service_account);
        let needs = of_controller(&self.site.namespace, controller.writes_back(), mode);
        let reviewed = self.review(session, &account, &needs).await;
        let findings = judge(&account, &needs, &reviewed);
        let lacking = |lacks: Vec<Vec<&str>>| {
            let pairs = needs.iter().zip(lacks);
            pairs.filter(|(_, lacks)| !lacks.is_empty()).map(|(need, _)| need.resource).collect()
        };
        Held { findings, missing: reviewed.ok().map(lacking) }
    }

    /// The verbs that `account` lacks, need by need.
    pub(super) async fn review(
        &self,
        session: &Session,
        account: &Account,
        needs: &[Need],
    ) -> Result<Vec<Vec<&'static str>>, ReadError> {
        let mut all = Vec::new();
        for need in needs {
            let mut lacks = Vec::new();
            for verb in need.verbs {
                let Need { group, resource, namespace, name, .. } = need;
                let right = Right { verb, group, resource, namespace, name: name.as_deref() };
                let held = match session.is(account) {
                    true => self.engine.cluster.may_we(&right).await?,
                    false => self.engine.cluster.may(account, &right).await?,
                };
                lacks.extend((!held).then_some(*verb));
            }
            all.push(lacks);
        }
        Ok(all)
    }
}

/// A line for each need that is not met; one for all where they are.
fn judge(account: &Account, needs: &[Need], reviewed: &Result<Vec<Vec<&str>>, ReadError>) -> Vec<Finding> {
    let subject = format!("rights of ServiceAccount {account}");
    let lacks = match reviewed {
        Ok(lacks) => lacks,
        Err(ReadError::Forbidden(_)) => {
            let text = "this login may not ask about others; run `check` as a cluster administrator, or \
                        grant it `create` on subjectaccessreviews.authorization.k8s.io";
            return vec![Finding::skip(subject, text)];
        }
        Err(error) => return vec![unread(subject, error)],
    };
    let unmet: Vec<_> = needs
        .iter()
        .zip(lacks)
        .filter(|(_, lacks)| !lacks.is_empty())
        .map(|(need, lacks)| unmet(&subject, account, need, lacks))
        .collect();
    if !unmet.is_empty() {
        return unmet;
    }
    let held = needs.iter().map(|need| format!("{} {}", need.verbs.join("+"), need.what()));
    vec![Finding::ok(subject, format!("may {}", held.collect::<Vec<_>>().join(", ")))]
}

fn unmet(subject: &str, account: &Account, need: &Need, lacks: &[&str]) -> Finding {
    let text = format!(
        "may not {} {}: {}; {}",
        lacks.join(", "),
        need.what(),
        need.without,
        need.grant(need.verbs, account)
    );
    if need.optional { Finding::warn(subject, text) } else { Finding::fail(subject, text) }
}

#[cfg(test)]
mod tests;
