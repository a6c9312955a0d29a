//! What to say about a running build.

use std::time::Instant;

/// Characters of a step that are shown.
const MAX_NAME: usize = 100;

/// Where a running build is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// What runs now: `[build 3/7] RUN npm ci`, or `pushing layers` around the steps.
    pub current: Option<String>,
    /// Steps known so far; grows while the graph is discovered. Steps are what can be cached: `FROM` and
    /// BuildKit's own work are none.
    pub total: u32,
    /// Steps that came from a cache.
    pub cached: u32,
    /// The server that [`Self::current`] talks to; none for a step's process, which may be silent as long as it likes.
    pub peer: Option<Peer>,
    /// Since when nothing was heard of the daemon itself, once that is unusual.
    pub unheard: Option<Instant>,
}

/// A server that the daemon talks to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// `registry r.example:5000`, `Git server git.example`.
    pub name: String,
    /// When anything came of it last.
    pub heard: Instant,
}

/// The instruction behind a step's `[stage n/m]`; none for vertices that BuildKit adds itself.
pub(super) fn instruction(name: &str) -> Option<&str> {
    let (stage, instruction) = name.strip_prefix('[')?.split_once("] ")?;
    let numbered = stage.rsplit(' ').next()?.split_once('/')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    (digits(numbered.0) && digits(numbered.1)).then_some(instruction)
}

/// Hex digits of a digest that are shown: enough to find it.
const DIGEST: usize = 12;

/// The first line, its digests abbreviated, cut to what fits a message.
pub(super) fn shorten(name: &str) -> String {
    shorten_to(name, MAX_NAME)
}

/// As [`shorten`], to at most `length` characters.
pub(super) fn shorten_to(name: &str, length: usize) -> String {
    let line = &abbreviate(name.lines().next().unwrap_or_default());
    match line.char_indices().nth(length) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line.to_owned(),
    }
}

/// `sha256:` and the first digits of each digest.
fn abbreviate(line: &str) -> String {
    let mut parts = line.split("sha256:");
    let mut short = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_hexdigit());
        let digits = &part[..part.len() - rest.len()];
        short.push_str("sha256:");
        short.push_str(digits.get(..DIGEST).unwrap_or(digits));
        short.push_str(rest);
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_told_from_buildkits_own_work() {
        let rows = [
            ("[3/7] RUN npm ci", Some("RUN npm ci")),
            ("[build  2/12] COPY . .", Some("COPY . .")),
            ("[linux/amd64 build 2/3] RUN x", Some("RUN x")),
            ("[internal] load build definition from Dockerfile", None),
            ("[auth] shop/api:pull token for r.io", None),
            ("exporting to image", None),
            ("importing cache manifest from r.io/c", None),
            ("docker-image://docker.io/docker/dockerfile:1", None),
        ];
        for (name, expected) in rows {
            assert_eq!(instruction(name), expected, "{name}");
        }
    }

    #[test]
    fn digests_are_abbreviated() {
        let digest = "7ea6d972c4f8af8f481ce2ed0cef90226578e45ac9ad1efcb90b1738c5b4f52d";
        let name = format!("pushing manifest for r.io/a:1@sha256:{digest} to r.io");
        assert_eq!(shorten(&name), "pushing manifest for r.io/a:1@sha256:7ea6d972c4f8 to r.io");
        assert_eq!(shorten("sha256: not one"), "sha256: not one");
    }

    #[test]
    fn long_steps_are_cut_at_a_character() {
        let shortened = shorten(&format!("[1/1] RUN {}\nsecond", "é".repeat(200)));
        assert_eq!(shortened.chars().count(), MAX_NAME + 1);
    }
}
