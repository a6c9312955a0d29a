//! Signatures, attestations and SBOMs, which are copied before the tag moves.

use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use serde_json::{Value, json};

use super::breaks::behind;
use super::{push, repository};
use crate::support::images::{INDEX, MANIFEST, Repository, digest};
use crate::support::registry_front::{RegistryFront, cut};
use crate::support::scripted::ok;
use crate::support::shared::{World, shared_registry};

const SBOM: &str = "application/spdx+json";

/// Writes an artifact of one blob about `subject`. Returns its descriptor.
async fn artifact(of: &Repository, subject: &Value, content: &str) -> Value {
    let config = of.blob(b"{}".to_vec(), "application/vnd.oci.empty.v1+json").await;
    let blob = of.blob(content.into(), SBOM).await;
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": SBOM, "config": config, "layers": [blob],
        "subject": subject, "annotations": {"of": content}});
    of.manifest("", MANIFEST, &manifest).await
}

/// The tag of the list of referrers of `subject`, with `end`.
fn tag(subject: &Value, end: &str) -> String {
    format!("{}{end}", subject["digest"].as_str().unwrap().replace(':', "-"))
}

/// Writes the list of referrers of `subject`.
async fn list(of: &Repository, subject: &Value, entries: &[&Value]) {
    of.manifest(
        &tag(subject, ""),
        INDEX,
        &json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}),
    )
    .await;
}

/// An image with an SBOM, a signature of the SBOM, an SBOM of a platform, and a tag of cosign. Returns the index, the
/// SBOM and the platform.
async fn signed(of: &Repository) -> (Value, Value, Value) {
    let index = of.platforms("1").await;
    let bytes = of.read("1").await.unwrap();
    let platform = serde_json::from_slice::<Value>(&bytes).unwrap()["manifests"][0].clone();
    let sbom = artifact(of, &index, "sbom").await;
    let signature = artifact(of, &sbom, "signature of the sbom").await;
    let of_platform = artifact(of, &platform, "sbom of a platform").await;
    // A list may name what refers to something else.
    list(of, &index, &[&sbom, &of_platform]).await;
    list(of, &sbom, &[&signature]).await;
    list(of, &platform, &[&of_platform]).await;
    of.image(&tag(&index, ".sig"), b"signature".to_vec()).await;
    (index, sbom, platform)
}

async fn check(to: &Repository, index: &Value, sbom: &Value, platform: &Value) {
    for (subject, content) in
        [(index, "sbom"), (sbom, "signature of the sbom"), (platform, "sbom of a platform")]
    {
        let listed: Value = serde_json::from_slice(&to.read(&tag(subject, "")).await.unwrap()).unwrap();
        let entries = listed["manifests"].as_array().unwrap();
        assert_eq!(entries.len(), 1, "{listed}");
        assert_eq!(
            (entries[0]["artifactType"].as_str(), &entries[0]["annotations"]["of"]),
            (Some(SBOM), &json!(content))
        );
        assert_eq!(to.checked(entries[0]["digest"].as_str().unwrap()).await, (1, 2));
    }
    assert_eq!(to.checked(&tag(index, ".sig")).await, (1, 2));
}

#[tokio::test]
async fn what_refers_to_an_image_and_its_platforms_comes_with_it() {
    let (source, target) = (repository("api"), repository("prod"));
    let (index, sbom, platform) = signed(&source).await;
    let fields = json!({"source": format!("{}:1", source.name), "targets": format!("{}:1", target.name), "referrers": true});
    let done = push(fields.clone()).await.unwrap();
    assert_eq!(done.outputs["referrers"], "4");
    assert_eq!(target.checked("1").await, (5, 8));
    check(&target, &index, &sbom, &platform).await;
    assert_eq!(push(fields).await.unwrap().outputs["changed"], "false");
}

#[tokio::test]
async fn gitea_keeps_no_list_so_it_gets_the_index_under_the_tag() {
    let gitea = World::shared().await.gitea;
    let owner = gitea.user("signed").await;
    let token = gitea.token(&owner, &["write:package"]).await;
    let source = repository("api");
    let (index, sbom, platform) = signed(&source).await;
    let target = Repository::new(gitea.host(), &format!("{owner}/api")).with_user(&owner, &token);
    let secrets = tempfile::tempdir().unwrap();
    std::fs::create_dir(secrets.path().join("gitea")).unwrap();
    let config = gitea.docker_config_json(&owner, &token);
    std::fs::write(secrets.path().join("gitea/.dockerconfigjson"), config).unwrap();
    let fields = json!({"source": format!("{}:1", source.name), "targets": format!("{}:1", target.name), "referrers": true,
        "registry-secret": "gitea"});
    super::push_with(secrets.path(), fields).await.unwrap();
    check(&target, &index, &sbom, &platform).await;
}

