//! All network calls with their time limits. `docs/operate.md` has the same table, and a test compares them.

use std::time::Duration;

/// A type of network call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// The peer and the purpose, as in the documentation.
    pub name: &'static str,
    /// The limit for the whole call. With `None`, the call may last as long as the step or the process.
    pub whole: Option<Duration>,
    /// The longest silence of the peer. With `None`, only the limit for the whole applies.
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

    /// The limit for the whole call; without one, the maximum.
    pub const fn whole(&self) -> Duration {
        match self.whole {
            Some(limit) => limit,
            None => Duration::MAX,
        }
    }

    /// The limit for silence; without one, the maximum.
    pub const fn silence(&self) -> Duration {
        match self.silence {
            Some(limit) => limit,
            None => self.whole(),
        }
    }
}

/// TCP, TLS and HTTP/2 with the daemon, including reading the certificates.
pub const BUILDKIT_CONNECT: Call = Call::whole_of("buildkitd: connect", 10);
/// A request for the version, the workers, a new session, or an entry of the history.
pub const BUILDKIT_ANSWER: Call = Call::whole_of("buildkitd: one answer", 10);
/// The record of a build that has ended.
pub const BUILDKIT_RECORD: Call = Call::whole_of("buildkitd: the record of a build that has ended", 10);
/// The details of an error, which are stored beside the record. The limit is short, because the error is useful
/// without them.
pub const BUILDKIT_DETAILS: Call = Call::whole_of("buildkitd: the details of an error", 5);
/// A solve, or the status of a solve. The daemon closes a session after two failed health checks of 30 s.
pub const BUILDKIT_BUILD: Call = Call::silence_of("buildkitd: a build", 45);

/// The list of what is in the daemon's cache, with all its parts. The daemon measures directories.
pub const BUILDKIT_USAGE: Call = Call::both("buildkitd: what is in its cache", 300, 45);
/// A prune of the daemon's cache. It deletes directories, and waits for other prunes.
pub const BUILDKIT_PRUNE: Call = Call::both("buildkitd: a prune of its cache", 3600, 45);

/// The last build of a service, and what has changed in its repository since. The result of a build waits for it, if a step was not
/// cached.
pub const BUILDKIT_EARLIER: Call = Call::whole_of("buildkitd and Git: why a step was not cached", 5);

/// A read of the cache's manifest, and a check of its layers. The build waits for it.
pub const REGISTRY_CACHE: Call = Call::whole_of("registry: whether it has a cache", 5);
/// A read of an image and its attestations, and of the tags that it was built from. The build waits for it.
pub const REGISTRY_EARLIER: Call = Call::whole_of("registry: whether the same inputs were built before", 20);
/// Whether a build may read an image, with all retries and tokens. The build waits for it.
pub const REGISTRY_PULL_RIGHT: Call =
    Call::whole_of("registry: whether an image may be read, with its retries", 60);

/// A list or one page of it is the slowest answer. A watch must begin within this limit.
pub const KUBE_ANSWER: Call = Call::whole_of("Kubernetes API: one answer, or a watch's beginning", 30);
/// One Secret, or a report of the shared agent.
pub const KUBE_OBJECT: Call = Call::whole_of("Kubernetes API: a Secret, or the agent's report", 10);
/// The Secret with the certificates for buildkitd. The connection to buildkitd waits for it.
pub const KUBE_CERTIFICATES: Call = Call::whole_of("Kubernetes API: the certificates for buildkitd", 5);
/// Each watch is requested for 60 s.
pub const KUBE_WATCH: Call = Call::silence_of("Kubernetes API: a watch", 65);
/// A third of the duration of the Lease.
pub const KUBE_LEASE: Call = Call::whole_of("Kubernetes API: the agent's Lease", 5);

