//! Makes commits through Gitea's contents API, for tokens that may not push.

use std::time::Duration;

use backon::BackoffBuilder as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::forge::client::{ApiAnswer, ApiCall, ForgeClient};
use crate::forge::commit::{CreatedCommit, FileWrite, FilesWrite};
use crate::forge::error::ForgeError;
use crate::time_limits::pauses;

/// The number of repetitions if other pushes are faster.
const REPEATS: usize = 6;

#[derive(Deserialize)]
struct FilesWire {
    commit: CommitWire,
}

#[derive(Deserialize)]
struct CommitWire {
    sha: String,
}

/// Makes one commit with all files of `write`.
///
/// For each existing file, the request contains the id of its blob. So a repetition after a lost answer cannot write
/// twice: the second time the ids do not match.
pub(in crate::forge) async fn write(
    client: &ForgeClient,
    write: &FilesWrite,
) -> Result<CreatedCommit, ForgeError> {
    let mut body = json!({
        "branch": write.branch,
        "message": write.message,
        "author": {"name": write.author.name, "email": write.author.email},
        "committer": {"name": write.committer.name, "email": write.committer.email},
        "files": write.files.iter().map(operation).collect::<Vec<_>>(),
    });
    if let Some(branch) = &write.new_branch {
        body["new_branch"] = json!(branch);
    }
    // The answer contains the files in base64.
    let grows = write.files.iter().map(|file| file.content.len() * 3 / 2).sum();
    // The request is sent once. After a lost answer, the caller checks whether the commit exists.
    let call = client.call(Method::POST, &["contents"]).body(body).answer_grows(grows).once();
    let answer = retry_overtaken(client, &call).await?;
    if let Some(why) = conflict(&answer) {
        return Err(ForgeError::Conflict { at: client.at(), why });
    }
    let written: FilesWire = answer.ok()?.json()?;
    Ok(CreatedCommit { commit: written.commit.sha })
}

/// Repeats the call as long as another push to the branch comes between Gitea's read and write of it.
async fn retry_overtaken(client: &ForgeClient, call: &ApiCall) -> Result<ApiAnswer, ForgeError> {
    let pauses = pauses::growing(Duration::from_millis(100), Duration::from_secs(2));
    for pause in pauses.with_max_times(REPEATS).build() {
        let answer = client.send(call).await?;
        if !was_overtaken(&answer) {
            return Ok(answer);
        }
        tokio::time::sleep(pause).await;
    }
    client.send(call).await
}

/// Whether another push was faster. Gitea then answers 403 with Git's own text: `cannot lock ref '…': is at … but
/// expected …`.
fn was_overtaken(answer: &ApiAnswer) -> bool {
    let words = answer.words();
    answer.status == StatusCode::FORBIDDEN
        && words.contains("cannot lock ref")
        && words.contains("but expected")
}

fn operation(file: &FileWrite) -> Value {
    let content = STANDARD.encode(&file.content);
    match &file.old_sha {
        Some(sha) => json!({"operation": "update", "path": file.path, "sha": sha, "content": content}),
        None => json!({"operation": "create", "path": file.path, "content": content}),
    }
}

/// The server's text if a file has changed since it was read (another blob, created, or deleted), or if the new
/// branch already exists.
fn conflict(answer: &ApiAnswer) -> Option<String> {
    let words = answer.words();
    let meant = match answer.status {
        StatusCode::UNPROCESSABLE_ENTITY => {
            words.contains("sha does not match") || words.contains("already exists")
        }
        StatusCode::NOT_FOUND => words.contains("rel_path"),
        _ => was_overtaken(answer),
    };
    meant.then_some(words)
}
