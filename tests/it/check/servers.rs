//! Registries and Git servers, with logins of every sort.

mod deletes;

use std::fs;

use reqwest::Method;
use serde_json::json;

use super::{Report, Run};
use crate::support::git::GitServer;
use crate::support::gitea::{Gitea, Repo};
use crate::support::net::unique;
use crate::support::registry_front::RegistryFront;
use crate::support::scripted::ok;
use crate::support::shared::{World, shared_registry};

/// The end of a registry's line: neither Gitea nor Docker's registry 2.8 has the referrers API.
const TAGGED: &str = "; it lists no referrers, so logs and signatures are found under tags `sha256-…`";

/// A user's repository, and Secrets in a directory.
struct Shop {
    gitea: &'static Gitea,
    owner: String,
    repo: Repo<'static>,
    secrets: tempfile::TempDir,
}

impl Shop {
    async fn open() -> Self {
        let gitea = World::shared().await.gitea;
        let owner = gitea.user("shop").await;
        let repo = gitea.repo(&owner, "api").await;
        Self { gitea, owner, repo, secrets: tempfile::tempdir().unwrap() }
    }

    fn put(&self, secret: &str, key: &str, value: &str) {
        let directory = self.secrets.path().join(secret);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join(key), value).unwrap();
    }

    /// A Secret `name` with a token of these scopes. Returns the token.
    async fn token(&self, name: &str, user: &str, scopes: &[&str]) -> String {
        let token = self.gitea.token(user, scopes).await;
        self.put(name, "username", user);
        self.put(name, "password", &token);
        self.put(name, ".dockerconfigjson", &self.gitea.docker_config_json(user, &token));
        token
    }

    async fn report(&self, arguments: &[&str]) -> Report {
        let secrets = self.secrets.path().to_str().unwrap();
        Run::new(&[&["--secrets-dir", secrets], arguments].concat()).report().await
    }
}

