//! Results that are too large: without an error of their own, Argo would wait for them for ever.

use argo_buildkit::kube::ReportError;

use super::*;

#[tokio::test]
async fn what_neither_etcd_nor_the_api_server_takes_is_too_large() {
    let sets = Sets::new().await;
    let state = sets.one("large").await;
    let cluster = sets.cluster().await;
    // etcd takes requests of 1.5 MiB, its client sends 2 MiB, the API server reads 3 MiB.
    for (size, fits) in [(1_000_000, true), (1_800_000, false), (2_600_000, false), (3_500_000, false)] {
        let outputs = json!({"parameters": [{"name": "log", "value": "x".repeat(size)}]});
        let result = json!({"phase": "Succeeded", "outputs": outputs});
        let result = TaskResult { result, ..success(&state, "large") };
        match cluster.report(&state.id, &state.basis, &[result]).await {
            Ok(_) => assert!(fits, "{size}"),
            Err(error @ ReportError::TooLarge { .. }) => assert!(!fits, "{size}: {error}"),
            Err(other) => panic!("{size}: {other}"),
        }
    }
    let result = json!({"phase": "Failed", "message": "too large"});
    let small = TaskResult { result: result.clone(), ..success(&state, "large") };
    cluster.report(&state.id, &state.basis, &[small]).await.unwrap();
    assert_eq!(sets.status("large").await["nodes"]["large"], result);
}
