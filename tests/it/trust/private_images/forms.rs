//! Every form in which a build names an image, with a registry that demands a login.

use std::collections::BTreeMap;
use std::sync::Arc;

use argo_buildkit::buildkit::{
    BuildError, BuildErrorKind, Buildkit, Exporter, Progress, Session, Solve, Solved,
};
use argo_buildkit::oci::{Auth, LazyClient, Login};
use argo_buildkit::outcome::Fault;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use tokio::sync::watch;

use super::MANIFEST;
use crate::support::net::{client, unique};
use crate::support::registry::{Registry, free_port};
use crate::support::scripted::{Asked, Scripted};
use crate::support::shared::World;

/// `htpasswd -nB team-b` with the password `cache-pw`.
const HTPASSWD: &str = "team-b:$2b$05$abcdefghijklmnopqrstuu2LpsBnoawX9hxvjqNw.PWmZ.abJbLHC\n";

/// A registry with a login, and a private image, which its owner's build has pulled.
struct Private {
    registry: Registry,
    _htpasswd: tempfile::NamedTempFile,
    digest: String,
    busybox: String,
}

impl Private {
    async fn start() -> Self {
        let world = World::shared().await;
        let htpasswd = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(htpasswd.path(), HTPASSWD).unwrap();
        let path = htpasswd.path().to_str().unwrap();
        let env = [
            ("REGISTRY_AUTH", "htpasswd"),
            ("REGISTRY_AUTH_HTPASSWD_REALM", "private"),
            ("REGISTRY_AUTH_HTPASSWD_PATH", path),
        ];
        let registry = Registry::start_at(&format!("127.0.0.1:{}", free_port()), &env);
        let mut private =
            Self { registry, _htpasswd: htpasswd, digest: String::new(), busybox: world.busybox.clone() };
        let name = format!("{}/team/private:1", private.registry.host());
        let attrs = [("name", &*name), ("push", "true"), ("registry.insecure", "true")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()));
        let exporters = vec![Exporter { kind: "image".to_owned(), attrs: attrs.into() }];
        let dockerfile = format!("FROM {}\nRUN echo {} >/theirs\n", private.busybox, unique("private"));
        let pushed = Solve { exporters, ..solve(&dockerfile) };
        private.digest = build(&pushed, private.owner()).await.unwrap().digest.unwrap();
        let pulled = format!("FROM {}\nRUN test -s /theirs\n", private.image());
        build(&solve(&pulled), private.owner()).await.unwrap();
        private
    }

    fn owner(&self) -> Session {
        self.with_password("cache-pw")
    }

    fn with_password(&self, password: &str) -> Session {
        let login = Login::Password { user: "team-b".into(), password: password.into() };
        let registries = Arc::new(Auth::default().with(self.registry.host(), login));
        Session { registries, ..Session::default() }
    }

    fn image(&self) -> String {
        self.image_at(self.registry.host())
    }

    fn image_at(&self, host: &str) -> String {
        format!("{host}/team/private@{}", self.digest)
    }
}

fn solve(dockerfile: &str) -> Solve {
    let reference = unique(&format!("private-{}", std::process::id()));
    Solve { reference, inline_dockerfile: Some(dockerfile.to_owned()), ..Solve::default() }
}

/// `dockerfile` with another attribute.
fn with(dockerfile: &str, key: &str, value: String) -> Solve {
    Solve { attrs: BTreeMap::from([(key.to_owned(), value)]), ..solve(dockerfile) }
}

async fn build(solve: &Solve, session: Session) -> Result<Solved, BuildError> {
    let world = World::shared().await;
    let client = Buildkit::new(world.buildkitd.address().parse().unwrap(), None);
    let (progress, _) = watch::channel(Progress::default());
    client.solve(solve, session, &progress).await
}

/// Every way in which a build can name an image.
fn ways(image: &str, busybox: &str) -> Vec<Solve> {
    let (name, _) = image.split_once('@').unwrap();
    let texts = [
        format!("FROM {image}\nRUN test -s /theirs\n"),
        format!("FROM {name}:any{}\nRUN test -s /theirs\n", &image[name.len()..]),
        format!("FROM {busybox}\nCOPY --from={image} /theirs /\n"),
        format!("FROM {busybox}\nRUN --mount=from={image},target=/mnt test -s /mnt/theirs\n"),
        format!("ARG IMAGE={image}\nFROM $IMAGE\nRUN test -s /theirs\n"),
        format!("FROM {image} AS theirs\nFROM {busybox}\nCOPY --from=theirs /theirs /\n"),
        format!("FROM {image} AS theirs\nFROM theirs AS child\nRUN test -s /theirs\n"),
    ];
    let named = format!("docker-image://{image}");
    let platforms = "linux/amd64,linux/arm64".to_owned();
    let more = [
        with("FROM theirs\nRUN test -s /theirs\n", "context:theirs", named.clone()),
        with(&format!("FROM {busybox}\nCOPY --from=theirs /theirs /\n"), "context:theirs", named),
        with(&format!("FROM scratch\nCOPY --from={image} /theirs /\n"), "platform", platforms),
    ];
    texts.iter().map(|text| solve(text)).chain(more).collect()
}

fn expect_refused(ended: Result<Solved, BuildError>, what: &str) {
    let Err(error) = ended else { panic!("{what}: it was built") };
    assert!(error.to_string().contains("no right to read image"), "{what}: {error}");
    assert_eq!((error.kind, error.fault), (BuildErrorKind::Registry, Fault::User), "{what}: {error}");
}

