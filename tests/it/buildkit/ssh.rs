//! Git over ssh; our process holds the key.

use argo_buildkit::buildkit::BuildErrorKind;
use argo_buildkit::outcome::Fault;

use super::*;
use crate::support::git::GitServer;
use crate::support::sshd::Sshd;

fn with_key(key: &str) -> Session {
    Session { ssh: [("default".to_owned(), key.into())].into(), ..Session::default() }
}

#[tokio::test]
async fn a_repository_is_fetched_with_the_forwarded_key_alone() {
    let daemon = Buildkitd::start("");
    let client = Buildkit::new(daemon.address().parse().unwrap(), None);
    let (git, sshd) = (GitServer::start("nobody", "nothing"), Sshd::start());
    let sha = git.create("ours", &[("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")]);
    let url = sshd.url(&git.path("ours"));
    let context = format!("{url}#{sha}");
    let solve = || Solve {
        reference: reference("it"),
        attrs: attrs(&[("context", &context)]),
        allowed_git: vec![source(&url, &sha)],
        ..Solve::default()
    };

    let wrong = run(&client, &solve(), with_key(&sshd.other_key())).await.unwrap_err();
    assert_eq!((wrong.kind, wrong.fault), (BuildErrorKind::Git, Fault::User), "{wrong}");
    let missing = run(&client, &solve(), Session::default()).await.unwrap_err();
    assert_eq!((missing.kind, missing.fault), (BuildErrorKind::Secret, Fault::User), "{missing}");
    let rubbish = run(&client, &solve(), with_key("hunter2")).await.unwrap_err();
    assert_eq!((rubbish.kind, rubbish.fault), (BuildErrorKind::Secret, Fault::User), "{rubbish}");
    assert!(!rubbish.message.contains("hunter2"), "{rubbish}");
    let solved = run(&client, &solve(), with_key(sshd.client_key().trim())).await.unwrap();
    assert_eq!(solved.total_steps, 1);
}
