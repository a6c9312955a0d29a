//! The cluster that `tests/cluster/up` started: its command-line tools, its Gitea, and waiting for its objects.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::gitea::{ADMIN, Gitea};
use crate::support::net::client;

/// The address of the node, of Gitea and of the registry of images.
pub(crate) const NODE: &str = "10.244.0.1";

/// The time limit for operations that are not under test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// The project's root.
pub(crate) fn tree() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the running cluster.
pub(crate) fn state(name: &str) -> PathBuf {
    let kubeconfig = std::env::var_os("KUBECONFIG").expect("run by `make e2e`, inside the cluster's network");
    Path::new(&kubeconfig).with_file_name(name)
}

/// The Gitea of the cluster.
pub(crate) fn gitea() -> &'static Gitea {
    static GITEA: LazyLock<Gitea> = LazyLock::new(|| {
        let admin_token = std::fs::read_to_string(state("gitea/token")).unwrap().trim().to_owned();
        Gitea { ours: None, host: format!("{NODE}:3000"), ssh: Some(2222), admin_token }
    });
    &GITEA
}

/// Runs a program of the test bed or of the system. Returns its result.
pub(crate) fn output(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).current_dir(tree()).output().unwrap()
}

/// Its standard output; its standard error if it failed.
pub(crate) fn attempt(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = output(program, arguments);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// `kubectl ARGUMENTS`, which must succeed.
pub(crate) fn kubectl(arguments: &[&str]) -> String {
    attempt("kubectl", arguments).unwrap_or_else(|error| panic!("kubectl {arguments:?}: {error}"))
}

/// `kubectl apply -f -` of a text.
pub(crate) fn apply(yaml: &str) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, yaml).unwrap();
    kubectl(&["apply", "-f", file.path().to_str().unwrap()]);
}

/// `kubectl apply --server-side -k` of a kustomization, which names folders of the tree as `../../FOLDER`.
pub(crate) fn apply_folder(kustomization: &str) {
    // Within the tree, because kustomize accepts no absolute path.
    let room = tempfile::Builder::new().prefix("folder-").tempdir_in(tree().join("target")).unwrap();
    std::fs::write(room.path().join("kustomization.yaml"), kustomization).unwrap();
    kubectl(&["apply", "--server-side", "-k", room.path().to_str().unwrap()]);
}

/// An object from the API server, or null.
pub(crate) fn get(namespace: &str, kind: &str, name: &str) -> Value {
    let found = kubectl(&["get", "-n", namespace, kind, name, "--ignore-not-found", "-o", "json"]);
    serde_json::from_str(&found).unwrap_or_default()
}

/// The objects of a kind that have `labels`.
pub(crate) fn list(namespace: &str, kind: &str, labels: &str) -> Vec<Value> {
    let found: Value =
        serde_json::from_str(&kubectl(&["get", "-n", namespace, kind, "-l", labels, "-o", "json"])).unwrap();
    found["items"].as_array().unwrap().clone()
}

/// Polls until `probe` returns a value. Panics with the text of `what` after `limit`.
pub(crate) fn eventually<T>(
    what: impl Fn() -> String,
    limit: Duration,
    mut probe: impl FnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {limit:?} in vain for {}", what());
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The processes that have exactly this command line: pods are processes of this machine.
pub(crate) fn processes(command: &str) -> Vec<u32> {
    let line = |pid: &u32| {
        let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).replace('\0', " ").trim().to_owned()
    };
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| line(pid) == command).collect()
}

/// The digest that Gitea's registry has under a tag of a public image.
pub(crate) async fn pushed_digest(repository: &str, tag: &str) -> String {
    let url = format!("{}/v2/{repository}/manifests/{tag}", gitea().url());
    let accept = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json";
    let request = client().get(url).basic_auth(ADMIN, Some(gitea().admin_token())).header("accept", accept);
    let response = request.send().await.unwrap();
    let digest = response.headers().get("docker-content-digest");
    digest.unwrap_or_else(|| panic!("{repository}:{tag}: {}", response.status())).to_str().unwrap().to_owned()
}
