//! What a catalogue says.

use serde_json::json;

use super::{bodies, catalogue, small, whole};
use crate::catalogue::{HookSource, KnownTemplates, parse};

#[test]
fn every_good_catalogue_is_read() {
    for body in bodies() {
        catalogue(&body);
    }
}

#[test]
fn the_fields_of_a_service_become_parameters_of_its_template() {
    let service = catalogue(&small(&whole())).services.remove(0);
    let set: Vec<_> =
        service.build.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let expected = [
        ("build-args", r#"{"A":"1","B":""}"#),
        ("cache-insecure", "false"),
        ("cache-name", "api"),
        ("cache-registry", "cache.example.com:5000/cache"),
        ("cache-when", "branch"),
        ("dockerfile", "build/Dockerfile"),
        ("git-secret", "git"),
        ("gitops-branch", "main"),
        ("gitops-repo", "https://git.example.com/ops/gitops.git"),
        ("gitops-secret", "git"),
        ("image", "registry.example.com/shop/api"),
        ("insecure", "true"),
        ("message", "Deploy $(build.digest)"),
        ("platforms", "linux/amd64,linux/arm64"),
        ("registry-secret", "registry"),
        ("subdir", "services/api"),
        ("target", "runtime"),
        ("targets", r#"[{"file":"values.yaml","helm":{"image.digest":"$(build.digest)"}}]"#),
        ("timeout", "10m"),
    ];
    assert_eq!(set, expected);
    let pull_request = service.pull_request.unwrap();
    assert_eq!(pull_request.template, "build-push");
    let deploys = |name: &&str| name.starts_with("gitops") || ["targets", "message"].contains(name);
    assert!(!pull_request.parameters.keys().any(|name| deploys(&name.as_str())), "{pull_request:?}");
}

#[test]
fn a_pull_request_exports_no_cache_and_reads_that_of_the_default_branch() {
    for (when, export) in [("changed", Some("false")), ("always", Some("false")), ("branch", None)] {
        let service = small(&json!({"pull-requests": true, "cache": {"when": when}}));
        let service = catalogue(&service).services.remove(0);
        assert!(!service.build.parameters.contains_key("cache-export"), "{when}");
        let pull_request = service.pull_request.unwrap().parameters;
        assert_eq!(pull_request.get("cache-export").map(String::as_str), export, "{when}");
        assert_eq!(pull_request["cache-when"], when);
    }
}

#[test]
fn a_service_takes_the_defaults_that_its_template_knows() {
    let mut body = small(&json!({"template": "build-push", "build-args": {"A": "own"}}));
    body["defaults"] = json!({
        "build-args": {"A": "default", "B": "default"},
        "gitops": {"secret": "git"},
        "branches": ["trunk"],
    });
    let mut other = body["services"][0].clone();
    (other["name"], other["image"]) = (json!("web"), json!("registry.example.com/shop/web"));
    (other["template"], other["branches"]) = (json!("ci-cd-buildkit-deploy"), json!(["main"]));
    body["services"].as_array_mut().unwrap().push(other);
    let services = catalogue(&body).services;
    assert_eq!(services[0].build.parameters["build-args"], r#"{"A":"own","B":"default"}"#);
    assert!(!services[0].build.parameters.contains_key("gitops-secret"));
    assert_eq!(services[1].build.parameters["gitops-secret"], "git");
    let branches = services.map_branches();
    assert_eq!(branches, [vec!["trunk"], vec!["main"]]);
}

trait Branches {
    fn map_branches(&self) -> Vec<Vec<&str>>;
}

impl Branches for Vec<crate::catalogue::Service> {
    fn map_branches(&self) -> Vec<Vec<&str>> {
        self.iter().map(|service| service.branches.iter().map(|one| one.as_str()).collect()).collect()
    }
}

#[test]
fn a_directory_watches_itself_where_others_share_its_repository() {
    let mut body = small(&json!({"subdir": "services/a[b]"}));
    assert_eq!(catalogue(&body).services[0].paths, Vec::<String>::new(), "the repository is its own");
    let mut other = body["services"][0].clone();
    (other["name"], other["image"]) = (json!("web"), json!("registry.example.com/shop/web"));
    other["paths"] = json!(["web/**"]);
    body["services"].as_array_mut().unwrap().push(other);
    let services = catalogue(&body).services;
    assert_eq!(
        (&services[0].paths[..], &services[1].paths[..]),
        (&["services/a[[]b[]]/**".to_owned()][..], &["web/**".to_owned()][..])
    );
}

#[test]
fn repositories_have_slugs_of_their_own() {
    let mut body = small(&json!({}));
    let urls = [
        "https://git.example.com/shop/api-x.git",
        "https://git.example.com/shop-api/x.git",
        "git@git.example.com:team/sub/an-owner-with-a-long-name/a-repository.git",
    ];
    for (n, url) in urls.iter().enumerate() {
        let image = format!("registry.example.com/{n}");
        body["services"]
            .as_array_mut()
            .unwrap()
            .push(json!({"name": format!("s{n}"), "repo": url, "image": image}));
    }
    let catalogue = catalogue(&body);
    let slugs: Vec<_> = catalogue.repositories().into_iter().map(|one| (one.slug, one.full_name)).collect();
    let names: Vec<_> = slugs.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(names, ["an-owner-with-a-long-name/a-repository", "shop/api", "shop-api/x", "shop/api-x"]);
    // printf %s "services git.example.com/shop/api" | sha1sum
    assert_eq!(slugs[1].0, "shop-api-6f8933");
    assert!(slugs.iter().all(|(slug, _)| slug.len() <= 32 && !slug.ends_with('-')), "{slugs:?}");
    let unique: std::collections::BTreeSet<_> = slugs.iter().map(|(slug, _)| slug).collect();
    assert_eq!(unique.len(), slugs.len(), "{slugs:?}");
}

#[test]
fn the_hook_has_defaults() {
    let hook = catalogue(&small(&json!({}))).hook.unwrap();
    assert_eq!(
        (hook.source, hook.endpoint.as_str(), hook.port),
        (HookSource::Gitea, "/gitea/gitea-push", 12000)
    );
    assert_eq!(hook.secret, ("hook".to_owned(), "secret".to_owned()));
}

#[test]
fn templates_of_ones_own_are_known_with_their_parameters() {
    let mut templates = KnownTemplates::bundled();
    let own = "kind: WorkflowTemplate\nmetadata: {name: mine}\nspec:\n  arguments:\n    parameters: [{name: repo}, {name: image}, {name: revision}, {name: git-ref}, {name: level}]\n";
    assert_eq!(templates.add("mine.yaml", own.as_bytes()), Ok(1));
    assert!(templates.add("mine.yaml", b"a: [").unwrap_err().to_string().starts_with("mine.yaml is no YAML"));
    let read = |service| parse(small(&service).to_string().as_bytes(), &templates);
    let found = read(json!({"template": "mine", "parameters": {"level": "3"}})).unwrap();
    assert_eq!(found.services[0].build.parameters["level"], "3");
    let problems = read(json!({"template": "mine"})).unwrap_err();
    assert_eq!(problems[0].problem, "services[0].template: the template `mine` needs a value for `level`");
}
