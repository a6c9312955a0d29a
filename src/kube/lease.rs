//! Leader election by a Lease: of several processes one works, and the others wait until it is gone.
//!
//! The rules are client-go's, whose electors could take part. A lease has expired when this process has seen nobody
//! renew it for as long as it says, by its own clock: the times in it are for people. Every write names the version
//! that was read, so of two that would take it one is refused. A leader that cannot renew it stops leading while
//! a third of its time is left, so that the next one does not begin beside it.

mod lookout;
mod place;
mod problem;
mod race;
mod record;
mod sight;
mod standing;
mod thread;

use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Cluster;
use race::Race;

/// How long giving up a lease may take. The steps' `--drain-grace`, the last reports, this, and the last spans together stay below
/// the 60 s after which the kubelet kills the pod of `deploy/base/agent`.
const RELEASE: Duration = Duration::from_secs(10);

/// A candidate for a lease.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The Lease's namespace; none is the client's own.
    pub namespace: Option<String>,
    /// The Lease's name.
    pub name: String,
    /// What nobody else who lives is called. A process that takes the identity of one that is gone, as a restarted
    /// container does, has what was that one's without waiting.
    pub identity: String,
    /// For how long the lease holds without being renewed; 15 s is usual. Kubernetes counts in whole seconds.
    pub duration: Duration,
    /// The pause between two renewals, or two looks at another's lease; 2 s is usual.
    pub retry: Duration,
}

/// What a candidate is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leadership {
    /// The lease is another's, or nobody's yet: begin nothing, run nothing.
    Standby {
        /// The holder, as far as it is known.
        holder: Option<String>,
    },
    /// The lease is ours.
    Leader,
    /// It was ours, and could not be renewed in time: what runs goes on, and nothing begins. Leader comes next if nobody
    /// took it meanwhile.
    Unsure,
}

/// A candidate in the race. Dropping it ends that without a release, as the end of the process would.
#[must_use = "dropping it ends it"]
pub struct Campaign {
    leadership: watch::Receiver<Leadership>,
    problem: watch::Receiver<Option<String>>,
    stop: CancellationToken,
    ended: oneshot::Receiver<()>,
    _dropped: DropGuard,
}

impl Cluster {
    /// Begins to campaign, on a thread and over a connection of its own: whatever else the process does, the lease is
    /// renewed. No error ends that: what fails is logged once, and tried again.
    pub fn campaign(&self, candidate: Candidate) -> Campaign {
        let race = Race::new(self.apart(), candidate);
        let (leadership, problem) = race.standing().followed();
        let (stop, dropped) = (CancellationToken::new(), CancellationToken::new());
        let ended = thread::run(race.run(stop.clone()), dropped.clone());
        Campaign { leadership, problem, stop, ended, _dropped: dropped.drop_guard() }
    }
}

impl Campaign {
    /// What the candidate is, now and later.
    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.leadership.clone()
    }

    /// Why the last attempt to see, take or renew the lease failed, if it did; it says what to do.
    pub fn problem(&self) -> watch::Receiver<Option<String>> {
        self.problem.clone()
    }

    /// Ends the campaign, and gives the lease up if it is ours, so that the next one need not wait. It takes at most
    /// 10 s, since a process that ends has little time; a lease that was not given up by then expires.
    pub async fn release(self) {
        self.stop.cancel();
        // A panic of the thread has been reported where it happened, and the lease expires.
        if tokio::time::timeout(RELEASE, self.ended).await.is_err() {
            tracing::warn!(limit = ?RELEASE, "the Lease was not given up in time; the next leader must wait until it expires");
        }
    }
}
