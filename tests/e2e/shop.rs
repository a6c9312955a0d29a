//! A service and its GitOps repository in the cluster's Gitea. The users whose logins are in the Secrets of
//! `docs/install.md` own them.

use serde_json::json;

use crate::cluster::{NODE, gitea};
use crate::install;
use crate::support::gitea::Repo;
use crate::support::plugin::tree;
use crate::workflow::Workflow;

/// The service that a test builds and deploys.
pub(crate) struct Shop {
    pub(crate) service: Repo<'static>,
    pub(crate) gitops: Repo<'static>,
}

/// The manifest in the GitOps repository.
const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME}
spec:
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: app
        image: IMAGE:none # set by argo-buildkit
        command: [sh, -c, sleep 100000]
";

impl Shop {
    /// A shop on an installed cluster. Its service has `dockerfile`, in which `BASE` is replaced by busybox, and a
    /// text that was not built before.
    pub(crate) async fn open(dockerfile: &str) -> Self {
        let site = install::site().await;
        let service = gitea().repo(&site.owner, &format!("api-{}", std::process::id())).await;
        let gitops = gitea().repo(&site.ops, &format!("gitops-{}", std::process::id())).await;
        let base = format!("FROM {NODE}:5000/busybox:1\nENV SHOP={}", service.full_name());
        let dockerfile = dockerfile.replace("FROM BASE", &base);
        let files = tree(&[("Dockerfile", &dockerfile), ("main.txt", "hello\n")]);
        service.push_directory(files.path(), "main", "first").await;
        let shop = Self { service, gitops };
        let deployment = DEPLOYMENT.replace("NAME", &shop.name()).replace("IMAGE", &shop.image());
        let values = "image:\n  tag: \"0\" # set by argo-buildkit\n  digest: \"\"\n";
        let files = tree(&[("app/deployment.yaml", &deployment), ("chart/values.yaml", values)]);
        shop.gitops.push_directory(files.path(), "main", "lay out").await;
        shop
    }

    /// The name of its Deployment.
    pub(crate) fn name(&self) -> String {
        let full = self.service.full_name();
        full.rsplit('/').next().unwrap().to_owned()
    }

    /// Its image in Gitea's registry, without a tag.
    pub(crate) fn image(&self) -> String {
        self.service.image()
    }

    /// The parameters with which `ci-cd-buildkit-deploy` builds it and writes the manifest of [`DEPLOYMENT`].
    pub(crate) fn parameters(&self) -> Vec<(&'static str, String)> {
        let container = json!({"kind": "Deployment", "name": self.name(), "container": "app", "image": format!("{}@$(build.digest)", self.image())});
        let targets = json!([{"file": "app/deployment.yaml", "container": container}]);
        vec![
            ("repo", self.service.url()),
            ("image", self.image()),
            ("insecure", "true".into()),
            ("gitops-repo", self.gitops.url()),
            ("targets", targets.to_string()),
        ]
    }

    /// Submits `ci-cd-buildkit-deploy`, or another template with the same parameters.
    pub(crate) fn submit(&self, template: &str, more: &[(&str, &str)]) -> Workflow {
        let own = self.parameters();
        let own = own.iter().map(|(name, value)| (*name, value.as_str()));
        Workflow::submit(template, &own.chain(more.iter().copied()).collect::<Vec<_>>())
    }
}
