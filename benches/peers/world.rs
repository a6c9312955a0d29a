//! What both sides build: one private repository, one daemon, one registry.

use std::path::PathBuf;
use std::process::Command;

use base64::Engine as _;

use super::support::bin;
use super::support::buildkitd::Buildkitd;
use super::support::git::GitServer;
use super::support::registry::Registry;

const USER: &str = "builder";
const PASSWORD: &str = "a-password-of-the-bench";

/// The servers, and the login as files.
pub(crate) struct World {
    pub(crate) buildkitd: Buildkitd,
    pub(crate) registry: Registry,
    git: GitServer,
    files: tempfile::TempDir,
    /// The commit of branch `main`.
    sha: String,
}

/// How the context's revision is given.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Revision {
    Branch,
    Sha,
}

impl World {
    pub(crate) fn start() -> Self {
        let registry = Registry::start();
        let host = registry.host();
        let buildkitd = Buildkitd::start(&format!("[registry.\"{host}\"]\n  http = true\n"));
        let base = registry.push_busybox(buildkitd.address());
        let git = GitServer::start(USER, PASSWORD);
        let dockerfile = format!("FROM {base}\nCOPY . /app\nRUN wc -l /app/main.txt > /app/lines\n");
        let sha = git.create("shop", &[("Dockerfile", &dockerfile), ("main.txt", "one\n")]);
        let files = tempfile::tempdir().unwrap();
        let world = Self { buildkitd, registry, git, files, sha };
        world.write_files();
        world
    }

    fn write_files(&self) {
        let write = |path: &str, text: String| {
            let path = self.files.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let login = base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{PASSWORD}"));
        write("header", format!("basic {login}"));
        write("secrets/git/username", USER.to_owned());
        write("secrets/git/password", PASSWORD.to_owned());
        write("token", "the-agents-token".to_owned());
        for revision in [Revision::Branch, Revision::Sha] {
            write(&format!("{revision:?}.yaml"), self.step(revision).to_string());
        }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    fn revision(&self, revision: Revision) -> &str {
        match revision {
            Revision::Branch => "main",
            Revision::Sha => &self.sha,
        }
    }

    fn tags(&self) -> [String; 2] {
        ["1", "latest"].map(|tag| format!("{}/shop/api:{tag}", self.registry.host()))
    }

    /// The build as a step (JSON is YAML).
    pub(crate) fn step(&self, revision: Revision) -> serde_json::Value {
        let context = serde_json::json!({
            "repo": self.git.url("shop"), "revision": self.revision(revision), "secret": {"name": "git"},
        });
        serde_json::json!({"build": {"context": context, "tags": self.tags()}})
    }

    /// Options that every run of ours needs.
    pub(crate) fn servers(&self) -> Vec<String> {
        let secrets = self.file("secrets").display().to_string();
        ["--buildkit-host", self.buildkitd.address(), "--secrets-dir", &secrets].map(str::to_owned).to_vec()
    }

    /// Our build.
    pub(crate) fn ours(&self, revision: Revision) -> Command {
        let mut command = Command::new(binary());
        command.arg("run").arg(self.file(&format!("{revision:?}.yaml"))).args(self.servers());
        command
    }

    /// The same build by BuildKit's own client.
    pub(crate) fn buildctl(&self, revision: Revision) -> Command {
        let mut command = Command::new(bin::testbed("buildctl"));
        let secret = format!(
            "id=GIT_AUTH_HEADER.{},src={}",
            host(&self.git.url("shop")),
            self.file("header").display()
        );
        let context = format!("context={}#{}", self.git.url("shop"), self.revision(revision));
        command
            .args(["--addr", self.buildkitd.address(), "build", "--progress", "plain"])
            .args(["--frontend", "dockerfile.v0", "--opt", &context, "--secret", &secret])
            .args(["--output", &format!("type=image,\"name={}\",push=true", self.tags().join(","))]);
        command
    }
}

/// `host:port` of a URL.
fn host(url: &str) -> &str {
    url.trim_start_matches("http://").split('/').next().unwrap()
}

/// The binary that is measured: this build's, or another one to compare with.
pub(crate) fn binary() -> PathBuf {
    let built = env!("CARGO_BIN_EXE_argo-buildkit");
    std::env::var_os("ARGO_BUILDKIT_BINARY").map_or_else(|| built.into(), PathBuf::from)
}
