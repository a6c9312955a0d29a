//! Reads the fields of `notify`.

use std::collections::BTreeMap;
use std::time::Duration;

use url::Url;

use super::failures::failures;
use super::table::NOTIFY;
use super::{Content, Notify, NotifyTarget};
use crate::duration::{LONGEST, parse_go_duration};
use crate::notify::{Channel, Status};
use crate::step::node::{Fields, Node};
use crate::step::{InvalidStep, SecretKey};

/// The keys of Secrets, unless the step names others.
const URL: &str = "url";
const SIGNING_SECRET: &str = "secret";
const TOKEN: &str = "token";

/// Reads the value under `notify`.
pub(in crate::step) fn read(node: Node<'_>) -> Result<Notify, InvalidStep> {
    let mut fields = node.fields(NOTIFY)?;
    let enabled = fields.switch("enabled", true)?;
    let channel = fields.unless_off("to", enabled, |node| node.one_of(&Channel::NAMES))?;
    let url = fields.unless_off("url", enabled, |node| SecretKey::with_default(node, URL))?;
    let mut secret =
        |name, key| fields.optional(name).map(|node| SecretKey::with_default(node, key)).transpose();
    let (signing_secret, token) = (secret("signing-secret", SIGNING_SECRET)?, secret("token", TOKEN)?);
    let room = fields.optional("room").map(Node::word).transpose()?;
    let target =
        channel.zip(url).map(|(channel, url)| NotifyTarget { channel, url, signing_secret, token, room });
    let content = content(&mut fields)?;
    if let Some(target) = &target {
        check(target, &content, &fields)?;
    }
    let ignore_error = fields.switch("ignore-error", false)?;
    Ok(Notify { target: target.filter(|_| enabled), content, ignore_error })
}

fn content(fields: &mut Fields<'_>) -> Result<Content, InvalidStep> {
    Ok(Content {
        status: fields.optional("status").map(|node| node.one_of(&Status::NAMES)).transpose()?,
        title: fields.or_default("title", Node::text)?,
        service: fields.or_default("service", Node::text)?,
        commit: fields.or_default("commit", Node::text)?,
        commit_url: fields.or_default("commit-url", link)?,
        change: fields.or_default("change", Node::lines)?,
        author: fields.or_default("author", Node::text)?,
        duration: fields.or_default("duration", duration)?,
        facts: fields.or_default("facts", texts)?,
        failures: failures(&fields.or_default("failures", Node::lines)?),
        details: fields.or_default("details", Node::lines)?,
        link: fields.or_default("link", link)?,
        text: fields.optional("text").map(Node::lines).transpose()?.filter(|text| !text.trim().is_empty()),
        body: fields.optional("body").map(texts).transpose()?,
    })
}

/// Refuses fields that the service has no use for, and asks for those that it needs. The errors are about `to`, because it decides.
fn check(target: &NotifyTarget, content: &Content, fields: &Fields<'_>) -> Result<(), InvalidStep> {
    let channel = target.channel;
    let (is_matrix, is_chat) = (channel == Channel::Matrix, channel.is_chat());
    let signed = "`dingtalk`, `webhook` and `n8n`";
    let misplaced = [
        ("signing-secret", target.signing_secret.is_some() && !channel.is_signed(), signed),
        ("token", target.token.is_some() && !is_matrix, "`matrix`"),
        ("room", target.room.is_some() && !is_matrix, "`matrix`"),
        ("body", content.body.is_some() && is_chat, "`webhook` and `n8n`"),
        ("text", content.text.is_some() && !is_chat, "chats; write `body`"),
    ];
    let refuse = |problem: String| Err(fields.refuse("to", format!("is `{}`, {problem}", channel.name())));
    if let Some((field, _, others)) = misplaced.into_iter().find(|(_, is_misplaced, _)| *is_misplaced) {
        return refuse(format!("and `{field}` is used with {others}"));
    }
    let missing = [("room", target.room.is_none()), ("token", target.token.is_none())];
    match missing.into_iter().find(|(_, is_missing)| is_matrix && *is_missing) {
        Some((field, _)) => refuse(format!("which needs the field `{field}`")),
        None => Ok(()),
    }
}

fn texts(node: Node<'_>) -> Result<BTreeMap<String, String>, InvalidStep> {
    node.map()?.into_iter().map(|(key, node)| Ok((key, node.lines()?))).collect()
}

/// Reads an address for people to click. Nothing is sent there. `None` for the empty text that a reference can give.
fn link(node: Node<'_>) -> Result<Option<String>, InvalidStep> {
    node.checked_unless_empty(|text| {
        let problem = || "is not an http or https URL without a login".to_owned();
        let url = Url::parse(text.trim()).map_err(|_| problem())?;
        let is_plain = url.username().is_empty() && url.password().is_none();
        match matches!(url.scheme(), "http" | "https") && is_plain {
            true => Ok(url.to_string()),
            false => Err(problem()),
        }
    })
}

/// Reads a Go duration, or a number of seconds with a point, as `{{workflow.duration}}` is.
fn duration(node: Node<'_>) -> Result<Option<Duration>, InvalidStep> {
    node.checked_unless_empty(|text| {
        let text = text.trim();
        let seconds = text.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let duration = seconds.or_else(|| parse_go_duration(text)).filter(|duration| *duration <= LONGEST);
        duration.ok_or_else(|| "is not a duration such as `90s`, or a number of seconds".to_owned())
    })
}
