//! When the tags of a repository were pushed. The distribution specification has no such question; Gitea's own API answers it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use tokio::time::Instant;
use url::Url;

use super::copy::{Failed, Tries};
use super::repository::{Access, ImageRepository};
use super::{Auth, ImageRef, OciError, Registry};
use crate::http;

/// The most versions of one page. Gitea has at most 50 by default (`[api] MAX_RESPONSE_ITEMS`).
const PAGE: usize = 50;
/// The most pages that are read.
const PAGES: usize = 4000;
/// The most versions of one image: its tags, and the manifests without one.
const VERSIONS: usize = 4 * super::tag_pages::TAGS;
/// The most bytes of a page. Each version comes with its owner and creator.
const PAGE_READ: usize = 4 << 20;

/// A version of a package (Gitea, `modules/structs/package.go`).
#[derive(Deserialize)]
struct VersionWire {
    name: String,
    version: String,
    created_at: Timestamp,
}

impl Registry {
    /// When the registry received each tag of the repository of `image`, and each manifest that was pushed by its digest;
    /// `None` if the registry does not tell. Nothing is tried again after `deadline`.
    ///
    /// # Errors The registry does not answer, or refuses the login.
    pub async fn push_times(
        &self,
        image: &ImageRef,
        auth: &Auth,
        insecure: bool,
        deadline: Instant,
    ) -> Result<Option<BTreeMap<String, Timestamp>>, OciError> {
        let repository = self.repository(image, auth, insecure, Access::Pull)?.with_basic_login();
        let Some((owner, name)) = image.repository().split_once('/') else { return Ok(None) };
        let mut times = BTreeMap::new();
        for page in 1..=PAGES {
            let Some(versions) = read(&repository, (owner, name, page), deadline).await? else {
                return Ok(None);
            };
            let is_last = versions.is_empty();
            let own = versions.into_iter().filter(|version| version.name == name);
            times.extend(own.map(|version| (version.version, version.created_at)));
            if is_last {
                return Ok(Some(times));
            }
            if times.len() > VERSIONS {
                return Err(
                    repository.unexpected(format!("its list of packages has more than {VERSIONS} versions"))
                );
            }
        }
        Err(repository.unexpected(format!("its list of packages has more than {PAGES} pages")))
    }
}

async fn read(
    repository: &ImageRepository<'_>,
    page: (&str, &str, usize),
    deadline: Instant,
) -> Result<Option<Vec<VersionWire>>, OciError> {
    let mut tries = Tries::until(deadline);
    loop {
        match read_once(repository, page).await {
            Ok(versions) => return Ok(versions),
            Err(failed) => tries.wait(failed).await?,
        }
    }
}

async fn read_once(
    repository: &ImageRepository<'_>,
    (owner, name, page): (&str, &str, usize),
) -> Result<Option<Vec<VersionWire>>, Failed> {
    let mut url = Url::parse(&repository.url("")).map_err(|e| repository.unexpected(e.to_string()))?;
    url.set_path(&format!("/api/v1/packages/{owner}"));
    let (page, limit) = (page.to_string(), PAGE.to_string());
    url.query_pairs_mut().extend_pairs([
        ("type", "container"),
        ("q", name),
        ("limit", &limit),
        ("page", &page),
    ]);
    let answer = repository.send(repository.request(Method::GET, url)).await?;
    match answer.status() {
        StatusCode::OK => {}
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(Failed::of(repository, answer).await),
        status if http::is_transient_status(status.as_u16()) => {
            return Err(Failed::of(repository, answer).await);
        }
        _ => return Ok(None),
    }
    let bytes = repository.read(answer, "a list of packages", PAGE_READ).await?;
    Ok(http::json(&bytes).ok())
}
