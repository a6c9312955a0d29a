//! A log in bounded memory, compressed as it comes.
//!
//! A gzip file may be many gzip files one after another (RFC 1952, section 2.2). So each block of lines
//! becomes one, and a log that grows too long loses whole blocks from its middle.

use std::collections::VecDeque;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

/// Bytes of lines that are compressed together.
const BLOCK: usize = 256 << 10;
/// Compressed bytes of the beginning that are kept whatever follows.
const HEAD: usize = 1 << 20;
/// Compressed bytes of the end. Logs shrink to about a tenth.
const TAIL: usize = 3 << 20;

/// A whole log, or the beginning and the end of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildLog {
    /// The lines, as gzip.
    pub gzip: Vec<u8>,
    /// Bytes of what was said.
    pub size: u64,
    /// Bytes of it that are not in `gzip`.
    pub left_out: u64,
}

#[derive(Debug, Default)]
pub(super) struct Spool {
    /// Lines that are not compressed yet.
    open: Vec<u8>,
    head: Vec<u8>,
    tail: VecDeque<Block>,
    /// Bytes in `tail`.
    tail_bytes: usize,
    size: u64,
    left_out: u64,
}

#[derive(Debug)]
struct Block {
    gzip: Vec<u8>,
    size: usize,
}

impl Spool {
    /// Takes a line without its end.
    pub(super) fn push(&mut self, line: &str) {
        self.open.extend(line.as_bytes());
        self.open.push(b'\n');
        self.size += line.len() as u64 + 1;
        if self.open.len() >= BLOCK {
            self.seal();
        }
    }

    fn seal(&mut self) {
        let block = Block { gzip: gzip(&self.open), size: self.open.len() };
        self.open.clear();
        if self.tail.is_empty() && self.head.len() + block.gzip.len() <= HEAD {
            self.head.extend(block.gzip);
            return;
        }
        self.tail_bytes += block.gzip.len();
        self.tail.push_back(block);
        while self.tail_bytes > TAIL {
            let Some(first) = self.tail.pop_front() else { return };
            self.tail_bytes -= first.gzip.len();
            self.left_out += first.size as u64;
        }
    }

    /// The log, if there is any.
    pub(super) fn finish(mut self) -> Option<BuildLog> {
        if self.size == 0 {
            return None;
        }
        if !self.open.is_empty() {
            self.seal();
        }
        let mut whole = self.head;
        if self.left_out > 0 {
            whole.extend(gzip(mark(self.left_out).as_bytes()));
        }
        self.tail.iter().for_each(|block| whole.extend(&block.gzip));
        Some(BuildLog { gzip: whole, size: self.size, left_out: self.left_out })
    }
}

fn mark(left_out: u64) -> String {
    format!("\n… {left_out} bytes are left out here: the log is too long to be kept whole …\n\n")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 8), Compression::fast());
    // Writing to memory does not fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::io::Read as _;

    use super::*;

    fn text(log: &BuildLog) -> String {
        let mut text = String::new();
        flate2::read::MultiGzDecoder::new(&*log.gzip).read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn a_log_is_kept_whole() {
        let mut spool = Spool::default();
        let lines = || (0..20_000).map(|n| format!("{n}: a line such as builds print"));
        lines().for_each(|line| spool.push(&line));
        let log = spool.finish().unwrap();
        let whole: String = lines().map(|line| line + "\n").collect();
        assert!(whole.len() > 2 * BLOCK && text(&log) == whole);
        assert_eq!((log.size, log.left_out), (whole.len() as u64, 0));
        assert_eq!(Spool::default().finish(), None);
    }

    #[test]
    fn a_long_log_loses_its_middle_and_says_how_much() {
        let mut spool = Spool::default();
        let mut random = fastrand::Rng::with_seed(1);
        let lines = 100_000;
        for n in 0..lines {
            // Random digits shrink to a half.
            let digits: String = (0..4).map(|_| format!("{:032x}", random.u128(..))).collect();
            spool.push(&format!("{n} {digits}"));
            let kept = spool.head.len() + spool.tail_bytes + spool.open.len();
            assert!(kept <= HEAD + TAIL + BLOCK + 64, "{kept}");
        }
        let log = spool.finish().unwrap();
        let text = text(&log);
        assert!(log.gzip.len() <= HEAD + TAIL + BLOCK && log.left_out > 0, "{}", log.gzip.len());
        let (head, tail) = text.split_once(&mark(log.left_out)).unwrap();
        assert_eq!((head.len() + tail.len()) as u64 + log.left_out, log.size);
        assert!(head.starts_with("0 ") && head.ends_with('\n'));
        assert!(tail.lines().last().unwrap().starts_with(&format!("{} ", lines - 1)));
    }
}
