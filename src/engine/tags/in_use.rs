//! The images that files of GitOps branches name.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Engine;
use super::super::context::Cx;
use crate::git::read::Branches;
use crate::manifest::image_words;
use crate::outcome::StepError;
use crate::step::tags::InUse;
use crate::text;

/// The longest name of a place, for each of very many tags.
const PLACE: usize = 300;

/// The tags and digests that files name, each with the place.
#[derive(Debug, Default)]
pub(super) struct UsedImages {
    words: BTreeMap<String, String>,
}

/// A branch that was read, and its commit.
pub(super) struct ReadBranch {
    branches: Branches,
    tip: String,
}

impl UsedImages {
    /// The place that names `tag` or `digest`; `None` if there is none. A chart may add the `v` of a version itself.
    pub(super) fn place(&self, tag: &str, digest: &str) -> Option<&str> {
        let spellings =
            [tag, digest, tag.strip_prefix('v').unwrap_or(tag), digest.trim_start_matches("sha256:")];
        let found = spellings.into_iter().find_map(|spelling| self.words.get(spelling));
        found.or_else(|| self.words.get(&format!("v{tag}"))).map(String::as_str)
    }

    /// The digests that are named.
    pub(super) fn digests(&self) -> impl Iterator<Item = String> + '_ {
        self.words.keys().filter_map(|word| as_digest(word))
    }

    #[cfg(test)]
    pub(super) fn of(words: &[&str]) -> Self {
        Self { words: words.iter().map(|word| ((*word).to_owned(), "values.yaml".to_owned())).collect() }
    }
}

fn as_digest(word: &str) -> Option<String> {
    let hex = word.strip_prefix("sha256:").unwrap_or(word);
    let is_hex = hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    is_hex.then(|| format!("sha256:{hex}"))
}

/// Reads the files of `in-use`. Words that are neither one of `tags` nor a digest are dropped.
///
/// # Errors A branch or a file cannot be read: what it uses is not known then.
pub(super) async fn read(
    engine: &Engine,
    in_use: &[InUse],
    tags: &[String],
    cx: &Cx,
) -> Result<(UsedImages, Vec<ReadBranch>), StepError> {
    let known: BTreeSet<&str> =
        tags.iter().flat_map(|tag| [tag.as_str(), tag.strip_prefix('v').unwrap_or(tag)]).collect();
    let (mut used, mut read) = (UsedImages::default(), Vec::new());
    let git = engine.git.of(engine.tenancy.tenant(&cx.workflow));
    for InUse { repo, branch, files, secret } in in_use {
        cx.now(format!("reading {repo}, branch {branch}"));
        let credentials = engine.git_credentials(cx, repo, secret.as_ref()).await?;
        let branches = Branches { repo: repo.clone(), credentials, base: branch.clone(), head: None };
        let found = git.branch_files(&branches, files).await.map_err(|error| unread(error.into()))?;
        for (path, bytes) in &found.files {
            let mut words = BTreeSet::new();
            let wanted = |word: &str| {
                known.contains(word)
                    || known.contains(word.strip_prefix('v').unwrap_or(word))
                    || as_digest(word).is_some()
            };
            image_words(bytes, &mut words, wanted)
                .map_err(|bad| unread(StepError::user(format!("{repo}, branch {branch}, {path}: {bad}"))))?;
            let place = text::brief(&format!("{path} on branch {branch} of {repo}"), PLACE);
            used.words.extend(words.into_iter().map(|word| (word, place.clone())));
        }
        read.push(ReadBranch { branches, tip: found.tip });
    }
    Ok((used, read))
}

/// Checks that no branch has moved since it was read.
pub(super) async fn check_unmoved(engine: &Engine, read: &[ReadBranch], cx: &Cx) -> Result<(), StepError> {
    let git = engine.git.of(engine.tenancy.tenant(&cx.workflow));
    for ReadBranch { branches, tip } in read {
        if git.branch_tip(branches).await.map_err(|error| unread(error.into()))? != *tip {
            return Err(StepError::transient(format!(
                "branch {} of {} moved while the plan was made, and may use other images now; nothing more is deleted, run the step again",
                branches.base, branches.repo
            )));
        }
    }
    Ok(())
}

/// Nothing is deleted while it is not known what is in use.
fn unread(error: StepError) -> StepError {
    let message = format!("nothing is deleted, because `in-use` cannot be read: {}", error.message);
    StepError { message, ..error }
}
