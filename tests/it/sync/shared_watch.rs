//! The watch that the waits of one process share, behind a proxy that counts requests.

use std::time::Duration;

use argo_buildkit::argocd::{Application, ApplicationState, ApplicationWatch, ArgoCd, ArgoCdError};
use argo_buildkit::kube::{Cluster, KubeTimeLimits};
use futures_util::FutureExt as _;
use futures_util::stream::{self, StreamExt as _};
use kube::api::{
    ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams, PostParams,
};
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::api_server_proxy::{ApiServerProxy, WatchFault};
use crate::support::argocd::{ARGOCD, Applications};
use crate::support::kube::{BUILDS, Identity, Kube};
use crate::support::net::{PATIENCE, unique, until};

const VERSION: &str = "argoproj.io/v1alpha1";

/// A namespace with Applications, and Argo CD behind a proxy.
struct Site {
    proxy: ApiServerProxy,
    argocd: ArgoCd,
    objects: Api<DynamicObject>,
    namespace: String,
}

impl Site {
    async fn open() -> Self {
        Applications::shared().await;
        let (kube, namespace) = (Kube::shared().await, unique("apps"));
        kube.namespace(&namespace).await;
        let proxy = ApiServerProxy::start(kube.client(Identity::Admin).await).await;
        let argocd = sharing(proxy.client());
        let objects = kube.api(VERSION, "Application", &namespace).await;
        Self { proxy, argocd, objects, namespace }
    }

    async fn create(&self, name: &str, status: Value) {
        let metadata = json!({"name": name, "namespace": self.namespace});
        let object =
            json!({"apiVersion": VERSION, "kind": "Application", "metadata": metadata, "status": status});
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        self.objects.create(&PostParams::default(), &object).await.unwrap();
    }

    async fn set_health(&self, name: &str, health: &str) {
        let patch = Patch::Merge(json!({"status": {"health": {"status": health}}}));
        self.objects.patch(name, &PatchParams::default(), &patch).await.unwrap();
    }

    /// A watch that has read and refreshed the Application.
    async fn watch(&self, name: &str) -> ApplicationWatch {
        let mut watch = watch_of(&self.argocd, &self.namespace, name).await;
        begin(&mut watch).await.unwrap();
        watch
    }

    /// Waits until the API server has got `count` watch requests.
    async fn watched(&self, count: usize) {
        let counted = async || (self.proxy.watches() >= count).then_some(());
        until(|| format!("{count} watches, not {}", self.proxy.watches()), PATIENCE, counted).await;
    }
}

/// The longest watch that the client allows. None is to end by itself during a test.
const LONG: Duration = Duration::from_secs(290);

fn sharing(client: Client) -> ArgoCd {
    let limits = KubeTimeLimits { watch: LONG, watch_silence: LONG, ..KubeTimeLimits::default() };
    ArgoCd::new(Cluster::from(client).with_limits(limits)).sharing_watches()
}

async fn watch_of(argocd: &ArgoCd, namespace: &str, name: &str) -> ApplicationWatch {
    let applications = argocd.applications(BUILDS, namespace).await.unwrap();
    ApplicationWatch::new(
        applications,
        &Application { namespace: namespace.to_owned(), name: name.to_owned() },
    )
}

/// What a step does first. From then on the watch is shared.
async fn begin(watch: &mut ApplicationWatch) -> Result<ApplicationState, ArgoCdError> {
    watch.next().await?;
    watch.refresh().await
}

async fn next(watch: &mut ApplicationWatch) -> ApplicationState {
    timeout(PATIENCE, watch.next()).await.unwrap().unwrap()
}

