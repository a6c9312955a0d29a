//! `notify`: tells people in a chat, or another program, what became of the work.

mod failures;
mod fields;
mod table;

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Mention, SecretKey};
use crate::notify::{Channel, Failure, Status};
pub(super) use fields::read;
pub(super) use table::SPEC;

/// The field with the address, for messages of the policy.
pub(crate) const FIELD: &str = "notify.url";

/// A valid `notify` step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notify {
    /// Where the message goes; `None` if the step is off, and does nothing.
    pub target: Option<NotifyTarget>,
    /// What the message says. What is missing comes from the entries before this one.
    pub content: Content,
    /// Whether the step succeeds although the message was not sent.
    pub ignore_error: bool,
}

/// Where a message goes, and with which Secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotifyTarget {
    /// The service.
    pub channel: Channel,
    /// The address of the webhook, or of the Matrix server.
    pub url: SecretKey,
    /// The key that signs requests.
    pub signing_secret: Option<SecretKey>,
    /// The access token of a Matrix user.
    pub token: Option<SecretKey>,
    /// The id of a Matrix room.
    pub room: Option<String>,
}

/// What a message says. Texts that are empty are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    /// How it ended. Without it, the entries before this one say so.
    pub status: Option<Status>,
    /// One line; without it, the service and how it ended.
    pub title: String,
    /// What the message is about; without it, the image that was built, or the workflow.
    pub service: String,
    /// The commit; without it, the one that was built.
    pub commit: String,
    /// Where the commit leads to: an http or https URL.
    pub commit_url: Option<String>,
    /// The commit's first line.
    pub change: String,
    /// Who made it.
    pub author: String,
    /// How long it took; without it, the time since the node began.
    pub duration: Option<Duration>,
    /// More rows, by their labels.
    pub facts: BTreeMap<String, String>,
    /// What failed.
    pub failures: Vec<Failure>,
    /// More text, such as the end of a log.
    pub details: String,
    /// Where to click: an http or https URL; without it, the workflow in Argo's UI.
    pub link: Option<String>,
    /// A text of the author's own, in place of all that.
    pub text: Option<String>,
    /// Fields of the author's own for a webhook, in place of all that.
    pub body: Option<BTreeMap<String, String>>,
}

/// Empty: the addresses are in Secrets. The engine compares each with the policy when it has read it.
pub(super) fn mentions(_: &Notify) -> Vec<Mention> {
    Vec::new()
}
