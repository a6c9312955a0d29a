//! Reads a pack while it arrives, object by object (git `gitformat-pack.txt`). Each object is inflated and hashed;
//! only the bytes that the caller asked for are kept.

use bytes::{Buf as _, Bytes};
use flate2::{Decompress, FlushDecompress, Status};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use super::error::GitError;
use super::fetch::PackStream;

/// How many bytes of a commit are kept: its header, with the tree and the times. A commit with many parents or a long
/// signature has more, and the time follows the parents.
const HEAD: usize = 4 << 10;

/// How many bytes of a tag are kept. A tag may contain release notes.
const HEAD_OF_TAG: usize = 64 << 10;

/// How many bytes are inflated at a time.
const PIECE: usize = 32 << 10;

/// How many bytes are inflated before the task yields to others on the same thread.
const TURN: u64 = 1 << 20;

/// The cost of an object's header, counted as inflated bytes.
const EACH: u64 = 1 << 10;

/// The type of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ObjectType {
    Commit,
    Tree,
    Blob,
    Tag,
}

/// One entry of a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PackObject {
    /// A whole object: its id, computed from its bytes, and the first bytes.
    Whole { kind: ObjectType, id: String, head: Vec<u8>, size: u64 },
    /// A delta against another object.
    Delta,
}

/// The limits for reading a pack, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The size of the pack.
    pub(super) read: usize,
    /// The inflated size of all objects.
    pub(super) inflated: u64,
    /// How much of each tree is kept.
    pub(super) of_tree: usize,
    /// How much of each file is kept.
    pub(super) of_blob: usize,
}

impl Limits {
    fn kept(&self, kind: ObjectType) -> usize {
        match kind {
            ObjectType::Tree => self.of_tree,
            ObjectType::Blob => self.of_blob,
            ObjectType::Commit => HEAD,
            ObjectType::Tag => HEAD_OF_TAG,
        }
    }
}

/// A reader of the entries of a pack.
pub(super) struct Pack<'a> {
    stream: PackStream<'a>,
    buffer: Bytes,
    /// The number of entries that follow.
    left: u32,
    limits: Limits,
    /// The number of hex digits of an id: 40, or 64 in a SHA-256 repository.
    digits: usize,
    since_turn: u64,
    inflater: Decompress,
    piece: Vec<u8>,
}

impl<'a> Pack<'a> {
    /// Reads the header of a pack whose ids have `digits` hex digits.
    pub(super) async fn open(
        stream: PackStream<'a>,
        limits: Limits,
        digits: usize,
    ) -> Result<Self, GitError> {
        let mut pack = Self {
            stream,
            buffer: Bytes::new(),
            left: 0,
            limits,
            digits,
            since_turn: 0,
            inflater: Decompress::new(true),
            piece: vec![0; PIECE],
        };
        let mut head = [0; 12];
        for byte in &mut head {
            *byte = pack.byte().await?;
        }
        if !head.starts_with(b"PACK") {
            return Err(pack.unusable("it sends no pack"));
        }
        pack.left = head[8..].iter().fold(0, |count, byte| (count << 8) | u32::from(*byte));
        Ok(pack)
    }

