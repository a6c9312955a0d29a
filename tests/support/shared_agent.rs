//! Our binary as the shared agent, against the real API server, and namespaces that it serves.

use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::sync::Mutex;

use futures_util::FutureExt;
use serde_json::{Value, json};

use super::argo::Argo;
use super::bin;
use super::kube::{Identity, Kube};
use super::net::{PATIENCE, client, unique, until};
use super::process::{self, Process};
use super::shop::Shop;

/// The ServiceAccount whose rights the steps of a namespace use.
const ACCOUNT: &str = "buildkit-executor-plugin";

/// The rights in a namespace of the agent and of the namespace's own ServiceAccount.
const RIGHTS: &str = include_str!("../../deploy/components/agent-rights/role.yaml");
const OWN_RIGHTS: &str = include_str!("../../deploy/base/agent/account.yaml");

/// A namespace with a controller. A shared agent may serve its workflows.
pub(crate) struct Tenant {
    pub(crate) argo: Argo,
    pub(crate) namespace: String,
}

impl Tenant {
    /// A new namespace, with the Role of deploy/components/agent-rights.
    pub(crate) async fn new() -> Self {
        let namespace = unique(&format!("team-{}", std::process::id()));
        let argo = Argo::shared().await.within(&namespace).await;
        let kube = Kube::shared().await;
        kube.apply_yaml(&RIGHTS.replace("namespace: builds", &format!("namespace: {namespace}"))).await;
        Self { argo, namespace }
    }

    /// Grants `rules` to the steps of this namespace.
    pub(crate) async fn grant(&self, rules: Value) {
        let user = format!("system:serviceaccount:{}:{ACCOUNT}", self.namespace);
        Kube::shared().await.grant_user(&self.namespace, &user, &unique("steps"), rules).await;
    }

    /// Copies the shop's Secrets `git` and `registry` to this namespace.
    pub(crate) async fn secrets(&self, shop: &Shop) {
        let (kube, namespace) = (Kube::shared().await, &self.namespace);
        let login = [("username", shop.owner.as_str()), ("password", shop.token.as_str())];
        kube.secret_in(namespace, "git", "kubernetes.io/basic-auth", &login).await;
        let config = shop.world.gitea.docker_config_json(&shop.owner, &shop.token);
        let kind = "kubernetes.io/dockerconfigjson";
        kube.secret_in(namespace, "registry", kind, &[(".dockerconfigjson", &config)]).await;
        let names = ["git", "registry"];
        self.grant(
            json!([{"apiGroups": [""], "resources": ["secrets"], "resourceNames": names, "verbs": ["get"]}]),
        )
        .await;
    }
}

/// The controller would work on unfinished workflows until the last test has ended: with a large one, it sends megabytes
/// a second.
impl Drop for Tenant {
    fn drop(&mut self) {
        let Some(kube) = Kube::shared().now_or_never() else { return };
        let mut argo = Command::new(bin::testbed("argo"));
        argo.args(["delete", "--all", "-n", &self.namespace])
            .env("KUBECONFIG", kube.kubeconfig(Identity::Admin));
        let deleted = argo.output().unwrap();
        let why = String::from_utf8_lossy(&deleted.stderr);
        assert!(deleted.status.success() || std::thread::panicking(), "{why}");
    }
}

/// The settings to start an agent.
pub(crate) struct AgentSetup {
    root: tempfile::TempDir,
    command: Command,
}

