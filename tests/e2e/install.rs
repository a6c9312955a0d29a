//! The installation, once per run: the commands of docs/install.md as they stand, with other values in its first block, and with
//! the shared agent those of docs/agent.md after them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use tokio::sync::OnceCell;

use crate::cluster::{NODE, gitea, tree};
use crate::mode::{Mode, mode};
use crate::support::gitea::Repo;
use crate::support::plugin;

/// What the installation made.
pub(crate) struct Site {
    /// The user who has the sources and the images, and whose tokens read the one and push the other.
    pub(crate) owner: String,
    /// The user who has the GitOps repositories, and whose token writes to them.
    pub(crate) ops: String,
    /// What the commands printed.
    pub(crate) said: String,
    /// The repositories of the doc's first build.
    pub(crate) service: Repo<'static>,
    pub(crate) gitops: Repo<'static>,
}

/// The installed cluster. It is installed once: where that failed, all tests fail.
pub(crate) async fn site() -> &'static Site {
    static SITE: OnceCell<Result<Site, String>> = OnceCell::const_new();
    SITE.get_or_init(install).await.as_ref().unwrap()
}

async fn install() -> Result<Site, String> {
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
    let said = tokio::task::spawn_blocking(move || run_commands(&values)).await.unwrap()?;
    Ok(Site { owner, ops, said, service, gitops })
}

fn values_of_the_first_block(
    room: &Path,
    [owner, ops]: [&str; 2],
    service: &Repo<'_>,
    gitops: &Repo<'_>,
) -> BTreeMap<&'static str, String> {
    let file = |name: &str| room.join(name).display().to_string();
    BTreeMap::from([
        ("OVERLAY", Mode::Sidecar.overlay().to_owned()),
        ("AGENT_OVERLAY", Mode::Agent.overlay().to_owned()),
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

/// The binary under test, with the libraries that it is linked to: what the Dockerfile's stage `build` would have made.
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

/// The commands of the mode: the shell blocks of the docs, but for the first of each, which is the values.
fn commands() -> String {
    let install = blocks("install.md", "# Installing");
    assert!(install.len() > 5, "{install:?}");
    let agent = match mode() {
        Mode::Sidecar => Vec::new(),
        Mode::Agent => blocks("agent.md", "## Installing"),
    };
    let commands = |blocks: &[String]| match blocks.split_first() {
        Some((values, commands)) if values.lines().all(|line| line.starts_with("export ")) => {
            commands.concat()
        }
        Some((first, _)) => panic!("the first block is the values: {first}"),
        None => String::new(),
    };
    commands(&install) + &commands(&agent)
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

fn run_commands(values: &BTreeMap<&'static str, String>) -> Result<String, String> {
    // A command that fails must not leave a forwarded port behind, nor wait for one for ever.
    let script = format!("trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{}", commands());
    let output = Command::new("timeout")
        .args(["900", "bash", "-euxo", "pipefail", "-c", &script])
        .current_dir(tree())
        .envs(values)
        .env("PATH", path_with_the_binary())
        .output()
        .unwrap();
    let said =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    // Printed as it is, unlike what an `unwrap` shows.
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
