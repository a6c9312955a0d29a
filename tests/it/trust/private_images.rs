//! A private image that somebody has pulled is read by nobody whose policy does not list it.

use std::sync::Arc;
use std::time::Duration;

use argo_buildkit::argocd::ArgoCd;
use argo_buildkit::buildkit::Buildkit;
use argo_buildkit::engine::{Engine, Errand, SecretRules, Tenancy, Workflow};
use argo_buildkit::forge::{Forge, ForgeOptions};
use argo_buildkit::git::{Git, GitOptions};
use argo_buildkit::kube::{Cluster, Secrets};
use argo_buildkit::limits::Budget;
use argo_buildkit::metrics::Metrics;
use argo_buildkit::oci::{LazyClient, Registry};
use argo_buildkit::outcome::{StepError, Success};
use argo_buildkit::policy::Policy;
use argo_buildkit::progress::Progress;
use argo_buildkit::push_gate::PushGate;
use argo_buildkit::step;
use argo_buildkit::write_back::{EDIT_MEMORY, Pusher};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::support::git::GitServer;
use crate::support::net::{client, unique};
use crate::support::registry_door::{Door, Lock};
use crate::support::shared::World;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json";

struct Site {
    world: &'static World,
    git: GitServer,
    secrets: tempfile::TempDir,
    /// The private image, by digest.
    private: String,
    host: String,
}

impl Site {
    async fn start() -> Self {
        let world = World::shared().await;
        let door = Door::start(Lock::Basic, "one", "pass-word", world.registry.host()).await;
        let manifest = client().head(format!("http://{}/v2/base/busybox/manifests/1", world.registry.host()));
        let answer = manifest.header("accept", MANIFEST).send().await.unwrap();
        let digest = answer.headers()["docker-content-digest"].to_str().unwrap().to_owned();
        let secrets = tempfile::tempdir().unwrap();
        let auth = json!({"auths": {door.host(): {"auth": STANDARD.encode("one:pass-word")}}});
        std::fs::create_dir(secrets.path().join("login")).unwrap();
        std::fs::write(secrets.path().join("login/.dockerconfigjson"), auth.to_string()).unwrap();
        let (host, private) = (door.host().to_owned(), format!("{}/base/busybox@{digest}", door.host()));
        Self { world, git: GitServer::start("", ""), secrets, private, host }
    }

    fn engine(&self, policy: &str) -> Engine {
        let cluster = Cluster::default();
        Engine {
            buildkit: Buildkit::new(self.world.buildkitd.address().parse().unwrap(), None),
            pusher: Pusher::new(Git::new(GitOptions::default()).unwrap(), EDIT_MEMORY),
            git: Git::new(GitOptions::default()).unwrap(),
            secrets: Secrets::Directory(self.secrets.path().into()),
            registry: Registry::new(LazyClient::new(None)),
            forge: Forge::new(ForgeOptions::default()).unwrap(),
            argocd: ArgoCd::new(cluster.clone()),
            cluster,
            metrics: Arc::new(Metrics::new()),
            kept_logs: Budget::new(1 << 20),
            argo_url: None,
            secret_rules: SecretRules::default(),
            tenancy: Tenancy::shared(Some(Policy::parse("policy.yaml", policy).unwrap())),
        }
    }

    fn build(&self, dockerfile: &str, more: Value) -> Value {
        let name = unique("image");
        self.git.create(&name, &[("Dockerfile", dockerfile)]);
        let mut build = json!({"context": self.git.url(&name), "push": false});
        build.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"build": build})
    }
}

async fn run(engine: &Engine, namespace: &str, body: &Value) -> Result<Success, StepError> {
    let workflow = Workflow { name: unique("wf"), namespace: namespace.to_owned(), uid: unique("uid") };
    let errand = Errand {
        workflow,
        reference: None,
        progress: watch::Sender::new(Progress::now("")),
        gate: Arc::new(PushGate::new()),
        deadline: tokio::time::Instant::now() + Duration::from_secs(300),
    };
    engine.run(step::parse(body).unwrap(), errand).await
}

#[tokio::test]
async fn a_digest_that_somebody_has_pulled_is_no_right_to_read_it() {
    let site = Site::start().await;
    let (private, public) = (&site.private, &site.world.busybox);
    let (open, own) = (site.world.registry.host(), &site.host);
    let policy = format!(
        "namespaces:\n  one: {{repositories: ['**'], images: ['{own}/base/*', '{open}/**']}}\n  \
         two: {{repositories: ['**'], images: ['{open}/base/*']}}\n  open: {{repositories: ['**']}}\n"
    );
    let engine = site.engine(&policy);
    let from = format!("FROM {private}\nRUN : {}\n", unique("first"));
    run(&engine, "one", &site.build(&from, json!({"registry-secret": "login"}))).await.unwrap();

    let forms = [
        format!("FROM {private}\nRUN true\n"),
        format!("FROM {public}\nCOPY --from={private} /bin/busybox /loot\n"),
        format!("FROM {public}\nRUN --mount=from={private},target=/loot true\n"),
    ];
    for dockerfile in &forms {
        let build = site.build(dockerfile, json!({}));
        // What the daemon does where nothing is listed, so that the test can fail.
        run(&engine, "open", &build).await.unwrap();
        let refused = run(&engine, "two", &build).await.unwrap_err().message;
        assert!(refused.contains(&format!("docker-image://{private}")), "{refused}");
        assert!(refused.contains("have it added under `images`"), "{refused}");
    }
    let named = json!({"contexts": {"base": format!("docker-image://{private}")}});
    let refused = run(&engine, "two", &site.build("FROM base\n", named)).await.unwrap_err().message;
    assert!(refused.contains("`namespaces.two.images`"), "{refused}");
    run(&engine, "two", &site.build(&format!("FROM {public}\nRUN true\n"), json!({}))).await.unwrap();
    run(&engine, "one", &site.build(&forms[0], json!({"registry-secret": "login"}))).await.unwrap();
}
