#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::json;

use super::*;

fn controller(env: &[(&str, &str)]) -> Controller {
    let env: Vec<_> = env.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    let container = json!({
        "name": "workflow-controller", "image": "quay.io/argoproj/workflow-controller:v4.0.7", "env": env,
    });
    let pod = json!({"serviceAccountName": "argo", "containers": [container]});
    let deployment = json!({
        "metadata": {"name": "workflow-controller"},
        "spec": {"selector": {}, "template": {"spec": pod}},
        "status": {"readyReplicas": 1},
    });
    Controller::of(serde_json::from_value(deployment).unwrap())
}

fn said(controller: Controller, status: Option<bool>) -> String {
    said_in(ExecutionMode::Sidecar, controller, status)
}

fn said_in(mode: ExecutionMode, controller: Controller, status: Option<bool>) -> String {
    let found = judge(&Ok(Some(controller)), &Site::example(), status, mode);
    found.iter().map(|finding| format!("{finding}\n")).collect()
}

#[test]
fn defaults_cost_seconds_and_say_how_many() {
    insta::assert_snapshot!(said(controller(&[]), Some(false)), @r#"
    ok   controller argo/workflow-controller: Argo Workflows v4.0.7
    FAIL controller setting ARGO_EXECUTOR_PLUGINS: unset: no plugin is loaded, and steps with `plugin` fail; set it to true
    warn controller setting DEFAULT_REQUEUE_TIME: unset (10 s): a plugin step waits twice for it, 20 s where 1s costs 2; set 1s or less
    warn controller setting ARGO_AGENT_PATCH_RATE: unset, so DEFAULT_REQUEUE_TIME (10 s): a result waits up to 10 s in the agent; set 100ms
    warn controller setting ARGO_AGENT_CPU_LIMIT: unset (100m): the agent is throttled while it starts, so every workflow's first plugin step begins later; set 1
    warn controller setting INFORMER_WRITE_BACK: unset: the controller sleeps 1 s after every update of a workflow, so every plugin step ends later; set it to true, together with the rule {apiGroups: [argoproj.io], resources: [workflowtasksets/status], verbs: [patch, update]}
    "#);
}

#[test]
fn good_settings_are_ok() {
    let good = [
        ("ARGO_EXECUTOR_PLUGINS", "true"),
        ("DEFAULT_REQUEUE_TIME", "200ms"),
        ("ARGO_AGENT_PATCH_RATE", "100ms"),
        ("ARGO_AGENT_CPU_LIMIT", "1"),
        ("INFORMER_WRITE_BACK", "true"),
    ];
    insta::assert_snapshot!(said(controller(&good), Some(true)), @r#"
    ok   controller argo/workflow-controller: Argo Workflows v4.0.7
    ok   controller setting ARGO_EXECUTOR_PLUGINS: true: plugins are on
    ok   controller setting DEFAULT_REQUEUE_TIME: 200ms: a plugin step waits twice for it
    ok   controller setting ARGO_AGENT_PATCH_RATE: 100ms: how long a result waits at most in the agent
    ok   controller setting ARGO_AGENT_CPU_LIMIT: 1: the agent is not throttled while it starts
    ok   controller setting INFORMER_WRITE_BACK: true, with the right to workflowtasksets/status that it needs
    "#);
}

#[test]
fn write_back_without_its_rule_hangs() {
    let found = said(controller(&[("INFORMER_WRITE_BACK", "true")]), Some(false));
    assert!(found.contains("FAIL controller setting INFORMER_WRITE_BACK: true without"), "{found}");
    let unknown = said(controller(&[("INFORMER_WRITE_BACK", "true")]), None);
    assert!(unknown.contains("warn controller setting INFORMER_WRITE_BACK: true, and it is not known"));
}

#[test]
fn a_setting_that_a_newer_controller_does_not_have_hangs_nothing() {
    let mut controller = controller(&[("INFORMER_WRITE_BACK", "true")]);
    assert!(controller.writes_back());
    controller.image = "quay.io/argoproj/workflow-controller:v4.1.2".to_owned();
    assert!(!controller.writes_back());
}

#[test]
fn a_requeue_time_counts_twice_and_sets_the_patch_rate() {
    let found = said(controller(&[("DEFAULT_REQUEUE_TIME", "2500ms")]), None);
    assert!(found.contains("2500ms: a plugin step waits twice for it, 5 s where 1s costs 2; set"), "{found}");
    assert!(found.contains("unset, so DEFAULT_REQUEUE_TIME (2.5 s): a result waits up to 2.5 s"), "{found}");
    let wrong = said(controller(&[("DEFAULT_REQUEUE_TIME", "fast")]), None);
    assert!(
        wrong.contains("FAIL controller setting DEFAULT_REQUEUE_TIME: fast is not a duration"),
        "{wrong}"
    );
}

#[test]
fn the_flag_turns_plugins_on_too() {
    let mut controller = controller(&[]);
    controller.args = vec!["--executor-plugins".to_owned()];
    assert!(said(controller, None).contains("ok   controller flag --executor-plugins"));
}

#[test]
fn what_another_object_sets_is_not_guessed() {
    let mut controller = controller(&[]);
    controller.env.push((String::new(), Setting::Elsewhere));
    assert!(said(controller, None).contains("skip controller setting DEFAULT_REQUEUE_TIME"));
}

#[test]
fn a_controller_that_is_not_there_or_not_ready_is_said() {
    assert!(
        judge(&Ok(None), &Site::example(), None, ExecutionMode::Sidecar)[0]
            .text
            .contains("no such Deployment")
    );
    let mut down = controller(&[]);
    down.ready = false;
    assert!(said(down, None).starts_with("FAIL controller argo/workflow-controller: no pod of it is ready"));
}

#[test]
fn the_shared_agent_takes_other_settings_of_it() {
    let slow = said_in(ExecutionMode::Gate, controller(&[]), Some(false));
    let fast = [
        ("DEFAULT_REQUEUE_TIME", "200ms"),
        ("ARGO_QPS", "200"),
        ("ARGO_BURST", "400"),
        ("INFORMER_WRITE_BACK", "true"),
    ];
    let fast = said_in(ExecutionMode::Flag, controller(&fast), Some(true));
    insta::assert_snapshot!(format!("{slow}{fast}"), @r#"
    ok   controller argo/workflow-controller: Argo Workflows v4.0.7
    warn controller setting DEFAULT_REQUEUE_TIME: unset (10 s): a step's commit is out at once, but its node ends after 10 s and its workflow, or the next step, comes after 20 s where 1s costs 2; set 1s or less
    warn controller flag --qps: unset (20), --burst unset (30): workflows that run at once wait for each other's requests, two to five for each change of a step; set ARGO_QPS=200 and ARGO_BURST=400 on the controller (docs/agent.md has measurements)
    warn controller setting INFORMER_WRITE_BACK: unset: the controller sleeps 1 s after every update of a workflow; set it to true, together with the rule {apiGroups: [argoproj.io], resources: [workflowtasksets/status], verbs: [patch, update]}
    ok   controller argo/workflow-controller: Argo Workflows v4.0.7
    ok   controller setting DEFAULT_REQUEUE_TIME: 200ms: a step ends in its workflow up to 0.4 s after it began, its commit is out before
    ok   controller flag --qps: 200, --burst 400: workflows that run at once do not wait for it
    ok   controller setting INFORMER_WRITE_BACK: true, with the right to workflowtasksets/status that it needs
    "#);
}

#[test]
fn the_api_limit_is_read_where_the_controller_reads_it() {
    let with = |args: &[&str], env: &[(&str, &str)]| {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        Controller { args, ..controller(env) }.api_limit().to_string()
    };
    let rows = [
        (
            with(&["--qps=200", "--burst", "400"], &[]),
            "ok   controller flag --qps: 200, --burst 400: workflows that run at once do not",
        ),
        (
            with(&["--qps", "30"], &[("ARGO_QPS", "200")]),
            "warn controller flag --qps: 30, --burst unset (30): workflows that run at once wait",
        ),
        (with(&["--qps=many"], &[]), "FAIL controller flag --qps: many is not a number"),
        (with(&[], &[("ARGO_QPS", "50.5")]), "warn controller flag --qps: 50.5, --burst unset"),
    ];
    for (said, expected) in rows {
        assert!(said.starts_with(expected), "{said}");
    }
}

#[test]
fn its_config_map_may_have_another_name() {
    let mut controller = controller(&[]);
    assert_eq!(controller.config_map(), "workflow-controller-configmap");
    controller.args = vec!["--configmap=other".to_owned()];
    assert_eq!(controller.config_map(), "other");
}

#[test]
fn the_version_is_the_image_s_tag() {
    let rows = [
        ("quay.io/argoproj/workflow-controller:v4.0.7", "v4.0.7"),
        ("reg:5000/workflow-controller", "of no known version"),
        ("reg:5000/wc:v4.1.2@sha256:00", "v4.1.2"),
    ];
    for (image, version) in rows {
        assert_eq!(Controller { image: image.to_owned(), ..Controller::default() }.version(), version);
    }
}
