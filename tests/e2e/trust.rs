//! A second tenant of the same buildkitd as the attacker: in another namespace, with a certificate or served by the same shared agent, with
//! a login and a repository of its own, and with Dockerfiles and workflows as it likes.

use tokio::sync::OnceCell;

use crate::agent::is_gated;
use crate::cluster::{self, NODE, PATIENCE, attempt, eventually, gitea, kubectl, list};
use crate::install;
use crate::mode::{Mode, mode};
use crate::stops::Endless;
use crate::support::gitea::Repo;
use crate::support::plugin::tree;
use crate::tenants::{copy_secrets, namespace_of_workflows};
use crate::workflow::Workflow;

/// The attacker.
struct Rival {
    namespace: &'static str,
    repository: Repo<'static>,
}

impl Rival {
    /// In agent mode it is the tenant that the agent serves beside the installation's namespace.
    async fn shared() -> &'static Self {
        static RIVAL: OnceCell<Rival> = OnceCell::const_new();
        RIVAL.get_or_init(Self::make).await
    }

    async fn make() -> Self {
        install::site().await;
        let namespace = match mode() {
            Mode::Agent => "tenant",
            Mode::Sidecar => "rival",
        };
        if mode() == Mode::Sidecar {
            namespace_of_workflows(namespace);
            copy_secrets(namespace, &["buildkit-client-tls"]);
        }
        let user = gitea().user(&format!("rival-{}", std::process::id())).await;
        let repository = gitea().repo(&user, "source").await;
        repository.push_directory(tree(&[("readme", "x\n")]).path(), "main", "first").await;
        let token = gitea().token(&user, &["read:repository"]).await;
        let login = [format!("--from-literal=username={user}"), format!("--from-literal=password={token}")];
        // One of the names that the plugin's Role has.
        let secret = ["create", "secret", "generic", "git-write-back", "-n", namespace];
        kubectl(&[&secret[..], &[&login[0], &login[1]]].concat());
        let host = format!("argo-buildkit.io/hosts={NODE}:3000");
        kubectl(&["annotate", "-n", namespace, "secret/git-write-back", &host, "argo-buildkit.io/use=git"]);
        Self { namespace, repository }
    }

    /// A workflow that builds `dockerfile`, in which `BASE` stands for busybox; `spec` is more of its spec.
    fn builds(&self, dockerfile: &str, spec: &str) -> Workflow {
        let dockerfile = dockerfile.replace("BASE", &format!("{NODE}:5000/busybox:1"));
        let text = serde_json::to_string(&dockerfile).unwrap();
        let yaml =
            BUILD.replace("REPO", &self.repository.url()).replace("DOCKERFILE", &text).replace("MORE", spec);
        Workflow::create(self.namespace, &yaml)
    }
}

const BUILD: &str = "
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: rival-}
spec:
  entrypoint: build
  serviceAccountName: buildkit-workflow
  MORE
  templates:
  - name: build
    plugin:
      buildkit:
        build:
          context: {repo: REPO, revision: main, secret: git-write-back}
          dockerfile-inline: DOCKERFILE
          push: false
";

/// Holds what it was told in its environment and in a file.
const VICTIM: &str = "FROM BASE\nCOPY main.txt /told.txt\nRUN export TOLD=secret-of-tenant-a; echo $TOLD > /told; sleep NUMBER\n";

/// Fails where it sees more processes than its own, or what the victim holds. What it looks for is not in its own command line.
const WALK: &str = "FROM BASE\nRUN echo ROUND; for p in /proc/[0-9]*; do cat $p/environ $p/cmdline $p/root/told 2>/dev/null; done \
    | tr '\\0' '\\n' > /seen; cat /seen; [ -s /seen ] && ! grep 'of-[t]enant-a' /seen && ! grep 'sleep NUMBER' /seen\n";

#[tokio::test]
async fn a_step_that_walks_proc_sees_nothing_of_a_neighbours_running_step() {
    let rival = Rival::shared().await;
    let victim = Endless::with(VICTIM).await;
    let building = victim.start(&[]);
    let number = victim.marker.strip_prefix("sleep ").unwrap();
    // The pattern must not find the attacker itself.
    let pattern = format!("[{}]{}", &number[..1], &number[1..]);
    let walk = WALK.replace("ROUND", number).replace("sleep NUMBER", &format!("sleep {pattern}"));
    rival.builds(&walk, "").succeeds();
    assert!(victim.runs(), "the victim's step ran all the while: {}", building.report());
    attempt("argo", &["terminate", "-n", &building.namespace, &building.name]).unwrap();
    victim.gone("terminate");
}

#[tokio::test]
async fn a_frontend_of_the_attackers_own_is_refused() {
    let rival = Rival::shared().await;
    let workflow = rival.builds(&format!("# syntax={NODE}:5000/busybox:1\nFROM BASE\n"), "");
    assert_ne!(workflow.end(), "Succeeded", "{}", workflow.report());
    let message = workflow.node()["message"].to_string();
    assert!(message.contains("is not an allowed gateway source"), "{message}");
}

