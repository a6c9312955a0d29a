//! Every call over a network, and how long it may take. `docs/operate.md` says the same, and a test holds it so.

use std::time::Duration;

/// A kind of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// To whom, and what: as the documentation has it.
    pub name: &'static str,
    /// For the whole of it. Without one it lasts as long as the step, or as the process.
    pub whole: Option<Duration>,
    /// Between two signs of life of the peer. Without one the limit for the whole is it.
    pub silence: Option<Duration>,
}

impl Call {
    const fn whole_of(name: &'static str, seconds: u64) -> Self {
        Self { name, whole: Some(Duration::from_secs(seconds)), silence: None }
    }

    const fn silence_of(name: &'static str, seconds: u64) -> Self {
        Self { name, whole: None, silence: Some(Duration::from_secs(seconds)) }
    }

    const fn both(name: &'static str, whole: u64, silence: u64) -> Self {
        Self { silence: Some(Duration::from_secs(silence)), ..Self::whole_of(name, whole) }
    }

    /// The limit for the whole; for ever without one.
    pub const fn whole(&self) -> Duration {
        match self.whole {
            Some(limit) => limit,
            None => Duration::MAX,
        }
    }

    /// The limit for silence; for ever without one.
    pub const fn silence(&self) -> Duration {
        match self.silence {
            Some(limit) => limit,
            None => self.whole(),
        }
    }
}

/// TCP, TLS and HTTP/2 with the daemon, its certificates included.
pub const BUILDKIT_CONNECT: Call = Call::whole_of("buildkitd: connect", 10);
/// Its version, its workers, a new session, a look into its history.
pub const BUILDKIT_ANSWER: Call = Call::whole_of("buildkitd: one answer", 10);
/// A build's record, once it has ended.
pub const BUILDKIT_RECORD: Call = Call::whole_of("buildkitd: the record of a build that has ended", 10);
/// A solve, or the status of one that is followed. The daemon gives a session up after two questions of 30 s.
pub const BUILDKIT_BUILD: Call = Call::silence_of("buildkitd: a build", 45);

/// A list, or one page of it, is the slowest. A watch must have begun.
pub const KUBE_ANSWER: Call = Call::whole_of("Kubernetes API: one answer, or a watch's beginning", 30);
/// One Secret, or a report of the shared agent.
pub const KUBE_OBJECT: Call = Call::whole_of("Kubernetes API: a Secret, or the agent's report", 10);
/// The Secret of buildkitd's certificates, which is read while it is connected to.
pub const KUBE_CERTIFICATES: Call = Call::whole_of("Kubernetes API: the certificates for buildkitd", 5);
/// It is asked to end a watch after 60 s.
pub const KUBE_WATCH: Call = Call::silence_of("Kubernetes API: a watch", 65);
/// A third of the time for which the Lease holds.
pub const KUBE_LEASE: Call = Call::whole_of("Kubernetes API: the agent's Lease", 5);

/// What others ask of us, at the plugin's port and at the operator's.
pub const OWN_PORTS: Call = Call::both("our own ports: a request", 30, 60);

/// All of them.
pub const ALL: &[Call] = &[
    BUILDKIT_CONNECT,
    BUILDKIT_ANSWER,
    BUILDKIT_RECORD,
    BUILDKIT_BUILD,
    KUBE_ANSWER,
    KUBE_OBJECT,
    KUBE_CERTIFICATES,
    KUBE_WATCH,
    KUBE_LEASE,
    OWN_PORTS,
];
