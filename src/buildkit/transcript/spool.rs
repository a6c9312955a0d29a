//! Keeps a log in bounded memory and compresses it as it arrives.
//!
//! A gzip file may consist of several gzip members (RFC 1952, section 2.2). So each block of lines becomes one
//! member, and a log that grows too long loses whole blocks from its middle.

use std::collections::VecDeque;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::limits::{Budget, Held};

/// The number of bytes of lines that are compressed together.
const BLOCK: usize = 256 << 10;
/// The number of compressed bytes kept of the beginning, whatever follows.
const HEAD: usize = 1 << 20;
/// The number of compressed bytes kept of the end. Logs shrink to about a tenth.
const TAIL: usize = 3 << 20;
/// The number of compressed bytes kept of several logs together. A reader takes at most 16 MiB.
const SEVERAL: usize = 12 << 20;

/// A whole log, or the beginning and the end of one.
#[derive(Debug)]
pub struct BuildLog {
    /// The lines, as gzip.
    pub gzip: Vec<u8>,
    /// The size of the whole log in bytes, before compression.
    pub size: u64,
    /// The number of those bytes that are not in `gzip`.
    pub left_out: u64,
    /// The log's share of the budget for kept logs, released on drop.
    pub held: Option<Held>,
}

impl BuildLog {
    /// One log of several, one after the other. Of a log that has no room, nothing is kept.
    pub fn of_several(logs: impl IntoIterator<Item = Self>) -> Option<Self> {
        logs.into_iter().reduce(|mut all, log| {
            all.size += log.size;
            if all.gzip.len() + log.gzip.len() > SEVERAL {
                all.left_out += log.size;
                all.gzip.extend(gzip(mark(log.size).as_bytes()));
                return all;
            }
            all.left_out += log.left_out;
            all.gzip.extend(log.gzip);
            if let Some(held) = log.held {
                merge(&mut all.held, held);
            }
            all
        })
    }
}

#[derive(Debug)]
pub(super) struct Spool {
    /// The memory budget for all kept logs of the process, compressed.
    budget: Budget,
    /// The head's share of the budget.
    held: Option<Held>,
    /// The lines that are not compressed yet.
    open: Vec<u8>,
    head: Vec<u8>,
    tail: VecDeque<Block>,
    /// The number of bytes in `tail`.
    tail_bytes: usize,
    size: u64,
    left_out: u64,
}

#[derive(Debug)]
struct Block {
    gzip: Vec<u8>,
    size: usize,
    held: Held,
}

impl Spool {
    pub(super) fn new(budget: Budget) -> Self {
        Self {
            budget,
            held: None,
            open: Vec::new(),
            head: Vec::new(),
            tail: VecDeque::new(),
            tail_bytes: 0,
            size: 0,
            left_out: 0,
        }
    }

    /// Resets the spool to empty, and returns the old one.
    pub(super) fn clear(&mut self) -> Self {
        let empty = Self::new(self.budget.clone());
        std::mem::replace(self, empty)
    }

    /// Adds a line without its line end.
    pub(super) fn push(&mut self, line: &str) {
        self.open.extend(line.as_bytes());
        self.open.push(b'\n');
        self.size += line.len() as u64 + 1;
        if self.open.len() >= BLOCK {
            self.seal();
        }
    }

    fn seal(&mut self) {
        let (gzip, size) = (gzip(&self.open), self.open.len());
        self.open.clear();
        let Some(held) = self.room(gzip.len()) else {
            self.left_out += size as u64;
            return;
        };
        if self.tail.is_empty() && self.left_out == 0 && self.head.len() + gzip.len() <= HEAD {
            self.head.extend(gzip);
            merge(&mut self.held, held);
            return;
        }
        self.tail_bytes += gzip.len();
        self.tail.push_back(Block { gzip, size, held });
        while self.tail_bytes > TAIL && self.forget_first() {}
    }

    /// Reserves `bytes` in the budget. Drops the oldest blocks of the tail if needed.
    fn room(&mut self, bytes: usize) -> Option<Held> {
        loop {
            let held = self.budget.try_take(bytes);
            if held.is_some() || !self.forget_first() {
                return held;
            }
        }
    }

    /// Drops the first block of the tail. Returns whether there was one.
    fn forget_first(&mut self) -> bool {
        let Some(first) = self.tail.pop_front() else { return false };
        self.tail_bytes -= first.gzip.len();
        self.left_out += first.size as u64;
        true
    }

    /// Returns the log, if there is any.
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
        for block in self.tail {
            whole.extend(&block.gzip);
            merge(&mut self.held, block.held);
        }
        Some(BuildLog { gzip: whole, size: self.size, left_out: self.left_out, held: self.held })
    }
}

fn merge(held: &mut Option<Held>, more: Held) {
    match held {
        Some(held) => held.merge(more),
        None => *held = Some(more),
    }
}

fn mark(left_out: u64) -> String {
    format!("\n… {left_out} bytes are left out here: the log is too long to be kept whole …\n\n")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 8), Compression::fast());
    // Writing to memory cannot fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
mod tests;
