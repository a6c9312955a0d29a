//! Registries that lie, are broken, or have very many tags.

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::{outputs, repository, tags};
use crate::support::images::{MANIFEST, Repository};
use crate::support::registry_front::{RegistryFront, Seen};
use crate::support::shared::shared_registry;

/// A page of a list of tags, with the address of the next one.
fn page(tags: &[String], next: Option<&str>) -> Response {
    let body = json!({"name": "a", "tags": tags}).to_string();
    match next {
        Some(next) => ([("link", format!("<{next}>; rel=\"next\""))], body).into_response(),
        None => body.into_response(),
    }
}

fn numbered(from: usize, count: usize) -> Vec<String> {
    (from..from + count).map(|n| format!("t{n:06}")).collect()
}

/// A repository behind a front, and its name there.
async fn behind(
    repository: &Repository,
    fault: impl Fn(&Seen) -> Option<Response> + Send + Sync + 'static,
) -> (RegistryFront, String) {
    let front = RegistryFront::start(shared_registry().host(), fault).await;
    let name = format!("{}/{}", front.host(), repository.name.split_once('/').unwrap().1);
    (front, name)
}

/// The error for a list of tags that `list` answers.
async fn refusal(list: impl Fn(&Seen) -> Response + Send + Sync + 'static) -> String {
    let is_list = |seen: &Seen| seen.path.contains("/tags/list");
    let (_front, name) = behind(&repository(), move |seen| is_list(seen).then(|| list(seen))).await;
    tags(json!({"image": name})).await.unwrap_err().message
}

#[tokio::test]
async fn a_list_that_cannot_be_trusted_is_refused() {
    let elsewhere = refusal(|_| page(&numbered(0, 1), Some("http://127.0.0.1:1/v2/a/tags/list"))).await;
    assert!(elsewhere.contains("its list of tags goes on at another server"), "{elsewhere}");
    let circle = refusal(|seen| {
        let next = if seen.path.contains("last=a") { "b" } else { "a" };
        page(&numbered(0, 1), Some(&format!("/v2/x/tags/list?last={next}")))
    });
    let circle = circle.await;
    assert!(circle.contains("goes on at a page that was read before"), "{circle}");
    let endless =
        refusal(|seen| page(&numbered(seen.before * 10_000, 10_000), Some(&format!("?n={}", seen.before))));
    let endless = endless.await;
    assert!(endless.contains("its list of tags has more than 100000 tags"), "{endless}");
    let large = refusal(|_| page(&["x".repeat(9 << 20)], None)).await;
    assert!(large.contains("longer than 8 MiB, which is the most that is read of a list of tags"), "{large}");
    let cut = refusal(|seen| match seen.path.contains("last=") {
        true => StatusCode::NOT_FOUND.into_response(),
        false => page(&numbered(0, 3), Some("?last=x")),
    });
    let cut = cut.await;
    assert!(cut.contains("status 404"), "a list that ends in the middle is not the whole list: {cut}");
    let html = refusal(|_| "<html>".into_response()).await;
    assert!(html.contains("gave an unexpected answer"), "{html}");
}

/// Some registries cut a list after a full page, without a link to the next one. Others ignore `last`.
#[tokio::test]
async fn a_full_page_is_not_taken_for_the_end() {
    for (ignores, count) in [(false, "1500"), (true, "1000")] {
        let list = move |seen: &Seen| match seen.path.contains("last=") && !ignores {
            true => page(&numbered(1000, 500), None),
            false => page(&numbered(0, 1000), None),
        };
        let is_list = |seen: &Seen| seen.path.contains("/tags/list");
        let (_front, name) = behind(&repository(), move |seen| is_list(seen).then(|| list(seen))).await;
        let done = tags(json!({"image": name})).await.unwrap();
        assert_eq!(done.outputs["count"], count);
    }
}

#[tokio::test]
async fn a_list_of_100000_tags_is_cut_to_what_fits_an_output() {
    let list = |seen: &Seen| {
        if seen.path.contains("last=") {
            return page(&[], None);
        }
        let number: usize = seen.path.split_once("page=").map_or(0, |(_, number)| number.parse().unwrap());
        let next = format!("?page={}", number + 1);
        page(&numbered(number * 5000, 5000), (number < 19).then_some(next.as_str()))
    };
    let is_list = |seen: &Seen| seen.path.contains("/tags/list");
    let (_front, name) = behind(&repository(), move |seen| is_list(seen).then(|| list(seen))).await;
    let done = tags(json!({"image": name})).await.unwrap();
    assert_eq!(done.outputs["count"], "100000");
    let kept: Vec<String> = serde_json::from_str(&done.outputs["tags"]).unwrap();
    assert!(kept.len() > 2000 && done.outputs["tags"].len() <= 32 << 10, "{}", kept.len());
    let warnings = &done.outputs["warnings"];
    assert!(
        warnings.contains(&format!("the output `tags` has the first {} of 100000", kept.len())),
        "{warnings}"
    );
    let dated = tags(json!({"image": name, "sort": "created"})).await.unwrap_err();
    assert!(
        dated.message.contains("100000 tags match, and the images of at most 20000 are read"),
        "{}",
        dated.message
    );
}

