//! Measures what the objects of a pack inflate to, before libgit2 inflates them (git `gitformat-pack.txt`).
//!
//! libgit2's indexer hashes a whole object piece by piece, but it holds a delta, its base and its result in memory
//! (`indexer.c`, `git_packfile_unpack`). Every tree and commit that is read later is in memory too. A pack of 3.6 MB
//! can hold 600 MiB of zeros.

use flate2::{Decompress, FlushDecompress, Status};

/// The maximum size in bytes of an object that is held in memory: twice the largest file that can be edited.
const MAX_OBJECT: u64 = 32 << 20;
/// The maximum size in bytes of a whole tree: some 200,000 entries of one directory.
pub(in crate::git) const MAX_TREE: u64 = 8 << 20;
/// The maximum size in bytes of a commit or a tag, which is mostly its message.
const MAX_COMMIT: u64 = 1 << 20;
/// The maximum inflated size of all objects of a pack, in bytes. It limits computing time, not memory.
const MAX_INFLATED: u64 = 4 << 30;
/// The maximum number of objects of a pack. The indexer keeps some hundred bytes for each.
pub(super) const MAX_OBJECTS: u32 = 500_000;
/// How many bytes are inflated at a time.
const PIECE: usize = 32 << 10;
/// How many bytes of a delta are inflated to read the sizes of its base and its result.
const SIZES: usize = 20;
/// The length of a base's id in bytes.
const ID: usize = 20;

/// The parser's state: the part of the pack that the next byte belongs to.
enum Position {
    /// The pack's header, with the number of bytes left in it.
    Head(usize),
    /// The first byte of an entry.
    Entry,
    /// The size field of an entry of this type.
    Size {
        kind: u8,
        size: u64,
        shift: u32,
    },
    /// The offset of a delta's base.
    Offset(u64),
    /// The id of a delta's base, with the number of bytes left in it.
    Base(u64, usize),
    Data(Box<Data>),
    /// After the last entry.
    End,
}

struct Data {
    inflater: Decompress,
    size: u64,
    /// The first bytes of a delta.
    sizes: Option<Vec<u8>>,
}

/// Parses a pack as it arrives and measures its objects.
pub(in crate::git) struct PackMeter {
    at: Position,
    /// The number of entries that follow. While the header is read, it collects the count.
    left: u32,
    inflated: u64,
    /// The size of the largest whole file.
    pub(super) largest: u64,
    /// The size of the largest file in earlier packs.
    before: u64,
    deltas: bool,
    /// The size of the largest delta, base or result.
    largest_held: u64,
    piece: Vec<u8>,
}

impl PackMeter {
    /// Makes a meter for a pack that follows packs whose largest file had `before` bytes.
    pub(in crate::git) fn new(before: u64) -> Self {
        let piece = vec![0; PIECE];
        Self {
            at: Position::Head(12),
            left: 0,
            inflated: 0,
            largest: 0,
            before,
            deltas: false,
            largest_held: 0,
            piece,
        }
    }

