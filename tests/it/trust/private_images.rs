//! A private image in the daemon's store cannot be read with a login that its registry refuses, or in a namespace
//! whose policy does not list it.

mod answers;
mod forms;

use argo_buildkit::engine::{Engine, Tenancy};
use argo_buildkit::kube::{Cluster, Secrets};
use argo_buildkit::oci::{LazyClient, Registry};
use argo_buildkit::outcome::Fault;
use argo_buildkit::policy::Policy;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::engine::{engine, run};
use crate::support::git::GitServer;
use crate::support::net::{client, unique};
use crate::support::registry_proxy::{AuthScheme, ProxiedRequest, RegistryProxy};
use crate::support::shared::World;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json";

struct Site {
    world: &'static World,
    git: GitServer,
    secrets: tempfile::TempDir,
    /// The private image, by digest.
    private: String,
    /// Its registry, which demands a login.
    proxy: RegistryProxy,
}

impl Site {
    async fn start() -> Self {
        let world = World::shared().await;
        let proxy = RegistryProxy::start(AuthScheme::Basic, "one", "pass-word", world.registry.host()).await;
        let manifest = client().head(format!("http://{}/v2/base/busybox/manifests/1", world.registry.host()));
        let answer = manifest.header("accept", MANIFEST).send().await.unwrap();
        let digest = answer.headers()["docker-content-digest"].to_str().unwrap().to_owned();
        let secrets = tempfile::tempdir().unwrap();
        let auth = json!({"auths": {proxy.host(): {"auth": STANDARD.encode("one:pass-word")}}});
        let stale = json!({"auths": {proxy.host(): {"auth": STANDARD.encode("one:last-years")}}});
        for (name, config) in [("login", auth), ("stale", stale)] {
            std::fs::create_dir(secrets.path().join(name)).unwrap();
            std::fs::write(secrets.path().join(name).join(".dockerconfigjson"), config.to_string()).unwrap();
        }
        let private = format!("{}/base/busybox@{digest}", proxy.host());
        Self { world, git: GitServer::start("", ""), secrets, private, proxy }
    }

    fn engine(&self, tenancy: Tenancy, client: LazyClient) -> Engine {
        let secrets = Secrets::Directory(self.secrets.path().into());
        let plain = engine(self.world.buildkitd.address(), Cluster::default(), secrets, tenancy);
        Engine { registry: Registry::new(client), ..plain }
    }

    /// The number of our requests for a manifest. The daemon's requests have its user agent.
    fn questions(&self) -> usize {
        let ours =
            |seen: &&ProxiedRequest| seen.path.contains("/manifests/") && !seen.agent.starts_with("buildkit");
        self.proxy.requests().iter().filter(ours).count()
    }

    fn build(&self, dockerfile: &str, more: Value) -> Value {
        let name = unique("image");
        self.git.create(&name, &[("Dockerfile", dockerfile)]);
        let mut build = json!({"context": self.git.url(&name), "push": false});
        build.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"build": build})
    }
}

/// Forms in which a Dockerfile names an image.
fn forms(image: &str, public: &str) -> [String; 3] {
    [
        format!("FROM {image}\nRUN true\n"),
        format!("FROM {public}\nCOPY --from={image} /bin/busybox /loot\n"),
        format!("FROM {public}\nRUN --mount=from={image},target=/loot true\n"),
    ]
}

fn policy(text: &str) -> Tenancy {
    Tenancy::shared(Some(Policy::parse("policy.yaml", text).unwrap()))
}

#[tokio::test]
async fn a_digest_that_somebody_has_pulled_is_no_right_to_read_it() {
    let site = Site::start().await;
    let (private, public) = (&site.private, &site.world.busybox);
    let from = format!("FROM {private}\nRUN : {}\n", unique("first"));
    let lists = "namespaces: {one: {repositories: ['**']}, two: {repositories: ['**'], images: ['**']}}";
    for tenancy in [Tenancy::own(), Tenancy::shared(None), policy(lists)] {
        let engine = site.engine(tenancy.clone(), LazyClient::default());
        run(&engine, "one", &site.build(&from, json!({"registry-secret": "login"}))).await.unwrap();
        for dockerfile in forms(private, public) {
            for secret in [json!({}), json!({"registry-secret": "stale"})] {
                let build = site.build(&dockerfile, secret);
                let refused = run(&engine, "two", &build).await.unwrap_err();
                assert!(
                    refused.message.contains(&format!("no right to read image {private}")),
                    "{refused:?}"
                );
                assert!(refused.message.contains("refused the login (401"), "{refused:?}");
                assert_eq!(refused.fault, Fault::User, "{refused:?}");
            }
        }
        let named = json!({"contexts": {"base": format!("docker-image://{private}")}});
        let refused = run(&engine, "two", &site.build("FROM base\n", named)).await.unwrap_err();
        assert!(refused.message.contains("no right to read image"), "{refused:?}");
    }
    // The daemon's behaviour when nobody is asked, to show that the test can fail.
    let mirrored = LazyClient::default().with_mirrored([site.proxy.host().to_owned()]);
    let engine = site.engine(Tenancy::own(), mirrored);
    for dockerfile in forms(private, public) {
        run(&engine, "two", &site.build(&dockerfile, json!({}))).await.unwrap();
    }
}

#[tokio::test]
async fn the_policys_list_counts_whoever_logs_in() {
    let site = Site::start().await;
    let (private, public) = (&site.private, &site.world.busybox);
    let (open, own) = (site.world.registry.host(), site.proxy.host());
    let lists = format!(
        "namespaces:\n  one: {{repositories: ['**'], images: ['{own}/base/*', '{open}/**']}}\n  \
         two: {{repositories: ['**'], images: ['{open}/base/*']}}\n"
    );
    let engine = site.engine(policy(&lists), LazyClient::default());
    let login = json!({"registry-secret": "login"});
    for dockerfile in forms(private, public) {
        run(&engine, "one", &site.build(&dockerfile, login.clone())).await.unwrap();
        let refused = run(&engine, "two", &site.build(&dockerfile, login.clone())).await.unwrap_err().message;
        assert!(refused.contains(&format!("docker-image://{private}")), "{refused}");
        assert!(refused.contains("have it added under `images`"), "{refused}");
    }
    let named = json!({"contexts": {"base": format!("docker-image://{private}")}});
    let refused = run(&engine, "two", &site.build("FROM base\n", named)).await.unwrap_err().message;
    assert!(refused.contains("`namespaces.two.images`"), "{refused}");
    run(&engine, "two", &site.build(&format!("FROM {public}\nRUN true\n"), json!({}))).await.unwrap();
}

#[tokio::test]
async fn one_build_asks_once_for_each_image() {
    let site = Site::start().await;
    let engine = site.engine(Tenancy::own(), LazyClient::default());
    let tagged = format!("{}/base/busybox:1", site.proxy.host());
    for image in [&tagged, &site.private] {
        let from = format!(
            "FROM {image} AS one\nFROM {image}\nCOPY --from=one /bin/busybox /one\nCOPY --from={image} /bin/busybox /{}\n",
            unique("two")
        );
        let before = site.questions();
        let more = json!({
            "registry-secret": "login",
            "platforms": ["linux/amd64", "linux/arm64"],
            "cache": {"to": format!("{}/cache/{}", site.world.registry.host(), unique("once"))},
        });
        let built = run(&engine, "one", &site.build(&from, more)).await.unwrap();
        assert_eq!(built.outputs["cache"], "exported", "there was a second solve");
        // One request without the login, which is refused, and one with it.
        assert_eq!(site.questions() - before, 2, "{:?}", site.proxy.requests());
    }
}
