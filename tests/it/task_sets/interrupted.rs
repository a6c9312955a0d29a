//! A watch that breaks: no event is lost, and if the server has forgotten the missed events, everything is listed
//! again.

use argo_buildkit::kube::{KubeError, ReportError};

use super::*;
use crate::support::api_server_proxy::{ApiServerProxy, WatchFault};

/// A watch through a proxy. It has reported everything, which is one set.
async fn world() -> (Sets, ApiServerProxy, Watch) {
    let sets = Sets::new().await;
    sets.one("before").await;
    let proxy = ApiServerProxy::start(sets.kube.client(Identity::Admin).await).await;
    let mut watch = Watch::of(&Cluster::from(proxy.client()), &sets.options());
    assert_eq!(watch.listed().await.len(), 1);
    // Later events come from the watch.
    sets.label("before", json!("false")).await;
    watch.seen().await;
    (sets, proxy, watch)
}

#[tokio::test]
async fn changes_while_the_connection_is_cut_are_told_without_a_list() {
    let (sets, proxy, mut watch) = world().await;
    proxy.refuse_all(true);
    proxy.cut();
    let unavailable = watch.told().await.unwrap_err();
    assert!(matches!(unavailable, KubeError::Unavailable { .. }), "{unavailable:?}");
    let (lists, id) = (proxy.lists(), sets.one("meanwhile").await.id);
    sets.label("before", json!("true")).await;
    proxy.refuse_all(false);
    let TaskSetEvent::Seen(seen) = watch.recovered().await else { panic!("the new one is told first") };
    assert_eq!((seen.id, watch.gone().await.name.as_str()), (id, "before"));
    assert_eq!(proxy.lists(), lists);
}

#[tokio::test]
async fn it_lists_anew_when_the_server_has_forgotten_the_version() {
    for fault in [WatchFault::Old, WatchFault::Status(410)] {
        let (sets, proxy, mut watch) = world().await;
        let lists = proxy.lists();
        sets.create("deleted", json!({"deleted": task("deleted")})).await;
        let deleted = watch.seen().await.id;
        proxy.refuse_all(true);
        proxy.cut();
        watch.told().await.unwrap_err();
        sets.delete("deleted").await;
        sets.one("meanwhile").await;
        proxy.fail_next_watch(fault);
        proxy.refuse_all(false);
        assert_eq!(watch.recovered().await, TaskSetEvent::Relisting(sets.part()), "{fault:?}");
        let seen = [watch.seen().await.id, watch.seen().await.id];
        assert_eq!(seen.each_ref().map(|id| id.name.as_str()), ["before", "meanwhile"]);
        assert!(!seen.contains(&deleted) && proxy.lists() > lists);
        assert_eq!(watch.next().await, TaskSetEvent::Listed(sets.part()));
        sets.delete("meanwhile").await;
        assert_eq!(watch.gone().await.name, "meanwhile", "{fault:?}: it watches again");
    }
}

#[tokio::test]
async fn an_api_server_that_is_away_is_unavailable_until_it_is_back() {
    let (sets, proxy, mut watch) = world().await;
    let state = sets.state("before").await;
    let cluster = Cluster::from(proxy.client());
    proxy.refuse_all(true);
    let away = cluster.report(&state.id, &state.basis, &[success(&state, "before")]).await.unwrap_err();
    assert!(matches!(away, ReportError::Kube(KubeError::Unavailable { .. })), "{away:?}");
    proxy.cut();
    watch.told().await.unwrap_err();
    proxy.refuse_all(false);
    cluster.report(&state.id, &state.basis, &[success(&state, "before")]).await.unwrap();
    let TaskSetEvent::Seen(seen) = watch.recovered().await else { panic!("it is told") };
    assert_eq!(seen.phases["before"], "Succeeded");
}

#[tokio::test]
async fn a_server_that_swallows_requests_is_not_waited_for() {
    let (sets, proxy, mut watch) = world().await;
    let state = sets.state("before").await;
    proxy.fail_next_watch(WatchFault::Held);
    proxy.cut();
    let silent = loop {
        match watch.told().await {
            Err(error) if error.to_string().contains("no answer") => break error,
            other => assert!(other.is_err(), "{other:?}"),
        }
    };
    assert!(matches!(silent, KubeError::Unavailable { .. }), "{silent:?}");
    sets.delete("before").await;
    assert!(matches!(watch.recovered().await, TaskSetEvent::Gone(id) if id == state.id));
}
