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
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::io::Write as _;

    use super::{LARGE_COMMIT, LARGE_TREE, MAX_OBJECT, MAX_OBJECTS, PackMeter, TOO_LARGE};

    fn packed(entries: &[(u8, Vec<u8>)]) -> Vec<u8> {
        let mut pack =
            [&b"PACK\0\0\0\x02"[..], &u32::try_from(entries.len()).unwrap().to_be_bytes()].concat();
        for (kind, bytes) in entries {
            let (mut left, mut byte) = (bytes.len() >> 4, (kind << 4) | (bytes.len() & 15) as u8);
            while left > 0 {
                pack.push(byte | 128);
                (byte, left) = ((left & 127) as u8, left >> 7);
            }
            pack.push(byte);
            if *kind == 7 {
                pack.extend([9; 20]);
            }
            let mut encoder = flate2::write::ZlibEncoder::new(&mut pack, flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap();
        }
        pack.extend([0; 20]);
        pack
    }

    fn measured(pack: &[u8], piece: usize) -> Result<PackMeter, &'static str> {
        let mut meter = PackMeter::new(0);
        pack.chunks(piece).try_for_each(|bytes| meter.take(bytes)).map(|()| meter)
    }

    fn varint(mut size: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while size > 127 {
            bytes.push((size & 127) as u8 | 128);
            size >>= 7;
        }
        bytes.push(size as u8);
        bytes
    }

    #[test]
    fn a_pack_is_followed_in_pieces_of_any_size() {
        let delta = [varint(100), varint(200), vec![1, 2, 3]].concat();
        let pack = packed(&[(1, b"tree x".to_vec()), (2, vec![7; 300_000]), (7, delta), (3, Vec::new())]);
        for piece in [1, 7, 4096, pack.len()] {
            let meter = measured(&pack, piece).ok().unwrap();
            assert!(meter.left == 0 && meter.deltas, "{piece}");
            assert_eq!(meter.inflated, 6 + 300_000 + 7 - 1, "{piece}");
            assert_eq!(meter.held_at_end(), 3 * 200, "{piece}");
        }
    }

    #[test]
    fn what_would_be_held_in_memory_is_refused_from_its_size() {
        let large = vec![0; usize::try_from(MAX_OBJECT + 1).unwrap()];
        let result = |size| [varint(10), varint(size), vec![0]].concat();
        let base = [varint(MAX_OBJECT + 1), varint(1), vec![0]].concat();
        let refused = [
            vec![(1, large.clone())],
            vec![(4, large.clone())],
            vec![(2, large.clone())],
            vec![(7, result(MAX_OBJECT + 1))],
            vec![(7, base)],
            vec![(3, large.clone()), (7, result(10))],
            vec![(7, result(10)), (3, large.clone())],
        ];
        for (n, entries) in refused.iter().enumerate() {
            let why = [LARGE_COMMIT, LARGE_COMMIT, LARGE_TREE].get(n).copied().unwrap_or(TOO_LARGE);
            assert_eq!(measured(&packed(entries), 5000).err(), Some(why), "{n}");
        }
        // The indexer skips a file that no delta is based on. Code that reads the file checks its size first.
        assert!(measured(&packed(&[(3, large)]), 5000).is_ok());
    }

    #[test]
    fn a_difference_to_a_huge_file_that_came_before_is_refused() {
        let pack = packed(&[(7, [varint(10), varint(10), vec![0]].concat())]);
        assert!(PackMeter::new(MAX_OBJECT).take(&pack).is_ok());
        assert_eq!(PackMeter::new(MAX_OBJECT + 1).take(&pack), Err(TOO_LARGE));
    }

    #[test]
    fn what_does_not_inflate_is_not_passed_on() {
        let mut pack = packed(&[(3, vec![7; 100]), (3, vec![7; 100])]);
        pack[14..18].fill(0xff);
        assert_eq!(PackMeter::new(0).take(&pack), Err("an object that does not inflate"));
    }

    #[test]
    fn the_count_is_bounded() {
        let head = [&b"PACK\0\0\0\x02"[..], &(MAX_OBJECTS + 1).to_be_bytes()].concat();
        assert!(measured(&head, 3).is_err());
    }
}
