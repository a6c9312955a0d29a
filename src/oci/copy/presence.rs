//! Asks whether a repository has a blob.

use reqwest::{Method, Response};

use super::super::OciError;
use super::super::repository::ImageRepository;

pub(super) async fn head(target: &mut ImageRepository<'_>, digest: &str) -> Result<Response, OciError> {
    let request = target.request(Method::HEAD, target.url(&format!("blobs/{digest}")));
    target.ask_once_or_twice(request).await
}

/// Whether `answer` says that the blob is there. A registry that keeps blobs in object storage redirects to the blob.
pub(super) fn is_there(answer: &Response) -> bool {
    answer.status().is_success() || answer.status().is_redirection()
}

/// Whether the repository has the blob. False if that is not known.
pub(super) async fn has_blob(target: &mut ImageRepository<'_>, digest: &str) -> bool {
    head(target, digest).await.is_ok_and(|answer| is_there(&answer))
}
