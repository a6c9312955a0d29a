//! `build`: a Dockerfile build from Git on the shared buildkitd, and the push of its image.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;

use super::node::{Fields, Node};
use super::{InvalidStep, RegistryRef, SecretKey, SecretRef, names};

mod cache;
mod context;
mod mounted;
mod options;
mod platform;
mod spec;

pub use cache::{Cache, CacheExport, CacheMode};
pub use context::{GitContext, NamedContext};
pub(crate) use mounted::SSH_PRIVATE_KEY;
use mounted::{secrets, ssh};
pub use options::{Algorithm, Compression, Network, NoCache};
pub use platform::Platform;

pub(super) use spec::{SPEC, mentions};

/// The fields of `build`, in the order of docs/steps.md.
pub(super) const FIELDS: &[&str] = &[
    "context",
    "dockerfile",
    "dockerfile-inline",
    "target",
    "platforms",
    "build-args",
    "secrets",
    "ssh",
    "contexts",
    "tags",
    "push",
    "registry-secret",
    "attach-log",
    "labels",
    "annotations",
    "cache",
    "no-cache",
    "network",
    "extra-hosts",
    "compression",
];

/// The key of a `kubernetes.io/dockerconfigjson` Secret.
pub const DOCKER_CONFIG_KEY: &str = ".dockerconfigjson";

/// A valid `build` step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// The repository that is built.
    pub context: GitContext,
    /// Where the Dockerfile comes from.
    pub dockerfile: Dockerfile,
    /// The stage to build; the last one when absent.
    pub target: Option<String>,
    /// What to build for, in order and without repetition; empty is buildkitd's own platform.
    pub platforms: Vec<Platform>,
    /// `ARG`s by name. BuildKit's history keeps them in clear.
    pub build_args: BTreeMap<String, String>,
    /// Secrets that `RUN --mount=type=secret` may ask for, each id once.
    pub secrets: Vec<BuildSecret>,
    /// Private keys that `RUN --mount=type=ssh` may sign with, each id once.
    pub ssh: Vec<BuildSecret>,
    /// Other contexts, by the name that the Dockerfile has for them.
    pub contexts: BTreeMap<String, NamedContext>,
    /// Every name of the image, each once, always with a tag and never with a digest; not empty when pushing.
    pub tags: Vec<RegistryRef>,
    /// Whether the image is pushed.
    pub push: bool,
    /// A docker config with the logins of the registries; without it registries are asked anonymously.
    pub registry_secret: Option<SecretKey>,
    /// Whether the log is kept in the first tag's repository; what is not pushed has none there.
    pub attach_log: bool,
    /// Labels of the image's config.
    pub labels: BTreeMap<String, String>,
    /// Annotations of the image's manifest.
    pub annotations: BTreeMap<String, String>,
    /// What is imported into and exported from the build cache.
    pub cache: Cache,
    /// Which stages run again although the cache has them.
    pub no_cache: NoCache,
    /// The network of `RUN`.
    pub network: Network,
    /// Lines of `/etc/hosts`: host and address.
    pub extra_hosts: Vec<(String, IpAddr)>,
    /// How layers are compressed; BuildKit's default when absent.
    pub compression: Option<Compression>,
}

/// Where a Dockerfile comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dockerfile {
    /// A path relative to the context's directory.
    File(String),
    /// The text itself.
    Inline(String),
}

/// A secret or an ssh key that the Dockerfile may mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildSecret {
    /// The id in `RUN --mount=type=secret,id=…` or `type=ssh,id=…`.
    pub id: String,
    /// Where its value is.
    pub secret: SecretKey,
}

/// Reads the value under `build`.
pub(super) fn read(node: Node<'_>) -> Result<Build, InvalidStep> {
    let mut fields = node.fields(FIELDS)?;
    let build = Build {
        context: GitContext::read(fields.required("context")?)?,
        dockerfile: Dockerfile::read(&mut fields)?,
        target: fields.optional("target").map(Node::word).transpose()?,
        platforms: fields.or_default("platforms", platform::read)?,
        build_args: fields.or_default("build-args", build_args)?,
        secrets: fields.or_default("secrets", secrets)?,
        ssh: fields.or_default("ssh", ssh)?,
        contexts: fields.or_default("contexts", context::named)?,
        push: fields.switch("push", true)?,
        tags: fields.or_default("tags", tags)?,
        registry_secret: fields.optional("registry-secret").map(registry_secret).transpose()?,
        attach_log: fields.switch("attach-log", true)?,
        labels: fields.or_default("labels", Node::texts)?,
        annotations: fields.or_default("annotations", Node::texts)?,
        cache: fields.or_default("cache", Cache::read)?,
        no_cache: fields.or_default("no-cache", NoCache::read)?,
        network: fields.or_default("network", Network::read)?,
        extra_hosts: fields.or_default("extra-hosts", options::extra_hosts)?,
        compression: fields.optional("compression").map(Compression::read).transpose()?,
    };
    check_tags(&build, &fields)?;
    Ok(build)
}

impl Dockerfile {
    fn read(fields: &mut Fields<'_>) -> Result<Self, InvalidStep> {
        match (fields.optional("dockerfile"), fields.optional("dockerfile-inline")) {
            (Some(_), Some(inline)) => {
                Err(inline.refuse("stands beside `dockerfile`; the Dockerfile comes from one of them"))
            }
            (None, Some(inline)) => inline.lines().map(Self::Inline),
            (Some(file), None) => file.checked(super::files::file).map(Self::File),
            (None, None) => Ok(Self::File("Dockerfile".into())),
        }
    }
}

/// What only two fields together can get wrong.
fn check_tags(build: &Build, fields: &Fields<'_>) -> Result<(), InvalidStep> {
    if build.push && build.tags.is_empty() {
        return Err(fields.refuse("tags", "is missing; a push needs at least one (or set `push: false`)"));
    }
    let Some(export) = &build.cache.to else { return Ok(()) };
    if build.tags.iter().any(|tag| tag.image == export.target.image) {
        let image = &export.target.image;
        return Err(
            fields.refuse("cache", format!("`to` is `{image}`, one of `tags`; the cache would replace it"))
        );
    }
    Ok(())
}

fn build_args(node: Node<'_>) -> Result<BTreeMap<String, String>, InvalidStep> {
    let read =
        |(name, value): (String, Node<'_>)| match name.contains(|c: char| c == '=' || c.is_whitespace()) {
            true => Err(value.refuse("the name of a build argument holds neither `=` nor spaces")),
            false => Ok((name, value.text()?)),
        };
    node.map()?.into_iter().map(read).collect()
}

fn tags(node: Node<'_>) -> Result<Vec<RegistryRef>, InvalidStep> {
    let (mut tags, mut seen) = (Vec::new(), HashSet::new());
    for item in node.words()? {
        let tag = names::writable(&item, RegistryRef::read(item.clone())?)?;
        if seen.insert(tag.image.clone()) {
            tags.push(tag);
        }
    }
    Ok(tags)
}

fn registry_secret(node: Node<'_>) -> Result<SecretKey, InvalidStep> {
    let SecretRef { name, key } = SecretRef::read(node)?;
    Ok(SecretKey { name, key: key.unwrap_or_else(|| DOCKER_CONFIG_KEY.into()) })
}
