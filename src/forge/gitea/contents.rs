//! Commits through Gitea's contents API, for tokens that may not push.

use std::time::Duration;

use backon::BackoffBuilder as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::forge::commit::{FileWrite, FilesWrite, Written};
use crate::forge::error::ForgeError;
use crate::forge::talk::{Answer, Call, Talk};
use crate::time_limits::pauses;

/// How often a write is repeated that another push overtook.
const REPEATS: usize = 6;

#[derive(Deserialize)]
struct FilesWire {
    commit: CommitWire,
}

#[derive(Deserialize)]
struct CommitWire {
    sha: String,
}

/// One commit with all files of `write`.
///
/// Each file that exists is locked by its blob's id, so that repeating the call after a lost answer cannot do it
/// twice: the second time the ids do not match.
pub(in crate::forge) async fn write(talk: &Talk, write: &FilesWrite) -> Result<Written, ForgeError> {
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
    // The answer holds the files, in base64.
    let grows = write.files.iter().map(|file| file.content.len() * 3 / 2).sum();
    // Sent once: after a lost answer the caller finds out whether the commit is there.
    let call = talk.call(Method::POST, &["contents"]).body(body).answer_grows(grows).once();
    let answer = overtake(talk, &call).await?;
    if let Some(why) = conflict(&answer) {
        return Err(ForgeError::Conflict { at: talk.at(), why });
    }
    let written: FilesWire = answer.ok()?.json()?;
    Ok(Written { commit: written.commit.sha })
}

/// Sends the call again while another push to the branch comes between Gitea's reading and writing it.
async fn overtake(talk: &Talk, call: &Call) -> Result<Answer, ForgeError> {
    let pauses = pauses::growing(Duration::from_millis(100), Duration::from_secs(2));
    for pause in pauses.with_max_times(REPEATS).build() {
        let answer = talk.send(call).await?;
        if !overtaken(&answer) {
            return Ok(answer);
        }
        tokio::time::sleep(pause).await;
    }
    talk.send(call).await
}

/// Gitea hands Git's own words through, with a 403: `cannot lock ref '…': is at … but expected …`.
fn overtaken(answer: &Answer) -> bool {
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

/// The server's words when a file is not what it was read as: another blob, there now, or gone; or when the new
/// branch is there already.
fn conflict(answer: &Answer) -> Option<String> {
    let words = answer.words();
    let meant = match answer.status {
        StatusCode::UNPROCESSABLE_ENTITY => {
            words.contains("sha does not match") || words.contains("already exists")
        }
        StatusCode::NOT_FOUND => words.contains("rel_path"),
        _ => overtaken(answer),
    };
    meant.then_some(words)
}
