//! The rules that name tags. Such a tag stays whatever its image's age and rank are, and whatever it is about.

use super::super::in_use::UsedImages;
use crate::step::tags::Retention;

/// Whether a tag matches a pattern.
type Matches<'a> = Box<dyn Fn(&str) -> bool + Send + Sync + 'a>;

/// `keep-tags`, `keep-matching` and `in-use`. The case of letters does not count: Gitea keeps tags in lower case, however they were
/// pushed.
pub(in crate::engine::tags) struct Named<'a> {
    retention: &'a Retention,
    used: &'a UsedImages,
    matches: Option<Matches<'a>>,
}

impl<'a> Named<'a> {
    pub(in crate::engine::tags) fn new(retention: &'a Retention, used: &'a UsedImages) -> Self {
        let pattern = retention.keep_matching.as_ref();
        let matches = pattern.map(|pattern| Box::new(pattern.matcher_of_any_case()) as Matches<'_>);
        Self { retention, used, matches }
    }

    /// Why `tag`, which names `digest`, stays; `None` if no rule names it.
    pub(in crate::engine::tags) fn keeps(&self, tag: &str, digest: &str) -> Option<String> {
        if self.retention.keep_tags.iter().any(|kept| kept.eq_ignore_ascii_case(tag)) {
            return Some("is one of `keep-tags`".to_owned());
        }
        if self.matches.as_ref().is_some_and(|matches| matches(tag)) {
            return Some("matches `keep-matching`".to_owned());
        }
        self.used.place(tag, digest).map(|place| format!("is in use: {place}"))
    }
}
