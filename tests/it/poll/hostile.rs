//! What hostile tenants and repositories write.

use futures_util::StreamExt as _;
use serde_json::{Value, json};

use super::world::World;

#[tokio::test]
async fn hostile_names_of_refs_stay_names() {
    let world = World::new().await;
    let commit = world.repo("api");
    let long = format!("l{}", "o".repeat(199));
    let names =
        ["a\"b'c", "ünï-𝄞", "x`id`", "{x}", "a;b&c|d", "$HOME", &long, "{{workflow.name}}", "$(id.x)"];
    for name in names {
        let tree = format!("{commit}^{{tree}}");
        let other = world.git(&["-C", &world.bare("api"), "commit-tree", "-m", name, &tree]);
        world.git(&["-C", &world.bare("api"), "update-ref", &format!("refs/heads/{name}"), &other]);
        world.git(&["-C", &world.bare("api"), "update-ref", &format!("refs/tags/{name}"), &commit]);
    }
    world.git(&["-C", &world.bare("api"), "update-ref", "refs/tags/v1+build.2", &commit]);
    let ended = world.poll(&json!([world.service("api", "{branches: '.*', tags: '.*'}")])).await.unwrap();
    // Seven branches and main. Of the tags only the long one would be a tag of an image, and it is too long.
    assert_eq!(ended.submitted.len(), 8, "{ended:?}");
    let mut refs = Vec::new();
    for name in &ended.submitted {
        let workflow = world.workflow(name).await;
        let parameters = workflow["spec"]["arguments"]["parameters"].as_array().unwrap().clone();
        let git_ref = parameters.iter().find(|parameter| parameter["name"] == "git-ref").unwrap();
        refs.push(git_ref["value"].as_str().unwrap().to_owned());
    }
    for name in &names[..7] {
        assert!(refs.contains(&format!("refs/heads/{name}")), "{name}: {refs:?}");
    }
    let reasons: Vec<&str> = ended.skipped.iter().map(|item| item["reason"].as_str().unwrap()).collect();
    assert_eq!(
        reasons.iter().filter(|reason| reason.contains("begins an expression in a workflow")).count(),
        4
    );
    assert_eq!(
        reasons.iter().filter(|reason| reason.contains("cannot be the tag of an image")).count(),
        8,
        "{reasons:?}"
    );
    assert!(!Value::from(ended.skipped.clone()).to_string().contains("{{"));
}

/// A Git server whose lists begin and do not end.
async fn endless_lists() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let answer = async || {
        let line = format!("{} refs/heads/first\n", "a".repeat(40));
        let first =
            futures_util::stream::iter([Ok::<_, std::io::Error>(format!("{:04x}{line}", line.len() + 4))]);
        let body = axum::body::Body::from_stream(first.chain(futures_util::stream::pending()));
        ([("content-type", "application/x-git-upload-pack-result")], body)
    };
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await });
    host
}

#[tokio::test]
async fn a_list_that_is_too_long_for_the_time_gives_no_server_up() {
    let world = World::new().await;
    let host = endless_lists().await;
    // More than are asked at a time.
    let services: Vec<_> = (0..9)
        .map(|nth| world.service(&format!("s{nth}"), &format!("{{repo: 'http://{host}/{nth}.git'}}")))
        .collect();
    let error = world.poll(&json!(services)).await.unwrap_err();
    let failed: Vec<Value> = serde_json::from_str(&error.outputs["failed"]).unwrap();
    assert_eq!(failed.len(), 9, "{failed:?}");
    for item in failed {
        let reason = item["reason"].as_str().unwrap();
        assert!(reason.contains("its branches and tags were not listed"), "{reason}");
    }
}

#[tokio::test]
async fn twenty_thousand_refs_and_patterns_that_match_all_end_with_a_reason() {
    let world = World::new().await;
    let commit = world.repo("api");
    let refs: String = (0..20_000).map(|n| format!("{commit} refs/tags/v{n:06}\n")).collect();
    let packed = format!("# pack-refs with: peeled fully-peeled sorted \n{commit} refs/heads/main\n{refs}");
    std::fs::write(std::path::Path::new(&world.bare("api")).join("packed-refs"), packed).unwrap();
    let services = json!([
        world.service("api", "{tags: 'v.*'}"),
        world.service("web", "{repo: api, tags: v019999}"),
        world.service("main", "{repo: api}"),
    ]);
    let ended = world.poll(&services).await.unwrap_err();
    // Whoever builds branches only is not concerned.
    let main = format!("1 submitted, 2 failed; submitted main-{}; failed ", &commit[..12]);
    let reason = "has 20001 branches and tags that its services match, and at most 5000 are looked at";
    assert!(ended.message.starts_with(&main) && ended.message.contains(reason), "{}", ended.message);
    let one = world.poll(&json!([services[1]])).await.unwrap();
    assert_eq!(one.submitted.len(), 2);
}
