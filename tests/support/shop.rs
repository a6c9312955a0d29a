//! A service and its GitOps repository in Gitea, with the Secrets that a plugin needs for both.

use serde_json::{Value, json};

use super::gitea::{Gitea, Repo};
use super::net::client;
use super::plugin::{Plugin, Setup, tree};
use super::shared::World;

/// The chart's values, with comments that an edit must keep.
pub(crate) const VALUES: &str = "\
# The shop's API.
image:
  repository: registry.example/shop/api  # where it is pushed
  tag: \"0.0.0\" # set by argo-buildkit
  digest: \"\"
replicas: 2
";

/// A service, a GitOps repository, and a plugin that may read, write and push to them.
pub(crate) struct Shop {
    pub(crate) world: &'static World,
    pub(crate) plugin: Plugin,
    pub(crate) service: Repo<'static>,
    pub(crate) gitops: Repo<'static>,
    /// The service's commit.
    pub(crate) sha: String,
    /// The owner of both.
    pub(crate) owner: String,
    /// The token in the Secrets `git` and `registry`.
    pub(crate) token: String,
}

impl Shop {
    /// A shop whose service has `dockerfile`, in which `BASE` is replaced by an image with busybox.
    pub(crate) async fn open(dockerfile: &str) -> Self {
        let world = World::shared().await;
        Self::with(Setup::new(world.buildkitd.address()).start(), dockerfile).await
    }

    /// A shop with the given plugin.
    pub(crate) async fn with(plugin: Plugin, dockerfile: &str) -> Self {
        let world = World::shared().await;
        let gitea: &'static Gitea = world.gitea;
        let owner = gitea.user("shop").await;
        let dockerfile = dockerfile.replace("BASE", &world.busybox);
        let files =
            tree(&[("Dockerfile", &dockerfile), ("main.txt", "hello\n"), ("sub/Dockerfile", &dockerfile)]);
        let (service, sha) = gitea.repo_with(&owner, "api", files.path()).await;
        let chart = tree(&[("chart/values.yaml", VALUES)]);
        let (gitops, _) = gitea.repo_with(&owner, "gitops", chart.path()).await;
        let token = gitea.token(&owner, &["write:repository", "write:package"]).await;
        plugin.put("git", "username", &owner);
        plugin.put("git", "token", &format!("{token}\n"));
        plugin.put("registry", ".dockerconfigjson", &gitea.docker_config_json(&owner, &token));
        Self { world, plugin, service, gitops, sha, owner, token }
    }

    /// The image's name in Gitea's registry, without a tag.
    pub(crate) fn image(&self) -> String {
        self.service.image()
    }

    /// The digest of the image under `tag` in the registry.
    pub(crate) async fn digest(&self, tag: &str) -> Option<String> {
        let url = format!("{}/v2/{}/manifests/{tag}", self.world.gitea.url(), self.service.full_name());
        let accept = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json";
        let request = client().get(url).basic_auth(&self.owner, Some(&self.token)).header("accept", accept);
        let response = request.send().await.unwrap();
        Some(response.headers().get("docker-content-digest")?.to_str().unwrap().to_owned())
    }

    /// A `build` of the service, with `more` fields set.
    pub(crate) fn build(&self, more: Value) -> Value {
        let context = json!({"repo": self.service.url(), "revision": "main", "secret": {"name": "git"}});
        let tags = [format!("{}:1", self.image()), format!("{}:latest", self.image())];
        let mut build = json!({"context": context, "tags": tags, "registry-secret": {"name": "registry"}});
        merge(&mut build, more);
        json!({"build": build})
    }

    /// An `update-manifest` of the chart, with `more` fields set.
    pub(crate) fn update(&self, values: Value, more: Value) -> Value {
        let targets = [json!({"file": "chart/values.yaml", "helm": values})];
        let mut update = json!({"repo": self.gitops.url(), "secret": {"name": "git"}, "targets": targets});
        merge(&mut update, more);
        json!({"update-manifest": update})
    }

    /// A `build`, then an `update-manifest` with its result.
    pub(crate) fn steps(&self) -> Value {
        let values = json!({"image.tag": "1", "image.digest": "$(build.digest)"});
        json!({"steps": [self.build(json!({})), self.update(values, json!({}))]})
    }
}

/// Sets the fields of `more` in `into`; a null removes a field.
pub(crate) fn merge(into: &mut Value, more: Value) {
    let Value::Object(more) = more else { return };
    for (name, value) in more {
        match value {
            Value::Null => drop(into.as_object_mut().unwrap().remove(&name)),
            value => into[name] = value,
        }
    }
}

/// A template with the plugin body `step`.
pub(crate) fn template(step: Value) -> Value {
    json!({"name": "build", "inputs": {}, "outputs": {}, "metadata": {}, "plugin": {"buildkit": step}})
}

/// The same as [`template`], with declared outputs.
pub(crate) fn declaring(step: Value, outputs: &[&str]) -> Value {
    let mut template = template(step);
    let parameter = |name: &&str| json!({"name": name, "valueFrom": {"supplied": {}, "default": ""}});
    template["outputs"]["parameters"] = outputs.iter().map(parameter).collect();
    template
}
