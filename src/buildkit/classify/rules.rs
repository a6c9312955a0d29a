//! Words of buildkitd, git and registries, and what they mean.

use crate::buildkit::kind::Kind;
use crate::outcome::Fault;

/// A message that holds all of `needles` is `kind` and `fault`; `advice` says what to do.
pub(super) struct Rule {
    pub(super) needles: &'static [&'static str],
    pub(super) kind: Kind,
    pub(super) fault: Fault,
    pub(super) advice: &'static str,
}

const fn rule(needles: &'static [&'static str], kind: Kind, fault: Fault, advice: &'static str) -> Rule {
    Rule { needles, kind, fault, advice }
}

const CREDENTIALS: &str = "check the registry secret: its host, user, token and the token's scopes";
const SUBMODULES: &str = "BuildKit cannot authenticate private submodules: set `submodules: false`, or make them readable without a login";
const GIT_LOGIN: &str = "check the Git secret and its right to read this repository; if this is a submodule, set `submodules: false`: \
    BuildKit cannot authenticate private submodules";
const PLAIN_HTTP: &str = "the registry speaks plain http: set `insecure: true` for it, or `http = true` in buildkitd's registry configuration";
const CERTIFICATE: &str = "buildkitd does not trust the registry's certificate: add its CA to buildkitd's registry configuration, or set `insecure: true`";
const LATER: &str = "the server is away or overloaded, try again later";
const NO_FILE: &str = "the context has no such file; see also .dockerignore";
const DENIED: &str = "the build may read the commits that the step names as `context` and `contexts`, and no others: name this one, \
    with its `revision`, under `contexts`, and use it by that name";
const DENIED_IMAGE: &str = "the shared agent's policy does not list this image for the namespace: have it added under `images`, or build \
    from another";

