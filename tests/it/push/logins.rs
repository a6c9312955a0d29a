//! Logins of a copy: a wrong one is said, and none goes to another server.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use argo_buildkit::outcome::Fault;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::breaks::behind;
use super::{push_with, repository};
use crate::support::images::Repository;
use crate::support::registry_front::RegistryFront;
use crate::support::scripted::redirect;
use crate::support::shared::{World, shared_registry};

/// A directory of Secrets with one login in the Secret `login`.
fn secrets(host: &str, user: &str, password: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("login")).unwrap();
    std::fs::write(directory.path().join("login/.dockerconfigjson"), config(host, user, password)).unwrap();
    directory
}

fn config(host: &str, user: &str, password: &str) -> String {
    json!({"auths": {host: {"auth": STANDARD.encode(format!("{user}:{password}"))}}}).to_string()
}

#[tokio::test]
async fn a_wrong_password_is_a_401_that_says_so() {
    let gitea = World::shared().await.gitea;
    let owner = gitea.user("push").await;
    let source = repository("api");
    source.image("1", b"layer".to_vec()).await;
    let secrets = secrets(gitea.host(), &owner, "hunter2hunter2");
    for (from, to) in [
        (format!("{}:1", source.name), format!("{}/{owner}/api:1", gitea.host())),
        (format!("{}/{owner}/api:1", gitea.host()), format!("{}:2", source.name)),
    ] {
        let fields = json!({"source": from, "targets": to, "registry-secret": "login"});
        let refused = push_with(secrets.path(), fields).await.unwrap_err();
        let said = format!("(401, as user `{owner}`)");
        assert!(refused.message.contains(&said), "{}", refused.message);
        assert!(!refused.message.contains("hunter2"), "{}", refused.message);
        assert_eq!(refused.fault, Fault::User);
    }
}

/// A store in front of the shared registry's blobs, and a registry that wants Basic and redirects to it.
#[tokio::test]
async fn a_store_that_a_blob_is_redirected_to_gets_no_login() {
    let (source, target) = (repository("api"), repository("prod"));
    source.platforms("1").await;
    let store = RegistryFront::start(shared_registry().host(), |_| None).await;
    let at = store.host().to_owned();
    let front =
        RegistryFront::start(shared_registry().host(), move |seen| match seen.authorization.as_str() {
            "" => {
                let basic = [("www-authenticate", "Basic realm=\"r\"")];
                Some((StatusCode::UNAUTHORIZED, basic).into_response())
            }
            _ if seen.method == "GET" && seen.path.contains("/blobs/") => {
                Some(redirect(307, &format!("http://{at}{}", seen.path)))
            }
            _ => None,
        })
        .await;
    let secrets = secrets(front.host(), "user", "password");
    let fields = json!({"source": format!("{}:1", behind(front.host(), &source)), "targets": format!("{}:1", target.name),
        "registry-secret": "login"});
    push_with(secrets.path(), fields).await.unwrap();
    assert_eq!(target.checked("1").await, (5, 8));
    let seen = store.seen();
    assert!(!seen.is_empty() && seen.iter().all(|seen| seen.authorization.is_empty()), "{seen:?}");
    assert!(front.seen().iter().any(|seen| seen.authorization.starts_with("Basic ")));
}

/// Runs `argo-buildkit run` with a docker config. Returns whether it succeeded, and what it said.
fn run(docker: &Path, step: &serde_json::Value) -> (bool, String) {
    let file = docker.join("step.yaml");
    std::fs::write(&file, json!({"push": step}).to_string()).unwrap();
    let path = format!("{}:{}", docker.display(), std::env::var("PATH").unwrap());
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_argo-buildkit"))
        .args(["run", "--timeout", "60s"])
        .arg(&file)
        .env("DOCKER_CONFIG", docker)
        .env("PATH", path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (output.status.success(), said)
}

#[tokio::test]
async fn run_uses_the_logins_of_docker_and_asks_its_helpers() {
    let gitea = World::shared().await.gitea;
    let owner = gitea.user("push").await;
    let token = gitea.token(&owner, &["write:package"]).await;
    let source = repository("api");
    source.image("1", b"layer".to_vec()).await;
    let target = Repository::new(gitea.host(), &format!("{owner}/api")).with_user(&owner, &token);
    let docker = tempfile::tempdir().unwrap();
    let write = |text: String| std::fs::write(docker.path().join("config.json"), text).unwrap();
    let fields = |tag: &str| json!({"source": format!("{}:1", source.name), "targets": format!("{}:{tag}", target.name)});
    write(config(gitea.host(), &owner, &token));
    let (done, said) = run(docker.path(), &fields("docker"));
    assert!(done && !said.contains(&token), "{said}");

    // It answers without reading the question, so that the pipe is closed.
    let helper = docker.path().join("docker-credential-test");
    let answer = json!({"ServerURL": gitea.host(), "Username": owner, "Secret": token});
    std::fs::write(&helper, format!("#!/bin/sh\nexec <&-\necho '{answer}'\n")).unwrap();
    std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).unwrap();
    for config in [
        json!({"credHelpers": {(gitea.host()): "test"}}),
        json!({"auths": {(gitea.host()): {}}, "credsStore": "test"}),
    ] {
        write(config.to_string());
        let (done, said) = run(docker.path(), &fields("helper"));
        assert!(done && !said.contains(&token), "{said}");
    }
    assert_eq!(target.read("helper").await, source.read("1").await);

    std::fs::write(&helper, "#!/bin/sh\necho 'credentials not found in native keychain'\nexit 1\n").unwrap();
    let (done, said) = run(docker.path(), &fields("absent"));
    assert!(!done && said.contains("credentials not found") && said.contains("as nobody"), "{said}");
    write(json!({"credHelpers": {(gitea.host()): "../test"}}).to_string());
    let (done, said) = run(docker.path(), &fields("absent"));
    assert!(!done && said.contains("is not the name of a credential helper"), "{said}");
}

/// A docker config of a desktop has no login in it.
#[tokio::test]
async fn a_secret_with_names_of_helpers_is_no_login() {
    let source = repository("api");
    source.image("1", b"layer".to_vec()).await;
    let directory = secrets("r.example", "u", "p");
    let config = json!({"auths": {"r.example": {}}, "credsStore": "desktop"}).to_string();
    std::fs::write(directory.path().join("login/.dockerconfigjson"), config).unwrap();
    let fields = json!({"source": format!("{}:1", source.name), "tags": "2", "registry-secret": "login"});
    let refused = push_with(directory.path(), fields).await.unwrap_err();
    assert!(refused.message.contains("only the names of credential helpers"), "{}", refused.message);
}
