//! Registries: Gitea's own with a login and its list of tags, and what is asked of them.

use serde_json::json;
use tokio::task::spawn_blocking;

use super::world::World;
use crate::support::registry::push_empty;
use crate::support::registry_proxy::{AuthScheme, RegistryProxy};
use crate::support::round_trip_relay::RoundTripRelay;
use crate::support::shared::{shared_gitea, shared_registry};

#[tokio::test]
async fn many_tags_are_found_in_the_registry_s_list() {
    let world = World::new().await;
    let commit = world.repo("api");
    let proxy = RegistryProxy::start(AuthScheme::Upstream, "", "", shared_registry().host()).await;
    for nth in 0..20 {
        world.git(&["-C", &world.bare("api"), "tag", &format!("v1.{nth}"), "main"]);
        if nth != 7 {
            world.push_image("api", &format!("v1.{nth}")).await;
        }
    }
    world.push_image("api", &commit).await;
    let image = format!("{}/{}/api", proxy.host(), world.namespace);
    let services = json!([world.service("api", &format!("{{tags: 'v.*', image: '{image}'}}"))]);
    let ended = world.poll(&services).await.unwrap();
    assert!(ended.message.starts_with("1 submitted, 20 up to date; submitted api-t"), "{}", ended.message);
    let paths: Vec<_> = proxy.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, [format!("/v2/{}/api/tags/list", world.namespace)]);
}

/// How a registry answers.
#[derive(Clone, Copy)]
struct Habits {
    /// The status of the list of tags, and the `Link` of its pages; `HOST` stands for its own address.
    list: (u16, &'static str),
    /// The status of a `HEAD` of a manifest.
    head: u16,
}

/// A registry with these habits, whose list has `v1.0` to `v1.5` on its second page.
async fn odd_registry(habits: Habits) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let own = host.clone();
    let answer = move |request: axum::extract::Request| {
        let own = own.clone();
        async move {
            let (path, query) =
                (request.uri().path().to_owned(), request.uri().query().unwrap_or_default().to_owned());
            let is_list = path.ends_with("/tags/list");
            let status = match (is_list, request.method().as_str()) {
                (true, _) => habits.list.0,
                (false, "HEAD") => habits.head,
                (false, _) => {
                    if path.ends_with("v1.3") {
                        200
                    } else {
                        404
                    }
                }
            };
            if query.contains("hang") {
                std::future::pending::<()>().await;
            }
            let second = query.contains("last=");
            let tags = if second {
                json!((0..6).map(|nth| format!("v1.{nth}")).collect::<Vec<_>>())
            } else {
                json!(null)
            };
            let mut answer = axum::response::Response::builder().status(status);
            if !habits.list.1.is_empty() && (!second || habits.list.1.contains("endless")) {
                answer = answer.header("Link", habits.list.1.replace("HOST", &own));
            }
            answer.body(axum::body::Body::from(json!({"name": "a", "tags": tags}).to_string())).unwrap()
        }
    };
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await });
    host
}

#[tokio::test]
async fn registries_list_tags_in_many_ways() {
    let world = World::new().await;
    world.repo("api");
    for nth in 0..6 {
        world.git(&["-C", &world.bare("api"), "tag", &format!("v1.{nth}"), "main"]);
    }
    for (nth, (list, head, message)) in [
        ((200, "</v2/a/tags/list?n=1000&last=a>; rel=\"next\""), 500, "6 up to date"),
        ((200, "<http://HOST/v2/a/tags/list?last=a>; rel=next"), 500, "6 up to date"),
        ((200, "<http://127.0.0.9:1/v2/a/tags/list?last=a>; rel=next"), 500, "goes on at another server"),
        ((200, "</v2/a/tags/list?last=endless>; rel=next"), 500, "6 up to date"),
        ((200, ""), 500, "6 submitted"),
        ((404, ""), 500, "6 submitted"),
        // Without a list, each tag is asked for.
        ((405, ""), 404, "6 submitted"),
        ((401, ""), 200, "6 up to date"),
        // Without HEAD, with GET.
        ((403, ""), 405, "5 submitted, 1 up to date"),
        ((500, ""), 200, "answered 500"),
        ((405, ""), 403, "refused the login"),
    ]
    .into_iter()
    .enumerate()
    {
        let host = odd_registry(Habits { list, head }).await;
        let service = world.service(
            &format!("s{nth}"),
            &format!("{{repo: api, branches: null, tags: 'v1.*', image: {host}/a}}"),
        );
        let told = match world.poll(&json!([service])).await {
            Ok(ended) => ended.message,
            Err(error) => error.message,
        };
        assert!(told.contains(message), "{nth}: {told}");
    }
}

#[tokio::test]
async fn a_list_without_end_is_not_read_for_ever() {
    let world = World::new().await;
    let commit = world.repo("api");
    for nth in 0..6 {
        world.git(&["-C", &world.bare("api"), "tag", &format!("v2.{nth}"), &commit]);
    }
    let habits = Habits { list: (200, "</v2/a/tags/list?last=endless>; rel=next"), head: 500 };
    let host = odd_registry(habits).await;
    let service = world.service("api", &format!("{{branches: null, tags: 'v2.*', image: {host}/a}}"));
    let error = world.poll(&json!([service])).await.unwrap_err();
    assert!(error.message.contains("goes on at a page that was read before"), "{}", error.message);
}

