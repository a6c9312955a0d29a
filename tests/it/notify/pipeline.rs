//! A message after other entries of `steps`, and many at a time.

use futures_util::future::join_all;
use serde_json::json;

use super::Site;
use crate::support::engine::run;
use crate::support::images::Repository;
use crate::support::net::unique;
use crate::support::shared::shared_registry;

#[tokio::test]
async fn a_message_says_what_the_entries_before_it_have_made() {
    let site = Site::open().await;
    let repository = Repository::new(shared_registry().host(), &format!("notify/{}", unique("api")));
    let image = repository.image("1", b"layer".to_vec()).await;
    let digest = image["digest"].as_str().unwrap();
    let (from, to) = (format!("{}:1", repository.name), format!("{}:2", repository.name));
    let steps = json!({"steps": [
        {"push": {"source": from, "targets": to}},
        {"notify": {"to": "webhook", "url": "n8n", "title": "pushed $(push.digest)", "author": "Ann"}},
    ]});
    let done = run(&site.engine, "builds", &steps).await.unwrap();
    assert!(done.summary.ends_with("; notify: sent a message to webhook"), "{done:?}");
    assert_eq!(done.outputs["notified"], "true");
    let got = site.one().body;
    assert_eq!((&got["status"], &got["title"]), (&json!("Succeeded"), &json!(format!("pushed {digest}"))));
    let shown = got["facts"]["image"].as_str().unwrap();
    assert!(shown.ends_with(&digest["sha256:".len()..][..10]), "{got}");
    assert!(got["facts"]["took"].is_string() && got["facts"]["by"] == "Ann", "{got}");
    assert!(got["facts"]["workflow"].as_str().unwrap().starts_with("builds/"), "{got}");
}

/// Fourteen messages at a time: ten are sent at once, and the others wait for a turn, and are sent as one.
#[tokio::test]
async fn what_a_chat_cannot_take_at_once_is_sent_as_a_digest() {
    let site = Site::open().await;
    let tell = |nth: usize| site.tell("wecom", "wecom", json!({"service": format!("shop/service-{nth}")}));
    let done = join_all((0..14).map(tell)).await;
    assert!(done.iter().all(Result::is_ok), "{done:?}");
    let received = site.server.received();
    assert!(received.len() <= 11, "{}", received.len());
    let all: String = received.iter().map(|got| got.body.to_string()).collect();
    for nth in 0..14 {
        assert!(all.contains(&format!("shop/service-{nth} failed")), "{nth}: {all}");
    }
    let together = done.iter().map(|done| done.as_ref().unwrap().outputs["together"].as_str());
    let largest = together.map(|count| count.parse::<usize>().unwrap()).max();
    assert!(largest > Some(1), "{done:?}");
}

/// In an exit handler there are no outputs, only what Argo says about the workflow.
#[tokio::test]
async fn an_exit_handler_tells_what_argo_says() {
    let site = Site::open().await;
    let failures = json!([
        {"displayName": "build", "message": "step 1 of 1 (`build`): RUN make\n> 3 | RUN make\nno space", "phase": "Failed"},
        {"displayName": "main", "message": "child 'main-1' failed", "phase": "Failed"},
    ]);
    let fields = json!({
        "to": "n8n", "url": "n8n", "status": "Failed", "service": "shop/api",
        "duration": "12.345678", "failures": json!(failures.to_string()).to_string(),
    });
    run(&site.engine, "builds", &json!({"notify": fields})).await.unwrap();
    let got = site.one().body;
    assert_eq!(got["failures"], json!([{"name": "build", "message": failures[0]["message"]}]));
    assert_eq!((&got["title"], &got["facts"]["took"]), (&json!("shop/api failed"), &json!("12 s")));
}
