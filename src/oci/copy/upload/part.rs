//! The part of a blob that is sent next.

use bytes::{Bytes, BytesMut};

use super::super::super::OciError;
use super::super::reader::BlobReader;

/// Some bytes of a blob that the registry does not have yet.
#[derive(Default)]
pub(super) struct Part {
    pub(super) bytes: Bytes,
    /// Where they begin in the blob.
    pub(super) at: u64,
    /// Whether the blob ends with them.
    pub(super) is_last: bool,
}

/// Where a part is in its blob.
#[derive(Clone, Copy)]
pub(super) struct Range {
    /// Where it begins.
    pub(super) at: u64,
    /// Its bytes.
    pub(super) size: usize,
    /// Whether the blob ends with it.
    pub(super) is_last: bool,
}

impl Range {
    /// The bytes that `reader` returns next, at most `most`.
    pub(super) fn next(reader: &BlobReader<'_>, at: u64, most: usize) -> Self {
        let size = reader.next_size(most);
        Self { at, size, is_last: size as u64 == reader.left() }
    }

    /// Where the next bytes begin.
    pub(super) fn end(&self) -> u64 {
        self.at + self.size as u64
    }
}

impl Part {
    /// Where it is in its blob.
    pub(super) fn range(&self) -> Range {
        Range { at: self.at, size: self.bytes.len(), is_last: self.is_last }
    }

    /// The same with more bytes from `reader`, up to `size`.
    pub(super) async fn filled(self, reader: &mut BlobReader<'_>, size: usize) -> Result<Self, OciError> {
        let wanted = size.saturating_sub(self.bytes.len());
        if self.is_last || wanted == 0 {
            return Ok(self);
        }
        let more = reader.next(wanted).await?;
        let is_last = reader.is_complete();
        let bytes = if self.bytes.is_empty() { more } else { joined(&self.bytes, &more) };
        Ok(Self { bytes, is_last, ..self })
    }

    /// Where the next bytes begin.
    pub(super) fn end(&self) -> u64 {
        self.range().end()
    }

    /// What is left if the registry has the first `has` bytes of the blob; `None` if it has fewer than before, or more than were
    /// sent.
    pub(super) fn after(&self, has: u64) -> Option<Self> {
        let sent = usize::try_from(has.checked_sub(self.at)?).ok()?;
        (sent <= self.bytes.len()).then(|| Self {
            bytes: self.bytes.slice(sent..),
            at: has,
            is_last: self.is_last,
        })
    }
}

fn joined(first: &[u8], second: &[u8]) -> Bytes {
    let mut both = BytesMut::with_capacity(first.len() + second.len());
    both.extend_from_slice(first);
    both.extend_from_slice(second);
    both.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_may_have_some_of_a_part() {
        let part = Part { bytes: Bytes::from_static(b"abc"), at: 10, is_last: true };
        for (has, left) in [(10, Some("abc")), (12, Some("c")), (13, Some("")), (9, None), (14, None)] {
            let rest = part.after(has).map(|rest| (rest.bytes, rest.at, rest.is_last));
            assert_eq!(rest, left.map(|left| (left.into(), has, true)), "{has}");
        }
    }
}
