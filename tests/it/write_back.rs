//! Tests how `update-manifest` handles faults of a Git server and of the network.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::support::git_http::GitHttp;
use crate::support::git_proxy::{GitProxy, PushFault};
use crate::support::gitea::git;
use crate::support::net::unique;
use crate::support::plugin::{Plugin, Setup, Workflow, expect_phase, output, tree};
use crate::support::shared::shared_gitea;
use crate::support::shop::template;

const VALUES: &str = "image:\n  tag: old\n";

/// A plugin, and the repository `gitops` on Git's own server, behind a fault proxy.
struct Site {
    server: GitHttp,
    plugin: Plugin,
    proxy: GitProxy,
}

impl Site {
    async fn open(faults: &[PushFault], files: &[(&str, &str)]) -> Self {
        Self::on(GitHttp::start("builder", "a-password"), faults, files).await
    }

    async fn on(server: GitHttp, faults: &[PushFault], files: &[(&str, &str)]) -> Self {
        git(&server.repo("gitops"), &["config", "http.receivepack", "true"], None);
        server.commit_directory("gitops", "main", tree(files).path(), "lay out");
        // The tests do not build anything.
        let plugin = Setup::new("tcp://127.0.0.1:1").start();
        plugin.put("git", "username", "builder");
        plugin.put("git", "password", "a-password");
        let url = server.repo_url("gitops");
        let proxy = GitProxy::start(url.trim_end_matches("/gitops.git"), faults).await;
        Self { server, plugin, proxy }
    }

    fn step(&self, file: &str) -> Value {
        let targets = [json!({"file": file, "helm": {"image.tag": "2"}})];
        let repo = self.proxy.through(&self.server.repo_url("gitops"));
        template(json!({"update-manifest": {"repo": repo, "secret": "git", "targets": targets}}))
    }

    fn git(&self, arguments: &[&str]) -> String {
        git(&self.server.repo("gitops"), arguments, None).trim().to_owned()
    }

    /// Checks that the branch has one commit on top of the initial one, and that it is the node's.
    fn expect_one_commit(&self, node: &Value) {
        expect_phase(node, "Succeeded");
        assert_eq!(output(node, "changed"), "true");
        assert_eq!(output(node, "commit"), self.git(&["rev-parse", "main"]));
        assert_eq!(self.git(&["rev-list", "--count", "main"]), "2");
    }
}

#[tokio::test]
async fn a_push_that_is_lost_on_the_way_is_made_again() {
    let site = Site::open(&[PushFault::LostOnTheWay], &[("values.yaml", VALUES)]).await;
    let node = site.plugin.node(&site.step("values.yaml")).await;
    site.expect_one_commit(&node);
    assert_eq!(site.proxy.pushes(), 2);
}

#[tokio::test]
async fn a_lost_reply_to_a_push_is_settled_by_the_branch() {
    let site = Site::open(&[PushFault::ReplyLost], &[("values.yaml", VALUES)]).await;
    let node = site.plugin.node(&site.step("values.yaml")).await;
    site.expect_one_commit(&node);
    assert_eq!(site.proxy.pushes(), 1);
}

#[tokio::test]
async fn a_branch_that_was_force_pushed_meanwhile_is_read_again() {
    let site = Site::open(&[PushFault::Held], &[("values.yaml", VALUES)]).await;
    let (workflow, step) = (Workflow::new(), site.step("values.yaml"));
    site.plugin.poll(&workflow, &step).await;
    site.proxy.held().await;
    let tree = site.git(&["rev-parse", "main^{tree}"]);
    let other = site.git(&["commit-tree", &tree, "-m", "another history"]);
    site.git(&["update-ref", "refs/heads/main", &other]);
    site.proxy.release();
    let node = site.plugin.drive(&workflow, &step).await;
    site.expect_one_commit(&node);
    assert_eq!(site.git(&["rev-parse", "main^"]), other, "on top of the new history");
    assert_eq!(site.proxy.pushes(), 2);
}

#[tokio::test]
async fn paths_with_blanks_quotes_and_other_letters_are_plain_paths() {
    let file = "überall/a \"b\" 'c'/välues file.yaml";
    let site = Site::open(&[], &[(file, VALUES)]).await;
    let node = site.plugin.node(&site.step(file)).await;
    site.expect_one_commit(&node);
    assert_eq!(site.git(&["show", &format!("main:{file}")]), VALUES.replace("old", "\"2\"").trim());
}

/// The phase and message of the node, without the parts that differ between runs.
async fn end(site: &Site, file: &str) -> String {
    let before = site.git(&["for-each-ref"]);
    let node = site.plugin.node(&site.step(file)).await;
    assert_eq!(site.git(&["for-each-ref"]), before, "nothing was committed");
    let url = site.proxy.through(&site.server.repo_url("gitops"));
    format!("{}: {}", node["phase"].as_str().unwrap(), node["message"].as_str().unwrap())
        .replace(&url, "REPO")
}

#[tokio::test]
async fn files_without_a_value_show_the_place() {
    let site = Site::open(&[], &[("empty.yaml", ""), ("comment.yaml", "# nothing yet\n")]).await;
    for file in ["empty.yaml", "comment.yaml"] {
        let end = end(&site, file).await;
        assert!(end.starts_with(&format!("Failed: {file}:1:1: ")), "{end}");
    }
}

#[tokio::test]
async fn a_push_that_a_proxy_finds_too_large_ends_with_its_status() {
    let site = Site::open(&[PushFault::Status(413)], &[("values.yaml", VALUES)]).await;
    let end = end(&site, "values.yaml").await;
    assert!(end.starts_with("Failed: cannot push to ") && end.contains("client_max_body_size"), "{end}");
    assert_eq!(site.proxy.pushes(), 1, "it would be as large again");
}

