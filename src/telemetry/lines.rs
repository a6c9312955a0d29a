//! Builds' lines among the others: where they are written, and how they look in text.

use std::fmt;
use std::io::{self, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::fmt::format::{Format, Writer};
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

use super::printer::Printer;
use super::{BUILD_TARGET, LogFormat};
use crate::text;

/// Standard error; builds' lines go to a printer where there is one. Everything passes as plain text.
pub(super) struct Outlets {
    pub(super) printer: Option<Printer>,
    pub(super) format: LogFormat,
}

impl<'a> MakeWriter<'a> for Outlets {
    type Writer = Box<dyn Write + 'a>;

    fn make_writer(&'a self) -> Self::Writer {
        Box::new(Plain { to: io::stderr(), format: self.format })
    }

    fn make_writer_for(&'a self, about: &Metadata<'_>) -> Self::Writer {
        match &self.printer {
            Some(printer) if about.target() == BUILD_TARGET => {
                Box::new(Plain { to: printer.clone(), format: self.format })
            }
            _ => self.make_writer(),
        }
    }
}

/// The longest event in text, in bytes.
const LONGEST: usize = 64 << 10;

/// A writer of plain events; each comes as one write.
struct Plain<W> {
    to: W,
    format: LogFormat,
}

impl<W: Write> Write for Plain<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        self.to.write_all(plain(&String::from_utf8_lossy(event), self.format).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// The event as it may be shown. In text, what follows the first line is indented: nobody's words look like an event of ours.
fn plain(event: &str, format: LogFormat) -> String {
    match format {
        LogFormat::Json => text::json_line(event),
        LogFormat::Text => {
            let event = text::lines(text::head(event, 2 * LONGEST));
            text::cut(event.trim_end_matches('\n').replace('\n', "\n  "), LONGEST) + "\n"
        }
    }
}

/// `2026-11-21T14:45:01.123456Z shop-x7k2p build: [3/7] RUN npm ci: added 113 packages`; other events as ever.
pub(super) struct Text<F = Format>(pub(super) F);

impl<S, N, F> FormatEvent<S, N> for Text<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        if event.metadata().target() != BUILD_TARGET {
            return self.0.format_event(context, writer, event);
        }
        let mut line = Line::default();
        event.record(&mut line);
        SystemTime.format_time(&mut writer)?;
        writeln!(writer, " {}: {}", line.whose(), line.text)
    }
}

#[derive(Default)]
struct Line {
    workflow: String,
    job: String,
    step: String,
    text: String,
}

impl Line {
    /// The workflow, and the step; of a node without `steps` the job, which tells it from its neighbours.
    fn whose(&self) -> String {
        let step = if self.step.is_empty() { self.job.get(..8).unwrap_or(&self.job) } else { &self.step };
        [&self.workflow, step].into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        let part = match field.name() {
            "workflow" => &mut self.workflow,
            "job" => &mut self.job,
            "step" => &mut self.step,
            _ => return,
        };
        value.clone_into(part);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.text = format!("{value:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_cannot_look_like_two_and_moves_no_cursor() {
        let forged = "2026 WARN said \u{1b}[2Ka\rb\n2026 INFO forged \u{202e}\n";
        assert_eq!(plain(forged, LogFormat::Text), "2026 WARN said a b\n  2026 INFO forged \n");
        let json = "{\"message\":\"a\\u001b[2K\\rb\\n\u{202e}c\"}\n";
        assert_eq!(plain(json, LogFormat::Json), "{\"message\":\"a[2K b\\nc\"}\n");
        assert!(plain(&"x".repeat(1 << 20), LogFormat::Text).len() <= LONGEST + 4);
    }
}
