//! The RPC itself: which callers are accepted, the answers, and that a final answer is final.

use argo_buildkit::step::Kind;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::lifecycle::{httpd, successor};
use crate::support::buildctl::histories;
use crate::support::net::{client, free_port};
use crate::support::plugin::{Plugin, Setup, TOKEN, Workflow, expect_phase, output};
use crate::support::shared::shared_buildkitd;
use crate::support::shop::{Shop, declaring, template};

/// A plugin whose servers are not needed.
fn plugin() -> Plugin {
    Setup::new("unix:///nowhere").start()
}

async fn post(
    plugin: &Plugin,
    path: &str,
    token: Option<&str>,
    body: impl Into<reqwest::Body>,
) -> (StatusCode, String) {
    let request = client().post(format!("{}{path}", plugin.url())).body(body);
    let request = token.into_iter().fold(request, |request, token| request.bearer_auth(token));
    let response = request.send().await.unwrap();
    (response.status(), response.text().await.unwrap())
}

const EXECUTE: &str = "/api/v1/template.execute";

#[tokio::test]
async fn who_has_no_token_or_a_wrong_one_is_told_what_to_check() {
    let plugin = plugin();
    let body = || Workflow::new().request(&template(json!({}))).to_string();
    let (status, said) = post(&plugin, EXECUTE, None, body()).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    insta::assert_snapshot!(said, @"the request has no `Authorization: Bearer` token; check that the agent and argo-buildkit see the same file (/var/run/argo/token in the sidecar)");
    for wrong in ["0123", &TOKEN.to_uppercase(), &format!("{TOKEN}x")] {
        let (status, said) = post(&plugin, EXECUTE, Some(wrong), body()).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{said}");
        assert!(said.contains("is not the one argo-buildkit read at its start"), "{said}");
    }
}

#[tokio::test]
async fn what_is_not_ours_is_answered_with_an_empty_object() {
    let plugin = plugin();
    let ours = |template: Value| Workflow::new().request(&template).to_string();
    for body in [
        ours(json!({"name": "t"})),
        ours(json!({"name": "t", "plugin": {}})),
        ours(json!({"name": "t", "plugin": {"slack": {"text": "hello"}}})),
        ours(json!({"name": "t", "container": {"image": "busybox"}})),
    ] {
        assert_eq!(post(&plugin, EXECUTE, Some(TOKEN), body).await, (StatusCode::OK, "{}".into()));
    }
    // After a 404, the agent would never call the method again.
    for path in ["/", "/api/v1/template.preOperate", "/metrics", "/healthz", "/api/v1/template.execute/"] {
        assert_eq!(post(&plugin, path, Some(TOKEN), "{}").await, (StatusCode::OK, "{}".into()), "{path}");
    }
}

