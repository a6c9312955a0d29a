//! The client of registries: the right to push, the description of an image, its log; and token servers.

use argo_buildkit::oci::{Auth, BuildArtifact, ImageRef, LazyClient, OciError, Registry, RegistryTimeLimits};
use argo_buildkit::outcome::Fault;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, HOST, WWW_AUTHENTICATE};
use axum::response::IntoResponse as _;
use serde_json::json;

use super::{
    HOUR, LIMIT, LIMIT_TEXT, beside, names, through_first_holes, through_holes, through_holes_to_the_last,
};
use crate::support::net::unique;
use crate::support::shared::{World, shared_registry};

const LIMITS: RegistryTimeLimits = RegistryTimeLimits { connect: LIMIT, silence: LIMIT, whole: HOUR };

fn registry(limits: RegistryTimeLimits) -> Registry {
    Registry::new(LazyClient::default().with_limits(limits))
}

/// `name` as it is at `host`.
fn image(host: &str, name: &str) -> ImageRef {
    format!("{host}/{name}").parse().unwrap()
}

fn given_up(error: &OciError, host: &str) {
    assert_eq!(error.fault(), Fault::Transient, "{error:?}");
    names(&error.to_string(), host, LIMIT_TEXT);
}

#[tokio::test]
async fn a_registry_that_does_not_describe_an_image_is_given_up() {
    let world = World::shared().await;
    let name = world.busybox.split_once('/').unwrap().1;
    let describe =
        async |host: String| registry(LIMITS).describe(&image(&host, name), &Auth::default(), true).await;
    through_holes_to_the_last(world.registry.host(), describe, given_up).await;
}

#[tokio::test]
async fn a_request_that_takes_too_long_on_the_whole_is_given_up() {
    let world = World::shared().await;
    let name = world.busybox.split_once('/').unwrap().1;
    let limits = RegistryTimeLimits { connect: HOUR, silence: HOUR, whole: LIMIT };
    let describe =
        async |host: String| registry(limits).describe(&image(&host, name), &Auth::default(), true).await;
    through_holes_to_the_last(world.registry.host(), describe, given_up).await;
}

#[tokio::test]
async fn a_registry_that_does_not_say_who_may_push_is_given_up() {
    let name = unique("silent");
    let ask =
        async |host: String| registry(LIMITS).may_push(&image(&host, &name), &Auth::default(), true).await;
    // A begun upload is cancelled, if that works.
    through_first_holes(shared_registry().host(), ask, given_up).await;
}

#[tokio::test]
async fn a_registry_that_does_not_show_a_log_is_given_up() {
    let world = World::shared().await;
    let name = world.busybox.split_once('/').unwrap().1;
    let read = async |host: String| registry(LIMITS).log(&image(&host, name), &Auth::default(), true).await;
    through_holes(world.registry.host(), read, given_up).await;
}

#[tokio::test]
async fn a_registry_that_does_not_take_a_log_is_given_up() {
    let name = unique("silent");
    let attach = async |host: String| {
        let log = BuildArtifact::new(vec![0x1f, 0x8b], None, unique("2026"), [].into());
        registry(LIMITS).attach(&log, &image(&host, &name), Some("log"), &Auth::default(), true).await
    };
    through_holes(shared_registry().host(), attach, given_up).await;
}

#[tokio::test]
async fn a_token_server_that_is_silent_is_given_up() {
    let registry_host = with_tokens().await;
    let describe = async |host: String| {
        let auth = json!({"auths": {&host: {"username": "user", "password": "password"}}});
        let auth = Auth::from_docker_config(auth.to_string().as_bytes()).unwrap();
        registry(LIMITS).describe(&image(&host, "a"), &auth, true).await
    };
    through_holes(&registry_host, describe, given_up).await;
}

/// The address of a registry that has nothing, and is its own token server under any name.
async fn with_tokens() -> String {
    let answer = |request: Request| async move {
        let host = request.headers()[HOST].to_str().unwrap().to_owned();
        if request.uri().path() == "/token" {
            return axum::Json(json!({"token": "t"})).into_response();
        }
        if request.headers().contains_key(AUTHORIZATION) {
            return (StatusCode::NOT_FOUND, "there is no such image").into_response();
        }
        let challenge = format!("Bearer realm=\"http://{host}/token\",service=\"{host}\"");
        (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, challenge)]).into_response()
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let router = axum::Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, router).await });
    host
}

#[tokio::test]
async fn others_ask_a_registry_while_one_waits_for_it() {
    let world = World::shared().await;
    let name = world.busybox.split_once('/').unwrap().1;
    let patient = RegistryTimeLimits { connect: HOUR, silence: HOUR, whole: HOUR };
    let make = async |host: String| (registry(patient), image(&host, name));
    let ask = async |(registry, image): &(Registry, ImageRef)| {
        registry.describe(image, &Auth::default(), true).await
    };
    beside(world.registry.host(), make, ask, ask).await.unwrap();
}
