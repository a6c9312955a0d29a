//! One ref, moved on the server if it still is where it was read.

use bytes::Bytes;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tracing::Instrument as _;

use super::Git;
use super::error::GitError;
use super::pkt::{FLUSH, PktWriter};
use super::report::{self, Verdict};
use super::transport::{AGENT, Service, Session};
use super::write_back::WriteBack;

/// A commit ready to go.
pub(super) struct Parcel {
    /// The branch's full name.
    pub(super) reference: String,
    /// Where the branch was when it was read; the server compares.
    pub(super) old: String,
    /// Our commit.
    pub(super) new: String,
    /// The new objects.
    pub(super) pack: Bytes,
}

/// How a push ended for us.
#[derive(Debug)]
pub(super) enum Pushed {
    /// The server gave a verdict.
    Judged(Verdict),
    /// The reply was lost: only the ref can tell whether it landed.
    Unknown(GitError),
}

/// Keeps the gate's `idle` waiting until it is dropped; absent where nothing was sent.
pub(super) type Permit = Option<TaskTrackerToken>;

/// Pushes, behind the request's gate: from there on it runs to its end even when the caller goes away. The
/// permit is the caller's to hold until it knows what became of the push.
pub(super) async fn push(
    git: &Git,
    request: &WriteBack,
    parcel: Parcel,
) -> Result<(Pushed, Permit), GitError> {
    let session = Session::open(git, &request.repo, &request.credentials, Service::ReceivePack).await?;
    if !session.advert.has("report-status") {
        let what = "its Git server does not report what becomes of a push".to_owned();
        return Err(GitError::Unusable { repo: session.repo, what });
    }
    let there = session.advert.refs.iter().find(|r| r.name == parcel.reference);
    if there.is_none_or(|r| r.oid != parcel.old) {
        return Ok((Pushed::Judged(Verdict::Moved("the branch moved meanwhile".to_owned())), None));
    }
    let stopped = || GitError::Stopped { repo: request.repo.to_string() };
    let permit = request.push_gate.enter().ok_or_else(stopped)?;
    let sent = tokio::spawn(
        async move { send(session, parcel).await.map(|pushed| (pushed, Some(permit))) }.in_current_span(),
    );
    sent.await.map_err(|e| GitError::local("push", e))?
}

async fn send(mut session: Session, parcel: Parcel) -> Result<Pushed, GitError> {
    let sideband = session.advert.has("side-band-64k");
    let mut capabilities = vec!["report-status"];
    if sideband {
        capabilities.push("side-band-64k");
    }
    if session.advert.has("object-format") {
        capabilities.push("object-format=sha1");
    }
    capabilities.push(AGENT);
    let mut message = PktWriter::default();
    let Parcel { old, new, reference, pack } = parcel;
    message.line(&format!("{old} {new} {reference}\0 {}", capabilities.join(" ")));
    message.raw(FLUSH).raw(&pack);
    let answer = match session.ask(message.into_bytes()).await {
        Ok(reader) => report::read(reader, sideband, &reference).await,
        Err(error) => Err(error),
    };
    match answer {
        Ok(verdict) => Ok(Pushed::Judged(verdict)),
        Err(error) if error.is_transient() => Ok(Pushed::Unknown(error)),
        Err(error) => Err(error),
    }
}
