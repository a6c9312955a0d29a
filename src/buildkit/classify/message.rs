//! A message of the daemon, taken apart.
//!
//! Names, paths, URLs and commands stand in messages too, and may hold any words. So what an error is, is read from the
//! message without them ([`Message::bare`]), from the HTTP status at the place where BuildKit writes one, and from what
//! was being done ([`Doing`]).

/// What the daemon was doing when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
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

/// A message, and what of it was not written by the user.
#[derive(Debug)]
pub(super) struct Message<'a> {
    /// As the daemon said it.
    pub(super) text: &'a str,
    /// Without what stands in quotation marks, and without URLs, paths and image names.
    pub(super) bare: String,
    /// What the registry or server answered.
    pub(super) status: Option<u16>,
    pub(super) doing: Doing,
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
/// Words between those and the status: `POST request to URL: 401`.
const STATUS_WITHIN: usize = 5;

impl<'a> Message<'a> {
    /// Takes `text` apart; `vertex` is the name of the vertex that failed, where one is known.
    pub(super) fn parse(text: &'a str, vertex: Option<&str>) -> Self {
        let unquoted = without_quotes(text);
        let doing = doing(&unquoted, vertex.unwrap_or_default());
        Self { text, status: status(&unquoted), bare: without_names(&unquoted), doing }
    }

    /// Whether all `words` stand in it, outside of names.
    pub(super) fn says(&self, words: &[&str]) -> bool {
        words.iter().all(|word| self.bare.contains(word))
    }

    /// Whether one of `words` stands in it, outside of names.
    pub(super) fn says_any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.bare.contains(word))
    }

    /// Whether `word` stands in it by itself.
    pub(super) fn has_word(&self, word: &str) -> bool {
        self.bare.split_whitespace().any(|found| found.trim_end_matches([':', ';', ',', ')', '.']) == word)
    }
}

fn doing(unquoted: &str, vertex: &str) -> Doing {
    let begins = |words: &[&str]| words.iter().any(|word| unquoted.starts_with(word));
    let says = |words: &[&str]| words.iter().any(|word| unquoted.contains(word));
    if begins(&["failed to push "]) {
        Doing::Push
    } else if begins(&["error writing "]) || vertex.starts_with("exporting cache") {
        Doing::ExportCache
    } else if says(&["git stderr:", "fatal: ", "failed to fetch remote "]) {
        Doing::Git
    } else if says(&["failed to resolve source metadata for ", "failed to copy: ", "httpReadSeeker"]) {
        Doing::Pull
    } else if says(&["invalid response status ", "failed to load cache key: Get "]) || is_download(vertex) {
        Doing::Download
    } else {
        Doing::Other
    }
}

/// `[2/3] ADD https://…`, or the source that it becomes, which is called by its URL.
fn is_download(vertex: &str) -> bool {
    let name = vertex.split_once("] ").map_or(vertex, |(_, name)| name);
    name.strip_prefix("ADD ").is_some_and(|rest| rest.contains("://")) || name.starts_with("http")
}

/// The first status: what follows it is the server's own text.
fn status(unquoted: &str) -> Option<u16> {
    let first = |words: &&str| unquoted.find(*words).map(|at| at + words.len());
    let after = STATUS_FOLLOWS.iter().filter_map(first).min()?;
    let words = unquoted.get(after..)?.split_whitespace().take(STATUS_WITHIN);
    let number = |word: &str| word.trim_end_matches([':', ';', ',']).parse().ok();
    words.filter_map(number).find(|status| (300..600).contains(status))
}

/// `text` with `""` in place of whatever stands in quotation marks.
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

/// `text` without its words that are URLs, paths or image names; `name:` leaves `:`.
fn without_names(text: &str) -> String {
    let words = text.split_inclusive(char::is_whitespace);
    words
        .map(
            |word| if is_name(word) { if word.trim_end().ends_with(':') { ": " } else { " " } } else { word },
        )
        .collect()
}

/// Whether a word names something. Go's network errors have slashes of their own.
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
            ("failed to push r/a:1: denied: x", "", Doing::Push),
            ("error writing layer blob: denied", "", Doing::ExportCache),
            ("unknown: x", "exporting cache to registry", Doing::ExportCache),
            ("r/a: failed to resolve source metadata for r/a: EOF", "", Doing::Pull),
            ("failed to fetch remote http://g: git stderr:\nfatal: x", "", Doing::Git),
            ("failed to load cache key: unexpected EOF", "[2/2] ADD http://h/x /", Doing::Download),
            ("target stage \"failed to push \" could not be found", "", Doing::Other),
        ];
        for (text, vertex, expected) in rows {
            assert_eq!(Message::parse(text, Some(vertex)).doing, expected, "{text}");
        }
    }
}
