//! Several who report to one set at once.

use futures_util::future::join_all;

use super::*;

#[tokio::test]
async fn first_reports_that_race_all_survive() {
    let sets = Sets::new().await;
    let ids: Vec<_> = (0..4).map(|n| format!("n{n}")).collect();
    let tasks: Value = ids.iter().map(|id| (id.clone(), task(id))).collect();
    let clusters = join_all(ids.iter().map(|_| sets.cluster())).await;
    for round in 0..5 {
        let name = format!("race-{round}");
        sets.create(&name, tasks.clone()).await;
        let state = &sets.state(&name).await;
        let reports = clusters.iter().zip(&ids).map(async |(cluster, id)| {
            cluster.report(&state.id, &state.basis, &[success(state, id)]).await.unwrap()
        });
        let reported = join_all(reports).await;
        assert!(reported.iter().all(|one| one.withdrawn.is_empty()), "{reported:?}");
        let nodes = sets.status(&name).await["nodes"].take();
        let written: Vec<_> = nodes.as_object().unwrap().keys().collect();
        assert_eq!(written, ids.iter().collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn an_old_form_neither_fails_nor_overwrites() {
    let sets = Sets::new().await;
    let state = sets.one("old").await;
    let (cluster, results) = (sets.cluster().await, [success(&state, "old")]);
    for (other, label) in [("Running", json!("false")), ("Succeeded", Value::Null)] {
        sets.change_status("old", json!({"nodes": {"other": {"phase": other}, "old": null}})).await;
        sets.label("old", label).await;
        let reported = cluster.report(&state.id, &state.basis, &results).await.unwrap();
        assert!(reported.withdrawn.is_empty());
        let nodes = sets.status("old").await["nodes"].take();
        assert_eq!((&nodes["other"]["phase"], &nodes["old"]["phase"]), (&json!(other), &json!("Succeeded")));
    }
}

#[tokio::test]
async fn a_form_from_before_argo_cleared_the_status_does_not_fail_either() {
    let sets = Sets::new().await;
    let state = sets.one("cleared").await;
    let (cluster, results) = (sets.cluster().await, [success(&state, "cleared")]);
    let basis = cluster.report(&state.id, &state.basis, &results).await.unwrap().basis;
    for status in [Value::Null, json!({"nodes": null})] {
        sets.change_status("cleared", status).await;
        cluster.report(&state.id, &basis, &results).await.unwrap();
        assert_eq!(sets.status("cleared").await["nodes"]["cleared"]["phase"], "Succeeded");
    }
}
