//! Pushes that a registry refuses, with the bodies that GHCR, ECR, Harbor, Quay, Gitea, Docker Hub and Artifact Registry send.

use argo_buildkit::buildkit::{BuildErrorKind, CacheRef};
use argo_buildkit::outcome::Fault as Turn;
use futures_util::StreamExt as _;

use super::*;
use crate::support::certificates::Authority;
use crate::support::damaged_clone::{DamagedClone, Pack};
use crate::support::fault_registry::{At, Fault, FaultRegistry, hanging_up};
use crate::support::git::GitServer;
use crate::support::shared::shared_buildkitd;
use crate::support::tls_proxy::TlsProxy;

/// The number of refusals at a time. BuildKit retries some of them, which takes seconds.
const AT_A_TIME: usize = 8;

const fn fault(name: &'static str, at: At, status: u16, body: &'static str) -> Fault {
    Fault { name, at, status, body }
}

/// A refusal, who must act then, and words of the advice.
const TABLE: &[(Fault, Turn, &str)] = {
    use At::{Blob, Manifest, Upload};
    use Turn::{Transient, User};
    &[
        (
            fault(
                "ghcr-denied",
                Upload,
                403,
                r#"{"errors":[{"code":"DENIED","message":"permission_denied: write_package"}]}"#,
            ),
            User,
            "`registry-secret`",
        ),
        (
            fault(
                "ghcr-organization",
                Upload,
                403,
                r#"{"errors":[{"code":"DENIED","message":"installation not allowed to Create organization package"}]}"#,
            ),
            User,
            "`registry-secret`",
        ),
        (
            fault(
                "ghcr-scopes",
                Upload,
                403,
                r#"{"errors":[{"code":"DENIED","message":"permission_denied: The token provided does not match expected scopes."}]}"#,
            ),
            User,
            "`registry-secret`",
        ),
        (
            fault(
                "ecr-no-repository",
                Upload,
                404,
                r#"{"errors":[{"code":"NAME_UNKNOWN","message":"The repository with name 'ecr/app' does not exist in the registry with id '123456789012'"}]}"#,
            ),
            User,
            "created first",
        ),
        (
            fault(
                "ecr-immutable",
                Manifest,
                400,
                r#"{"errors":[{"code":"TAG_INVALID","message":"The image tag '500' already exists in the 'app' repository and cannot be overwritten because the tag is immutable."}]}"#,
            ),
            User,
            "choose another under `tags`",
        ),
        (fault("ecr-unauthorized", Upload, 401, "Not Authorized\n"), User, "`registry-secret`"),
        (
            fault(
                "ecr-policy",
                Upload,
                403,
                r#"{"errors":[{"code":"DENIED","message":"User: arn:aws:sts::123456789012:assumed-role/ci is not authorized to perform: ecr:InitiateLayerUpload on resource: arn:aws:ecr:eu-west-1:123456789012:repository/app because no identity-based policy allows it"}]}"#,
            ),
            User,
            "`registry-secret`",
        ),
        (
            fault(
                "ecr-manifest",
                Manifest,
                405,
                r#"{"errors":[{"code":"UNSUPPORTED","message":"Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax'"}]}"#,
            ),
            User,
            "refuses what was sent",
        ),
        (
            fault(
                "harbor-immutable",
                Manifest,
                412,
                r#"{"errors":[{"code":"PRECONDITION","message":"Failed to process request due to 'app:1' configured as immutable."}]}"#,
            ),
            User,
            "choose another under `tags`",
        ),
        (
            fault(
                "harbor-quota",
                Manifest,
                403,
                r#"{"errors":[{"code":"DENIED","message":"adding 12.3 MiB of storage resource, which when updated to current usage of 1.0 GiB will exceed the configured upper limit of 1.0 GiB."}]}"#,
            ),
            User,
            "quota",
        ),
        (
            fault(
                "harbor-unauthorized",
                Upload,
                401,
                r#"{"errors":[{"code":"UNAUTHORIZED","message":"unauthorized to access repository: shop/app, action: push: unauthorized to access repository: shop/app, action: push"}]}"#,
            ),
            User,
            "`registry-secret`",
        ),
        (
            fault(
                "harbor-no-project",
                Upload,
                404,
                r#"{"errors":[{"code":"NOT_FOUND","message":"project shop not found: project shop not found"}]}"#,
            ),
            User,
            "created first",
        ),
        (
            fault(
                "harbor-read-only",
                Upload,
                403,
                r#"{"errors":[{"code":"DENIED","message":"The system is in read only mode. Any modification is prohibited."}]}"#,
            ),
            User,
            "read-only",
        ),
        (
            fault(
                "harbor-broken",
                Manifest,
                500,
                r#"{"errors":[{"code":"UNKNOWN","message":"internal server error"}]}"#,
            ),
            Transient,
            "try again later",
        ),
        (
            fault(
                "quay-unauthorized",
                Upload,
                401,
                r#"{"errors":[{"code":"UNAUTHORIZED","detail":{},"message":"access to the requested resource is not authorized"}]}"#,
            ),
            User,
            "`registry-secret`",
        ),
        (
            fault(
                "quay-quota",
                Upload,
                403,
                r#"{"errors":[{"code":"DENIED","detail":{},"message":"Quota has been exceeded on namespace"}]}"#,
            ),
            User,
            "quota",
        ),
        (
            fault(
                "quay-read-only",
                Upload,
                405,
                r#"{"errors":[{"code":"UNSUPPORTED","detail":{},"message":"System is currently read-only. Pulls will succeed but all write operations are currently suspended."}]}"#,
            ),
            User,
            "read-only",
        ),
        (
            fault(
                "quay-manifest",
                Manifest,
                415,
                r#"{"errors":[{"code":"MANIFEST_INVALID","detail":{"message":"manifest schema version not supported"},"message":"manifest invalid"}]}"#,
            ),
            User,
            "refuses what was sent",
        ),
        (fault("gitea-login", Upload, 401, "reqPackageAccess"), User, "`registry-secret`"),
        (fault("gitea-no-owner", Upload, 404, "Not found.\n"), User, "created first"),
        (
            fault(
                "gitea-quota",
                Blob,
                413,
                r#"{"errors":[{"code":"DENIED","message":"maximum allowed package storage quota exceeded"}]}"#,
            ),
            User,
            "quota",
        ),
        (
            fault(
                "gitea-manifest",
                Manifest,
                400,
                r#"{"errors":[{"code":"MANIFEST_INVALID","message":"manifest invalid"}]}"#,
            ),
            User,
            "refuses what was sent",
        ),
        (
            fault(
                "hub-denied",
                Upload,
                403,
                r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#,
            ),
            User,
            "`registry-secret`",
        ),
        (
            fault(
                "hub-unauthorized",
                Upload,
                401,
                r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":[{"Type":"repository","Class":"","Name":"shop/app","Action":"push"}]}]}"#,
            ),
            User,
            "`registry-secret`",
        ),
        (
            fault(
                "hub-rate",
                Upload,
                429,
                r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your unauthenticated pull rate limit."}]}"#,
            ),
            Transient,
            "try again later",
        ),
        (
            fault(
                "gar-denied",
                Upload,
                403,
                r#"{"errors":[{"code":"DENIED","message":"Permission \"artifactregistry.repositories.uploadArtifacts\" denied on resource \"projects/p/locations/europe/repositories/r\" (or it may not exist)"}]}"#,
            ),
            User,
            "`registry-secret`",
        ),
        (
            fault(
                "gar-no-repository",
                Upload,
                404,
                r#"{"errors":[{"code":"NAME_UNKNOWN","message":"Repository \"r\" not found"}]}"#,
            ),
            User,
            "created first",
        ),
        (
            fault(
                "gar-manifest",
                Manifest,
                400,
                r#"{"errors":[{"code":"MANIFEST_INVALID","message":"Failed to parse manifest: application/vnd.oci.image.manifest.v1+json"}]}"#,
            ),
            User,
            "refuses what was sent",
        ),
        (
            fault(
                "proxy-too-large",
                Blob,
                413,
                "<html><head><title>413 Request Entity Too Large</title></head></html>",
            ),
            User,
            "raise the proxy's limit",
        ),
        (
            fault("proxy-method", Upload, 405, "<html><head><title>405 Not Allowed</title></head></html>"),
            User,
            "takes no pushes",
        ),
        (
            fault(
                "proxy-bad-gateway",
                Upload,
                502,
                "<html><head><title>502 Bad Gateway</title></head></html>",
            ),
            Transient,
            "try again later",
        ),
        (
            fault("proxy-forbidden", Manifest, 403, "<html><head><title>403 Forbidden</title></head></html>"),
            User,
            "`registry-secret`",
        ),
        (fault("plain-bad-request", Manifest, 400, "error 500 in a test"), User, "refuses what was sent"),
        (
            fault("plain-unavailable", Manifest, 503, "quota of the database exceeded"),
            Transient,
            "try again later",
        ),
        (
            fault(
                "lost-upload",
                Blob,
                404,
                r#"{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN","message":"blob upload unknown to registry"}]}"#,
            ),
            Transient,
            "try again later",
        ),
    ]
};

