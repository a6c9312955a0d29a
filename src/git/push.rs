//! One ref, moved on the server if it still is where it was read.

use bytes::Bytes;

use super::error::GitError;
use super::pkt::{FLUSH, PktWriter};
use super::read::{Branches, Tips};
use super::report::{self, Verdict};
use super::service::Service;
use super::transport::{AGENT, Session};
use super::{Git, retried};

/// The id of no object: a ref that is not there.
pub(crate) const ZERO: &str = "0000000000000000000000000000000000000000";

/// One ref's move to a commit that the server does not have yet.
pub(crate) struct RefUpdate {
    /// The branch's full name.
    pub(crate) reference: String,
    /// Where the branch was when it was read, or [`ZERO`]; the server compares.
    pub(crate) old: String,
    /// Our commit.
    pub(crate) new: String,
    /// The new objects.
    pub(crate) pack: Bytes,
}

/// How a push ended for us.
#[derive(Debug)]
pub(crate) enum Pushed {
    /// The server gave a verdict.
    Judged(Verdict),
    /// The reply was lost: only the ref can tell whether it landed.
    Unknown(GitError),
}

/// A connection to a server's `git-receive-pack`, before the push.
pub(crate) struct ReceivePack(Session);

impl ReceivePack {
    /// Connects for a push to one of `branches`, and reads what the server advertises.
    pub(crate) async fn open(git: &Git, branches: &Branches) -> Result<Self, GitError> {
        let Branches { repo, credentials, .. } = branches;
        let names = branches.names();
        let wanted: Vec<_> = names.iter().map(String::as_str).collect();
        let open = || Session::open(git, repo, credentials, Service::ReceivePack, &wanted);
        let session = retried(open).await?;
        if session.advert.has("report-status") {
            return Ok(Self(session));
        }
        let what =
            "its Git server does not report what becomes of a push (`report-status`); update it".to_owned();
        Err(GitError::Unusable { repo: session.repo, what })
    }

    /// Where the branches are. `None` where this service does not show the one that is read, or cannot be committed to.
    pub(crate) fn tips(&self, branches: &Branches) -> Option<Tips> {
        let names = branches.names();
        let refs: Vec<_> = self.0.advert.refs(|name| names.iter().any(|wanted| wanted == name)).collect();
        Tips::of(branches, &refs).filter(Tips::are_sha1)
    }

    /// Whether a program waits at the server for the push.
    pub(crate) fn waits(&self) -> bool {
        !self.0.is_stateless()
    }

    /// Whether the branch is still where it was read.
    pub(crate) fn is_current(&self, reference: &str, old: &str) -> bool {
        let there = self.0.advert.refs(|name| name == reference).next();
        there.as_ref().map_or(ZERO, |r| r.oid.as_str()) == old
    }

    /// Pushes, and reads what the server says of it.
    pub(crate) async fn push(mut self, update: RefUpdate) -> Result<Pushed, GitError> {
        let sideband = self.0.advert.has("side-band-64k");
        let (reference, message) = (update.reference.clone(), self.message(update, sideband));
        let answer = match self.0.ask(message).await {
            Ok(reader) => report::read(reader, sideband, &reference).await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(verdict) => Ok(Pushed::Judged(verdict)),
            Err(error) if error.is_transient() || matches!(error, GitError::Flood { .. }) => {
                Ok(Pushed::Unknown(error))
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
