//! The components of `eventsources/` and `sensors/` that no other test applies, in a namespace of their own: a bus of three servers, two pods
//! that receive Gitea's hooks, hooks of GitHub, and posts with a bearer token. Each EventSource has a Sensor.

use std::os::unix::fs::chown;
use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};

use crate::alone::events::BUS;
use crate::cluster::{PATIENCE, apply, apply_folder, eventually, get, kubectl, list, processes};
use crate::events::hooks::{push_of, signature};
use crate::events::parameter;
use crate::support::bin;
use crate::support::hooks::hooks;
use crate::support::net::{client, until};

const SECRET: &str = "a-secret-of-hooks";
const SERVERS: u64 = 3;
/// The user that NATS runs as.
const NATS: u32 = 1000;

/// How a push comes to a Sensor.
struct Way {
    source: &'static str,
    path: &'static str,
    /// The push in tests/hooks that its sender posts.
    hook: &'static str,
    /// The component of `sensors/` that it needs besides the settings.
    component: Option<&'static str>,
    /// The answer to a post without the secret.
    refusal: StatusCode,
}

const WAYS: [Way; 3] = [
    Way {
        source: "gitea",
        path: "/gitea/gitea-push",
        hook: "gitea-push-main",
        component: None,
        refusal: StatusCode::BAD_REQUEST,
    },
    Way {
        source: "github",
        path: "/github/github-push",
        hook: "github-push-main",
        component: None,
        refusal: StatusCode::BAD_REQUEST,
    },
    Way {
        source: "webhook",
        path: "/webhook/push",
        hook: "gitea-push-of-seven",
        component: Some("../../sensors/components/webhook"),
        refusal: StatusCode::UNAUTHORIZED,
    },
];

impl Way {
    /// A copy of `sensors/kustomization.yaml` for it, whose Sensor has a name of its own.
    fn sensor(&self, namespace: &str) -> String {
        let components = self.component.into_iter().chain(["../../sensors/components/settings"]);
        let name =
            json!([{"op": "replace", "path": "/metadata/name", "value": format!("push-{}", self.source)}]);
        let literals = [
            format!("event-source={}", self.source),
            "repository-names=^shop/[A-Za-z0-9._-]+$".to_owned(),
            "repositories=https://git.example/".to_owned(),
            "images=registry.example/".to_owned(),
            "insecure=false".to_owned(),
            "gitops-repo=https://git.example/ops/gitops.git".to_owned(),
            "charts=charts/".to_owned(),
            "own-account=^(?i:deploy-bot)$".to_owned(),
        ];
        let local = json!({"config.kubernetes.io/local-config": "true"});
        let options = json!({"disableNameSuffixHash": true, "annotations": local});
        json!({
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "namespace": namespace,
            "resources": ["../../sensors/base"],
            "components": components.collect::<Vec<_>>(),
            "configMapGenerator": [{"name": "sensor-settings", "options": options, "literals": literals}],
            "patches": [{
                "target": {"kind": "Sensor", "name": "push"},
                "patch": name.to_string(),
                "options": {"allowNameChange": true},
            }],
        })
        .to_string()
    }

    /// Posts `body` with the headers of its sender, and with `secret` or what is made with it. `None` if there is no answer.
    async fn post(&self, namespace: &str, body: &Value, secret: Option<&str>) -> Option<StatusCode> {
        let service = get(namespace, "service", &format!("{}-eventsource-svc", self.source));
        let url = format!("http://{}:12000{}", service["spec"]["clusterIP"].as_str()?, self.path);
        let body = body.to_string().into_bytes();
        let proof = secret.map(|secret| match self.source {
            "webhook" => ("Authorization".to_owned(), format!("Bearer {secret}")),
            _ => ("X-Hub-Signature-256".to_owned(), signature(secret, &body)),
        });
        let recorded = hooks().into_iter().find(|hook| hook.name == self.hook).unwrap().headers;
        let request = client().post(url).timeout(Duration::from_secs(10));
        let request =
            recorded.iter().chain(&proof).fold(request, |request, (name, value)| request.header(name, value));
        Some(request.body(body).send().await.ok()?.status())
    }

    /// Posts `body` with the secret until it is accepted.
    async fn accept(&self, namespace: &str, body: &Value) {
        let accepted =
            async || (self.post(namespace, body, Some(SECRET)).await? == StatusCode::OK).then_some(());
        until(|| format!("an accepted post to `{}`", self.source), PATIENCE, accepted).await;
    }

