//! A build step cannot write another step's cache.
//!
//! The tests use a real buildkitd and a real registry that demands tokens. A proxy in front of it records which
//! client comes with which token.

mod evil;
mod site;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::engine::run_behind;
use crate::support::net::{client, unique};
use evil::Evil;
use site::{Site, bearer, put_index};

/// The numbers show which `RUN` ran again, and the name makes the text unique.
fn dockerfile() -> String {
    format!("FROM BASE\nRUN : {} && cat /proc/sys/kernel/random/uuid >/one\n", unique("cache"))
}

#[tokio::test]
async fn a_cache_is_written_and_read_with_tokens_that_we_sign() {
    let site = Site::start().await;
    let engine = site.engine("5m", None);
    let cache = site.cache("shop");
    let build =
        site.build("shop", &dockerfile(), json!({"from": cache, "to": {"ref": cache, "mode": "max"}}));
    let first = site.run(&engine, "shop", &build).await.unwrap();
    assert_eq!(first.outputs["cache"], "exported");
    site.prune();
    // `skipped`, because our own client found it there, with its own token.
    let second = site.run(&engine, "shop", &build).await.unwrap();
    assert_eq!((second.outputs["cache"].as_str(), second.outputs["warnings"].as_str()), ("skipped", "[]"));
    assert_eq!(second.outputs["cached-steps"], second.outputs["total-steps"]);

    let without = site.run(&site.engine_without_key(), "shop", &build).await.unwrap();
    assert_eq!(without.outputs["cache"], "failed");
}

#[tokio::test]
async fn a_run_step_writes_no_cache_not_even_its_own() {
    let site = Site::start().await;
    let engine = site.engine("5m", None);
    let own = json!({"to": site.cache("attacker")});
    let attempts = [
        (site.registry.host(), "cache/victim", "401 Unauthorized"),
        (site.registry.host(), "cache/attacker", "401 Unauthorized"),
        // The answer of a registry without a login, to show that the test can fail.
        (site.world.registry.host(), "cache/victim", "201 Created"),
    ];
    for (host, repository, status) in attempts {
        let dockerfile = format!("FROM BASE\n{}", site::put_in_run(host, repository, status));
        let build = site.build(&unique("attacker"), &dockerfile, own.clone());
        let ended = site.run(&engine, "attacker", &build).await;
        assert_eq!(ended.unwrap().outputs["cache"], "exported", "{host}/{repository}");
    }
}

#[tokio::test]
async fn a_step_reads_and_writes_the_caches_that_it_names_and_no_other() {
    let site = Site::start().await;
    let engine = site.engine("5m", None);
    let text = dockerfile();
    let victims = site.cache("victim");
    // The files and steps are the same, so the daemon has these layers already, from the victim's cache.
    let victim = site.build("victim", &text, json!({"from": victims, "to": victims}));
    let attacker = site.build("attacker", &text, json!({"to": site.cache("attacker")}));
    site.run(&engine, "victim", &victim).await.unwrap();
    site.prune();
    site.run(&engine, "victim", &victim).await.unwrap();
    assert_eq!(site.run(&engine, "attacker", &attacker).await.unwrap().outputs["cache"], "exported");

    // The daemon has the victim's token for the same repository, but not for this session.
    for from in [victims.clone(), format!("{victims}:latest")] {
        let dockerfile = format!("FROM {from} AS theirs\nFROM BASE\nCOPY --from=theirs / /theirs\n");
        let build = site.build(&unique("attacker"), &dockerfile, json!({"to": site.cache("attacker")}));
        let refused = site.run(&engine, "attacker", &build).await.unwrap_err().message;
        assert!(refused.contains("a step reaches the caches there that its `cache.from`"), "{refused}");
        assert!(
            refused.contains("cache/attacker (pull,push); asked for was: repository:cache/victim:pull"),
            "{refused}"
        );
    }

    // A step's own token, if it were stolen from the daemon, is valid only for the step's own cache.
    let requests = site.proxy.requests();
    let own = requests.iter().rfind(|request| {
        request.path.starts_with("/v2/cache/attacker/manifests/")
            && request.authorization.starts_with("Bearer ")
    });
    let token = &own.unwrap().authorization;
    assert_eq!(bearer(token)["sub"], "attacker");
    assert_eq!(put_index(&site, "cache/attacker", token).await, 201);
    assert_eq!(put_index(&site, "cache/victim", token).await, 401);
    let read = client().get(format!("http://{}/v2/cache/victim/manifests/latest", site.proxy.host()));
    assert_eq!(read.header("authorization", token).send().await.unwrap().status(), 401);
    let catalog = client().get(format!("http://{}/v2/_catalog", site.proxy.host()));
    assert_eq!(catalog.header("authorization", token).send().await.unwrap().status(), 401);
}

