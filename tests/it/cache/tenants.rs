//! One tenant neither sees nor deletes what is another's.

use argo_buildkit::engine::Tenancy;
use argo_buildkit::policy::Policy;
use serde_json::{Value, json};

use super::{Site, WRITE, cache, engine_at, list, number};

const POLICY: &str = "namespaces: {one: {repositories: ['**']}, two: {repositories: ['**']}, \
                      platform: {repositories: ['**'], daemon-cache: true}}";

fn policy() -> Tenancy {
    Tenancy::shared(Some(Policy::parse("policy.yaml", POLICY).unwrap()))
}

#[tokio::test]
async fn a_tenant_sees_and_prunes_its_own_mounts_alone() {
    let site = Site::start().await;
    let engine = site.engine(policy());
    site.build(&engine, "one", "a", WRITE).await;
    // The daemon describes a mount with the command of the step that made it.
    site.build(&engine, "two", "b", "echo ' with id \"one/forged\"' && touch /c/mark").await;
    site.build(&engine, "two", "c", "test -e /c/mark").await;
    let usage = async |namespace: &str, scope: &str| {
        cache(&engine, namespace, json!({"usage": {"scope": scope}})).await.unwrap()
    };
    let ids = |mounts: Vec<Value>| -> Vec<String> {
        let mut ids: Vec<_> = mounts.iter().map(|mount| mount["id"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    };

    let one = usage("one", "namespace").await;
    assert_eq!((number(&one, "records"), ids(list(&one, "mounts"))), (1, vec!["one/npm".to_owned()]));
    assert!((2_000_000..3_000_000).contains(&number(&one, "size")), "{one:?}");
    assert!(one.outputs.values().all(|output| !output.contains("forged")), "{one:?}");
    let all = usage("platform", "daemon").await;
    assert_eq!(ids(list(&all, "mounts")), ["one/npm", "two/npm"]);
    assert_eq!(number(&usage("platform", "namespace").await, "records"), 0);

    // No filter leads to what is not its own.
    for filter in ["type==regular", "type==exec.cachemount,description~=forged", "description~=\"two/npm\""] {
        let pruned = cache(&engine, "one", json!({"prune": {"filters": [filter]}})).await.unwrap();
        assert_eq!(number(&pruned, "records"), 0, "{filter}");
    }
    let pruned = cache(&engine, "one", json!({"prune": {"all": true}})).await.unwrap();
    assert!(number(&pruned, "records") == 1 && number(&pruned, "size") > 2_000_000, "{pruned:?}");
    let left = usage("platform", "daemon").await;
    assert_eq!(ids(list(&left, "mounts")), ["two/npm"]);
    assert_eq!(number(&left, "records") + 1, number(&all, "records"));
}

#[tokio::test]
async fn what_is_not_allowed_is_refused_by_name_before_the_daemon_is_asked() {
    let verbs =
        |scope: &str| [json!({"usage": {"scope": scope}}), json!({"prune": {"scope": scope, "all": true}})];
    let refused = async |tenancy: Tenancy, scope: &str| {
        let engine = engine_at("tcp://127.0.0.1:1", tenancy);
        let mut messages = Vec::new();
        for verb in verbs(scope) {
            messages.push(cache(&engine, "one", verb).await.unwrap_err().message);
        }
        messages.dedup();
        messages.join("\n")
    };
    let by_policy = refused(policy(), "daemon").await;
    for (verb, message) in ["usage", "prune"].into_iter().zip(by_policy.lines()) {
        let expected = format!(
            "cache.{verb}.scope: namespace `one` may see and prune only its own cache mounts, and not what others have in the \
             daemon's cache; write `scope: namespace`, or have `namespaces.one.daemon-cache: true` set in the policy policy.yaml"
        );
        assert_eq!(message, expected);
    }
    let without_policy = refused(Tenancy::shared(None), "daemon").await;
    assert!(
        without_policy.starts_with("this agent may not let steps see and prune the daemon's whole cache")
    );
    let sidecar = refused(Tenancy::own(), "daemon").await;
    assert!(sidecar.contains("have it started with `--allow-daemon-cache`"), "{sidecar}");
    let sidecar = refused(Tenancy::own().with_daemon_cache(true), "namespace").await;
    assert!(sidecar.starts_with("`scope: namespace` needs the shared agent"), "{sidecar}");
}