    /// Posts the recorded push until there is its Workflow: a Sensor that is ready may not have subscribed yet, and gets only later events.
    async fn subscribed(&self, namespace: &str) -> Value {
        let body = hooks().into_iter().find(|hook| hook.name == self.hook).unwrap().body;
        let commit = body["after"].as_str().unwrap();
        let made = async || {
            self.accept(namespace, &body).await;
            let soon = Instant::now() + Duration::from_secs(2);
            while Instant::now() < soon {
                if let Some(found) = workflow_of(namespace, commit) {
                    return Some(found);
                }
            }
            None
        };
        until(|| format!("a workflow of {} by `{}`", self.hook, self.source), PATIENCE, made).await
    }

    /// The log of its Sensor.
    fn log(&self, namespace: &str) -> String {
        let label = format!("sensor-name=push-{}", self.source);
        kubectl(&["logs", "-n", namespace, "-l", &label, "--tail=-1"])
    }
}

/// The Workflow of a commit.
fn workflow_of(namespace: &str, commit: &str) -> Option<Value> {
    let workflows = list(namespace, "workflow", "argo-buildkit.io/service");
    workflows.into_iter().find(|workflow| parameter(workflow, "revision") == commit)
}

#[tokio::test]
#[ignore = "takes time that CI does not have: make e2e-more"]
async fn hooks_come_through_each_source_and_through_a_bus_that_loses_each_server_once() {
    let began = Instant::now();
    let namespace = format!("hooks-{}", std::process::id());
    install_components(&namespace);
    println!("{:.2?}: three servers, three sources and three sensors are ready", began.elapsed());
    let kept = until(|| "the stream".to_owned(), PATIENCE, async || copies(&namespace).await).await;
    assert_eq!(kept, SERVERS, "copies of an event");
    assert_eq!(list(&namespace, "pod", "eventsource-name=gitea").len(), 2);
    for way in &WAYS {
        check(&way.subscribed(&namespace).await);
        for secret in [None, Some("another"), Some("")] {
            let answer = way.post(&namespace, &push_of("shop/refused", &"9".repeat(40)), secret).await;
            assert_eq!(answer, Some(way.refusal), "`{}` with {secret:?}", way.source);
        }
        way.accept(&namespace, &push_of("elsewhere/api", &"8".repeat(40))).await;
        let is_ignored =
            |line: &str| line.contains("ignored-unknown-repository") && line.contains("elsewhere/api");
        let ignored = || way.log(&namespace).lines().any(is_ignored).then_some(());
        eventually(|| format!("the reason in {}", way.log(&namespace)), PATIENCE, ignored);
        assert!(!way.log(&namespace).contains(SECRET), "{}", way.log(&namespace));
    }
    for (number, way) in WAYS.iter().enumerate() {
        let began = Instant::now();
        let server = Server { namespace: &namespace, pod: format!("eventbus-default-js-{number}") };
        let restarts = server.restarts();
        server.kill();
        let commit = (number + 1).to_string().repeat(40);
        // Accepted once, and not posted again.
        way.accept(&namespace, &push_of("shop/api", &commit)).await;
        println!("{:.2?} after the end of {}: accepted by `{}`", began.elapsed(), server.pod, way.source);
        let made = || workflow_of(&namespace, &commit);
        check(&eventually(|| format!("a workflow of {commit}\n{}", way.log(&namespace)), PATIENCE, made));
        println!("{:.2?} after the end of {}: a workflow", began.elapsed(), server.pod);
        let back = || (server.is_ready() && server.restarts() > restarts).then_some(());
        eventually(|| format!("{} again", server.pod), PATIENCE, back);
        println!("{:.2?} after the end of {}: ready", began.elapsed(), server.pod);
    }
    // Events are kept in order, so the Sensors have seen all that was accepted: nothing of `shop/refused` was.
    assert_eq!(list(&namespace, "workflow", "argo-buildkit.io/service").len(), 2 * WAYS.len());
    remove(&namespace);
}

/// Checks what the settings of [`Way::sensor`] made of a push to `main` of `shop/api`.
fn check(workflow: &Value) {
    let [repo, git_ref, image] = ["repo", "git-ref", "image"].map(|name| parameter(workflow, name));
    assert_eq!(
        [&*repo, &*git_ref, &*image],
        ["https://git.example/shop/api.git", "refs/heads/main", "registry.example/shop/api"]
    );
    let line = hex::encode(Sha1::digest(format!("{repo} {git_ref} {image}")));
    assert_eq!(workflow["metadata"]["labels"]["argo-buildkit.io/line"], line);
    assert!(!workflow.to_string().contains(SECRET), "{workflow}");
}

/// A server of the bus.
struct Server<'a> {
    namespace: &'a str,
    pod: String,
}

