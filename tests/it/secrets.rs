//! No secret leaves the process: every output, log, span, error, argument and history is searched for every secret.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use crate::support::buildctl::histories;
use crate::support::collector::Collector;
use crate::support::plugin::{Setup, Workflow, expect_phase, output};
use crate::support::shared::shared_buildkitd;
use crate::support::shop::{Shop, template};
use crate::support::sshd::key_pair;

const NPM_TOKEN: &str = "npm_pRv8sQ2xLwZk71Yb";
const MULTI_LINE: &str = "-----BEGIN KEY-----\nqJ5rT0pXvB9wLk2m\n-----END KEY-----";

/// Prints its secrets, fails, and quotes one in the error.
const LEAKY: &str = "FROM BASE\n\
    RUN --mount=type=secret,id=npm --mount=type=secret,id=key cat /run/secrets/npm /run/secrets/key; echo; exit 3\n";

#[tokio::test]
async fn no_secret_is_in_any_output_log_span_error_argv_or_history() {
    let collector = Collector::start().await;
    let setup =
        Setup::new(shared_buildkitd().address()).env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint());
    let shop = Shop::with(setup.env("ARGO_BUILDKIT_LOG", "trace").start(), LEAKY).await;
    shop.plugin.put("npm", "token", NPM_TOKEN);
    shop.plugin.put("npm", "key", MULTI_LINE);
    let secrets = json!([
        {"id": "npm", "secret": {"name": "npm", "key": "token"}},
        {"id": "key", "secret": {"name": "npm", "key": "key"}},
    ]);
    let (failing, working) = (Workflow::new(), Workflow::new());
    let node = shop.plugin.drive(&failing, &template(shop.build(json!({"secrets": secrets})))).await;
    expect_phase(&node, "Failed");
    let message = node["message"].as_str().unwrap();
    assert!(message.contains("***"), "the log's last lines are shown, without the secret: {message}");

    let mut logs = crate::logs::kept(&shop, &output(&node, "log"));
    assert!(logs.contains("cat /run/secrets/npm") && logs.contains(": ***"), "{logs}");

    let quiet = "FROM BASE\nRUN --mount=type=secret,id=npm test -s /run/secrets/npm\n"
        .replace("BASE", &shop.world.busybox);
    shop.service.commit_file("main", "Dockerfile", &quiet, "mend").await;
    let build = shop.build(json!({"secrets": secrets}));
    let signer = key_pair().private;
    let forge = shop.world.gitea.token(&shop.owner, &["write:repository"]).await;
    shop.plugin.put("signer", "key", &signer);
    shop.plugin.put("forge", "token", &forge);
    let signed = json!({"signing-key": {"name": "signer", "key": "key"}});
    let update = shop.update(json!({"image.digest": "$(build.digest)"}), signed);
    let mut propose =
        shop.update(json!({"image.tag": "2"}), json!({"mode": "pull-request", "forge": {"secret": "forge"}}));
    propose["name"] = json!("propose");
    let node = shop.plugin.drive(&working, &template(json!({"steps": [build, update, propose]}))).await;
    expect_phase(&node, "Succeeded");
    logs.push_str(&crate::logs::kept(&shop, &output(&node, "log")));

    let argv = shop.plugin.argv();
    shop.plugin.signal("TERM");
    assert!(shop.plugin.exit().await.success(), "the exit flushes the spans");
    let printed = shop.plugin.log();
    let redacted = |line: &str| line.contains(" RUN --mount=type=secret") && line.ends_with(": ***");
    assert!(printed.lines().any(redacted), "lines of builds are printed, without the secret: {printed}");
    let spans = collector.text();
    assert!(spans.contains("RUN --mount=type=secret"), "{spans}");
    let places = [
        ("replies", shop.plugin.replies()),
        ("log, and the lines of builds in it", shop.plugin.log()),
        ("logs in the registry", logs),
        ("spans", spans),
        ("argv and environment", argv),
        ("BuildKit's history", histories(shop.world.buildkitd.address()).concat()),
        ("commits", format!("{:?}", shop.gitops.commits("main").await)),
    ];
    let login = BASE64_STANDARD.encode(format!("{}:{}", shop.owner, shop.token));
    let bearer = crate::support::plugin::TOKEN;
    let key_line = signer.lines().nth(2).unwrap();
    for secret in [key_line, &forge, NPM_TOKEN, "qJ5rT0pXvB9wLk2m", &shop.token, &login, bearer] {
        for (place, text) in &places {
            assert!(!text.contains(secret), "a secret is in the {place}: {secret}");
        }
    }
}

#[tokio::test]
async fn a_workflow_is_one_trace_with_a_span_per_step_and_vertex() {
    let collector = Collector::start().await;
    let setup =
        Setup::new(shared_buildkitd().address()).env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint());
    let shop = Shop::with(setup.start(), "FROM BASE\nRUN echo traced\n").await;
    let workflow = Workflow::new();
    expect_phase(&shop.plugin.drive(&workflow, &template(shop.steps())).await, "Succeeded");
    let trace = workflow.uid.replace('-', "");
    let (_, metrics) = shop.plugin.ops("/metrics").await;
    assert!(metrics.contains(&format!(" # {{trace_id=\"{trace}\"}} ")), "{metrics}");
    shop.plugin.signal("TERM");
    shop.plugin.exit().await;
    let spans = collector.spans();
    assert!(!spans.is_empty() && spans.iter().all(|span| span.trace == trace), "{spans:?}");
    let find = |name: &str| {
        spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{name}: {spans:?}"))
    };
    let (steps, build, update) = (find("steps"), find("build"), find("update-manifest"));
    assert_eq!((&build.parent, &update.parent), (&steps.id, &steps.id));
    assert_eq!(find("[2/2] RUN echo traced").parent, build.id);
    assert!(build.start >= steps.start && update.start >= build.end);
}
