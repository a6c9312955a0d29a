//! The Kubernetes API's client: Secrets, lists, reviews, Workflows, Applications, reports, and watches.

use std::time::Duration;

use argo_buildkit::argocd::{Application, ArgoCd, ArgoCdError};
use argo_buildkit::kube::{
    Cluster, KubeError, KubeTimeLimits, ReportError, Scope, Secrets, ShutdownStrategy, TaskResult,
    TaskSetEvent, TaskSetsOptions,
};
use argo_buildkit::outcome::Fault;
use futures_util::StreamExt as _;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::json;

use super::{HOUR, LIMIT, LIMIT_TEXT, beside, ended, names, through_holes, through_holes_to_the_last};
use crate::support::argo::install_crds;
use crate::support::black_hole::{BlackHole, Hole, Towards};
use crate::support::kube::{BUILDS, Identity, Kube};
use crate::support::net::unique;

/// The shortest possible watch, and a longer limit that differs from all others.
const WATCH: Duration = Duration::from_secs(1);
const SILENCE: Duration = Duration::from_millis(2730);
const SILENCE_TEXT: &str = "2.73 s";

const LIMITS: KubeTimeLimits =
    KubeTimeLimits { answer: LIMIT, object: LIMIT, own_secret: LIMIT, watch: WATCH, watch_silence: SILENCE };

async fn cluster(host: &str, limits: KubeTimeLimits) -> Cluster {
    let file = Kube::shared().await.kubeconfig_at(Identity::Admin, host);
    let file = Kubeconfig::read_from(file).unwrap();
    let config = kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.unwrap();
    Cluster::at(config).unwrap().with_limits(limits)
}

/// Makes `call` through holes. The error must be transient and contain `text`.
async fn given_up<T, E: std::fmt::Debug + std::fmt::Display>(
    call: impl AsyncFn(Cluster) -> Result<T, E>,
    transient: impl Fn(&E) -> bool,
) {
    let api = Kube::shared().await;
    let call = async |host: String| call(cluster(&host, LIMITS).await).await;
    through_holes_to_the_last(api.host(), call, |error, host| {
        assert!(transient(error), "{error:?}");
        names(&error.to_string(), &format!("the Kubernetes API at https://{host}"), LIMIT_TEXT);
    })
    .await;
}

async fn workflow(kube: &'static Kube) -> String {
    install_crds(kube).await;
    let name = unique("silent");
    let metadata = json!({"name": name, "namespace": BUILDS, "labels": {"line": name}});
    let object =
        json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": metadata, "spec": {}});
    kube.apply(object).await;
    name
}

async fn namespace(kube: &'static Kube) -> String {
    install_crds(kube).await;
    let name = unique("silent");
    kube.namespace(&name).await;
    name
}

fn options(namespace: &str) -> TaskSetsOptions {
    let scope = Scope::Namespaces(vec![namespace.to_owned()]);
    TaskSetsOptions { scope, instance_id: None, plugin: "buildkit", page: 2 }
}

#[tokio::test]
async fn an_api_server_that_does_not_show_a_secret_is_given_up() {
    let (kube, name) = (Kube::shared().await, unique("silent"));
    kube.secret(&name, "Opaque", &[("key", "value")]).await;
    let transient = |error: &argo_buildkit::kube::SecretError| error.fault() == Fault::Transient;
    given_up(async |cluster| Secrets::Cluster(cluster).get(BUILDS, &name).await, transient).await;
    given_up(async |cluster| Secrets::Cluster(cluster).own(&name).await, transient).await;
}

#[tokio::test]
async fn an_api_server_that_does_not_tell_who_may_what_is_given_up() {
    given_up(async |cluster| cluster.whoami().await, |_| true).await;
}

#[tokio::test]
async fn an_api_server_that_does_not_list_is_given_up() {
    let kube = Kube::shared().await;
    workflow(kube).await;
    given_up(async |cluster| cluster.list_argo("Workflow", Some(BUILDS)).await, |_| true).await;
}

#[tokio::test]
async fn an_api_server_that_does_not_say_what_supersede_asks_is_given_up() {
    let name = workflow(Kube::shared().await).await;
    let transient = |error: &argo_buildkit::kube::WorkflowsError| error.fault() == Fault::Transient;
    given_up(async |cluster| cluster.workflows(BUILDS).await?.get(&name).await, transient).await;
    given_up(async |cluster| cluster.workflows(BUILDS).await?.unfinished("line", &name).await, transient)
        .await;
    let known = cluster(Kube::shared().await.host(), KubeTimeLimits::default()).await;
    let known = known.workflows(BUILDS).await.unwrap().get(&name).await.unwrap();
    let end = async |cluster: Cluster| {
        cluster.workflows(BUILDS).await?.shut_down(&known, ShutdownStrategy::Stop, "newer").await
    };
    given_up(end, transient).await;
}

