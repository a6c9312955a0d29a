//! The versions that docs/compatibility.md calls tested are those that the test bed builds.

use super::markdown::rows;
use super::read;

/// How a row of the page begins, the folder of tests/testbed, and the module whose version it pins.
const PINNED: &[(&str, &str, &str)] = &[
    ("Argo Workflows, with sidecars", "argo", "github.com/argoproj/argo-workflows/v4"),
    ("Argo Workflows, with the shared agent", "argo", "github.com/argoproj/argo-workflows/v4"),
    ("Argo Events", "argo-events", "github.com/argoproj/argo-events"),
    ("Argo CD", "argocd", "github.com/argoproj/argo-cd/v3"),
    ("Kubernetes", "kube", "k8s.io/kubernetes"),
    ("Kubernetes", "node", "k8s.io/kubernetes"),
    ("the gate", "kube", "k8s.io/kubernetes"),
    ("container runtime", "containerd", "github.com/containerd/containerd/v2"),
    ("container runtime", "runc", "github.com/opencontainers/runc"),
    ("BuildKit", "buildkit", "github.com/moby/buildkit"),
    ("Gitea: Git", "gitea", "code.gitea.io/gitea"),
    ("Gitea's registry", "gitea", "code.gitea.io/gitea"),
    ("distribution", "distribution", "github.com/distribution/distribution/v3"),
    ("cosign", "cosign-v2", "github.com/sigstore/cosign/v2"),
    ("cosign", "cosign-v3", "github.com/sigstore/cosign/v3"),
    ("kustomize", "yaml", "sigs.k8s.io/kustomize/kustomize/v5"),
    ("kustomize", "helm", "helm.sh/helm/v3"),
];

/// The version of `module` in a go.mod, without its `v`.
fn pinned(folder: &str, module: &str) -> String {
    let text = read(format!("tests/testbed/{folder}/go.mod"));
    let mut lines = text.lines().map(|line| line.trim().trim_start_matches("require "));
    let version = lines.find_map(|line| line.strip_prefix(module)?.strip_prefix(" v"));
    let version = version.unwrap_or_else(|| panic!("no {module} in {folder}/go.mod"));
    version.split(' ').next().unwrap().to_owned()
}

#[test]
fn the_tested_versions_are_those_of_the_test_bed() {
    let rows = rows(&read("docs/compatibility.md"));
    for (row, folder, module) in PINNED {
        let version = pinned(folder, module);
        let found = rows.iter().find(|cells| cells[0].starts_with(*row));
        let tested = &found.unwrap_or_else(|| panic!("no row `{row}`"))[1];
        let mut words = tested.split(|c: char| !(c.is_ascii_digit() || c == '.'));
        assert!(words.any(|word| word == version), "{row}: {tested}, and {version} is built");
    }
}