/// A quiet service, whose newest commit with an image is hundreds of commits ago.
#[tokio::test]
async fn without_a_list_the_newest_hundred_commits_are_asked_for() {
    let world = World::new().await;
    let mut tip = world.repo("shop");
    let bare = world.bare("shop");
    for _ in 0..120 {
        let tree = format!("{tip}^{{tree}}");
        tip = world.git(&["-C", &bare, "commit-tree", "-p", &tip, "-m", "Change", &tree]);
    }
    world.git(&["-C", &bare, "update-ref", "refs/heads/main", &tip]);
    let host = odd_registry(Habits { list: (401, ""), head: 404 }).await;
    let fields = format!("{{repo: shop, paths: services/api, image: {host}/a}}");
    let ended = world.poll(&json!([world.service("api", &fields)])).await.unwrap();
    assert_eq!(ended.submitted, [format!("api-{}", &tip[..12])], "{ended:?}");
}

#[tokio::test]
async fn a_registry_whose_lists_are_long_is_not_given_up() {
    let world = World::new().await;
    let commit = world.repo("api");
    for nth in 0..6 {
        world.git(&["-C", &world.bare("api"), "tag", &format!("v2.{nth}"), &commit]);
    }
    let habits = Habits { list: (200, "</v2/a/tags/list?last=hang>; rel=next"), head: 404 };
    let host = odd_registry(habits).await;
    // More than are asked at a time.
    let services: Vec<_> = (0..9)
        .map(|nth| {
            let fields = format!("{{repo: api, branches: null, tags: 'v2.*', image: {host}/a{nth}}}");
            world.service(&format!("s{nth}"), &fields)
        })
        .collect();
    let error = world.poll(&json!(services)).await.unwrap_err();
    let failed: Vec<serde_json::Value> = serde_json::from_str(&error.outputs["failed"]).unwrap();
    assert_eq!(failed.len(), 9, "{failed:?}");
    for item in failed {
        let reason = item["reason"].as_str().unwrap();
        assert!(reason.contains("did not answer in time") || reason.contains("20 s"), "{reason}");
        assert!(!reason.contains("did not answer other requests of this run"), "{reason}");
    }
}

#[tokio::test]
async fn a_repository_costs_one_request_and_so_does_an_image() {
    let world = World::new().await;
    let relay = RoundTripRelay::start(world.url("").split('/').nth(2).unwrap()).await;
    let registry = RoundTripRelay::start(shared_registry().host()).await;
    let mut services = Vec::new();
    for name in ["one", "two", "three"] {
        let commit = world.repo(name);
        let image = format!("{}/{}/{name}", registry.host(), world.namespace);
        world.push_image(name, &commit).await;
        for more in ["a", "b"] {
            let fields = format!("{{repo: '{}', image: {image}}}", relay.through(&world.url(name)));
            services.push(world.service(&format!("{name}-{more}"), &fields));
        }
    }
    assert_eq!(world.poll(&json!(services)).await.unwrap().message, "6 up to date");
    let mut asked = relay.take();
    asked.sort();
    assert_eq!(
        asked,
        ["POST /one.git/git-upload-pack", "POST /three.git/git-upload-pack", "POST /two.git/git-upload-pack"]
    );
    let heads = registry.take();
    assert!(heads.len() == 6 && heads.iter().all(|head| head.starts_with("HEAD /v2/")), "{heads:?}");
}

#[tokio::test]
async fn gitea_is_git_server_and_registry() {
    let (world, gitea) = (World::new().await, spawn_blocking(shared_gitea).await.unwrap());
    let owner = gitea.user("sweep").await;
    let repo = gitea.repo(&owner, "api").await;
    let commit = repo.commit_file("main", "Dockerfile", "FROM scratch\n", "one").await;
    let token = gitea.token(&owner, &["read:repository", "write:package"]).await;
    let kube = world.kube();
    let (kind, config) = ("kubernetes.io/dockerconfigjson", gitea.docker_config_json(&owner, &token));
    kube.secret_in(&world.namespace, "git", "Opaque", &[("username", &owner), ("token", &token)]).await;
    kube.secret_in(&world.namespace, "registry", kind, &[(".dockerconfigjson", &config)]).await;
    for nth in 0..6 {
        repo.tag(&format!("v1.{nth}"), &commit).await;
    }
    let fields = format!(
        "{{repo: '{}', secret: git, tags: 'v.*', image: {}, registry-secret: registry}}",
        repo.url(),
        repo.image()
    );
    let services = json!([world.service("api", &fields)]);
    // Nothing was ever pushed: Gitea has no such package.
    let ended = world.poll(&services).await.unwrap();
    assert_eq!(ended.submitted.len(), 7, "{ended:?}");
    for tag in [&commit, "v1.0", "v1.5"] {
        push_empty(&repo.image(), tag, (&owner, &token)).await;
    }
    let ended = world.poll(&services).await.unwrap();
    assert_eq!(ended.message, "3 up to date, 4 skipped", "{ended:?}");
    let mut body = json!({"services": services});
    body["services"][0]["tags"] = "v1.0".into();
    assert_eq!(world.run(&body).await.unwrap().message, "2 up to date");
    let wrong = gitea.docker_config_json(&owner, "no-token-of-hers");
    kube.secret_in(&world.namespace, "wrong", kind, &[(".dockerconfigjson", &wrong)]).await;
    body["services"][0]["registry-secret"] = "wrong".into();
    let refused = world.run(&body).await.unwrap_err();
    assert!(refused.message.contains("refused the login"), "{}", refused.message);
}
