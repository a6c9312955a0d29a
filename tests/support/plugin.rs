//! Our binary as a sidecar (`serve`). Tests call it over RPC, like Argo's agent.

use std::path::Path;
use std::process::{Command, ExitStatus};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::bin;
use super::net::{PATIENCE, client, unique, until};
use super::process::{self, Process};

/// The agent's token: 32 characters, like those of `argoexec agent init`.
pub(crate) const TOKEN: &str = "0123456789abcdefghijklmnopqrstuv";

const SECRETS: &str = "ARGO_BUILDKIT_SECRETS_DIR";

/// Mounts the plugin's files at /mnt and the binary at /media. Then every mount except /dev/shm becomes read-only.
const CONFINE: &str = r#"
mount --bind "$1" /mnt
mount --bind "$2" /media
shift 2
mount -t tmpfs -o mode=1777 shm /dev/shm
for mount in $(awk '{print $5}' /proc/self/mountinfo | sort -u); do
  case $mount in /dev/shm | /proc* | /sys*) ;; *) mount -o remount,bind,ro "$mount" || [ "$mount" != / ] ;; esac
done
exec setpriv --reuid 8737 --regid 8737 --clear-groups --bounding-set -all --inh-caps -all --no-new-privs \
  /media/argo-buildkit "$@"
"#;

/// A running `argo-buildkit serve`.
pub(crate) struct Plugin {
    process: Mutex<Process>,
    root: tempfile::TempDir,
    plugin: String,
    ops: String,
    replies: Mutex<Vec<String>>,
}

/// One workflow, with the names that the agent sends.
#[derive(Clone)]
pub(crate) struct Workflow {
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) namespace: String,
}

impl Workflow {
    /// A new workflow.
    pub(crate) fn new() -> Self {
        Self::of("builds")
    }

    /// A new workflow in `namespace`.
    pub(crate) fn of(namespace: &str) -> Self {
        let uid = uuid::Uuid::new_v4().to_string();
        Self { name: unique("wf"), uid, namespace: namespace.to_owned() }
    }

    /// The agent's request for `template`.
    pub(crate) fn request(&self, template: &Value) -> Value {
        let metadata = json!({"name": self.name, "namespace": self.namespace, "uid": self.uid});
        json!({"workflow": {"metadata": metadata}, "template": template})
    }
}

/// The settings to start a plugin.
pub(crate) struct Setup {
    root: tempfile::TempDir,
    command: Command,
}

impl Setup {
    /// A plugin on free ports that uses the daemon at `buildkit`. Its environment contains only PATH.
    pub(crate) fn new(buildkit: &str) -> Self {
        let root = process::directory("plugin-");
        std::fs::write(root.path().join("token"), format!("{TOKEN}\n")).unwrap();
        std::fs::create_dir(root.path().join("secrets")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_argo-buildkit"));
        command.env_clear().env("PATH", std::env::var("PATH").unwrap()).arg("serve");
        command.env("ARGO_BUILDKIT_LISTEN", "127.0.0.1:0").env("ARGO_BUILDKIT_OPS_LISTEN", "127.0.0.1:0");
        // A killed plugin leaves temporary files, so they are put where the test removes them.
        command
            .env("TMPDIR", root.path())
            .env("BUILDKIT_HOST", buildkit)
            .env("ARGO_BUILDKIT_TOKEN_FILE", root.path().join("token"));
        command.env("ARGO_BUILDKIT_LOG", "debug,h2=info,hyper_util=info,hyper=info,tower=info");
        Self { root, command }
    }

    /// Adds a flag.
    pub(crate) fn arg(mut self, flag: &str, value: &str) -> Self {
        self.command.args([flag, value]);
        self
    }

    /// Adds an environment variable.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Limits the number of file descriptors.
    pub(crate) fn descriptors(self, most: usize) -> Self {
        let mut command = Command::new(bin::system("prlimit", "util-linux"));
        command.env_clear().arg(format!("--nofile={most}:{most}")).arg(self.command.get_program());
        command.args(self.command.get_args());
        command.envs(self.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Self { root: self.root, command }
    }

    /// Runs it like in the agent's pod: uid 8737, no capability, and only /dev/shm writable.
    pub(crate) fn confined(self) -> Self {
        let open = Command::new("chmod").args(["-R", "a+rX"]).arg(self.root.path()).status().unwrap();
        assert!(open.success());
        let binary = Path::new(env!("CARGO_BIN_EXE_argo-buildkit")).parent().unwrap();
        let mut command = Command::new(bin::system("unshare", "util-linux"));
        command.env_clear().args(["--mount", "--propagation", "private", "sh", "-ec", CONFINE, "confine"]);
        command.arg(self.root.path()).arg(binary).args(self.command.get_args());
        let kept = self.command.get_envs().filter(|(name, _)| *name != "TMPDIR");
        command.envs(kept.filter_map(|(name, value)| Some((name, value?))));
        Self { root: self.root, command }
            .env("ARGO_BUILDKIT_TOKEN_FILE", "/mnt/token")
            .env(SECRETS, "/mnt/secrets")
    }

    /// Starts it with Secrets from a directory, which [`Plugin::put`] writes.
    pub(crate) fn start(mut self) -> Plugin {
        if !self.command.get_envs().any(|(name, _)| name == SECRETS) {
            self.command.env(SECRETS, self.root.path().join("secrets"));
        }
        self.start_without_secrets()
    }

    /// Starts it with Secrets from the API server in its environment.
    pub(crate) fn start_without_secrets(self) -> Plugin {
        let mut process = Process::spawn("argo-buildkit", self.command, &self.root.path().join("log"));
        let address = |log: &str, what: &str| {
            // The line may be text or JSON. It must be complete.
            let (_, rest) = log.split_once(&format!("listening for {what} on "))?;
            let (line, _) = rest.split_once('\n')?;
            Some(line.split([' ', '"']).next()?.to_owned())
        };
        let (plugin, ops) = process.wait_until("for its listeners", |log| {
            Some((address(log, "the plugin")?, address(log, "operations")?))
        });
        Plugin { process: Mutex::new(process), root: self.root, plugin, ops, replies: Mutex::default() }
    }
}

impl Plugin {
    /// Writes the Secret `name`'s `key`.
    pub(crate) fn put(&self, name: &str, key: &str, value: &str) {
        let directory = self.root.path().join("secrets").join(name);
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join(key), value).unwrap();
    }

    /// `http://host:port` of the plugin.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.plugin)
    }

