#![expect(clippy::unwrap_used, reason = "tests")]
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::response::{IntoResponse as _, Response};

use super::*;
use crate::oci::Login;

const MANIFEST: &[u8] = b"{}";

/// A registry that wants a login and speaks plain http.
struct Private {
    port: u16,
    /// The `Authorization` header of each request; empty if there was none.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Private {
    async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, asked) = (listener.local_addr().unwrap().port(), Arc::<Mutex<Vec<String>>>::default());
        let seen = asked.clone();
        let answer = move |request: Request| {
            let login = request.headers().get(AUTHORIZATION).map_or("", |value| value.to_str().unwrap());
            seen.lock().unwrap().push(login.to_owned());
            let answer = answer(login);
            async { answer }
        };
        tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await });
        Self { port, asked }
    }

    /// The address as a form of 127.0.0.1 that the rule for loopback addresses does not match, so https is tried
    /// first.
    fn host(&self) -> String {
        format!("127.1:{}", self.port)
    }

    fn image(&self, more: &str) -> ImageRef {
        format!("{}/a{more}", self.host()).parse().unwrap()
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    fn rights(&self, client: LazyClient, insecure: &[String]) -> PullRights {
        let login = Login::Password { user: "ci".to_owned(), password: "hunter2".into() };
        let logins = Arc::new(Auth::default().with(&self.host(), login));
        let insecure = insecure.iter().cloned().collect();
        PullRights::new(logins, client, &insecure, PullAnswers::default())
    }
}

fn pinned() -> String {
    format!("@{}", crate::oci::artifact::digest(MANIFEST))
}

fn answer(login: &str) -> Response {
    match login.is_empty() {
        true => (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Basic realm=\"r\"")]).into_response(),
        false => MANIFEST.into_response(),
    }
}

#[tokio::test]
async fn a_login_goes_over_plain_http_only_where_that_is_said() {
    let private = Private::start().await;
    let rights = private.rights(LazyClient::default(), &[]);
    let error = rights.check(&private.image(&pinned())).await.unwrap_err();
    assert!(matches!(error, PullRightError::Refused { .. }), "{error}");
    assert!(error.to_string().contains("--insecure-registries"), "{error}");
    assert_eq!(private.asked(), [""]);

    let named = LazyClient::default().with_insecure([private.host()]);
    for rights in [private.rights(named, &[]), private.rights(LazyClient::default(), &[private.host()])] {
        rights.check(&private.image(&pinned())).await.unwrap();
        let asked = private.asked();
        assert!(asked.len() == 2 && asked[1].starts_with("Basic "), "{asked:?}");
    }
}

#[tokio::test]
async fn an_image_is_asked_about_once_whatever_its_tag() {
    let private = Private::start().await;
    let named = LazyClient::default().with_insecure([private.host()]);
    let rights = private.rights(named, &[]);
    let image = private.image(&pinned());
    let all = futures_util::future::join_all((0..20).map(|_| rights.check(&image))).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    for name in [format!(":1{}", pinned()), format!(":2{}", pinned())] {
        rights.check(&private.image(&name)).await.unwrap();
    }
    // The daemon resolves these itself, and then asks again.
    rights.check(&private.image(":1")).await.unwrap();
    assert_eq!(private.asked().len(), 2);
    // A refusal is not kept.
    for _ in 0..2 {
        let other = format!("@sha256:{}", "0".repeat(64));
        assert!(rights.check(&private.image(&other)).await.is_err());
        assert_eq!(private.asked().len(), 2);
    }
}

#[tokio::test]
async fn one_build_asks_about_so_many_images_and_no_more() {
    let mirrored = LazyClient::default().with_mirrored(["R.example:5000".to_owned()]);
    let private = Private::start().await;
    let rights = private.rights(mirrored, &[]);
    for number in 0..IMAGES {
        let _ = rights.answers.about(number.to_string());
    }
    let error = rights.check(&private.image(&pinned())).await.unwrap_err();
    assert!(error.to_string().contains("one build reads 500 images at most"), "{error}");
    assert_eq!(private.asked(), [""; 0]);
    // These are allowed without a request.
    rights.check(&format!("r.example:5000/a{}", pinned()).parse().unwrap()).await.unwrap();
}
