#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::json;

use super::lock::HolderState;
use super::*;
use crate::check::Severity;

fn facts(status: Value) -> WorkflowFacts {
    WorkflowFacts {
        namespace: "builds".to_owned(),
        name: "wf".to_owned(),
        workflow: json!({"metadata": {"name": "wf"}, "spec": {}, "status": status}),
        ..WorkflowFacts::default()
    }
}

/// A workflow with one plugin node that has not ended.
fn running(message: &str) -> WorkflowFacts {
    let node = json!({"id": "wf-1", "displayName": "build", "type": "Plugin", "phase": "Running", "message": message});
    facts(json!({"phase": "Running", "nodes": {"wf-1": node}}))
}

fn pod(status: Value) -> Option<Vec<Pod>> {
    let spec = json!({
        "serviceAccountName": "buildkit-workflow",
        "containers": [{"name": "buildkit", "securityContext": {"runAsUser": 65532}}, {"name": "main"}],
        "volumes": [
            {"name": "token", "secret": {"secretName": "buildkit-workflow.service-account-token"}},
            {"name": "more", "secret": {"secretName": "optional", "optional": true}},
        ],
    });
    let pod = json!({"metadata": {"name": "wf-1340600742-agent"}, "spec": spec, "status": status});
    Some(vec![serde_json::from_value(pod).unwrap()])
}

fn said(facts: &WorkflowFacts) -> String {
    judge(facts).to_string()
}