impl AgentSetup {
    /// An agent for `tenants` that uses the daemon at `buildkit`. Its own Lease is in the namespace of the first
    /// tenant.
    pub(crate) async fn new(buildkit: &str, tenants: &[&Tenant]) -> Self {
        let (kube, root) = (Kube::shared().await, process::directory("agent-"));
        let (home, lease) = (&tenants[0].namespace, unique("lease"));
        kube.grant_in(home, Identity::Shared, "lease", lease_rules()).await;
        let names: Vec<_> = tenants.iter().map(|tenant| tenant.namespace.as_str()).collect();
        let mut command = Command::new(env!("CARGO_BIN_EXE_argo-buildkit"));
        command
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap())
            .arg("agent")
            .env("TMPDIR", root.path());
        command.env("BUILDKIT_HOST", buildkit).env("ARGO_BUILDKIT_OPS_LISTEN", "127.0.0.1:0");
        command
            .env("ARGO_BUILDKIT_NAMESPACES", names.join(","))
            .env("KUBECONFIG", kube.kubeconfig(Identity::Shared));
        command.env("ARGO_BUILDKIT_LEASE", lease).env("ARGO_BUILDKIT_LEASE_NAMESPACE", home);
        command
            .env("ARGO_BUILDKIT_LOG", "debug,h2=info,hyper_util=info,hyper=info,tower=info,kube_client=info");
        let setup = Self { root, command };
        if tenants.len() > 1 { setup.policy(ANYTHING) } else { setup }
    }

    /// Adds an environment variable.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Adds this policy file.
    pub(crate) fn policy(self, yaml: &str) -> Self {
        let path = self.root.path().join("policy.yaml");
        std::fs::write(&path, yaml).unwrap();
        self.env("ARGO_BUILDKIT_POLICY", path.to_str().unwrap())
    }

    /// Another agent with the same settings.
    pub(crate) fn replica(&self) -> Self {
        let mut command = Command::new(self.command.get_program());
        command.env_clear().args(self.command.get_args());
        command.envs(self.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Self { root: process::directory("agent-"), command }
    }

    pub(crate) fn start(self) -> SharedAgent {
        let log = self.root.path().join("log");
        let mut process = Process::spawn("argo-buildkit agent", self.command, &log);
        let ops = process.wait_until("for its listener", |log| {
            let (_, rest) = log.split_once("listening for operations on ")?;
            let (line, _) = rest.split_once('\n')?;
            Some(line.split([' ', '"']).next()?.to_owned())
        });
        SharedAgent { process: Mutex::new(process), _root: self.root, log, ops }
    }
}

/// The rights to the Lease in deploy/base/agent, here for any Lease, because each test has its own.
fn lease_rules() -> Value {
    let mut objects = serde_saphyr::from_multiple::<Value>(OWN_RIGHTS).unwrap();
    let role = objects.iter_mut().find(|object| object["kind"] == "Role").unwrap();
    for rule in role["rules"].as_array_mut().unwrap() {
        rule.as_object_mut().unwrap().remove("resourceNames");
    }
    role["rules"].take()
}

/// A policy that forbids nothing.
const ANYTHING: &str = "
namespaces:
  '*': {push: ['**'], cache: ['**'], images: ['**'], repositories: ['**'], applications: ['**'], forges: ['**'], contexts: ['**']}
";

/// A running `argo-buildkit agent`. Dropping it kills it.
pub(crate) struct SharedAgent {
    process: Mutex<Process>,
    _root: tempfile::TempDir,
    log: PathBuf,
    ops: String,
}

impl SharedAgent {
    /// An agent for one tenant.
    pub(crate) async fn serving(buildkit: &str, tenant: &Tenant) -> Self {
        let agent = AgentSetup::new(buildkit, &[tenant]).await.start();
        agent.leads().await;
        agent
    }

    /// Its output.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until it leads.
    pub(crate) async fn leads(&self) {
        self.metric("argo_buildkit_agent_leading 1").await;
    }

    /// Waits until `/metrics` has the line `line`.
    pub(crate) async fn metric(&self, line: &str) -> String {
        let url = format!("http://{}/metrics", self.ops);
        let there = async || {
            let text = client().get(&url).send().await.ok()?.text().await.ok()?;
            text.lines().any(|found| found == line).then_some(text)
        };
        until(|| format!("`{line}` from\n{}", self.log()), PATIENCE, there).await
    }

    /// The status and body of an endpoint of the operator's port.
    pub(crate) async fn ops(&self, path: &str) -> (u16, String) {
        let answer = client().get(format!("http://{}{path}", self.ops)).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// Kills it, like the kernel does when memory is short.
    pub(crate) fn kill(&self) {
        self.process.lock().unwrap().kill();
    }

    /// Sends SIGTERM. Returns the exit status.
    pub(crate) fn terminate(&self) -> ExitStatus {
        let mut process = self.process.lock().unwrap();
        let pid = process.pid().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        process.wait()
    }
}
