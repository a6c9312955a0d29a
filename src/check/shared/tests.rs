#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::{Duration, SystemTime};

use k8s_openapi::api::coordination::v1::Lease;
use serde_json::{Value, json};

use super::certificate::{self, Mounted};
use super::settings::Watched;
use super::*;
use crate::kube::{ApiRequest, Rights, SecretError};

/// An agent of so many replicas, all ready, that watches `namespaces`.
pub(in crate::check) fn agent(namespaces: &str, replicas: u32) -> AgentDeployment {
    settings(replicas, &[("ARGO_BUILDKIT_NAMESPACES", namespaces), HOST])
}

const HOST: (&str, &str) = ("BUILDKIT_HOST", "tcp://buildkitd.buildkit.svc:1234");

fn settings(replicas: u32, env: &[(&str, &str)]) -> AgentDeployment {
    let env: Vec<_> = env.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    of(replicas, json!({"args": ["agent"], "env": env}))
}

fn of(replicas: u32, mut container: Value) -> AgentDeployment {
    container["name"] = json!("agent");
    container["image"] = json!("registry.example.com/argo-buildkit:0.1.0");
    container["volumeMounts"] = json!([{"name": "tls", "mountPath": "/etc/buildkit-tls"}]);
    let pod = json!({
        "serviceAccountName": "buildkit-agent",
        "containers": [{"name": "proxy", "image": "proxy"}, container],
        "volumes": [{"name": "tls", "secret": {"secretName": "buildkit-client-tls"}}],
    });
    let deployment = json!({
        "metadata": {"name": NAME},
        "spec": {"replicas": replicas, "selector": {}, "template": {"spec": pod}},
        "status": {"readyReplicas": replicas},
    });
    let mut agent = AgentDeployment::of("buildkit-agent", serde_json::from_value(deployment).unwrap());
    agent.settings = ContainerSettings::of_container_alone(&agent.container);
    agent
}

fn lines(found: impl IntoIterator<Item = Finding>) -> String {
    found.into_iter().map(|finding| format!("{finding}\n")).collect()
}