/// Read from top to bottom: what is more telling stands first.
pub(super) const RULES: &[Rule] = &[
    // First, for they quote a path, which may hold the words of any other rule.
    rule(&["failed to calculate checksum of ref", "not found"], Kind::Dockerfile, Fault::User, NO_FILE),
    rule(&["failed to compute cache key: \"/", "not found"], Kind::Dockerfile, Fault::User, NO_FILE),
    rule(&["denied by policy", "git://"], Kind::Denied, Fault::User, DENIED),
    rule(&["denied by policy", "docker-image"], Kind::Denied, Fault::User, DENIED_IMAGE),
    rule(&["denied by policy"], Kind::Denied, Fault::User, "buildkitd's source policy forbids it"),
    rule(&["x509"], Kind::Registry, Fault::User, CERTIFICATE),
    rule(&["server gave HTTP response to HTTPS client"], Kind::Registry, Fault::User, PLAIN_HTTP),
    rule(&["into submodule path"], Kind::Git, Fault::User, SUBMODULES),
    rule(&["could not read Username"], Kind::Git, Fault::User, GIT_LOGIN),
    rule(&["could not read Password"], Kind::Git, Fault::User, GIT_LOGIN),
    rule(&["Authentication failed for"], Kind::Git, Fault::User, GIT_LOGIN),
    rule(
        &["Permission denied (publickey"],
        Kind::Git,
        Fault::User,
        "check the ssh key and its right to read this repository",
    ),
    rule(&["Host key verification failed"], Kind::Git, Fault::User, "check the Git server's host key"),
    rule(&["remote: Repository not found"], Kind::Git, Fault::User, GIT_LOGIN),
    rule(&["fatal: repository", "not found"], Kind::Git, Fault::User, GIT_LOGIN),
    rule(
        &["does not contain ref"],
        Kind::Git,
        Fault::User,
        "check `revision`; a short commit id is no revision",
    ),
    rule(
        &["reference is not a tree"],
        Kind::Git,
        Fault::User,
        "check `revision`: the repository has no such commit",
    ),
    rule(&["not our ref"], Kind::Git, Fault::User, "check `revision`: the repository has no such commit"),
    rule(&["expected checksum to match"], Kind::Git, Fault::User, "the branch or tag has moved on"),
    rule(&["invalid subdir"], Kind::Dockerfile, Fault::User, "check `subdir`"),
    rule(
        &["failed to read downloaded context"],
        Kind::Git,
        Fault::User,
        "the URL of a Git repository must end in `.git`",
    ),
    rule(&["secret", "not found"], Kind::Secret, Fault::User, "name it under `secrets`"),
    rule(&["unset ssh forward key"], Kind::Secret, Fault::User, "give the step an ssh key"),
    rule(&["no SSH key", "forwarded from the client"], Kind::Secret, Fault::User, "give the step an ssh key"),
    rule(&["no ssh handler for"], Kind::Secret, Fault::User, "give the step an ssh key"),
    // Our own words, from `oci::OciError` through the session.
    rule(&["no right to read image"], Kind::Registry, Fault::User, ""),
    rule(&["cannot tell whether image"], Kind::Registry, Fault::Transient, ""),
    rule(&["refused the login"], Kind::Registry, Fault::User, ""),
    rule(&["cannot reach the token server"], Kind::Registry, Fault::Transient, ""),
    rule(&["the token server", "answered"], Kind::Registry, Fault::Transient, ""),
    rule(&["401 Unauthorized"], Kind::Registry, Fault::User, CREDENTIALS),
    rule(&["403 Forbidden"], Kind::Registry, Fault::User, CREDENTIALS),
    rule(&["no basic auth credentials"], Kind::Registry, Fault::User, CREDENTIALS),
    rule(&["authorization failed"], Kind::Registry, Fault::User, CREDENTIALS),
    rule(&["insufficient_scope"], Kind::Registry, Fault::User, CREDENTIALS),
    rule(&["429 Too Many Requests"], Kind::Registry, Fault::Transient, LATER),
    rule(&["500 Internal Server Error"], Kind::Registry, Fault::Transient, LATER),
    rule(&["502 Bad Gateway"], Kind::Registry, Fault::Transient, LATER),
    rule(&["503 Service Unavailable"], Kind::Registry, Fault::Transient, LATER),
    rule(&["504 Gateway Timeout"], Kind::Registry, Fault::Transient, LATER),
    rule(&["BLOB_UNKNOWN"], Kind::Registry, Fault::Transient, LATER),
    rule(&["unexpected status from", "500"], Kind::Registry, Fault::Transient, LATER),
    rule(&["connection refused"], Kind::Registry, Fault::Transient, LATER),
    rule(&["connection reset"], Kind::Registry, Fault::Transient, LATER),
    rule(
        &["no such host"],
        Kind::Registry,
        Fault::Transient,
        "check the host name; buildkitd cannot resolve it",
    ),
    rule(
        &["Could not resolve host"],
        Kind::Git,
        Fault::Transient,
        "check the host name; buildkitd cannot resolve it",
    ),
    rule(&["Failed to connect to"], Kind::Git, Fault::Transient, LATER),
    rule(&["i/o timeout"], Kind::Registry, Fault::Transient, LATER),
    rule(&["TLS handshake timeout"], Kind::Registry, Fault::Transient, LATER),
    rule(&["The requested URL returned error: 5"], Kind::Git, Fault::Transient, LATER),
    rule(&["The requested URL returned error: 4"], Kind::Git, Fault::User, GIT_LOGIN),
    rule(
        &["no space left on device"],
        Kind::Other,
        Fault::Transient,
        "buildkitd's disk is full: prune its cache or enlarge it",
    ),
    rule(&["no active session"], Kind::Lost, Fault::Transient, "buildkitd lost the session to us; try again"),
    rule(
        &["session healthcheck failed"],
        Kind::Lost,
        Fault::Transient,
        "buildkitd lost the session to us; try again",
    ),
    rule(&["pull access denied"], Kind::Registry, Fault::User, CREDENTIALS),
    rule(
        &["failed to resolve source metadata", "not found"],
        Kind::Registry,
        Fault::User,
        "check the image's name and tag",
    ),
    rule(&["404 Not Found"], Kind::Registry, Fault::User, "check the name of the image or repository"),
    rule(
        &["unexpected status from", "404"],
        Kind::Registry,
        Fault::User,
        "check the name of the image or repository",
    ),
    rule(
        &["unexpected status from", "400"],
        Kind::Registry,
        Fault::User,
        "the registry refuses what was sent",
    ),
    rule(&["MANIFEST_INVALID"], Kind::Registry, Fault::User, "the registry refuses what was sent"),
    rule(
        &["error writing manifest blob"],
        Kind::Registry,
        Fault::User,
        "the registry refuses this form of cache: leave `image-manifest` at true, or set `ignore-error: true`",
    ),
    rule(
        &["granting entitlement", "not allowed"],
        Kind::Other,
        Fault::User,
        "buildkitd must be started with `--allow-insecure-entitlement`",
    ),
    rule(&["network.host is not allowed"], Kind::Other, Fault::User, "set `network: host`"),
    rule(&["the Dockerfile cannot be empty"], Kind::Dockerfile, Fault::User, ""),
    rule(&["dockerfile parse error"], Kind::Dockerfile, Fault::User, ""),
    rule(&["target stage", "could not be found"], Kind::Dockerfile, Fault::User, "check `target`"),
    rule(
        &["failed to read dockerfile"],
        Kind::Dockerfile,
        Fault::User,
        "check `dockerfile`, which is relative to `subdir`",
    ),
    rule(&["failed to compute cache key", "not found"], Kind::Dockerfile, Fault::User, NO_FILE),
    rule(&["did not complete successfully"], Kind::Run, Fault::User, ""),
];
