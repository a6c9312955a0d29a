//! The rights of the ServiceAccounts, by access reviews. If this process has the account, it reviews itself.

mod needs;

use super::api_login::{ApiLogin, unread};
use super::controller::Controller;
use super::{Doctor, ExecutionMode, Finding};
use crate::kube::{Account, ReadError, Right};
use needs::{RequiredRight, of_controller};

pub(super) use needs::{
    of_agent, of_leader, of_plugin, of_pods, of_sensor, of_shared, of_steps, of_workflow,
};

/// The known rights of the controller.
#[derive(Debug, Default)]
pub(super) struct ControllerRights {
    pub(super) findings: Vec<Finding>,
    missing: Option<Vec<&'static str>>,
}

impl ControllerRights {
    /// Whether it may patch a task set's status. None if the review was not possible.
    pub(super) fn status(&self) -> Option<bool> {
        self.missing.as_ref().map(|missing| !missing.contains(&"workflowtasksets/status"))
    }
}

impl Doctor {
    /// Checks whether `account` has the rights that it needs.
    pub(super) async fn rights(
        &self,
        api_login: &ApiLogin,
        account: &Account,
        needs: &[RequiredRight],
    ) -> Vec<Finding> {
        judge(account, needs, &self.review(api_login, account, needs).await)
    }

    pub(super) async fn controller_rights(
        &self,
        api_login: &ApiLogin,
        controller: &Controller,
        mode: ExecutionMode,
    ) -> ControllerRights {
        let account = Account::new(&self.site.argo_namespace, &controller.service_account);
        let needs = of_controller(&self.site.namespace, controller.writes_back(), mode);
        let reviewed = self.review(api_login, &account, &needs).await;
        let findings = judge(&account, &needs, &reviewed);
        let lacking = |lacks: Vec<Vec<&str>>| {
            let pairs = needs.iter().zip(lacks);
            pairs.filter(|(_, lacks)| !lacks.is_empty()).map(|(need, _)| need.resource).collect()
        };
        ControllerRights { findings, missing: reviewed.ok().map(lacking) }
    }

    /// The verbs that `account` lacks, for each needed right.
    pub(super) async fn review(
        &self,
        api_login: &ApiLogin,
        account: &Account,
        needs: &[RequiredRight],
    ) -> Result<Vec<Vec<&'static str>>, ReadError> {
        let mut all = Vec::new();
        for need in needs {
            let mut lacks = Vec::new();
            for verb in need.verbs {
                let RequiredRight { group, resource, namespace, name, .. } = need;
                let right = Right { verb, group, resource, namespace, name: name.as_deref() };
                let held = match api_login.is(account) {
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

/// One finding for each missing right, or one for all if none is missing.
fn judge(
    account: &Account,
    needs: &[RequiredRight],
    reviewed: &Result<Vec<Vec<&str>>, ReadError>,
) -> Vec<Finding> {
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

fn unmet(subject: &str, account: &Account, need: &RequiredRight, lacks: &[&str]) -> Finding {
    let text = format!(
        "may not {} {}: {}; {}",
        lacks.join(", "),
        need.what(),
        need.without,
        need.grant(need.verbs, account)
    );
    let found = if need.optional { Finding::warn(subject, text) } else { Finding::fail(subject, text) };
    found.fixed_by(need.fix(account))
}

#[cfg(test)]
mod tests;
