//! `notify` against a server that answers as each service does.

mod docs;
mod failures;
mod pipeline;
mod policy;

use argo_buildkit::engine::{Engine, Tenancy};
use argo_buildkit::kube::{Cluster, Secrets};
use argo_buildkit::outcome::{StepError, Success};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::chat::{ChatServer, Received, SECRET};
use crate::support::engine::{engine, run};

/// A server, and an engine with Secrets that have its addresses.
struct Site {
    server: ChatServer,
    secrets: TempDir,
    engine: Engine,
}

impl Site {
    async fn open() -> Self {
        Self::of(Tenancy::own()).await
    }

    async fn of(tenancy: Tenancy) -> Self {
        let (server, secrets) = (ChatServer::start().await, tempfile::tempdir().unwrap());
        let directory = Secrets::Directory(secrets.path().to_owned());
        let engine = engine("tcp://127.0.0.1:1", Cluster::default(), directory, tenancy);
        let site = Self { server, secrets, engine };
        for (name, path) in [
            ("slack", "/services/T0123/B0123/abcdefgh12345678"),
            ("dingtalk", "/robot/signed?access_token=0123456789abcdef"),
            ("wecom", "/robot/send?key=693a91f6-0000-4bc4-97a0-0ec2sifa5aaa"),
            ("matrix", ""),
            ("n8n", "/webhook/7f3c0b1a-9d2e"),
            ("hook", "/webhook/signed-1"),
        ] {
            site.put(name, "url", &site.server.url(path));
        }
        site.put("dingtalk", "secret", SECRET);
        site.put("hook", "secret", &format!("{SECRET}\n"));
        site.put("matrix", "token", "syt_0123456789");
        site
    }

    fn put(&self, name: &str, key: &str, value: &str) {
        let directory = self.secrets.path().join(name);
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join(key), value).unwrap();
    }

    /// Sends a message about a failure to the service `to`, whose Secret has the name `secret`.
    async fn tell(&self, to: &str, secret: &str, more: Value) -> Result<Success, StepError> {
        let mut fields = json!({
            "to": to, "url": secret, "status": "Failed", "service": "shop/api", "commit": "9fceb02", "author": "Ann",
            "failures": "RUN make failed",
        });
        crate::support::shop::merge(&mut fields, more);
        run(&self.engine, "builds", &json!({"notify": fields})).await
    }

    /// The only message so far.
    fn one(&self) -> Received {
        let received = self.server.received();
        let [one] = received.as_slice() else { panic!("{received:?}") };
        one.clone()
    }
}

#[tokio::test]
async fn slack_gets_a_message() {
    let site = Site::open().await;
    let done = site.tell("slack", "slack", json!({})).await.unwrap();
    assert_eq!(done.summary, "sent a message to slack");
    assert_eq!((done.outputs["notified"].as_str(), done.outputs["together"].as_str()), ("true", "1"));
    let got = site.one();
    assert_eq!((got.method.as_str(), got.path.as_str()), ("POST", "/services/T0123/B0123/abcdefgh12345678"));
    assert_eq!(got.headers["content-type"], "application/json");
    assert_eq!(got.body["text"], "❌ shop/api failed");
    let shown = got.body["blocks"].to_string();
    for part in ["*Commit*: 9fceb02", "*By*: Ann", "RUN make failed"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let metrics = site.engine.metrics.encode(0, 0).unwrap();
    let counted = "argo_buildkit_notifications_total{to=\"slack\",result=\"sent\"} 1";
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test]
async fn dingtalk_gets_a_signed_message() {
    let site = Site::open().await;
    site.tell("dingtalk", "dingtalk", json!({"signing-secret": "dingtalk"})).await.unwrap();
    let got = site.one();
    assert_eq!(got.query["access_token"], "0123456789abcdef");
    assert_eq!(got.body["markdown"]["title"], "❌ shop/api failed");
    let unsigned = site.tell("dingtalk", "dingtalk", json!({})).await.unwrap_err();
    assert!(
        unsigned.message.contains("errcode 310000") && unsigned.message.contains("set `signing-secret`"),
        "{unsigned:?}"
    );
}

#[tokio::test]
async fn wecom_gets_a_message() {
    let site = Site::open().await;
    site.tell("wecom", "wecom", json!({})).await.unwrap();
    let content = site.one().body["markdown"]["content"].as_str().unwrap().to_owned();
    assert!(
        content.starts_with("#### ❌ shop/api failed\n") && content.contains("> RUN make failed"),
        "{content}"
    );
}

#[tokio::test]
async fn a_matrix_room_gets_an_event_with_a_transaction() {
    let site = Site::open().await;
    let fields = json!({"token": "matrix", "room": "!room/1:example.com"});
    site.tell("matrix", "matrix", fields).await.unwrap();
    let got = site.one();
    assert_eq!(got.method, "PUT");
    let path = "/_matrix/client/v3/rooms/!room%2F1:example.com/send/m.room.message/";
    assert!(got.path.strip_prefix(path).is_some_and(|id| id.len() == 32), "{}", got.path);
    assert_eq!(got.headers["authorization"], "Bearer syt_0123456789");
    assert_eq!(got.body["format"], "org.matrix.custom.html");
}

#[tokio::test]
async fn a_webhook_gets_signed_json_of_a_form_that_the_author_chooses() {
    let site = Site::open().await;
    site.tell("webhook", "hook", json!({"signing-secret": "hook"})).await.unwrap();
    let got = site.one();
    assert_eq!((&got.body["status"], &got.body["title"]), (&json!("Failed"), &json!("shop/api failed")));
    assert_eq!(got.body["facts"]["commit"], "9fceb02");
    assert_eq!(got.headers["x-argo-buildkit-delivery"], got.body["id"].as_str().unwrap());
    let own = json!({"signing-secret": "hook", "body": {"service": "api", "log": "a\n\"b\""}});
    site.tell("webhook", "hook", own).await.unwrap();
    assert_eq!(site.server.received()[1].body, json!({"service": "api", "log": "a\n\"b\""}));
    let unsigned = site.tell("webhook", "hook", json!({})).await.unwrap_err();
    assert!(
        unsigned.message.contains("401") && unsigned.message.contains("compare `signing-secret`"),
        "{unsigned:?}"
    );
    site.tell("n8n", "n8n", json!({})).await.unwrap();
    assert_eq!(site.server.received()[3].path, "/webhook/7f3c0b1a-9d2e");
}

#[tokio::test]
async fn a_step_that_is_off_sends_nothing() {
    let site = Site::open().await;
    let off = site.tell("slack", "slack", json!({"enabled": "false"})).await.unwrap();
    assert_eq!((off.outputs["notified"].as_str(), off.outputs["together"].as_str()), ("false", ""));
    assert!(site.server.received().is_empty());
}