#[tokio::test]
async fn a_digest_is_no_login() {
    let private = Private::start().await;
    for way in ways(&private.image(), &private.busybox) {
        let what = format!("{:?} {:?}", way.inline_dockerfile, way.attrs);
        let anew = || Solve { reference: unique("private-again"), ..way.clone() };
        expect_refused(build(&way, Session::default()).await, &what);
        expect_refused(build(&anew(), private.with_password("guessed")).await, &what);
        build(&anew(), private.owner()).await.unwrap_or_else(|error| panic!("{what}: {error}"));
    }
    // A frontend is an image too.
    let syntax = solve(&format!("# syntax={}\nFROM scratch\n", private.image()));
    expect_refused(build(&syntax, Session::default()).await, "syntax");
}

#[tokio::test]
async fn what_no_registry_is_asked_for_is_not_read() {
    let private = Private::start().await;
    let from = format!("FROM {}/team/private:1\nRUN test -s /theirs\n", private.registry.host());
    let error = build(&solve(&from), Session::default()).await.unwrap_err();
    assert_eq!(
        (error.kind, error.fault),
        (BuildErrorKind::Registry, Fault::User),
        "the daemon asks about a tag: {error}"
    );
    let local = with(&from, "image-resolve-mode", "local".to_owned());
    expect_refused(build(&local, private.owner()).await, "the mode that asks no registry");
    let layout = format!("oci-layout://{}", private.image());
    let layout = with("FROM theirs\nRUN test -s /theirs\n", "context:theirs", layout);
    let error = build(&layout, private.owner()).await.unwrap_err();
    assert!(error.to_string().contains("denied by policy"), "{error}");
    assert_eq!((error.kind, error.fault), (BuildErrorKind::Denied, Fault::User), "{error}");
}

/// Without the question, the daemon gives the image to any build. This shows the effect and the cost of the switch.
#[tokio::test]
async fn a_registry_that_is_mirrored_is_not_asked() {
    let private = Private::start().await;
    let client = LazyClient::default().with_mirrored([private.registry.host().to_owned()]);
    let session = Session { client, ..Session::default() };
    build(&solve(&format!("FROM {}\nRUN test -s /theirs\n", private.image())), session).await.unwrap();
}

/// The daemon compares hosts without their ports (`util/contentutil/source.go`), so any server on the host could
/// answer for it.
#[tokio::test]
async fn a_server_on_another_port_gives_no_right_by_saying_yes() {
    let private = Private::start().await;
    let said = private.digest.clone();
    let yes = move |_: &str, _: &_| [("docker-content-digest", said.clone())].into_response();
    let polite = Scripted::start(yes).await;
    let from = solve(&format!("FROM {}\nRUN test -s /theirs\n", private.image_at(polite.host())));
    let error = build(&from, Session::default()).await.unwrap_err();
    assert!(error.to_string().contains("has another digest"), "{error}");
    assert_eq!(error.fault, Fault::User, "{error}");
}

/// Another name does not help either: the daemon does not fetch content again that it has, whatever its name.
#[tokio::test]
async fn a_server_of_another_name_gives_no_right_by_saying_yes() {
    let private = Private::start().await;
    let manifest = format!("http://{}/v2/team/private/manifests/1", private.registry.host());
    let told = client().head(manifest).basic_auth("team-b", Some("cache-pw")).header("accept", MANIFEST);
    let told = told.send().await.unwrap().headers().clone();
    let yes = move |_: &str, asked: &Asked| match asked.method.as_str() {
        "HEAD" => told.clone().into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    };
    let polite = Scripted::start(yes).await;
    let host = polite.host().replace("127.0.0.1", "localhost");
    let from = || solve(&format!("FROM {}\nRUN test -s /theirs\n", private.image_at(&host)));
    expect_refused(build(&from(), Session::default()).await, "a yes without a manifest");
    // The daemon's behaviour when nobody is asked, to show that the test can fail.
    let session =
        Session { client: LazyClient::default().with_mirrored([host.clone()]), ..Session::default() };
    build(&from(), session).await.unwrap();
}

/// An image in the daemon's store is no exception: the name may be another spelling of a private image.
#[tokio::test]
async fn a_registry_that_does_not_answer_ends_the_build_for_now() {
    let private = Private::start().await;
    let from = |host: &str| solve(&format!("FROM {}\nRUN test -s /theirs\n", private.image_at(host)));
    let nobody = format!("127.0.0.1:{}", free_port());
    let error = build(&from(&nobody), Session::default()).await.unwrap_err();
    assert!(error.to_string().contains("--mirrored-registries"), "{error}");
    assert_eq!((error.kind, error.fault), (BuildErrorKind::Registry, Fault::Transient), "{error}");

    let overloaded = Scripted::start(|_, _| StatusCode::SERVICE_UNAVAILABLE.into_response()).await;
    let error = build(&from(overloaded.host()), Session::default()).await.unwrap_err();
    assert!(error.to_string().contains("answered 503"), "{error}");
    assert_eq!((error.kind, error.fault), (BuildErrorKind::Registry, Fault::Transient), "{error}");
    assert_eq!(overloaded.asked().len(), 3, "{:?}", overloaded.asked());
}
