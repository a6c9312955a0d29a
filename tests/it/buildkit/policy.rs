//! Git contexts, and which repositories a build may read.

use argo_buildkit::buildkit::Kind;
use argo_buildkit::outcome::Fault;

use super::*;
use crate::support::git::GitServer;

const PASSWORD: &str = "git-hunter2";

fn with_token(git: &GitServer) -> Session {
    // As a secret's file often is.
    Session::default().with_git_token(&git.url("any"), &format!("{PASSWORD}\n").into())
}

fn git_server() -> GitServer {
    // BuildKit's user name for GIT_AUTH_TOKEN (`source/git/source.go`).
    GitServer::start("x-access-token", PASSWORD)
}

#[tokio::test]
async fn a_private_repository_is_built_and_kept_from_others() {
    let daemon = Buildkitd::start("");
    let client = Buildkit::new(daemon.address().parse().unwrap(), None);
    let git = git_server();
    let files =
        [("svc/Dockerfile", "FROM scratch\nCOPY --from=lib /lib.txt /\nCOPY a.txt /\n"), ("svc/a.txt", "a")];
    let ours = git.create("shop/ours", &files);
    let lib = git.create("shop/lib", &[("lib.txt", "secret source")]);
    let context = format!("{}#{ours}:svc", git.url("shop/ours"));
    let lib_context = format!("{}#{lib}", git.url("shop/lib"));
    let solve = |allowed: &[&str]| Solve {
        reference: reference("it"),
        attrs: attrs(&[("context", &context), ("context:lib", &lib_context)]),
        allowed_git: Some(allowed.iter().map(|name| git.url(name)).collect()),
        ..Solve::default()
    };

    let unauthorised =
        run(&client, &solve(&["shop/ours", "shop/lib"]), Session::default()).await.unwrap_err();
    assert_eq!((unauthorised.kind, unauthorised.fault), (Kind::Git, Fault::User), "{unauthorised}");
    run(&client, &solve(&["shop/ours", "shop/lib"]), with_token(&git)).await.unwrap();

    // The hole: what the daemon has once fetched, it gives to anyone.
    let theft =
        |allowed| Solve { allowed_git: allowed, ..inline(&format!("FROM scratch\nADD {lib_context} /\n")) };
    run(&client, &theft(None), Session::default()).await.unwrap();
    // Closed, for ADD and for named contexts.
    for stolen in [theft(Some(vec![git.url("shop/ours")])), theft(Some(Vec::new())), solve(&["shop/ours"])] {
        let denied = run(&client, &stolen, Session::default()).await.unwrap_err();
        assert_eq!((denied.kind, denied.fault), (Kind::Denied, Fault::User), "{denied}");
        assert!(denied.message.contains("shop/lib.git") && denied.message.contains("`contexts`"), "{denied}");
    }
    assert!(!daemon.log().contains(PASSWORD));
}

#[tokio::test]
async fn what_git_lacks_is_the_users() {
    let daemon = Buildkitd::start("");
    let client = Buildkit::new(daemon.address().parse().unwrap(), None);
    let git = git_server();
    git.create("shop/ours", &[("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n"), ("sub/a", "a")]);
    let url = git.url("shop/ours");
    let missing = "0123456789012345678901234567890123456789";
    let rows = [
        (format!("{url}#nobranch"), vec![], Kind::Git, "check `revision`"),
        (format!("{url}#{missing}"), vec![], Kind::Git, "check `revision`"),
        (format!("{url}#main:nosub"), vec![], Kind::Dockerfile, "check `subdir`"),
        (format!("{url}#main:sub"), vec![], Kind::Dockerfile, "check `dockerfile`"),
        (format!("{url}#main"), vec![("filename", "Other")], Kind::Dockerfile, "check `dockerfile`"),
        (git.url("shop/absent"), vec![], Kind::Git, "check the Git secret"),
        (url.trim_end_matches(".git").to_owned(), vec![], Kind::Git, "must end in `.git`"),
        ("http://127.0.0.1:1/a.git".to_owned(), vec![], Kind::Git, "try again later"),
    ];
    for (context, mut extra, kind, words) in rows {
        extra.push(("context", &context));
        let solve = Solve { reference: reference("it"), attrs: attrs(&extra), ..Solve::default() };
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
    git.create_with_submodule("shop/ours", &files, ("lib", &lib));
    let solve = |context: String| Solve {
        reference: reference("it"),
        attrs: attrs(&[("context", &context)]),
        allowed_git: Some(vec![git.url("shop/ours")]),
        ..Solve::default()
    };
    let url = git.url("shop/ours");
    let error = run(&client, &solve(format!("{url}#main")), with_token(&git)).await.unwrap_err();
    assert_eq!((error.kind, error.fault), (Kind::Git, Fault::User), "{error}");
    assert!(error.message.contains("set `submodules: false`"), "{error}");
    run(&client, &solve(format!("{url}?ref=main&submodules=false")), with_token(&git)).await.unwrap();
}
