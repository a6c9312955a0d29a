#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};

use super::*;
use crate::check::shared;

/// A namespace without label, under a controller without flag.
fn mode_inputs(version: &str) -> ModeInputs {
    let release = version.strip_prefix('v').and_then(|v| v.split_once('.'));
    let release = release
        .map(|(major, rest)| (major.parse().unwrap(), rest.split('.').next().unwrap().parse().unwrap()));
    ModeInputs {
        label: Ok(None),
        flag: Ok(None),
        map: "argo/workflow-controller-configmap".to_owned(),
        release,
        version: version.to_owned(),
        image: format!("quay.io/argoproj/workflow-controller:{version}"),
        config: Config::default(),
        gate: None,
    }
}

fn flagged(version: &str) -> ModeInputs {
    ModeInputs { flag: Ok(Some("true".to_owned())), ..mode_inputs(version) }
}

fn gate(policy: Value) -> Gate {
    let binding = json!({"spec": {"policyName": "buildkit-agent-gate"}});
    Gate { policy: Ok(Some(policy)), binding: Ok(Some(binding)) }
}

fn good() -> Value {
    json!({"spec": {"failurePolicy": "Fail", "mutations": [{"patchType": "ApplyConfiguration"}]}})
}

fn gated(gate: Gate) -> ModeInputs {
    ModeInputs { label: Ok(Some(SHARED.to_owned())), gate: Some(gate), ..mode_inputs("v4.0.7") }
}

fn said(signs: &ModeInputs, agent: Option<AgentDeployment>) -> String {
    let found = signs.judge(&Site::example(), &Ok(agent));
    found.iter().map(|finding| format!("{finding}\n")).collect()
}

