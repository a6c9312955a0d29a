//! The body of a request to each service, within its limits.

use serde_json::{Value, json};

use super::layout::{cut, fitting, parts, title};
use super::markup::Markup;
use super::{Channel, Message, webhook};

/// DingTalk takes a body of 20,000 bytes, and answers a longer one with errcode 460101.
const DINGTALK: usize = 20_000;
/// WeCom takes 4096 bytes of Markdown, and answers more with errcode 40058 (developer.work.weixin.qq.com, "Group robots").
const WECOM: usize = 4096;
/// Slack takes 3000 characters in the text of a section, and 50 blocks (docs.slack.dev, "Section block").
const SLACK_SECTION: usize = 2900;
const SLACK_BLOCKS: usize = 50;
/// The longest text of Slack's author, in bytes. Slack cuts messages of more than 40,000 characters.
const SLACK_TEXT: usize = 20_000;
/// An event of Matrix may have 65,536 bytes (its client-server API, "Size limits"), in both forms together.
const MATRIX_PLAIN: usize = 20_000;
const MATRIX_HTML: usize = 40_000;

const DINGTALK_MARKDOWN: Markup = Markup::Markdown { line_break: "  \n" };
const WECOM_MARKDOWN: Markup = Markup::Markdown { line_break: "\n" };

/// The body for `messages`: one message, or a digest of several. A webhook gets only one.
pub(super) fn body(channel: Channel, messages: &[Message]) -> Vec<u8> {
    let body = match channel {
        Channel::Slack => slack(messages),
        Channel::DingTalk => dingtalk(messages),
        Channel::WeCom => wecom(messages),
        Channel::Matrix => matrix(messages),
        Channel::Webhook | Channel::N8n => messages.first().map_or(Value::Null, webhook::body),
    };
    body.to_string().into_bytes()
}

/// The author's own text of a message that is sent alone.
fn own_text(messages: &[Message]) -> Option<&str> {
    match messages {
        [one] => one.text.as_deref(),
        _ => None,
    }
}

fn slack(messages: &[Message]) -> Value {
    let shown = Markup::Slack.escaped(&title(messages));
    if let Some(own) = own_text(messages) {
        return json!({"text": cut(own.to_owned(), SLACK_TEXT, str::len), "unfurl_links": false});
    }
    let section = |part: String| {
        let text = cut(part, SLACK_SECTION, str::len);
        json!({"type": "section", "text": {"type": "mrkdwn", "text": text}})
    };
    // Each part has a limit of its own, so each is fitted alone.
    let count = parts(Markup::Slack, messages, 1).len();
    let part = |nth: usize| {
        let write = |share| parts(Markup::Slack, messages, share).into_iter().nth(nth).unwrap_or_default();
        fitting(SLACK_SECTION, write, str::len)
    };
    let blocks: Vec<_> =
        (0..count.min(SLACK_BLOCKS)).map(part).filter(|part| !part.is_empty()).map(section).collect();
    json!({"text": shown, "blocks": blocks, "unfurl_links": false})
}

fn dingtalk(messages: &[Message]) -> Value {
    let title = DINGTALK_MARKDOWN.escaped(&title(messages));
    let body = |text: &str| json!({"msgtype": "markdown", "markdown": {"title": title, "text": text}});
    let size = |text: &str| body(text).to_string().len();
    body(&markdown(DINGTALK_MARKDOWN, messages, DINGTALK, size))
}

fn wecom(messages: &[Message]) -> Value {
    let text = markdown(WECOM_MARKDOWN, messages, WECOM, str::len);
    json!({"msgtype": "markdown", "markdown": {"content": text}})
}

fn markdown(markup: Markup, messages: &[Message], limit: usize, size: impl Fn(&str) -> usize) -> String {
    match own_text(messages) {
        Some(own) => cut(own.to_owned(), limit, size),
        None => fitting(limit, |share| parts(markup, messages, share).join("\n\n"), size),
    }
}

fn matrix(messages: &[Message]) -> Value {
    let size = |text: &str| json!(text).to_string().len();
    let plain = markdown(WECOM_MARKDOWN, messages, MATRIX_PLAIN, size);
    if own_text(messages).is_some() {
        return json!({"msgtype": "m.text", "body": plain});
    }
    let write = |share| parts(Markup::Html, messages, share).concat();
    let html = fitting(MATRIX_HTML, write, size);
    json!({"msgtype": "m.text", "body": plain, "format": "org.matrix.custom.html", "formatted_body": html})
}
