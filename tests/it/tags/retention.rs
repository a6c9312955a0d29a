//! `tags` with `delete`, against Docker's registry of both versions, and Gitea.

use argo_buildkit::outcome::Success;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use reqwest::Method;
use serde_json::{Value, json};

use super::{tags, tags_with};
use crate::support::git::GitServer;
use crate::support::images::{INDEX, Repository};
use crate::support::net::unique;
use crate::support::registry::{Registry, free_port};
use crate::support::registry_front::{RegistryFront, Seen};
use crate::support::shared::{World, shared_gitea, shared_registry};

pub(super) fn days_ago(days: i64) -> String {
    let then = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24 * days);
    let (whole, _) =
        then.to_string().split_once('.').map(|(whole, rest)| (whole.to_owned(), rest.to_owned())).unwrap();
    format!("{whole}.5Z")
}

pub(super) fn list(output: &str) -> Vec<String> {
    serde_json::from_str(output).unwrap()
}

/// The images of three versions, the oldest with a signature under cosign's tag and one in a list of referrers. Returns the
/// digests of everything that belongs to the oldest.
async fn shop(repository: &Repository) -> Vec<String> {
    let mut oldest = repository.dated_index("1.0.0", &days_ago(60)).await;
    repository.dated_index("1.1.0", &days_ago(40)).await;
    repository.dated_index("1.2.0", &days_ago(1)).await;
    let subject = json!({"mediaType": INDEX, "digest": oldest[0], "size": repository.read("1.0.0").await.unwrap().len()});
    let sbom = repository.about("", &subject).await;
    oldest.push(sbom["digest"].as_str().unwrap().to_owned());
    let tag = oldest[0].replacen(':', "-", 1);
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [sbom]});
    repository.manifest(&tag, INDEX, &index).await;
    repository.image(&format!("{tag}.sig"), b"signature".to_vec()).await;
    oldest.extend([tag.clone(), format!("{tag}.sig")]);
    oldest
}

fn rules(repository: &Repository, delete: Value) -> Value {
    json!({"image": repository.name, "filter": {"semver": "*"}, "delete": delete})
}

async fn old_images_go_with_all_that_is_about_them(repository: &Repository) {
    let oldest = shop(repository).await;
    let dry = tags(rules(repository, json!({"keep": 2, "older-than": "30d"}))).await.unwrap();
    assert_eq!(
        (dry.outputs["planned"].as_str(), dry.outputs["deleted"].as_str()),
        (&*json!(list(&dry.outputs["planned"])).to_string(), "[]")
    );
    assert_eq!(list(&dry.outputs["planned"]).len(), 3, "{}", dry.outputs["plan"]);
    assert!(dry.summary.starts_with("dry run: would delete 3 tags of "), "{}", dry.summary);
    assert!(
        dry.outputs["plan"].contains("keep 1.1.0: it is one of the 2 newest images"),
        "{}",
        dry.outputs["plan"]
    );
    repository.checked("1.0.0").await;

    let done =
        tags(rules(repository, json!({"keep": 2, "older-than": "30d", "dry-run": "false"}))).await.unwrap();
    assert_eq!(list(&done.outputs["deleted"]).len(), 3, "{}", done.summary);
    for gone in oldest {
        assert_eq!(repository.read(&gone).await, None, "{gone}");
    }
    assert_eq!(repository.read("1.0.0").await, None);
    for tag in ["1.1.0", "1.2.0"] {
        assert_eq!(repository.checked(tag).await, (3, 4));
    }
    let again = tags(rules(repository, json!({"keep": 2, "dry-run": false}))).await.unwrap();
    assert!(again.summary.starts_with("nothing to delete: all 2 tags of "), "{}", again.summary);
}

#[tokio::test]
async fn docker_registry_deletes_old_images_with_all_that_is_about_them() {
    let name = format!("tags/{}", unique("shop"));
    old_images_go_with_all_that_is_about_them(&Repository::new(shared_registry().host(), &name)).await;
}