    /// `http://host:port` of the operator's endpoints.
    pub(crate) fn ops_url(&self) -> String {
        format!("http://{}", self.ops)
    }

    /// Sends one call, with the right token.
    pub(crate) async fn poll(&self, workflow: &Workflow, template: &Value) -> (StatusCode, Value) {
        let request = client().post(format!("{}/api/v1/template.execute", self.url())).bearer_auth(TOKEN);
        let response = request.json(&workflow.request(template)).send().await.unwrap();
        let (status, text) = (response.status(), response.text().await.unwrap());
        self.replies.lock().unwrap().push(text.clone());
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Polls until the node has ended, like the agent. Returns the node.
    pub(crate) async fn drive(&self, workflow: &Workflow, template: &Value) -> Value {
        self.until(workflow, template, |node| {
            matches!(node["phase"].as_str(), Some("Succeeded" | "Failed" | "Error"))
        })
        .await
    }

    /// Polls until the node is as `wanted`.
    pub(crate) async fn until(
        &self,
        workflow: &Workflow,
        template: &Value,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (status, reply) = self.poll(workflow, template).await;
            assert_eq!(status, StatusCode::OK, "{reply}");
            let node = &reply["node"];
            if wanted(node) {
                return node.clone();
            }
            assert!(
                !node["message"].as_str().unwrap_or_default().is_empty(),
                "a message is never empty: {reply}"
            );
            assert!(
                reply["requeue"].is_string(),
                "an answer that is not the end asks to be asked again: {reply}"
            );
            assert!(Instant::now() < deadline, "still {reply}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Runs a node in a new workflow.
    pub(crate) async fn node(&self, template: &Value) -> Value {
        self.drive(&Workflow::new(), template).await
    }

    /// The bytes of all replies so far.
    pub(crate) fn replies(&self) -> String {
        self.replies.lock().unwrap().join("\n")
    }

    /// The whole log so far.
    pub(crate) fn log(&self) -> String {
        self.process.lock().unwrap().log()
    }

    /// The arguments and the environment of the process, as other processes of the machine can read them.
    pub(crate) fn argv(&self) -> String {
        let read = |file: &str| std::fs::read(format!("/proc/{}/{file}", self.pid())).unwrap_or_default();
        format!(
            "{}\n{}",
            String::from_utf8_lossy(&read("cmdline")),
            String::from_utf8_lossy(&read("environ"))
        )
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.process.lock().unwrap().pid()
    }

    /// `GET` of an operator's endpoint.
    pub(crate) async fn ops(&self, path: &str) -> (StatusCode, String) {
        let response = client().get(format!("{}{path}", self.ops_url())).send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str) {
        bin::signal(self.pid(), name);
    }

    /// Kills it, like the out-of-memory killer.
    pub(crate) fn kill(&self) {
        self.process.lock().unwrap().kill();
    }

    /// Waits for its end. The runtime continues, so a collector in it receives the last spans.
    pub(crate) async fn exit(&self) -> ExitStatus {
        let ended = async || self.process.lock().unwrap().ended();
        until(|| "argo-buildkit to exit".into(), PATIENCE, ended).await
    }

    /// The directory of secrets, for a second plugin to read.
    pub(crate) fn secrets(&self) -> std::path::PathBuf {
        self.root.path().join("secrets")
    }
}

/// The value of a node's output parameter.
pub(crate) fn output(node: &Value, name: &str) -> String {
    let parameters = node["outputs"]["parameters"].as_array();
    let found = parameters.into_iter().flatten().find(|p| p["name"] == name);
    found.and_then(|p| p["value"].as_str()).unwrap_or_else(|| panic!("no output {name} in {node}")).to_owned()
}

/// Fails with the node's message if it is not in `phase`.
pub(crate) fn expect_phase(node: &Value, phase: &str) {
    assert_eq!(node["phase"], phase, "{}", node["message"].as_str().unwrap_or_default());
}

/// Writes `files` (path and text) below a new directory.
pub(crate) fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        write(root.path(), path, text);
    }
    root
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}
