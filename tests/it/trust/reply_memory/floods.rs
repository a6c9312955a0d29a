//! Answers that are too long, or have no end.

use argo_buildkit::buildkit::{Buildkit, Progress, Session, Solve};
use argo_buildkit::forge::{Forge, ForgeError, ForgeOptions, ForgeRepository};
use argo_buildkit::git::{Credentials, Git, GitError, GitOptions};
use argo_buildkit::oci::{Auth, ImageRef, LOG_ARTIFACT, Registry};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use serde_json::json;
use tokio::sync::watch;

use super::BytesWritten;
use crate::support::net::unique;
use crate::support::scripted::{Scripted, challenge, ok};
use crate::support::shared::shared_buildkitd;

const MIB: usize = 1 << 20;

fn image(registry: &Scripted) -> ImageRef {
    format!("{}/a:1", registry.host()).parse().unwrap()
}

/// A registry whose token server sends an endless answer.
async fn flooding_with_tokens(written: &BytesWritten, tells_length: bool) -> Scripted {
    let written = written.clone();
    Scripted::start(move |host, asked| match asked.path.starts_with("/token") {
        true => written.flood(200, tells_length),
        false => challenge(&format!("http://{host}/token")),
    })
    .await
}

#[tokio::test]
async fn a_token_is_no_longer_than_a_mebibyte() {
    for tells_length in [true, false] {
        let written = BytesWritten::default();
        let registry = flooding_with_tokens(&written, tells_length).await;
        let asked = Registry::default().manifest_exists(&image(&registry), &Auth::default(), false).await;
        let error = asked.unwrap_err().to_string();
        written.is_within(MIB);
        assert!(error.starts_with(&format!("the token server http://{} ", registry.host())), "{error}");
        assert!(
            error.contains("1 MiB, which is the most that is read of a token server's answer"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn an_images_registry_does_not_flood_us_through_the_daemon() {
    let written = BytesWritten::default();
    let registry = flooding_with_tokens(&written, false).await;
    let client = Buildkit::new(shared_buildkitd().address().parse().unwrap(), None);
    let solve = Solve {
        reference: unique(&format!("floods-{}", std::process::id())),
        inline_dockerfile: Some(format!("FROM {}/x/y:1\n", registry.host())),
        ..Solve::default()
    };
    let (progress, _) = watch::channel(Progress::default());
    let error = client.solve(&solve, Session::default(), &progress).await.unwrap_err().to_string();
    // The daemon asks several times.
    let asked = registry.asked().iter().filter(|asked| asked.path.starts_with("/token")).count();
    written.is_within(asked * (MIB + super::BUFFERS));
    assert!(error.contains("1 MiB, which is the most"), "{error}");
}

#[tokio::test]
async fn manifests_and_lists_of_referrers_are_no_longer_than_registries_take_them() {
    let written = BytesWritten::default();
    for (tells_length, referrers) in [(true, false), (false, false), (true, true), (false, true)] {
        let written = written.clone();
        let flood = written.clone();
        let registry =
            Scripted::start(move |_, asked| match asked.path.contains("/referrers/") == referrers {
                true => flood.flood(200, tells_length),
                false => ok("application/json", "{}"),
            })
            .await;
        let (client, auth) = (Registry::default(), Auth::default());
        let error = client.log(&image(&registry), &auth, false).await.unwrap_err().to_string();
        written.is_within(4 * MIB);
        let what = if referrers { "a list of referrers" } else { "a manifest" };
        assert!(error.contains(&format!("4 MiB, which is the most that is read of {what}")), "{error}");
    }
}

#[tokio::test]
async fn a_log_is_no_longer_than_any_that_is_kept() {
    let written = BytesWritten::default();
    let flood = written.clone();
    let registry = Scripted::start(move |_, asked| match asked.path.contains("/blobs/") {
        true => flood.flood(200, false),
        false => {
            let layer = json!({"digest": format!("sha256:{}", "0".repeat(64))});
            ok("application/json", json!({"artifactType": LOG_ARTIFACT, "layers": [layer]}).to_string())
        }
    })
    .await;
    let error = Registry::default().log(&image(&registry), &Auth::default(), false).await.unwrap_err();
    written.is_within(16 * MIB);
    assert!(error.to_string().contains("the most that is read of a log"), "{error}");
}

#[tokio::test]
async fn refusals_are_read_in_part() {
    for status in [400, 403, 404, 429, 500] {
        let written = BytesWritten::default();
        let flood = written.clone();
        let server = Scripted::start(move |_, _| flood.flood(status, false)).await;
        let (client, auth) = (Registry::default(), Auth::default());
        if status != 404 {
            client.describe(&image(&server), &auth, false).await.unwrap_err();
            written.is_within(MIB);
        }
        let git = Git::new(GitOptions::default()).unwrap();
        let url = server.url("/o/r.git").parse().unwrap();
        // A transient error is retried.
        let tries = if status >= 429 { 4 } else { 1 };
        git.resolve(&url, &Credentials::Anonymous, "main").await.unwrap_err();
        written.is_within(2 * tries * (MIB + super::BUFFERS));
    }
}

#[tokio::test]
async fn a_forges_answer_is_bounded_and_its_values_are_not_quoted_whole() {
    let forge = Forge::new(ForgeOptions::default()).unwrap();
    let ask = async |server: &Scripted| {
        let repository = ForgeRepository::from_clone_url(&server.url("/o/r.git"), None, None).unwrap();
        forge.branch(&repository, &"hunter2".into(), "main").await.unwrap_err()
    };
    for (status, tells_length) in [(200, true), (200, false), (404, false)] {
        let written = BytesWritten::default();
        let flood = written.clone();
        let server = Scripted::start(move |_, _| flood.flood(status, tells_length)).await;
        let error = ask(&server).await;
        written.is_within(8 * MIB);
        assert!(matches!(error, ForgeError::Unexpected { .. }), "{error}");
        assert!(
            error.to_string().contains("8 MiB, which is the most that is read of a forge's answer"),
            "{error}"
        );
    }
    let long = format!("\"{}\\u001b[31m\\r\"", "x".repeat(3_600_000));
    let many = format!("[{}]", vec!["1"; 3_000_000].join(","));
    for body in [long, many] {
        let server = Scripted::start(move |_, _| ok("application/json", body.clone())).await;
        let error = ask(&server).await.to_string();
        assert!(
            error.len() < 1000 && !error.contains(['\u{1b}', '\r']),
            "{} bytes: {error:.500}",
            error.len()
        );
    }
}

#[tokio::test]
async fn few_bytes_do_not_become_many_values() {
    let many = format!(r#"{{"manifests": [{}]}}"#, vec!["1"; 1_900_000].join(","));
    let registry = Scripted::start(move |_, _| ok("application/json", many.clone())).await;
    let error = Registry::default().log(&image(&registry), &Auth::default(), false).await.unwrap_err();
    assert!(error.to_string().contains("more than 200000 JSON values"), "{error}");
}

#[tokio::test]
async fn an_overlong_digest_is_no_digest() {
    let digest = format!("sha256:{}", "a".repeat(8000));
    let registry = Scripted::start(move |_, _| {
        (StatusCode::OK, [("docker-content-digest", digest.clone())]).into_response()
    })
    .await;
    let image = image(&registry);
    let error = Registry::default().manifest_exists(&image, &Auth::default(), false).await.unwrap_err();
    assert!(error.to_string().contains("no Docker-Content-Digest"), "{error}");
}

#[tokio::test]
async fn a_git_servers_refusal_is_plain_text() {
    let server =
        Scripted::start(|_, _| (StatusCode::NOT_FOUND, "no\r\u{1b}[31m such\u{202e} one").into_response())
            .await;
    let git = Git::new(GitOptions::default()).unwrap();
    let url = server.url("/o/r.git").parse().unwrap();
    let error = git.resolve(&url, &Credentials::Anonymous, "main").await.unwrap_err();
    assert!(matches!(error, GitError::NotFound { .. }), "{error}");
    let plain = !error.to_string().contains(['\u{1b}', '\r', '\u{202e}']);
    assert!(plain && error.to_string().contains("such one"), "{error}");
}