#[test]
fn an_agent_that_does_not_run_leaves_steps_pending() {
    let running = |agent: AgentDeployment| {
        agent.running("shared agent buildkit-agent/buildkit-agent".to_owned(), "builds")
    };
    let one = AgentDeployment { ready: 1, ..agent("builds", 2) };
    let none = AgentDeployment { ready: 0, ..agent("builds", 2) };
    let found = [running(agent("builds", 2)), running(one), running(none), running(agent("builds", 0))];
    let gone = absent("shared agent buildkit-agent/buildkit-agent".to_owned(), "builds");
    insta::assert_snapshot!(lines(found.into_iter().chain([gone])), @r#"
    ok   shared agent buildkit-agent/buildkit-agent: 2 of 2 pods ready, image registry.example.com/argo-buildkit:0.1.0
    warn shared agent buildkit-agent/buildkit-agent: 1 of 2 pods ready: steps go on, and nobody is there to take over; see kubectl describe and logs of deploy/buildkit-agent in buildkit-agent
    FAIL shared agent buildkit-agent/buildkit-agent: no pod of it is ready, so plugin steps of builds stay Pending for ever; see kubectl describe and logs of deploy/buildkit-agent in buildkit-agent
    FAIL shared agent buildkit-agent/buildkit-agent: is scaled to 0, so plugin steps of builds stay Pending for ever; scale it to 2
    FAIL shared agent buildkit-agent/buildkit-agent: there is no such Deployment, so plugin steps of builds stay Pending for ever; apply deploy/components/agent, or name its namespace (--agent-namespace)
    "#);
    let mut unnamed = AgentDeployment { ready: 0, ..agent("builds", 2) };
    unnamed.container.image = "ghcr.io/argo-buildkit/argo-buildkit@sha256:0123".to_owned();
    let found = running(unnamed).to_string();
    assert!(found.starts_with("FAIL") && found.contains("is a placeholder"), "{found}");
}

#[test]
fn what_it_watches_is_read_as_it_reads_it() {
    let only = |names: &[&str]| Watched::Only(names.iter().map(|name| (*name).to_owned()).collect());
    let flags = |args: &[&str]| {
        of(1, json!({"args": args, "env": [{"name": "ARGO_BUILDKIT_NAMESPACES", "value": "x"}]}))
    };
    let rows = [
        (agent("shop, builds", 1), only(&["shop", "builds"])),
        (agent("", 1), only(&[])),
        (flags(&["agent", "--namespace", "a", "--namespace=b,c"]), only(&["a", "b", "c"])),
        (flags(&["agent", "-n", "a"]), only(&["a"])),
        (flags(&["agent", "--all-namespaces"]), Watched::All),
        (settings(1, &[("ARGO_BUILDKIT_ALL_NAMESPACES", "true")]), Watched::All),
        (settings(1, &[("ARGO_BUILDKIT_ALL_NAMESPACES", "false")]), only(&[])),
    ];
    for (agent, expected) in rows {
        assert_eq!(agent.watched(), expected, "{:?}", agent.container);
    }
}

#[test]
fn settings_that_leave_a_namespace_out_or_keep_it_from_starting_are_said() {
    let all = ("ARGO_BUILDKIT_ALL_NAMESPACES", "true");
    let policy = ("ARGO_BUILDKIT_POLICY", "/etc/argo-buildkit/policy.yaml");
    let builds = ("ARGO_BUILDKIT_NAMESPACES", "builds");
    let rows = [
        agent("builds", 1),
        settings(1, &[all, policy, HOST]),
        settings(1, &[all, HOST]),
        agent("shop,web", 1),
        agent("", 1),
        settings(1, &[builds]),
    ];
    insta::assert_snapshot!(lines(rows.iter().map(|agent| agent.settings("builds"))), @r#"
    ok   shared agent settings: watches builds, BUILDKIT_HOST=tcp://buildkitd.buildkit.svc:1234
    ok   shared agent settings: watches all namespaces, BUILDKIT_HOST=tcp://buildkitd.buildkit.svc:1234
    FAIL shared agent settings: it watches several namespaces without a policy, and does not start; set ARGO_BUILDKIT_POLICY to the file of one in the container's env
    FAIL shared agent settings: it watches shop, web, and not builds, whose plugin steps stay Pending for ever; add builds to ARGO_BUILDKIT_NAMESPACES in the container's env, restart it, and apply deploy/components/agent-rights there
    FAIL shared agent settings: it watches no namespace, and not builds, whose plugin steps stay Pending for ever; add builds to ARGO_BUILDKIT_NAMESPACES in the container's env, restart it, and apply deploy/components/agent-rights there
    FAIL shared agent settings: nothing tells it where buildkitd is; set BUILDKIT_HOST in the container's env
    "#);
}

#[test]
fn its_lease_and_account_may_have_other_names() {
    let usual = agent("builds", 1);
    assert_eq!(usual.lease(), ("buildkit-agent", "buildkit-agent"));
    assert_eq!(usual.steps_account(), "buildkit-executor-plugin");
    let named =
        of(1, json!({"args": ["agent", "--lease=a", "--lease-namespace", "b", "--service-account=c"]}));
    assert_eq!((named.lease(), named.steps_account()), (("b", "a"), "c"));
}

#[test]
fn a_lease_that_nobody_renews_is_said() {
    let lease = |spec: Value| -> Result<Option<Lease>, ReadError> {
        Ok(Some(serde_json::from_value(json!({"metadata": {}, "spec": spec})).unwrap()))
    };
    let renewed =
        |at: &str| lease(json!({"holderIdentity": "pod-1", "leaseDurationSeconds": 15, "renewTime": at}));
    // 2026-01-01T00:01:00Z
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_660);
    let rows = [
        renewed("2026-01-01T00:00:50.000000Z"),
        renewed("2026-01-01T00:05:00.000000Z"),
        renewed("2026-01-01T00:00:00.000000Z"),
        lease(json!({"holderIdentity": "", "leaseDurationSeconds": 15})),
        lease(json!({"holderIdentity": "pod-1"})),
        Ok(None),
    ];
    let judged = rows.iter().map(|read| {
        lease::judge("Lease buildkit-agent/buildkit-agent", read, "buildkit-agent/buildkit-agent", now)
    });
    insta::assert_snapshot!(lines(judged), @r#"
    ok   Lease buildkit-agent/buildkit-agent: pod-1 leads, and renews it within its 15 s
    ok   Lease buildkit-agent/buildkit-agent: pod-1 leads, and renews it within its 15 s
    FAIL Lease buildkit-agent/buildkit-agent: pod-1 has not renewed it for 60 s by this machine's clock, and it lasts 15 s, so no replica of buildkit-agent/buildkit-agent leads, and no step is taken; see their logs
    FAIL Lease buildkit-agent/buildkit-agent: nobody holds it, so no replica of buildkit-agent/buildkit-agent leads, and no step is taken; see their logs if that lasts
    FAIL Lease buildkit-agent/buildkit-agent: pod-1 has never renewed it, so no replica of buildkit-agent/buildkit-agent leads, and no step is taken; see their logs
    FAIL Lease buildkit-agent/buildkit-agent: does not exist, so no replica of buildkit-agent/buildkit-agent leads, and no step is taken; see their logs, and their right to make it
    "#);
}

#[test]
fn a_policy_has_to_name_the_namespace() {
    let map = |data: Value| Ok(Some(serde_json::from_value(json!({"data": data})).unwrap()));
    let rows = [
        map(json!({"policy.yaml": "namespaces: {builds: {images: []}}"})),
        map(json!({"policy.yaml": "namespaces: {}"})),
        map(json!({"policy.yaml": "namespace: {}"})),
        map(json!({"other": ""})),
        Ok(None),
    ];
    let subject = "policy ConfigMap buildkit-agent/buildkit-agent-policy";
    let judged = rows.iter().map(|read| policy::judge(subject, "policy.yaml", read, "builds"));
    insta::assert_snapshot!(lines(judged), @r#"
    ok   policy ConfigMap buildkit-agent/buildkit-agent-policy: has an entry for builds
    FAIL policy ConfigMap buildkit-agent/buildkit-agent-policy: namespace `builds` has no entry in the policy policy.yaml (it has nothing), so its workflows may do nothing; add `builds`, or a pattern that fits it, under `namespaces`, and restart the shared agent
    FAIL policy ConfigMap buildkit-agent/buildkit-agent-policy: the policy policy.yaml: its top level: unknown key `namespace` (did you mean `namespaces`?); known: `namespaces`; until then the shared agent does not start
    FAIL policy ConfigMap buildkit-agent/buildkit-agent-policy: has no key policy.yaml, so the shared agent does not start; add it
    FAIL policy ConfigMap buildkit-agent/buildkit-agent-policy: does not exist, so the shared agent's pods do not start; apply deploy/components/agent
    "#);
}

#[test]
fn the_certificate_is_what_the_settings_name() {
    assert_eq!(agent("builds", 1).certificate(), None, "no settings, no certificate");
    let files = [
        ("ARGO_BUILDKIT_TLS_CA", "/etc/buildkit-tls/ca.crt"),
        ("ARGO_BUILDKIT_TLS_CERT", "/etc/buildkit-tls/tls.crt"),
        ("ARGO_BUILDKIT_TLS_KEY", "/elsewhere/tls.key"),
    ];
    let mounted = settings(1, &files).certificate().unwrap();
    let keys = ["ca.crt", "tls.crt"].map(str::to_owned).to_vec();
    assert_eq!(mounted, Mounted { secret: "buildkit-client-tls".to_owned(), keys });
    let name = "buildkit-client-tls".to_owned();
    let missing = SecretError::NotFound { name: name.clone(), place: "namespace `x`".to_owned() };
    let forbidden = SecretError::Kube(
        ApiRequest::new(format!("reading secret `{name}`"), Rights::Own, "get").forbidden(),
    );
    let judged = [missing, forbidden].map(|e| certificate::judge("buildkit-agent", &mounted, &Err(e)));
    insta::assert_snapshot!(lines(judged), @r#"
    FAIL client certificate Secret buildkit-agent/buildkit-client-tls: does not exist, so the shared agent's pods do not start; make it with the keys ca.crt, tls.crt (docs/agent.md)
    skip client certificate Secret buildkit-agent/buildkit-client-tls: this login may not read it; run `check` as one who may, or look: kubectl get secret -n buildkit-agent buildkit-client-tls
    "#);
}
