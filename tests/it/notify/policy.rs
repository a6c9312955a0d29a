//! Which servers a namespace may send messages to.

use argo_buildkit::engine::Tenancy;
use argo_buildkit::outcome::Fault;
use argo_buildkit::policy::Policy;
use serde_json::json;

use super::Site;

async fn under(policy: &str) -> Site {
    let text = format!("namespaces: {{builds: {policy}}}");
    Site::of(Tenancy::shared(Some(Policy::parse("policy.yaml", &text).unwrap()))).await
}

#[tokio::test]
async fn a_server_that_the_policy_does_not_list_gets_nothing() {
    for policy in ["{}", "{webhooks: []}", "{webhooks: ['https://*.example.com', 'https://127.0.0.1']}"] {
        let site = under(policy).await;
        let error = site.tell("slack", "slack", json!({})).await.unwrap_err();
        assert_eq!(error.fault, Fault::User);
        let start =
            format!("notify.url: namespace `builds` may not send messages to `{}`", site.server.url(""));
        assert!(error.message.starts_with(&start), "{error:?}");
        assert!(error.message.contains("namespaces.builds.webhooks"), "{error:?}");
        assert!(site.server.received().is_empty(), "{policy}");
    }
}

#[tokio::test]
async fn a_server_that_the_policy_lists_gets_messages() {
    let site = under("{webhooks: ['**']}").await;
    site.tell("slack", "slack", json!({})).await.unwrap();
    let shared = Site::of(Tenancy::shared(None)).await;
    shared.tell("slack", "slack", json!({})).await.unwrap();
}

#[test]
fn a_pattern_is_a_server() {
    let policy = |pattern: &str| {
        let text = format!("namespaces: {{a: {{webhooks: ['{pattern}']}}}}");
        Policy::parse("policy.yaml", &text).map_err(|error| error.to_string())
    };
    for good in [
        "https://hooks.slack.com",
        "https://hooks.slack.com:443/",
        "https://*.example.com",
        "http://n8n.n8n.svc:5678",
    ] {
        assert!(policy(good).is_ok(), "{good}");
    }
    for bad in [
        "hooks.slack.com",
        "https://hooks.slack.com/services",
        "ssh://git@a.example",
        "https://u:p@a.example",
    ] {
        let why = policy(bad).unwrap_err();
        assert!(why.contains("it is not of the form https://HOST[:PORT]"), "{bad}: {why}");
    }
}
