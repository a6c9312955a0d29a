//! The forge's API: its token, and commits that the API creates (`via: api`).

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::engine::Engine;
use crate::engine::context::Cx;
use crate::forge::{FileWrite, FilesWrite, Forge, ForgeError, ForgeRepository};
use crate::git::GitError;
use crate::outcome::{StepError, chain, without_advice};
use crate::step::UpdateManifest;
use crate::write_back::{Proposal, ProposedFile, Publish, Published};

/// The repository on its forge, and the token for the API.
pub(super) struct Api {
    pub(super) repository: ForgeRepository,
    /// The token of `forge.secret`, or that of the Git login.
    pub(super) token: SecretString,
}

/// Reads the token and finds the API for the step.
pub(super) async fn api(engine: &Engine, update: &UpdateManifest, cx: &Cx) -> Result<Api, StepError> {
    let api = &update.forge;
    let repository =
        ForgeRepository::from_clone_url(&update.repo.to_string(), api.dialect, api.url.as_deref())
            .map_err(|bad| StepError::user(format!("update-manifest.repo: {bad}")))?;
    let Some(secret) = api.secret.as_ref().or(update.secret.as_ref()) else {
        return Err(StepError::user("update-manifest.forge: names no secret with a token"));
    };
    let token = engine.api_token(cx, &repository, secret).await?;
    Ok(Api { repository, token })
}

/// Creates the publisher that writes a commit through the API.
pub(super) fn publish(forge: &Forge, api: &Api) -> Publish {
    let Api { repository, token } = api;
    let (forge, repository, token) = (forge.clone(), repository.clone(), token.clone());
    Publish::new("api", fingerprint(&repository, &token), move |proposal| {
        let (forge, repository, token) = (forge.clone(), repository.clone(), token.clone());
        Box::pin(async move { write(&forge, &repository, &token, proposal).await })
    })
}

/// A hash of API and token, so that no commit is made with another user's token.
fn fingerprint(repository: &ForgeRepository, token: &SecretString) -> [u8; 32] {
    let place = Sha256::new().chain_update(format!("{repository:?}"));
    place.chain_update([0]).chain_update(token.expose_secret()).finalize().into()
}

async fn write(
    forge: &Forge,
    repository: &ForgeRepository,
    token: &SecretString,
    proposal: Proposal,
) -> Published {
    let repo = proposal.repo.to_string();
    match forge.write_files(repository, token, &commit(proposal)).await {
        Ok(written) => Published::Landed(written.commit),
        Err(ForgeError::Conflict { why, .. }) => Published::Conflict(why),
        // The commit may have been made even if the response is unreadable.
        Err(error @ (ForgeError::Unavailable { .. } | ForgeError::Unexpected { .. })) => {
            let (action, what) = ("push to", without_advice(&error));
            Published::Unknown(GitError::Unavailable { repo, action, what, cause: None })
        }
        Err(error) => Published::Refused(chain(&error)),
    }
}

fn commit(proposal: Proposal) -> FilesWrite {
    let file =
        |file: ProposedFile| FileWrite { path: file.path, old_sha: Some(file.old_blob), content: file.new };
    let (branch, new_branch) = match (proposal.head, proposal.new_head) {
        (Some(head), true) => (proposal.branch, Some(head)),
        (Some(head), false) => (head, None),
        (None, _) => (proposal.branch, None),
    };
    FilesWrite {
        branch,
        new_branch,
        message: proposal.message,
        author: proposal.author,
        committer: proposal.committer,
        files: proposal.files.into_iter().map(file).collect(),
    }
}
