//! Uploads a blob in chunks, and goes on where a broken connection ended (distribution specification, "Pushing a blob in
//! chunks").
//!
//! A registry that counted a part of the broken chunk, or none of it, is sent the rest. Docker's registry and Gitea
//! spoil an upload whose chunk broke: it begins again.

mod opened;
mod part;
mod requests;
mod stream;

use std::mem;

use tokio::time::Instant;

use super::super::OciError;
use super::super::repository::ImageRepository;
use super::manifest::Content;
use super::memory::CopyMemory;
use super::presence::has_blob;
use super::progress::{BlobProgress, CopyProgress};
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

/// What one upload has sent so far.
struct Sending<'s, 'p> {
    reader: BlobReader<'s>,
    /// What the registry does not have yet.
    part: Part,
    tries: Tries,
    /// Whether the last request failed.
    is_repeated: bool,
    counted: BlobProgress<'p>,
}

impl Sending<'_, '_> {
    async fn fill(&mut self, size: usize) -> Result<(), OciError> {
        self.part = mem::take(&mut self.part).filled(&mut self.reader, size).await?;
        Ok(())
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
        let mut sending = Sending {
            reader: BlobReader::new(self.source.fork(), self.blob, self.deadline),
            part: Part::default(),
            tries: Tries::until(self.deadline),
            is_repeated: false,
            counted: self.progress.blob(),
        };
        loop {
            let left = self.blob.size.saturating_sub(sending.part.at);
            let needed = usize::try_from(left).map_or(upload.chunk, |left| left.min(upload.chunk));
            let memory = self.memory;
            let sent = memory.chunk(needed, self.send_chunk(upload, &mut sending)).await?;
            if sent.ok_or_else(|| self.slow())?? {
                sending.counted.keep();
                return Ok(());
            }
        }
    }

    /// Sends a chunk until the registry has all of it. Returns whether the blob is complete.
    async fn send_chunk(
        &mut self,
        upload: &mut Opened,
        sending: &mut Sending<'_, '_>,
    ) -> Result<bool, UploadError> {
        loop {
            let sent = self.send_next(upload, sending).await?;
            let (at, ended, is_last) = (sending.part.at, sending.part.end(), sending.part.is_last);
            let has = match sent {
                Ok(has) if has == ended || has > at => {
                    sending.is_repeated = false;
                    has
                }
                Ok(has) => return Err(self.lost(format!("it has {has} bytes, and was sent {at} to {ended}"))),
                // The answer to the last request may be lost.
                Err(_) if is_last && has_blob(self.target, &self.blob.digest).await => ended,
                Err(failed) => {
                    let has = self.recover(upload, failed, sending).await?;
                    sending.is_repeated = true;
                    self.take(sending, has)?;
                    continue;
                }
            };
            self.take(sending, has)?;
            if sending.part.bytes.is_empty() {
                return Ok(is_last);
            }
        }
    }

    /// Leaves out what the registry has: the first `has` bytes of the blob.
    fn take(&mut self, sending: &mut Sending<'_, '_>, has: u64) -> Result<(), UploadError> {
        let at = sending.part.at;
        let Some(rest) = sending.part.after(has) else {
            return Err(self.lost(format!("it has {has} bytes, and was sent {at} to {}", sending.part.end())));
        };
        if has > at {
            sending.tries.refresh();
        }
        sending.counted.add(has - at);
        self.farthest = self.farthest.max(has);
        sending.part = rest;
        Ok(())
    }

    /// Waits after a request that failed. Returns how many bytes of the blob the registry has.
    async fn recover(
        &mut self,
        upload: &mut Opened,
        failed: Failed,
        sending: &mut Sending<'_, '_>,
    ) -> Result<u64, UploadError> {
        match failed.status {
            // It knows no such upload, or has other content in it than it was sent: every chunk was checked.
            Some(400 | 404) => return Err(UploadError::Lost(failed)),
            // Gitea answers so to every further request of an upload whose chunk broke.
            Some(500) if sending.is_repeated => return Err(UploadError::Lost(failed)),
            // Its upload ends elsewhere. It says where.
            Some(416) => {}
            _ if failed.may_pass() => {}
            _ => return Err(failed.error.into()),
        }
        if !sending.tries.pause(&failed).await {
            return Err(failed.error.of_lost_upload(&self.blob.digest).into());
        }
        self.standing(upload).await.ok_or(UploadError::Lost(failed))
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