#[tokio::test]
async fn a_registry_is_asked_whether_it_lets_a_push_in() {
    let shop = Shop::open().await;
    let (image, repository) = (shop.repo.image(), shop.repo.full_name());
    let good = shop.token("good", &shop.owner, &["write:package"]).await;
    let weak = shop.token("weak", &shop.owner, &["read:package"]).await;
    let report = shop.report(&["--image", &format!("{image}:1=good")]).await;
    let expected = format!("ok   registry {image}: may push, as user `{}`{TAGGED}", shop.owner);
    assert_eq!(report.about("registry"), expected);
    assert_eq!(report.code, Some(0));
    let uploads = shop.gitea.api(Method::GET, &format!("/packages/{}", shop.owner), None).await.1;
    assert_eq!(uploads, json!([]), "nothing is left behind in {repository}");

    shop.put("elsewhere", ".dockerconfigjson", r#"{"auths": {"other.example.com": {"auth": "YTpi"}}}"#);
    let rows = [
        ("=weak", "refused the login (40"),
        ("", "as nobody"),
        ("=elsewhere", "Secret elsewhere has no login for 127.0.0.1"),
        ("=absent", "secret `absent` does not exist in the secrets directory"),
        ("=good/username", "the docker config is not JSON"),
    ];
    for (secret, expected) in rows {
        let report = shop.report(&["--image", &format!("{image}{secret}")]).await;
        let line = report.about("registry");
        assert!(line.starts_with("FAIL") && line.contains(expected), "{secret}: {line}");
        assert!(!line.contains(&good) && !line.contains(&weak), "{line}");
        assert_eq!(report.code, Some(1));
    }
    let open = format!("{}/{}", shared_registry().host(), unique("open"));
    let report = shop.report(&["--image", &open]).await;
    assert_eq!(report.about("registry"), format!("ok   registry {open}: may push, as nobody{TAGGED}"));
}

#[tokio::test]
async fn a_registry_with_the_referrers_api_lists_referrers_itself() {
    let shop = Shop::open().await;
    let front = RegistryFront::start(shared_registry().host(), |seen| {
        let index = json!({"schemaVersion": 2, "manifests": []}).to_string();
        seen.path.contains("/referrers/").then(|| ok("application/vnd.oci.image.index.v1+json", index))
    })
    .await;
    let image = format!("{}/{}", front.host(), unique("api"));
    let report = shop.report(&["--image", &image]).await;
    let expected = format!("ok   registry {image}: may push, as nobody; it lists referrers itself");
    assert_eq!(report.about("registry"), expected);
}

#[tokio::test]
async fn reading_and_writing_are_proven_apart() {
    let shop = Shop::open().await;
    let url = shop.repo.url();
    shop.token("writer", &shop.owner, &["write:repository"]).await;
    let weak = shop.token("reader", &shop.owner, &["read:repository"]).await;
    let stranger = shop.gitea.user("stranger").await;
    shop.token("stranger", &stranger, &["write:repository"]).await;
    shop.put("wrong", "password", "hunter2hunter2");
    let head = shop.repo.head("main").await;

    let report =
        shop.report(&["--read", &format!("{url}=reader"), "--write", &format!("{url}=writer")]).await;
    assert_eq!(report.about("git read"), format!("ok   git read {url}: HEAD is {head}"));
    assert_eq!(report.about("git write"), format!("ok   git write {url}: may push"));
    assert_eq!(report.code, Some(0));

    let rows = [
        ("--read", "=wrong", "the Git server refused the login"),
        ("--read", "", "no login was given"),
        ("--read", "=stranger", "was not found"),
        ("--read", "#gone=reader", "`gone`"),
        ("--write", "=reader", "give the token write access"),
        ("--write", "#gone=writer", "there is no branch `gone`"),
        ("--write", "=wrong", "the Git server refused the login"),
    ];
    for (flag, what, expected) in rows {
        let report = shop.report(&[flag, &format!("{url}{what}")]).await;
        let line = report.about("git");
        assert!(line.starts_with("FAIL") && line.contains(expected), "{flag} {what}: {line}");
        assert!(!line.contains("hunter2") && !line.contains(&weak), "{line}");
        assert_eq!(report.code, Some(1), "{flag} {what}");
    }
}

#[tokio::test]
async fn a_branch_s_protection_is_read_from_its_forge() {
    let shop = Shop::open().await;
    let url = shop.repo.url();
    shop.token("git", &shop.owner, &["write:repository"]).await;
    for branch in ["closed", "env/open"] {
        shop.repo.branch(branch, "main").await;
    }
    shop.repo.protect("closed").await;
    let rule = json!({"rule_name": "env/open", "enable_push": true});
    let path = format!("/repos/{}/branch_protections", shop.repo.full_name());
    shop.gitea.call(Method::POST, &path, Some(rule)).await;
    let rows = [
        ("main", "ok", "no rule protects it"),
        ("env/open", "ok", "is protected, and this login may push to it"),
        ("closed", "FAIL", "is protected, and this login may not push to it"),
    ];
    for (branch, verdict, expected) in rows {
        let report = shop.report(&["--write", &format!("{url}#{branch}=git")]).await;
        let line = report.about("git branch");
        assert!(line.starts_with(verdict) && line.contains(expected), "{branch}: {line}");
    }
}

#[tokio::test]
async fn a_server_without_an_api_leaves_the_branch_open() {
    let git = GitServer::start("ci", "pass-word");
    git.create("gitops", &[("a", "b")]);
    let secrets = tempfile::tempdir().unwrap();
    let directory = secrets.path().join("git");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("username"), "ci").unwrap();
    fs::write(directory.join("password"), "pass-word").unwrap();
    let write = format!("{}#main=git", git.url("gitops"));
    let report =
        Run::new(&["--secrets-dir", secrets.path().to_str().unwrap(), "--write", &write]).report().await;
    assert!(report.about("git write").ends_with("may push"), "{}", report.text);
    assert!(report.about("git branch").starts_with("skip"), "{}", report.text);
    assert_eq!(report.code, Some(0));
}

#[tokio::test]
async fn hooks_of_a_repository_and_of_its_organisation_are_read() {
    let shop = Shop::open().await;
    shop.token("admin", &shop.owner, &["write:repository"]).await;
    shop.token("weak", &shop.owner, &["read:package"]).await;
    let target = |secret: &str| format!("{}={secret}", shop.repo.url());
    let hook = async |url: &str, kind: &str| {
        let config = json!({"url": url, "content_type": kind, "secret": "hunter2"});
        let hook = json!({"type": "gitea", "active": true, "events": ["push"], "config": config});
        let path = format!("/repos/{}/hooks", shop.repo.full_name());
        shop.gitea.call(Method::POST, &path, Some(hook)).await;
    };
    let report = shop.report(&["--hook", &target("admin")]).await;
    assert!(report.about("hook of").contains("none of its 0 hooks"), "{}", report.text);
    hook("http://127.0.0.1:9/gitea/gitea-push", "form").await;
    let report = shop.report(&["--hook", &target("admin")]).await;
    assert!(report.about("hook of").contains("has the content type `form`"), "{}", report.text);
    hook("http://127.0.0.1:9/gitea/gitea-push", "json").await;
    let report = shop.report(&["--hook", &target("admin")]).await;
    assert!(report.about("hook of").starts_with("ok "), "{}", report.text);
    let report = shop.report(&["--hook", &target("weak")]).await;
    assert!(report.about("hook of").starts_with("FAIL"), "{}", report.text);
    assert!(!report.text.contains("hunter2"), "{}", report.text);
}