#[test]
fn an_ended_workflow_says_how_it_ended() {
    let ended = |phase: &str, nodes: Value| {
        facts(
            json!({"phase": phase, "finishedAt": "2026-01-01T00:00:00Z", "message": "child failed", "nodes": nodes}),
        )
    };
    assert_eq!(
        said(&ended("Succeeded", json!({}))),
        "ok   workflow builds/wf: has finished: Succeeded at 2026-01-01T00:00:00Z"
    );
    let nodes = json!({
        "a": {"type": "Steps", "phase": "Failed", "displayName": "wf", "message": "child failed"},
        "b": {"type": "Plugin", "phase": "Failed", "displayName": "build", "message": "no plugin executed the template"},
    });
    insta::assert_snapshot!(said(&ended("Failed", nodes)), @r#"FAIL workflow builds/wf: has finished: Failed: node build: no plugin executed the template; install the plugin's ConfigMap, and write exactly one key under `plugin`: buildkit"#);
    assert!(said(&ended("Failed", json!({}))).contains("has finished: Failed: child failed; correct that"));
}

#[test]
fn a_workflow_that_nobody_looks_at_names_the_controller() {
    let mut unseen = facts(json!({}));
    assert!(said(&unseen).contains("the controller has not looked at it"));
    unseen.controller_ready = Some(false);
    assert!(said(&unseen).contains("nobody has looked at it: no pod of the controller is ready"));
    let down = WorkflowFacts { controller_ready: Some(false), ..running("") };
    assert!(said(&down).contains("does not move: no pod of the controller is ready"));
}

#[test]
fn locks_name_their_holders() {
    let waiting =
        |synchronization: Value| facts(json!({"phase": "Pending", "synchronization": synchronization}));
    let mutex = json!({"mutex": {"waiting": [{"mutex": "builds/Mutex/x", "holder": "builds/other"}]}});
    let held = |state| {
        let holder = Holder { place: "builds/other".to_owned(), state };
        said(&WorkflowFacts { holder, ..waiting(mutex.clone()) })
    };
    insta::assert_snapshot!([HolderState::Open, HolderState::Stopped, HolderState::Ended, HolderState::Nobody].map(held).join("\n"), @r#"
    warn workflow builds/wf: waits for the mutex builds/Mutex/x, which builds/other holds; wait for that, or stop it
    FAIL workflow builds/wf: waits for the mutex builds/Mutex/x, which builds/other holds: that was stopped and has not ended; unless its exit handler still runs, argo terminate -n builds other
    FAIL workflow builds/wf: waits for the mutex builds/Mutex/x, which builds/other still holds though it has ended; where that lasts, restart the controller, which then counts anew
    warn workflow builds/wf: waits for the mutex builds/Mutex/x, which no workflow holds by now (builds/other has let it go): it is about to get its turn; where that lasts, restart the controller, which then counts anew
    "#);
    let mut stopped = waiting(mutex.clone());
    stopped.workflow["spec"]["shutdown"] = json!("Stop");
    assert!(said(&stopped).contains("argo terminate -n builds wf ends it now"), "{}", said(&stopped));
    let semaphore =
        json!({"semaphore": {"waiting": [{"semaphore": "builds/ConfigMap/c/k", "holders": ["a", "b"]}]}});
    insta::assert_snapshot!(said(&waiting(semaphore)), @r#"warn workflow builds/wf: waits for the semaphore builds/ConfigMap/c/k, which is used up by a, b; wait, or raise its limit"#);
    let many = facts(json!({"phase": "Pending", "message": "too many workflows are already running"}));
    assert!(said(&many).contains("is Pending: too many workflows"));
}

#[test]
fn a_workflow_that_is_not_begun_names_what_stands_in_its_way() {
    let mut open = facts(json!({}));
    open.workflow["spec"]["arguments"] = json!({"parameters": [{"name": "message", "value": "fix {{ x"}]});
    assert!(said(&open).contains("(parameter message) has a `{{` without a `}}`"), "{}", said(&open));
    let elsewhere = WorkflowFacts { only: Some("argo".to_owned()), ..facts(json!({})) };
    assert!(said(&elsewhere).contains("it watches namespace argo alone"), "{}", said(&elsewhere));
}

/// The state that Argo 4.0.7 sometimes leaves.
#[test]
fn a_stopped_workflow_that_got_its_turn_names_the_way_out() {
    let mut kept = running("");
    kept.workflow["status"]["nodes"]["wf-1"]["phase"] = json!("Pending");
    kept.workflow["status"]["synchronization"] =
        json!({"mutex": {"holding": [{"mutex": "builds/Mutex/x", "holder": "builds/wf"}]}});
    assert!(!said(&kept).contains("was stopped"));
    kept.workflow["spec"]["shutdown"] = json!("Stop");
    assert!(
        said(&kept).starts_with("FAIL") && said(&kept).contains("argo terminate -n builds wf"),
        "{}",
        said(&kept)
    );
}

#[test]
fn a_node_that_waits_for_its_lock_is_not_said_to_work() {
    let mut waits = running("Waiting for builds/Mutex/x lock. Lock status: 0/1");
    waits.workflow["status"]["nodes"]["wf-1"]["synchronizationStatus"] = json!({"waiting": "builds/Mutex/x"});
    waits.workflow["status"]["synchronization"] =
        json!({"mutex": {"waiting": [{"mutex": "builds/Mutex/x", "holder": "builds/first"}]}});
    let waits = WorkflowFacts {
        holder: Holder { place: "builds/first/first-1".to_owned(), state: HolderState::Open },
        ..waits
    };
    assert!(said(&waits).contains("which builds/first/first-1 holds"), "{}", said(&waits));
}

#[test]
fn a_suspended_workflow_says_how_to_go_on() {
    let mut paused = facts(json!({"phase": "Running"}));
    paused.workflow["spec"]["suspend"] = json!(true);
    assert_eq!(said(&paused), "warn workflow builds/wf: is suspended; argo resume -n builds wf");
}

#[test]
fn a_missing_agent_is_explained_by_the_controller() {
    let none = || WorkflowFacts { pods: Some(Vec::new()), ..running("") };
    assert!(
        said(&WorkflowFacts { plugins_on: Some(false), ..none() }).contains("set ARGO_EXECUTOR_PLUGINS=true")
    );
    assert!(said(&none()).contains("has made no WorkflowTaskSet"));
    assert!(said(&WorkflowFacts { task_set: Some(json!({})), ..none() }).contains("there is no agent pod"));
    let refused =
        running("create agent pod failed: pods \"x\" is forbidden: violates PodSecurity \"restricted\"");
    assert!(said(&refused).contains("securityContext"));
    assert!(said(&running("")).starts_with("skip"), "pods that may not be listed");
}

#[test]
fn a_secret_that_is_not_there_is_the_first_cause() {
    let pods = pod(json!({"phase": "Pending"}));
    assert_eq!(pod::mounted_secrets(&pods.as_ref().unwrap()[0]), ["buildkit-workflow.service-account-token"]);
    let missing = vec!["buildkit-workflow.service-account-token".to_owned()];
    let facts = WorkflowFacts { pods, missing_secrets: missing, ..running("") };
    insta::assert_snapshot!(said(&facts), @r#"FAIL workflow builds/wf: node build is Running: its agent pod wf-1340600742-agent cannot start: it mounts the Secret buildkit-workflow.service-account-token, which does not exist; create it with type kubernetes.io/service-account-token and the annotation kubernetes.io/service-account.name: buildkit-workflow"#);
}

#[test]
fn events_tell_what_may_not_be_read() {
    let event = |reason: &str, message: &str| {
        serde_json::from_value(json!({
            "metadata": {}, "involvedObject": {}, "type": "Warning", "reason": reason, "message": message,
        }))
        .unwrap()
    };
    let pending = |events| WorkflowFacts { pods: pod(json!({"phase": "Pending"})), events, ..running("") };
    let mount = event(
        "FailedMount",
        "MountVolume.SetUp failed for volume \"t\" : secret \"wf.service-account-token\" not found",
    );
    assert!(said(&pending(vec![mount])).contains("kubernetes.io/service-account.name: wf"));
    let sandbox = event("FailedCreatePodSandBox", "no network");
    assert!(said(&pending(vec![sandbox])).contains("has not started (FailedCreatePodSandBox: no network)"));
}

#[test]
fn a_container_that_restarts_says_why() {
    let restarts = |name: &str, reason: &str| {
        let ended = json!({"terminated": {"exitCode": 1, "reason": reason}});
        let status = json!({
            "name": name, "image": "", "imageID": "", "ready": false, "restartCount": 4, "state": {}, "lastState": ended,
        });
        WorkflowFacts { pods: pod(json!({"phase": "Running", "containerStatuses": [status]})), ..running("") }
    };
    assert!(said(&restarts("buildkit", "Error")).contains("set runAsUser: 8737"));
    assert!(said(&restarts("buildkit", "OOMKilled")).contains("raise its memory limit"));
    assert!(
        said(&restarts("main", "Error"))
            .contains("kubectl logs -n builds wf-1340600742-agent -c main --previous")
    );
    let unmet = vec![Finding::fail("rights", "may not watch workflowtasksets: …")];
    let agent = WorkflowFacts { unmet, ..restarts("main", "Error") };
    assert!(
        said(&agent).contains("restarts: its ServiceAccount buildkit-workflow may not watch"),
        "{}",
        said(&agent)
    );
}

#[test]
fn an_end_of_long_ago_is_history() {
    let status = json!({
        "name": "buildkit", "image": "", "imageID": "", "ready": true, "restartCount": 1,
        "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
        "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
    });
    let pods = pod(json!({"phase": "Running", "containerStatuses": [status]}));
    assert_eq!(judge(&WorkflowFacts { pods, ..running("[3/7] RUN npm ci") }).severity, Severity::Ok);
}

#[test]
fn a_result_that_does_not_arrive_names_the_rule() {
    let task_set = Some(json!({"status": {"nodes": {"wf-1": {"phase": "Succeeded"}}}}));
    let done = || WorkflowFacts {
        task_set: task_set.clone(),
        pods: pod(json!({"phase": "Running"})),
        ..running("pushed")
    };
    let lost = WorkflowFacts { status_right: Some(false), ..done() };
    assert!(said(&lost).starts_with("FAIL") && said(&lost).contains("may not patch workflowtasksets/status"));
    assert!(said(&done()).starts_with("warn") && said(&done()).contains("DEFAULT_REQUEUE_TIME"));
}

#[test]
fn a_workflow_that_works_is_let_work() {
    let works = WorkflowFacts { pods: pod(json!({"phase": "Running"})), ..running("[3/7] RUN npm ci") };
    assert_eq!(judge(&works).severity, Severity::Ok);
    assert!(said(&works).ends_with("works: node build is Running: [3/7] RUN npm ci"));
    let held = facts(json!({"phase": "Running", "nodes": {"p": {
        "type": "Pod", "phase": "Pending", "displayName": "test", "message": "ImagePullBackOff: no such image",
    }}}));
    assert!(said(&held).starts_with("FAIL") && said(&held).contains("imagePullSecrets"));
    assert!(said(&facts(json!({"phase": "Running"}))).starts_with("warn"));
}

/// A workflow of the shared agent, whose task is for `executor`, with a gated agent pod.
fn shared(message: &str, executor: Value) -> WorkflowFacts {
    let mut pods = pod(json!({
        "phase": "Pending",
        "conditions": [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}],
    }));
    let gates = Some(vec![serde_json::from_value(json!({"name": "argo-buildkit.io/shared-agent"})).unwrap()]);
    pods.as_mut().unwrap()[0].spec.as_mut().unwrap().scheduling_gates = gates;
    let task_set = Some(json!({"spec": {"tasks": {"wf-1": executor}}, "status": {}}));
    let agent_namespace = "buildkit-agent".to_owned();
    WorkflowFacts { mode: ExecutionMode::Gate, agent_namespace, task_set, pods, ..running(message) }
}

fn ours() -> Value {
    json!({"name": "build", "plugin": {"buildkit": {}}})
}

#[test]
fn a_gated_agent_pod_is_as_it_should_be() {
    let works = shared("[3/7] RUN npm ci", ours());
    assert_eq!(said(&works), "ok   workflow builds/wf: works: node build is Running ([3/7] RUN npm ci)");
    let silent = shared("", ours());
    insta::assert_snapshot!(said(&silent), @r#"warn workflow builds/wf: node build is Running: the shared agent leads and watches this namespace, and has reported nothing yet; look again, then see its logs: kubectl logs -n buildkit-agent deploy/buildkit-agent"#);
    let flagged = WorkflowFacts { mode: ExecutionMode::Flag, pods: Some(Vec::new()), ..works };
    assert_eq!(judge(&flagged).severity, Severity::Ok, "no pod is made");
    let ungated = WorkflowFacts { pods: pod(json!({"phase": "Running"})), ..shared("", ours()) };
    insta::assert_snapshot!(said(&ungated), @r#"FAIL workflow builds/wf: node build is Running: its agent pod wf-1340600742-agent was made without the gate, and races the shared agent; kubectl delete pod -n builds wf-1340600742-agent, for which the controller makes a gated one, and see `argo-buildkit check` for the gate"#);
}

#[test]
fn what_keeps_the_shared_agent_from_a_step_is_the_cause() {
    let flaw = Finding::fail("Lease buildkit-agent/buildkit-agent", "nobody holds it, …");
    let away = |message: &str| WorkflowFacts { flaws: vec![flaw.clone()], ..shared(message, ours()) };
    insta::assert_snapshot!(format!("{}\n{}", said(&away("")), said(&away("[3/7] RUN npm ci"))), @r#"
    FAIL workflow builds/wf: node build is Running: Lease buildkit-agent/buildkit-agent: nobody holds it, …
    FAIL workflow builds/wf: node build is Running ([3/7] RUN npm ci): Lease buildkit-agent/buildkit-agent: nobody holds it, …
    "#);
    let unmade = WorkflowFacts { task_set: None, ..shared("", ours()) };
    assert!(said(&unmade).contains("has made no WorkflowTaskSet"));
    let mut done = away("");
    done.task_set.as_mut().unwrap()["status"] = json!({"nodes": {"wf-1": {"phase": "Succeeded"}}});
    assert!(
        said(&done).contains("Succeeded at the shared agent: the controller takes that over"),
        "{}",
        said(&done)
    );
}

#[test]
fn a_step_of_nobody_s_is_the_cause() {
    let slack = || json!({"name": "tell", "plugin": {"slack": {}}});
    insta::assert_snapshot!(said(&shared("", slack())), @r#"FAIL workflow builds/wf: node build is Running: it wants the plugin `slack`, which the shared agent does not execute, and no agent pod runs in this namespace; argo stop -n builds wf, and make that step a pod"#);
    let mut executed = shared("", slack());
    executed.task_set.as_mut().unwrap()["status"] = json!({"nodes": {"wf-1": {"phase": "Running"}}});
    assert!(said(&executed).starts_with("ok"), "it has a shared agent of its own: {}", said(&executed));
    let mut http = shared("", json!({"name": "call", "http": {}}));
    http.workflow["status"]["nodes"]["wf-1"]["type"] = json!("HTTP");
    assert!(said(&http).contains("it is an `http` template, which the shared agent"), "{}", said(&http));
}

#[test]
fn compressed_nodes_are_read_and_offloaded_ones_told() {
    let WorkflowFacts { mut workflow, .. } = running("at work");
    let nodes = workflow["status"]["nodes"].take().to_string();
    workflow["status"]["compressedNodes"] = json!(crate::kube::pack_nodes(nodes.as_bytes()));
    let large = WorkflowFacts { workflow: large::unpacked(workflow), pods: pod(json!({})), ..running("") };
    assert_eq!(said(&large), "ok   workflow builds/wf: works: node build is Running: at work");
    let away = facts(json!({"phase": "Running", "offloadNodeStatusVersion": "fnv:1"}));
    assert!(said(&away).contains("keeps its nodes in Argo's database"), "{}", said(&away));
}

#[test]
fn tasks_too_large_for_one_object_are_counted() {
    let node = |n: usize| {
        let value = "x".repeat(40_000);
        let inputs = json!({"parameters": [{"name": "p", "value": value}]});
        (
            format!("wf-{n}"),
            json!({"id": format!("wf-{n}"), "type": "Plugin", "phase": "Pending", "inputs": inputs}),
        )
    };
    let workflow = |count: usize| {
        let nodes: serde_json::Map<_, _> = (0..count).map(node).collect();
        facts(json!({"phase": "Running", "nodes": nodes}))
    };
    let large = said(&workflow(60));
    assert!(
        large.starts_with("FAIL") && large.contains("60 of its plugin nodes are not handed on"),
        "{large}"
    );
    assert!(!said(&workflow(10)).contains("not handed on"));
    let tasks: serde_json::Map<_, _> = (0..60).map(|n| (format!("wf-{n}"), json!({}))).collect();
    let handed = WorkflowFacts { task_set: Some(json!({"spec": {"tasks": tasks}})), ..workflow(60) };
    assert!(!said(&handed).contains("not handed on"));
}
