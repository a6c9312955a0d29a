//! Git contexts, and the commits that a build may read.

use argo_buildkit::buildkit::{BuildErrorKind, GitSource};
use argo_buildkit::outcome::Fault;

use super::*;
use crate::support::git::GitServer;
use crate::support::sshd::Sshd;

const PASSWORD: &str = "git-hunter2";

fn with_token(git: &GitServer) -> Session {
    let url = git.url("any");
    let host = url.trim_start_matches("http://").split('/').next().unwrap();
    Session {
        secrets: [(format!("GIT_AUTH_TOKEN.{host}"), PASSWORD.as_bytes().to_vec().into())].into(),
        ..Session::default()
    }
}

fn git_server() -> GitServer {
    // BuildKit's user name for GIT_AUTH_TOKEN (`source/git/source.go`).
    GitServer::start("x-access-token", PASSWORD)
}

fn of_context(context: &str, allowed_git: Vec<GitSource>) -> Solve {
    Solve {
        reference: reference("it"),
        attrs: attrs(&[("context", context)]),
        allowed_git,
        ..Solve::default()
    }
}

#[tokio::test]
async fn a_private_repository_is_built_and_kept_from_others() {
    let daemon = Buildkitd::start("");
    let client = Buildkit::new(daemon.address().parse().unwrap(), None);
    let git = git_server();
    let files =
        [("svc/Dockerfile", "FROM scratch\nCOPY --from=lib /lib.txt /\nCOPY a.txt /\n"), ("svc/a.txt", "a")];
    let (ours, lib) = (git.url("shop/ours"), git.url("shop/lib"));
    let ours_sha = git.create("shop/ours", &files);
    let lib_sha = git.create("shop/lib", &[("lib.txt", "secret source")]);
    let (may_ours, may_lib) = (source(&ours, &ours_sha), source(&lib, &lib_sha));
    let solve = |allowed: &[&GitSource]| Solve {
        attrs: attrs(&[
            ("context", &format!("{ours}#{ours_sha}:svc")),
            ("context:lib", &format!("{lib}#{lib_sha}")),
        ]),
        ..of_context("", allowed.iter().copied().cloned().collect())
    };

    let unauthorised = run(&client, &solve(&[&may_ours, &may_lib]), Session::default()).await.unwrap_err();
    assert_eq!((unauthorised.kind, unauthorised.fault), (BuildErrorKind::Git, Fault::User), "{unauthorised}");
    run(&client, &solve(&[&may_ours, &may_lib]), with_token(&git)).await.unwrap();

    // The daemon gives a fetched commit to every build that the policy allows.
    let add = |source: &str, allowed: &[&GitSource]| Solve {
        allowed_git: allowed.iter().copied().cloned().collect(),
        ..inline(&format!("FROM scratch\nADD {source} /\n"))
    };
    let theirs = format!("{lib}#{lib_sha}");
    run(&client, &add(&theirs, &[&may_lib]), Session::default()).await.unwrap();
    for stolen in [
        add(&theirs, &[&may_ours]),
        add(&theirs, &[]),
        solve(&[&may_ours]),
        // The daemon's cache is keyed by the commit alone, so any URL can read it.
        add(&format!("{ours}#{lib_sha}"), &[&may_ours]),
        add(&format!("{ours}#{lib_sha}:."), &[&may_ours]),
        add(&format!("{ours}?ref={lib_sha}"), &[&may_ours]),
        add(&format!("{ours}?ref=main&checksum={lib_sha}&fetch-by-commit=true"), &[&may_ours]),
        add(&format!("{ours}?checksum={lib_sha}&fetch-by-commit=true"), &[&may_ours]),
        add(&format!("{lib}#{ours_sha}"), &[&may_ours, &may_lib]),
        of_context(&format!("{ours}#{lib_sha}"), vec![may_ours.clone()]),
    ] {
        let denied = run(&client, &stolen, Session::default()).await.unwrap_err();
        assert_eq!(
            (denied.kind, denied.fault),
            (BuildErrorKind::Denied, Fault::User),
            "{stolen:?}: {denied}"
        );
        assert!(denied.message.contains(".git") && denied.message.contains("`contexts`"), "{denied}");
    }
    // A checksum beside an allowed commit cannot select another one.
    let both = add(&format!("{ours}?ref={ours_sha}&checksum={lib_sha}&fetch-by-commit=true"), &[&may_ours]);
    let refused = run(&client, &both, with_token(&git)).await.unwrap_err();
    assert_eq!(refused.fault, Fault::User, "{refused}");
    assert!(!daemon.log().contains(PASSWORD));
}