#[tokio::test]
async fn a_server_that_is_full_is_not_asked_for_ever() {
    let site = Site::open(&[PushFault::Status(507); 20], &[("values.yaml", VALUES)]).await;
    let end = end(&site, "values.yaml").await;
    assert!(end.starts_with("Error: ") && end.contains("507 Insufficient Storage"), "{end}");
    assert!(site.proxy.pushes() < 20, "{} pushes", site.proxy.pushes());
}

#[tokio::test]
async fn a_quota_is_told_in_the_hooks_own_words() {
    let site = Site::open(&[], &[("values.yaml", VALUES)]).await;
    let hook = site.server.repo("gitops").join("hooks/pre-receive");
    std::fs::write(&hook, "#!/bin/sh\necho 'quota of 1 GiB exceeded' >&2\nexit 1\n").unwrap();
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    let end = end(&site, "values.yaml").await;
    assert!(end.starts_with("Failed: ") && end.contains("quota of 1 GiB exceeded"), "{end}");
}

#[tokio::test]
async fn a_server_without_filter_serves_the_whole_commit() {
    let server = GitHttp::without_filter("builder", "a-password");
    let site = Site::on(server, &[], &[("values.yaml", VALUES), ("other.yaml", "a: 1\n")]).await;
    let node = site.plugin.node(&site.step("values.yaml")).await;
    site.expect_one_commit(&node);
}

#[tokio::test]
async fn a_renamed_repository_is_followed() {
    let gitea = tokio::task::spawn_blocking(shared_gitea).await.unwrap();
    let owner = gitea.user("renamed").await;
    let repo = gitea.repo(&owner, "before").await;
    repo.push_directory(tree(&[("values.yaml", VALUES)]).path(), "main", "lay out").await;
    let plugin = Setup::new("tcp://127.0.0.1:1").start();
    plugin.put("git", "username", &owner);
    plugin.put("git", "token", &gitea.token(&owner, &["write:repository"]).await);
    let path = format!("/repos/{}", repo.full_name());
    let renamed = gitea.call(reqwest::Method::PATCH, &path, Some(json!({"name": unique("after")}))).await;
    let targets = [json!({"file": "values.yaml", "helm": {"image.tag": "2"}})];
    let step = json!({"update-manifest": {"repo": repo.url(), "secret": "git", "targets": targets}});
    let node = plugin.node(&template(step)).await;
    expect_phase(&node, "Succeeded");
    let head = format!("/repos/{}/branches/main", renamed["full_name"].as_str().unwrap());
    let head = gitea.call(reqwest::Method::GET, &head, None).await;
    assert_eq!(head["commit"]["id"], output(&node, "commit"));
}

#[tokio::test]
async fn one_file_of_a_hundred_thousand_is_changed_alone() {
    let site = Site::open(&[], &[("values.yaml", VALUES)]).await;
    let mut stream =
        String::from("commit refs/heads/main\ncommitter T <t@example.com> 0 +0000\ndata 3\nbig\n");
    stream += &format!("M 100644 inline deep/values.yaml\ndata {}\n{VALUES}\n", VALUES.len());
    for n in 0..100_000 {
        let text = format!("file {n}");
        stream += &format!("M 100644 inline d{}/f{n}\ndata {}\n{text}\n", n / 1000, text.len());
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), stream).unwrap();
    let mut import = std::process::Command::new("git");
    import.current_dir(site.server.repo("gitops")).args(["fast-import", "--quiet", "--force"]);
    let imported = import.stdin(std::fs::File::open(file.path()).unwrap()).status().unwrap();
    assert!(imported.success());
    let node = site.plugin.node(&site.step("deep/values.yaml")).await;
    expect_phase(&node, "Succeeded");
    assert_eq!(site.git(&["rev-parse", "main"]), output(&node, "commit"));
    let changed = site.git(&["diff", "--name-only", "main^", "main"]);
    assert_eq!(changed, "deep/values.yaml");
}

#[tokio::test]
async fn a_repository_of_sha_256_is_refused() {
    let site = Site::open(&[], &[("values.yaml", VALUES)]).await;
    let path = site.server.repo("gitops");
    std::fs::remove_dir_all(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    git(&path, &["init", "--quiet", "--bare", "--object-format=sha256", "."], None);
    site.git(&["config", "http.receivepack", "true"]);
    site.server.commit_directory("gitops", "main", tree(&[("values.yaml", VALUES)]).path(), "lay out");
    insta::assert_snapshot!(end(&site, "values.yaml").await, @"Failed: `REPO` cannot be used as a Git repository: it is a SHA-256 repository, and only SHA-1 repositories can be committed to; name one of those");
}

#[tokio::test]
async fn a_repository_that_is_itself_shallow_takes_a_commit() {
    let site = Site::open(&[], &[("values.yaml", VALUES)]).await;
    let path = site.server.repo("gitops");
    site.server.commit_directory("gitops", "main", tree(&[("values.yaml", VALUES)]).path(), "again");
    let whole = path.with_file_name("whole.git");
    std::fs::rename(&path, &whole).unwrap();
    let from = format!("file://{}", whole.display());
    git(whole.parent().unwrap(), &["clone", "--quiet", "--bare", "--depth=1", &from, "gitops.git"], None);
    assert_eq!(site.git(&["rev-parse", "--is-shallow-repository"]), "true");
    site.git(&["config", "http.receivepack", "true"]);
    let node = site.plugin.node(&site.step("values.yaml")).await;
    site.expect_one_commit(&node);
}
