//! The logins of `docker login`, for commands at a terminal. A credential helper is a program of the user: the services never
//! run one.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::{StreamExt as _, stream};
use serde::Deserialize;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::time::timeout;

use crate::oci::{Auth, BadDockerConfig, CredentialHelpers, Login};
use crate::text;

/// How long a helper may take. Some ask a cloud for a token.
const PATIENCE: Duration = Duration::from_secs(20);
/// The number of helpers that run at a time.
const AT_A_TIME: usize = 4;
/// The user's name for which the secret is an identity token (docker-credential-helpers `credentials`).
const TOKEN_USER: &str = "<token>";

/// A helper's answer (docker-credential-helpers, `get`).
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AnswerWire {
    username: String,
    secret: String,
}

/// The logins in `file`, by default the file that `docker login` writes, with those of its credential helpers. A helper that
/// has no login, or fails, is passed over with a warning: it may be for another registry.
pub(super) async fn logins(file: Option<PathBuf>) -> anyhow::Result<Auth> {
    let Some(file) = file.or_else(default_file) else { return Ok(Auth::default()) };
    let config = std::fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
    let auth = match Auth::from_docker_config(&config) {
        Err(BadDockerConfig::Helpers) => Ok(Auth::default()),
        auth => auth,
    };
    let auth = auth.with_context(|| file.display().to_string())?;
    let helpers =
        CredentialHelpers::from_docker_config(&config).with_context(|| file.display().to_string())?;
    let asked = helpers.0.into_iter().map(|(registry, helper)| async move {
        let login = ask(&helper, &registry).await;
        (registry, helper, login)
    });
    let answers: Vec<_> = stream::iter(asked).buffer_unordered(AT_A_TIME).collect().await;
    let mut all = auth;
    for (registry, helper, login) in answers {
        match login {
            Ok(login) => all = all.with(&registry, login),
            Err(error) => {
                warn(&format!("docker-credential-{helper} gives no login for {registry}: {error:#}"))
            }
        }
    }
    Ok(all)
}

/// Tells the user. The commands at a terminal have no log.
fn warn(line: &str) {
    let _ = writeln!(std::io::stderr(), "{}", text::lines(line));
}

/// The file that `docker login` writes.
fn default_file() -> Option<PathBuf> {
    let directory = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let directory = directory.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".docker")))?;
    Some(directory.join("config.json")).filter(|file| file.exists())
}

async fn ask(helper: &str, registry: &str) -> anyhow::Result<Login> {
    // The name becomes a part of a program's name.
    if !helper.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) {
        bail!("{} is not the name of a credential helper", text::brief(helper, 100));
    }
    let output = timeout(PATIENCE, run(helper, registry)).await;
    let output = output.with_context(|| format!("it did not answer within {} s", PATIENCE.as_secs()))??;
    if !output.status.success() {
        // The helper's own error is in its output, which has no secret then.
        bail!("{}", text::brief(&String::from_utf8_lossy(&output.stdout), text::SHOWN));
    }
    let answer: Option<AnswerWire> = serde_json::from_slice(&output.stdout).ok();
    let AnswerWire { username, secret } = answer.context("its answer is not that of a credential helper")?;
    Ok(match username.as_str() {
        TOKEN_USER => Login::Identity(secret.into()),
        _ => Login::Password { user: username, password: secret.into() },
    })
}

async fn run(helper: &str, registry: &str) -> anyhow::Result<Output> {
    let program = format!("docker-credential-{helper}");
    let mut child = Command::new(Path::new(&program))
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .context("starting it")?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that knows its answer may end before it has read the question: the pipe is then closed.
        let _ = stdin.write_all(format!("{registry}\n").as_bytes()).await;
    }
    child.wait_with_output().await.context("waiting for it")
}
