//! `$(build.digest)`: inserts an earlier entry's output into any string of a later entry.

use std::collections::BTreeMap;

use super::limits::{BODY, too_long};
use super::nearest::{hint, listed};
use super::spec::Output;
use super::when::When;
use crate::outcome::Outputs;

/// An entry of `steps` that a reference may name, with its name and the outputs of its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EarlierEntry {
    pub(super) name: String,
    pub(super) outputs: &'static [Output],
    /// Whether it runs.
    pub(super) when: When,
}

/// The entries that an entry may refer to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Earlier<'a> {
    pub(super) entries: &'a [EarlierEntry],
    /// Whether the entry that refers runs.
    pub(super) when: &'a When,
}

/// How references in a string are replaced.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scope<'a> {
    /// The step is not in `steps`, so there is nothing to refer to.
    Alone,
    /// Nothing has started yet. A reference is replaced by a sample value.
    Checking(Earlier<'a>),
    /// A reference is replaced by the entry's output.
    Running(&'a BTreeMap<String, Outputs>),
    /// The string is itself an output and is not changed.
    Literal,
}

/// The maximum bytes of a text after its references are replaced, since one output may be inserted many times.
const LARGEST: usize = BODY.bytes;

impl Scope<'_> {
    /// Replaces every `$(name.output)` in `text`, and `$$(` by `$(`.
    pub(super) fn expand(&self, text: &str) -> Result<String, String> {
        if matches!(self, Self::Literal) {
            return Ok(text.to_owned());
        }
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find("$(") {
            if expanded.len() > LARGEST {
                return Err(too_long(expanded.len() + rest.len(), LARGEST));
            }
            let (before, found) = rest.split_at(at);
            if let Some(before) = before.strip_suffix('$') {
                expanded.push_str(before);
                expanded.push_str("$(");
                rest = &found[2..];
            } else if let Some((entry, output)) = reference(found) {
                expanded.push_str(before);
                expanded.push_str(&self.value(entry, output)?);
                rest = &found[entry.len() + output.len() + "$(.)".len()..];
            } else {
                expanded.push_str(before);
                expanded.push_str("$(");
                rest = &found[2..];
            }
        }
        expanded.push_str(rest);
        Ok(expanded)
    }

    fn value(&self, entry: &str, output: &str) -> Result<String, String> {
        match self {
            Self::Checking(earlier) => Ok(earlier.output(entry, output)?.sample.to_owned()),
            Self::Running(results) => {
                results.get(entry).and_then(|outputs| outputs.get(output).cloned()).ok_or_else(|| {
                    format!("`$({entry}.{output})`: `{entry}` ended without the output `{output}`")
                })
            }
            Self::Alone | Self::Literal => Err(format!(
                "`$({entry}.{output})`: nothing to refer to, since references work between the entries of `steps` \
                 only; write `$$({entry}.{output})` for the text itself"
            )),
        }
    }
}

impl Earlier<'_> {
    /// The output that `$(entry.output)` names.
    pub(super) fn output(self, entry: &str, output: &str) -> Result<&'static Output, String> {
        let names = || self.entries.iter().map(|earlier| earlier.name.as_str());
        let Some(found) = self.entries.iter().find(|earlier| earlier.name == entry) else {
            let known = if self.entries.is_empty() { "there is none".into() } else { listed(names()) };
            let near = hint(entry, names());
            return Err(format!(
                "`$({entry}.{output})`: no earlier entry is named `{entry}`{near}; earlier: {known}"
            ));
        };
        if found.when.may_skip() && found.when != *self.when {
            return Err(format!(
                "`$({entry}.{output})`: `{entry}` may be skipped, so what refers to it must have the same `when`: {}",
                found.when
            ));
        }
        if let Some(known) = found.outputs.iter().find(|known| known.name == output) {
            return Ok(known);
        }
        let known = || found.outputs.iter().map(|known| known.name);
        let near = hint(output, known());
        Err(format!(
            "`$({entry}.{output})`: `{entry}` has no output `{output}`{near}; it has {}",
            listed(known())
        ))
    }
}

/// The entry and the output, if `text` is one reference and nothing else.
pub(super) fn whole(text: &str) -> Option<(&str, &str)> {
    let (entry, output) = reference(text)?;
    (text.len() == entry.len() + output.len() + "$(.)".len()).then_some((entry, output))
}

/// The maximum length of `name.output)`: two names, a dot and a bracket.
const LONGEST: usize = 63 + 1 + 63 + 1;

/// Parses `$(name.output)` at the beginning of `text`. `$(date)` and other shell text is not a reference.
fn reference(text: &str) -> Option<(&str, &str)> {
    // The search ends here, since a text may contain many brackets that open and never close.
    let (inside, _) = crate::text::head(text.strip_prefix("$(")?, LONGEST).split_once(')')?;
    let (entry, output) = inside.split_once('.')?;
    (is_name(entry) && is_name(output)).then_some((entry, output))
}

/// Whether `text` contains a reference that is not escaped.
pub(super) fn refers(text: &str) -> bool {
    Scope::Alone.expand(text).is_err()
}

/// Whether `name` matches `[a-z0-9-]{1,63}`, as the names of entries and outputs must.
pub(super) fn is_name(name: &str) -> bool {
    (1..=63).contains(&name.len()) && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn references_are_replaced_once_and_shell_text_is_left_alone() {
        let outputs = Outputs::from([("digest".to_owned(), "sha256:1 $(build.image)".to_owned())]);
        let results = BTreeMap::from([("build".to_owned(), outputs)]);
        for (text, expanded) in [
            ("plain", "plain"),
            ("a $(build.digest) b", "a sha256:1 $(build.image) b"),
            ("$(build.digest)$(build.digest)", "sha256:1 $(build.image)sha256:1 $(build.image)"),
            ("$$(build.digest)", "$(build.digest)"),
            ("$$$(x.y)", "$$(x.y)"),
            ("$(date +%s) $(uname) $( $(", "$(date +%s) $(uname) $( $("),
            ("$(Build.digest) $(build.)", "$(Build.digest) $(build.)"),
        ] {
            assert_eq!(Scope::Running(&results).expand(text).unwrap(), expanded, "{text}");
        }
        assert!(Scope::Running(&results).expand("$(build.image)").is_err());
    }
}
