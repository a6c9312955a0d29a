//! Asks whether a registry keeps the list of referrers itself (distribution specification, "Listing Referrers").

use ::http::header::ACCEPT;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::artifact::INDEX;
use super::read::MANIFEST_READ;
use super::repository::Access;
use super::{Auth, ImageRef, OciError, Registry};
use crate::http;

/// A digest that no manifest has.
const NOTHING: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// What a registry does about referrers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Referrers {
    /// It lists them itself.
    Listed,
    /// It keeps no list, so the list is an index under a tag.
    Tagged,
    /// It has no such repository yet, so it does not say.
    Unknown,
}

impl Registry {
    /// Asks for the referrers of a manifest that is not there. A registry with the API answers with an empty list.
    ///
    /// # Errors The registry does not answer, or refuses the login.
    pub async fn referrers_api(
        &self,
        image: &ImageRef,
        auth: &Auth,
        insecure: bool,
    ) -> Result<Referrers, OciError> {
        let mut repository = self.repository(image, auth, insecure, Access::Pull)?;
        let url = repository.url(&format!("referrers/{NOTHING}"));
        let answer = repository.ask(repository.request(Method::GET, url).header(ACCEPT, INDEX)).await?;
        match answer.status() {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(repository.error(answer).await),
            status if status.is_server_error() => return Err(repository.error(answer).await),
            _ => {}
        }
        let status = answer.status();
        let body = repository.read(answer, "a list of referrers", MANIFEST_READ).await?;
        Ok(judge(status, &http::json::<Value>(&body).unwrap_or_default()))
    }
}

fn judge(status: StatusCode, body: &Value) -> Referrers {
    match (status, body["errors"][0]["code"].as_str()) {
        (StatusCode::OK, _) if body["manifests"].is_array() => Referrers::Listed,
        (StatusCode::NOT_FOUND, Some("NAME_UNKNOWN" | "NAME_INVALID")) => Referrers::Unknown,
        _ => Referrers::Tagged,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_page_that_is_no_list_is_no_api() {
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": []});
        let unknown = json!({"errors": [{"code": "NAME_UNKNOWN"}]});
        for (status, body, expected) in [
            (StatusCode::OK, &index, Referrers::Listed),
            (StatusCode::OK, &Value::Null, Referrers::Tagged),
            (StatusCode::NOT_FOUND, &Value::Null, Referrers::Tagged),
            (StatusCode::NOT_FOUND, &unknown, Referrers::Unknown),
            (StatusCode::METHOD_NOT_ALLOWED, &Value::Null, Referrers::Tagged),
        ] {
            assert_eq!(judge(status, body), expected, "{status} {body}");
        }
    }
}
