//! Services that do not take a message.

use argo_buildkit::outcome::Fault;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use serde_json::json;

use super::Site;
use crate::support::chat::coded;
use crate::support::scripted::redirect;

#[tokio::test]
async fn status_200_with_an_errcode_is_a_failure() {
    let site = Site::open().await;
    site.server.answer_next([coded(93_000, "invalid webhook url, hint: [1]")]);
    let error = site.tell("wecom", "wecom", json!({})).await.unwrap_err();
    assert_eq!(error.fault, Fault::User);
    assert!(
        error.message.contains("errcode 93000 (the server says: invalid webhook url, hint: [1])"),
        "{error:?}"
    );
    assert_eq!(error.outputs["notified"], "false");
    let metrics = site.engine.metrics.encode(0, 0).unwrap();
    assert!(
        metrics.contains("argo_buildkit_notifications_total{to=\"wecom\",result=\"failed\"} 1"),
        "{metrics}"
    );
}

#[tokio::test]
async fn a_server_that_is_away_is_asked_again_and_a_broken_answer_is_not() {
    let site = Site::open().await;
    let away = || StatusCode::SERVICE_UNAVAILABLE.into_response();
    site.server.answer_next([away(), away()]);
    site.tell("n8n", "n8n", json!({})).await.unwrap();
    let ids: Vec<_> = site.server.received().iter().map(|got| got.body["id"].clone()).collect();
    assert!(ids.len() == 3 && ids.iter().all(|id| *id == ids[0]), "one message, three times: {ids:?}");
    site.server.answer_next([away(), away(), away(), away()]);
    let error = site.tell("n8n", "n8n", json!({})).await.unwrap_err();
    assert_eq!(error.fault, Fault::Transient, "{error:?}");
    // Nobody listens there.
    site.put("gone", "url", "http://127.0.0.1:1/webhook/a");
    let error = site.tell("n8n", "gone", json!({})).await.unwrap_err();
    assert!(error.fault == Fault::Transient && error.message.contains("http://127.0.0.1:1 now"), "{error:?}");
}

#[tokio::test]
async fn with_ignore_error_the_step_succeeds_and_says_what_happened() {
    let site = Site::open().await;
    site.server.answer_next([StatusCode::NOT_FOUND.into_response()]);
    let done = site.tell("slack", "slack", json!({"ignore-error": true})).await.unwrap();
    assert_eq!(done.outputs["notified"], "false");
    assert!(done.outputs["notify-problem"].contains("make a new incoming webhook"), "{done:?}");
    assert!(done.summary.starts_with("sent no message to slack (`ignore-error`): "), "{done:?}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let site = Site::open().await;
    for target in [site.server.url("/services/other"), "http://169.254.169.254/".to_owned()] {
        site.server.answer_next([redirect(307, &target)]);
        let error = site.tell("slack", "slack", json!({})).await.unwrap_err();
        assert!(error.message.contains("it redirects to http://"), "{error:?}");
    }
    assert_eq!(site.server.received().len(), 2);
}

#[tokio::test]
async fn link_local_and_metadata_addresses_get_no_message() {
    let site = Site::open().await;
    for host in ["169.254.169.254", "100.100.100.200", "[fd00:ec2::254]", "[::ffff:169.254.169.254]"] {
        site.put("evil", "url", &format!("http://{host}/latest"));
        let error = site.tell("webhook", "evil", json!({})).await.unwrap_err();
        assert_eq!(error.fault, Fault::User, "{error:?}");
        assert!(error.message.contains("no request is sent there"), "{error:?}");
    }
}

#[tokio::test]
async fn no_message_and_no_error_has_the_address_or_a_secret() {
    let site = Site::open().await;
    let path = "abcdefgh12345678";
    site.server.answer_next([(StatusCode::NOT_FOUND, format!("no hook {path}")).into_response()]);
    let error = site.tell("slack", "slack", json!({})).await.unwrap_err();
    assert!(error.message.contains("no hook ***") && !error.message.contains(path), "{error:?}");
    site.tell("slack", "slack", json!({"details": format!("POST /services/{path}")})).await.unwrap();
    let sent = site.server.received()[1].body.to_string();
    assert!(sent.contains("***") && !sent.contains(path), "{sent}");
    for (value, why) in [
        ("https://user:hunter22@chat.example.com/a", "holds a URL with a login"),
        ("hunter22hunter22", "holds no http or https URL"),
    ] {
        site.put("odd", "url", value);
        let error = site.tell("slack", "odd", json!({})).await.unwrap_err();
        assert!(error.message.starts_with("secret `odd`, key `url`: "), "{error:?}");
        assert!(error.message.contains(why) && !error.message.contains("hunter22"), "{error:?}");
    }
}
