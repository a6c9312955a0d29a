//! The shared watch without a cluster.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::convert::Infallible;
use std::future::pending;

use futures_util::FutureExt as _;
use kube::Client;
use kube::client::Body;
use serde_json::json;
use tokio::time::sleep;

use super::reader::KEPT;
use super::*;

fn state(version: &str) -> ApplicationState {
    ApplicationState::read(&json!({"metadata": {"resourceVersion": version}}))
}

/// The version of the next state, or the name of other news; `None` if there are none.
fn next(subscription: &mut Subscription) -> Option<String> {
    subscription.next().now_or_never().map(|news| match news {
        News::Changed(state) => state.version.clone(),
        other => format!("{other:?}"),
    })
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn a_state_reaches_the_waits_for_its_application_and_no_others() {
    let mut topics = Topics::default();
    let [mut first, mut second, mut other] =
        ["api", "api", "web"].map(|name| Subscription(topics.subscribe(name)));
    topics.changed("api", state("7"));
    topics.changed("unknown", state("8"));
    assert_eq!((next(&mut first), next(&mut second), next(&mut other)), (some("7"), some("7"), None));
    assert!(!topics.has("unknown"));
    // A list repeats what is known.
    topics.changed("api", state("7"));
    assert_eq!(next(&mut first), None);
    // Who is late gets the latest.
    (8..100).for_each(|version| topics.changed("api", state(&version.to_string())));
    assert_eq!((next(&mut first), next(&mut first)), (some("99"), None));
    topics.gone("api");
    assert_eq!((next(&mut second), next(&mut other)), (some("Reread"), None));
}

#[test]
fn what_a_list_does_not_have_is_read_again() {
    let mut topics = Topics::default();
    let [mut there, mut gone] = ["there", "gone"].map(|name| Subscription(topics.subscribe(name)));
    topics.relist();
    topics.changed("there", state("7"));
    // Its page may have been read before.
    let mut late = Subscription(topics.subscribe("late"));
    topics.listed();
    assert_eq!((next(&mut there), next(&mut gone), next(&mut late)), (some("7"), some("Reread"), None));
    // An etcd that was restored begins with older versions.
    topics.changed("there", state("3"));
    assert_eq!(next(&mut there), some("Reread"));
    topics.changed("there", state("4"));
    assert_eq!(next(&mut there), some("4"));
}

#[test]
fn versions_are_compared_as_numbers() {
    for (version, than, later) in [
        ("10", "9", Some(true)),
        ("9", "10", Some(false)),
        ("9", "9", Some(false)),
        ("a", "9", None),
        ("9", "", None),
    ] {
        assert_eq!(is_later(version, than), later, "{version} {than}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_watch_ends_a_while_after_the_last_wait() {
    let silent =
        tower::service_fn(|_: http::Request<Body>| pending::<Result<http::Response<Body>, Infallible>>());
    let shared = SharedWatch::new(Cluster::from(Client::new(silent, "default")));
    let is_watched = || locked(&shared.namespaces).contains_key("argocd");
    let first = shared.subscribe("argocd", "api").unwrap();
    sleep(KEPT * 4).await;
    drop(first);
    assert!(is_watched());
    let second = shared.subscribe("argocd", "web").unwrap();
    sleep(KEPT * 4).await;
    assert!(is_watched());
    drop(second);
    sleep(KEPT * 3).await;
    assert!(!is_watched());
}

#[tokio::test(start_paused = true)]
async fn where_all_cannot_be_listed_each_wait_goes_on_alone() {
    let failing = tower::service_fn(|_: http::Request<Body>| async {
        Ok::<_, Infallible>(http::Response::builder().status(503).body(Body::empty()).unwrap())
    });
    let shared = SharedWatch::new(Cluster::from(Client::new(failing, "default")));
    let mut first = shared.subscribe("argocd", "api").unwrap();
    assert!(matches!(first.next().await, News::Ended));
    // A later wait is told, too.
    let mut second = shared.subscribe("argocd", "web").unwrap();
    assert!(matches!(second.next().await, News::Ended));
}