impl Server<'_> {
    fn status(&self) -> Value {
        let pod = get(self.namespace, "pod", &self.pod);
        let containers = pod["status"]["containerStatuses"].as_array().cloned().unwrap_or_default();
        containers.into_iter().find(|container| container["name"] == "main").unwrap_or_default()
    }

    fn is_ready(&self) -> bool {
        self.status()["ready"] == true
    }

    fn restarts(&self) -> Option<u64> {
        self.status()["restartCount"].as_u64()
    }

    /// Kills its process, which is found by the pod's uid in the name of its control group.
    fn kill(&self) {
        let pod = get(self.namespace, "pod", &self.pod)["metadata"]["uid"].as_str().unwrap().to_owned();
        let of_pod = |pid: &u32| {
            std::fs::read_to_string(format!("/proc/{pid}/cgroup")).is_ok_and(|groups| groups.contains(&pod))
        };
        let pids: Vec<_> = processes(BUS).into_iter().filter(of_pod).collect();
        assert_eq!(pids.len(), 1, "{pids:?} of {}", self.pod);
        bin::signal(pids[0], "KILL");
        let gone = || (!processes(BUS).contains(&pids[0])).then_some(());
        eventually(|| format!("the end of {}", self.pod), PATIENCE, gone);
    }
}

/// How many servers keep each event, by the bus's own port for monitoring.
async fn copies(namespace: &str) -> Option<u64> {
    let pod = get(namespace, "pod", "eventbus-default-js-0")["status"]["podIP"].as_str()?.to_owned();
    let url = format!("http://{pod}:8222/jsz?accounts=true&streams=true&config=true");
    let answer = client().get(url).timeout(Duration::from_secs(10)).send().await.ok()?;
    let jsz: Value = answer.json().await.ok()?;
    let accounts = jsz["account_details"].as_array()?.iter();
    let mut streams = accounts.filter_map(|account| account["stream_detail"].as_array()).flatten();
    streams.find(|stream| stream["name"] == "default")?["config"]["num_replicas"].as_u64()
}

fn install_components(namespace: &str) {
    kubectl(&["create", "namespace", namespace]);
    for (name, key) in
        [("gitea-webhook", "secret"), ("github-webhook", "secret"), ("webhook-bearer", "token")]
    {
        let literal = format!("--from-literal={key}={SECRET}");
        kubectl(&["create", "secret", "generic", "-n", namespace, name, &literal]);
    }
    (0..SERVERS).for_each(|number| apply(&volume(namespace, number).to_string()));
    apply_folder(&sources(namespace));
    WAYS.iter().for_each(|way| apply_folder(&way.sensor(namespace)));
    let ready = || {
        let bus = get(namespace, "statefulset", "eventbus-default-js");
        let deployments = list(namespace, "deployment", "owner-name");
        let is_available = |one: &&Value| one["status"]["availableReplicas"] == one["spec"]["replicas"];
        let available = deployments.iter().filter(is_available).count();
        (bus["status"]["readyReplicas"] == SERVERS && available == 2 * WAYS.len()).then_some(())
    };
    let shown = || kubectl(&["get", "pods,eventbus,eventsource,sensor", "-n", namespace, "-o", "wide"]);
    // Pods of sources and sensors end and wait until the bus is there.
    eventually(|| format!("the pods of {namespace}:\n{}", shown()), 2 * PATIENCE, ready);
}

/// A user's copy of `eventsources/kustomization.yaml` with all that is commented out there.
fn sources(namespace: &str) -> String {
    let components =
        ["github", "webhook", "three-replicas"].map(|name| format!("../../eventsources/components/{name}"));
    json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": namespace,
        "resources": ["../../eventsources"],
        "components": components,
    })
    .to_string()
}

/// What stands for the disk of a server, as tests/cluster/overlay/volumes.yaml has it.
fn volume(namespace: &str, number: u64) -> Value {
    let name = volume_name(namespace, number);
    let path = Path::new("/var/tmp/argo-buildkit-cluster").join(&name);
    std::fs::create_dir_all(&path).unwrap();
    chown(&path, Some(NATS), Some(NATS)).unwrap();
    let claim = format!("eventbus-default-js-vol-eventbus-default-js-{number}");
    json!({
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": "100Gi"},
            "accessModes": ["ReadWriteOnce"],
            "claimRef": {"namespace": namespace, "name": claim},
            "hostPath": {"path": path},
        },
    })
}

fn volume_name(namespace: &str, number: u64) -> String {
    format!("{namespace}-{number}")
}

fn remove(namespace: &str) {
    kubectl(&["delete", "namespace", namespace, "--wait=false"]);
    for number in 0..SERVERS {
        kubectl(&["delete", "persistentvolume", &volume_name(namespace, number), "--wait=false"]);
    }
}
