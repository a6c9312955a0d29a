//! The output of log events, and the text form of the lines of builds.

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

/// Writes events to standard error, and the lines of builds to the printer if there is one. All text is cleaned.
pub(super) struct LogOutput {
    pub(super) printer: Option<Printer>,
    pub(super) format: LogFormat,
}

impl<'a> MakeWriter<'a> for LogOutput {
    type Writer = Box<dyn Write + 'a>;

    fn make_writer(&'a self) -> Self::Writer {
        Box::new(CleaningWriter { to: io::stderr(), format: self.format })
    }

    fn make_writer_for(&'a self, about: &Metadata<'_>) -> Self::Writer {
        match &self.printer {
            Some(printer) if about.target() == BUILD_TARGET => {
                Box::new(CleaningWriter { to: printer.clone(), format: self.format })
            }
            _ => self.make_writer(),
        }
    }
}

/// The longest event in text, in bytes.
const LONGEST: usize = 64 << 10;

/// A writer that cleans events. Each event is one write.
struct CleaningWriter<W> {
    to: W,
    format: LogFormat,
}

impl<W: Write> Write for CleaningWriter<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        self.to.write_all(plain(&String::from_utf8_lossy(event), self.format).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Cleans an event. In text, all lines after the first are indented, so foreign text cannot look like another event.
fn plain(event: &str, format: LogFormat) -> String {
    match format {
        LogFormat::Json => text::json_line(event),
        LogFormat::Text => {
            let event = text::lines(text::head(event, 2 * LONGEST));
            text::cut(event.trim_end_matches('\n').replace('\n', "\n  "), LONGEST) + "\n"
        }
    }
}

/// The format `2026-11-21T14:45:01.123456Z shop-x7k2p build: [3/7] RUN npm ci: added 113 packages` for the lines of
/// builds. Other events keep their format.
pub(super) struct TextFormat<F = Format>(pub(super) F);

impl<S, N, F> FormatEvent<S, N> for TextFormat<F>
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
        let mut line = BuildLine::default();
        event.record(&mut line);
        SystemTime.format_time(&mut writer)?;
        writeln!(writer, " {}: {}", line.origin(), line.text)
    }
}

#[derive(Default)]
struct BuildLine {
    workflow: String,
    job: String,
    step: String,
    text: String,
}

impl BuildLine {
    /// The workflow and the step. A node without `steps` has the job's key instead of the step, to tell it from
    /// others.
    fn origin(&self) -> String {
        let step = if self.step.is_empty() { self.job.get(..8).unwrap_or(&self.job) } else { &self.step };
        [&self.workflow, step].into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

impl Visit for BuildLine {
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
