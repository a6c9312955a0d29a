#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::status::{self, Pods};
use super::{FrontHalf, hooks, last_event, leftovers, mistakes, sensor_accounts, sweep};
use crate::catalogue::{KnownTemplates, parse};
use crate::forge::Hook;
use crate::kube::ReadError;
use crate::render::render;

fn object(name: &str, more: Value) -> Value {
    let mut object = more;
    object["metadata"]["name"] = json!(name);
    object
}

fn met(kind: &str) -> Value {
    json!({"type": kind, "status": "True"})
}

#[test]
fn an_object_is_ready_if_its_conditions_and_its_pods_are() {
    let said = |conditions: Value, pods| {
        let object = object("gitea", json!({"status": {"conditions": conditions}}));
        status::judge("EventSource", "builds", &object, &pods).to_string()
    };
    let pods = |ready, wanted| Ok(Some(Pods { ready, wanted }));
    let good = || json!([met("Deployed"), met("SourcesProvided")]);
    assert_eq!(said(good(), pods(1, 1)), "ok   EventSource builds/gitea: 1 of 1 pods ready");
    assert!(said(good(), Ok(None)).starts_with("ok   EventSource builds/gitea: its conditions are met"));
    assert!(said(good(), pods(1, 3)).starts_with("warn EventSource builds/gitea: 1 of 3 pods are ready"));
    assert!(
        said(good(), pods(0, 1))
            .contains("none of its 1 pods is ready: no hook is answered, and a push is lost")
    );
    assert!(said(good(), pods(0, 0)).starts_with("FAIL EventSource builds/gitea: has no Deployment"));
    assert!(said(json!([]), pods(1, 1)).contains("its controller has not looked at it"));
    let bad = json!([met("Deployed"), {"type": "SourcesProvided", "status": "False", "reason": "InvalidEventSource", "message": "Invalid spec"}]);
    assert!(
        said(bad, pods(1, 1))
            .contains("its condition SourcesProvided is not met (InvalidEventSource: Invalid spec)")
    );
    let forbidden = Err(ReadError::Forbidden("list deployments".to_owned()));
    assert!(said(good(), forbidden).starts_with("skip"));
}

#[test]
fn accounts_of_sensors_are_those_that_make_workflows() {
    let sensor = |account: Value, operation: Value| {
        let k8s = json!({"operation": operation, "source": {"resource": {"kind": "Workflow"}}});
        json!({"spec": {"template": {"serviceAccountName": account}, "triggers": [{"template": {"k8s": k8s}}, {"template": {"log": {}}}]}})
    };
    let all = [
        sensor(json!("buildkit-sensor"), json!("patch")),
        sensor(json!("buildkit-sensor"), json!(null)),
        sensor(json!(null), json!("update")),
        json!({"spec": {"triggers": [{"template": {"log": {}}}]}}),
    ];
    let accounts = sensor_accounts(&all, "builds");
    let shown: Vec<_> =
        accounts.iter().map(|(account, used)| format!("{account} {}", used.join(","))).collect();
    assert_eq!(shown, ["builds/buildkit-sensor patch,create", "builds/default update"]);
}

#[test]
fn mistakes_are_those_of_lint_without_those_of_templates() {
    let sensor = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Sensor",
        "metadata": {"name": "push", "managedFields": [{"f:spec": {}}]},
        "spec": {
            "dependencies": [{"name": "push", "eventSourceName": "gitea", "eventName": "hook"}],
            "triggers": [{"atLeastOnce": true, "retryStrategy": {"factor": "2"}, "template": {"name": "a", "log": {}}}],
        },
        "status": {"anything": 1},
    });
    let template = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "WorkflowTemplate", "metadata": {"name": "a"}, "spec": {"entrypoint": "x", "templates": []}});
    let front = FrontHalf { sensors: vec![sensor], ..FrontHalf::default() };
    let found: Vec<_> =
        mistakes::judge(&front, &[template], "builds").iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with(
            "FAIL mistake in namespace builds: Sensor push: `factor` is a text; write 2 without quotes"
        ),
        "{found:?}"
    );
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