/// Of a commit nobody says of which branch it is, so its build writes none of the caches of the branches.
#[tokio::test]
async fn a_build_that_is_of_no_branch_gets_no_right_to_write() {
    let site = Site::start().await;
    let engine = site.engine("5m", None);
    let cache = site.cache("shop");
    let by_branch = json!({"from": cache, "to": {"ref": cache, "mode": "max", "when": "branch"}});
    let mut build = site.build("shop", &dockerfile(), by_branch);
    let first = site.run(&engine, "shop", &build).await.unwrap();
    assert_eq!(first.outputs["cache"], "exported");
    site.prune();
    let before = site.proxy.requests().len();
    let repo = build["build"]["context"].clone();
    build["build"]["context"] = json!({"repo": repo, "revision": first.outputs["revision"]});
    let second = site.run(&engine, "shop", &build).await.unwrap();
    assert_eq!(second.outputs["cache"], "none");
    assert_eq!(
        second.outputs["cached-steps"], second.outputs["total-steps"],
        "it reads the default branch's"
    );
    let tokens: Vec<_> = site.proxy.requests().split_off(before);
    let tokens = tokens.iter().map(|request| request.authorization.as_str());
    let access: Vec<_> = tokens
        .filter(|token| token.starts_with("Bearer "))
        .map(|token| bearer(token)["access"].to_string())
        .collect();
    assert!(!access.is_empty() && access.iter().all(|access| !access.contains("push")), "{access:?}");
}

/// The actions of the tokens that came to the registry since `before` requests, each with its repository.
fn rights(site: &Site, before: usize) -> BTreeSet<String> {
    let requests = site.proxy.requests().split_off(before);
    let tokens = requests.iter().filter(|request| request.authorization.starts_with("Bearer "));
    let access = tokens.map(|request| bearer(&request.authorization)["access"][0].take());
    access.map(|access| format!("{} {}", access["name"], access["actions"])).collect()
}

