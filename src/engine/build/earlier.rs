//! `skip-if-exists`: the image that an earlier build made of the same inputs.
//!
//! The inputs that a step and its commit decide are hashed, and the hash is an annotation of the image. What a Dockerfile names
//! besides, such as the tag of a base image, is known only after a build. BuildKit lists it in the provenance, with digests, and each
//! image there is asked for again. If anything differs or cannot be told, the image is built.

use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tracing::info;

use super::super::Engine;
use super::super::context::Cx;
use super::inputs::Inputs;
use super::request::INPUTS;
use crate::buildkit::{GitLogin, GitTree, Solve};
use crate::oci::{BuildRecord, BuildSource, ImageRef};
use crate::step::{Build, RegistryRef};
use crate::text::unescaped;
use crate::time_limits::{calls, within};

/// The time limit for the whole search. The build waits for it.
const PATIENCE: Duration = calls::REGISTRY_EARLIER.whole();
/// The number of base images that are asked for at a time.
const AT_A_TIME: usize = 8;

/// Attributes of the exporter that say where the image goes, and not what it is.
const PLACES: [&str; 3] = ["name", "push", "registry.insecure"];

/// The hash of everything that decides what `request` builds and this process knows.
pub(super) fn marker(build: &Build, request: &Solve) -> String {
    // Destructured completely, so that a new field does not compile until someone decides about it.
    let Solve {
        attrs,
        inline_dockerfile,
        context,
        contexts,
        exporters,
        cache_to,
        allow_host_network,
        allow_insecure_runs,
        // The name of this run, and what only makes it faster.
        reference: _,
        cache_from: _,
        traceparent: _,
        internal: _,
        // A build pulls no image for itself.
        image: _,
        // Rights, and not what is read. The commits are in the contexts.
        allowed_git: _,
        allowed_images: _,
    } = request;
    let secrets: Vec<_> = build.secrets.iter().map(|secret| &secret.id).collect();
    let ssh: Vec<_> = build.ssh.iter().map(|key| &key.id).collect();
    let exporter = exporters.first().map(|exporter| {
        let mut attrs = exporter.attrs.clone();
        attrs.retain(|name, _| !PLACES.contains(&name.as_str()) && !name.ends_with(INPUTS));
        attrs
    });
    let caches: Vec<_> = cache_to.iter().map(|cache| &cache.kind).collect();
    let inputs = json!({
        "attrs": attrs,
        "dockerfile": inline_dockerfile,
        "context": context.as_ref().map(|tree| shown(tree.clone())),
        "contexts": contexts.iter().map(|(name, tree)| (name, shown(tree.clone()))).collect::<Vec<_>>(),
        "exporter": exporter,
        "caches": caches,
        "rights": [allow_host_network, allow_insecure_runs],
        "secrets": secrets,
        "ssh": ssh,
    });
    format!("sha256:{}", hex::encode(Sha256::digest(inputs.to_string())))
}

/// A checkout without the ids of its logins, which are new in each run.
fn shown(mut tree: GitTree) -> String {
    tree.login = GitLogin::None;
    tree.modules.iter_mut().for_each(|module| module.tree.login = GitLogin::None);
    format!("{tree:?}")
}

/// The digest of the image that all tags of `build` name, if it was built from the inputs with `marker` and everything else that it
/// was built from is still the same.
pub(super) async fn find(
    engine: &Engine,
    build: &Build,
    inputs: &Inputs,
    marker: &str,
    cx: &Cx,
) -> Option<String> {
    cx.now("looking for an earlier build of the same inputs");
    let search = Search { engine, build, inputs, marker };
    let found = match within(PATIENCE, "the registries", Box::pin(search.run())).await {
        Ok(found) => found,
        Err(late) => Err(late.to_string()),
    };
    found
        .inspect_err(|why| info!(workflow.name = %cx.workflow.name, "building: {}", cx.redactor.line(why)))
        .ok()
}

struct Search<'a> {
    engine: &'a Engine,
    build: &'a Build,
    inputs: &'a Inputs,
    marker: &'a str,
}