#[test]
fn the_last_event_is_the_newest_workflow_of_a_sensor() {
    let workflow = |name: &str, second: u64, manager: &str| {
        object(
            name,
            json!({
                "metadata": {"creationTimestamp": format!("1970-01-01T00:00:{second:02}Z"), "managedFields": [{"manager": manager}]},
                "status": {"phase": "Succeeded"},
            }),
        )
    };
    let all = vec![
        workflow("old", 1, "argo-events"),
        workflow("new", 9, "argo-events"),
        workflow("sweep", 20, "argo-buildkit"),
    ];
    let said = last_event::judge("builds", &Ok(all), at(69)).to_string();
    assert_eq!(said, "ok   last event of namespace builds: 60 s ago, workflow new (Succeeded)");
    assert!(last_event::judge("builds", &Ok(Vec::new()), at(0)).to_string().starts_with("skip"));
}

#[test]
fn a_sweep_is_judged_by_its_schedule_and_its_last_run() {
    let run = |phase: &str| {
        object(
            "sweep-1",
            json!({"metadata": {"creationTimestamp": "1970-01-01T00:00:01Z"}, "status": {"phase": phase, "message": "no login"}}),
        )
    };
    let said = |cron: Value, runs: &[Value]| {
        sweep::judge("builds", &object("sweep", cron), runs, at(70)).to_string()
    };
    let ran = || json!({"status": {"lastScheduledTime": "1970-01-01T00:00:10Z"}});
    assert_eq!(said(ran(), &[run("Succeeded")]), "ok   sweep builds/sweep: ran 60 s ago (Succeeded)");
    assert!(said(ran(), &[]).contains("its run is deleted"));
    for (schedules, seconds, is_late) in [
        (json!(["*/10 * * * *"]), 2 * 3600, false),
        (json!(["*/10 * * * *"]), 2 * 3600 + 1, true),
        (json!(["0 */6 * * *"]), 12 * 3600, false),
        (json!(["CRON_TZ=Europe/Berlin 0 3 * * *"]), 2 * 86400 + 1, true),
        (json!(["@weekly", "@hourly"]), 3 * 3600, true),
        (json!(["0 0 1 * *"]), 40 * 86400, false),
        (json!(["@every 1h"]), 40 * 86400, false),
    ] {
        let cron = json!({"spec": {"schedules": schedules}, "status": {"lastScheduledTime": "1970-01-01T00:00:00Z"}});
        let found =
            sweep::judge("builds", &object("sweep", cron), &[run("Succeeded")], at(seconds)).to_string();
        assert_eq!(found.starts_with("warn"), is_late, "{schedules} after {seconds} s: {found}");
    }
    let open = |seconds| {
        let cron = object(
            "sweep",
            json!({"spec": {"schedules": ["@daily"]}, "status": {"lastScheduledTime": "1970-01-01T00:00:00Z"}}),
        );
        sweep::judge("builds", &cron, &[run("Running")], at(seconds)).to_string()
    };
    assert!(open(3600).starts_with("ok"), "{}", open(3600));
    assert!(
        open(3700)
            .starts_with("warn sweep builds/sweep: its run sweep-1 has not ended for 1 h 01 m (Running)"),
        "{}",
        open(3700)
    );
    assert!(
        said(ran(), &[run("Failed")])
            .starts_with("FAIL sweep builds/sweep: its last run sweep-1 60 s ago: Failed: no login")
    );
    assert!(
        said(json!({"spec": {"suspend": true}}), &[]).starts_with("warn sweep builds/sweep: is suspended")
    );
    assert!(said(json!({}), &[]).starts_with("warn sweep builds/sweep: has never run"));
    let wrong = json!({"status": {"conditions": [{"type": "SpecError", "status": "True", "message": "bad schedule"}]}});
    assert!(said(wrong, &[]).starts_with("FAIL sweep builds/sweep: cannot be run: bad schedule"));
}

