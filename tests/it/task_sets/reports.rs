//! Reports, and the tests that guard them.

use argo_buildkit::kube::{ReportError, Reported};

use super::*;

/// Reports one task, based on `state`.
async fn report(sets: &Sets, state: &TaskSetState, id: &str) -> Reported {
    sets.cluster().await.report(&state.id, &state.basis, &[success(state, id)]).await.unwrap()
}

#[tokio::test]
async fn a_report_is_written_whatever_the_set_has_already() {
    let sets = Sets::new().await;
    for (name, labels, status) in [
        ("bare", json!({}), None),
        ("foreign-label", json!({"a": "b"}), None),
        ("unfinished", json!({COMPLETED: "false"}), None),
        ("empty-status", json!({}), Some(json!({}))),
        ("empty-nodes", json!({}), Some(json!({"nodes": {}}))),
        ("cleared", json!({COMPLETED: "false"}), Some(Value::Null)),
        ("others", json!({COMPLETED: "false"}), Some(json!({"nodes": {"other": {"phase": "Running"}}}))),
    ] {
        sets.create(name, json!({name: task(name)})).await;
        sets.change(name, json!({"metadata": {"labels": labels}})).await;
        if let Some(status) = status {
            sets.change_status(name, status).await;
        }
        let state = sets.state(name).await;
        let before = state.basis.clone();
        let reported = report(&sets, &state, name).await;
        assert!(reported.withdrawn.is_empty(), "{name}: {reported:?}");
        let nodes = sets.status(name).await["nodes"].take();
        assert_eq!(nodes[name]["phase"], "Succeeded", "{name} {before:?}: {nodes}");
        assert_eq!(nodes["other"]["phase"] == "Running", name == "others", "{nodes}");
        let after = sets.state(name).await;
        assert_eq!((&after.resource_version, &after.basis), (&reported.resource_version, &reported.basis));
        assert_eq!(after.phases[name], "Succeeded");
    }
}

#[tokio::test]
async fn any_id_and_any_plugin_object_can_be_guarded() {
    let sets = Sets::new().await;
    let plugin = json!({"buildkit": {
        "text": "a && b <c> \u{2028} \"ü\" \\ 😀 \u{7f} \t", "a/b~c": [1, 1.0, -0.0, 1.5, 1e21, 1e-7, 0.1],
        "big": u64::MAX, "small": i64::MIN, "none": null, "empty": {}, "nested": {"z": [], "a": [null, true]},
    }});
    let ids = ["a/b", "a~b", "~1", "~0/", "ünïcode", "wf-123", "with space", "a.b[0]"];
    let tasks: Value =
        ids.iter().map(|id| ((*id).to_owned(), json!({"name": "x", "plugin": plugin}))).collect();
    sets.create("odd", tasks).await;
    for id in ids {
        let state = sets.state("odd").await;
        let reported = report(&sets, &state, id).await;
        assert!(reported.withdrawn.is_empty(), "{id}: {reported:?}");
    }
    let nodes = sets.status("odd").await["nodes"].take();
    assert_eq!(nodes.as_object().unwrap().len(), ids.len(), "{nodes}");
    assert!(ids.iter().all(|id| nodes[id]["message"] == format!("built {id}")), "{nodes}");
}

#[tokio::test]
async fn a_set_that_is_made_again_by_its_name_is_left_alone() {
    let sets = Sets::new().await;
    let old = sets.one("again").await;
    sets.delete("again").await;
    let cluster = sets.cluster().await;
    let results = [success(&old, "again")];
    let gone = cluster.report(&old.id, &old.basis, &results).await.unwrap_err();
    assert!(matches!(&gone, ReportError::Gone { set } if *set == old.id), "{gone:?}");

    let new = sets.one("again").await;
    assert_eq!(old.id.name, new.id.name);
    let gone = cluster.report(&old.id, &old.basis, &results).await.unwrap_err();
    assert!(matches!(gone, ReportError::Gone { .. }), "{gone:?}");
    assert_eq!(sets.status("again").await, Value::Null);
    insta::assert_snapshot!(gone.to_string().replace(&sets.namespace, "NS"), @r#"WorkflowTaskSet `again` of namespace `NS` is gone"#);
}

#[tokio::test]
async fn what_argo_does_not_wait_for_is_withdrawn_and_the_rest_is_written() {
    let sets = Sets::new().await;
    sets.create("some", json!({"gone": task("a"), "changed": task("b"), "kept": task("c")})).await;
    let state = sets.state("some").await;
    let results = ["gone", "changed", "kept"].map(|id| success(&state, id));
    let another = json!({"plugin": {"buildkit": {"build": {"image": "another"}}}});
    sets.change("some", json!({"spec": {"tasks": {"gone": null, "changed": another}}})).await;
    let reported = sets.cluster().await.report(&state.id, &state.basis, &results).await.unwrap();
    assert_eq!(reported.withdrawn, ["gone", "changed"]);
    let nodes = sets.status("some").await["nodes"].take();
    assert_eq!(nodes.as_object().unwrap().keys().collect::<Vec<_>>(), ["kept"], "{nodes}");

    sets.change("some", json!({"spec": {"tasks": {"kept": null}}})).await;
    let version = sets.state("some").await.resource_version;
    let reported = sets.cluster().await.report(&state.id, &reported.basis, &results).await.unwrap();
    assert_eq!(reported.withdrawn, ["gone", "changed", "kept"]);
    assert_eq!(reported.resource_version, version, "nothing was written");
}

#[tokio::test]
async fn nothing_is_left_in_a_finished_set_for_a_retry_to_find() {
    let sets = Sets::new().await;
    for (name, before) in [("never", Value::Null), ("once", json!("false"))] {
        sets.create(name, json!({name: task(name)})).await;
        sets.label(name, before).await;
        let state = sets.state(name).await;
        sets.label(name, json!("true")).await;
        let reported = report(&sets, &state, name).await;
        assert_eq!(reported.withdrawn, [name]);
        assert_eq!(sets.status(name).await, Value::Null);
    }
}

#[tokio::test]
async fn a_result_that_breaks_the_schema_is_refused_and_says_so() {
    let sets = Sets::new().await;
    let state = sets.one("broken").await;
    let result = TaskResult { result: json!({"phase": 5}), ..success(&state, "broken") };
    let refused = sets.cluster().await.report(&state.id, &state.basis, &[result]).await.unwrap_err();
    assert!(matches!(refused, ReportError::Refused { .. }), "{refused:?}");
    let text = refused.to_string().replace(&sets.namespace, "NS");
    insta::assert_snapshot!(text, @r#"the API server refuses the report to WorkflowTaskSet `broken` in namespace `NS`: WorkflowTaskSet.argoproj.io "broken" is invalid: status.nodes.broken.phase: Invalid value: "integer": nodes.broken.phase in body must be of type string: "integer"; check that the CRDs are those of the Argo Workflows that is installed"#);
}
