//! Registries that demand a login.

use std::sync::Arc;

use argo_buildkit::buildkit::BuildErrorKind;
use argo_buildkit::oci::{Auth, Login, Registry as Client};
use argo_buildkit::outcome::Fault;

use super::*;
use crate::support::buildctl;
use crate::support::registry_proxy::{AuthScheme, RegistryProxy};

const PASSWORD: &str = "registry-hunter2";

fn logged_in(host: &str, password: &str) -> Session {
    let login = Login::Password { user: "ci".to_owned(), password: password.into() };
    Session { registries: Arc::new(Auth::default().with(host, login)), ..Session::default() }
}

fn push_to(host: &str) -> Solve {
    let name = format!("{host}/a:1");
    Solve { exporters: vec![image(&[&name], true)], ..inline("FROM scratch\nCOPY .dockerignore /x\n") }
}

#[tokio::test]
async fn a_bearer_registrys_password_never_reaches_the_daemon() {
    let daemon = Buildkitd::start("");
    let client = Buildkit::new(daemon.address().parse().unwrap(), None);
    let registry = Registry::start();
    let proxy = RegistryProxy::start(AuthScheme::Bearer, "ci", PASSWORD, registry.host()).await;

    let refused = run(&client, &push_to(proxy.host()), logged_in(proxy.host(), "wrong")).await.unwrap_err();
    assert_eq!((refused.kind, refused.fault), (BuildErrorKind::Registry, Fault::User), "{refused}");
    let anonymous = run(&client, &push_to(proxy.host()), Session::default()).await.unwrap_err();
    assert_eq!((anonymous.kind, anonymous.fault), (BuildErrorKind::Registry, Fault::User), "{anonymous}");

    let solved = run(&client, &push_to(proxy.host()), logged_in(proxy.host(), PASSWORD)).await.unwrap();
    let requests = proxy.requests();
    let (tokens, others): (Vec<_>, Vec<_>) = requests.iter().partition(|k| k.path == "/token");
    assert!(!tokens.is_empty());
    // The daemon's user agent is buildkit or Go; ours is empty.
    assert!(tokens.iter().all(|k| k.agent.is_empty()), "{tokens:?}");
    assert!(
        others.iter().all(|k| k.authorization.is_empty() || k.authorization.starts_with("Bearer ")),
        "{others:?}"
    );
    assert!(!daemon.log().contains(PASSWORD));

    let image = format!("{}/a:1", proxy.host()).parse().unwrap();
    let auth = logged_in(proxy.host(), PASSWORD).registries;
    let found = Client::default().manifest_exists(&image, &auth, true).await.unwrap();
    assert_eq!(found, solved.digest);
    let nobody = Client::default().manifest_exists(&image, &Auth::default(), true).await.unwrap_err();
    assert_eq!(nobody.fault(), Fault::User, "{nobody}");
}

#[tokio::test]
async fn one_sessions_token_is_no_other_logins() {
    let daemon = Buildkitd::start("");
    let client = Buildkit::new(daemon.address().parse().unwrap(), None);
    let registry = Registry::start();
    let proxy = RegistryProxy::start(AuthScheme::Bearer, "ci", PASSWORD, registry.host()).await;
    run(&client, &push_to(proxy.host()), logged_in(proxy.host(), PASSWORD)).await.unwrap();
    // The daemon still holds the first session's token.
    let other = run(&client, &push_to(proxy.host()), logged_in(proxy.host(), "other")).await.unwrap_err();
    assert_eq!((other.kind, other.fault), (BuildErrorKind::Registry, Fault::User), "{other}");
}

#[tokio::test]
async fn a_client_that_shares_its_password_does_not_make_us_share_ours() {
    let daemon = Buildkitd::start("");
    let client = Buildkit::new(daemon.address().parse().unwrap(), None);
    let registry = Registry::start();
    let proxy = RegistryProxy::start(AuthScheme::Bearer, "ci", PASSWORD, registry.host()).await;
    let (address, host) = (daemon.address().to_owned(), proxy.host().to_owned());
    // This leaves a login without an authority in the daemon, which then requests ours to compare it.
    let other = move || buildctl::push_sharing_the_password(&address, &host, "ci", PASSWORD);
    tokio::task::spawn_blocking(other).await.unwrap();
    let before = proxy.requests().len();
    run(&client, &push_to(proxy.host()), logged_in(proxy.host(), PASSWORD)).await.unwrap();
    let tokens: Vec<_> =
        proxy.requests().split_off(before).into_iter().filter(|k| k.path == "/token").collect();
    assert!(!tokens.is_empty() && tokens.iter().all(|k| k.agent.is_empty()), "{tokens:?}");
}

#[tokio::test]
async fn a_basic_registry_gets_the_login_itself() {
    let daemon = Buildkitd::start("");
    let client = Buildkit::new(daemon.address().parse().unwrap(), None);
    let registry = Registry::start();
    let proxy = RegistryProxy::start(AuthScheme::Basic, "ci", PASSWORD, registry.host()).await;
    let refused = run(&client, &push_to(proxy.host()), logged_in(proxy.host(), "wrong")).await.unwrap_err();
    assert_eq!((refused.kind, refused.fault), (BuildErrorKind::Registry, Fault::User), "{refused}");
    let solved = run(&client, &push_to(proxy.host()), logged_in(proxy.host(), PASSWORD)).await.unwrap();
    let image = format!("{}/a:1", proxy.host()).parse().unwrap();
    let auth = logged_in(proxy.host(), PASSWORD).registries;
    let found = Client::default().manifest_exists(&image, &auth, true).await.unwrap();
    assert_eq!(found, solved.digest);
}

#[tokio::test]
async fn an_absent_registry_may_come_back() {
    let daemon = Buildkitd::start("");
    let client = Buildkit::new(daemon.address().parse().unwrap(), None);
    let error = run(&client, &push_to("127.0.0.1:1"), Session::default()).await.unwrap_err();
    assert_eq!((error.kind, error.fault), (BuildErrorKind::Registry, Fault::Transient), "{error}");
    let image = "127.0.0.1:1/a:1".parse().unwrap();
    let error = Client::default().manifest_exists(&image, &Auth::default(), true).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Transient, "{error}");
}
