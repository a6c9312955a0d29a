//! Argo's real agent (`argoexec agent`), with its own `/var/run/argo`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::PLUGIN;
use crate::support::bin;
use crate::support::kube::{BUILDS, Identity, Kube};
use crate::support::process::{self, Process};

/// The agent of one workflow. It is killed on drop.
pub(crate) struct Agent {
    root: tempfile::TempDir,
    kubeconfig: PathBuf,
    env: Vec<(String, String)>,
    main: Option<Process>,
}

impl Agent {
    /// The agent for `pod`, after its `init` container has run.
    pub(super) fn of_pod(kube: &Kube, pod: &Value) -> Self {
        let root = process::directory("agent-");
        fs::create_dir(root.path().join("run")).unwrap();
        let agent =
            Self { root, kubeconfig: kube.kubeconfig(Identity::Agent), env: env_of_main(pod), main: None };
        let mut init = Process::spawn("argoexec agent init", agent.command("init"), &agent.log_file());
        let token = agent.token_file();
        init.wait_until("for the token", |_| token.exists().then_some(()));
        init.wait();
        agent
    }

    /// The file into which `init` writes the plugin's bearer token; the sidecar's `/var/run/argo/token`.
    pub(crate) fn token_file(&self) -> PathBuf {
        self.root.path().join("run").join(PLUGIN).join("token")
    }

    /// The bearer token.
    pub(crate) fn token(&self) -> String {
        fs::read_to_string(self.token_file()).unwrap()
    }

    /// Starts the agent's main process, which calls the plugin on `127.0.0.1:port`.
    pub(crate) fn run(&mut self, port: u16) {
        let mut command = self.command("main");
        command.env("ARGO_PLUGIN_ADDRESSES", json!([format!("http://127.0.0.1:{port}")]).to_string());
        self.main = Some(Process::spawn("argoexec agent main", command, &self.log_file()));
    }

    /// The main process. Panics if it was never started.
    pub(crate) fn process(&mut self) -> &mut Process {
        self.main.as_mut().unwrap()
    }

    /// The output of `init` and `main`, over all restarts.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.root.path().join("log")
    }

    /// `argoexec agent VERB` in a mount namespace in which our directory is /var/run/argo.
    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(bin::system("unshare", "util-linux"));
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", self.root.path());
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
            .args(["--mount", "--propagation", "private", "sh", "-ec", MOUNT])
            .arg(self.root.path().join("run"));
        command.arg(bin::testbed("argoexec")).args(["agent", verb, "-n", BUILDS]);
        command.arg("--kubeconfig").arg(&self.kubeconfig);
        command
    }
}

/// /run is covered inside the namespace only, so the host is not changed.
const MOUNT: &str = r#"
run=$(readlink -f /var/run)
mount -t tmpfs tmpfs "$run"
mkdir "$run/argo"
mount --bind "$0" "$run/argo"
exec "$@"
"#;

fn env_of_main(pod: &Value) -> Vec<(String, String)> {
    let containers = pod["spec"]["containers"].as_array().unwrap();
    let main = containers.iter().find(|container| container["name"] == "main").unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let env = main["env"].as_array().unwrap().iter();
    env.map(|entry| (text(&entry["name"]), text(&entry["value"]))).collect()
}
