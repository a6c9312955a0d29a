//! What all of them build and deploy: a service and its GitOps repository in the cluster's Gitea.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::cluster::{NODE, get, gitea, state};
use crate::install;
use crate::support::gitea::Repo;
use crate::support::plugin::tree;

/// Files of the service beside the one that changes, and the size of each in bytes.
const FILES: usize = 200;
const SIZE: usize = 5_000;

/// The repositories.
pub(crate) struct Shop {
    pub(crate) service: Repo<'static>,
    pub(crate) gitops: Repo<'static>,
}

impl Shop {
    /// Installs the product unless it is installed, and lays out both repositories.
    pub(crate) async fn open() -> Self {
        let users = ["gitea-credentials", "git-write-back"].map(installed_for);
        let [owner, ops] = match users {
            [Some(owner), Some(ops)] => [owner, ops],
            _ => {
                let site = install::site().await;
                [site.owner.clone(), site.ops.clone()]
            }
        };
        let process = std::process::id();
        let shop = Self {
            service: gitea().repo(&owner, &format!("chain-{process}")).await,
            gitops: gitea().repo(&ops, &format!("chain-gitops-{process}")).await,
        };
        shop.lay_out().await;
        shop
    }

    async fn lay_out(&self) {
        // The step that takes long stands before what changes, as in any Dockerfile that uses its cache.
        let dockerfile = format!(
            "FROM {NODE}:5000/busybox:1\nRUN dd if=/dev/urandom of=/dependencies bs=1M count=20\nCOPY src /src\n"
        );
        let text = "x".repeat(SIZE);
        let names: Vec<_> = (0..FILES).map(|number| format!("src/{number}.txt")).collect();
        let mut files: Vec<_> = names.iter().map(|name| (name.as_str(), text.as_str())).collect();
        files.push(("Dockerfile", &dockerfile));
        self.service.push_directory(tree(&files).path(), "main", "first").await;
        let values = "image:\n  tag: \"0\"\n  digest: \"\"\n";
        // The second is where the Sensor of `sensors/` writes.
        let service = self.service.full_name();
        let own = format!("charts/{}/values.yaml", service.rsplit('/').next().unwrap());
        let values = tree(&[("chart/values.yaml", values), (&own, values)]);
        self.gitops.push_directory(values.path(), "main", "lay out").await;
    }

    /// Changes one source file, and gives the commit.
    pub(crate) async fn change(&self) -> String {
        let text = format!("{:?}\n", std::time::SystemTime::now());
        self.service.commit_file("main", "src/main.txt", &text, "change").await
    }

    /// What the server's own files say that the manifest's branch points at: asking Gitea would cost it time.
    pub(crate) fn deployed(&self) -> String {
        let name = self.gitops.full_name().to_lowercase();
        let file = state(&format!("gitea/data/gitea-repositories/{name}.git/refs/heads/main"));
        std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    }
}

/// The user whose login a former run's installation left in a Secret.
fn installed_for(name: &str) -> Option<String> {
    let secret = get("builds", "secret", name);
    let user = BASE64_STANDARD.decode(secret["data"]["username"].as_str()?).unwrap();
    Some(String::from_utf8(user).unwrap())
}
