//! Parses an error message of the daemon.
//!
//! Messages also contain names, paths, URLs and commands, which may contain any words. So the kind of an error is read
//! from three things: the message without those parts ([`Message::bare`]), the HTTP status at the position where BuildKit
//! writes one, and the operation that failed ([`Operation`]).

use super::super::image_pull;

/// The operation that the daemon was running when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    /// Pushing the image.
    Push,
    /// Writing `cache.to`.
    ExportCache,
    /// Resolving or pulling an image.
    Pull,
    /// Running git.
    Git,
    /// Fetching `ADD https://…`.
    Download,
    /// Anything else, such as reading the Dockerfile.
    Other,
}

/// A message, and the parts of it that the user did not write.
#[derive(Debug)]
pub(super) struct Message<'a> {
    /// The message as the daemon sent it.
    pub(super) text: &'a str,
    /// The message without quoted text, URLs, paths and image names.
    pub(super) bare: String,
    /// The HTTP status in the response of the registry or server.
    pub(super) status: Option<u16>,
    pub(super) operation: Operation,
}

/// Words after which BuildKit, containerd or git write the HTTP status.
const STATUS_FOLLOWS: &[&str] = &[
    "unexpected status from ",
    "unexpected status code ",
    "unexpected HEAD status code ",
    "unexpected status: ",
    "invalid response status ",
    "The requested URL returned error: ",
    "RPC failed; HTTP ",
    "the token server ",
];
/// The largest number of words between those and the status: `POST request to URL: 401`.
const STATUS_WITHIN: usize = 5;

impl<'a> Message<'a> {
    /// Parses `text`. `vertex` is the name of the vertex that failed, if known.
    pub(super) fn parse(text: &'a str, vertex: Option<&str>) -> Self {
        let unquoted = without_quotes(text);
        let operation = operation(&unquoted, vertex.unwrap_or_default());
        Self { text, status: status(&unquoted), bare: without_names(&unquoted), operation }
    }

    /// Whether the message contains all `words` outside of names.
    pub(super) fn says(&self, words: &[&str]) -> bool {
        words.iter().all(|word| self.bare.contains(word))
    }

    /// Whether the message contains one of `words` outside of names.
    pub(super) fn says_any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.bare.contains(word))
    }

    /// Whether the message contains `word` as a whole word.
    pub(super) fn has_word(&self, word: &str) -> bool {
        self.bare.split_whitespace().any(|found| found.trim_end_matches([':', ';', ',', ')', '.']) == word)
    }
}

fn operation(unquoted: &str, vertex: &str) -> Operation {
    let begins = |words: &[&str]| words.iter().any(|word| unquoted.starts_with(word));
    let says = |words: &[&str]| words.iter().any(|word| unquoted.contains(word));
    if begins(&["failed to push "]) {
        Operation::Push
    } else if begins(&["error writing "]) || vertex.starts_with("exporting cache") {
        Operation::ExportCache
    } else if says(&["git stderr:", "fatal: ", "failed to fetch remote "]) {
        Operation::Git
    } else if says(&["failed to resolve source metadata for ", "failed to copy: ", "httpReadSeeker"])
        || vertex.starts_with(image_pull::STEP)
    {
        Operation::Pull
    } else if says(&["invalid response status ", "failed to load cache key: Get "]) || is_download(vertex) {
        Operation::Download
    } else {
        Operation::Other
    }
}

/// Whether the vertex is `[2/3] ADD https://…`, or the source made from it, whose name is its URL.
fn is_download(vertex: &str) -> bool {
    let name = vertex.split_once("] ").map_or(vertex, |(_, name)| name);
    name.strip_prefix("ADD ").is_some_and(|rest| rest.contains("://")) || name.starts_with("http")
}

/// The first HTTP status in the message. The text after it comes from the server.
fn status(unquoted: &str) -> Option<u16> {
    let first = |words: &&str| unquoted.find(*words).map(|at| at + words.len());
    let after = STATUS_FOLLOWS.iter().filter_map(first).min()?;
    let words = unquoted.get(after..)?.split_whitespace().take(STATUS_WITHIN);
    let number = |word: &str| word.trim_end_matches([':', ';', ',']).parse().ok();
    words.filter_map(number).find(|status| (300..600).contains(status))
}

/// Replaces each quoted part of `text` with `""`.
fn without_quotes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    let mut quoted = false;
    while let Some(char) = chars.next() {
        match char {
            '"' => {
                quoted = !quoted;
                out.push('"');
            }
            '\\' if quoted => drop(chars.next()),
            _ if quoted => {}
            _ => out.push(char),
        }
    }
    out
}

/// Removes words that are URLs, paths or image names from `text`. `name:` becomes `:`.
fn without_names(text: &str) -> String {
    let words = text.split_inclusive(char::is_whitespace);
    words
        .map(
            |word| if is_name(word) { if word.trim_end().ends_with(':') { ": " } else { " " } } else { word },
        )
        .collect()
}

/// Whether a word is a URL, a path or an image name. Go's network errors also contain slashes.
fn is_name(word: &str) -> bool {
    let ours = ["i/o", "net/http:", "input/output", "http/2"];
    let word = word.trim_matches(|c: char| c.is_whitespace() || c == '"' || c == '(' || c == ')');
    (word.contains('/') || word.contains("@sha256:")) && !ours.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_where_it_is_written_and_nowhere_else() {
        let rows = [
            (
                "failed to push h:5000/a:500: unexpected status from PUT request to https://h:5000/v2/500: 400 Bad Request",
                Some(400),
            ),
            (
                "failed to push r/a:1: unexpected status from POST request to http://r/v2/: 401 Unauthorized: 500",
                Some(401),
            ),
            ("failed to load cache key: invalid response status 404", Some(404)),
            ("error: RPC failed; HTTP 502 curl 22 The requested URL returned error: 502", Some(502)),
            ("fatal: unable to access 'http://g:5000/': The requested URL returned error: 429", Some(429)),
            ("dial tcp 127.0.0.1:500: connect: connection refused", None),
            ("\"/unexpected status from 500\": not found", None),
        ];
        for (text, expected) in rows {
            assert_eq!(Message::parse(text, None).status, expected, "{text}");
        }
    }

    #[test]
    fn names_paths_and_commands_are_left_out() {
        let text = "process \"/bin/sh -c echo \\\"EOF\\\" x509\" for r.io/my-secret:1: read tcp: i/o timeout";
        assert_eq!(Message::parse(text, None).bare, "process \"\" for : read tcp: i/o timeout");
    }

    #[test]
    fn what_was_done_is_known_by_how_a_message_begins_and_by_the_vertex() {
        let rows = [
            ("failed to push r/a:1: denied: x", "", Operation::Push),
            ("error writing layer blob: denied", "", Operation::ExportCache),
            ("unknown: x", "exporting cache to registry", Operation::ExportCache),
            ("r/a: failed to resolve source metadata for r/a: EOF", "", Operation::Pull),
            ("failed to fetch remote http://g: git stderr:\nfatal: x", "", Operation::Git),
            ("failed to load cache key: unexpected EOF", "[2/2] ADD http://h/x /", Operation::Download),
            ("failed to load cache key: r/a:1: not found", "pull r/a:1", Operation::Pull),
            ("target stage \"failed to push \" could not be found", "", Operation::Other),
        ];
        for (text, vertex, expected) in rows {
            assert_eq!(Message::parse(text, Some(vertex)).operation, expected, "{text}");
        }
    }
}
