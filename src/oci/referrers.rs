//! The list of referrers that a registry keeps itself (distribution specification, "Listing Referrers").

use reqwest::header::ACCEPT;
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;

use super::OciError;
use super::artifact::INDEX;
use super::read::MANIFEST_READ;
use super::repository::ImageRepository;
use crate::http;

/// What a registry answers to the request for a page.
pub(super) enum ReferrersPage {
    /// Some referrers, and the address of the next page.
    Listed(Vec<Value>, Option<String>),
    /// A registry without such lists may answer with some page.
    NoList,
    /// An answer without success.
    Refused(Response),
}

impl ImageRepository<'_> {
    /// The address of the first page of the referrers of `subject`.
    pub(super) fn referrers_of(&self, subject: &str) -> String {
        self.url(&format!("referrers/{subject}"))
    }

    /// Reads the page at `url`, which is one of the registry's own.
    pub(super) async fn referrers_page(&mut self, url: &str) -> Result<ReferrersPage, OciError> {
        let answer = self.ask(self.request(Method::GET, url).header(ACCEPT, INDEX)).await?;
        if answer.status() != StatusCode::OK {
            return Ok(ReferrersPage::Refused(answer));
        }
        let next = self.next_page(&answer, "list of referrers")?;
        let bytes = self.read(answer, "a list of referrers", MANIFEST_READ).await?;
        let listed = http::json(&bytes).map(entries_of);
        Ok(match listed {
            Ok(Value::Array(entries)) => ReferrersPage::Listed(entries, next),
            _ => ReferrersPage::NoList,
        })
    }
}

/// The entries of a list. What is in the place of a list is anybody's, and need not be an object.
pub(super) fn entries_of(index: Value) -> Value {
    match index {
        Value::Object(mut members) => members.remove("manifests").unwrap_or_default(),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_no_list_has_no_entries() {
        assert_eq!(entries_of(json!({"manifests": [1]})), json!([1]));
        for odd in [json!([]), json!("x"), json!(1), json!(null), json!({}), json!({"manifests": null})] {
            assert_eq!(entries_of(odd), Value::Null);
        }
    }
}
