//! Reads a repository's list of tags, page by page.

use std::collections::HashSet;

use reqwest::{Method, StatusCode};
use serde::Deserialize;

use super::OciError;
use super::copy::Failed;
use super::repository::ImageRepository;
use crate::http;

/// How many tags a page is asked for.
const PAGE: usize = 1000;
/// The most pages that are read. Some registries have at most 50 tags in one.
const PAGES: usize = 2000;
/// The most tags of one repository.
pub(super) const TAGS: usize = 100_000;
/// The most bytes of a page. A tag has at most 128 bytes, but some registries ignore the page's size.
const PAGE_READ: usize = 8 << 20;

/// The body of a page (distribution specification, "Listing Tags").
#[derive(Deserialize)]
struct PageWire {
    /// Some registries send `null` for none.
    tags: Option<Vec<String>>,
}

/// The pages of a list of tags that are still to be read.
pub(super) struct TagPages {
    /// The address of the next page.
    next: Option<String>,
    /// A full page without a next one. Some registries cut a list and do not say so, so the rest is asked for.
    full: Option<HashSet<String>>,
    read: usize,
    seen: HashSet<String>,
    tags: usize,
}

impl TagPages {
    pub(super) fn of(repository: &ImageRepository<'_>) -> Self {
        let next = Some(repository.url(&format!("tags/list?n={PAGE}")));
        Self { next, full: None, read: 0, seen: HashSet::new(), tags: 0 }
    }

    /// The tags of the next page; `None` after the last one. A page that failed may be read again.
    pub(super) async fn read(
        &mut self,
        repository: &mut ImageRepository<'_>,
    ) -> Result<Option<Vec<String>>, Failed> {
        let Some(address) = self.next.clone() else { return Ok(None) };
        self.check(repository, &address)?;
        let answer = repository.ask(repository.request(Method::GET, &address)).await?;
        match answer.status() {
            status if status.is_success() => {}
            // A repository without any image. On a later page, the list would be cut.
            StatusCode::NOT_FOUND if self.read == 0 => {
                self.next = None;
                return Ok(Some(Vec::new()));
            }
            _ => return Err(Failed::of(repository, answer).await),
        }
        let link = repository.next_page(&answer, "list of tags")?;
        let bytes = repository.read(answer, "a list of tags", PAGE_READ).await?;
        let page: PageWire = http::json(&bytes).map_err(|e| repository.unexpected(e))?;
        let mut tags = page.tags.unwrap_or_default();
        if let Some(before) = self.full.take() {
            // The registry ignores `last`, and sent the same page again.
            tags.retain(|tag| !before.contains(tag));
        }
        self.advance(repository, address, link, &tags);
        Ok(Some(tags))
    }

    /// Checks that another page may be read: a list may have no end, or be a circle.
    fn check(&self, repository: &ImageRepository<'_>, address: &str) -> Result<(), OciError> {
        let why = if self.seen.contains(address) {
            "its list of tags goes on at a page that was read before".to_owned()
        } else if self.tags > TAGS {
            format!("its list of tags has more than {TAGS} tags")
        } else if self.read >= PAGES {
            format!("its list of tags has more than {PAGES} pages")
        } else {
            return Ok(());
        };
        Err(repository.unexpected(why))
    }

    fn advance(
        &mut self,
        repository: &ImageRepository<'_>,
        address: String,
        link: Option<String>,
        tags: &[String],
    ) {
        (self.read, self.tags) = (self.read + 1, self.tags + tags.len());
        self.seen.insert(address);
        self.next = match (link, tags.last()) {
            (None, Some(last)) if tags.len() >= PAGE => {
                self.full = Some(tags.iter().cloned().collect());
                let last: String = url::form_urlencoded::byte_serialize(last.as_bytes()).collect();
                Some(repository.url(&format!("tags/list?n={PAGE}&last={last}")))
            }
            (link, _) => link,
        };
    }
}
