//! Missing rights, and repositories that do not exist.

use argo_buildkit::forge::{FilesWrite, Forge, ForgeError, ForgeOptions, ForgeRepository, PullRequest};
use argo_buildkit::outcome::{Fault, chain};
use reqwest::Method;
use serde_json::json;

use super::{Bench, wanted};
use crate::support::certificates::Authority;
use crate::support::net::free_port;
use crate::support::process::Process;

#[tokio::test]
async fn a_token_without_the_scope_is_told_which() {
    let bench = Bench::with(&["read:repository"]).await;
    let error = bench.ensure(&wanted()).await.unwrap_err();
    assert!(matches!(error, ForgeError::Login { .. }), "{error:?}");
    let text = error.to_string();
    assert!(
        text.contains("give it the scope `write:repository`") && text.contains(&bench.gitea.url()),
        "{text}"
    );
    assert!(text.contains(&format!("open a pull request in `{}`", bench.repo.full_name())), "{text}");

    let bench = Bench::with(&["write:issue"]).await;
    let error = bench.ensure(&wanted()).await.unwrap_err();
    assert!(error.to_string().contains("give it the scope `read:repository`"), "{error}");
}

#[tokio::test]
async fn labels_without_their_scope_are_a_warning() {
    let bench = Bench::with(&["write:repository"]).await;
    let pull = bench.ensure(&PullRequest { labels: vec!["deploy".to_owned()], ..wanted() }).await.unwrap();
    let [warning] = &pull.warnings[..] else { panic!("{pull:?}") };
    assert!(warning.contains("give it the scope `write:issue`") && warning.contains("deploy"), "{warning}");
    assert!(pull.created);
}

#[tokio::test]
async fn a_wrong_token_is_a_login_error_that_does_not_show_it() {
    let bench = Bench::with(&["write:repository"]).await;
    let bench = Bench { token: "0123456789abcdef0123456789abcdef01234567".into(), ..bench };
    let error = bench.ensure(&wanted()).await.unwrap_err();
    assert!(matches!(error, ForgeError::Login { .. }), "{error:?}");
    assert_eq!(error.fault(), Fault::User);
    assert!(!format!("{error} {error:?}").contains("0123456789abcdef"), "{error:?}");
    let bench = Bench { token: "line\nbreak-hunter2".into(), ..bench };
    let error = bench.ensure(&wanted()).await.unwrap_err();
    assert!(
        matches!(error, ForgeError::Local { .. }) && !format!("{error:?}").contains("hunter2"),
        "{error:?}"
    );
}

#[tokio::test]
async fn what_is_not_there_is_missing() {
    let bench = Bench::with(&["write:repository"]).await;
    let nowhere = PullRequest { head: "nowhere".to_owned(), ..wanted() };
    let error = bench.ensure(&nowhere).await.unwrap_err();
    assert!(matches!(error, ForgeError::Missing { .. }), "{error:?}");
    let stranger = bench.gitea.user("stranger").await;
    let bench = Bench { token: bench.gitea.token(&stranger, &["all"]).await.into(), ..bench };
    let error = bench.ensure(&wanted()).await.unwrap_err();
    assert!(matches!(error, ForgeError::Missing { .. }), "{error:?}");
    assert!(error.to_string().contains("may see the repository"), "{error}");
}

#[tokio::test]
async fn a_reader_may_not_write() {
    let bench = Bench::with(&["write:repository"]).await;
    let reader = bench.gitea.user("reader").await;
    bench.repo.grant(&reader, "read").await;
    let token = bench.gitea.token(&reader, &["all"]).await.into();
    let bench = Bench { token, ..bench };
    let write = super::files::write("main", Vec::new());
    let write = FilesWrite { files: vec![super::files::new("a.txt", "a\n")], ..write };
    let error = bench.forge.write_files(&bench.repository, &bench.token, &write).await.unwrap_err();
    assert_eq!(error.fault(), Fault::User, "{error:?}");
}

#[tokio::test]
async fn an_archived_repository_is_named_so() {
    let bench = Bench::with(&["write:repository"]).await;
    bench.repo.archive().await;
    let write = super::files::write("main", vec![super::files::new("a.txt", "a\n")]);
    let written = bench.forge.write_files(&bench.repository, &bench.token, &write).await;
    for error in [bench.ensure(&wanted()).await.unwrap_err(), written.unwrap_err()] {
        assert!(matches!(error, ForgeError::Refused { .. }), "{error:?}");
        assert!(error.to_string().contains("is archived; unarchive it"), "{error}");
    }
}

