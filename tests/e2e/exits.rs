//! However a workflow ends, its commit shows that, and a chat gets one message.

use reqwest::Method;
use serde_json::{Value, json};

use crate::cluster::{NODE, apply, attempt, gitea};
use crate::install;
use crate::shop::Shop;
use crate::support::chat::ChatServer;
use crate::support::net::second_after;
use crate::tenants::may_use;
use crate::workflow::{BUILDS, Workflow};

/// The port of the chat on the node. The policy of the shared agent allows no other.
const PORT: u16 = 3777;

/// How long a build runs that does not end by itself.
const ENDLESS: &str = r#"{"SECONDS": "1000"}"#;

/// A service whose workflows tell how they ended.
struct Told {
    shop: Shop,
    chat: ChatServer,
    /// The Secrets with the forge's token and with the chat's address.
    status: String,
    notify: String,
}

impl Told {
    async fn open() -> Self {
        let shop = Shop::open("FROM BASE\nARG SECONDS=0\nRUN sleep $SECONDS\n").await;
        let chat = ChatServer::at(&format!("{NODE}:{PORT}")).await;
        let token = gitea().token(&install::site().await.owner, &["write:repository"]).await;
        let [status, notify] =
            ["status", "notify"].map(|name| format!("exits-{name}-{}", std::process::id()));
        secret(&status, "git", &format!("{NODE}:3000"), json!({"token": token}));
        secret(
            &notify,
            "chat",
            &format!("http://{NODE}:{PORT}"),
            json!({"url": chat.url("/webhook/exits-1")}),
        );
        Self { shop, chat, status, notify }
    }

    /// Submits a build of `revision`, whose image, and so whose check, ends in `name`.
    fn submit(&self, name: &str, revision: &str, more: &[(&str, &str)]) -> Workflow {
        let (repo, image) = (self.shop.service.url(), format!("{}-{name}", self.shop.image()));
        let own = [
            ("repo", repo.as_str()),
            ("image", image.as_str()),
            ("insecure", "true"),
            ("revision", revision),
            ("status-secret", self.status.as_str()),
            ("notify-to", "webhook"),
            ("notify-secret", self.notify.as_str()),
        ];
        Workflow::submit("build-push", &[&own[..], more].concat())
    }

    /// The states of the check `name` of `commit`, the oldest first.
    async fn states(&self, name: &str, commit: &str) -> Vec<String> {
        let service = self.shop.service.full_name();
        let path = format!("/repos/{service}/statuses/{commit}?limit=50");
        let mut all = gitea().call(Method::GET, &path, None).await.as_array().unwrap().clone();
        all.retain(|status| status["context"] == format!("argo-buildkit/{BUILDS}/{service}-{name}").as_str());
        all.sort_by_key(|status| status["id"].as_u64());
        all.iter().map(|status| status["status"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits for the end, and compares what was told.
    async fn expect(&self, workflow: &Workflow, name: &str, commit: &str, outcome: &str, state: &str) {
        let phase = workflow.end();
        let expected = if state == "success" { "Succeeded" } else { "Failed" };
        assert_eq!(phase, expected, "{name}: {}", workflow.report());
        let about = format!("{BUILDS}/{}", workflow.name);
        let bodies = self.chat.received().into_iter().map(|got| got.body);
        let told: Vec<_> = bodies.filter(|body| body["workflow"] == about.as_str()).collect();
        let outcomes: Vec<_> = told.iter().map(|body| &body["status"]).collect();
        assert_eq!(outcomes, [&Value::from(outcome)], "{name}: {}", workflow.report());
        assert_eq!(self.states(name, commit).await, ["pending", state], "{name}: {}", workflow.report());
    }
}

/// A Secret that the workflows may use, for one purpose and one server.
fn secret(name: &str, purpose: &str, hosts: &str, values: Value) {
    let annotations = json!({"argo-buildkit.io/use": purpose, "argo-buildkit.io/hosts": hosts});
    let metadata = json!({"name": name, "namespace": BUILDS, "annotations": annotations});
    apply(
        &json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": values})
            .to_string(),
    );
    may_use(BUILDS, name);
}

/// The chat answers while this test waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_way_out_ends_in_one_status_and_one_message() {
    let told = Told::open().await;
    let first = told.shop.service.head("main").await;
    let endless = ("build-args", ENDLESS);
    let superseding = ("concurrency", "supersede");
    let older = told.submit("superseded", &first, &[endless, superseding]);
    let stopped = told.submit("stopped", &first, &[endless]);
    let late = told.submit("late", &first, &[endless, ("timeout", "5s")]);
    let failed = told.submit("failed", &first, &[("dockerfile", "Missing")]);
    let done = told.submit("done", &first, &[]);

    stopped.says("RUN sleep");
    attempt("argo", &["stop", "-n", BUILDS, &stopped.name]).unwrap();
    older.says("RUN sleep");
    // Of two workflows of one second, neither is the newer.
    second_after(older.object()["metadata"]["creationTimestamp"].as_str().unwrap()).await;
    let second = told.shop.service.commit_file("main", "main.txt", "newer\n", "Change").await;
    let newer = told.submit("superseded", &second, &[superseding]);

    told.expect(&done, "done", &first, "Succeeded", "success").await;
    told.expect(&failed, "failed", &first, "Failed", "failure").await;
    told.expect(&late, "late", &first, "TimedOut", "failure").await;
    told.expect(&stopped, "stopped", &first, "Cancelled", "error").await;
    told.expect(&older, "superseded", &first, "Superseded", "error").await;
    told.expect(&newer, "superseded", &second, "Succeeded", "success").await;
}
