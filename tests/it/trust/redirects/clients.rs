//! Git servers and forges, over http and ssh.

use argo_buildkit::forge::{Forge, ForgeError, ForgeOptions, ForgeRepository};
use argo_buildkit::git::{Credentials, Git, GitError, GitOptions, SshKey};
use argo_buildkit::outcome::Fault;

use super::{inner, unseen};
use crate::support::scripted::{Scripted, redirect};
use crate::support::sshd;

fn basic() -> Credentials {
    Credentials::Basic { user: "ci".to_owned(), token: "hunter2".into() }
}

async fn resolve(url: &str, credentials: Credentials) -> GitError {
    let options = GitOptions { accept_unknown_ssh_hosts: true, ..GitOptions::default() };
    Git::new(options).unwrap().resolve(&url.parse().unwrap(), &credentials, "main").await.unwrap_err()
}

#[tokio::test]
async fn a_git_server_sends_no_login_elsewhere() {
    let inner = inner().await;
    for status in [301, 302, 307, 308] {
        let to = inner.url("/o/r.git/info/refs?service=git-upload-pack");
        let attacker = Scripted::start(move |_, _| redirect(status, &to)).await;
        let error = resolve(&attacker.url("/o/r.git"), basic()).await;
        unseen(&inner, &attacker);
        assert!(matches!(&error, GitError::Redirected { .. }), "{error}");
        assert!(error.to_string().contains(inner.host()), "{error}");
    }
}

#[tokio::test]
async fn no_git_server_is_at_a_metadata_address() {
    let key = || Credentials::Ssh(SshKey { private_key: sshd::key_pair().private.into(), known_hosts: None });
    for url in ["http://169.254.169.254/o/r.git", "https://[::ffff:169.254.169.254]/o/r.git"] {
        let error = resolve(url, basic()).await;
        assert!(
            matches!(error, GitError::Unusable { .. }) && error.to_string().contains("link-local"),
            "{error}"
        );
        assert_eq!(error.fault(), Fault::User);
    }
    for url in
        ["ssh://git@169.254.169.254/o/r.git", "ssh://git@2852039166/o/r.git", "git@100.100.100.200:o/r.git"]
    {
        let error = resolve(url, key()).await;
        assert!(matches!(error, GitError::Unusable { .. }), "{url}: {error}");
        assert!(error.to_string().contains("no request is sent there"), "{url}: {error}");
    }
}

#[tokio::test]
async fn a_forge_sends_no_token_elsewhere_or_to_a_metadata_address() {
    let (inner, forge) = (inner().await, Forge::new(ForgeOptions::default()).unwrap());
    let ask = async |url: &str| {
        let repository = ForgeRepository::from_clone_url(url, None, None).unwrap();
        forge.branch(&repository, &"hunter2".into(), "main").await.unwrap_err()
    };
    for status in [301, 302, 307, 308] {
        let to = inner.url("/api/v1/repos/o/r");
        let attacker = Scripted::start(move |_, _| redirect(status, &to)).await;
        let error = ask(&attacker.url("/o/r.git")).await;
        unseen(&inner, &attacker);
        assert!(matches!(error, ForgeError::Moved { .. }), "{error}");
    }
    let circle = Scripted::start(|_, asked| redirect(302, &asked.path)).await;
    let error = ask(&circle.url("/o/r.git")).await;
    assert!(error.to_string().contains("it redirects to itself again and again"), "{error}");
    let error = ask("http://169.254.169.254/o/r.git").await;
    assert!(
        matches!(error, ForgeError::Refused { .. }) && error.to_string().contains("link-local"),
        "{error}"
    );
}