#[tokio::test]
async fn a_renamed_repository_is_found_under_its_new_name() {
    let bench = Bench::with(&["write:repository"]).await;
    let name = crate::support::net::unique("renamed");
    bench.call(Method::PATCH, "", Some(json!({"name": name}))).await;
    let now = format!("{}/{name}", bench.owner);
    let pull = bench.ensure(&wanted()).await.unwrap();
    assert!(pull.created && pull.url.contains(&now), "{pull:?}");
    let [warning] = &pull.warnings[..] else { panic!("{pull:?}") };
    assert!(warning.contains(&format!("is now `{now}`")), "{warning}");
    let write = super::files::write("main", vec![super::files::new("a.txt", "a\n")]);
    bench.forge.write_files(&bench.repository, &bench.token, &write).await.unwrap();
}

#[tokio::test]
async fn a_token_goes_to_no_other_host() {
    use axum::response::Redirect;
    let bench = Bench::with(&["write:repository"]).await;
    let to = format!("{}/api/v1/repos/{}", bench.gitea.url(), bench.repo.full_name());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("http://{}/o/r.git", listener.local_addr().unwrap());
    let router = axum::Router::new().fallback(move || async move { Redirect::permanent(&to) });
    tokio::spawn(async move { axum::serve(listener, router).await });
    let repository = ForgeRepository::from_clone_url(&proxy, None, None).unwrap();
    let error = bench.forge.pull_request(&repository, &bench.token, &wanted()).await.unwrap_err();
    assert!(matches!(&error.error, ForgeError::Moved { to, .. } if *to == bench.gitea.url()), "{error:?}");
}

#[tokio::test]
async fn a_branch_is_not_asked_into_itself() {
    let bench = Bench::with(&["write:repository"]).await;
    let itself = PullRequest { head: "main".to_owned(), ..wanted() };
    let error = bench.ensure(&itself).await.unwrap_err();
    assert!(matches!(error, ForgeError::Refused { .. }), "{error:?}");
    assert!(error.to_string().contains("no changes between"), "{error}");
}

#[tokio::test]
async fn a_private_authority_is_trusted_when_it_is_given() {
    let (authority, port) = (Authority::new(), free_port());
    let (pair, log) = (authority.sign("forge"), tempfile::tempdir().unwrap());
    // The server answers every request with a web page, like a portal in front of a forge.
    let mut server = std::process::Command::new("openssl");
    server.args(["s_server", "-www", "-accept", &format!("127.0.0.1:{port}")]);
    server.arg("-cert").arg(&pair.cert).arg("-key").arg(&pair.key);
    let mut server = Process::spawn("openssl", server, &log.path().join("log"));
    server.wait_until("for its port", |_| std::net::TcpStream::connect(("127.0.0.1", port)).ok());
    let url = format!("https://127.0.0.1:{port}/o/r.git");
    let repository = ForgeRepository::from_clone_url(&url, None, None).unwrap();
    let ask = async |ca_bundle| {
        let forge = Forge::new(ForgeOptions { ca_bundle, ..ForgeOptions::default() }).unwrap();
        forge.pull_request(&repository, &"hunter2".into(), &wanted()).await.unwrap_err()
    };
    let error = ask(Some(authority.ca())).await;
    assert!(matches!(error.error, ForgeError::Unexpected { .. }), "{error:?}");
    assert!(error.to_string().contains("not that of Gitea"), "{error}");
    let error = ask(None).await;
    assert!(matches!(error.error, ForgeError::Unavailable { .. }), "{error:?}");
    assert!(chain(&error).contains("invalid peer certificate"), "{}", chain(&error));

    let nowhere = ForgeOptions { ca_bundle: Some("/nowhere/ca.pem".into()), ..ForgeOptions::default() };
    let error = Forge::new(nowhere).unwrap_err();
    assert!(error.to_string().contains("CA bundle `/nowhere/ca.pem`"), "{error}");
    let no_pem = ForgeOptions { ca_bundle: Some("Cargo.toml".into()), ..ForgeOptions::default() };
    assert!(matches!(Forge::new(no_pem).unwrap_err(), ForgeError::Local { .. }));
}
