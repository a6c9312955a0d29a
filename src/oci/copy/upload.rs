//! Uploads a blob in chunks, and goes on where a broken connection ended (distribution specification, "Pushing a blob in
//! chunks").
//!
//! A registry that counted a part of the broken chunk, or none of it, is sent the rest. Docker's registry and Gitea
//! spoil an upload whose chunk broke: it begins again.

use ::http::header::{CONTENT_RANGE, CONTENT_TYPE, RANGE};
use bytes::Bytes;
use reqwest::{Method, Response, StatusCode};
use tokio::time::Instant;
use url::Url;

use super::super::OciError;
use super::super::repository::ImageRepository;
use super::manifest::Content;
use super::presence::has_blob;
use super::progress::CopyProgress;
use super::reader::BlobReader;
use super::tries::{Failed, Tries};

/// The size of a chunk. Each blob that is being copied has one in memory. The smallest that Amazon's registry takes.
const CHUNK: usize = 5 << 20;
/// How often a blob begins again because its upload was lost.
const RESTARTS: usize = 20;
/// How often in a row it begins again without getting farther than before. A registry whose disk is full refuses the end
/// each time.
const STUCK: usize = 3;

/// The end of an upload.
enum UploadError {
    /// The registry forgot or spoiled the upload.
    Lost(OciError),
    /// A new upload would not help.
    Failed(OciError),
}

impl From<OciError> for UploadError {
    fn from(error: OciError) -> Self {
        Self::Failed(error)
    }
}

/// A blob that is copied to a repository.
pub(super) struct BlobUpload<'a, 'b> {
    pub(super) target: &'b mut ImageRepository<'a>,
    pub(super) source: &'b ImageRepository<'a>,
    pub(super) blob: &'b Content,
    pub(super) progress: &'b CopyProgress,
    pub(super) deadline: Instant,
    /// How many of its bytes the registry has taken at most, of all uploads.
    pub(super) farthest: u64,
}

/// One chunk of a blob.
struct Chunk {
    bytes: Bytes,
    /// Where it begins in the blob.
    at: u64,
    is_last: bool,
}

impl BlobUpload<'_, '_> {
    /// Copies the blob. `place` is an upload that is open already.
    pub(super) async fn run(&mut self, place: Option<Url>) -> Result<(), OciError> {
        let (mut place, mut tries, mut stuck) = (place, Tries::until(self.deadline), 0);
        for restarts in 0.. {
            let begun = match place.take() {
                Some(place) => place,
                None => self.open().await?,
            };
            let before = self.farthest;
            let error = match self.upload(begun).await {
                Ok(()) => return Ok(()),
                Err(UploadError::Failed(error)) => return Err(error),
                Err(UploadError::Lost(error)) => error,
            };
            stuck += 1;
            if self.farthest > before {
                stuck = 0;
                tries.refresh();
            }
            if restarts == RESTARTS || stuck == STUCK {
                return Err(error);
            }
            tracing::debug!("{error}; the upload of blob {} begins again", self.blob.digest);
            tries.wait(error).await?;
        }
        Ok(())
    }

    async fn open(&mut self) -> Result<Url, OciError> {
        let mut tries = Tries::until(self.deadline);
        loop {
            let request = self.target.request(Method::POST, self.target.url("blobs/uploads/"));
            let failed = match self.target.ask(request).await {
                Ok(opened) if opened.status() == StatusCode::ACCEPTED => {
                    return self.target.location(&opened);
                }
                Ok(answer) => Failed::of(self.target, answer).await,
                Err(error) => error.into(),
            };
            tries.wait(failed).await?;
        }
    }

    async fn upload(&mut self, mut place: Url) -> Result<(), UploadError> {
        let mut reader = BlobReader::new(self.source.fork(), self.blob, self.deadline);
        let (mut at, counted) = (0, self.progress.blob());
        loop {
            let bytes = match reader.next(CHUNK).await {
                Ok(bytes) => bytes,
                Err(error) => {
                    self.give_up(&place).await;
                    return Err(error.into());
                }
            };
            let chunk = Chunk { at, is_last: reader.is_complete(), bytes };
            place = self.send(place, &chunk).await?;
            at += chunk.bytes.len() as u64;
            self.farthest = self.farthest.max(at);
            counted.add(chunk.bytes.len() as u64);
            if chunk.is_last {
                counted.keep();
                return Ok(());
            }
        }
    }