    /// The next entry; `None` after the last one.
    pub(super) async fn next(&mut self) -> Result<Option<PackObject>, GitError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let (kind, size) = self.entry().await?;
        let kind = match kind {
            1 => ObjectType::Commit,
            2 => ObjectType::Tree,
            3 => ObjectType::Blob,
            4 => ObjectType::Tag,
            6 | 7 => {
                self.base(kind).await?;
                self.inflate(size, |_| {}).await?;
                return Ok(Some(PackObject::Delta));
            }
            _ => return Err(self.unusable("its pack has an entry of no known kind")),
        };
        let (mut hash, mut head) = (Hash::new(self.digits, kind, size), Vec::new());
        let kept = self.limits.kept(kind);
        self.inflate(size, |bytes| {
            hash.update(bytes);
            head.extend_from_slice(&bytes[..bytes.len().min(kept - head.len())]);
        })
        .await?;
        Ok(Some(PackObject::Whole { kind, id: hash.hex(), head, size }))
    }

    /// Reads the type and inflated size of an entry: four bits of size in the first byte, then seven bits in each
    /// byte that follows.
    async fn entry(&mut self) -> Result<(u8, u64), GitError> {
        let first = self.byte().await?;
        let (mut size, mut shift, mut more) = (u64::from(first & 15), 4, first & 128 != 0);
        while more {
            let byte = self.byte().await?;
            if shift > 53 {
                return Err(self.unusable("its pack has an entry of more bytes than there are"));
            }
            size |= u64::from(byte & 127) << shift;
            (shift, more) = (shift + 7, byte & 128 != 0);
        }
        Ok(((first >> 4) & 7, size))
    }

    /// Skips the base of a delta: an offset, or an id.
    async fn base(&mut self, kind: u8) -> Result<(), GitError> {
        if kind == 6 {
            while self.byte().await? & 128 != 0 {}
            return Ok(());
        }
        for _ in 0..self.digits / 2 {
            self.byte().await?;
        }
        Ok(())
    }

    /// Inflates the `size` bytes of an entry, piece by piece.
    async fn inflate(&mut self, size: u64, mut each: impl FnMut(&[u8])) -> Result<(), GitError> {
        self.inflater.reset(true);
        // Count the object itself too, because an empty object also costs time.
        self.count(0).await?;
        loop {
            if self.buffer.is_empty() {
                self.fill().await?;
            }
            let (read, made) = (self.inflater.total_in(), self.inflater.total_out());
            let status = self.inflater.decompress(&self.buffer, &mut self.piece, FlushDecompress::None);
            let status = status.map_err(|_| self.unusable("its pack has an entry that does not inflate"))?;
            self.buffer.advance(usize::try_from(self.inflater.total_in() - read).unwrap_or_default());
            let made = self.inflater.total_out() - made;
            each(self.piece.get(..usize::try_from(made).unwrap_or_default()).unwrap_or_default());
            self.count(made).await?;
            match (self.inflater.total_out(), status) {
                (total, Status::StreamEnd) if total == size => return Ok(()),
                (total, status) if total > size || status == Status::StreamEnd => {
                    return Err(self.unusable("its pack has an entry of another size than it says"));
                }
                _ => {}
            }
        }
    }

    async fn count(&mut self, made: u64) -> Result<(), GitError> {
        let most = self.limits.inflated.checked_sub(made);
        self.limits.inflated =
            most.ok_or_else(|| self.unusable("its pack inflates to more than is read for one commit"))?;
        self.since_turn += made + EACH;
        if self.since_turn > TURN {
            self.since_turn = 0;
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    async fn byte(&mut self) -> Result<u8, GitError> {
        if self.buffer.is_empty() {
            self.fill().await?;
        }
        Ok(self.buffer.get_u8())
    }

    /// Waits for more bytes. It is an error if the stream ends.
    async fn fill(&mut self) -> Result<(), GitError> {
        while self.buffer.is_empty() {
            self.buffer = match self.stream.next().await? {
                Some(bytes) => bytes,
                None => return Err(self.stream.cut()),
            };
        }
        let left = self.limits.read.checked_sub(self.buffer.len());
        self.limits.read =
            left.ok_or_else(|| self.unusable("its pack is larger than is read for one commit"))?;
        Ok(())
    }

    fn unusable(&self, what: &str) -> GitError {
        let what = format!(
            "{what}; check that the URL is the right one, and the repository with `git fsck` on its server"
        );
        GitError::Unusable { repo: self.stream.repo().to_owned(), what }
    }
}

/// Computes an object's id: the hash of its type, size and bytes.
enum Hash {
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Hash {
    fn new(digits: usize, kind: ObjectType, size: u64) -> Self {
        let kind = match kind {
            ObjectType::Commit => "commit",
            ObjectType::Tree => "tree",
            ObjectType::Blob => "blob",
            ObjectType::Tag => "tag",
        };
        let mut hash = if digits == 64 { Self::Sha256(Sha256::new()) } else { Self::Sha1(Sha1::new()) };
        hash.update(format!("{kind} {size}\0").as_bytes());
        hash
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha1(hash) => hash.update(bytes),
            Self::Sha256(hash) => hash.update(bytes),
        }
    }

    fn hex(self) -> String {
        match self {
            Self::Sha1(hash) => hex::encode(hash.finalize()),
            Self::Sha256(hash) => hex::encode(hash.finalize()),
        }
    }
}
