//! One repository of a Gitea: its files, branches and rules.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{ADMIN, Gitea};

/// A repository. It exists until [`Repo::delete`].
pub(crate) struct Repo<'a> {
    gitea: &'a Gitea,
    owner: String,
    name: String,
}

/// A commit from Gitea's list.
#[derive(Debug, Clone)]
pub(crate) struct Commit {
    /// 40 hex digits.
    pub(crate) sha: String,
    /// The subject and the body, with the final newline if the commit has one.
    pub(crate) message: String,
    /// The author's name.
    pub(crate) author: String,
    /// The author's address.
    pub(crate) email: String,
    /// The parents' ids.
    pub(crate) parents: Vec<String>,
}

impl<'a> Repo<'a> {
    /// A repository that exists.
    pub(crate) fn new(gitea: &'a Gitea, owner: &str, name: String) -> Self {
        Self { gitea, owner: owner.to_owned(), name }
    }

    /// `owner/name`.
    pub(crate) fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    /// The clone URL, ending in `.git`, without credentials.
    pub(crate) fn url(&self) -> String {
        format!("{}/{}.git", self.gitea.url(), self.full_name())
    }

    /// The clone URL over SSH. Panics if Gitea was started without SSH.
    pub(crate) fn ssh_url(&self) -> String {
        format!("ssh://root@127.0.0.1:{}/{}.git", self.gitea.ssh_port(), self.full_name())
    }

    /// The name of an image in this Gitea's registry, of the same owner and name, without a tag.
    pub(crate) fn image(&self) -> String {
        format!("{}/{}", self.gitea.host(), self.full_name())
    }

    /// Creates or replaces one file in one commit on `branch`. Returns the commit's id.
    pub(crate) async fn commit_file(&self, branch: &str, path: &str, content: &str, message: &str) -> String {
        self.write(branch, path, content, json!({"message": message})).await
    }

    /// The same as [`Self::commit_file`], with the RFC 3339 time `at`.
    pub(crate) async fn commit_file_at(&self, branch: &str, path: &str, content: &str, at: &str) -> String {
        let dates = json!({"author": at, "committer": at});
        self.write(branch, path, content, json!({"message": content, "dates": dates})).await
    }

    async fn write(&self, branch: &str, path: &str, content: &str, mut body: Value) -> String {
        let (status, old) = self.get(&format!("/contents/{path}?ref={branch}")).await;
        let method = if status.is_success() { Method::PUT } else { Method::POST };
        body["branch"] = json!(branch);
        body["content"] = json!(BASE64_STANDARD.encode(content));
        if let Some(sha) = old["sha"].as_str() {
            body["sha"] = json!(sha);
        }
        let answer = self.gitea.call(method, &self.path(&format!("/contents/{path}")), Some(body)).await;
        text(&answer["commit"]["sha"])
    }

    /// Replaces `branch` by one commit with exactly the files of `directory`. Returns its id.
    pub(crate) async fn push_directory(&self, directory: &Path, branch: &str, message: &str) -> String {
        self.push_staged(directory, branch, message, &[]).await
    }

    /// The same. `stage` is a git command that runs before the commit, if it is not empty.
    pub(crate) async fn push_staged(
        &self,
        directory: &Path,
        branch: &str,
        message: &str,
        stage: &[&str],
    ) -> String {
        let work = tempfile::tempdir().unwrap();
        let head = commit_directory(work.path(), directory, message, stage);
        let push = ["push", "--quiet", "--force", &self.url(), &format!("HEAD:refs/heads/{branch}")];
        git(work.path(), &push, Some(self.gitea.admin_token()));
        head
    }

    /// Creates a branch at the tip of `from`.
    pub(crate) async fn branch(&self, name: &str, from: &str) {
        let body = json!({"new_branch_name": name, "old_ref_name": from});
        self.gitea.call(Method::POST, &self.path("/branches"), Some(body)).await;
    }

    /// Creates a lightweight tag at `target`, a commit or a branch.
    pub(crate) async fn tag(&self, name: &str, target: &str) {
        self.gitea
            .call(Method::POST, &self.path("/tags"), Some(json!({"tag_name": name, "target": target})))
            .await;
    }

    /// The text of a file at a branch, tag or commit; `None` if it does not exist.
    pub(crate) async fn read(&self, reference: &str, path: &str) -> Option<String> {
        let (status, answer) = self.get(&format!("/contents/{path}?ref={reference}")).await;
        let content = BASE64_STANDARD.decode(answer["content"].as_str()?).unwrap();
        (status == StatusCode::OK).then(|| String::from_utf8(content).unwrap())
    }

    /// The tip of `branch`.
    pub(crate) async fn head(&self, branch: &str) -> String {
        let answer = self.gitea.call(Method::GET, &self.path(&format!("/branches/{branch}")), None).await;
        text(&answer["commit"]["id"])
    }

