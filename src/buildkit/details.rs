//! The details of a BuildKit error: a google.rpc.Status whose values are JSON, not protobuf
//! (`util/grpcerrors/grpcerrors.go`).

use base64::Engine as _;
use bollard_buildkit_proto::google::rpc;
use prost::Message as _;
use serde::Deserialize;

use crate::redact::Redactor;
use crate::text;

/// The number of lines shown before and after the failing ones.
const CONTEXT: usize = 2;
/// The largest number of failing lines shown. A heredoc can be long.
const MAX_FAILING: usize = 12;
/// The number of bytes shown of each line.
const MAX_LINE: usize = 200;

/// The parts of an error's details that help its reader.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Details {
    /// The failing lines with their numbers.
    pub(super) excerpt: Option<String>,
    /// The exit code of the failing process.
    pub(super) exit_code: Option<i32>,
    /// Whether the failing lines end in CRLF.
    pub(super) crlf: bool,
    /// The digest of the vertex that failed.
    pub(super) vertex: Option<String>,
}

#[derive(Deserialize)]
struct SourceWire {
    info: InfoWire,
    #[serde(default)]
    ranges: Vec<RangeWire>,
}

#[derive(Deserialize)]
struct InfoWire {
    #[serde(default)]
    filename: String,
    data: String,
}

#[derive(Deserialize)]
struct RangeWire {
    start: PositionWire,
    #[serde(default)]
    end: PositionWire,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PositionWire {
    line: usize,
}

#[derive(Deserialize)]
struct ExitWire {
    #[serde(rename = "Code")]
    code: i64,
}

#[derive(Deserialize)]
struct VertexWire {
    digest: String,
}

impl Details {
    /// Reads `grpc-status-details-bin` and skips unknown details. `redactor` removes secrets from the lines.
    pub(super) fn decode(bytes: &[u8], redactor: &Redactor) -> Self {
        let mut details = Self::default();
        let Ok(status) = rpc::Status::decode(bytes) else { return details };
        for any in status.details {
            details.take(&any.type_url, &any.value, redactor);
        }
        details
    }

    fn take(&mut self, type_url: &str, value: &[u8], redactor: &Redactor) {
        let kind = type_url.rsplit('/').next().unwrap_or(type_url);
        match kind {
            // Outer errors repeat the position of inner ones. The first one is the innermost.
            "errdefs.Source+json" if self.excerpt.is_none() => {
                let source = json::<SourceWire>(value);
                self.crlf = source.as_ref().is_some_and(SourceWire::is_crlf);
                self.excerpt = source.and_then(|s| s.excerpt(redactor));
            }
            "errdefs.Vertex+json" if self.vertex.is_none() => {
                self.vertex = json::<VertexWire>(value).map(|v| v.digest)
            }
            "gatewayapi.ExitMessage+json" => {
                // The code is unsigned. A process that could not start has all bits set.
                self.exit_code = json::<ExitWire>(value).and_then(|exit| i32::try_from(exit.code).ok());
            }
            _ => {}
        }
    }
}

fn json<T: serde::de::DeserializeOwned>(value: &[u8]) -> Option<T> {
    serde_json::from_slice(value).ok()
}

impl SourceWire {
    fn text(&self) -> Option<String> {
        let data = base64::engine::general_purpose::STANDARD.decode(&self.info.data).ok()?;
        Some(String::from_utf8_lossy(&data).into_owned())
    }

    fn is_crlf(&self) -> bool {
        let first = self.ranges.iter().map(|range| range.start.line).min().unwrap_or_default();
        let line =
            |text: String| text.split('\n').nth(first.saturating_sub(1)).map(|line| line.ends_with('\r'));
        self.text().and_then(line).unwrap_or_default()
    }

    fn excerpt(&self, redactor: &Redactor) -> Option<String> {
        let text = self.text()?;
        let first = self.ranges.iter().map(|r| r.start.line).min().filter(|line| *line > 0)?;
        let last = self.ranges.iter().map(|r| r.end.line.max(r.start.line)).max()?;
        Some(excerpt(&self.info.filename, &text, first, last.min(first + MAX_FAILING - 1), redactor))
    }
}

/// Formats the lines `first` to `last`, marked, with the lines around them.
fn excerpt(filename: &str, source: &str, first: usize, last: usize, redactor: &Redactor) -> String {
    let from = first.saturating_sub(CONTEXT).max(1);
    let width = (last + CONTEXT).to_string().len();
    let mut shown = format!(
        "{}:{first}",
        if filename.is_empty() {
            "Dockerfile".into()
        } else {
            text::brief(&redactor.line(filename), MAX_LINE)
        }
    );
    for (number, line) in source.lines().enumerate().map(|(i, line)| (i + 1, line)) {
        if number >= from && number <= last + CONTEXT {
            let mark = if (first..=last).contains(&number) { ">>" } else { "  " };
            let line = redactor.lines(line);
            let rest = if line.len() > MAX_LINE { "…" } else { "" };
            let line = text::head(&line, MAX_LINE);
            shown.push_str(format!("\n{mark} {number:>width$} | {line}{rest}").trim_end());
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failing_lines_are_shown_with_their_neighbours() {
        let none = Redactor::default();
        let text = "FROM a\n\nCOPY . .\nRUN npm ci\\\n  --quiet\nRUN b\nRUN c\nRUN d\n";
        insta::assert_snapshot!(excerpt("Dockerfile", text, 4, 5, &none), @r"
        Dockerfile:4
           2 |
           3 | COPY . .
        >> 4 | RUN npm ci\
        >> 5 |   --quiet
           6 | RUN b
           7 | RUN c
        ");
        assert_eq!(excerpt("", "FROM a", 1, 1, &none), "Dockerfile:1\n>> 1 | FROM a");
    }

    #[test]
    fn long_lines_are_cut_after_they_were_cleaned() {
        let redactor = Redactor::default();
        let secret = "s3cret".repeat(99);
        redactor.remember(&secret.as_str().into());
        let text = format!("{}{secret}\n{}", "x".repeat(190), "é".repeat(200));
        let shown = excerpt("", &text, 1, 1, &redactor);
        let expected = format!("Dockerfile:1\n>> 1 | {}***\n   2 | {}…", "x".repeat(190), "é".repeat(100));
        assert_eq!(shown, expected);
    }

    #[test]
    fn rubbish_is_passed_over() {
        let none = Redactor::default();
        assert_eq!(Details::decode(b"\xff\xff", &none), Details::default());
        let mut details = Details::default();
        details.take("github.com/moby/buildkit/errdefs.Source+json", b"{\"info\":{\"data\":\"!\"}}", &none);
        details.take("github.com/moby/buildkit/stack.Stack+json", b"{}", &none);
        details.take("github.com/moby/buildkit/gatewayapi.ExitMessage+json", b"{\"Code\":4294967295}", &none);
        assert_eq!(details, Details::default());
    }
}
