//! Logins: no Dockerfile finds a login that its step did not give to it, and no login is sent to a wrong server.

use serde_json::json;

use super::rival::{OWN_SERVER, OWN_SERVER_TURN, Rival};
use crate::cluster::{NODE, gitea, output};
use crate::support::login_recorder::LoginRecorder;
use crate::support::sshd::key_pair;

/// Every id under which BuildKit's Git source would ask for the login of this context.
const LOGINS: &str = "FROM BASE\nRUN MOUNTS cat /logins/* 2>/dev/null > /found; [ ! -s /found ]\n";

#[tokio::test]
async fn a_dockerfile_finds_no_login_of_its_own_context() {
    let rival = Rival::shared().await;
    let ids = ["GIT_AUTH_HEADER", "GIT_AUTH_TOKEN"];
    let ids =
        ids.iter().flat_map(|id| [(*id).to_owned(), format!("{id}.{NODE}:3000"), format!("{id}.{NODE}")]);
    let mounts: Vec<_> = ids
        .map(|id| format!("--mount=type=secret,id={id},target=/logins/{}", id.replace(['.', ':'], "-")))
        .collect();
    rival.builds(&LOGINS.replace("MOUNTS", &mounts.join(" "))).succeeds();
}

/// No key, if the step names none. The key of the context is not available either.
#[tokio::test]
async fn a_dockerfile_gets_no_ssh_key_that_its_step_does_not_name() {
    let rival = Rival::shared().await;
    let (key, port) = (key_pair(), gitea().ssh_port().to_string());
    gitea().ssh_key(&rival.user, &key.public).await;
    let scanned = output("ssh-keyscan", &["-p", &port, NODE]).stdout;
    let known_hosts = String::from_utf8(scanned).unwrap();
    let literals = [("ssh-privatekey", &*key.private), ("known_hosts", &*known_hosts)];
    rival.secret("deploy-key", &literals, Some((&format!("{NODE}:{port}"), "git")));
    rival.secret("build-key", &[("ssh-privatekey", &key_pair().private)], Some(("", "build")));
    let url = format!("ssh://root@{NODE}:{port}/{}.git", rival.repository.full_name());
    let context = json!({"repo": url, "revision": "main", "secret": "deploy-key"});
    let mounts = "FROM BASE\nRUN --mount=type=ssh --mount=type=ssh,id=git --mount=type=ssh,id=deploy-key";
    let none = format!("{mounts} ! ls /run/buildkit/ssh_agent.* && [ ! -S \"$SSH_AUTH_SOCK\" ]\n");
    rival.submit(&none, json!({"context": context}), json!({})).succeeds();
    // The same command finds a key that is named.
    let named = json!({"context": context, "ssh": [{"id": "git", "secret": "build-key"}]});
    let message = rival.submit(&none, named, json!({})).refused();
    assert!(message.contains("exited with 1"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_sent_to_no_server_that_its_secret_does_not_name() {
    let rival = Rival::shared().await;
    let _turn = OWN_SERVER_TURN.lock().await;
    let taker = LoginRecorder::start(OWN_SERVER).await;
    let login = [("username", "u"), ("password", "hunter2")];
    rival.secret("bound", &login, Some((&format!("{NODE}:3000"), "git")));
    rival.secret("unbound", &login, None);
    rival.secret("his-own", &login, Some((OWN_SERVER, "git")));
    let context = |secret: &str| json!({"repo": taker.url("a/b.git"), "revision": "main", "secret": secret});
    let other = json!({"contexts": {"other": context("bound")}});
    let refused = [
        (json!({"context": context("bound")}), "is bound to git at"),
        (other, "is bound to git at"),
        (json!({"context": context("unbound")}), "--require-bound-secrets"),
    ];
    for (fields, why) in refused {
        let message = rival.submit("FROM BASE\n", fields, json!({})).refused();
        assert!(message.contains(why) && message.contains("nothing was sent"), "{message}");
    }
    assert_eq!(taker.given(), [""; 0], "nobody has logged in there");
    // A Secret that is bound to the server is sent there, so the others could have been sent too.
    rival.submit("FROM BASE\n", json!({"context": context("his-own")}), json!({})).refused();
    assert!(!taker.given().is_empty());
}