/// The objects of a catalogue with the service of each fields.
fn rendered(services: &[&str]) -> Vec<Value> {
    let mut catalogue = "namespace: builds\nhook: {secret: hook}\nservices:\n".to_owned();
    for fields in services {
        let name = fields.split(',').next().unwrap_or_default();
        catalogue.push_str(&format!(
            "- {{name: {fields}, repo: 'https://git.example.com/shop/{name}.git', image: r.example.com/{name}}}\n"
        ));
    }
    let catalogue = parse(catalogue.as_bytes(), &KnownTemplates::bundled()).unwrap();
    let files = render(&catalogue).unwrap();
    files.iter().map(|file| serde_saphyr::from_str(&file.text).unwrap()).collect()
}

fn left(before: &[&str], now: &[&str]) -> Vec<String> {
    let mut objects = rendered(now);
    // What has the same name is replaced.
    for old in rendered(before) {
        let is_new = |new: &Value| {
            (&new["kind"], &new["metadata"]["name"]) == (&old["kind"], &old["metadata"]["name"])
        };
        if !objects.iter().any(is_new) {
            objects.push(old);
        }
    }
    let of = |kind: &str| objects.iter().filter(|one| one["kind"] == kind).cloned().collect::<Vec<_>>();
    let found = leftovers::judge("builds", &of("Sensor"), &of("CronWorkflow"), &of("WorkflowTemplate"));
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn what_left_a_catalogue_and_is_still_there_is_named() {
    let several = "api, branches: [main, next], paths: ['a/**'], pull-requests: true";
    let now = [several, "web", "docs, pull: true"];
    assert_eq!(left(&now, &now), Vec::<String>::new());
    let found = left(&[several, "web"], &["web"]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("warn catalogue builds/services: WorkflowTemplate select-push-shop-api-")
            && found[0].contains(
                " builds https://git.example.com/shop/api.git, which no sweep of the catalogue looks at: "
            ),
        "{found:?}"
    );
    let found = left(&["web, pull: true"], &["web"]);
    assert!(
        found[0].contains("services-sweep and services-pull-")
            && found[0].contains(" look at the service web: "),
        "{found:?}"
    );
    // A second Sensor, of many repositories, when there are few now.
    let many: Vec<_> = (0..60).map(|n| format!("s{n}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    let found = left(&many, &many[..20]);
    assert!(found[0].contains("Sensor services-2 builds") && found[0].contains("; and "), "{found:?}");
}

#[test]
fn one_good_hook_is_enough() {
    let good = || Hook {
        is_of_organisation: true,
        active: true,
        events: vec!["push".to_owned()],
        url: "http://gitea-eventsource-svc.builds.svc:12000/gitea/gitea-push?token=hunter2".to_owned(),
        content_type: "json".to_owned(),
        last: None,
    };
    let source = json!({"spec": {"service": {}, "github": {"hook": {"webhook": {"endpoint": "/gitea/gitea-push"}}}, "webhook": {"any": {"endpoint": "/any"}}}});
    let endpoints = hooks::endpoints(&[source]);
    assert_eq!(endpoints, ["/gitea/gitea-push", "/any"]);
    let said = |hooks: &[Hook]| hooks::judge("hook of api".to_owned(), hooks, &endpoints).to_string();
    let with = |change: &dyn Fn(&mut Hook)| {
        let mut hook = good();
        change(&mut hook);
        hook
    };
    let idle = with(&|hook| hook.active = false);
    assert!(
        said(&[idle.clone(), good()])
            .starts_with("ok   hook of api: its organisation's hook posts to http://gitea-")
    );
    assert!(!said(&[good()]).contains("hunter2"), "{}", said(&[good()]));
    assert!(said(&[idle]).contains("is not active"));
    assert!(said(&[]).contains("none of its 0 hooks"));
    assert!(said(&[with(&|hook| hook.url = "http://other/push".to_owned())]).contains("none of its 1 hooks"));
    assert!(said(&[with(&|hook| hook.content_type = "form".to_owned())]).contains("content type `form`"));
    assert!(
        said(&[with(&|hook| hook.events = vec!["create".to_owned()])]).contains("is not sent for pushes")
    );
    let refused = with(&|hook| hook.last = Some((400, "bad".to_owned())));
    assert!(said(&[refused]).contains("got 400 for its last delivery (bad)"));
    assert!(said(&[with(&|hook| hook.last = Some((200, String::new())))]).contains("answered with 200"));
}