#[tokio::test]
#[ignore = "distribution v3 takes a minute to build: `make test-registries`"]
async fn distribution_3_deletes_old_images_with_all_that_is_about_them() {
    let registry = Registry::start_v3();
    old_images_go_with_all_that_is_about_them(&Repository::new(registry.host(), "tags/shop")).await;
}

/// Deletes one of two tags of an image, where the registry can do that. Returns the outputs.
async fn one_of_two_tags(repository: &Repository) -> Success {
    let created = days_ago(50);
    for tag in ["1.0.0", "stable"] {
        repository.dated(tag, &created, json!({})).await;
    }
    let done = tags(rules(repository, json!({"older-than": "30d", "dry-run": false}))).await.unwrap();
    assert!(repository.read("stable").await.is_some());
    done
}

#[tokio::test]
async fn one_of_two_tags_stays_where_the_registry_deletes_no_single_tags() {
    let repository = Repository::new(shared_registry().host(), &format!("tags/{}", unique("shop")));
    let done = one_of_two_tags(&repository).await;
    assert!(repository.read("1.0.0").await.is_some());
    let warnings = &done.outputs["warnings"];
    assert!(warnings.contains("this registry deletes no single tags"), "{warnings}");
    assert_eq!(done.outputs["deleted"], "[]");
}