    /// Sends a chunk until the registry has all of it. Returns where the next is sent.
    async fn send(&mut self, mut place: Url, chunk: &Chunk) -> Result<Url, UploadError> {
        let (mut sent, mut is_repeated, mut tries) = (0, false, Tries::until(self.deadline));
        loop {
            let failed = match self.target.ask(self.request(&place, chunk, sent)).await {
                Ok(answer) if answer.status().is_success() && chunk.is_last => return Ok(place),
                Ok(answer) if answer.status().is_success() => return self.accepted(&answer, chunk),
                Ok(answer) => Failed::of(self.target, answer).await,
                Err(error) => error.into(),
            };
            // The answer to the last request may be lost.
            if chunk.is_last && has_blob(self.target, &self.blob.digest).await {
                return Ok(place);
            }
            // Gitea answers 500 to every further request of an upload whose chunk broke.
            let is_spoiled = is_repeated && failed.status.is_some_and(|status| status >= 500);
            if is_spoiled || matches!(failed.status, Some(404 | 416)) {
                return Err(UploadError::Lost(failed.error));
            }
            is_repeated = true;
            let lost = format!("{}", failed.error);
            tries.wait(failed).await?;
            (sent, place) = match self.standing(&place).await {
                Some((has, next)) => {
                    match has.checked_sub(chunk.at).and_then(|sent| usize::try_from(sent).ok()) {
                        Some(sent) if sent == chunk.bytes.len() && !chunk.is_last => return Ok(next),
                        Some(sent) if sent <= chunk.bytes.len() => (sent, next),
                        _ => return Err(self.lost(lost)),
                    }
                }
                None => return Err(self.lost(lost)),
            };
        }
    }

    fn request(&self, place: &Url, chunk: &Chunk, sent: usize) -> reqwest::RequestBuilder {
        let (bytes, from) = (chunk.bytes.slice(sent..), chunk.at + sent as u64);
        let mut place = place.clone();
        let method = if chunk.is_last { Method::PUT } else { Method::PATCH };
        if chunk.is_last {
            place.query_pairs_mut().append_pair("digest", &self.blob.digest);
        }
        let mut request = self.target.request(method, place).header(CONTENT_TYPE, "application/octet-stream");
        if from + bytes.len() as u64 > from && !(chunk.is_last && from == 0) {
            request = request.header(CONTENT_RANGE, format!("{from}-{}", from + bytes.len() as u64 - 1));
        }
        request.body(bytes)
    }

    fn accepted(&self, answer: &Response, chunk: &Chunk) -> Result<Url, UploadError> {
        let end = chunk.at + chunk.bytes.len() as u64;
        match received(answer) {
            Some(has) if has != end => {
                Err(self.lost(format!("{} has {has} bytes of {end}", self.target.what())))
            }
            _ => Ok(self.target.location(answer)?),
        }
    }

    /// The number of bytes that the registry has, and where the rest is sent. `None` if the upload is lost.
    async fn standing(&mut self, place: &Url) -> Option<(u64, Url)> {
        let mut tries = Tries::until(self.deadline);
        loop {
            let failed = match self.target.ask(self.target.request(Method::GET, place.clone())).await {
                Ok(answer) if answer.status().is_success() => {
                    let next = self.target.location(&answer).unwrap_or_else(|_| place.clone());
                    return Some((received(&answer)?, next));
                }
                Ok(answer) => Failed::of(self.target, answer).await,
                Err(error) => error.into(),
            };
            tries.wait(failed).await.ok()?;
        }
    }

    fn lost(&self, why: String) -> UploadError {
        UploadError::Lost(OciError::Unreachable {
            what: self.target.what(),
            why: format!("an upload was lost: {why}"),
        })
    }

    /// Cancels an upload that will not be completed. A registry also removes abandoned uploads by itself.
    async fn give_up(&mut self, place: &Url) {
        if let Err(error) = self.target.ask(self.target.request(Method::DELETE, place.clone())).await {
            tracing::debug!(%error, "an upload that was begun is kept");
        }
    }
}

/// The number of bytes in `Range: 0-LAST`. `0-0` is what registries say of an empty upload.
fn received(answer: &Response) -> Option<u64> {
    let range = answer.headers().get(RANGE)?.to_str().ok()?;
    let (_, last) = range.strip_prefix("bytes=").unwrap_or(range).split_once('-')?;
    match last.parse().ok()? {
        0 => Some(0),
        last => u64::checked_add(last, 1),
    }
}
