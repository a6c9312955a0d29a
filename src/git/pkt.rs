//! The pkt-line format (git `Documentation/gitprotocol-common.txt`): four hex digits of length, then the data.

use std::pin::Pin;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt};

use super::bounds::Usage;
use super::error::GitError;
use super::remote;
use super::text::tidy;

/// The maximum length of a packet, including its four digits.
const MAX_PACKET: usize = 65520;

/// `0000`: the end of a message.
pub(super) const FLUSH: &[u8] = b"0000";
/// `0001`: separates the head of a v2 command from its arguments.
pub(super) const DELIM: &[u8] = b"0001";

/// One packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pkt {
    Data(Bytes),
    Flush,
    Delim,
    ResponseEnd,
}

/// Builds a message.
#[derive(Debug, Default)]
pub(super) struct PktWriter(BytesMut);

impl PktWriter {
    /// Adds a text packet with a newline. `line` must fit one packet; every line written here does.
    pub(super) fn line(&mut self, line: &str) -> &mut Self {
        self.0.extend_from_slice(format!("{:04x}{line}\n", line.len() + 5).as_bytes());
        self
    }

    /// Adds raw bytes: [`FLUSH`], [`DELIM`], or a pack.
    pub(super) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn into_bytes(self) -> Bytes {
        self.0.freeze()
    }
}

/// A server's answer as a stream of bytes.
pub(super) type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, GitError>> + Send>>;

/// Reads packets from a byte stream.
pub(super) struct PktReader {
    repo: String,
    /// `read` or `push to`.
    action: &'static str,
    stream: ByteStream,
    buffer: BytesMut,
}

impl PktReader {
    pub(super) fn new(repo: String, action: &'static str, stream: ByteStream) -> Self {
        Self { repo, action, stream, buffer: BytesMut::new() }
    }

    /// The next packet, or `None` at the end of the stream. An `ERR` packet becomes an error.
    pub(super) async fn next(&mut self) -> Result<Option<Pkt>, GitError> {
        if !self.fill(4).await? {
            return if self.buffer.is_empty() { Ok(None) } else { Err(self.cut()) };
        }
        let length = length(&self.buffer[..4]).ok_or_else(|| self.garbled())?;
        if length < 4 {
            self.buffer.advance(4);
            return Ok(Some([Pkt::Flush, Pkt::Delim, Pkt::ResponseEnd][length].clone()));
        }
        if !self.fill(length).await? {
            return Err(self.cut());
        }
        let data = self.buffer.split_to(length).freeze().slice(4..);
        match data.strip_prefix(b"ERR ") {
            Some(said) => Err(self.refusal(said)),
            None => Ok(Some(Pkt::Data(data))),
        }
    }

    /// The next packet; it is counted in `usage`.
    pub(super) async fn next_of(&mut self, usage: &mut Usage) -> Result<Option<Pkt>, GitError> {
        let pkt = self.next().await?;
        let length = if let Some(Pkt::Data(data)) = &pkt { data.len() } else { 0 };
        usage.add(&self.repo, length + 4)?;
        Ok(pkt)
    }

    /// Reads until `wanted` bytes are buffered; returns false if the stream ended before.
    async fn fill(&mut self, wanted: usize) -> Result<bool, GitError> {
        while self.buffer.len() < wanted {
            match self.stream.next().await {
                Some(chunk) => self.buffer.extend_from_slice(&chunk?),
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// The error for a refusal that the server sent instead of an answer.
    pub(super) fn refusal(&self, said: &[u8]) -> GitError {
        remote::refusal(self.repo.clone(), self.action, tidy(said))
    }

    /// The error for an answer that ended too early.
    pub(super) fn cut(&self) -> GitError {
        GitError::Unavailable {
            repo: self.repo.clone(),
            action: self.action,
            what: "the server's answer ended early".to_owned(),
            cause: None,
        }
    }

    fn garbled(&self) -> GitError {
        let what = "its answer is not the Git protocol; check that the URL is a repository's".to_owned();
        GitError::Unusable { repo: self.repo.clone(), what }
    }
}

fn length(digits: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(digits).ok().filter(|t| t.bytes().all(|b| b.is_ascii_hexdigit()))?;
    usize::from_str_radix(text, 16).ok().filter(|n| *n != 3 && *n <= MAX_PACKET)
}

/// A packet's text without its newline.
pub(super) fn text(data: &[u8]) -> String {
    String::from_utf8_lossy(data.strip_suffix(b"\n").unwrap_or(data)).into_owned()
}

#[cfg(test)]
pub(super) mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::{ByteStream, Bytes, FLUSH, GitError, Pkt, PktReader, PktWriter};

    /// A reader over `bytes`, which arrive in pieces of `piece` bytes.
    pub(in crate::git) fn reader(bytes: &[u8], piece: usize) -> PktReader {
        let chunks: Vec<_> = bytes.chunks(piece).map(|c| Ok(Bytes::copy_from_slice(c))).collect();
        let stream: ByteStream = Box::pin(futures_util::stream::iter(chunks));
        PktReader::new("repo".into(), "read", stream)
    }

    #[tokio::test]
    async fn packets_survive_any_chunking() {
        let mut message = PktWriter::default();
        message.line("hello").raw(FLUSH).raw(b"0001").raw(b"0002").raw(b"0004");
        let bytes = message.into_bytes();
        for piece in 1..=bytes.len() {
            let mut reader = reader(&bytes, piece);
            let mut got = Vec::new();
            while let Some(pkt) = reader.next().await.unwrap() {
                got.push(pkt);
            }
            let hello = Pkt::Data(Bytes::from_static(b"hello\n"));
            let empty = Pkt::Data(Bytes::new());
            assert_eq!(got, [hello, Pkt::Flush, Pkt::Delim, Pkt::ResponseEnd, empty], "{piece}");
        }
    }

    #[tokio::test]
    async fn bad_framing_is_an_error() {
        let unusable = |e: &GitError| matches!(e, GitError::Unusable { .. });
        for bytes in [&b"<html>"[..], b"0003", b"fff5", b"+00a"] {
            assert!(unusable(&reader(bytes, 3).next().await.unwrap_err()), "{bytes:?}");
        }
        for bytes in [&b"00"[..], b"000ahel"] {
            assert!(reader(bytes, 3).next().await.unwrap_err().is_transient(), "{bytes:?}");
        }
        let refused = reader(b"0028ERR upload-pack: not our ref 0123456", 9).next().await.unwrap_err();
        assert!(refused.is_not_our_ref(), "{refused}");
    }
}