#[tokio::test]
#[ignore = "distribution v3 takes a minute to build: `make test-registries`"]
async fn distribution_3_deletes_one_of_two_tags() {
    let registry = Registry::start_v3();
    let repository = Repository::new(registry.host(), "tags/shop");
    let done = one_of_two_tags(&repository).await;
    assert_eq!(repository.read("1.0.0").await, None);
    assert_eq!((done.outputs["deleted"].as_str(), done.outputs["warnings"].as_str()), (r#"["1.0.0"]"#, "[]"));
}

/// A registry that deletes the image of a tag does so once.
#[tokio::test]
async fn a_registry_that_deletes_an_image_with_one_of_its_tags_is_named() {
    let repository = Repository::new(shared_registry().host(), &format!("tags/{}", unique("shop")));
    let created = days_ago(50);
    for tag in ["1.0.0", "1.1.0", "stable"] {
        repository.dated(tag, &created, json!({})).await;
    }
    let digest = crate::support::images::digest(&repository.read("stable").await.unwrap());
    let fault = move |seen: &Seen| match seen.method.as_str() {
        "DELETE" => Some(StatusCode::ACCEPTED.into_response()),
        "HEAD" if seen.path.ends_with(&digest) => Some(StatusCode::NOT_FOUND.into_response()),
        _ => None,
    };
    let front = RegistryFront::start(shared_registry().host(), fault).await;
    let behind = format!("{}/{}", front.host(), repository.name.split_once('/').unwrap().1);
    let delete = json!({"older-than": "30d", "dry-run": false});
    let error =
        tags(json!({"image": behind, "filter": {"semver": "*"}, "delete": delete})).await.unwrap_err();
    assert!(error.message.contains("with its tag 1.0.0, although other tags name it"), "{}", error.message);
    assert_eq!(front.seen().iter().filter(|seen| seen.method == "DELETE").count(), 1);
}

#[tokio::test]
async fn a_registry_that_does_not_delete_is_named_with_the_mend() {
    let host = format!("127.0.0.1:{}", free_port());
    let registry = Registry::start_at(&host, &[("REGISTRY_STORAGE_DELETE_ENABLED", "false")]);
    let repository = Repository::new(registry.host(), "tags/shop");
    shop(&repository).await;
    let error = tags(rules(&repository, json!({"keep": 1, "dry-run": false}))).await.unwrap_err();
    assert!(
        error.message.contains("does not delete: it is read-only, or deletes are switched off"),
        "{}",
        error.message
    );
    assert!(error.message.contains("REGISTRY_STORAGE_DELETE_ENABLED=true"), "{}", error.message);
    assert_eq!(list(&error.outputs["planned"]).len(), 4);
    repository.checked("1.0.0").await;
}

#[tokio::test]
async fn a_rule_that_would_delete_every_tag_is_refused() {
    let repository = Repository::new(shared_registry().host(), &format!("tags/{}", unique("shop")));
    shop(&repository).await;
    let delete = |allow: bool| json!({"older-than": "1h", "dry-run": false, "allow-empty": allow});
    let error = tags(rules(&repository, delete(false))).await.unwrap_err();
    assert!(error.message.contains("the rules would delete every tag of"), "{}", error.message);
    repository.checked("1.0.0").await;
    tags(rules(&repository, delete(true))).await.unwrap();
    let left = tags(json!({"image": repository.name, "filter": {"hidden": true}})).await.unwrap();
    assert_eq!(left.outputs["count"], "0");
}

/// A plan without dates costs a request for each tag, and the list.
#[tokio::test]
async fn a_plan_by_version_reads_each_manifest_once() {
    let repository = Repository::new(shared_registry().host(), &format!("tags/{}", unique("shop")));
    for n in 0..30 {
        repository.dated(&format!("1.{n}.0"), &days_ago(n), json!({})).await;
    }
    let front = RegistryFront::start(shared_registry().host(), |_| None).await;
    let behind = format!("{}/{}", front.host(), repository.name.split_once('/').unwrap().1);
    let fields = json!({"image": behind, "filter": {"semver": "*"}, "delete": {"keep": 5}});
    let planned = tags(fields).await.unwrap();
    assert_eq!((list(&planned.outputs["planned"]).len(), front.seen().len()), (25, 31));
    assert!(!front.is_written());
}

#[tokio::test]
async fn an_image_with_a_given_time_is_not_aged_by_it() {
    let repository = Repository::new(shared_registry().host(), &format!("tags/{}", unique("shop")));
    repository.dated("1.0.0", "1970-01-01T00:00:00Z", json!({})).await;
    repository.dated("1.1.0", "2020-02-02T02:02:02Z", json!({})).await;
    repository.dated("1.2.0", "2020-02-02T02:02:02.5Z", json!({})).await;
    repository.image("1.3.0", b"no time".to_vec()).await;
    let planned = tags(rules(&repository, json!({"older-than": "30d"}))).await.unwrap();
    assert_eq!(planned.outputs["planned"], r#"["1.2.0"]"#);
    for reason in ["keep 1.0.0: it has a time in whole seconds", "keep 1.3.0: it does not tell its age"] {
        assert!(planned.outputs["plan"].contains(reason), "{}", planned.outputs["plan"]);
    }
    let pushed = json!({"older-than": "30d", "clock": "pushed"});
    let error = tags(rules(&repository, pushed)).await.unwrap_err();
    assert!(
        error.message.contains("does not tell when a tag was pushed; only Gitea does"),
        "{}",
        error.message
    );
}

#[tokio::test]
async fn what_a_gitops_branch_names_stays_and_an_unreadable_one_stops_everything() {
    let git = GitServer::start("ci", "pw");
    let repository = Repository::new(shared_registry().host(), &format!("tags/{}", unique("shop")));
    let oldest = shop(&repository).await;
    let application =
        format!("kind: Application\nspec:\n  values: |\n    image: {}@{}\n", repository.name, oldest[0]);
    git.create(
        "gitops",
        &[
            ("charts/api/values.yaml", "image:\n  tag: 1.1.0   # not 1.2.0\n"),
            ("argocd/api.yaml", &application),
            ("templates/api.yaml", "image: {{ .Values.image }}\n"),
        ],
    );
    let secrets = tempfile::tempdir().unwrap();
    std::fs::create_dir(secrets.path().join("git")).unwrap();
    std::fs::write(secrets.path().join("git/password"), "pw").unwrap();
    std::fs::write(secrets.path().join("git/username"), "ci").unwrap();
    let clean = async |files: &str, branch: &str| {
        let used = json!([{"repo": git.url("gitops"), "branch": branch, "files": files, "secret": "git"}]);
        let delete = json!({"keep": 0, "in-use": used, "allow-empty": true, "dry-run": false});
        tags_with(secrets.path(), rules(&repository, delete)).await
    };
    for (files, branch, why) in [
        ("templates/*.yaml", "main", "templates/api.yaml"),
        ("charts/*/values.yml", "main", "charts/*/values.yml"),
        ("argocd/api.yaml", "prod", "prod"),
    ] {
        let error = clean(files, branch).await.unwrap_err();
        assert!(
            error.message.starts_with("nothing is deleted, because `in-use` cannot be read: "),
            "{}",
            error.message
        );
        assert!(error.message.contains(why), "{}", error.message);
    }
    let done = clean("charts/*/values.yaml, argocd/*.yaml", "main").await.unwrap();
    assert_eq!(done.outputs["deleted"], r#"["1.2.0"]"#, "{}", done.outputs["plan"]);
    assert!(
        done.outputs["plan"].contains("keep 1.1.0: it is in use: charts/api/values.yaml on branch main of ")
    );
    for tag in ["1.0.0", "1.1.0"] {
        repository.checked(tag).await;
    }
}

#[tokio::test]
async fn gitea_is_left_without_untagged_versions_and_tells_when_a_tag_was_pushed() {
    let gitea = World::shared().await.gitea;
    let owner = gitea.user("tags").await;
    let token = gitea.token(&owner, &["write:package"]).await;
    let secrets = tempfile::tempdir().unwrap();
    std::fs::create_dir(secrets.path().join("registry")).unwrap();
    let config = gitea.docker_config_json(&owner, &token);
    std::fs::write(secrets.path().join("registry/.dockerconfigjson"), config).unwrap();
    let repository = Repository::new(gitea.host(), &format!("{owner}/shop")).with_user(&owner, &token);
    let oldest = shop(&repository).await;
    repository.dated("edge", &days_ago(90), json!({})).await;
    repository.dated("1.0.1", &days_ago(90), json!({})).await;
    let shared = days_ago(80);
    for tag in ["1.0.2", "stable"] {
        repository.dated(tag, &shared, json!({})).await;
    }
    let clean = async |delete: Value| {
        let mut fields = rules(&repository, delete);
        fields["registry-secret"] = json!("registry");
        tags_with(secrets.path(), fields).await.unwrap()
    };
    // Everything was pushed just now.
    let young = clean(json!({"older-than": "1h", "clock": "pushed", "dry-run": false})).await;
    assert!(young.summary.starts_with("nothing to delete"), "{}", young.summary);
    assert!(young.outputs["plan"].contains("keep 1.0.0: it is 0 m old"), "{}", young.outputs["plan"]);
    let done = clean(json!({"keep": 2, "dry-run": false})).await;
    assert_eq!(done.outputs["warnings"], "[]");
    assert_eq!(list(&done.outputs["deleted"]).len(), 5, "{}", done.outputs["plan"]);
    for gone in oldest.iter().map(String::as_str).chain(["1.0.1", "1.0.2"]) {
        assert_eq!(repository.read(gone).await, None, "{gone}");
    }
    assert!(repository.read("edge").await.is_some() && repository.read("stable").await.is_some());
    // Two indexes with two platforms each, `edge` and `stable`. Gitea lists what has no tag by its digest.
    let path = format!("/packages/{owner}?type=container&q=shop&limit=50");
    let versions = shared_gitea().call(Method::GET, &path, None).await;
    let names: Vec<_> =
        versions.as_array().unwrap().iter().map(|version| version["version"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 8, "{names:?}");
}
