//! The unified diff that an edit's output shows.

use std::time::Duration;

use similar::TextDiff;

/// The time limit for finding the shortest diff. The search is quadratic in the number of consecutive changed lines.
/// After the limit, a longer diff is returned.
const LIMIT: Duration = Duration::from_millis(500);

/// The diff of two versions of the file at `path`, in the format of `git diff`. Empty when they are equal.
/// Bytes that are not UTF-8 appear as U+FFFD.
pub fn unified_diff(path: &str, old: &[u8], new: &[u8]) -> String {
    let (old, new) = (String::from_utf8_lossy(old), String::from_utf8_lossy(new));
    let diff = TextDiff::configure().timeout(LIMIT).diff_lines(&*old, &*new);
    diff.unified_diff().context_radius(3).header(&format!("a/{path}"), &format!("b/{path}")).to_string()
}
