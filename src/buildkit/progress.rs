//! The progress of a running build.

use std::time::Instant;

/// The number of characters shown of a step's name.
const MAX_NAME: usize = 100;

/// The progress of a running build.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// The current step, such as `[build 3/7] RUN npm ci`, or BuildKit's own work around the steps, such as `pushing layers`.
    pub current: Option<String>,
    /// The number of steps known so far; it grows while the graph is discovered. A step is a vertex that can be cached, so
    /// `FROM` and BuildKit's own work do not count.
    pub total: u32,
    /// The number of steps that came from a cache.
    pub cached: u32,
    /// The server that [`Self::current`] talks to; `None` for a step's process, which may be silent for any time.
    pub peer: Option<Peer>,
    /// The start of the daemon's silence, set once the silence is unusually long.
    pub unheard: Option<Instant>,
}

/// A server that the daemon talks to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The server's kind and address: `registry r.example:5000`, `Git server git.example`.
    pub name: String,
    /// The time of the last progress with this server.
    pub heard: Instant,
}

/// The instruction after a step's `[stage n/m]`; `None` for vertices that BuildKit adds itself.
pub(super) fn instruction(name: &str) -> Option<&str> {
    let (stage, instruction) = name.strip_prefix('[')?.split_once("] ")?;
    let numbered = stage.rsplit(' ').next()?.split_once('/')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    (digits(numbered.0) && digits(numbered.1)).then_some(instruction)
}

/// The number of hex digits shown of a digest; enough to find it.
const DIGEST: usize = 12;

/// The first line of a name, with short digests, cut to the length that fits a message.
pub(super) fn shorten(name: &str) -> String {
    shorten_to(name, MAX_NAME)
}

/// Does the same as [`shorten`], to at most `length` characters.
pub(super) fn shorten_to(name: &str, length: usize) -> String {
    let line = &abbreviate(name.lines().next().unwrap_or_default());
    match line.char_indices().nth(length) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line.to_owned(),
    }
}

/// Shortens each digest to `sha256:` and its first digits.
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
