//! A message, in no service's form yet.

use std::collections::BTreeMap;

/// How the thing that a message is about ended. The names of the first three are Argo's (`{{workflow.status}}`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Status {
    /// It succeeded.
    #[default]
    Succeeded,
    /// It failed; somebody must change something.
    Failed,
    /// A server failed.
    Error,
    /// Somebody stopped it.
    Cancelled,
    /// It took too long.
    TimedOut,
    /// A newer commit has replaced it.
    Superseded,
    /// Its commit was reverted.
    Reverted,
}

impl Status {
    /// The names that a step writes.
    pub const NAMES: [(&'static str, Self); 7] = [
        (Self::Succeeded.name(), Self::Succeeded),
        (Self::Failed.name(), Self::Failed),
        (Self::Error.name(), Self::Error),
        (Self::Cancelled.name(), Self::Cancelled),
        (Self::TimedOut.name(), Self::TimedOut),
        (Self::Superseded.name(), Self::Superseded),
        (Self::Reverted.name(), Self::Reverted),
    ];

    /// The name in a step.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Error => "Error",
            Self::Cancelled => "Cancelled",
            Self::TimedOut => "TimedOut",
            Self::Superseded => "Superseded",
            Self::Reverted => "Reverted",
        }
    }

    /// The words after a name: `shop/api failed`.
    pub fn words(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Error => "ended with an error",
            Self::Cancelled => "was cancelled",
            Self::TimedOut => "timed out",
            Self::Superseded => "was superseded",
            Self::Reverted => "was reverted",
        }
    }

    /// The sign that is seen first.
    pub(super) fn mark(self) -> &'static str {
        match self {
            Self::Succeeded => "✅",
            Self::Failed => "❌",
            Self::Error => "⚠️",
            Self::Cancelled => "⏹️",
            Self::TimedOut => "⏰",
            Self::Superseded => "⏭️",
            Self::Reverted => "↩️",
        }
    }
}

/// A message. Its texts are free of secrets and control characters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// The same for each attempt to send the message, so that a receiver can recognize it.
    pub id: String,
    /// How it ended.
    pub status: Status,
    /// One line.
    pub title: String,
    /// The workflow, as `namespace/name`.
    pub workflow: String,
    /// What people want to know, in order.
    pub rows: Vec<Row>,
    /// What failed.
    pub failures: Vec<Failure>,
    /// More text, such as the end of a log; of a long one the end is sent.
    pub details: String,
    /// Where to click: an http or https URL.
    pub link: Option<String>,
    /// The author's own text, in the form of the chat. It is sent in place of all that.
    pub text: Option<String>,
    /// The author's own fields of the JSON body of a webhook. They are sent in place of all that.
    pub body: Option<BTreeMap<String, String>>,
}

/// A line of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Such as `Commit`.
    pub label: String,
    /// One line.
    pub text: String,
    /// Where the text leads to: an http or https URL.
    pub link: Option<String>,
}

/// A part of a workflow that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its name, which may be empty.
    pub name: String,
    /// Why, in one or several lines.
    pub message: String,
}

impl Row {
    /// A line without a link.
    pub fn new(label: &str, text: impl Into<String>) -> Self {
        Self { label: label.to_owned(), text: text.into(), link: None }
    }
}

impl Message {
    /// The sign and the title.
    pub(super) fn headline(&self) -> String {
        format!("{} {}", self.status.mark(), self.title)
    }

    /// The first line of what failed.
    pub(super) fn reason(&self) -> &str {
        self.failures.first().and_then(|failure| failure.message.lines().next()).unwrap_or_default()
    }
}
