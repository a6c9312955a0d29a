//! The last lines that a build's steps printed.

use std::collections::VecDeque;

use super::log_writer::LogWriter;
use super::open::{Open, OpenLines};
use crate::redact::Redactor;
use crate::text;

/// The number of lines kept over all steps. It suffices to keep one step's last lines while another prints a lot.
const MAX_LINES: usize = 400;
/// The number of bytes kept over all steps.
const MAX_BYTES: usize = 64 << 10;
/// The number of lines in a tail.
const TAIL_LINES: usize = 40;
/// The number of bytes in a tail. It fits an output parameter and a terminal.
const TAIL_BYTES: usize = 8 << 10;
/// The number of bytes that a tail shows of one line. The rest is dropped.
const MAX_LINE: usize = 1 << 10;
/// A bounded log. `lines` contains no secrets. `open` may contain secrets and is never shown as it is.
#[derive(Debug, Default)]
pub(in crate::buildkit) struct Log {
    /// Writes each line to the transcript when it ends.
    pub(super) writer: LogWriter,
    lines: VecDeque<Line>,
    /// The number of bytes in `lines`.
    bytes: usize,
    /// The lines without a line end yet.
    open: OpenLines,
}

#[derive(Debug)]
struct Line {
    vertex: String,
    text: String,
}

impl Log {
    /// Creates a log that removes secrets with the redactor of `writer`'s transcript.
    pub(super) fn new(writer: LogWriter) -> Self {
        Self { writer, ..Self::default() }
    }

    /// Adds output of `vertex`. A chunk may end within a line.
    pub(in crate::buildkit) fn push(&mut self, vertex: &str, chunk: &[u8]) {
        for piece in chunk.split_inclusive(|byte| *byte == b'\n') {
            for ended in self.open.push(vertex, piece) {
                self.keep(ended);
            }
        }
    }

    /// Ends all open lines.
    pub(super) fn finish(&mut self) {
        self.open.take().into_iter().for_each(|open| self.keep(open));
    }

    fn keep(&mut self, open: Open) {
        let text = open.text(self.redactor());
        self.writer.printed(&open.vertex, &text);
        let line = Line { text: text::head(&text, MAX_LINE).to_owned(), vertex: open.vertex };
        self.bytes += line.text.len();
        self.lines.push_back(line);
        while self.lines.len() > MAX_LINES || self.bytes > MAX_BYTES {
            let Some(line) = self.lines.pop_front() else { return };
            self.bytes -= line.text.len();
        }
    }

    fn redactor(&self) -> &Redactor {
        self.writer.transcript.redactor()
    }

    /// The last lines of all steps, or of `vertex` alone.
    pub(in crate::buildkit) fn tail(&self, vertex: Option<&str>) -> String {
        let wanted = |of: &str| vertex.is_none_or(|v| v == of);
        let open = self.open.in_order().into_iter().filter(|open| wanted(&open.vertex));
        let open = open.map(|open| text::head(&open.text(self.redactor()), MAX_LINE).to_owned());
        let ended = self.lines.iter().filter(|line| wanted(&line.vertex)).map(|line| line.text.clone());
        let all: Vec<String> = ended.chain(open).collect();
        let mut room = TAIL_BYTES;
        let fits = all.iter().rev().take(TAIL_LINES).take_while(|line| {
            let size = line.len() + 1;
            let fits = size <= room;
            room = room.saturating_sub(size);
            fits
        });
        let count = fits.count();
        all.get(all.len() - count..).unwrap_or_default().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::super::open::{MAX_OPEN, TOO_LONG};
    use super::*;

    /// A log that knows `secret`.
    fn knowing(secret: &str) -> Log {
        let redactor = Redactor::default();
        redactor.remember(&secret.into());
        Log::new(LogWriter::new(redactor.into()))
    }

    #[test]
    fn lines_are_joined_per_step_and_cleaned() {
        let mut log = Log::default();
        log.push("a", b"one\n\x1b[31mtw");
        log.push("b", b"10%\r100%\n");
        assert_eq!(log.tail(None), "one\n100%\ntw");
        log.push("a", b"o\x1b[0m\n");
        assert_eq!(log.tail(None), "one\n100%\ntwo");
        assert_eq!(log.tail(Some("a")), "one\ntwo");
    }

    #[test]
    fn only_the_end_is_kept() {
        let mut log = Log::default();
        for n in 0..10_000 {
            log.push("a", format!("{n:0>60}\n").as_bytes());
        }
        assert!(log.lines.len() <= MAX_LINES && log.bytes <= MAX_BYTES);
        let tail = log.tail(None);
        assert_eq!((tail.lines().count(), tail.ends_with("9999")), (TAIL_LINES, true));
        log.push("a", &[b'x'; 1 << 20]);
        assert!(log.bytes <= MAX_BYTES && log.tail(None).len() <= TAIL_BYTES);
    }

    #[test]
    fn a_secret_is_redacted_before_its_line_is_cut() {
        let secret = "0123456789abcdef".repeat(256);
        let rows = [
            (format!("{secret}\n"), "***".to_owned()),
            // The secret crosses the cut.
            (format!("{}{secret}\n", "x".repeat(MAX_LINE - 8)), format!("{}***", "x".repeat(MAX_LINE - 8))),
            (format!("a\r{}\x1b[31m{} end\n", &secret[..9], &secret[9..]), "*** end".to_owned()),
            // The line has no end.
            (format!("key {secret}"), "key ***".to_owned()),
        ];
        for (printed, shown) in rows {
            for size in [1, 7, 1 << 20] {
                let mut log = knowing(&secret);
                printed.as_bytes().chunks(size).for_each(|chunk| log.push("a", chunk));
                assert_eq!(log.tail(None), shown, "in chunks of {size}");
            }
        }
    }

    #[test]
    fn a_secret_is_found_across_messages_between_which_others_speak() {
        let mut log = knowing("schlüssel-hunter2");
        let (first, rest) = "schlüssel-hunter2\n".as_bytes().split_at(5);
        log.push("a", first);
        (0..2 * MAX_LINES).for_each(|_| log.push("b", b"chatter\n"));
        log.push("a", rest);
        assert_eq!(log.tail(Some("a")), "***");
    }

    #[test]
    fn a_line_too_long_to_search_is_left_out_and_a_progress_bar_is_not() {
        let secret = "s".repeat(2 * MAX_OPEN);
        let mut log = knowing(&secret);
        log.push("a", secret.as_bytes());
        log.push("a", b"\nnext\n");
        (0..MAX_OPEN).for_each(|n| log.push("b", format!("{n}%\r").as_bytes()));
        log.push("b", b"done\n");
        assert_eq!(log.tail(None), format!("{TOO_LONG}\nnext\ndone"));
    }
}