#[tokio::test]
async fn names_that_are_no_tags_are_left_out() {
    let repository = repository();
    repository.dated("1", "2026-11-02T10:00:00.5Z", json!({"note": "{{workflow.name}}\u{1b}[31m"})).await;
    let odd = ["1", "{{workflow.name}}", "a\u{1b}[2J", "../x", ""].map(str::to_owned);
    let list = move |seen: &Seen| seen.path.contains("/tags/list").then(|| page(&odd, None));
    let (_front, name) = behind(&repository, list).await;
    let done = tags(json!({"image": name})).await.unwrap();
    assert_eq!(outputs(&done, &["tags", "count"]), [r#"["1"]"#, "1"]);
    assert!(done.outputs["warnings"].contains("4 names that the registry lists cannot be tags"));
    assert!(!done.outputs["labels"].contains("{{") && done.outputs["labels"].contains("workflow.name}}"));
}

#[tokio::test]
async fn one_odd_manifest_does_not_hide_the_other_tags() {
    let repository = repository();
    for (tag, day) in [("1", 1), ("2", 2), ("3", 3), ("4", 4)] {
        repository.dated(tag, &format!("2026-11-0{day}T10:00:00.5Z"), json!({})).await;
    }
    let fault = |seen: &Seen| {
        let answer = |kind: &str, body: Value| {
            Some(([("content-type", kind.to_owned())], body.to_string()).into_response())
        };
        match seen.path.rsplit_once('/').unwrap().1 {
            "2" => answer(
                "application/vnd.docker.distribution.manifest.v1+json",
                json!({"schemaVersion": 1, "name": "a"}),
            ),
            "3" => answer(MANIFEST, json!({"schemaVersion": 2, "config": {"digest": "../x", "size": 1}})),
            "4" => Some(StatusCode::NOT_FOUND.into_response()),
            _ => None,
        }
    };
    let (_front, name) = behind(&repository, fault).await;
    let done = tags(json!({"image": name, "sort": "created"})).await.unwrap();
    assert_eq!(done.outputs["tags"], r#"["1","2","3","4"]"#);
    let warnings: Vec<String> = serde_json::from_str(&done.outputs["warnings"]).unwrap();
    assert!(
        warnings.iter().any(|w| w.starts_with("tag 2 cannot be read: its manifest has schema 1")),
        "{warnings:?}"
    );
    assert!(warnings.iter().any(|w| w.starts_with("tag 3 cannot be read: it names ../x")), "{warnings:?}");
    let named = tags(json!({"image": format!("{name}:2")})).await.unwrap_err();
    assert!(named.message.contains("schema 1, and only schema 2 is read"), "{}", named.message);
}

#[tokio::test]
async fn a_config_that_is_too_large_or_false_is_no_time() {
    for large in [true, false] {
        let repository = repository();
        repository.dated("1", "2026-11-02T10:00:00.5Z", json!({})).await;
        let fault = move |seen: &Seen| {
            let body = if large {
                "x".repeat(5 << 20)
            } else {
                r#"{"created": "2020-01-01T00:00:00.5Z"}"#.to_owned()
            };
            seen.path.contains("/blobs/").then(|| body.into_response())
        };
        let (_front, name) = behind(&repository, fault).await;
        let done = tags(json!({"image": name, "sort": "created"})).await.unwrap();
        assert_eq!(outputs(&done, &["tag", "created", "platforms"]), ["1", "", "[]"]);
        assert!(done.outputs["warnings"].contains("1 images do not say when they were made"));
    }
}

#[tokio::test]
async fn an_overloaded_registry_is_asked_again() {
    let repository = repository();
    repository.dated("1.0.0", "2026-11-02T10:00:00.5Z", json!({})).await;
    let fault = |seen: &Seen| {
        let answer = (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "0")]);
        (seen.before == 0).then(|| answer.into_response())
    };
    let (front, name) = behind(&repository, fault).await;
    let done = tags(json!({"image": name, "sort": "created"})).await.unwrap();
    assert_eq!(outputs(&done, &["tag", "created"]), ["1.0.0", "2026-11-02T10:00:00.5Z"]);
    assert!(front.seen().iter().filter(|seen| seen.before == 1).count() >= 3);
}