/// A registry with the referrers API that lists `entries` as what refers to `subject`, one on each page. The first answer breaks off.
async fn listing(subject: &Value, entries: Vec<Value>) -> RegistryFront {
    let subject = subject["digest"].as_str().unwrap().to_owned();
    let index =
        |entries: &[Value]| json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).to_string();
    RegistryFront::start(shared_registry().host(), move |seen| {
        let (_, of) = seen.path.split_once("/referrers/")?;
        if seen.before == 0 {
            return Some(cut(index(&entries).as_bytes(), 9));
        }
        let (of, page) = of.split_once("?page=").unwrap_or((of, "0"));
        let page: usize = page.parse().unwrap();
        let listed = if of == subject { entries.get(page..=page).unwrap_or_default() } else { &[] };
        let mut answer = ok(INDEX, index(listed));
        if of == subject && page + 1 < entries.len() {
            let next = format!("</v2{}/referrers/{of}?page={}>; rel=\"next\"", name_in(&seen.path), page + 1);
            answer.headers_mut().insert("link", next.parse().unwrap());
        }
        Some(answer)
    })
    .await
}

/// `/NAME` in `/v2/NAME/referrers/…`.
fn name_in(path: &str) -> &str {
    path.trim_start_matches("/v2").split("/referrers/").next().unwrap()
}

/// A registry with the referrers API: its own list is read to its end, and it is trusted to list what is written.
#[tokio::test]
async fn a_registry_that_keeps_the_list_itself_is_asked_and_gets_no_index() {
    let (source, target) = (repository("api"), repository("prod"));
    let index = source.platforms("1").await;
    let sboms = [artifact(&source, &index, "sbom").await, artifact(&source, &index, "another").await];
    let from = listing(&index, sboms.to_vec()).await;
    let to = listing(&index, sboms.to_vec()).await;
    let (source_behind, target_behind) = (behind(from.host(), &source), behind(to.host(), &target));
    let fields = json!({"source": format!("{source_behind}:1"), "targets": format!("{target_behind}:1"), "referrers": true});
    assert_eq!(push(fields).await.unwrap().outputs["referrers"], "2");
    assert_eq!(target.read(&tag(&index, "")).await, None);
    for sbom in sboms {
        assert_eq!(target.checked(sbom["digest"].as_str().unwrap()).await, (1, 2));
    }
}

#[tokio::test]
async fn what_is_listed_and_not_there_is_a_warning() {
    let (source, target) = (repository("api"), repository("prod"));
    let index = source.platforms("1").await;
    let gone = json!({"mediaType": MANIFEST, "digest": digest(b"gone"), "size": 4});
    let from = listing(&index, vec![gone]).await;
    let fields = json!({"source": format!("{}:1", behind(from.host(), &source)), "targets": format!("{}:1", target.name), "referrers": true});
    let done = push(fields).await.unwrap();
    assert_eq!(done.outputs["referrers"], "0");
    assert!(done.outputs["warnings"].contains(&digest(b"gone")), "{}", done.outputs["warnings"]);
}

#[tokio::test]
async fn no_tag_moves_if_a_signature_cannot_be_copied() {
    let (source, target) = (repository("api"), repository("prod"));
    let (index, ..) = signed(&source).await;
    let signature = format!("/manifests/{}", tag(&index, ".sig"));
    let front = RegistryFront::start(shared_registry().host(), move |seen| {
        (seen.method == "PUT" && seen.path.ends_with(&signature))
            .then(|| StatusCode::FORBIDDEN.into_response())
    })
    .await;
    let to = format!("{}/{}:1", front.host(), target.name.split_once('/').unwrap().1);
    let fields = json!({"source": format!("{}:1", source.name), "targets": to, "referrers": true});
    let refused = push(fields).await.unwrap_err();
    assert!(refused.message.contains("refused the login (403, as nobody)"), "{}", refused.message);
    assert_eq!(target.read("1").await, None);
    assert!(front.seen().iter().any(|seen| seen.method == "PUT" && seen.path.contains("/manifests/sha256-")));
}
