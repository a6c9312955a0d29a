//! Questions to a server over http without its first message, and with that message where this fails.

use super::Git;
use super::credentials::Credentials;
use super::error::GitError;
use super::service::Service;
use super::transport::GitSession;
use super::url::RepoUrl;

impl Git {
    /// The answer to a question that takes one request if the server's first message is the usual one. Otherwise `ask` runs once
    /// more, in a session that has read that message and keeps the refs `wanted` of it. An error that `is_final` ends it at once.
    pub(crate) async fn ask<T, F: Future<Output = Result<T, GitError>>>(
        &self,
        repo: &RepoUrl,
        credentials: &Credentials,
        wanted: &[&str],
        is_final: fn(&GitError) -> bool,
        ask: impl Fn(GitSession) -> F,
    ) -> Result<T, GitError> {
        if let Some(answer) = self.ask_at_once(repo, credentials, is_final, &ask).await? {
            return Ok(answer);
        }
        ask(GitSession::open(self, repo, credentials, Service::UploadPack, wanted).await?).await
    }

    /// The same without the second try: `None` if it is needed, as always over ssh.
    pub(crate) async fn ask_at_once<T, F: Future<Output = Result<T, GitError>>>(
        &self,
        repo: &RepoUrl,
        credentials: &Credentials,
        is_final: fn(&GitError) -> bool,
        ask: impl FnOnce(GitSession) -> F,
    ) -> Result<Option<T>, GitError> {
        let Some(session) = GitSession::open_without_advert(self, repo, credentials)? else {
            return Ok(None);
        };
        match ask(session).await {
            Ok(answer) => Ok(Some(answer)),
            // A refused login is not tried twice, because servers count failed logins.
            Err(error @ (GitError::Login { .. } | GitError::Flood { .. })) => Err(error),
            Err(error) if is_final(&error) => Err(error),
            // For any other error the full handshake is tried, because it can report the cause. An old server answers nothing to a
            // question in protocol v2.
            Err(error) => {
                tracing::debug!(%error, "asking {repo} for its capabilities first");
                Ok(None)
            }
        }
    }
}