#[tokio::test]
async fn no_account_of_workflows_writes_another_namespaces_tasks() {
    let rival = Rival::shared().await;
    let account = format!("system:serviceaccount:{}:buildkit-workflow", rival.namespace);
    let may = |act: &str, namespace: &str| {
        let words: Vec<_> = act.split(' ').collect();
        let question = [&["auth", "can-i", "-n", namespace, "--as", &account], &words[..]].concat();
        attempt("kubectl", &question).is_ok()
    };
    for namespace in ["builds", rival.namespace] {
        // Argo's agent pod needs it in its own namespace; with the shared agent none runs.
        let own = namespace == rival.namespace && mode() == Mode::Sidecar;
        assert_eq!(may("patch workflowtasksets --subresource=status", namespace), own, "{namespace}");
        assert!(!may("get secrets/git-write-back", namespace), "{namespace}");
        assert!(!may("create pods", namespace), "{namespace}");
    }
}

/// `podMetadata` is put over the labels of all pods of a workflow, its agent's too.
#[tokio::test]
async fn a_workflow_does_not_pass_the_gate_by_labels() {
    if mode() == Mode::Sidecar {
        return;
    }
    let rival = Rival::shared().await;
    let labels = "podMetadata: {labels: {workflows.argoproj.io/component: other, attack: gate}}";
    let workflow = rival.builds("FROM BASE\nRUN sleep 3\n", labels);
    let made = || list(rival.namespace, "pod", "attack=gate").into_iter().next();
    let pod = eventually(|| format!("the agent pod of {}", workflow.report()), PATIENCE, made);
    assert!(is_gated(&pod), "{pod:#}");
    workflow.succeeds();
}

/// The component for one team, as a second daemon of that team's own (deploy/README.md).
const FOR_ONE_TEAM: &str = "
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: buildkit-b
resources: [../../deploy/base/buildkitd]
components: [../../deploy/components/buildkitd-no-process-sandbox]
images: [{name: moby/buildkit, newName: REGISTRY/buildkit, newTag: rootless}]
patches:
- target: {kind: Deployment, name: buildkitd}
  patch: |-
    - {op: remove, path: /spec/template/spec/containers/0/resources/requests}
    - {op: replace, path: /spec/template/spec/volumes/2, value: {name: state, emptyDir: {}}}
";

/// That it starts, and tells `check` what it is.
#[tokio::test]
async fn the_daemon_for_one_team_runs_and_says_that_its_steps_share_processes() {
    if mode() == Mode::Agent {
        return;
    }
    install::site().await;
    let room = tempfile::Builder::new().prefix("daemon-").tempdir_in(cluster::tree().join("target")).unwrap();
    let own = FOR_ONE_TEAM.replace("REGISTRY", &format!("{NODE}:5000"));
    std::fs::write(room.path().join("kustomization.yaml"), own).unwrap();
    kubectl(&["apply", "--server-side", "-k", room.path().to_str().unwrap()]);
    let certificates = "scripts/certificates --daemon buildkit-b --clients buildkit-b | kubectl apply -f -";
    attempt("bash", &["-euo", "pipefail", "-c", certificates]).unwrap();
    kubectl(&["rollout", "status", "-n", "buildkit-b", "deployment/buildkitd", "--timeout=3m"]);
    let workers =
        ["exec", "-n", "buildkit-b", "deployment/buildkitd", "--", "buildctl", "debug", "workers", "-v"];
    let said = kubectl(&workers);
    assert!(said.contains("no-sandbox"), "{said}");
    let said = kubectl(&[
        "exec",
        "-n",
        "buildkit",
        "deployment/buildkitd",
        "--",
        "buildctl",
        "debug",
        "workers",
        "-v",
    ]);
    assert!(said.contains("process-mode") && !said.contains("no-sandbox"), "{said}");
    kubectl(&["delete", "namespace", "buildkit-b", "--wait=false"]);
}

/// Every id under which BuildKit's Git source would ask for the login of this context.
const LOGINS: &str = "FROM BASE\nRUN MOUNTS cat /logins/* 2>/dev/null > /found; [ ! -s /found ]\n";

#[tokio::test]
async fn a_dockerfile_finds_no_login_of_its_own_context() {
    let rival = Rival::shared().await;
    let ids = ["GIT_AUTH_HEADER", "GIT_AUTH_TOKEN"];
    let ids =
        ids.iter().flat_map(|id| [(*id).to_owned(), format!("{id}.{NODE}:3000"), format!("{id}.{NODE}")]);
    let mounts: Vec<_> = ids
        .map(|id| format!("--mount=type=secret,id={id},target=/logins/{}", id.replace(['.', ':'], "-")))
        .collect();
    rival.builds(&LOGINS.replace("MOUNTS", &mounts.join(" ")), "").succeeds();
}

/// A manifest and an upload without a login, from where buildkitd's own exports come.
const PUT: &str = "FROM BASE\nRUN set -- \"PUT /v2/cache/NAME/manifests/latest\" \"POST /v2/cache/NAME/blobs/uploads/\"; \
    for request; do printf '%s HTTP/1.1\\r\\nHost: HOST\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n' \"$request\" \
    | nc cache-registry.buildkit-cache.svc 5000 | head -n 1 | grep ' 401 ' || exit 1; done\n";

/// With sidecars the registry of `deploy/base` is for one namespace, and asks for no login.
#[tokio::test]
async fn a_step_writes_nothing_to_the_cache_registry() {
    if mode() == Mode::Sidecar {
        return;
    }
    let rival = Rival::shared().await;
    let put = PUT.replace("NAME", "victim").replace("HOST", "cache-registry.buildkit-cache.svc:5000");
    rival.builds(&put, "").succeeds();
}
