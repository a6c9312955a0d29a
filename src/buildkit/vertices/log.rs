//! The last lines that a build's steps printed.

use std::collections::VecDeque;

/// Lines kept over all steps: enough to find one step's last lines beside a chatty other.
const MAX_LINES: usize = 400;
/// Bytes kept over all steps.
const MAX_BYTES: usize = 64 << 10;
/// Lines of a tail.
const TAIL_LINES: usize = 40;
/// Bytes of a tail: what fits an output parameter and a terminal.
const TAIL_BYTES: usize = 8 << 10;
/// Bytes of one line; the rest is dropped.
const MAX_LINE: usize = 1 << 10;

/// A bounded log.
#[derive(Debug, Default)]
pub(in crate::buildkit) struct Log {
    lines: VecDeque<Line>,
    bytes: usize,
}

#[derive(Debug)]
struct Line {
    vertex: String,
    text: String,
    /// The step has not ended this line yet.
    open: bool,
}

impl Log {
    /// Takes what `vertex` printed; a chunk need not end with its line.
    pub(in crate::buildkit) fn push(&mut self, vertex: &str, chunk: &[u8]) {
        for piece in String::from_utf8_lossy(chunk).split_inclusive('\n') {
            let open = !piece.ends_with('\n');
            self.push_piece(vertex, &clean(piece), open);
        }
        while self.lines.len() > MAX_LINES || self.bytes > MAX_BYTES {
            let Some(line) = self.lines.pop_front() else { return };
            self.bytes -= line.text.len();
        }
    }

    fn push_piece(&mut self, vertex: &str, text: &str, open: bool) {
        let unfinished =
            self.lines.iter_mut().rev().find(|line| line.vertex == vertex).filter(|line| line.open);
        if let Some(line) = unfinished {
            let text = cut(text, MAX_LINE.saturating_sub(line.text.len()));
            line.text.push_str(text);
            line.open = open;
            self.bytes += text.len();
            return;
        }
        let text = cut(text, MAX_LINE).to_owned();
        self.bytes += text.len();
        self.lines.push_back(Line { vertex: vertex.to_owned(), text, open });
    }

    /// The last lines of all steps, or of `vertex` alone.
    pub(in crate::buildkit) fn tail(&self, vertex: Option<&str>) -> String {
        let mut room = TAIL_BYTES;
        let wanted = |line: &&Line| vertex.is_none_or(|v| v == line.vertex);
        let newest_first: Vec<_> = self.lines.iter().rev().filter(wanted).take(TAIL_LINES).collect();
        let fits = newest_first.into_iter().take_while(|line| {
            let size = line.text.len() + 1;
            let fits = size <= room;
            room = room.saturating_sub(size);
            fits
        });
        let mut lines: Vec<&str> = fits.map(|line| line.text.as_str()).collect();
        lines.reverse();
        lines.join("\n")
    }
}

/// What a terminal would show: the text after the last carriage return, without escape sequences.
fn clean(piece: &str) -> String {
    let line = piece.trim_end_matches(['\n', '\r']);
    let line = line.rsplit('\r').next().unwrap_or(line);
    let mut text = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            // CSI: up to its final letter.
            '\u{1b}' => drop(chars.by_ref().find(char::is_ascii_alphabetic)),
            '\t' => text.push(c),
            c if c.is_control() => {}
            c => text.push(c),
        }
    }
    text
}

fn cut(text: &str, length: usize) -> &str {
    let mut end = text.len().min(length);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_joined_per_step_and_cleaned() {
        let mut log = Log::default();
        log.push("a", b"one\n\x1b[31mtw");
        log.push("b", b"10%\r100%\n");
        log.push("a", b"o\x1b[0m\n");
        assert_eq!(log.tail(None), "one\ntwo\n100%");
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
}
