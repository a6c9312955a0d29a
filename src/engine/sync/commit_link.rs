//! Links the span of a wait to the step that wrote the commit, whichever workflow that step was in.

use std::pin::pin;
use std::time::Duration;

use tokio::time::timeout;
use tracing::{Span, debug};

use super::shared::Shared;
use crate::outcome::StepError;
use crate::step::sync::GitOps;
use crate::telemetry;
use crate::time_limits::{calls, within};
use crate::write_back::message::trailers;
use crate::write_back::{SourceCommit, commit_message, trailer};

/// The most links: a commit of many writers has a trailer of each.
const MOST: usize = 32;

/// How long the result of a wait may be late because of its link.
const GRACE: Duration = Duration::from_secs(2);

/// Runs `wait`, and looks for the link meanwhile.
pub(super) async fn beside<T>(shared: &Shared<'_>, wait: impl Future<Output = T>) -> T {
    let mut wait = pin!(wait);
    let mut link = pin!(link(shared));
    tokio::select! {
        () = &mut link => wait.await,
        ended = &mut wait => {
            // Without a link, the span is still in its trace.
            let _ = timeout(GRACE, link).await;
            ended
        }
    }
}

/// Reads the commit's trailers, if traces are sent. A commit that cannot be read has no link.
async fn link(shared: &Shared<'_>) {
    let (Some(gitops), Some(commit)) = (&shared.sync.gitops, &shared.sync.commit) else { return };
    if !telemetry::sends_traces() {
        return;
    }
    let limit = calls::GIT_QUESTION.whole();
    let asked = within(limit, "the server of the GitOps repository", message(shared, gitops, commit)).await;
    match asked {
        Ok(Ok(Some(message))) => {
            let found = trailers(&message, trailer::TRACEPARENT);
            found.iter().take(MOST).for_each(|traceparent| telemetry::link(&Span::current(), traceparent));
        }
        Ok(Ok(None)) => {}
        Ok(Err(error)) => debug!("the trace of commit {commit} is not known: {}", error.message),
        Err(late) => debug!("the trace of commit {commit} is not known: {late}"),
    }
}

async fn message(shared: &Shared<'_>, gitops: &GitOps, commit: &str) -> Result<Option<String>, StepError> {
    let credentials = shared.engine.git_credentials(shared.cx, &gitops.repo, gitops.secret.as_ref()).await?;
    let git = shared.engine.tenant_git(shared.cx);
    let source = SourceCommit { repo: gitops.repo.clone(), credentials, commit: commit.to_owned() };
    Ok(commit_message(&git, &source).await?)
}
