//! Reads a blob in pieces, checks its digest meanwhile, and goes on where a broken connection ended.

use std::pin::Pin;

use ::http::header::CONTENT_RANGE;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};
use reqwest::{Response, StatusCode};
use sha2::{Digest as _, Sha256, Sha512};
use tokio::time::Instant;

use super::super::OciError;
use super::super::read::ReadRequest;
use super::super::repository::ImageRepository;
use super::manifest::Content;
use super::tries::{Failed, Tries};
use crate::http::{self, BodyError};

type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes, BodyError>> + Send>>;

/// A blob that is being read.
pub(super) struct BlobReader<'a> {
    source: ImageRepository<'a>,
    blob: &'a Content,
    hash: BlobHash,
    /// The bytes that were received and hashed.
    received: u64,
    /// What was received and not yet returned.
    rest: Bytes,
    pieces: Option<Pieces>,
    tries: Tries,
}

impl<'a> BlobReader<'a> {
    pub(super) fn new(source: ImageRepository<'a>, blob: &'a Content, deadline: Instant) -> Self {
        let (hash, tries) = (BlobHash::of(&blob.digest), Tries::until(deadline));
        Self { source, blob, hash, received: 0, rest: Bytes::new(), pieces: None, tries }
    }

    /// The number of bytes that were not returned yet.
    pub(super) fn left(&self) -> u64 {
        self.blob.size - self.received + self.rest.len() as u64
    }

    /// How many bytes [`Self::next`] returns, of at most `most`.
    pub(super) fn next_size(&self, most: usize) -> usize {
        usize::try_from(self.left()).map_or(most, |left| left.min(most))
    }

    /// The next `most` bytes, or fewer at the end. The last bytes are only returned if the digest is right.
    pub(super) async fn next(&mut self, most: usize) -> Result<Bytes, OciError> {
        let wanted = self.next_size(most);
        // An empty blob has no last piece, with which the digest would be checked.
        if wanted == 0 && self.is_complete() {
            self.check_end().await?;
        }
        let mut chunk = BytesMut::with_capacity(wanted);
        while chunk.len() < wanted {
            chunk.extend_from_slice(&self.next_piece(wanted - chunk.len()).await?);
        }
        Ok(chunk.freeze())
    }

    /// The next bytes as they arrive: at least one and at most `most`. Some must be left. The last ones are only returned if the
    /// digest is right.
    pub(super) async fn next_piece(&mut self, most: usize) -> Result<Bytes, OciError> {
        if self.rest.is_empty() {
            self.rest = self.receive().await?;
        }
        let piece = self.rest.split_to(self.rest.len().min(most));
        if self.is_complete() {
            self.check_end().await?;
        }
        Ok(piece)
    }

    /// Whether every byte was returned.
    pub(super) fn is_complete(&self) -> bool {
        self.received == self.blob.size && self.rest.is_empty()
    }

    /// The next piece from the network, at least one byte.
    async fn receive(&mut self) -> Result<Bytes, OciError> {
        loop {
            let error = match self.piece().await {
                Ok(piece) if piece.is_empty() => continue,
                Ok(piece) => {
                    self.received += piece.len() as u64;
                    if self.received > self.blob.size {
                        return Err(self.odd("it is longer"));
                    }
                    self.hash.update(&piece);
                    self.tries.refresh();
                    return Ok(piece);
                }
                Err(failed) => failed,
            };
            self.pieces = None;
            self.tries.wait(error).await?;
        }
    }

    async fn piece(&mut self) -> Result<Bytes, Failed> {
        if self.pieces.is_none() {
            self.pieces = Some(self.open().await?);
        }
        match self.pieces.as_mut().map(|pieces| pieces.next()) {
            Some(next) => match next.await {
                Some(piece) => Ok(piece.map_err(|error| OciError::from_body(self.source.what(), error))?),
                None => {
                    let why = format!("blob {} ended after {} bytes", self.blob.digest, self.received);
                    Err(OciError::Unreachable { what: self.source.what(), why }.into())
                }
            },
            None => Ok(Bytes::new()),
        }
    }

    /// Requests the bytes that were not received.
    async fn open(&mut self) -> Result<Pieces, Failed> {
        let wanted = ReadRequest::blob_from(&self.blob.digest, self.received, self.source.blobs);
        let answer = self.source.ask_for(&wanted).await?;
        if !answer.status().is_success() {
            return Err(Failed::of(&self.source, answer).await.about(self.blob));
        }
        let skipped = match answer.status() {
            StatusCode::PARTIAL_CONTENT if begins_at(&answer, self.received) => 0,
            StatusCode::PARTIAL_CONTENT => {
                return Err(self.odd("the server sends another part of it").into());
            }
            _ => self.received,
        };
        let whole = self.blob.size - (self.received - skipped);
        if answer.content_length().is_some_and(|told| told != whole) {
            return Err(self.odd("the server states another size").into());
        }
        let pieces = Box::pin(http::pieces(answer));
        Ok(if skipped == 0 { pieces } else { Box::pin(without(pieces, skipped)) })
    }

    /// Checks that nothing follows, and the digest.
    async fn check_end(&mut self) -> Result<(), OciError> {
        // A connection that breaks here has sent everything that is needed.
        let more = match self.pieces.take() {
            Some(mut pieces) => matches!(pieces.next().await, Some(Ok(more)) if !more.is_empty()),
            None => false,
        };
        if more {
            return Err(self.odd("it is longer"));
        }
        match self.hash.clone().finish() == self.blob.digest {
            true => Ok(()),
            false => Err(self.source.unexpected(format!("blob {} has another digest", self.blob.digest))),
        }
    }

    fn odd(&self, what: &str) -> OciError {
        let Content { digest, size } = self.blob;
        self.source.unexpected(format!("the manifest says that blob {digest} has {size} bytes, and {what}"))
    }
}

/// Whether the part of a blob begins at `from`: `bytes FROM-TO/SIZE` (RFC 9110 section 14.4).
fn begins_at(answer: &Response, from: u64) -> bool {
    let range = answer.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
    let begin = range.and_then(|range| range.strip_prefix("bytes ")?.split_once('-')?.0.parse().ok());
    begin == Some(from)
}

/// The pieces after the first `skipped` bytes, from a server that sends the whole blob again.
fn without(pieces: Pieces, mut skipped: u64) -> impl Stream<Item = Result<Bytes, BodyError>> + Send {
    pieces.map(move |piece| {
        piece.map(|mut piece| {
            let now = usize::try_from(skipped).map_or(piece.len(), |skipped| skipped.min(piece.len()));
            skipped -= now as u64;
            piece.split_off(now)
        })
    })
}

/// The digest of a blob while it is read.
#[derive(Clone)]
enum BlobHash {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl BlobHash {
    fn of(digest: &str) -> Self {
        if digest.starts_with("sha512:") { Self::Sha512(Sha512::new()) } else { Self::Sha256(Sha256::new()) }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hash) => hash.update(bytes),
            Self::Sha512(hash) => hash.update(bytes),
        }
    }

    fn finish(self) -> String {
        match self {
            Self::Sha256(hash) => format!("sha256:{}", hex::encode(hash.finalize())),
            Self::Sha512(hash) => format!("sha512:{}", hex::encode(hash.finalize())),
        }
    }
}