/// Both forms of `engine/build/request.rs`, with every protocol that fetches a repository.
#[tokio::test]
async fn every_form_of_an_allowed_context_passes() {
    let daemon = Buildkitd::start("");
    let client = Buildkit::new(daemon.address().parse().unwrap(), None);
    let (git, sshd) = (git_server(), Sshd::start());
    let files = [("a/b/Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")];
    let sha = git.create("shop/o u+rs", &files);
    let http = git.url("shop/o u+rs").replace(' ', "%20");
    let ssh = sshd.url(&git.path("shop/o u+rs")).replace(' ', "%20");
    // No server listens at these addresses. The daemon has the commit by then.
    let (bare, rooted) = ("git@127.0.0.1:shop/ours.git", "git@127.0.0.1:/srv//shop/ours.git");
    let doubled = http.replace("/shop/", "//shop/./x/../");
    for url in [http.as_str(), &doubled, &ssh, bare, rooted] {
        let session = Session {
            ssh: [("default".to_owned(), sshd.client_key().trim().into())].into(),
            ..with_token(&git)
        };
        for form in [format!("#{sha}:a/b"), format!("?ref={sha}&submodules=false&subdir=a%2Fb")] {
            let context = format!("{url}{form}");
            let built = run(&client, &of_context(&context, vec![source(url, &sha)]), session.clone()).await;
            assert!(built.is_ok(), "{context}: {built:?}");
            let denied = run(&client, &of_context(&context, Vec::new()), session.clone()).await.unwrap_err();
            assert_eq!(denied.kind, BuildErrorKind::Denied, "{context}: {denied}");
        }
    }
}

#[tokio::test]
async fn what_git_lacks_is_the_users() {
    let daemon = Buildkitd::start("");
    let client = Buildkit::new(daemon.address().parse().unwrap(), None);
    let git = git_server();
    let sha = git.create("shop/ours", &[("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n"), ("sub/a", "a")]);
    let (url, absent) = (git.url("shop/ours"), git.url("shop/absent"));
    let missing = "0123456789012345678901234567890123456789";
    let rows = [
        (format!("{url}#{missing}"), vec![], BuildErrorKind::Git, "check `revision`"),
        (format!("{url}#{sha}:nosub"), vec![], BuildErrorKind::Dockerfile, "check `subdir`"),
        (format!("{url}#{sha}:sub"), vec![], BuildErrorKind::Dockerfile, "check `dockerfile`"),
        (
            format!("{url}#{sha}"),
            vec![("filename", "Other")],
            BuildErrorKind::Dockerfile,
            "check `dockerfile`",
        ),
        (format!("{absent}#{missing}"), vec![], BuildErrorKind::Git, "check the Git secret"),
        (url.trim_end_matches(".git").to_owned(), vec![], BuildErrorKind::Git, "must end in `.git`"),
        (format!("http://127.0.0.1:1/a.git#{missing}"), vec![], BuildErrorKind::Git, "try again later"),
    ];
    for (context, mut extra, kind, words) in rows {
        extra.push(("context", &context));
        let allowed = [sha.as_str(), missing].map(|sha| source(&context, sha)).into();
        let solve = Solve { attrs: attrs(&extra), ..of_context("", allowed) };
        let error = run(&client, &solve, with_token(&git)).await.unwrap_err();
        assert_eq!(error.kind, kind, "{context}: {error}");
        assert!(error.message.contains(words), "{context}: {error}");
        let transient = context.contains("127.0.0.1:1/");
        assert_eq!(error.fault == Fault::Transient, transient, "{context}: {error}");
    }
}

#[tokio::test]
async fn a_private_submodule_gets_an_error_that_says_so() {
    let daemon = Buildkitd::start("");
    let client = Buildkit::new(daemon.address().parse().unwrap(), None);
    let git = git_server();
    let lib = git.create("shop/lib", &[("lib.txt", "x")]);
    let modules = format!("[submodule \"lib\"]\n\tpath = lib\n\turl = {}\n", git.url("shop/lib"));
    let files = [("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n"), (".gitmodules", modules.as_str())];
    let url = git.url("shop/ours");
    let sha = git.create_with_submodule("shop/ours", &files, ("lib", &lib));
    let solve = |form: String| of_context(&format!("{url}{form}"), vec![source(&url, &sha)]);
    let error = run(&client, &solve(format!("#{sha}")), with_token(&git)).await.unwrap_err();
    assert_eq!((error.kind, error.fault), (BuildErrorKind::Git, Fault::User), "{error}");
    assert!(error.message.contains("set `submodules: false`"), "{error}");
    run(&client, &solve(format!("?ref={sha}&submodules=false")), with_token(&git)).await.unwrap();
}
