//! The requests of one upload.

use ::http::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use reqwest::{Method, RequestBuilder, Response};
use url::Url;

use super::super::super::OciError;
use super::super::tries::{Failed, Tries};
use super::part::{Part, Range};
use super::{BlobUpload, Opened};

impl BlobUpload<'_, '_> {
    /// Sends `part`. Returns how many bytes of the blob the registry has then.
    pub(super) async fn send(&mut self, upload: &mut Opened, part: &Part) -> Result<u64, Failed> {
        let request = self.request(&upload.place, &part.range()).body(part.bytes.clone());
        let answer = self.target.ask(request).await;
        self.answered(upload, &part.range(), answer).await
    }

    /// Returns how many bytes of the blob the registry has after the `answer` to a request with `part`.
    pub(super) async fn answered(
        &self,
        upload: &mut Opened,
        part: &Range,
        answer: Result<Response, OciError>,
    ) -> Result<u64, Failed> {
        let answer = answer?;
        if !answer.status().is_success() {
            return Err(Failed::of(self.target, answer).await.about(self.blob));
        }
        if part.is_last {
            return Ok(part.end());
        }
        upload.place = self.target.location(&answer)?;
        Ok(received(&answer).unwrap_or(part.end()))
    }

    /// The request for `part`, without its body.
    pub(super) fn request(&self, place: &Url, part: &Range) -> RequestBuilder {
        let mut place = place.clone();
        let method = if part.is_last { Method::PUT } else { Method::PATCH };
        if part.is_last {
            place.query_pairs_mut().append_pair("digest", &self.blob.digest);
        }
        let mut request = self.target.request(method, place).header(CONTENT_TYPE, "application/octet-stream");
        let is_whole = part.is_last && part.at == 0;
        if part.size > 0 && !is_whole {
            request = request.header(CONTENT_RANGE, format!("{}-{}", part.at, part.end() - 1));
        }
        // A stream has no length of its own.
        request.header(CONTENT_LENGTH, part.size)
    }

    /// The number of bytes that the registry has; `None` if the upload is lost.
    pub(super) async fn standing(&mut self, upload: &mut Opened) -> Option<u64> {
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
