//! What the services answer (their documentation, and recorded answers), and what becomes of it.

use std::time::Duration;

use ::http::StatusCode;

use crate::notify::answer::{Answer, judge};
use crate::notify::{Channel, NotifyError};
use crate::outcome::Fault;

fn answered(channel: Channel, status: u16, body: &str) -> Result<(), NotifyError> {
    let status = StatusCode::from_u16(status).unwrap();
    let answer = Answer { status, redirect: None, pause: None, body: body.as_bytes().to_vec() };
    judge(channel, "https://chat.example.com", &answer)
}

#[test]
fn a_message_that_was_taken_is_a_success() {
    for (channel, status, body) in [
        (Channel::Slack, 200, "ok"),
        (Channel::Slack, 200, r#"{"ok":true}"#),
        (Channel::DingTalk, 200, r#"{"errcode":0,"errmsg":"ok"}"#),
        (Channel::WeCom, 200, r#"{"errcode":0,"errmsg":"ok"}"#),
        (Channel::Matrix, 200, r#"{"event_id":"$143273582443PhrSn:example.org"}"#),
        (Channel::Webhook, 204, ""),
        (Channel::N8n, 200, r#"{"message":"Workflow was started"}"#),
    ] {
        assert_eq!(answered(channel, status, body), Ok(()), "{channel:?} {body}");
    }
}

#[test]
fn a_message_that_was_not_taken_is_an_error_that_says_what_to_do() {
    for (channel, status, body, parts) in [
        (Channel::Slack, 404, "no_service", ["404", "make a new incoming webhook"]),
        (Channel::Slack, 410, "channel_is_archived", ["channel_is_archived", "make a new incoming webhook"]),
        (Channel::Slack, 400, "invalid_payload", ["invalid_payload", "check that the Secret"]),
        (Channel::Slack, 200, r#"{"ok":false,"error":"x"}"#, ["not taken", "check that the Secret"]),
        (
            Channel::DingTalk,
            200,
            r#"{"errcode":310000,"errmsg":"sign not match"}"#,
            ["errcode 310000 (the server says: sign not match)", "set `signing-secret`"],
        ),
        (
            Channel::DingTalk,
            200,
            r#"{"errcode":300001,"errmsg":"token is not exist"}"#,
            ["300001", "robot is gone"],
        ),
        (Channel::DingTalk, 200, r#"{"errcode":460101,"errmsg":"too long"}"#, ["460101", "look the code up"]),
        (Channel::DingTalk, 200, "<html>", ["no `errcode`", "set `to` to the service"]),
        (
            Channel::WeCom,
            200,
            r#"{"errcode":93000,"errmsg":"invalid webhook url"}"#,
            ["93000", "robot of the group"],
        ),
        (
            Channel::WeCom,
            200,
            r#"{"errcode":40058,"errmsg":"exceed max length 4096"}"#,
            ["40058", "look the code up"],
        ),
        (Channel::WeCom, 200, "{}", ["no `errcode`", "set `to` to the service"]),
        (Channel::Matrix, 403, r#"{"errcode":"M_FORBIDDEN"}"#, ["M_FORBIDDEN", "in the room"]),
        (
            Channel::N8n,
            404,
            r#"{"code":404,"message":"not registered"}"#,
            ["not registered", "production URL"],
        ),
        (Channel::Webhook, 401, "", ["401", "compare `signing-secret`"]),
    ] {
        let error = answered(channel, status, body).unwrap_err();
        assert_eq!(error.fault(), Fault::User, "{channel:?} {body}");
        let said = error.to_string();
        assert!(parts.iter().all(|part| said.contains(part)), "{channel:?} {body}: {said}");
        assert!(said.starts_with("cannot send the message to https://chat.example.com: "), "{said}");
    }
}

#[test]
fn a_busy_service_is_told_from_one_that_has_had_too_many() {
    for (channel, status, body) in [
        (Channel::Slack, 503, ""),
        (Channel::DingTalk, 200, r#"{"errcode":-1,"errmsg":"system busy"}"#),
        (Channel::Webhook, 502, "bad gateway"),
    ] {
        let error = answered(channel, status, body).unwrap_err();
        assert!(matches!(error, NotifyError::Unavailable { .. }) && error.is_repeatable(), "{error}");
    }
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    for (channel, status, body, expected) in [
        (Channel::Slack, 429, "rate_limited", None),
        (
            Channel::DingTalk,
            200,
            r#"{"errcode":130101,"errmsg":"send too fast, exceed 20 times per minute"}"#,
            None,
        ),
        (Channel::DingTalk, 200, r#"{"errcode":410100,"errmsg":"limited"}"#, None),
        (Channel::WeCom, 200, r#"{"errcode":45009,"errmsg":"api freq out of limit"}"#, None),
        (Channel::Matrix, 429, r#"{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":2000}"#, seconds(2)),
    ] {
        let error = answered(channel, status, body).unwrap_err();
        assert_eq!((error.fault(), error.is_repeatable()), (Fault::Transient, false), "{error}");
        let NotifyError::Limited { pause, .. } = error else { panic!("{body}: {error}") };
        assert_eq!(pause, expected, "{body}");
    }
}

#[test]
fn a_redirect_is_told_and_not_followed() {
    let redirect = Some("https://elsewhere.example".to_owned());
    let answer = Answer { status: StatusCode::FOUND, redirect, pause: None, body: Vec::new() };
    let said = judge(Channel::Slack, "https://chat.example.com", &answer).unwrap_err().to_string();
    assert!(said.contains("redirects to https://elsewhere.example"), "{said}");
}
