//! Builds' lines among the others: where they are written, and how they look in text.

use std::fmt;
use std::io::{self, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::fmt::format::{Format, Writer};
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

use super::BUILD_TARGET;
use super::printer::Printer;

/// Standard error; builds' lines go to a printer where there is one.
pub(super) struct Outlets(pub(super) Option<Printer>);

impl<'a> MakeWriter<'a> for Outlets {
    type Writer = Box<dyn Write + 'a>;

    fn make_writer(&'a self) -> Self::Writer {
        Box::new(io::stderr())
    }

    fn make_writer_for(&'a self, about: &Metadata<'_>) -> Self::Writer {
        match &self.0 {
            Some(printer) if about.target() == BUILD_TARGET => Box::new(printer.clone()),
            _ => self.make_writer(),
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