#[tokio::test]
async fn an_api_server_that_does_not_take_a_refresh_is_given_up() {
    let applications = crate::support::argocd::Applications::shared().await;
    let name = unique("silent");
    applications.create(&name).await;
    let application = Application { namespace: "argocd".to_owned(), name };
    let refresh = async |cluster| ArgoCd::new(cluster).refresh(BUILDS, &application).await;
    // The length of each answer depends on the object, so the last byte is not known.
    through_holes(
        Kube::shared().await.host(),
        async |host: String| refresh(cluster(&host, LIMITS).await).await,
        |error, host| {
            assert!(matches!(error, ArgoCdError::Kube(KubeError::Unavailable { .. })), "{error:?}");
            names(&error.to_string(), &format!("the Kubernetes API at https://{host}"), LIMIT_TEXT);
        },
    )
    .await;
}

#[tokio::test]
async fn an_api_server_that_does_not_take_a_report_is_given_up() {
    let kube = Kube::shared().await;
    let (namespace, name) = (namespace(kube).await, unique("set"));
    let metadata = json!({"name": name, "namespace": namespace});
    let tasks = json!({"n": {"plugin": {"buildkit": {}}}});
    kube.apply(json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "WorkflowTaskSet", "metadata": metadata, "spec": {"tasks": tasks},
    }))
    .await;
    let mut watch =
        cluster(kube.host(), KubeTimeLimits::default()).await.watch_task_sets(&options(&namespace));
    let set = loop {
        match ended(watch.next()).await.unwrap().unwrap() {
            TaskSetEvent::Seen(set) => break set,
            other => assert!(matches!(other, TaskSetEvent::Relisting(_)), "{other:?}"),
        }
    };
    let guard = json!({"buildkit": {}});
    let result = TaskResult { id: "n".to_owned(), guard, result: json!({"phase": "Succeeded"}) };
    let report =
        async |cluster: Cluster| cluster.report(&set.id, &set.basis, std::slice::from_ref(&result)).await;
    given_up(report, |error| matches!(error, ReportError::Kube(KubeError::Unavailable { .. }))).await;
}

#[tokio::test]
async fn an_api_server_that_falls_silent_in_a_watch_is_given_up() {
    let name = workflow(Kube::shared().await).await;
    let api = Kube::shared().await.host();
    let follow =
        async |host: String| cluster(&host, LIMITS).await.follow_workflow(BUILDS, &name, |_| {}).await;
    through_holes_to_the_last(api, follow, |error, host| {
        let text = error.to_string();
        let limit = if text.contains(SILENCE_TEXT) { SILENCE_TEXT } else { LIMIT_TEXT };
        names(&text, &format!("the Kubernetes API at https://{host}"), limit);
    })
    .await;
    let follow =
        async |host: String| cluster(&host, LIMITS).await.follow_task_set(BUILDS, &name, |_| {}).await;
    through_holes_to_the_last(api, follow, |error, host| {
        names(&error.to_string(), &format!("the Kubernetes API at https://{host}"), "s");
    })
    .await;
}

#[tokio::test]
async fn a_watch_of_task_sets_tells_that_the_server_is_silent_and_begins_again() {
    let kube = Kube::shared().await;
    let options = options(&namespace(kube).await);
    for after in [0, 1, 2000] {
        let relay = BlackHole::start_first(kube.host(), Hole { towards: Towards::Client, after }).await;
        let mut watch = cluster(relay.host(), LIMITS).await.watch_task_sets(&options);
        let mut told = async || ended(watch.next()).await.unwrap();
        let silent = loop {
            match told().await {
                Ok(TaskSetEvent::Relisting(_) | TaskSetEvent::Listed(_)) => {}
                Err(error) => break error,
                other => panic!("{other:?}"),
            }
        };
        assert!(matches!(silent, KubeError::Unavailable { .. }), "{silent:?}");
        names(&silent.to_string(), &format!("the Kubernetes API at https://{}", relay.host()), LIMIT_TEXT);
        while !matches!(told().await, Ok(TaskSetEvent::Listed(_))) {}
    }
}

#[tokio::test]
async fn others_ask_the_api_server_while_one_waits_for_it() {
    let kube = Kube::shared().await;
    let patient =
        KubeTimeLimits { answer: HOUR, object: HOUR, own_secret: HOUR, watch: WATCH, watch_silence: HOUR };
    let make = async |host: String| cluster(&host, patient).await;
    beside(kube.host(), make, async |c| c.whoami().await, async |c| c.whoami().await).await.unwrap();
}