#[test]
fn each_mode_is_named_with_what_makes_it() {
    let rows = [
        (mode_inputs("v4.0.7"), ExecutionMode::Sidecar),
        (gated(gate(good())), ExecutionMode::Gate),
        (flagged("v4.1.2"), ExecutionMode::Flag),
        (ModeInputs { gate: Some(gate(good())), ..flagged("v4.1.2") }, ExecutionMode::Flag),
        (flagged("v4.0.7"), ExecutionMode::Sidecar),
        (ModeInputs { flag: Ok(Some("false".to_owned())), ..mode_inputs("v4.1.2") }, ExecutionMode::Sidecar),
    ];
    for (signs, mode) in &rows {
        assert_eq!(signs.mode(), *mode, "{signs:?}");
    }
    let text: String = rows[..3].iter().map(|(signs, _)| said(signs, None)).collect();
    insta::assert_snapshot!(text, @r#"
    ok   mode of namespace builds: sidecar: each workflow has an agent pod with the plugin in it
    ok   mode of namespace builds: shared agent, by the gate: MutatingAdmissionPolicy buildkit-agent-gate keeps the agent pods of builds from starting
    ok   mode of namespace builds: shared agent, by disableAgentPodCreation in ConfigMap argo/workflow-controller-configmap (Argo Workflows v4.1.2)
    "#);
}

#[test]
fn a_flag_is_held_against_the_controller_s_version() {
    insta::assert_snapshot!(said(&flagged("v4.0.7"), None), @r#"
    FAIL mode of namespace builds: disableAgentPodCreation is set in ConfigMap argo/workflow-controller-configmap, and Argo Workflows v4.0.7 does not know it: the controller crash-loops; remove it there, and gate agent pods instead (deploy/components/agent-gate) until Argo is 4.1 or newer
    ok   mode of namespace builds: sidecar: each workflow has an agent pod with the plugin in it
    "#);
    insta::assert_snapshot!(said(&flagged("latest"), None), @r#"warn mode of namespace builds: shared agent, by disableAgentPodCreation in ConfigMap argo/workflow-controller-configmap, and the controller's version is unknown (image quay.io/argoproj/workflow-controller:latest): before 4.1 it crash-loops on that; see that it is 4.1 or newer"#);
    let off = ModeInputs { flag: Ok(Some("false".to_owned())), ..mode_inputs("v3.7.1") };
    assert!(said(&off, None).starts_with("FAIL"), "any value of it is unknown");
}

#[test]
fn a_flag_is_read_where_argo_reads_it() {
    let rows = [
        (json!({FLAG: "true\n"}), Some("true")),
        (json!({"config": "disableAgentPodCreation: true\nparallelism: 3"}), Some("true")),
        (json!({"parallelism": "3"}), None),
    ];
    for (data, expected) in rows {
        let map: ConfigMap = serde_json::from_value(json!({"data": data})).unwrap();
        assert_eq!(setting(&map, FLAG).map(|flag| text_of(&flag)).as_deref(), expected, "{data}");
    }
}

#[test]
fn a_gate_that_does_not_hold_is_said() {
    let with = |change: fn(&mut Value)| {
        let mut policy = good();
        change(&mut policy);
        gated(gate(policy))
    };
    let panics = with(|policy| policy["spec"]["mutations"][0]["patchType"] = json!("JSONPatch"));
    let loose = with(|policy| policy["spec"]["failurePolicy"] = json!("Ignore"));
    let labels = with(|policy| {
        policy["spec"]["matchConstraints"] = json!({"objectSelector": {"matchLabels": {"a": "b"}}});
    });
    assert!(said(&labels, None).contains("looks at labels, which a workflow gives its own agent pod"));
    let other = Gate { binding: Ok(Some(json!({"spec": {"policyName": "x"}}))), ..gate(good()) };
    let unbound = Gate { binding: Ok(None), ..gate(good()) };
    let no_kind = || Err(ReadError::NoSuchKind("mutatingadmissionpolicies".to_owned()));
    let old = Gate { policy: no_kind(), binding: no_kind() };
    let all = [panics, loose, gated(other), gated(unbound), gated(old)];
    let text: String = all.iter().map(|signs| said(signs, None)).collect();
    insta::assert_snapshot!(text, @r#"
    FAIL mode of namespace builds: MutatingAdmissionPolicy buildkit-agent-gate has the patchType JSONPatch, on which kube-apiserver panics (1.36.3): no agent pod can be made, and nodes end as Error; apply deploy/components/agent-gate, which has ApplyConfiguration
    warn mode of namespace builds: MutatingAdmissionPolicy buildkit-agent-gate has failurePolicy Ignore: where it cannot be evaluated, an agent pod starts all the same and races the shared agent; set Fail
    FAIL mode of namespace builds: MutatingAdmissionPolicyBinding buildkit-agent-gate binds the policy `x`, so agent pods start; apply deploy/components/agent-gate
    FAIL mode of namespace builds: the namespace has the label argo-buildkit.io/agent=shared, and there is no MutatingAdmissionPolicyBinding buildkit-agent-gate: agent pods start, find no plugin, and race the shared agent; apply deploy/components/agent-gate, or remove the label
    FAIL mode of namespace builds: the namespace has the label argo-buildkit.io/agent=shared, and this API server has no MutatingAdmissionPolicy (Kubernetes 1.36, or 1.34 with it enabled): agent pods start, find no plugin, and race the shared agent; remove the label, or use disableAgentPodCreation of Argo 4.1
    "#);
}

#[test]
fn an_agent_beside_agent_pods_races_them() {
    let agent = |namespaces: &str, replicas: u32| Some(shared::tests::agent(namespaces, replicas));
    insta::assert_snapshot!(said(&mode_inputs("v4.0.7"), agent("shop,builds", 2)), @r#"FAIL mode of namespace builds: agent pods start here, and the shared agent buildkit-agent/buildkit-agent watches this namespace too: both execute every step, and a pod without the plugin ends it with "no plugin executed the template"; keep agent pods from starting (label argo-buildkit.io/agent=shared with deploy/components/agent-gate, or with Argo 4.1 disableAgentPodCreation), or take the namespace from the agent"#);
    assert!(said(&mode_inputs("v4.0.7"), agent("shop", 2)).starts_with("ok"), "it watches another namespace");
    assert!(said(&mode_inputs("v4.0.7"), agent("builds", 0)).starts_with("ok"), "it does not run");
    assert!(said(&gated(gate(good())), agent("builds", 2)).starts_with("ok"));
}

#[test]
fn what_may_not_be_read_is_taken_for_a_sidecar_s() {
    let label = Err(ReadError::Forbidden("get namespaces builds".to_owned()));
    insta::assert_snapshot!(said(&ModeInputs { label, ..mode_inputs("v4.0.7") }, None), @r#"skip mode of namespace builds: this login may not get namespaces builds; run `check` as a login that may, or grant it to this one; taken for a sidecar's"#);
}