/// A status as large as that of an Application with 40 resources: 20 KiB with the managed fields.
fn status() -> Value {
    let resource = |n: usize| {
        let kind = if n.is_multiple_of(10) { "Deployment" } else { "ConfigMap" };
        json!({
            "group": "apps", "version": "v1", "kind": kind, "namespace": "shop", "name": format!("resource-of-a-service-{n}"),
            "status": "Synced", "health": {"status": "Healthy", "message": "the rollout of this resource is complete"},
        })
    };
    let result = |n: usize| {
        let mut result = resource(n);
        result["message"] = json!("resource configured, and nothing was pruned by this operation");
        result["images"] = if n.is_multiple_of(10) { json!([super::OUR_IMAGE]) } else { Value::Null };
        result
    };
    let history = |n: usize| {
        json!({
            "id": n, "revision": super::OURS, "deployedAt": "2026-01-01T00:00:00Z", "initiatedBy": {"automated": true},
            "source": {"repoURL": "https://gitea.example.com/ops/gitops.git", "path": "charts/service", "targetRevision": "main"},
        })
    };
    let all = |of: &dyn Fn(usize) -> Value, count: usize| (0..count).map(of).collect::<Vec<_>>();
    json!({
        "sync": {"status": "Synced", "revision": super::OURS}, "health": {"status": "Healthy"},
        "summary": {"images": [super::OUR_IMAGE]}, "history": all(&history, 10), "resources": all(&resource, 40),
        "operationState": {
            "phase": "Succeeded", "syncResult": {"revision": super::OURS, "resources": all(&result, 40)},
        },
    })
}

#[tokio::test]
async fn five_hundred_waits_are_one_watch_and_little_memory() {
    let site = Site::open().await;
    let names: Vec<String> = (0..500).map(|n| format!("app-{n}")).collect();
    stream::iter(&names).for_each_concurrent(20, |name| site.create(name, status())).await;
    let here = &site;
    let opened = stream::iter(&names).map(|name| async move {
        let mut watch = watch_of(&here.argocd, &here.namespace, name).await;
        let state = begin(&mut watch).await.unwrap();
        (watch, state)
    });
    let mut opened: Vec<_> = opened.buffered(20).collect().await;
    site.watched(1).await;

    // What is kept is one state for each Application.
    let written = site.objects.list(&ListParams::default()).await.unwrap();
    let written: usize = written.items.iter().map(|each| serde_json::to_string(each).unwrap().len()).sum();
    let kept: usize = opened.iter().map(|(_, state)| format!("{state:?}").len()).sum();
    assert!(written >= 500 * (20 << 10), "{written} bytes are not realistic");
    assert!(kept <= 2 << 20, "{kept} bytes are kept of {written}");

    site.set_health(&names[321], "Degraded").await;
    let changed = next(&mut opened[321].0).await;
    assert_eq!(changed.health.name(), "Degraded");
    for (number, (watch, _)) in opened.iter_mut().enumerate() {
        let more = watch.next().now_or_never();
        assert!(more.is_none(), "{number}: {more:?}");
    }
    assert_eq!(site.proxy.watches(), 1);
}

#[tokio::test]
async fn changes_during_an_outage_are_seen_after_it() {
    let site = Site::open().await;
    for name in ["api", "web"] {
        site.create(name, json!({"health": {"status": "Healthy"}})).await;
    }
    let (mut api, mut web) = (site.watch("api").await, site.watch("web").await);
    site.watched(1).await;
    let lists = site.proxy.lists();
    site.proxy.refuse_all(true);
    site.proxy.cut();
    site.set_health("api", "Progressing").await;
    site.set_health("api", "Degraded").await;
    site.proxy.refuse_all(false);
    let mut state = next(&mut api).await;
    while state.health.name() != "Degraded" {
        state = next(&mut api).await;
    }
    assert_eq!(site.proxy.lists(), lists, "it continues where it was");

    // The server has forgotten the version.
    site.proxy.fail_next_watch(WatchFault::Old);
    site.proxy.cut();
    site.set_health("web", "Degraded").await;
    assert_eq!(next(&mut web).await.health.name(), "Degraded");
    let listed = async || (site.proxy.lists() > lists).then_some(());
    until(|| "a new list".to_owned(), PATIENCE, listed).await;
}

#[tokio::test]
async fn one_that_was_deleted_is_missing() {
    let site = Site::open().await;
    site.create("api", json!({})).await;
    let mut watch = site.watch("api").await;
    site.watched(1).await;
    site.objects.delete("api", &DeleteParams::default()).await.unwrap();
    let missing = timeout(PATIENCE, watch.next()).await.unwrap().unwrap_err();
    assert!(missing.to_string().starts_with("there is no Application `api`"), "{missing}");
}

