//! BuildKit's own client, for functions that ours lacks, and for comparison.

use std::fs;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;

use super::bin;

/// Builds `context` with the daemon at `buildkit` and pushes it as `name` to a plain registry.
pub(crate) fn push_directory(buildkit: &str, context: &Path, name: &str, env: &[(&str, &str)]) {
    let local = |kind: &str| format!("{kind}={}", context.display());
    let output = Command::new(bin::testbed("buildctl"))
        .args(["--addr", buildkit, "build", "--frontend", "dockerfile.v0", "--progress", "plain"])
        .args(["--local", &local("context"), "--local", &local("dockerfile"), "--output"])
        .arg(format!("type=image,name={name},push=true,registry.insecure=true"))
        .envs(env.iter().copied())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Builds with the Dockerfile frontend and more `args`. Returns the standard output.
pub(crate) fn build(buildkit: &str, args: &[&str]) -> String {
    let output = Command::new(bin::testbed("buildctl"))
        .args(["--addr", buildkit, "build", "--frontend=dockerfile.v0", "--progress=plain"])
        .args(args)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Pushes something to `host` as a client without a token authority.
pub(crate) fn push_sharing_the_password(buildkit: &str, host: &str, user: &str, password: &str) {
    let directory = tempfile::tempdir().unwrap();
    let auth = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    let config = serde_json::json!({"auths": {host: {"auth": auth}}});
    fs::write(directory.path().join("config.json"), config.to_string()).unwrap();
    fs::write(directory.path().join("Dockerfile"), "FROM scratch\nCOPY Dockerfile /\n").unwrap();
    let home = directory.path().display().to_string();
    let env = [("DOCKER_CONFIG", home.as_str()), ("BUILDKIT_NO_CLIENT_TOKEN", "true")];
    push_directory(buildkit, directory.path(), &format!("{host}/other:1"), &env);
}

/// All records of the daemon's history: one JSON text per build.
pub(crate) fn histories(buildkit: &str) -> Vec<String> {
    let output = Command::new(bin::testbed("buildctl"))
        .args(["--addr", buildkit, "debug", "histories", "--format", "{{json .}}"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}