#[tokio::test]
async fn a_cleanup_may_delete_in_the_repository_that_it_names() {
    let site = Site::start().await;
    let engine = site.engine("5m", None);
    let cache = site.cache("shop");
    let build = site.build("shop", &dockerfile(), json!({"to": format!("{cache}:old")}));
    site.run(&engine, "shop", &build).await.unwrap();
    let clean = async |dry_run: bool| {
        let delete = json!({"keep": 0, "allow-empty": true, "dry-run": dry_run});
        let before = site.proxy.requests().len();
        let done = site.run(&engine, "shop", &json!({"tags": {"image": cache, "delete": delete}})).await;
        let outputs = done.unwrap().outputs;
        assert_eq!(outputs["planned"], r#"["old"]"#, "{}", outputs["plan"]);
        (outputs["deleted"].clone(), rights(&site, before))
    };
    let pulls = r#""cache/shop" ["pull"]"#.to_owned();
    assert_eq!(clean(true).await, ("[]".to_owned(), [pulls.clone()].into()));
    let deletes = r#""cache/shop" ["pull","delete"]"#.to_owned();
    assert_eq!(clean(false).await, (r#"["old"]"#.to_owned(), [pulls, deletes].into()));

    // With `images: ["**"]`, a policy lets a step that only asks name every repository.
    let before = site.proxy.requests().len();
    let asks = json!({"tags": {"image": cache}});
    let asked = run_behind(&engine, "attacker", &asks, Arc::default(), Duration::from_secs(1)).await;
    asked.unwrap_err();
    assert_eq!(rights(&site, before), BTreeSet::new());
    assert!(site.proxy.requests().len() > before);
}

#[tokio::test]
async fn a_policy_keeps_a_step_from_naming_another_s_cache() {
    let site = Site::start().await;
    let list = |name: &str| {
        format!("{name}: {{cache: [{}/cache/{name}/**], repositories: ['**']}}", site.proxy.host())
    };
    let policy = format!("namespaces: {{{}, {}}}", list("victim"), list("attacker"));
    let engine = site.engine("5m", Some(&policy));
    let own = site.build("attacker", &dockerfile(), json!({"to": site.cache("attacker/api")}));
    assert_eq!(site.run(&engine, "attacker", &own).await.unwrap().outputs["cache"], "exported");
    for cache in [json!({"to": site.cache("victim/api")}), json!({"from": site.cache("victim/api")})] {
        let build = site.build("attacker", &dockerfile(), cache);
        let refused = site.run(&engine, "attacker", &build).await.unwrap_err().message;
        assert!(refused.contains("`namespaces.attacker.cache`"), "{refused}");
    }
}

#[tokio::test]
async fn a_registry_that_speaks_for_ours_gets_no_token() {
    let site = Site::start().await;
    let engine = site.engine("5m", None);
    let own = json!({"to": site.cache("attacker"), "from": site.cache("attacker")});
    let victim = site.build("victim", &dockerfile(), json!({"to": site.cache("victim")}));
    site.run(&engine, "victim", &victim).await.unwrap();
    for evil in [Evil::challenging(site.proxy.host()).await, Evil::redirecting(site.proxy.host()).await] {
        let before = site.proxy.requests().len();
        let build = site.build(&unique("attacker"), &format!("FROM {}/base\n", evil.host()), own.clone());
        site.run(&engine, "attacker", &build).await.unwrap_err();
        let seen = evil.seen();
        assert!(seen.iter().any(|request| request.path.starts_with("/v2/base/manifests/")), "{seen:?}");
        assert!(seen.iter().all(|request| request.authorization.is_empty()), "{seen:?}");
        let led_to = site.proxy.requests().split_off(before);
        let victims = led_to.iter().filter(|request| request.path.starts_with("/v2/cache/victim/"));
        assert!(victims.into_iter().all(|request| request.authorization.is_empty()), "{led_to:?}");
    }
}

#[tokio::test]
async fn a_build_that_outlives_a_token_gets_the_next() {
    let site = Site::start().await;
    let engine = site.engine("2s", None);
    let cache = site.cache("slow");
    let text = dockerfile();
    let caches = json!({"from": cache, "to": {"ref": cache, "mode": "max"}});
    let first = site.build("slow", &text, caches.clone());
    assert_eq!(site.run(&engine, "slow", &first).await.unwrap().outputs["cache"], "exported");
    site.prune();
    let before = site.proxy.requests().len();
    // The cache is read at the start, and again for the export, after the last step. buildkitd rounds up a token's
    // two seconds.
    let longer = format!(
        "FROM BASE AS slow\nRUN : {} && sleep 6 && touch /slow\n{text}COPY --from=slow /slow /\nRUN cat /one\n",
        unique("slow")
    );
    let second = site.build("slow", &longer, caches);
    assert_eq!(site.run(&engine, "slow", &second).await.unwrap().outputs["cache"], "exported");
    let tokens: BTreeSet<String> = site
        .proxy
        .requests()
        .iter()
        .skip(before)
        .filter(|request| {
            request.authorization.starts_with("Bearer ") && request.agent.starts_with("buildkit/")
        })
        .map(|request| bearer(&request.authorization))
        .filter(|claims| {
            claims["access"] == json!([{"type": "repository", "name": "cache/slow", "actions": ["pull"]}])
        })
        .map(|claims: Value| claims["jti"].to_string())
        .collect();
    assert!(tokens.len() > 1, "the build reads with one token, and then with the next: {tokens:?}");
}