#[tokio::test]
async fn where_all_may_not_be_watched_each_wait_has_its_own_watch() {
    let applications = Applications::shared().await;
    let kube = Kube::shared().await;
    let names = [unique("own"), unique("own")];
    for name in &names {
        applications.create(name).await;
    }
    let proxy = ApiServerProxy::start(kube.client(Identity::Agent).await).await;
    // This identity gets the rights to these Applications by their names only.
    for name in &names {
        let rules = json!([{"apiGroups": ["argoproj.io"], "resources": ["applications"], "resourceNames": [name], "verbs": ["get", "watch", "patch"]}]);
        kube.grant_in(ARGOCD, Identity::Agent, &format!("agent-{name}"), rules).await;
    }
    let argocd = sharing(proxy.client());
    for name in &names {
        let refreshed = async || begin(&mut watch_of(&argocd, ARGOCD, name).await).await.ok();
        until(|| format!("the rights to {name}"), PATIENCE, refreshed).await;
    }
    let mut watches = Vec::new();
    for name in &names {
        let mut watch = watch_of(&argocd, ARGOCD, name).await;
        begin(&mut watch).await.unwrap();
        watches.push(watch);
    }
    assert_eq!(proxy.watches(), 0);
    for (name, watch) in names.iter().zip(&mut watches) {
        applications.set(name, &json!({"status": {"health": {"status": "Degraded"}}})).await;
        assert_eq!(next(watch).await.health.name(), "Degraded");
    }
    assert_eq!(proxy.watches(), 2);
}

/// The agent may watch all Applications, and acts for a namespace whose account may read one of them.
#[tokio::test]
async fn a_tenant_sees_what_its_own_account_may_read_and_nothing_else() {
    let (applications, kube) = (Applications::shared().await, Kube::shared().await);
    let (own, foreign, tenant) = (unique("own"), unique("foreign"), unique("tenant"));
    for name in [&own, &foreign] {
        applications.create(name).await;
    }
    kube.namespace(&tenant).await;
    let account = "buildkit-executor-plugin";
    let act = json!([{"apiGroups": [""], "resources": ["serviceaccounts"], "resourceNames": [account], "verbs": ["impersonate"]}]);
    kube.grant_in(&tenant, Identity::Shared, "act", act).await;
    let all =
        json!([{"apiGroups": ["argoproj.io"], "resources": ["applications"], "verbs": ["list", "watch"]}]);
    kube.grant_in(ARGOCD, Identity::Shared, "watch-all", all).await;
    let read = json!([{"apiGroups": ["argoproj.io"], "resources": ["applications"], "resourceNames": [own], "verbs": ["get", "patch"]}]);
    // The watch is tried once, and then not for minutes.
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("argoproj.io", "v1alpha1", "Application"));
    let client = kube.client(Identity::Shared).await;
    let objects: Api<DynamicObject> = Api::namespaced_with(client, ARGOCD, &resource);
    let listed = async || objects.list(&ListParams::default()).await.ok();
    until(|| "the right to list Applications".to_owned(), PATIENCE, listed).await;
    let user = format!("system:serviceaccount:{tenant}:{account}");
    kube.grant_user(ARGOCD, &user, &format!("read-{own}"), read).await;

    let cluster = Cluster::from(kube.client(Identity::Shared).await).acting_as(account);
    let argocd = ArgoCd::new(cluster).sharing_watches();
    let watch = async |name: &str| {
        let found = argocd.applications(&tenant, ARGOCD).await.unwrap();
        ApplicationWatch::new(found, &Application { namespace: ARGOCD.to_owned(), name: name.to_owned() })
    };
    let refreshed = async || begin(&mut watch(&own).await).await.ok();
    until(|| "the rights of the tenant".to_owned(), PATIENCE, refreshed).await;
    let (mut ours, mut theirs) = (watch(&own).await, watch(&foreign).await);
    begin(&mut ours).await.unwrap();
    for name in [&own, &foreign] {
        applications.set(name, &json!({"status": {"health": {"status": "Degraded"}}})).await;
    }
    // The account may not watch it: only the shared watch knows.
    assert_eq!(next(&mut ours).await.health.name(), "Degraded");
    let refused = timeout(PATIENCE, theirs.next()).await.unwrap().unwrap_err();
    let expected = format!("reading Application `{foreign}` in namespace `argocd` is forbidden to");
    assert!(refused.to_string().starts_with(&expected), "{refused}");
}
