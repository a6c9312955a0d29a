//! Every mistake has its place, its sentence, and what to do.

use serde_json::{Value, json};

use super::{problems, small, whole};

/// What is said of a service with `field`.
fn said(service: &Value) -> Vec<String> {
    problems(&small(service))
        .into_iter()
        .map(|problem| format!("{}; {}", problem.problem, problem.help))
        .collect()
}

#[test]
fn each_field_says_what_is_wrong_with_it() {
    for (service, expected) in [
        (json!({"name": "Api"}), "services[0].name: `Api` is not the name of a service; write at most 36"),
        (json!({"name": "a".repeat(37)}), "is not the name of a service"),
        (
            json!({"name": "api-pr12"}),
            "ends like the name of a Workflow that we make for an event; choose another",
        ),
        (json!({"name": "api-t0a1b2c"}), "ends like the name of a Workflow"),
        (json!({"name": "api-0123456789ab"}), "ends like the name of a Workflow"),
        (json!({"name": "select-api"}), "begins with `select-`"),
        (json!({"repo": "ftp://x/a/b"}), "services[0].repo: repository URL scheme `ftp` is not supported"),
        (json!({"repo": "https://u:p@x/a/b"}), "must not contain a user name or password"),
        (json!({"repo": "https://git.example.com/api.git"}), "names a repository without an owner"),
        (json!({"repo": "https://git.example.com/a b/api.git"}), "control character, a space or a backslash"),
        (json!({"repo": "https://git.example.com/a%22b/api.git"}), "is no name that a forge gives"),
        (json!({"branches": ["release/("]}), "services[0].branches[0]: is no regular expression"),
        (json!({"branches": ["a)|(b"]}), "is no regular expression"),
        (json!({"branches": ["(?i)main"]}), "`(?` is taken in `(?:…)` alone"),
        (json!({"branches": [r"\p{L}+"]}), "`\\p` is not taken"),
        (
            json!({"branches": ["^main|dev$"]}),
            "`^` is not taken, since a pattern always stands for the whole name",
        ),
        (json!({"branches": [""]}), "is empty"),
        (json!({"branches": "main"}), "services[0].branches: expected a list, got the text `main`"),
        (json!({"branches": []}), "no event builds the service"),
        (json!({"paths": ["a/[b"]}), "services[0].paths[0]: `a/[b` is no glob for paths"),
        (json!({"paths": ["/a/**"]}), "without a leading `/`"),
        (json!({"paths": ["!a/**"]}), "services[0].paths: `!a/**` is no glob for paths: it takes away"),
        (json!({"paths-ignore": ["!a/**"]}), "services[0].paths-ignore: `!a/**` is no glob"),
        (json!({"subdir": "../x"}), "services[0].subdir: `../x` is no path"),
        (json!({"image": "registry.example.com/api:1"}), "has a tag or a digest"),
        (json!({"image": "Registry/API"}), "is not an image name"),
        (json!({"platforms": ["amd64"]}), "`amd64` is not a platform; write one such as `linux/amd64`"),
        (
            json!({"build-args": {"A-B": "x"}}),
            "services[0].build-args.A-B: `A-B` is not the name of a build argument",
        ),
        (json!({"build-args": {"A": 1.2}}), "expected a text, got the number 1.2; write it in quotes"),
        (json!({"build-args": {"A": "{{inputs}}"}}), "contains `{{`, which begins an expression of Argo"),
        (
            json!({"build-args": {"A": "$(build.digest)"}}),
            "contains `$(build.digest)`, a reference to an output",
        ),
        (json!({"target": "a b"}), "`a b` is not one word; leave spaces out"),
        (
            json!({"cache": {"registy": "x"}}),
            "services[0].cache.registy: unknown field (did you mean `registry`?)",
        ),
        (json!({"cache": {"registry": "x/y:1/"}}), "is not an image name"),
        (
            json!({"cache": {"when": "branches"}}),
            "services[0].cache.when: `branches` is not known (did you mean `branch`?)",
        ),
        (
            json!({"cache": {"registry": "registry.example.com", "when": "branch"}}),
            "services[0].cache: `to` is `registry.example.com/shop/api`, the repository of one of `tags`",
        ),
        (json!({"parameters": {"cache-when": "branch"}}), "write `when` in the field `cache`"),
        (json!({"git-secret": "a b"}), "is not the name of an object"),
        (json!({"template": "build-psuh"}), "there is no template `build-psuh` (did you mean `build-push`?)"),
        (json!({"template": "update-manifest"}), "there is no template `update-manifest`"),
        (
            json!({"template": "build-push", "targets": [{"file": "a", "helm": {"a": "b"}}]}),
            "services[0].targets: the template `build-push` has no parameter `targets`",
        ),
        (json!({"parameters": {"tiemout": "1m"}}), "has no parameter `tiemout` (did you mean `timeout`?)"),
        (
            json!({"parameters": {"concurrency": "cancel"}}),
            "does not take `cancel` for `concurrency`; write one of `queue`, `supersede`",
        ),
        (
            json!({"parameters": {"revision": "main"}}),
            "`revision` is no further parameter; the event sets it",
        ),
        (json!({"parameters": {"cache-registry": "x"}}), "write `registry` in the field `cache`"),
        (json!({"parameters": {"paths": "x"}}), "write the field `paths`"),
        (json!({"parameters": {"message": "\u{202e}x"}}), "contains the character"),
        (json!({"parameters": {"message": "x".repeat(20_000)}}), "is 20000 bytes long"),
        (json!({"targets": "x"}), "expected a list of targets"),
        (
            json!({"targets": [{"file": "a.yaml", "helm": {"a": "{{x}}"}}]}),
            "services[0].targets[0].helm.a: contains `{{`",
        ),
        (
            json!({"targets": [{"file": "a.yaml", "helm": {"a": "$(build.digset)"}}]}),
            "services[0].targets[0].helm.a: `$(build.digset)`: `build` has no output",
        ),
        (json!({"pull": {"schedule": "61 * * * *"}}), "services[0].pull.schedule: `61` is no minute"),
        (json!({"pull": true, "pull-requests": true}), "a service in pull mode builds no pull requests"),
        (
            json!({"pull-requests": {"template": "nothing"}}),
            "services[0].pull-requests: there is no template `nothing`",
        ),
        (json!({"repo": "git@git.example.com:shop/api.git", "git-secret": ""}), "ssh"),
        (json!({"dockerFile": "x"}), "services[0].dockerFile: unknown field (did you mean `dockerfile`?)"),
        (json!({"image": null}), "services[0].image: expected a text, got nothing (null)"),
    ] {
        let found = said(&service);
        assert!(found.iter().any(|one| one.contains(expected)), "{service}: {found:#?}");
    }
}