    /// The message of a commit.
    pub(crate) async fn message(&self, sha: &str) -> String {
        let answer = self.gitea.call(Method::GET, &self.path(&format!("/git/commits/{sha}")), None).await;
        text(&answer["commit"]["message"])
    }

    /// The commits of `branch`, newest first, at most 50.
    pub(crate) async fn commits(&self, branch: &str) -> Vec<Commit> {
        let path = self.path(&format!("/commits?sha={branch}&limit=50&stat=false"));
        let answer = self.gitea.call(Method::GET, &path, None).await;
        answer.as_array().unwrap().iter().map(commit).collect()
    }

    /// Makes `branch` refuse every push, including the administrator's changes over the API.
    pub(crate) async fn protect(&self, branch: &str) {
        let body = json!({"rule_name": branch, "enable_push": false, "block_admin_merge_override": true});
        self.gitea.call(Method::POST, &self.path("/branch_protections"), Some(body)).await;
    }

    /// Gives `user` the permission `read`, `write` or `admin`.
    pub(crate) async fn grant(&self, user: &str, permission: &str) {
        let body = json!({"permission": permission});
        self.gitea.call(Method::PUT, &self.path(&format!("/collaborators/{user}")), Some(body)).await;
    }

    /// Makes the repository read-only.
    pub(crate) async fn archive(&self) {
        self.gitea.call(Method::PATCH, &self.path(""), Some(json!({"archived": true}))).await;
    }

    /// Removes the repository.
    pub(crate) async fn delete(self) {
        self.gitea.call(Method::DELETE, &self.path(""), None).await;
    }

    /// Installs `script` as a pre-receive hook on the server's disk. The server runs it before it accepts a push.
    pub(crate) fn pre_receive(&self, script: &str) {
        let hooks = self.disk().join("hooks/pre-receive.d");
        fs::create_dir_all(&hooks).unwrap();
        let hook = hooks.join("test");
        fs::write(&hook, script).unwrap();
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The bare repository on the server's disk.
    pub(crate) fn disk(&self) -> std::path::PathBuf {
        let name = format!("{}.git", self.full_name()).to_lowercase();
        self.gitea.root().join("data/gitea-repositories").join(name)
    }

    async fn get(&self, suffix: &str) -> (StatusCode, Value) {
        self.gitea.api(Method::GET, &self.path(suffix), None).await
    }

    fn path(&self, suffix: &str) -> String {
        format!("/repos/{}{suffix}", self.full_name())
    }
}

/// Makes a bare repository in `bare`, whose branch `main` is one commit with the files of `directory`. Returns its id.
pub(super) fn commit_directory(bare: &Path, directory: &Path, message: &str, stage: &[&str]) -> String {
    let run = |arguments: &[&str]| git(bare, arguments, None);
    let tree = format!("--work-tree={}", directory.display());
    run(&["init", "--quiet", "--bare", "."]);
    run(&[&tree, "add", "--all", "--force", "."]);
    if !stage.is_empty() {
        run(stage);
    }
    run(&[&tree, "commit", "--quiet", "--allow-empty", "--message", message]);
    run(&["rev-parse", "HEAD"]).trim().to_owned()
}

fn commit(item: &Value) -> Commit {
    let author = &item["commit"]["author"];
    Commit {
        sha: text(&item["sha"]),
        message: text(&item["commit"]["message"]),
        author: text(&author["name"]),
        email: text(&author["email"]),
        parents: item["parents"].as_array().unwrap().iter().map(|parent| text(&parent["sha"])).collect(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a string: {value}")).to_owned()
}

/// Runs git in `directory` without other configuration. Returns its output; panics if it fails.
pub(crate) fn git(directory: &Path, arguments: &[&str], token: Option<&str>) -> String {
    let output = try_git(directory, arguments, token);
    output.unwrap_or_else(|error| panic!("git {arguments:?}: {error}"))
}

/// Runs git in `directory`. The error is its standard error.
pub(crate) fn try_git(directory: &Path, arguments: &[&str], token: Option<&str>) -> Result<String, String> {
    let mut command = Command::new("git");
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("HOME", directory).env("GIT_TERMINAL_PROMPT", "0").current_dir(directory);
    command.args([
        "-c",
        "user.name=Test",
        "-c",
        "user.email=test@example.com",
        "-c",
        "init.defaultBranch=main",
    ]);
    if let Some(token) = token {
        let basic = BASE64_STANDARD.encode(format!("{ADMIN}:{token}"));
        command.args(["-c", &format!("http.extraHeader=Authorization: Basic {basic}")]);
    }
    let output = command.args(arguments).output().unwrap();
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(lossy(&output.stdout)) } else { Err(lossy(&output.stderr)) }
}
