//! The commit itself: its message, trailers, names and signature.

use reqwest::Method;
use serde_json::json;

use super::{node, shop, tag};
use crate::support::plugin::{expect_phase, output};

const DIGEST: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

#[tokio::test]
async fn its_message_is_the_users_and_its_trailers_say_where_it_comes_from() {
    let shop = shop().await;
    let image = format!("registry.example/shop/api:1.4.0@{DIGEST}");
    let more = json!({
        "image": image,
        "source": {"repo": shop.service.url(), "commit": shop.sha},
        "message": "Ship $(image-name) $(tag)\n\nfor $(workflow), $(date) aside\n\n$(changes)",
        "author": {"name": "Ann", "email": "ann@example.com"},
        "committer": {"name": "CI"},
        "skip-ci": "true",
    });
    let ended = node(&shop, tag(&shop, "1.4.0", more)).await;
    expect_phase(&ended, "Succeeded");
    let head = &shop.gitops.commits("main").await[0];
    assert_eq!((head.author.as_str(), head.email.as_str()), ("Ann", "ann@example.com"));
    let (repo, sha) = (shop.service.url(), &shop.sha);
    let message = head.message.clone();
    let workflow = message.lines().find_map(|line| line.strip_prefix("Workflow: ")).unwrap().to_owned();
    assert_eq!(
        message.trim_end(),
        format!(
            "Ship shop/api 1.4.0\n\nfor {workflow}, $(date) aside\n\n\
             chart/values.yaml image.tag: 0.0.0 -> 1.4.0\n\n[skip ci]\n\n\
             Workflow: {workflow}\nSource-Repo: {repo}\nSource-Commit: {sha}\n\
             Image: registry.example/shop/api:1.4.0\nImage-Digest: {DIGEST}\n\
             Manifest: chart/values.yaml helm:image.tag\nManaged-By: argo-buildkit"
        )
    );
}

#[tokio::test]
async fn without_a_message_it_says_what_changed() {
    let shop = shop().await;
    let image = json!({"image": "registry.example/shop/api:1.4.0"});
    expect_phase(&node(&shop, tag(&shop, "1.4.0", image)).await, "Succeeded");
    let message = shop.gitops.commits("main").await[0].message.clone();
    let expected = "Update shop/api to 1.4.0\n\nchart/values.yaml image.tag: 0.0.0 -> 1.4.0\n\nWorkflow: ";
    assert!(message.starts_with(expected), "{message}");
}

#[tokio::test]
async fn a_signed_commit_is_verified_by_gitea() {
    let shop = shop().await;
    let gitea = shop.world.gitea;
    shop.plugin.put("signer", "key", &gitea.signing_key(&shop.owner).await);
    let email = format!("{}@example.com", shop.owner);
    let more = json!({
        "signing-key": {"name": "signer", "key": "key"},
        "author": {"name": shop.owner, "email": email},
    });
    let ended = node(&shop, tag(&shop, "2", more)).await;
    expect_phase(&ended, "Succeeded");
    let path = format!("/repos/{}/git/commits/{}", shop.gitops.full_name(), output(&ended, "commit"));
    let commit = gitea.call(Method::GET, &path, None).await;
    let verification = &commit["commit"]["verification"];
    assert_eq!(verification["verified"], true, "{verification}");
    assert!(!shop.plugin.log().contains("OPENSSH PRIVATE KEY"));
}

#[tokio::test]
async fn keys_that_cannot_sign_say_what_to_do() {
    let shop = shop().await;
    shop.plugin.put("signer", "token", "hunter2-hunter2");
    let bad = |key: &str| tag(&shop, "2", json!({"signing-key": {"name": "signer", "key": key}}));
    let rows = vec![("not a key", bad("token")), ("no such key", bad("id"))];
    let said = shop.refusals(rows).await;
    assert!(said.contains("give a whole OpenSSH private key") && said.contains("`signer`"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}
