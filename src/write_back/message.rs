//! Commit messages: the message of one writer, and the combined message of a commit with several writers.
//!
//! The trailers are the last paragraph (git `interpret-trailers`), and `Managed-By` always ends it. So a line of a
//! user's text can never be taken for a trailer: our own paragraph always follows the text.

use std::fmt;

use super::trailer::{MANAGED_BY, MANAGER, MANIFEST, WORKFLOW};
use crate::git::GitError;
use crate::selection::SKIP_MARKS;

/// A commit's message. It is rendered as the text, an empty line, the trailers and `Managed-By`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// The subject and body.
    pub text: String,
    /// The trailers in order, such as `("Source-Commit", sha)`; see [`trailer`](super::trailer) for the names. Each
    /// value is reduced to one line.
    pub trailers: Vec<(String, String)>,
}

/// One writer's trailers in a commit.
pub(super) type Group = Vec<(String, String)>;

impl Message {
    /// A message without trailers.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), trailers: Vec::new() }
    }

    /// Checks that the message is valid for a commit.
    pub(super) fn check(&self) -> Result<(), GitError> {
        let what = if clean(&self.text).is_empty() {
            "the commit message is empty; give one"
        } else if self.text.contains('\0') {
            "the commit message contains a NUL character; give another one"
        } else {
            return Ok(());
        };
        Err(GitError::Input { what: what.to_owned() })
    }

    fn subject(&self) -> String {
        clean(&self.text).lines().next().unwrap_or_default().to_owned()
    }
}

impl fmt::Display for Message {
    /// Formats the message as in a commit with one writer.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&render(&[self]))
    }
}

/// The message of a commit that contains the changes of `all`, in their order.
pub(super) fn render(all: &[&Message]) -> String {
    let text = match all {
        [one] => clean(&one.text),
        many => together(many),
    };
    let mut lines: Vec<String> = Vec::new();
    for message in all {
        lines.extend(group(message, all.len() > 1).iter().map(|(key, value)| format!("{key}: {value}")));
    }
    lines.push(format!("{MANAGED_BY}: {MANAGER}"));
    format!("{text}\n\n{}\n", lines.join("\n"))
}

/// The combined text of several messages.
fn together(all: &[&Message]) -> String {
    let skip = SKIP_MARKS.iter().find(|skip| all.iter().any(|m| m.text.contains(*skip)));
    let skip = skip.map(|skip| format!(" {skip}")).unwrap_or_default();
    let subjects: Vec<_> = all.iter().map(|m| format!("- {}", m.subject())).collect();
    format!("Update manifests for {} workflows{skip}\n\n{}", all.len(), subjects.join("\n"))
}

/// A message's trailers as lines. In a commit with several writers each group begins with `Workflow`, so that readers
/// can tell the groups apart.
fn group(message: &Message, among_others: bool) -> Group {
    let tidy = message.trailers.iter().map(|(key, value)| (name(key), line(value)));
    let mut group: Group =
        tidy.filter(|(key, _)| !key.is_empty() && !key.eq_ignore_ascii_case(MANAGED_BY)).collect();
    match group.iter().position(|(key, _)| key == WORKFLOW) {
        Some(at) => group[..=at].rotate_right(1),
        None if among_others => group.insert(0, (WORKFLOW.to_owned(), "-".to_owned())),
        None => {}
    }
    group
}

/// The groups of trailers in a commit's message, first to last; empty if the commit is not ours.
pub(super) fn groups(message: &str) -> Vec<Group> {
    let Some((_, last)) = message.trim_end().rsplit_once("\n\n") else { return Vec::new() };
    let Some(lines) = last.lines().map(|l| l.split_once(": ")).collect::<Option<Vec<_>>>() else {
        return Vec::new();
    };
    if !lines.contains(&(MANAGED_BY, MANAGER)) {
        return Vec::new();
    }
    let mut groups = vec![Group::new()];
    for (key, value) in lines.into_iter().filter(|(key, _)| *key != MANAGED_BY) {
        if key == WORKFLOW && groups.last().is_some_and(|group| !group.is_empty()) {
            groups.push(Group::new());
        }
        if let Some(group) = groups.last_mut() {
            group.push((key.to_owned(), value.to_owned()));
        }
    }
    groups
}

/// Whether the message is one of our commits'. Anybody can write the trailer, and then their commit counts as ours.
pub(crate) fn is_ours(message: &str) -> bool {
    !groups(message).is_empty()
}

/// Whether our commits with these messages account for all of `files`. A person who amends, cherry-picks or squashes one of
/// ours may keep its trailers, but then other files changed than these name: every file that we write has a [`MANIFEST`] of
/// its own.
pub(crate) fn account_for<'a>(messages: impl IntoIterator<Item = &'a str>, files: &[Vec<u8>]) -> bool {
    let groups: Vec<Group> = messages.into_iter().flat_map(groups).collect();
    let mut targets: Vec<&[u8]> =
        groups.iter().flat_map(|group| values(group, MANIFEST)).map(str::as_bytes).collect();
    // Sorted, because anybody may write a message with as many trailers as a push has files.
    targets.sort_unstable();
    let is_named = |file: &Vec<u8>| {
        let start = [file.as_slice(), b" "].concat();
        let first = targets.partition_point(|target| *target < start.as_slice());
        targets.get(first).is_some_and(|target| target.starts_with(&start))
    };
    files.iter().all(is_named)
}

/// The values of the trailer `name` in the message of one of our commits; empty for the commit of another program.
pub(crate) fn trailers(message: &str, name: &str) -> Vec<String> {
    groups(message).iter().flat_map(|group| values(group, name)).map(str::to_owned).collect()
}

/// Parses a commit's message from any author.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzzed(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for trailers in groups(&text) {
        let message = Message { text: "Set".to_owned(), trailers };
        let groups = groups(&render(&[&message]));
        assert!(groups.len() <= 1 + message.trailers.len(), "{message:?}");
    }
}

/// The values of the trailer `name`.
pub(super) fn values<'a>(trailers: &'a [(String, String)], name: &str) -> impl Iterator<Item = &'a str> {
    trailers.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// Makes a trailer's name valid: letters, digits and `-`, as Git accepts them.
fn name(key: &str) -> String {
    key.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect()
}

/// Makes a trailer's value one line that is never empty. An empty value would not be parsed back.
pub(super) fn line(value: &str) -> String {
    let line: String = value.chars().map(|c| if breaks(c) { ' ' } else { c }).collect();
    let line = line.trim();
    if line.is_empty() { "-".to_owned() } else { line.to_owned() }
}

/// Whether some program treats the character as the end of a line.
fn breaks(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Removes line ends at the start and the end, and all control characters but `\n`.
fn clean(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let text: String = text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect();
    text.trim().to_owned()
}

#[cfg(test)]
mod tests;
