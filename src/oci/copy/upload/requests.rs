//! The requests of one upload.

use ::http::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use reqwest::{Method, Response};
use url::Url;

use super::super::tries::{Failed, Tries};
use super::part::Part;
use super::{BlobUpload, Opened};

impl BlobUpload<'_, '_> {
    /// Sends `part`. Returns how many bytes of the blob the registry has then.
    pub(super) async fn send(&mut self, upload: &mut Opened, part: &Part) -> Result<u64, Failed> {
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
