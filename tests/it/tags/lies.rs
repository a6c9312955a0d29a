//! Registries that say something else when the plan is carried out.

use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use serde_json::json;

use super::races::{clean, three};
use crate::support::registry_front::Seen;

/// What a list that is read again must not have: names that are no tags, and tags without an image.
#[tokio::test]
async fn a_list_that_cannot_be_trusted_any_more_stops_the_rest() {
    for (name, why) in [
        ("{{x}}", "nothing more is deleted: the registry lists 1 names that cannot be tags"),
        ("ghost", "nothing more is deleted: the registry lists tag ghost, and says that there is no image"),
    ] {
        let repository = three().await;
        let list = json!({"tags": ["1.0.0", "1.1.0", "1.2.0", name]}).to_string();
        let later = move |seen: &Seen| {
            let is_later = seen.path.contains("/tags/list") && seen.before > 0;
            is_later.then(|| list.clone().into_response())
        };
        let error = clean(&repository, later).await.unwrap_err();
        assert!(error.message.contains(why), "{}", error.message);
        for tag in ["1.0.0", "1.1.0", "1.2.0"] {
            repository.checked(tag).await;
        }
    }
}

/// A registry that does not delete, and says so with 404. The platforms of what is still there stay.
#[tokio::test]
async fn an_image_that_is_still_there_keeps_its_platforms() {
    let repository = three().await;
    let refused = |seen: &Seen| (seen.method == "DELETE").then(|| StatusCode::NOT_FOUND.into_response());
    let error = clean(&repository, refused).await.unwrap_err();
    assert!(error.message.contains("does not delete: it is read-only"), "{}", error.message);
    assert_eq!(error.outputs["deleted"], "[]");
    repository.checked("1.0.0").await;
}
