//! Judges the answer of a service. Some say with status 200 that they have not taken the message.

use std::time::Duration;

use ::http::StatusCode;
use serde::Deserialize;

use super::{Channel, NotifyError};
use crate::http;
use crate::text;

/// The most bytes of a server's text in a message.
const SHOWN: usize = 300;

/// The codes with which DingTalk and WeCom say that a robot has sent too many messages: DingTalk's 130101 and 410100, WeCom's 45009
/// (both: "20 messages a minute") and 45033.
const TOO_MANY: [i64; 4] = [130_101, 410_100, 45_009, 45_033];
/// The code of both for a busy server.
const BUSY: i64 = -1;

/// An answer.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// Where it redirects to: scheme, host and port.
    pub(super) redirect: Option<String>,
    /// The time in `Retry-After`.
    pub(super) pause: Option<Duration>,
    pub(super) body: Vec<u8>,
}

/// What DingTalk and WeCom answer.
#[derive(Deserialize)]
struct Coded {
    errcode: i64,
    #[serde(default)]
    errmsg: String,
}

/// What Matrix adds to a 429 (its client-server API, "Rate limiting"), and Slack-like chats to a refusal.
#[derive(Deserialize, Default)]
struct Hints {
    #[serde(default)]
    retry_after_ms: Option<u64>,
    #[serde(default)]
    ok: Option<bool>,
}

/// Whether the service at `at` has taken the message.
pub(super) fn judge(channel: Channel, at: &str, answer: &Answer) -> Result<(), NotifyError> {
    let at = at.to_owned();
    if let Some(to) = &answer.redirect {
        let why = format!("it redirects to {to}, and a message is sent to no other server");
        let mend = "write that server's address into the Secret".to_owned();
        return Err(NotifyError::Refused { at, why, mend });
    }
    if !answer.status.is_success() {
        return Err(status_error(channel, at, answer));
    }
    match channel {
        Channel::DingTalk | Channel::WeCom => coded(channel, at, answer),
        Channel::Slack if hints(answer).ok == Some(false) => {
            let why = format!("it says that the message is not taken{}", said(answer));
            let mend = mend_of_status(channel, answer.status).to_owned();
            Err(NotifyError::Refused { at, why, mend })
        }
        _ => Ok(()),
    }
}

/// The error of a status that is no success.
fn status_error(channel: Channel, at: String, answer: &Answer) -> NotifyError {
    let status = answer.status;
    let why = format!("it answers {status}{}", said(answer));
    match status {
        StatusCode::TOO_MANY_REQUESTS => NotifyError::Limited { at, why: said(answer), pause: pause(answer) },
        _ if http::is_transient_status(status.as_u16()) => NotifyError::Unavailable { at, why },
        _ => NotifyError::Refused { at, why, mend: mend_of_status(channel, status).to_owned() },
    }
}

/// The answer of DingTalk and WeCom: `errcode` is 0, or says why the message was not taken.
fn coded(channel: Channel, at: String, answer: &Answer) -> Result<(), NotifyError> {
    let Ok(Coded { errcode, errmsg }) = http::json::<Coded>(&answer.body) else {
        let why = format!("it answers with no `errcode`{}", said(answer));
        let mend = "write the address of a robot into the Secret, or set `to` to the service that it is of";
        return Err(NotifyError::Refused { at, why, mend: mend.to_owned() });
    };
    let why = format!("errcode {errcode}{}", text::quoted(&text::brief(&errmsg, SHOWN)));
    match errcode {
        0 => Ok(()),
        BUSY => Err(NotifyError::Unavailable { at, why }),
        code if TOO_MANY.contains(&code) => {
            Err(NotifyError::Limited { at, why: format!(" ({why})"), pause: pause(answer) })
        }
        code => Err(NotifyError::Refused { at, why, mend: mend_of_code(channel, code).to_owned() }),
    }
}

fn pause(answer: &Answer) -> Option<Duration> {
    answer.pause.or_else(|| hints(answer).retry_after_ms.map(Duration::from_millis))
}

fn hints(answer: &Answer) -> Hints {
    http::json(&answer.body).unwrap_or_default()
}

/// The text of the answer, in brackets.
fn said(answer: &Answer) -> String {
    text::quoted(&text::brief(&String::from_utf8_lossy(&answer.body), SHOWN))
}

fn mend_of_code(channel: Channel, code: i64) -> &'static str {
    match (channel, code) {
        // The signature, the keyword or the address is not the one that the robot's security settings ask for.
        (Channel::DingTalk, 310_000) => {
            "compare it with the robot's security settings: for a signature set `signing-secret` to the robot's `SEC…`, for a keyword \
             put it into `title`, for addresses add the one of this cluster there"
        }
        (Channel::DingTalk, 300_001 | 300_005 | 400_101 | 400_102 | 400_106) => {
            "the robot is gone or was switched off; write the address of another one into the Secret"
        }
        (Channel::WeCom, 93_000) => "write the address of a robot of the group into the Secret",
        (Channel::DingTalk, _) => "look the code up in DingTalk's documentation of custom robots",
        _ => "look the code up in WeCom's list of global error codes",
    }
}

fn mend_of_status(channel: Channel, status: StatusCode) -> &'static str {
    match (channel, status) {
        // `no_service`, `invalid_token`, `action_prohibited`, `channel_is_archived` (docs.slack.dev, "Incoming webhooks").
        (Channel::Slack, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::GONE) => {
            "make a new incoming webhook for the channel, and write its address into the Secret"
        }
        (Channel::Slack, _) => "check that the Secret has the address of an incoming webhook",
        (Channel::N8n, StatusCode::NOT_FOUND) => {
            "make the workflow in n8n active, let its webhook take POST, and write the production URL into the Secret"
        }
        (Channel::N8n | Channel::Webhook, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
            "compare `signing-secret` with the one that the receiver checks"
        }
        (Channel::Matrix, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
            "use an access token of a user that is in the room, and check `room`"
        }
        _ => "check the address in the Secret, and look at the log of that server",
    }
}
