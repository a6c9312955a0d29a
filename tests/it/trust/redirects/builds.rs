//! Any image in a Dockerfile may be on an attacker's registry, and the daemon makes us fetch its tokens.

use std::sync::Arc;

use argo_buildkit::buildkit::{BuildError, Buildkit, Progress, Session, Solve, Solved};
use argo_buildkit::oci::{Auth, LazyClient, Login, TokenServers};
use argo_buildkit::outcome::Fault;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use tokio::sync::watch;

use super::{INNER_SECRET, inner, registry, unseen};
use crate::support::net::unique;
use crate::support::scripted::{Scripted, ok, redirect};
use crate::support::shared::shared_buildkitd;

async fn build(from: &Scripted, session: Session) -> Result<Solved, BuildError> {
    let client = Buildkit::new(shared_buildkitd().address().parse().unwrap(), None);
    let dockerfile = format!("FROM {}/x/y:1\n", from.host());
    let solve = Solve {
        reference: unique(&format!("redirects-{}", std::process::id())),
        inline_dockerfile: Some(dockerfile),
        ..Solve::default()
    };
    let (progress, _) = watch::channel(Progress::default());
    client.solve(&solve, session, &progress).await
}

fn with(token_servers: TokenServers) -> Session {
    Session { client: LazyClient::default().with_token_servers(token_servers), ..Session::default() }
}

#[tokio::test]
async fn an_images_registry_does_not_have_us_fetch_from_within() {
    let inner = inner().await;
    let policy = || TokenServers::default().only_named();
    // Another server; the registry's own server, which redirects to another; the same with a status that keeps the
    // method.
    for (realm, status) in [(inner.url("/latest/secret"), 0), ("/token".into(), 302), ("/token".into(), 307)]
    {
        for token_servers in [TokenServers::default(), policy()] {
            let to = inner.url("/latest/secret");
            let attacker = registry(&realm, move |_, asked| match asked.path.starts_with("/token") {
                true => redirect(status, &to),
                false => StatusCode::NOT_FOUND.into_response(),
            })
            .await;
            let error = build(&attacker, with(token_servers)).await.unwrap_err();
            unseen(&inner, &attacker);
            assert!(!attacker.asked().is_empty());
            assert_eq!(error.fault, Fault::User, "{error}");
            assert!(error.to_string().contains("is not asked: it"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_named_token_server_is_asked_for_its_registry_alone() {
    let inner = inner().await;
    let not_found = |_: &str, _: &_| StatusCode::NOT_FOUND.into_response();
    let theirs = registry(&inner.url("/token"), not_found).await;
    let other = registry(&inner.url("/token"), not_found).await;
    let named = format!("{}=http://{}", theirs.host(), inner.host()).parse().unwrap();
    let servers = TokenServers::new(vec![named]).only_named();
    build(&other, with(servers.clone())).await.unwrap_err();
    unseen(&inner, &other);
    build(&theirs, with(servers)).await.unwrap_err();
    assert!(inner.asked().iter().all(|asked| asked.path.starts_with("/token?service=s&scope=")));
    assert!(theirs.asked().iter().any(|asked| asked.authorization == format!("Bearer {INNER_SECRET}")));
}

#[tokio::test]
async fn no_realm_leads_to_metadata_or_out_of_https() {
    for (realm, says) in [
        ("https://169.254.169.254/token", "169.254.169.254 is a link-local address"),
        ("https://[::ffff:a9fe:a9fe]/token", "is a link-local address"),
        ("https://2852039166/token", "169.254.169.254 is a link-local address"),
        ("https://100.100.100.200/token", "the address of a cloud's metadata service"),
        ("https://localhost:1/token", "is a private or loopback address"),
        ("https://10.0.0.1/token", "10.0.0.1 is a private or loopback address"),
        ("http://r.example/token", "another is asked over https alone"),
    ] {
        let attacker = registry(realm, |_, _| StatusCode::NOT_FOUND.into_response()).await;
        let error = build(&attacker, Session::default()).await.unwrap_err();
        assert!(error.to_string().contains(says), "{realm}: {error}");
        assert_eq!(error.fault, Fault::User, "{realm}: {error}");
        assert!(attacker.asked().iter().all(|asked| asked.authorization.is_empty()));
    }
}

#[tokio::test]
async fn a_redirect_within_one_server_is_followed_with_the_login() {
    let registry = registry("/token", |_, asked| match asked.path.split('?').next() {
        Some("/token") => redirect(307, &asked.path.replacen("/token", "/moved", 1)),
        Some("/moved") => ok("application/json", r#"{"token": "own"}"#),
        _ => StatusCode::NOT_FOUND.into_response(),
    })
    .await;
    let login = Login::Password { user: "ci".to_owned(), password: "hunter2".into() };
    let registries = Arc::new(Auth::default().with(registry.host(), login));
    build(&registry, Session { registries, ..Session::default() }).await.unwrap_err();
    let asked = registry.asked();
    let moved = asked.iter().find(|asked| asked.path.starts_with("/moved?service=s")).unwrap();
    assert!(moved.authorization.starts_with("Basic "), "{asked:?}");
    assert!(asked.iter().any(|asked| asked.authorization == "Bearer own"), "{asked:?}");
}

#[derive(clap::Parser)]
struct Settings {
    #[command(flatten)]
    peers: argo_buildkit::config::PeerOptions,
}

#[tokio::test]
async fn where_a_policy_is_set_no_public_token_server_is_asked_unless_it_is_named() {
    use clap::Parser as _;
    let attacker =
        registry("https://tokens.invalid/token", |_, _| StatusCode::NOT_FOUND.into_response()).await;
    let metrics = || Arc::new(argo_buildkit::metrics::Metrics::new());
    let policy = || Some(argo_buildkit::policy::Policy::parse("p", "namespaces: {}").unwrap());
    let session = |named: &str, policy| {
        let Settings { peers } = Settings::parse_from(["x", "--token-servers", named]);
        let client = peers.shared_engine(metrics(), "sa", policy, None).unwrap().registry.client();
        Session { client, ..Session::default() }
    };
    let named = format!("{}=https://tokens.invalid", attacker.host());
    for (named, policy, says) in [
        ("r.io=https://tokens.invalid", policy(), "under a policy no other is asked unless it is named"),
        ("r.io=https://tokens.invalid", None, "cannot reach the token server https://tokens.invalid"),
        (named.as_str(), policy(), "cannot reach the token server https://tokens.invalid"),
    ] {
        let error = build(&attacker, session(named, policy)).await.unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
}
