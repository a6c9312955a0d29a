//! An upload that a registry has opened.

use reqwest::{Response, StatusCode};
use tokio::time::Instant;
use url::Url;

use super::super::super::OciError;
use super::super::super::repository::ImageRepository;
use super::super::tries::{Failed, Tries};

/// The size of a chunk. Each blob that is being copied has one in memory. The smallest that Amazon's registry takes.
const CHUNK: usize = 5 << 20;
/// The largest chunk that a registry may ask for.
const LARGEST: usize = 32 << 20;
/// The header with the smallest chunk that a registry takes (distribution specification, "Pushing a blob in chunks").
const SMALLEST: &str = "oci-chunk-min-length";

/// An upload that a registry has opened.
pub(in crate::oci::copy) struct Opened {
    /// Where the next chunk is sent.
    pub(super) place: Url,
    /// The size of the chunks.
    pub(super) chunk: usize,
}

impl Opened {
    /// The upload that `answer` states.
    pub(in crate::oci::copy) fn of(
        target: &ImageRepository<'_>,
        answer: &Response,
    ) -> Result<Self, OciError> {
        let told = answer.headers().get(SMALLEST).and_then(|told| told.to_str().ok()?.trim().parse().ok());
        let chunk = told.unwrap_or(0usize).max(CHUNK);
        if chunk > LARGEST {
            let why = format!(
                "it takes only chunks of {chunk} bytes and more ({SMALLEST}), and at most {LARGEST} are held in memory"
            );
            return Err(target.unexpected(why));
        }
        Ok(Self { place: target.location(answer)?, chunk })
    }

    /// Opens an upload.
    pub(super) async fn new(target: &mut ImageRepository<'_>, deadline: Instant) -> Result<Self, OciError> {
        let mut tries = Tries::until(deadline);
        loop {
            let failed = match target.ask(target.opening("")).await {
                Ok(opened) if opened.status() == StatusCode::ACCEPTED => return Self::of(target, &opened),
                Ok(answer) => Failed::of(target, answer).await,
                Err(error) => error.into(),
            };
            tries.wait(failed).await?;
        }
    }
}
