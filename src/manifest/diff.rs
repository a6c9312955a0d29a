//! The unified diff that an edit's output shows.

use std::time::Duration;

use similar::TextDiff;

/// How long the shortest difference is looked for: thousands of changed lines in a row take the square of their number.
/// After it a longer one is good enough.
const LIMIT: Duration = Duration::from_millis(500);

/// The difference of two versions of the file at `path`, as `git diff` shows it; empty when they are equal.
/// Bytes that are not UTF-8 appear as U+FFFD.
pub fn unified_diff(path: &str, old: &[u8], new: &[u8]) -> String {
    let (old, new) = (String::from_utf8_lossy(old), String::from_utf8_lossy(new));
    let diff = TextDiff::configure().timeout(LIMIT).diff_lines(&*old, &*new);
    diff.unified_diff().context_radius(3).header(&format!("a/{path}"), &format!("b/{path}")).to_string()
}
