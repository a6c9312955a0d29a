//! Messages at a terminal: each says what was wrong and what to write.

use std::fs;
use std::process::Output;
use std::time::Duration;

use super::run;

const BUILD: &str =
    "build: {context: {repo: 'https://git.example.com/a.git', revision: main}, push: false}\n";
const COMMIT: &str = "\
update-manifest:
  repo: https://git.example.com/ops.git
  secret: git
  targets: [{file: values.yaml, helm: {image.tag: '1'}}]
";

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// What a refused command line says.
fn refused(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
    said(&output)
}

#[test]
fn every_scheme_of_buildctl_is_known_or_refused_by_name() {
    for known in ["unix:///run/s", "tcp://b:1234", "dns:b:1234"] {
        assert!(run(&["run", "--buildkit-host", known, "--help"]).status.success(), "{known}");
    }
    for scheme in ["docker-container", "podman-container", "nerdctl-container", "kube-pod", "ssh"] {
        let said = refused(&["run", "--buildkit-host", &format!("{scheme}://b"), "FILE"]);
        assert!(said.contains(&format!("`{scheme}://b`: buildctl runs `")), "{said}");
        assert!(said.contains("write `tcp://127.0.0.1:1234`"), "{said}");
    }
}

#[test]
fn a_level_that_does_not_exist_is_refused() {
    for (level, expected) in [
        ("verbose", "\"verbose\" is no level; write one of off, error, warn, info, debug, trace"),
        ("wran", "\"wran\" is no level (did you mean `warn`?)"),
        ("info,h2=loud", "\"loud\" is no level"),
    ] {
        let said = refused(&["schema", "--log", level]);
        assert!(said.contains(expected), "{said}");
    }
    for level in ["debug", "INFO", "debug,h2=info,argo_buildkit::git=trace", "off", ""] {
        assert!(run(&["schema", "--log", level]).status.success(), "{level}");
    }
}

#[test]
fn an_address_to_listen_on_is_shown_by_example() {
    for flag in ["--listen", "--ops-listen"] {
        let said = refused(&["serve", flag, "localhost:4355"]);
        assert!(said.contains("is not IP:PORT; write `127.0.0.1:4355` for this machine only"), "{said}");
    }
}

/// The services wait half a minute for a daemon. The limit is far below that.
#[tokio::test]
async fn an_absent_socket_is_told_at_once() {
    let room = tempfile::tempdir().unwrap();
    let file = room.path().join("build.yaml");
    fs::write(&file, BUILD).unwrap();
    let mut command = tokio::process::Command::new(super::BINARY);
    command.env_clear().env("BUILDKIT_HOST", "unix:///nowhere/s").arg("run").arg(&file);
    let output = tokio::time::timeout(Duration::from_secs(20), command.output()).await.unwrap().unwrap();
    let said = said(&output);
    assert_eq!(output.status.code(), Some(75), "{said}");
    assert!(
        said.starts_with("cannot reach buildkitd: there is no socket unix:///nowhere/s; start buildkitd"),
        "{said}"
    );
}

#[test]
fn a_missing_directory_of_secrets_is_told_from_a_missing_secret() {
    let room = tempfile::tempdir().unwrap();
    let file = room.path().join("commit.yaml");
    fs::write(&file, COMMIT).unwrap();
    let run = |directory: &str| {
        let directory = room.path().join(directory);
        let output = run(&["run", "--secrets-dir", directory.to_str().unwrap(), file.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        said(&output)
    };
    let missing = run("secrets");
    assert!(
        missing.contains("/secrets` does not exist, so secret `git` cannot be read from it"),
        "{missing}"
    );
    fs::create_dir(room.path().join("secrets")).unwrap();
    let empty = run("secrets");
    assert!(empty.contains("secret `git` does not exist in the secrets directory"), "{empty}");
}

#[test]
fn certificates_for_a_socket_are_refused() {
    let room = tempfile::tempdir().unwrap();
    let file = room.path().join("build.yaml");
    fs::write(&file, BUILD).unwrap();
    let tls = ["--tls-ca", "a", "--tls-cert", "b", "--tls-key", "c", "--buildkit-host", "unix:///dev/null"];
    let output = run(&[&["run", file.to_str().unwrap()], &tls[..]].concat());
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains(
            "--tls-ca, --tls-cert and --tls-key (ARGO_BUILDKIT_TLS_CA, …) are for a buildkitd behind tcp://"
        ),
        "{said}"
    );
}
