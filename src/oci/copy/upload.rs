//! Uploads a blob in chunks, and goes on where a broken connection ended (distribution specification, "Pushing a blob in
//! chunks").
//!
//! A registry that counted a part of the broken chunk, or none of it, is sent the rest. Docker's registry and Gitea
//! spoil an upload whose chunk broke: it begins again.

mod opened;
mod part;

use std::mem;

use ::http::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use reqwest::{Method, Response};
use tokio::time::Instant;
use url::Url;

use super::super::OciError;
use super::super::repository::ImageRepository;
use super::manifest::Content;
use super::memory::CopyMemory;
use super::presence::has_blob;
use super::progress::CopyProgress;
use super::reader::BlobReader;
use super::tries::{Failed, Restarts, Tries};
pub(super) use opened::Opened;
use part::Part;

/// The end of an upload.
enum UploadError {
    /// The registry forgot or spoiled the upload.
    Lost(Failed),
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
    pub(super) memory: &'b CopyMemory,
    /// How many of its bytes the registry has taken at most, of all uploads.
    pub(super) farthest: u64,
}

impl BlobUpload<'_, '_> {
    /// Copies the blob. `opened` is an upload that is open already.
    pub(super) async fn run(&mut self, mut opened: Option<Opened>) -> Result<(), OciError> {
        let mut restarts = Restarts::until(self.deadline);
        loop {
            let mut upload = match opened.take() {
                Some(opened) => opened,
                None => Opened::new(self.target, self.deadline).await?,
            };
            let before = self.farthest;
            let error = match self.upload(&mut upload).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            self.target.cancel_upload(upload.place).await;
            let lost = match error {
                UploadError::Lost(lost) => lost,
                UploadError::Failed(error) => return Err(error),
            };
            if has_blob(self.target, &self.blob.digest).await {
                self.count_whole();
                return Ok(());
            }
            let waited = restarts.wait(lost, self.farthest > before).await;
            waited.map_err(|lost| lost.error.of_lost_upload(&self.blob.digest))?;
        }
    }

    async fn upload(&mut self, upload: &mut Opened) -> Result<(), UploadError> {
        let mut reader = BlobReader::new(self.source.fork(), self.blob, self.deadline);
        let (mut part, counted) = (Part::default(), self.progress.blob());
        let (mut tries, mut is_repeated) = (Tries::until(self.deadline), false);
        loop {
            let (size, left, memory) = (upload.chunk, self.blob.size.saturating_sub(part.at), self.memory);
            let turn = async {
                part = mem::take(&mut part).filled(&mut reader, size).await?;
                Ok::<_, OciError>(self.send(upload, &part).await)
            };
            let sent = memory.chunk(usize::try_from(left).map_or(size, |left| left.min(size)), turn).await?;
            let (ended, is_last) = (part.end(), part.is_last);
            let has = match sent.ok_or_else(|| self.slow())?? {
                Ok(has) if has == ended && is_last => break,
                Ok(has) => {
                    is_repeated = false;
                    has
                }
                // The answer to the last request may be lost.
                Err(_) if is_last && has_blob(self.target, &self.blob.digest).await => break,
                Err(failed) => {
                    let has = self.recover(upload, failed, is_repeated, &mut tries).await?;
                    is_repeated = true;
                    has
                }
            };
            counted.add(has.saturating_sub(part.at));
            if has > part.at {
                tries.refresh();
            }
            self.farthest = self.farthest.max(has.min(ended));
            let odd = || format!("it has {has} bytes, and it was sent {} to {ended}", part.at);
            part = part.after(has).ok_or_else(|| self.lost(odd()))?;
        }
        counted.add(part.bytes.len() as u64);
        counted.keep();
        Ok(())
    }

    /// Sends `part`. Returns how many bytes of the blob the registry has then.
    async fn send(&mut self, upload: &mut Opened, part: &Part) -> Result<u64, Failed> {
        let answer = self.target.ask(self.request(&upload.place, part)).await?;
        if !answer.status().is_success() {
            return Err(Failed::of(self.target, answer).await.about(self.blob));
        }
        if part.is_last {
            return Ok(part.end());
        }
        upload.place = self.target.location(&answer)?;
        Ok(received(&answer).unwrap_or(part.end()))
    }

    fn request(&self, place: &Url, part: &Part) -> reqwest::RequestBuilder {
        let mut place = place.clone();
        let method = if part.is_last { Method::PUT } else { Method::PATCH };
        if part.is_last {
            place.query_pairs_mut().append_pair("digest", &self.blob.digest);
        }
        let mut request = self.target.request(method, place).header(CONTENT_TYPE, "application/octet-stream");
        let is_whole = part.is_last && part.at == 0;
        if !part.bytes.is_empty() && !is_whole {
            request = request.header(CONTENT_RANGE, format!("{}-{}", part.at, part.end() - 1));
        }
        request.header(CONTENT_LENGTH, part.bytes.len()).body(part.bytes.clone())
    }

    /// Waits after a request that failed. Returns how many bytes of the blob the registry has.
    async fn recover(
        &mut self,
        upload: &mut Opened,
        failed: Failed,
        is_repeated: bool,
        tries: &mut Tries,
    ) -> Result<u64, UploadError> {
        match failed.status {
            // It knows no such upload, or has other content in it than it was sent: every chunk was checked.
            Some(400 | 404) => return Err(UploadError::Lost(failed)),
            // Gitea answers so to every further request of an upload whose chunk broke.
            Some(500) if is_repeated => return Err(UploadError::Lost(failed)),
            // Its upload ends elsewhere. It says where.
            Some(416) => {}
            _ if failed.may_pass() => {}
            _ => return Err(failed.error.into()),
        }
        if !tries.pause(&failed).await {
            return Err(failed.error.of_lost_upload(&self.blob.digest).into());
        }
        self.standing(upload).await.ok_or(UploadError::Lost(failed))
    }

    /// The number of bytes that the registry has; `None` if the upload is lost.
    async fn standing(&mut self, upload: &mut Opened) -> Option<u64> {
        let mut tries = Tries::until(self.deadline);
        loop {
            let request = self.target.request(Method::GET, upload.place.clone());
            let failed = match self.target.ask(request).await {
                Ok(answer) if answer.status().is_success() => {
                    if let Ok(next) = self.target.location(&answer) {
                        upload.place = next;
                    }
                    return received(&answer);
                }
                Ok(answer) => Failed::of(self.target, answer).await,
                Err(error) => error.into(),
            };
            tries.wait(failed).await.ok()?;
        }
    }

    fn count_whole(&self) {
        let counted = self.progress.blob();
        counted.add(self.blob.size);
        counted.keep();
    }

    fn slow(&self) -> UploadError {
        let why = "5 MiB took more than a minute, and copies of others waited for the memory";
        UploadError::Lost(OciError::Unreachable { what: self.target.what(), why: why.to_owned() }.into())
    }

    fn lost(&self, why: String) -> UploadError {
        UploadError::Lost(self.target.unexpected(why).into())
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