#[tokio::test]
async fn a_body_that_is_no_request_is_refused_and_harms_nobody() {
    let plugin = plugin();
    for body in ["", "not json", "[]", "{}", r#"{"workflow": 1, "template": {}}"#] {
        let (status, said) = post(&plugin, EXECUTE, Some(TOKEN), body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{said}");
        assert!(said.contains("is not an ExecuteTemplateArgs object"), "{said}");
    }
    let (status, _) = post(&plugin, EXECUTE, Some(TOKEN), vec![b' '; 5 << 20]).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(
        post(&plugin, EXECUTE, Some(TOKEN), Workflow::new().request(&json!({})).to_string()).await.1,
        "{}"
    );
}

#[tokio::test]
async fn a_users_mistake_is_a_failed_node_that_is_not_asked_for_again() {
    let plugin = plugin();
    let typo = declaring(json!({"biuld": {}}), &[]);
    let (status, reply) = plugin.poll(&Workflow::new(), &typo).await;
    assert_eq!(status, StatusCode::OK);
    // A `requeue` on a Failed node would run the step again.
    insta::assert_json_snapshot!(reply, @r#"
    {
      "node": {
        "message": "unknown step kind \"biuld\" (did you mean `build`?); known: `build`, `update-manifest`, `push`, `sign`, `verify`, `supersede`, `select`, `poll`, `tags`, `cache`, `sync`, `commit-status`, `notify`, `steps`",
        "outputs": {
          "parameters": []
        },
        "phase": "Failed"
      }
    }
    "#);
    let mut slow =
        template(json!({"build": {"context": "https://g.example/a.git", "tags": "r.example/a:1"}}));
    slow["timeout"] = json!("soon");
    let (_, reply) = plugin.poll(&Workflow::new(), &slow).await;
    insta::assert_snapshot!(reply["node"]["message"].as_str().unwrap(), @r#"timeout: "soon" is not a duration such as `90s`, `30m` or `1h30m`"#);
}

#[tokio::test]
async fn sixty_four_identical_polls_at_once_cause_one_solve() {
    let shop = Shop::open("FROM BASE\nRUN echo once\n").await;
    let workflow = Workflow::new();
    let step = declaring(shop.build(json!({})), &["digest", "warnings"]);
    let polls = (0..64).map(|_| shop.plugin.poll(&workflow, &step));
    for (status, reply) in futures_util::future::join_all(polls).await {
        assert_eq!(status, StatusCode::OK);
        assert!(matches!(reply["node"]["phase"].as_str(), Some("Running" | "Succeeded")), "{reply}");
    }
    let node = shop.plugin.drive(&workflow, &step).await;
    expect_phase(&node, "Succeeded");
    let (_, metrics) = shop.plugin.ops("/metrics").await;
    assert!(
        metrics.contains("argo_buildkit_steps_total{kind=\"build\",outcome=\"succeeded\"} 1\n"),
        "{metrics}"
    );
    let image = shop.image();
    let counted = format!("image=\"{image}\",outcome=\"succeeded\"}} 1\n");
    assert!(metrics.contains(&counted), "{counted} in {metrics}");
    let solves = histories(shop.world.buildkitd.address()).into_iter().filter(|build| build.contains(&image));
    assert_eq!(solves.count(), 1);
}

/// Argo sends no node id, so a retry is the same request.
#[tokio::test]
async fn a_failure_is_told_once_and_the_next_who_asks_has_it_built_again() {
    let (port, room) = (free_port(), tempfile::tempdir().unwrap());
    let dockerfile = format!("FROM BASE\nRUN wget -q -O /dev/null http://127.0.0.1:{port}/\n");
    let shop = Shop::open(&dockerfile).await;
    let (workflow, step) = (Workflow::new(), template(shop.build(json!({}))));
    for _ in ["first", "retried"] {
        let failed = shop.plugin.drive(&workflow, &step).await;
        expect_phase(&failed, "Failed");
        assert!(failed["message"].as_str().unwrap().contains("RUN wget"), "{failed}");
    }
    let (_, metrics) = shop.plugin.ops("/metrics").await;
    assert!(
        metrics.contains("argo_buildkit_steps_total{kind=\"build\",outcome=\"failed\"} 2\n"),
        "{metrics}"
    );
    // The daemon's remembered failure is no answer either. A new pod would find it after `argo retry`.
    let _server = httpd(port, room.path());
    shop.plugin.kill();
    let next = successor(&shop, shop.world.buildkitd.address());
    expect_phase(&next.drive(&workflow, &step).await, "Succeeded");
}

#[tokio::test]
async fn over_the_cap_a_step_is_pending_and_says_its_place() {
    let plugin = Setup::new(shared_buildkitd().address()).arg("--max-running", "1").start();
    let shop = Shop::with(plugin, "FROM BASE\nRUN sleep 600\n").await;
    let (first, second) = (Workflow::new(), Workflow::new());
    let slow = template(shop.build(json!({})));
    shop.plugin.until(&first, &slow, |node| node["message"].as_str().unwrap().contains("RUN sleep")).await;
    let (_, reply) = shop.plugin.poll(&second, &slow).await;
    insta::assert_json_snapshot!(reply, @r#"
    {
      "node": {
        "message": "waiting for a free slot, number 1 in the queue",
        "phase": "Pending"
      },
      "requeue": "200ms"
    }
    "#);
    let (_, metrics) = shop.plugin.ops("/metrics").await;
    assert!(
        metrics.contains("argo_buildkit_jobs_queued 1\n")
            && metrics.contains("argo_buildkit_jobs_running 1\n")
    );
}

#[tokio::test]
async fn the_operators_endpoints_are_on_a_port_of_their_own() {
    let plugin = plugin();
    assert_eq!(plugin.ops("/healthz").await, (StatusCode::OK, "ok\n".into()));
    assert_eq!(plugin.ops("/readyz").await, (StatusCode::OK, "ok\n".into()));
    assert_eq!(plugin.ops("/api/v1/template.execute").await.0, StatusCode::NOT_FOUND);
    let (status, metrics) = plugin.ops("/metrics").await;
    assert_eq!(status, StatusCode::OK);
    assert!(metrics.ends_with("# EOF\n"), "{metrics}");
}

#[tokio::test]
async fn every_declared_output_is_returned_and_an_impossible_one_is_refused_at_once() {
    let shop = Shop::open("FROM BASE\n").await;
    let all: Vec<_> = Kind::Build.spec().outputs.iter().map(|output| output.name).collect();
    let node = shop.plugin.node(&declaring(shop.build(json!({})), &all)).await;
    expect_phase(&node, "Succeeded");
    all.iter().for_each(|name| drop(output(&node, name)));
    let node = shop.plugin.node(&declaring(shop.build(json!({})), &["digset"])).await;
    expect_phase(&node, "Failed");
    assert!(node["message"].as_str().unwrap().contains("did you mean `digest`?"));
}
