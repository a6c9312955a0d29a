//! Leader election with a Lease: one of several processes works, and the others wait until it is gone.
//!
//! The rules are those of client-go, whose electors could take part. A lease has expired when this process has not
//! seen it renewed for as long as the lease says, by its own clock; the times in the lease are for people. Every
//! write names the version that was read, so if two processes try to take the lease, one of them is refused. A leader
//! that cannot renew the lease stops leading while a third of its time is left, so that the next leader does not
//! start beside it.

mod elector;
mod lease_api;
mod lease_watch;
mod observation;
mod problem;
mod record;
mod state;
mod thread;

use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Cluster;
use elector::LeaderElector;

/// The time limit for releasing a lease. The steps' `--drain-grace`, the last reports, this, and the last spans
/// together stay below the 60 s after which the kubelet kills the pod of `deploy/base/agent`.
const RELEASE: Duration = Duration::from_secs(10);

/// The settings of a leader election.
#[derive(Debug, Clone)]
pub struct LeaderElectionConfig {
    /// The namespace of the Lease; `None` for the client's own.
    pub namespace: Option<String>,
    /// The name of the Lease.
    pub name: String,
    /// The identity of this process, which no other running process may have. A process with the identity of an
    /// earlier one, such as a restarted container, gets that one's lease without waiting.
    pub identity: String,
    /// The time after which a lease that is not renewed expires; 15 s is usual. Kubernetes counts whole seconds.
    pub duration: Duration,
    /// The pause between two renewals, or between two reads of another holder's lease; 2 s is usual.
    pub retry: Duration,
}

/// The state of this process in a leader election.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leadership {
    /// Another process holds the lease, or nobody does yet: start nothing and run nothing.
    Standby {
        /// The lease holder, if it is known.
        holder: Option<String>,
    },
    /// This process holds the lease.
    Leader,
    /// This process held the lease and could not renew it in time: running work continues, and nothing new may start.
    /// `Leader` follows if no other process has taken the lease meanwhile.
    Unsure,
}

/// A running leader election. Dropping it stops the election without releasing the lease, as the end of the process
/// would.
#[must_use = "dropping it ends it"]
pub struct LeaderElection {
    leadership: watch::Receiver<Leadership>,
    problem: watch::Receiver<Option<String>>,
    stop: CancellationToken,
    ended: oneshot::Receiver<()>,
    _dropped: DropGuard,
}

impl Cluster {
    /// Starts a leader election on its own thread and connection, so that nothing else in the process delays the
    /// renewal of the lease. Errors do not end it: each is logged once, and the request is retried.
    pub fn elect_leader(&self, config: LeaderElectionConfig) -> LeaderElection {
        let elector = LeaderElector::new(self.apart(), config);
        let (leadership, problem) = elector.state().subscribe();
        let (stop, dropped) = (CancellationToken::new(), CancellationToken::new());
        let ended = thread::run(elector.run(stop.clone()), dropped.clone());
        LeaderElection { leadership, problem, stop, ended, _dropped: dropped.drop_guard() }
    }
}

impl LeaderElection {
    /// The current state of this process, and each change.
    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.leadership.clone()
    }

    /// The error of the last attempt to read, take or renew the lease, if it failed. The text says what to do.
    pub fn problem(&self) -> watch::Receiver<Option<String>> {
        self.problem.clone()
    }

    /// Stops the election and releases the lease if this process holds it, so that the next leader need not wait. It
    /// takes at most 10 s, because a process that ends has little time; a lease that is not released by then expires.
    pub async fn release(self) {
        self.stop.cancel();
        // A panic of the thread was already reported, and then the lease expires.
        if tokio::time::timeout(RELEASE, self.ended).await.is_err() {
            tracing::warn!(limit = ?RELEASE, "the Lease was not given up in time; the next leader must wait until it expires");
        }
    }
}
