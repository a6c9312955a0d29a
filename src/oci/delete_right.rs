//! Checks whether images may be deleted: it asks for the deletion of a manifest that does not exist, so nothing is lost.
//!
//! The scope of a token would not say it: Gitea narrows no token to a scope, and a registry whose deletes are switched off accepts
//! tokens with the action `delete`.

use reqwest::{Method, StatusCode};
use serde_json::Value;
use uuid::Uuid;

use super::artifact::digest;
use super::read::MANIFEST_READ;
use super::repository::Access;
use super::{Auth, ImageRef, OciError, Registry};
use crate::http;

/// What a registry does about deletes in a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeleteRight {
    /// It does what the login asks for.
    Granted,
    /// It deletes nothing, whoever asks.
    Unsupported,
    /// It does not say, because it has no such repository yet.
    Unknown,
}

impl Registry {
    /// Asks whether images of `image`'s repository may be deleted with `auth`.
    ///
    /// # Errors The registry does not answer, or refuses the login.
    pub async fn may_delete(
        &self,
        image: &ImageRef,
        auth: &Auth,
        insecure: bool,
    ) -> Result<DeleteRight, OciError> {
        // The hash of random bytes. A manifest with a fixed digest could exist, since Gitea stores one under any digest.
        let nothing = digest(Uuid::new_v4().as_bytes());
        let mut repository = self.repository(image, auth, insecure, Access::Delete)?;
        let url = repository.url(&format!("manifests/{nothing}"));
        let answer = repository.ask(repository.request(Method::DELETE, url)).await?;
        match answer.status() {
            status if status.is_success() => Ok(DeleteRight::Granted),
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => Ok(DeleteRight::Unsupported),
            StatusCode::NOT_FOUND => {
                let body = repository.read(answer, "an error", MANIFEST_READ).await?;
                Ok(of_not_found(&http::json::<Value>(&body).unwrap_or_default()))
            }
            _ => Err(repository.error(answer).await),
        }
    }
}

/// Judges the body of a 404. Only an answer about the manifest shows that the registry would have deleted it.
fn of_not_found(body: &Value) -> DeleteRight {
    let error = &body["errors"][0];
    let text = |field: &str| error[field].as_str().unwrap_or_default();
    match text("code") {
        "MANIFEST_UNKNOWN" => DeleteRight::Granted,
        "UNSUPPORTED" => DeleteRight::Unsupported,
        // Harbor has one code for everything that it does not find, and calls an image an artifact.
        "NOT_FOUND" if text("message").starts_with("artifact ") => DeleteRight::Granted,
        _ => DeleteRight::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_an_answer_about_the_manifest_grants_the_right() {
        for (code, message, expected) in [
            ("MANIFEST_UNKNOWN", "manifest unknown", DeleteRight::Granted),
            ("NOT_FOUND", "artifact shop/api@sha256:0 not found", DeleteRight::Granted),
            ("NOT_FOUND", "project shop not found", DeleteRight::Unknown),
            ("NAME_UNKNOWN", "repository name not known to registry", DeleteRight::Unknown),
            ("UNSUPPORTED", "The operation is unsupported.", DeleteRight::Unsupported),
            ("", "", DeleteRight::Unknown),
        ] {
            let body = json!({"errors": [{"code": code, "message": message}]});
            assert_eq!(of_not_found(&body), expected, "{code} {message}");
        }
        assert_eq!(of_not_found(&Value::Null), DeleteRight::Unknown);
    }
}
