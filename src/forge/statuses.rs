//! Sets the status of a commit (GitHub "REST API endpoints for commit statuses", Gitea `routers/api/v1/repo/status.go`).
//!
//! A forge keeps every status that was ever set, and GitHub takes 1000 for a commit and a context. So a status is written only
//! if the newest one of its context is another.

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::client::{ApiAnswer, ForgeClient};
use super::error::ForgeError;
use super::repository::Dialect;
use crate::text;

/// The most characters of a description that GitHub takes.
const GITHUB_LONGEST: usize = 140;
/// Gitea takes any length, and its pages show a description on one line.
const GITEA_LONGEST: usize = 255;
/// The most pages of statuses that are read, with 50 contexts or more each.
const PAGES: u32 = 20;

/// How a check of a commit went. These are the states that both forges have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusState {
    /// It has not ended.
    Pending,
    /// It succeeded.
    Success,
    /// It failed.
    Failure,
    /// It could not be made.
    Error,
}

impl StatusState {
    /// The word for it in both APIs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Error => "error",
        }
    }
}

/// A status of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// All hex digits of the commit.
    pub commit: String,
    /// The name of the check. A newer status of the same context takes the older one's place.
    pub context: String,
    /// How the check went.
    pub state: StatusState,
    /// A text for people. It is put on one line, and cut to the forge's length.
    pub description: String,
    /// The page that the status links to.
    pub url: Option<String>,
}

/// The newest status of each context. Gitea names the state `status`.
#[derive(Debug, Deserialize)]
struct WireCombined {
    #[serde(default)]
    sha: String,
    /// On Gitea null if there is none.
    statuses: Option<Vec<WireStatus>>,
}

#[derive(Debug, Deserialize)]
struct WireStatus {
    state: Option<String>,
    status: Option<String>,
    context: Option<String>,
    description: Option<String>,
    target_url: Option<String>,
}

impl WireStatus {
    fn says(&self, state: StatusState, description: &str, url: &str) -> bool {
        let named = self.status.as_deref().or(self.state.as_deref());
        named == Some(state.name())
            && self.description.as_deref().unwrap_or_default() == description
            && self.target_url.as_deref().unwrap_or_default() == url
    }
}

/// Sets the status, unless the newest of its context says the same. Returns whether it was written.
pub(super) async fn set(client: &ForgeClient, wanted: &Status) -> Result<bool, ForgeError> {
    let longest = match client.repository.dialect() {
        Dialect::GitHub => GITHUB_LONGEST,
        Dialect::Gitea => GITEA_LONGEST,
    };
    let description = shortened(&wanted.description, longest);
    let url = wanted.url.as_deref().unwrap_or_default();
    let newest = newest(client, wanted).await?;
    if newest.is_some_and(|newest| newest.says(wanted.state, &description, url)) {
        return Ok(false);
    }
    post(client, wanted, &description).await?;
    Ok(true)
}

/// The newest status of the context; `None` if there is none.
async fn newest(client: &ForgeClient, wanted: &Status) -> Result<Option<WireStatus>, ForgeError> {
    for number in 1..=PAGES {
        let (combined, is_last) = page(client, wanted, number).await?;
        // Gitea takes a branch or a tag of that name before the commit.
        if !combined.sha.eq_ignore_ascii_case(&wanted.commit) {
            return Ok(None);
        }
        let is_ours = |status: &WireStatus| status.context.as_deref() == Some(wanted.context.as_str());
        let found = combined.statuses.unwrap_or_default().into_iter().find(is_ours);
        if found.is_some() || is_last {
            return Ok(found);
        }
    }
    Ok(None)
}

/// A page of the commit's statuses, and whether it is the last one.
async fn page(
    client: &ForgeClient,
    wanted: &Status,
    number: u32,
) -> Result<(WireCombined, bool), ForgeError> {
    let size = match client.repository.dialect() {
        Dialect::GitHub => ("per_page", "100"),
        Dialect::Gitea => ("limit", "50"),
    };
    let number = number.to_string();
    let call = client.call(Method::GET, &["commits", &wanted.commit, "status"]);
    let answer = client.send(&call.query(&[size, ("page", number.as_str())])).await?;
    // The repository itself was found before.
    if answer.status == StatusCode::NOT_FOUND || says_no_commit(&answer) {
        return Err(unknown(client, wanted));
    }
    let answer = answer.ok()?;
    let combined: WireCombined = answer.json()?;
    let is_last = match client.repository.dialect() {
        Dialect::GitHub => !answer.has_next(),
        // Gitea 1.26 computes its links from the statuses of one context.
        Dialect::Gitea => combined.statuses.as_ref().is_none_or(Vec::is_empty),
    };
    Ok((combined, is_last))
}

async fn post(client: &ForgeClient, wanted: &Status, description: &str) -> Result<(), ForgeError> {
    let mut body =
        json!({"state": wanted.state.name(), "context": wanted.context, "description": description});
    if let Some(url) = &wanted.url {
        body["target_url"] = json!(url);
    }
    let call = client.call(Method::POST, &["statuses", &wanted.commit]).body(body);
    let posted = match client.send(&call).await {
        Ok(answer) if says_no_commit(&answer) => Err(unknown(client, wanted)),
        Ok(answer) => answer.ok().map(drop),
        Err(error) => Err(error),
    };
    let unavailable = posted.as_ref().is_err_and(ForgeError::is_unavailable);
    if unavailable && is_missing_on_gitea(client, &wanted.commit).await {
        return Err(unknown(client, wanted));
    }
    posted
}

/// Whether a Gitea lacks the commit. It then answers a new status with 500 and no text, as in an outage. Of an outage this
/// says no.
async fn is_missing_on_gitea(client: &ForgeClient, commit: &str) -> bool {
    if client.repository.dialect() == Dialect::GitHub {
        return false;
    }
    let call = client.call(Method::GET, &["git", "commits", commit]);
    let call = call.query(&[("stat", "false"), ("verification", "false"), ("files", "false")]);
    client.send(&call).await.is_ok_and(|answer| answer.status == StatusCode::NOT_FOUND)
}

/// Whether the answer is GitHub's for a commit that it does not have.
fn says_no_commit(answer: &ApiAnswer) -> bool {
    answer.status == StatusCode::UNPROCESSABLE_ENTITY && answer.words().contains("No commit found")
}

fn unknown(client: &ForgeClient, wanted: &Status) -> ForgeError {
    ForgeError::UnknownCommit { at: client.at(), commit: wanted.commit.clone() }
}

/// `text` on one line, in at most `most` characters.
fn shortened(text: &str, most: usize) -> String {
    // A character has at most four bytes.
    let line = text::brief(text, 4 * most);
    match line.chars().count() > most {
        true => line.chars().take(most - 1).chain(['…']).collect(),
        false => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_one_line_of_the_forges_length() {
        for (text, shown) in [
            ("Built", "Built".to_owned()),
            ("a\nb\t c", "a b c".to_owned()),
            ("\u{1b}[31mred\u{202e}", "red".to_owned()),
            (&"x".repeat(140), "x".repeat(140)),
            (&"x".repeat(141), format!("{}…", "x".repeat(139))),
            (&"😀".repeat(140), "😀".repeat(140)),
            (&"😀".repeat(100_000), format!("{}…", "😀".repeat(139))),
        ] {
            assert_eq!(shortened(text, GITHUB_LONGEST), shown);
        }
    }
}
