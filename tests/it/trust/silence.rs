//! A silent server delays only its own writer.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::support::plugin::{Workflow, expect_phase, output};
use crate::support::shop::{Shop, template};

/// A server that accepts connections and sends nothing. When the test allows it, it becomes a proxy for a real
/// server.
struct Silent {
    address: SocketAddr,
    asked: watch::Receiver<usize>,
    speaks: watch::Sender<bool>,
}

impl Silent {
    async fn before(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (count, asked) = watch::channel(0);
        let (speaks, told) = watch::channel(false);
        let (upstream, count) = (upstream.to_owned(), Arc::new(count));
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let (upstream, count, mut told) = (upstream.clone(), Arc::clone(&count), told.clone());
                tokio::spawn(async move {
                    let mut byte = [0];
                    // A request has arrived.
                    if client.peek(&mut byte).await.is_ok_and(|read| read == 1) {
                        count.send_modify(|count| *count += 1);
                    }
                    let _ = told.wait_for(|speaks| *speaks).await;
                    if let Ok(mut server) = TcpStream::connect(upstream).await {
                        let _ = copy_bidirectional(&mut client, &mut server).await;
                    }
                });
            }
        });
        Self { address, asked, speaks }
    }

    /// Waits until a request has arrived and got no answer.
    async fn is_asked(&self) {
        self.asked.clone().wait_for(|asked| *asked > 0).await.unwrap();
    }

    /// A repository's address through this proxy.
    fn through(&self, shop: &Shop, url: &str) -> String {
        url.replace(shop.world.gitea.host(), &self.address.to_string())
    }
}

/// An update of one value of the chart by the login `secret`.
fn set(shop: &Shop, values: Value, secret: &str, source: Option<Value>) -> Value {
    template(shop.update(values, json!({"secret": {"name": secret}, "source": source})))
}

#[tokio::test]
async fn who_asks_a_silent_source_waits_alone() {
    let shop = Shop::open("FROM scratch\n").await;
    let other = shop.world.gitea.token(&shop.owner, &["write:repository"]).await;
    shop.plugin.put("other", "token", &other);
    let newer = shop.service.commit_file("main", "main.txt", "second", "second").await;
    let source = |repo: &str, commit: &str| Some(json!({"repo": repo, "commit": commit, "secret": "git"}));
    let url = shop.service.url();
    let first = set(&shop, json!({"image.tag": "2"}), "git", source(&url, &newer));
    expect_phase(&shop.plugin.node(&first).await, "Succeeded");

    let silent = Silent::before(shop.world.gitea.host()).await;
    let through = silent.through(&shop, &url);
    let late = set(&shop, json!({"image.tag": "1"}), "git", source(&through, &shop.sha));
    let workflow = Workflow::new();
    shop.plugin.poll(&workflow, &late).await;
    silent.is_asked().await;
    // Another login, the same login, and the same login with another source that answers.
    let writers = [
        set(&shop, json!({"image.digest": "d1"}), "other", None),
        set(&shop, json!({"replicas": "3"}), "git", None),
        set(&shop, json!({"image.digest": "d2"}), "git", source(&url, &newer)),
        set(&shop, json!({"image.digest": "d3"}), "other", source(&url, &newer)),
    ];
    for writer in &writers {
        let ended = shop.plugin.node(writer).await;
        expect_phase(&ended, "Succeeded");
        assert_eq!(output(&ended, "changed"), "true");
        let (_, waiting) = shop.plugin.poll(&workflow, &late).await;
        assert_eq!(waiting["node"]["phase"], "Running", "its own writer waits: {waiting}");
    }
    // When the server answers, its answer is used.
    silent.speaks.send_replace(true);
    let ended = shop.plugin.drive(&workflow, &late).await;
    expect_phase(&ended, "Succeeded");
    assert_eq!((output(&ended, "changed"), output(&ended, "superseded-by")), ("false".into(), newer));
    let values = shop.gitops.read("main", "chart/values.yaml").await.unwrap();
    assert!(values.contains("tag: \"2\"") && values.contains("replicas: 3\n"), "{values}");
}