fn something() -> Solve {
    inline("FROM scratch\nCOPY <<EOF /motd\nhello\nEOF\n")
}

#[tokio::test]
async fn a_refused_push_is_the_users_and_a_broken_registry_is_not() {
    let faults: Vec<_> = TABLE.iter().map(|(fault, ..)| *fault).collect();
    let registry = FaultRegistry::start(&faults).await;
    let client = Buildkit::new(shared_buildkitd().address().parse().unwrap(), None);
    let push = async |(fault, turn, words): &(Fault, Turn, &'static str)| {
        let name = format!("{}/{}/app:1", registry.host(), fault.name);
        let solve = Solve { exporters: vec![image(&[&name], true)], ..something() };
        let error = run(&client, &solve, Session::default()).await.unwrap_err();
        let is_right =
            (error.kind, error.fault) == (BuildErrorKind::Registry, *turn) && error.message.contains(words);
        (!is_right).then(|| format!("{}: {:?} {:?} {error}", fault.name, error.kind, error.fault))
    };
    let wrong: Vec<_> =
        futures_util::stream::iter(TABLE).map(push).buffer_unordered(AT_A_TIME).collect().await;
    let wrong: Vec<_> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_cache_that_cannot_be_written_names_the_field_that_lets_the_build_go_on() {
    let denied = r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#;
    let broken = r#"{"errors":[{"code":"UNKNOWN","message":"unknown error"}]}"#;
    let faults = [
        fault("denied", At::Upload, 403, denied),
        fault("forbidden", At::Upload, 403, "<html>403</html>"),
        fault("manifest", At::Manifest, 400, "<html>400</html>"),
        fault("broken", At::Upload, 500, broken),
    ];
    let registry = FaultRegistry::start(&faults).await;
    let client = Buildkit::new(shared_buildkitd().address().parse().unwrap(), None);
    let turns = [Turn::User, Turn::User, Turn::User, Turn::Transient];
    for (fault, turn) in faults.iter().zip(turns) {
        let cache = CacheRef::registry(&format!("{}/{}/cache:1", registry.host(), fault.name), []);
        let solve = Solve { cache_to: vec![cache], ..something() };
        let error = run(&client, &solve, Session::default()).await.unwrap_err();
        assert_eq!((error.kind, error.fault), (BuildErrorKind::Registry, turn), "{}: {error}", fault.name);
        assert!(error.message.contains("`ignore-error: true`"), "{error}");
    }
}

/// buildkitd's own clone fails now, after the commit was proven.
#[tokio::test]
async fn a_clone_of_buildkitds_that_breaks_off_is_tried_again_and_a_refused_one_is_the_users() {
    let server = FaultRegistry::start(&[]).await;
    let client = Buildkit::new(shared_buildkitd().address().parse().unwrap(), None);
    let at = |path: &str| format!("http://{}/{path}/a.git", server.host());
    let rows = [
        (at("403"), Turn::User),
        (at("404"), Turn::User),
        (at("429"), Turn::Transient),
        (at("500"), Turn::Transient),
        (at("503"), Turn::Transient),
        (at("cut"), Turn::Transient),
        (format!("http://{}/a.git", hanging_up().await), Turn::Transient),
        ("http://127.0.0.1:1/a.git".to_owned(), Turn::Transient),
    ];
    for (number, (url, turn)) in rows.into_iter().enumerate() {
        let sha = format!("{number:040}");
        let error = cloned(&client, &url, &sha).await;
        assert_eq!((error.kind, error.fault), (BuildErrorKind::Git, turn), "{url}: {error}");
        assert!(!error.message.contains("`dockerfile`"), "{error}");
    }
}

/// The server's answers are good except for the pack.
#[tokio::test]
async fn a_pack_that_does_not_arrive_whole_is_no_fault_of_the_users() {
    let server = GitServer::start("", "");
    let client = Buildkit::new(shared_buildkitd().address().parse().unwrap(), None);
    for (name, pack) in [("short", Pack::Short), ("cut", Pack::Cut), ("damaged", Pack::Damaged)] {
        // A commit that the daemon does not have yet.
        let text: String = (0..20_000).map(|n| format!("{name} {}\n", n * 7919)).collect();
        let sha = server.create(name, &[("Dockerfile", "FROM scratch\n"), ("main.txt", &text)]);
        let proxy = DamagedClone::start(server.origin(), pack).await;
        let error = cloned(&client, &format!("{}/{name}.git", proxy.url()), &sha).await;
        assert_eq!((error.kind, error.fault), (BuildErrorKind::Git, Turn::Transient), "{name}: {error}");
        assert!(error.message.contains("try again later"), "{name}: {error}");
    }
}

/// argo-buildkit trusts the CA with `--ca-bundle`, but buildkitd's git does not.
#[tokio::test]
async fn a_git_server_that_buildkitd_does_not_trust_is_the_users_with_what_buildkitd_needs() {
    let server = GitServer::start("", "");
    let sha = server.create("trust", &[("Dockerfile", "FROM scratch\n"), ("main.txt", "trust me\n")]);
    let upstream = server.origin().strip_prefix("http://").unwrap();
    let proxy = TlsProxy::start(upstream, &Authority::new().sign("git")).await;
    let client = Buildkit::new(shared_buildkitd().address().parse().unwrap(), None);
    let error = cloned(&client, &format!("https://{}/trust.git", proxy.host()), &sha).await;
    assert_eq!((error.kind, error.fault), (BuildErrorKind::Git, Turn::User), "{error}");
    for words in ["`GIT_SSL_CAINFO`", "`--ca-bundle` is not buildkitd's"] {
        assert!(error.message.contains(words), "{error}");
    }
}

/// The error of a build whose context is `sha` of `url`.
async fn cloned(client: &Buildkit, url: &str, sha: &str) -> BuildError {
    let context = GitTree { url: url.to_owned(), sha: sha.to_owned(), ..GitTree::default() };
    let allowed_git = vec![source(url, sha)];
    let solve = Solve { inline_dockerfile: None, context: Some(context), allowed_git, ..inline("") };
    run(client, &solve, Session::default()).await.unwrap_err()
}

#[tokio::test]
async fn a_registry_that_hangs_up_is_asked_again() {
    let client = Buildkit::new(shared_buildkitd().address().parse().unwrap(), None);
    let name = format!("{}/shop/app:1", hanging_up().await);
    let solve = Solve { exporters: vec![image(&[&name], true)], ..something() };
    let error = run(&client, &solve, Session::default()).await.unwrap_err();
    assert_eq!((error.kind, error.fault), (BuildErrorKind::Registry, Turn::Transient), "{error}");
}
