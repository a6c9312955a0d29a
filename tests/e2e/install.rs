//! The installation, once for each cluster: the commands of docs/install.md unchanged, with other values in the first
//! block. The run with the shared agent switches the existing cluster with the commands of docs/agent.md.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::cluster::{NODE, gitea, state, tree};
use crate::mode::{Mode, mode};
use crate::support::gitea::Repo;
use crate::support::plugin;

/// The results of the installation.
pub(crate) struct Site {
    /// The user who owns the sources and the images, with one token that reads and one that pushes.
    pub(crate) owner: String,
    /// The user who owns the GitOps repositories, with a token that writes to them.
    pub(crate) ops: String,
    /// The output of the commands.
    pub(crate) said: String,
    /// The repositories of the doc's first build.
    pub(crate) service: Repo<'static>,
    pub(crate) gitops: Repo<'static>,
    /// Whether it has the shared agent.
    shared_agent: bool,
}

/// The installed cluster. It is installed once. If that fails, all tests fail.
pub(crate) async fn site() -> &'static Site {
    static SITE: OnceCell<Result<Site, String>> = OnceCell::const_new();
    SITE.get_or_init(install).await.as_ref().unwrap()
}

async fn install() -> Result<Site, String> {
    let mut site = match Site::kept() {
        Some(site) => site,
        None => Site::with_sidecars().await?,
    };
    match (mode(), site.shared_agent) {
        (Mode::Sidecar, true) => return Err("this cluster has the shared agent: tests/cluster/down".into()),
        (Mode::Agent, false) => site.take_the_agent().await?,
        _ => (),
    }
    site.keep();
    Ok(site)
}

impl Site {
    /// The commands of docs/install.md.
    async fn with_sidecars() -> Result<Self, String> {
        let gitea = gitea();
        let owner = gitea.user(&format!("shop-{}", std::process::id())).await;
        let ops = gitea.user(&format!("ops-{}", std::process::id())).await;
        let (service, gitops) = (gitea.repo(&owner, "first").await, gitea.repo(&ops, "first-gitops").await);
        let dockerfile = format!("FROM {NODE}:5000/busybox:1\nRUN echo first > /first\n");
        service.push_directory(plugin::tree(&[("Dockerfile", &dockerfile)]).path(), "main", "first").await;
        let values = plugin::tree(&[("chart/values.yaml", "image:\n  tag: \"0\"\n  digest: \"\"\n")]);
        gitops.push_directory(values.path(), "main", "lay out").await;
        let room = tempfile::tempdir().unwrap();
        for (name, user, scope) in [
            ("source-token", &owner, "read:repository"),
            ("gitops-token", &ops, "write:repository"),
            ("registry-token", &owner, "write:package"),
        ] {
            fs::write(room.path().join(name), gitea.token(user, &[scope]).await).unwrap();
        }
        pack_binary(&room.path().join("built"));
        let values = values_of_the_first_block(room.path(), [&owner, &ops], &service, &gitops);
        let said = run_commands(blocks("install.md", "# Installing"), values).await?;
        Ok(Self { owner, ops, said, service, gitops, shared_agent: false })
    }

    /// The commands of docs/agent.md after them.
    async fn take_the_agent(&mut self) -> Result<(), String> {
        let values = BTreeMap::from([
            ("AGENT_OVERLAY", Mode::Agent.overlay().to_owned()),
            ("IMAGE", format!("{NODE}:5000/argo-buildkit:e2e")),
            ("REPO", self.service.url()),
            ("APP_IMAGE", self.service.image()),
        ]);
        self.said += &run_commands(blocks("agent.md", "## Installing"), values).await?;
        self.shared_agent = true;
        Ok(())
    }

    /// The installation of an earlier run on this cluster.
    fn kept() -> Option<Self> {
        let kept: Value = serde_json::from_slice(&fs::read(state(KEPT)).ok()?).unwrap();
        let text = |key: &str| kept[key].as_str().unwrap().to_owned();
        let (owner, ops) = (text("owner"), text("ops"));
        let service = Repo::new(gitea(), &owner, text("service"));
        let gitops = Repo::new(gitea(), &ops, text("gitops"));
        let shared_agent = kept["shared_agent"] == true;
        Some(Self { owner, ops, said: text("said"), service, gitops, shared_agent })
    }

