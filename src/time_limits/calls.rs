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
/// What is kept beside a record of its error: less than an answer may take, for the error is worth telling without.
pub const BUILDKIT_DETAILS: Call = Call::whole_of("buildkitd: the details of an error", 5);
/// A solve, or the status of one that is followed. The daemon gives a session up after two questions of 30 s.
pub const BUILDKIT_BUILD: Call = Call::silence_of("buildkitd: a build", 45);

/// Its manifest, and whether it has lost a layer. The build waits for it.
pub const REGISTRY_CACHE: Call = Call::whole_of("registry: whether it has a cache", 5);
/// Whether a build may read an image, with all retries and tokens. The build waits for it.
pub const REGISTRY_PULL_RIGHT: Call =
    Call::whole_of("registry: whether an image may be read, with its retries", 60);

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

/// TCP and TLS; over ssh the greeting, and then the login, each.
pub const GIT_CONNECT: Call = Call::whole_of("Git: connect, and over ssh the login", 10);
/// A pack may take long to arrive. A step has a limit of its own for the whole.
pub const GIT: Call = Call::silence_of("Git: an answer, over http or ssh", 60);
/// A commit and the right to read it, who is older, whether a login may push: with all retries.
pub const GIT_QUESTION: Call = Call::both("Git: one question, with its retries", 120, 60);
/// TCP and TLS.
pub const REGISTRY_CONNECT: Call = Call::whole_of("registry or token server: connect", 10);
/// A request and its answer.
pub const REGISTRY: Call = Call::both("registry or token server: a request", 30, 20);
/// Which login a registry wants.
pub const REGISTRY_PROBE: Call = Call::whole_of("registry: which login it wants", 5);
/// The list of an image's referrers, where a registry keeps none itself; the next writer waits for it.
pub const REGISTRY_LIST: Call = Call::both("registry: a list of referrers", 60, 20);
/// TCP and TLS.
pub const FORGE_CONNECT: Call = Call::whole_of("forge: connect", 10);
/// A request to the API, and its answer.
pub const FORGE: Call = Call::both("forge: a request", 60, 40);

/// Argo CD's Application, all tries together. A step has committed by then.
pub const KUBE_REFRESH: Call =
    Call::whole_of("Kubernetes API: the refresh of an Application, with its retries", 10);
/// What a registry has of an image that was found again, for its log.
pub const REGISTRY_DESCRIBE: Call = Call::whole_of("registry: what an image is, for its log", 5);
/// For which platforms there is an image that a build could not use.
pub const REGISTRY_PLATFORMS: Call = Call::whole_of("registry: which platforms an image has", 5);
/// A log, from when the steps beside it have ended.
pub const REGISTRY_LOG: Call = Call::whole_of("registry: a build's log, with its retries", 10);
/// One registry or repository that `check` looks at, all questions together.
pub const CHECK_TARGET: Call = Call::whole_of("`check`: one image or repository", 60);
/// The OTLP exporter's own (OpenTelemetry's specification: "OpenTelemetry Protocol Exporter").
pub const OTLP: Call = Call::whole_of("OTLP collector: a batch of spans", 10);
/// What is left when the process ends.
pub const OTLP_LAST: Call = Call::whole_of("OTLP collector: the last spans, at the end", 5);

/// What others ask of us, at the plugin's port and at the operator's.
pub const OWN_PORTS: Call = Call::both("our own ports: a request", 30, 60);

/// All of them.
pub const ALL: &[Call] = &[
    BUILDKIT_CONNECT,
    BUILDKIT_ANSWER,
    BUILDKIT_RECORD,
    BUILDKIT_DETAILS,
    BUILDKIT_BUILD,
    REGISTRY_CACHE,
    REGISTRY_PULL_RIGHT,
    KUBE_ANSWER,
    KUBE_OBJECT,
    KUBE_CERTIFICATES,
    KUBE_WATCH,
    KUBE_LEASE,
    GIT_CONNECT,
    GIT,
    GIT_QUESTION,
    REGISTRY_CONNECT,
    REGISTRY,
    REGISTRY_PROBE,
    REGISTRY_LIST,
    FORGE_CONNECT,
    FORGE,
    KUBE_REFRESH,
    REGISTRY_DESCRIBE,
    REGISTRY_PLATFORMS,
    REGISTRY_LOG,
    CHECK_TARGET,
    OTLP,
    OTLP_LAST,
    OWN_PORTS,
];
