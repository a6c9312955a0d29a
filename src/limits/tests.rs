#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use futures_util::FutureExt as _;

use super::*;

const KIB: usize = 1 << 10;

#[tokio::test(start_paused = true)]
async fn what_is_held_is_free_again_once_dropped() {
    let budget = Budget::new(8 * KIB);
    let first = budget.take(6 * KIB).await.unwrap();
    assert!(budget.try_take(3 * KIB).is_none());
    let waiting = tokio::time::timeout(Duration::from_secs(1), budget.take(3 * KIB)).await;
    assert!(waiting.is_err());
    drop(first);
    let mut all = budget.take(5 * KIB).await.unwrap();
    all.merge(budget.try_take(3 * KIB).unwrap());
    assert!(budget.try_take(1).is_none());
    drop(all);
    assert!(budget.try_take(8 * KIB).is_some());
}

#[tokio::test]
async fn more_than_there_is_is_refused_at_once() {
    let budget = Budget::new(1 << 20);
    let error = budget.take((1 << 20) + 1).await.unwrap_err();
    assert_eq!(error, TooMuch { wanted: (1 << 20) + 1, allowed: 1 << 20, one_tenant: false });
    let error = budget.of(Some("shop")).take((1 << 19) + 1).await.unwrap_err().to_string();
    assert!(error.ends_with("524288 are allowed for all steps of one namespace together"), "{error}");
}

#[tokio::test]
async fn one_tenant_takes_no_more_than_half_whatever_it_asks_for() {
    let budget = Budget::new(8 * KIB);
    let (greedy, other) = (budget.of(Some("greedy")), budget.of(Some("other")));
    let held: Vec<_> = std::iter::from_fn(|| greedy.try_take(KIB)).collect();
    assert_eq!(held.len(), 4);
    let mut waiting: Vec<_> = (0..100).map(|_| Box::pin(greedy.take(KIB))).collect();
    assert!(waiting.iter_mut().all(|take| take.now_or_never().is_none()));
    // Requests that wait for memory of their own tenant do not delay other tenants.
    let all = other.take(4 * KIB).now_or_never().unwrap().unwrap();
    assert!(!greedy.others_wait(), "nobody waits for what greedy holds");
    drop((all, held));
    assert_eq!(waiting.iter_mut().filter_map(|take| take.now_or_never()).count(), 100, "one after another");
}

#[tokio::test]
async fn tenants_take_turns_and_a_large_request_is_not_passed_over() {
    let budget = Budget::new(8 * KIB);
    let held =
        (budget.of(Some("a")).try_take(4 * KIB).unwrap(), budget.of(Some("b")).try_take(4 * KIB).unwrap());
    let (tenants, order) = (["many", "many", "many", "large", "late"], std::sync::Mutex::new(Vec::new()));
    let bytes = |tenant: &str| if tenant == "large" { 4 * KIB } else { KIB };
    let handles = tenants.map(|tenant| (tenant, budget.of(Some(tenant))));
    let take = async |(tenant, budget): &(&'static str, Budget)| {
        let held = budget.take(bytes(tenant)).await.unwrap();
        order.lock().unwrap().push(*tenant);
        held
    };
    let all = futures_util::future::join_all(handles.iter().map(take));
    let mut all = Box::pin(all);
    assert!((&mut all).now_or_never().is_none() && order.lock().unwrap().is_empty());
    assert!(budget.of(Some("a")).others_wait());
    drop(held.0);
    // After one request of `many`, `large` is next and does not fit. The free bytes are kept for it.
    assert!((&mut all).now_or_never().is_none());
    assert_eq!(*order.lock().unwrap(), ["many"]);
    assert!(budget.of(Some("quick")).try_take(1).is_none());
    drop(held.1);
    assert!((&mut all).now_or_never().is_some());
    assert_eq!(order.lock().unwrap().len(), tenants.len());
}

#[tokio::test]
async fn who_stops_waiting_leaves_nothing_behind() {
    let budget = Budget::new(8 * KIB);
    let (a, b) = (budget.of(Some("a")), budget.of(Some("b")));
    let held = a.try_take(4 * KIB).unwrap();
    let mut gone = Box::pin(a.take(4 * KIB));
    let mut given = Box::pin(a.take(KIB));
    assert!((&mut gone).now_or_never().is_none() && (&mut given).now_or_never().is_none());
    drop(gone);
    // The bytes are granted to it, and it is dropped before it is polled.
    drop(held);
    drop(given);
    let (a, b) = (a.try_take(4 * KIB), b.try_take(4 * KIB));
    assert!(a.is_some() && b.is_some());
    drop((a, b));
    assert!(budget.try_take(8 * KIB).is_some() && budget.queue().is_empty());
}