    /// Takes the next bytes of the pack. The error says why the pack is refused.
    pub(in crate::git) fn take(&mut self, mut bytes: &[u8]) -> Result<(), &'static str> {
        while let Some((&byte, rest)) = bytes.split_first() {
            match std::mem::replace(&mut self.at, Position::End) {
                Position::End => return Ok(()),
                Position::Data(data) => {
                    bytes = self.inflate(data, bytes)?;
                    continue;
                }
                at => self.at = self.step(at, byte)?,
            }
            bytes = rest;
        }
        Ok(())
    }

    /// The bytes of a delta, its base and its result, which the indexer holds together at the end of the pack.
    pub(in crate::git) fn held_at_end(&self) -> usize {
        usize::try_from(self.largest_held.saturating_mul(3)).unwrap_or(usize::MAX)
    }

    fn step(&mut self, at: Position, byte: u8) -> Result<Position, &'static str> {
        match at {
            Position::Head(left) => {
                // The last four bytes of the header are the object count.
                self.left = (self.left << 8) | u32::from(byte);
                match left {
                    1 if self.left > MAX_OBJECTS => Err("more than 500,000 objects"),
                    1 => Ok(self.following()),
                    _ => Ok(Position::Head(left - 1)),
                }
            }
            Position::Entry => {
                let (kind, size) = ((byte >> 4) & 7, u64::from(byte & 15));
                self.sized(Position::Size { kind, size, shift: 4 }, byte)
            }
            Position::Size { kind, size, shift } => {
                let more = u64::from(byte & 127).checked_shl(shift).unwrap_or(u64::MAX >> 1);
                self.sized(Position::Size { kind, size: size | more, shift: shift + 7 }, byte)
            }
            Position::Offset(size) if byte & 128 != 0 => Ok(Position::Offset(size)),
            Position::Base(size, left) if left > 1 => Ok(Position::Base(size, left - 1)),
            Position::Offset(size) | Position::Base(size, _) => Ok(data(size, true)),
            at @ (Position::Data(_) | Position::End) => Ok(at),
        }
    }

    /// Handles a byte of an entry's size field.
    fn sized(&mut self, at: Position, byte: u8) -> Result<Position, &'static str> {
        let Position::Size { kind, size, .. } = at else { return Ok(at) };
        if byte & 128 != 0 {
            return Ok(at);
        }
        self.inflated = self.inflated.saturating_add(size);
        if self.inflated > MAX_INFLATED {
            return Err("objects of more than 4 GiB");
        }
        match kind {
            6 | 7 => self.deltas = true,
            3 => self.largest = self.largest.max(size),
            _ => {}
        }
        if kind == 2 && size > MAX_TREE {
            return Err(LARGE_TREE);
        }
        if matches!(kind, 1 | 4) && size > MAX_COMMIT {
            return Err(LARGE_COMMIT);
        }
        // A delta that names its base by id may use a base from an earlier pack.
        if kind == 7 && self.before > MAX_OBJECT {
            return Err(TOO_LARGE);
        }
        let held = if self.deltas { size.max(self.largest) } else { size };
        if held > MAX_OBJECT && (kind != 3 || self.deltas) {
            return Err(TOO_LARGE);
        }
        Ok(match kind {
            6 => Position::Offset(size),
            7 => Position::Base(size, ID),
            _ => data(size, false),
        })
    }

    /// Inflates a piece of an entry; returns the bytes after it.
    fn inflate<'b>(&mut self, mut data: Box<Data>, bytes: &'b [u8]) -> Result<&'b [u8], &'static str> {
        let (read, made) = (data.inflater.total_in(), data.inflater.total_out());
        let done = data.inflater.decompress(bytes, &mut self.piece, FlushDecompress::None);
        // After such an error the rest of the pack cannot be measured.
        let status = done.map_err(|_| "an object that does not inflate")?;
        let length = |now: u64, before: u64| usize::try_from(now - before).unwrap_or(usize::MAX);
        let read = length(data.inflater.total_in(), read);
        let made_now = length(data.inflater.total_out(), made);
        if data.inflater.total_out() > data.size {
            return Err("an object that is larger than it says");
        }
        if let Some(sizes) = &mut data.sizes {
            let made = self.piece.get(..made_now).unwrap_or_default();
            sizes.extend_from_slice(&made[..made.len().min(SIZES - sizes.len())]);
        }
        let stuck = read == 0 && made_now == 0;
        let ended = status == Status::StreamEnd;
        if let Some(sizes) = data.sizes.as_deref().filter(|_| ended) {
            let largest = delta_sizes(sizes);
            if largest > MAX_OBJECT {
                return Err(TOO_LARGE);
            }
            self.largest_held = self.largest_held.max(largest).max(data.size);
        }
        self.at = if ended { self.following() } else { Position::Data(data) };
        Ok(if stuck && !ended { &[] } else { bytes.get(read..).unwrap_or_default() })
    }

    fn following(&mut self) -> Position {
        let next = self.left.checked_sub(1);
        self.left = next.unwrap_or_default();
        next.map_or(Position::End, |_| Position::Entry)
    }
}

/// The error for a large commit, which no filter leaves out.
pub(super) const LARGE_COMMIT: &str = "a commit or a tag of more than 1 MiB";

/// The error for a large tree, which no filter leaves out either.
pub(super) const LARGE_TREE: &str = "a directory of more than 8 MiB (some 200,000 entries)";

const TOO_LARGE: &str = "an object of more than 32 MiB that has to be held in memory";

fn data(size: u64, delta: bool) -> Position {
    Position::Data(Box::new(Data { inflater: Decompress::new(true), size, sizes: delta.then(Vec::new) }))
}

/// The larger size of a delta's base and result. Sizes have seven bits in a byte, the lowest first.
fn delta_sizes(bytes: &[u8]) -> u64 {
    let (mut largest, mut size, mut shift, mut found) = (0, 0_u64, 0, 0);
    for byte in bytes {
        size |= u64::from(byte & 127).checked_shl(shift).unwrap_or(u64::MAX >> 1);
        shift += 7;
        if byte & 128 == 0 {
            (largest, size, shift, found) = (size.max(largest), 0, 0, found + 1);
            if found == 2 {
                break;
            }
        }
    }
    largest.max(size)
}

#[cfg(test)]
mod tests;
