//! Asks a registry for the manifest that a tag or a digest names.

use ::http::header::CONTENT_TYPE;
use bytes::Bytes;
use reqwest::{Method, StatusCode};
use tokio::time::Instant;

use super::super::OciError;
use super::super::read::{MANIFEST_READ, ReadRequest};
use super::super::registry::digest as told_digest;
use super::super::repository::ImageRepository;
use super::manifest::{COPIED, RawManifest};
use super::memory::CopyMemory;
use super::tries::{Failed, Tries};
use crate::limits::Held;

/// What a registry says of a manifest without sending it.
enum Head {
    Is(String),
    Absent,
    /// It does not say: the manifest itself must be read.
    Untold,
}

/// The digest that `name`, a tag or a digest, names in `repository`; `None` if there is no such manifest.
pub(in crate::oci) async fn named(
    repository: &mut ImageRepository<'_>,
    name: &str,
    deadline: Instant,
) -> Result<Option<String>, OciError> {
    let mut tries = Tries::until(deadline);
    loop {
        match head(repository, name).await {
            Ok(Head::Is(digest)) => return Ok(Some(digest)),
            Ok(Head::Absent) => return Ok(None),
            Ok(Head::Untold) => break,
            Err(failed) => tries.wait(failed).await?,
        }
    }
    let found = read(repository, name, deadline).await?;
    Ok(found.map(|manifest| manifest.digest))
}

async fn head(repository: &mut ImageRepository<'_>, name: &str) -> Result<Head, Failed> {
    let answer = repository.ask_for(&ReadRequest::manifest(Method::HEAD, name, COPIED)).await?;
    match answer.status() {
        status if status.is_success() => {
            Ok(told_digest(answer.headers()).map_or(Head::Untold, |digest| Head::Is(digest.to_owned())))
        }
        StatusCode::NOT_FOUND => Ok(Head::Absent),
        StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => Ok(Head::Untold),
        _ => Err(Failed::of(repository, answer).await),
    }
}

/// Reads the manifest `target`; `None` if there is none. If `target` is a digest, the manifest has it.
pub(in crate::oci) async fn read(
    repository: &mut ImageRepository<'_>,
    target: &str,
    deadline: Instant,
) -> Result<Option<RawManifest>, OciError> {
    let found = read_until(repository, target, deadline, None).await?;
    Ok(found.map(|(manifest, _)| manifest))
}

/// The same for a caller that has no memory for the manifest yet. Returns the memory of a large one.
pub(in crate::oci) async fn read_within(
    repository: &mut ImageRepository<'_>,
    target: &str,
    deadline: Instant,
    memory: &CopyMemory,
) -> Result<Option<(RawManifest, Option<Held>)>, OciError> {
    read_until(repository, target, deadline, Some(memory)).await
}

async fn read_until(
    repository: &mut ImageRepository<'_>,
    target: &str,
    deadline: Instant,
    memory: Option<&CopyMemory>,
) -> Result<Option<(RawManifest, Option<Held>)>, OciError> {
    let mut tries = Tries::until(deadline);
    loop {
        match read_once(repository, target, memory).await {
            Ok(found) => return Ok(found),
            Err(failed) => tries.wait(failed).await?,
        }
    }
}

async fn read_once(
    repository: &mut ImageRepository<'_>,
    target: &str,
    memory: Option<&CopyMemory>,
) -> Result<Option<(RawManifest, Option<Held>)>, Failed> {
    let answer = repository.ask_for(&ReadRequest::manifest(Method::GET, target, COPIED)).await?;
    match answer.status() {
        StatusCode::NOT_FOUND => return Ok(None),
        status if status.is_success() => {}
        _ => return Err(Failed::of(repository, answer).await),
    }
    let held = match memory {
        Some(memory) => memory.for_body(&answer).await?,
        None => None,
    };
    let told = answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).map(str::to_owned);
    let bytes = Bytes::from(repository.read(answer, "a manifest", MANIFEST_READ).await?);
    let manifest = RawManifest::read(bytes, told.as_deref(), &format!("{}, {target},", repository.what()))?;
    let named = if target.contains(':') { manifest.named(target) } else { Some(manifest) };
    let odd = || repository.unexpected(format!("what it gives for {target} has another digest"));
    Ok(Some((named.ok_or_else(odd)?, held)))
}