/// TCP and TLS. Over ssh, the greeting and the login have this limit each.
pub const GIT_CONNECT: Call = Call::whole_of("Git: connect, and over ssh the login", 10);
/// A pack may take long to arrive. For the whole, the step's own limit applies.
pub const GIT: Call = Call::silence_of("Git: an answer, over http or ssh", 60);
/// A question with all its retries: a commit and the right to read it, which commit is older, whether a login may
/// push.
pub const GIT_QUESTION: Call = Call::both("Git: one question, with its retries", 120, 60);
/// The branches and tags of a repository. A sweep asks many servers, so it gives up one that is slow.
pub const GIT_HEADS: Call = Call::whole_of("Git: the branches and tags for `poll`, with its retries", 20);
/// TCP and TLS.
pub const REGISTRY_CONNECT: Call = Call::whole_of("registry or token server: connect", 10);
/// A request and its answer.
pub const REGISTRY: Call = Call::both("registry or token server: a request", 30, 20);
/// A part of a blob that is copied, or the end of its upload. A longer blob goes on with another request.
pub const REGISTRY_BLOB: Call = Call::both("registry: a part of a copied blob", 600, 60);
/// A manifest or a tag that `push` writes. A stop of the step waits for it.
pub const REGISTRY_MANIFEST: Call = Call::both("registry: a manifest or a tag that is written", 60, 60);
/// The end of an upload that is not completed. It only tidies up.
pub const REGISTRY_CANCEL: Call = Call::whole_of("registry: the end of an upload that was lost", 10);
/// The request that shows which login a registry wants.
pub const REGISTRY_PROBE: Call = Call::whole_of("registry: which login it wants", 5);
/// Which images of one repository are there. A sweep asks many registries, so it gives up one that is slow.
pub const REGISTRY_IMAGES: Call = Call::whole_of("registry: which images are there, for `poll`", 20);
/// A write to an image's list of referrers, if the registry does not keep the list itself. The next writer waits for
/// it.
pub const REGISTRY_LIST: Call = Call::both("registry: a list of referrers or signatures", 60, 20);
/// TCP and TLS.
pub const FORGE_CONNECT: Call = Call::whole_of("forge: connect", 10);
/// A request to the API, and its answer.
pub const FORGE: Call = Call::both("forge: a request", 60, 40);

/// TCP and TLS.
pub const CHAT_CONNECT: Call = Call::whole_of("chat or webhook: connect", 10);
/// A message and its answer. A webhook of n8n may answer when its workflow has ended.
pub const CHAT: Call = Call::both("chat or webhook: a message", 60, 40);

/// The update of Argo CD's Application, with all attempts. The step has committed by then.
pub const KUBE_REFRESH: Call =
    Call::whole_of("Kubernetes API: the refresh of an Application, with its retries", 10);
/// The manifest of an image from an earlier build, to attach its log.
pub const REGISTRY_DESCRIBE: Call = Call::whole_of("registry: what an image is, for its log", 5);
/// The platforms of an image that a build could not use.
pub const REGISTRY_PLATFORMS: Call = Call::whole_of("registry: which platforms an image has", 5);
/// The push of a log. The time starts when the steps beside it have ended.
pub const REGISTRY_LOG: Call = Call::whole_of("registry: a build's log, with its retries", 10);
/// One registry or repository that `check` examines, with all requests.
pub const CHECK_TARGET: Call = Call::whole_of("`check`: one image or repository", 60);
/// The default of the OTLP exporter (OpenTelemetry's specification: "OpenTelemetry Protocol Exporter").
pub const OTLP: Call = Call::whole_of("OTLP collector: a batch of spans", 10);
/// The remaining spans at the end of the process.
pub const OTLP_LAST: Call = Call::whole_of("OTLP collector: the last spans, at the end", 5);

/// A request to our own ports: the plugin's and the operator's.
pub const OWN_PORTS: Call = Call::both("our own ports: a request", 30, 60);

/// All calls.
pub const ALL: &[Call] = &[
    BUILDKIT_CONNECT,
    BUILDKIT_ANSWER,
    BUILDKIT_RECORD,
    BUILDKIT_DETAILS,
    BUILDKIT_BUILD,
    BUILDKIT_USAGE,
    BUILDKIT_PRUNE,
    BUILDKIT_EARLIER,
    REGISTRY_CACHE,
    REGISTRY_EARLIER,
    REGISTRY_PULL_RIGHT,
    KUBE_ANSWER,
    KUBE_OBJECT,
    KUBE_CERTIFICATES,
    KUBE_WATCH,
    KUBE_LEASE,
    GIT_CONNECT,
    GIT,
    GIT_QUESTION,
    GIT_HEADS,
    REGISTRY_CONNECT,
    REGISTRY,
    REGISTRY_BLOB,
    REGISTRY_MANIFEST,
    REGISTRY_CANCEL,
    REGISTRY_PROBE,
    REGISTRY_IMAGES,
    REGISTRY_LIST,
    FORGE_CONNECT,
    FORGE,
    CHAT_CONNECT,
    CHAT,
    KUBE_REFRESH,
    REGISTRY_DESCRIBE,
    REGISTRY_PLATFORMS,
    REGISTRY_LOG,
    CHECK_TARGET,
    OTLP,
    OTLP_LAST,
    OWN_PORTS,
];
