//! Keeps the open lines: lines that steps have begun to print and not ended.

use std::collections::HashMap;

use crate::redact::Redactor;
use crate::text;

/// The largest open line, in bytes. Secrets can be found only in whole lines.
pub(super) const MAX_OPEN: usize = 16 << 10;
/// The largest size of all open lines, in bytes. Steps run concurrently, and each may leave its last line open.
const MAX_ALL_OPEN: usize = 1 << 20;
/// The largest number of steps with an open line.
const MAX_OPEN_LINES: usize = 1_000;
/// The text shown instead of a longer line, because a cut line might contain a part of a secret.
pub(super) const TOO_LONG: &str = "(a line of more than 16 KiB)";

/// The open lines, at most one for each step.
#[derive(Debug, Default)]
pub(super) struct OpenLines {
    lines: HashMap<String, Open>,
    /// The number of bytes in `lines`.
    bytes: usize,
    begun: u64,
}

#[derive(Debug)]
pub(super) struct Open {
    pub(super) vertex: String,
    raw: Vec<u8>,
    too_long: bool,
    /// The line's number, in the order in which lines began.
    nth: u64,
}

impl OpenLines {
    /// Adds a piece of `vertex`'s output. Returns the lines that it ends.
    pub(super) fn push(&mut self, vertex: &str, piece: &[u8]) -> Vec<Open> {
        let mut ended = Vec::new();
        let mut open = self.lines.remove(vertex).unwrap_or_else(|| {
            self.begun += 1;
            Open::new(vertex, self.begun)
        });
        self.bytes -= open.raw.len();
        open.take(piece);
        if self.bytes + open.raw.len() > MAX_ALL_OPEN {
            open.give_up();
        }
        if piece.ends_with(b"\n") {
            ended.push(open);
            return ended;
        }
        if self.lines.len() >= MAX_OPEN_LINES {
            ended.extend(self.oldest());
        }
        self.bytes += open.raw.len();
        self.lines.insert(vertex.to_owned(), open);
        ended
    }

    fn oldest(&mut self) -> Option<Open> {
        let vertex = self.lines.values().min_by_key(|open| open.nth)?.vertex.clone();
        let oldest = self.lines.remove(&vertex)?;
        self.bytes -= oldest.raw.len();
        Some(oldest)
    }

    /// All open lines, in the order in which they began.
    pub(super) fn in_order(&self) -> Vec<&Open> {
        let mut lines: Vec<_> = self.lines.values().collect();
        lines.sort_by_key(|open| open.nth);
        lines
    }

    /// Ends and returns all open lines.
    pub(super) fn take(&mut self) -> Vec<Open> {
        let mut lines: Vec<_> = std::mem::take(self).lines.into_values().collect();
        lines.sort_by_key(|open| open.nth);
        lines
    }
}

impl Open {
    fn new(vertex: &str, nth: u64) -> Self {
        Self { vertex: vertex.to_owned(), raw: Vec::new(), too_long: false, nth }
    }

    fn take(&mut self, piece: &[u8]) {
        if self.too_long {
            return;
        }
        self.raw.extend(piece);
        if self.raw.len() <= MAX_OPEN {
            return;
        }
        // A progress bar: a terminal would show what follows the last carriage return.
        let ended = self.raw.trim_ascii_end().len();
        let shown = self.raw.get(..ended).and_then(|raw| raw.iter().rposition(|byte| *byte == b'\r'));
        shown.map(|at| self.raw.drain(..at));
        if self.raw.len() > MAX_OPEN {
            self.give_up();
        }
    }

    /// Discards the text of a line that is too long. Only [`TOO_LONG`] is shown for it.
    fn give_up(&mut self) {
        self.too_long = true;
        self.raw = Vec::new();
    }

    pub(super) fn text(&self, redactor: &Redactor) -> String {
        if self.too_long {
            return TOO_LONG.to_owned();
        }
        // Redact before and after: a secret may contain control characters, or have some inserted into it.
        let text = redactor.clean(&String::from_utf8_lossy(&self.raw));
        redactor.clean(&text::lines(text::drawn(&text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_open_lines_are_bounded_and_none_is_lost() {
        let mut lines = OpenLines::default();
        let mut ended = 0;
        for n in 0..3 * MAX_OPEN_LINES {
            ended += lines.push(&n.to_string(), &[b'x'; 4 << 10]).len();
            assert!(lines.bytes <= MAX_ALL_OPEN && lines.lines.len() <= MAX_OPEN_LINES);
        }
        assert_eq!(ended + lines.take().len(), 3 * MAX_OPEN_LINES);
        assert_eq!((lines.bytes, lines.lines.len()), (0, 0));
    }
}
