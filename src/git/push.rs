//! Updates one ref on the server, if it still has the value that was read.

use bytes::Bytes;

use super::error::GitError;
use super::pkt::{FLUSH, PktWriter};
use super::read::{BranchTips, Branches};
use super::report::{self, RefStatus};
use super::service::Service;
use super::transport::{AGENT, GitSession};
use super::{Git, retried};

/// The null id: as an old value it means that the ref does not exist.
pub(crate) const ZERO: &str = "0000000000000000000000000000000000000000";

/// An update of one ref to a commit that the server does not have yet.
pub(crate) struct RefUpdate {
    /// The branch's full ref name.
    pub(crate) reference: String,
    /// The branch's tip when it was read, or [`ZERO`]. The server compares it.
    pub(crate) old: String,
    /// The new commit.
    pub(crate) new: String,
    /// A pack of the new objects.
    pub(crate) pack: Bytes,
}

/// The outcome of a push, as far as the client knows it.
#[derive(Debug)]
pub(crate) enum PushOutcome {
    /// The server reported on the ref.
    Reported(RefStatus),
    /// The report was lost: only the ref can tell whether the push landed.
    Unknown(GitError),
}

/// A connection to a server's `git-receive-pack`, before the push.
pub(crate) struct ReceivePack(GitSession);

impl ReceivePack {
    /// Connects for a push to one of `branches`, and reads what the server advertises.
    pub(crate) async fn open(git: &Git, branches: &Branches) -> Result<Self, GitError> {
        let Branches { repo, credentials, .. } = branches;
        let names = branches.names();
        let wanted: Vec<_> = names.iter().map(String::as_str).collect();
        let open = || GitSession::open(git, repo, credentials, Service::ReceivePack, &wanted);
        let session = retried(open).await?;
        if session.advert.has("report-status") {
            return Ok(Self(session));
        }
        let what =
            "its Git server does not report what becomes of a push (`report-status`); update it".to_owned();
        Err(GitError::Unusable { repo: session.repo, what })
    }

    /// The branches' tips. `None` if this service does not list the base branch, or if the repository does not use
    /// SHA-1.
    pub(crate) fn tips(&self, branches: &Branches) -> Option<BranchTips> {
        let names = branches.names();
        let refs: Vec<_> = self.0.advert.refs(|name| names.iter().any(|wanted| wanted == name)).collect();
        BranchTips::of(branches, &refs).filter(BranchTips::are_sha1)
    }

    /// Whether a program on the server waits for the push.
    pub(crate) fn waits(&self) -> bool {
        !self.0.is_stateless()
    }

    /// Whether the branch still has the value `old`.
    pub(crate) fn is_current(&self, reference: &str, old: &str) -> bool {
        let there = self.0.advert.refs(|name| name == reference).next();
        there.as_ref().map_or(ZERO, |r| r.oid.as_str()) == old
    }

    /// Pushes, and reads the server's report.
    pub(crate) async fn push(mut self, update: RefUpdate) -> Result<PushOutcome, GitError> {
        let sideband = self.0.advert.has("side-band-64k");
        let (reference, message) = (update.reference.clone(), self.message(update, sideband));
        let answer = match self.0.ask(message).await {
            Ok(reader) => report::read(reader, sideband, &reference).await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(verdict) => Ok(PushOutcome::Reported(verdict)),
            Err(error) if error.is_transient() || matches!(error, GitError::Flood { .. }) => {
                Ok(PushOutcome::Unknown(error))
            }
            Err(error) => Err(error),
        }
    }

    fn message(&self, update: RefUpdate, sideband: bool) -> Bytes {
        let mut capabilities = vec!["report-status"];
        if sideband {
            capabilities.push("side-band-64k");
        }
        if self.0.advert.has("object-format") {
            capabilities.push("object-format=sha1");
        }
        capabilities.push(AGENT);
        let RefUpdate { old, new, reference, pack } = update;
        let mut message = PktWriter::default();
        message.line(&format!("{old} {new} {reference}\0 {}", capabilities.join(" ")));
        message.raw(FLUSH).raw(&pack);
        message.into_bytes()
    }
}