    fn keep(&self) {
        let name = |repo: &Repo<'_>| repo.full_name().rsplit('/').next().map(str::to_owned);
        let kept = json!({
            "owner": self.owner, "ops": self.ops, "said": self.said, "shared_agent": self.shared_agent,
            "service": name(&self.service), "gitops": name(&self.gitops),
        });
        fs::write(state(KEPT), kept.to_string()).unwrap();
    }
}

/// The file of the cluster that records the installation. `tests/cluster/down` removes it.
const KEPT: &str = "site.json";

fn values_of_the_first_block(
    room: &Path,
    [owner, ops]: [&str; 2],
    service: &Repo<'_>,
    gitops: &Repo<'_>,
) -> BTreeMap<&'static str, String> {
    let file = |name: &str| room.join(name).display().to_string();
    BTreeMap::from([
        ("OVERLAY", Mode::Sidecar.overlay().to_owned()),
        ("IMAGE", format!("{NODE}:5000/argo-buildkit:e2e")),
        ("BUILD_OPTIONS", format!("--opt context:build=local:built --local built={}", file("built"))),
        ("SOURCE_USER", owner.to_owned()),
        ("SOURCE_TOKEN_FILE", file("source-token")),
        ("GITOPS_USER", ops.to_owned()),
        ("GITOPS_TOKEN_FILE", file("gitops-token")),
        ("REGISTRY_USER", owner.to_owned()),
        ("REGISTRY_TOKEN_FILE", file("registry-token")),
        ("GIT_HOST", format!("{NODE}:3000")),
        ("REGISTRY_HOST", format!("{NODE}:3000")),
        ("REPO", service.url()),
        ("APP_IMAGE", service.image()),
        ("INSECURE", "true".to_owned()),
        ("GITOPS_REPO", gitops.url()),
        ("CHART_DIR", "chart".to_owned()),
    ])
}

/// The binary under test, with its shared libraries: the result of the Dockerfile's stage `build`.
fn pack_binary(built: &Path) {
    let binary = env!("CARGO_BIN_EXE_argo-buildkit");
    let put = |from: &str, to: &str| {
        let target = built.join("out").join(to.trim_start_matches('/'));
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(from, target).unwrap();
    };
    put(binary, "/argo-buildkit");
    put("/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/certs/ca-certificates.crt");
    let linked = Command::new("ldd").arg(binary).output().unwrap();
    let linked = String::from_utf8(linked.stdout).unwrap();
    linked.split_whitespace().filter(|word| word.starts_with('/')).for_each(|library| put(library, library));
}

/// The shell blocks of a page from `heading` to the next one of its level.
pub(crate) fn blocks(page: &str, heading: &str) -> Vec<String> {
    let doc = fs::read_to_string(tree().join("docs").join(page)).unwrap();
    let (_, section) = doc.split_once(&format!("{heading}\n")).unwrap();
    let level = heading.split_inclusive(' ').next().unwrap();
    let section = section.split(&format!("\n{level}")).next().unwrap();
    let blocks = section.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned());
    blocks.collect()
}

/// Runs the shell blocks of a page, except the first one, which has the values.
pub(crate) async fn run_commands(
    blocks: Vec<String>,
    values: BTreeMap<&'static str, String>,
) -> Result<String, String> {
    let (first, commands) = blocks.split_first().unwrap();
    assert!(first.lines().all(|line| line.starts_with("export ")), "the first block is the values: {first}");
    // After a failed command, the forwarded port must be closed, and the script must not wait for one for ever.
    let script = format!("trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{}", commands.concat());
    tokio::task::spawn_blocking(move || run(&script, &values)).await.unwrap()
}

fn run(script: &str, values: &BTreeMap<&'static str, String>) -> Result<String, String> {
    let output = Command::new("timeout")
        .args(["900", "bash", "-euxo", "pipefail", "-c", script])
        .current_dir(tree())
        .envs(values)
        .env("PATH", path_with_the_binary())
        .output()
        .unwrap();
    let said =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    // Printed without the escapes of `unwrap`.
    println!("{said}");
    if output.status.success() {
        Ok(said)
    } else {
        Err(format!("the commands of the docs: {}", output.status))
    }
}

fn path_with_the_binary() -> std::ffi::OsString {
    let own = Path::new(env!("CARGO_BIN_EXE_argo-buildkit")).parent().unwrap().to_owned();
    let path = std::env::var_os("PATH").unwrap();
    std::env::join_paths(std::iter::once(own).chain(std::env::split_paths(&path))).unwrap()
}