#[test]
fn what_two_services_share_is_found_at_the_second() {
    let mut body = small(&json!({}));
    let services = body["services"].as_array_mut().unwrap();
    services.push(services[0].clone());
    services.push(json!({
        "name": "b", "repo": "https://git.example.com/shop/api", "image": "registry.example.com/b",
    }));
    services.push(json!({
        "name": "c", "repo": "https://git.example.com/shop/api.git", "image": "registry.example.com/c", "git-secret": "other",
    }));
    services.push(json!({
        "name": "d", "repo": "https://other.example.com/Shop/API", "image": "registry.example.com/d",
    }));
    let found: Vec<_> = problems(&body).into_iter().map(|one| (one.pointer, one.problem)).collect();
    let expected = [
        ("/services/1/name", "another service has the name `api` too"),
        ("/services/1/image", "the service `api` has the image `registry.example.com/shop/api` too"),
        ("/services/2/repo", "the service `api` writes the same repository as"),
        ("/services/3/git-secret", "the service `api` has another Secret for the same repository"),
        ("/services/4/repo", "has the same owner and name on another server"),
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for ((pointer, problem), (place, part)) in found.iter().zip(expected) {
        assert!(pointer == place && problem.contains(part), "{pointer}: {problem}");
    }
}

#[test]
fn all_mistakes_are_found_at_once() {
    let mut body = small(&whole());
    body["namespace"] = json!("Builds");
    body["hook"] = json!({"sorce": "gitea", "bots": ["@bot"]});
    body["services"][0]["branches"] = json!(["("]);
    body["services"][0]["image"] = json!("a:1");
    body["services"].as_array_mut().unwrap().push(json!({"name": "x"}));
    let found: Vec<_> = problems(&body).into_iter().map(|one| one.pointer).collect();
    let expected = [
        "/namespace",
        "/hook/sorce",
        "/hook/bots/0",
        "/services/0/branches/0",
        "/services/0/image",
        "/services/1",
        "/services/1",
        "/hook",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_mistake_in_the_defaults_is_told_once() {
    let mut body = small(&json!({}));
    body["defaults"] = json!({"template": "nothing", "parameters": {"tiemout": "1m"}});
    let mut other = body["services"][0].clone();
    (other["name"], other["image"]) = (json!("b"), json!("registry.example.com/b"));
    body["services"].as_array_mut().unwrap().push(other);
    let found: Vec<_> = problems(&body).into_iter().map(|one| one.pointer).collect();
    assert_eq!(found, ["/defaults/template"]);
    body["defaults"]["template"] = json!("build-push");
    let found: Vec<_> = problems(&body).into_iter().map(|one| one.pointer).collect();
    assert_eq!(found, ["/defaults/parameters/tiemout"], "no service takes it");
}

#[test]
fn the_whole_file_must_be_a_catalogue() {
    for (body, expected) in [
        (json!(null), "expected a map, got nothing"),
        (json!([]), "expected a map, got a list"),
        (json!({}), "`namespace` is missing"),
        (
            json!({"hook": {"bots": []}}),
            "hook: `secret` is missing, and without it anybody can announce a push",
        ),
        (
            json!({"hook": {"event-source": "gitea", "port": 1}}),
            "hook.port: the EventSource `gitea` has its own",
        ),
        (json!({"namespace": "builds", "servces": []}), "servces: unknown field (did you mean `services`?)"),
        (json!({"namespace": "builds", "services": []}), "services: is empty"),
        (json!({"namespace": "builds", "services": [7]}), "services[0]: expected a map, got the number 7"),
        (
            json!({"namespace": "builds", "services": [{"name": "a", "repo": "https://x/a/b", "image": "r.io/a"}]}),
            "`hook` is missing, and the service `a` waits",
        ),
    ] {
        let found: Vec<_> = problems(&body).into_iter().map(|one| one.problem).collect();
        assert!(found.iter().any(|one| one.contains(expected)), "{body}: {found:#?}");
    }
}
