use std::collections::BTreeSet;

use super::*;
use crate::check::{Application, Site};

fn said(needs: &[RequiredRight], lacks: &[&[&'static str]]) -> String {
    let lacks = lacks.iter().map(|lacks| lacks.to_vec()).collect();
    let found = judge(&Account::new("builds", "buildkit-workflow"), needs, &Ok(lacks));
    found.iter().map(|finding| format!("{finding}\n")).collect()
}

#[test]
fn rights_that_are_there_take_one_line() {
    insta::assert_snapshot!(said(&of_workflow("builds"), &[&[], &[], &[]]), @r#"ok   rights of ServiceAccount builds/buildkit-workflow: may list+watch workflowtasksets, patch workflowtasksets/status, create+patch workflowtaskresults"#);
}

#[test]
fn each_missing_right_says_what_breaks_and_what_to_grant() {
    insta::assert_snapshot!(said(&of_workflow("builds"), &[&["watch"], &["patch"], &[]]), @r#"
    FAIL rights of ServiceAccount builds/buildkit-workflow: may not watch workflowtasksets: the agent restarts, and workflows run for ever without a message; bind ServiceAccount builds/buildkit-workflow to a Role in builds with the rule {apiGroups: ["argoproj.io"], resources: [workflowtasksets], verbs: [list, watch]}
    FAIL rights of ServiceAccount builds/buildkit-workflow: may not patch workflowtasksets/status: no result of a plugin step reaches its workflow; bind ServiceAccount builds/buildkit-workflow to a Role in builds with the rule {apiGroups: ["argoproj.io"], resources: [workflowtasksets/status], verbs: [patch]}
    "#);
}

#[test]
fn the_controller_s_missing_rule_hangs_only_with_write_back() {
    let severity = |writes_back| {
        let needs = of_controller("builds", writes_back, ExecutionMode::Sidecar);
        let lacks = vec![vec!["patch"], Vec::new(), Vec::new(), Vec::new()];
        judge(&Account::new("argo", "argo"), &needs, &Ok(lacks)).remove(0)
    };
    assert_eq!(severity(true).severity, crate::check::Severity::Fail);
    assert!(severity(true).text.contains("hang in Running"));
    assert_eq!(severity(false).severity, crate::check::Severity::Warn);
}

#[test]
fn the_shared_agent_needs_the_controller_s_rule_and_no_pod() {
    let needs = of_controller("builds", false, ExecutionMode::Flag);
    let found = judge(&Account::new("argo", "argo"), &needs, &Ok(vec![vec!["patch", "update"]]));
    insta::assert_snapshot!(found[0].to_string(), @r#"FAIL rights of ServiceAccount argo/argo: may not patch, update workflowtasksets/status: so the shared agent hears of no stopped or timed-out step, and finds finished tasks again at each restart; bind ServiceAccount argo/argo to a Role in builds with the rule {apiGroups: ["argoproj.io"], resources: [workflowtasksets/status], verbs: [patch, update]}"#);
    assert_eq!(found.len(), 1);
}

#[test]
fn the_shared_agent_s_rights_are_spelled_out() {
    let mut needs = of_shared("builds", "buildkit-executor-plugin");
    needs.extend(of_leader("buildkit-agent", "buildkit-agent"));
    let all = needs.iter().map(|need| need.verbs.to_vec()).collect();
    let found = judge(&Account::new("buildkit-agent", "buildkit-agent"), &needs, &Ok(all));
    let text: String = found.iter().map(|finding| format!("{finding}\n")).collect();
    insta::assert_snapshot!(text, @r#"
    FAIL rights of ServiceAccount buildkit-agent/buildkit-agent: may not list, watch workflowtasksets: it sees no step of this namespace, and workflows run for ever without a message; bind ServiceAccount buildkit-agent/buildkit-agent to a Role in builds with the rule {apiGroups: ["argoproj.io"], resources: [workflowtasksets], verbs: [list, watch]}
    FAIL rights of ServiceAccount buildkit-agent/buildkit-agent: may not patch workflowtasksets/status: no result of a plugin step reaches its workflow; bind ServiceAccount buildkit-agent/buildkit-agent to a Role in builds with the rule {apiGroups: ["argoproj.io"], resources: [workflowtasksets/status], verbs: [patch]}
    FAIL rights of ServiceAccount buildkit-agent/buildkit-agent: may not get, list, watch workflows: a stopped workflow's build runs on; bind ServiceAccount buildkit-agent/buildkit-agent to a Role in builds with the rule {apiGroups: ["argoproj.io"], resources: [workflows], verbs: [get, list, watch]}
    FAIL rights of ServiceAccount buildkit-agent/buildkit-agent: may not impersonate serviceaccounts `buildkit-executor-plugin`: steps can use no Secret and no other right of their namespace; bind ServiceAccount buildkit-agent/buildkit-agent to a Role in builds with the rule {apiGroups: [""], resources: [serviceaccounts], resourceNames: [buildkit-executor-plugin], verbs: [impersonate]}
    FAIL rights of ServiceAccount buildkit-agent/buildkit-agent: may not create leases: no replica of it can lead, and no step is taken; bind ServiceAccount buildkit-agent/buildkit-agent to a Role in buildkit-agent with the rule {apiGroups: ["coordination.k8s.io"], resources: [leases], verbs: [create]}
    FAIL rights of ServiceAccount buildkit-agent/buildkit-agent: may not get, update leases `buildkit-agent`: no replica of it can lead, and no step is taken; bind ServiceAccount buildkit-agent/buildkit-agent to a Role in buildkit-agent with the rule {apiGroups: ["coordination.k8s.io"], resources: [leases], resourceNames: [buildkit-agent], verbs: [get, update]}
    warn rights of ServiceAccount buildkit-agent/buildkit-agent: may not watch leases `buildkit-agent`: a replica notices seconds late that another has given up; bind ServiceAccount buildkit-agent/buildkit-agent to a Role in buildkit-agent with the rule {apiGroups: ["coordination.k8s.io"], resources: [leases], resourceNames: [buildkit-agent], verbs: [watch]}
    "#);
}

#[test]
fn a_login_that_may_not_ask_is_told_so() {
    let refused = Err(ReadError::Forbidden("create subjectaccessreviews".to_owned()));
    let found = judge(&Account::new("builds", "x"), &of_workflow("builds"), &refused);
    insta::assert_snapshot!(found[0].to_string(), @r#"skip rights of ServiceAccount builds/x: this login may not ask about others; run `check` as a cluster administrator, or grant it `create` on subjectaccessreviews.authorization.k8s.io"#);
}

#[test]
fn an_application_needs_what_the_component_grants() {
    let application = Application { namespace: "argocd".to_owned(), name: "shop-api".to_owned() };
    let site = Site { application: Some(application), ..Site::example() };
    let needs = of_steps(&site, &[], false);
    let role = include_str!("../../../deploy/components/argocd-sync/role.yaml");
    let granted = role.split("verbs: [").nth(1).and_then(|rest| rest.split(']').next()).unwrap_or_default();
    let granted: BTreeSet<&str> = granted.split(", ").collect();
    let asked: BTreeSet<&str> = needs.iter().flat_map(|need| need.verbs).copied().collect();
    assert_eq!(asked, granted);
    insta::assert_snapshot!(said(&needs, &[&["patch"], &["get", "watch"]]), @r#"
    FAIL rights of ServiceAccount builds/buildkit-workflow: may not patch applications `shop-api`: Argo CD is not told of a commit; bind ServiceAccount builds/buildkit-workflow to a Role in argocd with the rule {apiGroups: ["argoproj.io"], resources: [applications], resourceNames: [shop-api], verbs: [patch]}
    warn rights of ServiceAccount builds/buildkit-workflow: may not get, watch applications `shop-api`: a step `sync` that waits for it fails; bind ServiceAccount builds/buildkit-workflow to a Role in argocd with the rule {apiGroups: ["argoproj.io"], resources: [applications], resourceNames: [shop-api], verbs: [get, watch]}
    "#);
}