impl Search<'_> {
    /// The digest, or the reason to build.
    async fn run(&self) -> Result<String, String> {
        let (first, others) = self.build.tags.split_first().ok_or("there is no tag to look at")?;
        let record = self.record(first).await?;
        for tag in others {
            let asked =
                self.engine.registry.manifest_exists(&tag.image, &self.inputs.auth, tag.insecure).await;
            match asked.map_err(|error| error.to_string())? {
                Some(digest) if digest == record.digest => {}
                _ => return Err(format!("{} does not name {}", tag.image, record.digest)),
            }
        }
        let (same, whole) =
            tokio::join!(self.check_sources(&record.sources), self.check_whole(first, &record));
        same.and(whole).map(|()| record.digest)
    }

    async fn record(&self, tag: &RegistryRef) -> Result<BuildRecord, String> {
        let (registry, auth) = (&self.engine.registry, &self.inputs.auth);
        let asked = registry.build_record(&tag.image, (INPUTS, self.marker), auth, tag.insecure).await;
        let found = asked.map_err(|error| error.to_string())?;
        found.ok_or_else(|| format!("{} is not there, or was not built from the same inputs", tag.image))
    }

    /// Checks that the registry has not lost a part of the image.
    async fn check_whole(&self, tag: &RegistryRef, record: &BuildRecord) -> Result<(), String> {
        let image = format!("{}@{}", tag.image.name(), record.digest);
        let image = image.parse::<ImageRef>().map_err(|error| error.to_string())?;
        let asked = self.engine.registry.missing_blob(&image, &self.inputs.auth, tag.insecure).await;
        match asked.map_err(|error| error.to_string())? {
            Some(lost) => Err(format!("the registry of {image} has lost {lost}")),
            None => Ok(()),
        }
    }

    /// Checks that each source is a proven commit, or an image that its name still means.
    async fn check_sources(&self, sources: &[BuildSource]) -> Result<(), String> {
        let commits: Vec<_> = self.inputs.commits().collect();
        let others = sources.iter().filter(|source| !commits.contains(&source.digest.as_str()));
        let checks = others.map(|source| self.check_image(source));
        stream::iter(checks.collect::<Vec<_>>()).buffer_unordered(AT_A_TIME).try_collect().await
    }

    async fn check_image(&self, source: &BuildSource) -> Result<(), String> {
        let BuildSource { uri, digest } = source;
        let name = package(uri).ok_or_else(|| format!("what {uri} is now cannot be told"))?;
        let image = name.parse::<ImageRef>().map_err(|error| error.to_string())?;
        if image.digest().is_some() {
            return Ok(());
        }
        let insecure = self.inputs.is_insecure(image.registry());
        let asked = self.engine.registry.manifest_exists(&image, &self.inputs.auth, insecure).await;
        match asked.map_err(|error| error.to_string())? {
            Some(now) if now == format!("sha256:{digest}") => Ok(()),
            _ => Err(format!("{image} is another image now")),
        }
    }
}

/// The reference of an image in a package URL: `pkg:docker/NAME@TAG?digest=…&platform=…` (buildkit `util/purl/image.go`). It has a
/// `digest` if the build named one, and no other image was possible then.
fn package(uri: &str) -> Option<String> {
    let rest = uri.strip_prefix("pkg:docker/")?;
    let (path, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
    let (name, version) = path.rsplit_once('@').unwrap_or((path, ""));
    let (name, version) = (unescaped(name)?, unescaped(version)?);
    let digest = qualifiers.split('&').find_map(|qualifier| qualifier.strip_prefix("digest="));
    match (digest, version.as_str()) {
        (Some(digest), _) => Some(format!("{name}@{}", unescaped(digest)?)),
        (None, "") => None,
        (None, digest) if digest.contains(':') => Some(format!("{name}@{digest}")),
        (None, tag) => Some(format!("{name}:{tag}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_urls_of_images() {
        let digest = format!("sha256:{}", "0".repeat(64));
        for (uri, image) in [
            ("pkg:docker/busybox@1.36?platform=linux%2Famd64", Some("busybox:1.36".to_owned())),
            (
                "pkg:docker/127.0.0.1%3A5000/base/busybox@1?platform=linux%2Famd64",
                Some("127.0.0.1:5000/base/busybox:1".to_owned()),
            ),
            (&format!("pkg:docker/a/b@1?digest={digest}&platform=x"), Some(format!("a/b@{digest}"))),
            (&format!("pkg:docker/a/b?digest={digest}&platform=x"), Some(format!("a/b@{digest}"))),
            (&format!("pkg:docker/a/b@{}", digest.replace(':', "%3A")), Some(format!("a/b@{digest}"))),
            ("pkg:docker/a/b", None),
            ("pkg:oci/a@1", None),
            ("https://files.example/a.tar", None),
        ] {
            assert_eq!(package(uri), image, "{uri}");
        }
    }
}
