//! Copies blobs to a repository: those that it has not, by a mount from another repository where that works, else as a
//! stream.

use std::slice;
use std::sync::{Mutex, PoisonError};

use futures_util::future::try_join3;
use reqwest::StatusCode;
use tokio::time::Instant;

use super::super::OciError;
use super::super::repository::ImageRepository;
use super::manifest::Content;
use super::memory::CopyMemory;
use super::presence::{head, is_there};
use super::progress::CopyProgress;
use super::tries::{Failed, Tries};
use super::upload::{BlobUpload, Opened};

/// Copies blobs from one repository to another.
pub(super) struct BlobCopy<'a, 'b> {
    pub(super) source: &'b ImageRepository<'a>,
    pub(super) target: &'b ImageRepository<'a>,
    /// Another repository of the target's registry that has the blobs.
    pub(super) mount_from: Option<&'b str>,
    pub(super) progress: &'b CopyProgress,
    pub(super) deadline: Instant,
    pub(super) memory: &'b CopyMemory,
}

/// The answer to a mount.
enum Mount {
    Mounted,
    /// The blob must be uploaded. The registry may have opened the upload already.
    Upload(Option<Opened>),
}

impl BlobCopy<'_, '_> {
    /// Copies `blobs`, three at the same time. Each needs the memory of a chunk. The first error ends the others.
    pub(super) async fn run(&self, blobs: &[Content]) -> Result<(), OciError> {
        let left = Mutex::new(blobs.iter());
        try_join3(self.work(&left), self.work(&left), self.work(&left)).await.map(drop)
    }

    async fn work(&self, left: &Mutex<slice::Iter<'_, Content>>) -> Result<(), OciError> {
        loop {
            let next = left.lock().unwrap_or_else(PoisonError::into_inner).next();
            match next {
                Some(blob) => Box::pin(self.copy(blob)).await?,
                None => return Ok(()),
            }
        }
    }

    async fn copy(&self, blob: &Content) -> Result<(), OciError> {
        let mut target = self.target.fork();
        if self.has(&mut target, &blob.digest).await? {
            self.progress.is_present();
            return Ok(());
        }
        let opened = match self.mount(&mut target, &blob.digest).await? {
            Mount::Mounted => {
                self.progress.is_mounted();
                return Ok(());
            }
            Mount::Upload(opened) => opened,
        };
        self.progress.wants(blob.size);
        let Self { source, progress, deadline, memory, .. } = *self;
        BlobUpload { target: &mut target, source, blob, progress, deadline, memory, farthest: 0 }
            .run(opened)
            .await
    }

    async fn has(&self, target: &mut ImageRepository<'_>, digest: &str) -> Result<bool, OciError> {
        let mut tries = Tries::until(self.deadline);
        loop {
            let failed = match head(target, digest).await {
                Ok(answer) if is_there(&answer) => return Ok(true),
                Ok(answer) => match answer.status() {
                    StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => return Ok(false),
                    _ => Failed::of(target, answer).await,
                },
                Err(error) => error.into(),
            };
            tries.wait(failed).await?;
        }
    }

    /// Asks the registry to take the blob from its other repository (distribution specification, "Mounting a blob from
    /// another repository").
    async fn mount(&self, target: &mut ImageRepository<'_>, digest: &str) -> Result<Mount, OciError> {
        let Some(from) = self.mount_from else { return Ok(Mount::Upload(None)) };
        let mut tries = Tries::until(self.deadline);
        loop {
            // A repository's name needs no escape in a query, and no digest does.
            let request = target.opening(&format!("?mount={digest}&from={from}"));
            let failed = match target.ask(request).await {
                Ok(answer) => match answer.status() {
                    StatusCode::CREATED => return Ok(Mount::Mounted),
                    StatusCode::ACCEPTED => return Ok(Mount::Upload(Opened::of(target, &answer).ok())),
                    _ => Failed::of(target, answer).await,
                },
                Err(error) => error.into(),
            };
            // A registry that does not mount may still take an upload, or say why not.
            if !failed.may_pass() {
                return Ok(Mount::Upload(None));
            }
            tries.wait(failed).await?;
        }
    }
}
