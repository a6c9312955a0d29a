//! `build`: builds a Dockerfile from Git on the shared buildkitd, and pushes the image.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;

use super::node::{Fields, Node};
use super::{FieldTable, InvalidStep, RegistryRef, SecretKey, names};

mod annotations;
mod attest;
mod cache;
mod context;
mod mounted;
mod options;
mod platform;
mod run;
mod spec;
mod table;

pub use annotations::{Annotations, Level};
pub use attest::{Attest, Provenance};
pub(crate) use cache::WHEN_NAMES;
pub use cache::{Cache, CacheExport, CacheMode, CacheWhen};
pub use context::{GitContext, NamedContext};
pub(crate) use mounted::SSH_PRIVATE_KEY;
use mounted::{secrets, ssh};
pub use options::{Algorithm, Compression, Entitlement, MediaTypes, Network, NoCache, SourceDate};
pub use platform::Platform;
pub(super) use platform::read as platforms;
pub use run::Ulimit;
pub(super) use run::bytes;

pub(super) use spec::{SPEC, mentions};
use table::BUILD;
pub(super) use table::REPOSITORY;

/// The key of a `kubernetes.io/dockerconfigjson` Secret.
pub const DOCKER_CONFIG_KEY: &str = ".dockerconfigjson";

/// A valid `build` step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// The repository to build.
    pub context: GitContext,
    /// The source of the Dockerfile.
    pub dockerfile: Dockerfile,
    /// The stage to build; the last one when absent.
    pub target: Option<String>,
    /// The target platforms, in order and without repetition. Empty means buildkitd's own platform.
    pub platforms: Vec<Platform>,
    /// `ARG`s by name. BuildKit's history stores them unencrypted.
    pub build_args: BTreeMap<String, String>,
    /// Secrets that `RUN --mount=type=secret` may ask for, each id once.
    pub secrets: Vec<BuildSecret>,
    /// Private keys that `RUN --mount=type=ssh` may sign with, each id once.
    pub ssh: Vec<BuildSecret>,
    /// Other contexts, by their name in the Dockerfile.
    pub contexts: BTreeMap<String, NamedContext>,
    /// Every name of the image, each once, always with a tag and never with a digest; not empty when pushing.
    pub tags: Vec<RegistryRef>,
    /// Whether the image is pushed.
    pub push: bool,
    /// A docker config with the logins of the registries. Without it, registries are accessed anonymously.
    pub registry_secret: Option<SecretKey>,
    /// Whether the log is kept in the first tag's repository. An image that is not pushed has no log there.
    pub attach_log: bool,
    /// Whether a report of the build is attached beside the log.
    pub attach_report: bool,
    /// Labels of the image's config.
    pub labels: BTreeMap<String, String>,
    /// Annotations of the image's manifest and its index.
    pub annotations: Annotations,
    /// The build cache's imports and exports.
    pub cache: Cache,
    /// The stages that run again although they are cached.
    pub no_cache: NoCache,
    /// The network of `RUN`.
    pub network: Network,
    /// The permissions of a `RUN` beyond the sandbox, each once.
    pub entitlements: Vec<Entitlement>,
    /// Lines of `/etc/hosts`: host and address.
    pub extra_hosts: Vec<(String, IpAddr)>,
    /// Bytes of `/dev/shm` in a `RUN`; the daemon's default when absent.
    pub shm_size: Option<u64>,
    /// Limits of a `RUN`'s processes, by Linux' name for them.
    pub ulimits: BTreeMap<String, Ulimit>,
    /// The cgroup of the daemon below which a `RUN` gets its own.
    pub cgroup_parent: Option<String>,
    /// How layers are compressed; BuildKit's default when absent.
    pub compression: Option<Compression>,
    /// The media types of manifests, configs and layers.
    pub media_types: MediaTypes,
    /// The creation time of the image.
    pub source_date_epoch: Option<SourceDate>,
    /// Whether the files of the layers also get that time.
    pub rewrite_timestamp: bool,
    /// What is attested about the image.
    pub attest: Attest,
    /// Whether labels and annotations say what the image was built from.
    pub git_labels: bool,
    /// Whether an image that was built from the same inputs is used again.
    pub skip_if_exists: bool,
}

/// The source of a Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dockerfile {
    /// A path relative to the context's directory.
    File(String),
    /// The text of the Dockerfile itself.
    Inline(String),
}

/// A secret or an ssh key that the Dockerfile may mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildSecret {
    /// The id in `RUN --mount=type=secret,id=…` or `type=ssh,id=…`.
    pub id: String,
    /// The Secret that holds its value.
    pub secret: SecretKey,
}

/// Reads the value under `build`.
pub(super) fn read(node: Node<'_>) -> Result<Build, InvalidStep> {
    let mut fields = node.fields(BUILD)?;
    let build = each(&mut fields)?;
    check_tags(&build, &fields)?;
    check_report(&build, &fields)?;
    check_levels(&build, &fields)?;
    check_times(&build, &fields)?;
    check_skip(&build, &fields)?;
    Ok(build)
}

/// Reads a build of `table`, which has some of the fields of `build`, none of them about the image that is made.
pub(super) fn unpushed(node: Node<'_>, table: &'static FieldTable) -> Result<Build, InvalidStep> {
    Ok(Build { push: false, attach_log: false, attach_report: false, ..each(&mut node.fields(table)?)? })
}

/// Reads each field by itself.
fn each(fields: &mut Fields<'_>) -> Result<Build, InvalidStep> {
    Ok(Build {
        context: GitContext::read(fields.required("context")?)?,
        dockerfile: Dockerfile::read(fields)?,
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
        attach_report: fields.switch("attach-report", false)?,
        labels: fields.or_default("labels", Node::texts)?,
        annotations: fields.or_default("annotations", annotations::read)?,
        cache: fields.or_default("cache", Cache::read)?,
        no_cache: fields.or_default("no-cache", NoCache::read)?,
        network: fields.or_default("network", Network::read)?,
        entitlements: fields.or_default("entitlements", options::entitlements)?,
        extra_hosts: fields.or_default("extra-hosts", options::extra_hosts)?,
        shm_size: fields.optional("shm-size").map(run::bytes).transpose()?,
        ulimits: fields.or_default("ulimits", run::ulimits)?,
        cgroup_parent: fields.optional("cgroup-parent").map(Node::word).transpose()?,
        compression: fields.optional("compression").map(Compression::read).transpose()?,
        media_types: fields.or_default("media-types", MediaTypes::read)?,
        source_date_epoch: fields.optional("source-date-epoch").map(SourceDate::read).transpose()?,
        rewrite_timestamp: fields.switch("rewrite-timestamp", false)?,
        attest: fields.or_default("attest", Attest::read)?,
        git_labels: fields.switch("git-labels", false)?,
        skip_if_exists: fields.switch("skip-if-exists", false)?,
    })
}

impl Build {
    /// Whether the image's digest is that of an index, of several platforms or of an image and its attestations.
    pub fn has_index(&self) -> bool {
        self.platforms.len() > 1 || self.attest.is_any()
    }
}

impl Dockerfile {
    /// The path relative to the context's directory; `None` for an inline Dockerfile.
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::File(path) => Some(path),
            Self::Inline(_) => None,
        }
    }

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

/// Checks fields that are only wrong in combination.
fn check_tags(build: &Build, fields: &Fields<'_>) -> Result<(), InvalidStep> {
    if build.push && build.tags.is_empty() {
        return Err(fields.refuse("tags", "is missing; a push needs at least one (or set `push: false`)"));
    }
    let Some(export) = &build.cache.to else { return Ok(()) };
    let target = &export.target.image;
    if build.tags.iter().any(|tag| tag.image == *target) {
        return Err(
            fields.refuse("cache", format!("`to` is `{target}`, one of `tags`; the cache would replace it"))
        );
    }
    if export.is_by_branch() && build.tags.iter().any(|tag| tag.image.name() == target.name()) {
        let why = format!(
            "`to` is `{target}`, the repository of one of `tags`; the cache of a branch of that name would replace it"
        );
        return Err(fields.refuse("cache", why));
    }
    Ok(())
}

fn check_report(build: &Build, fields: &Fields<'_>) -> Result<(), InvalidStep> {
    match build.attach_report && !build.attach_log {
        true => Err(fields.refuse("attach-report", "is made from the log; leave out `attach-log: false`")),
        false => Ok(()),
    }
}

/// Checks mistakes that BuildKit refuses only after the whole build (`exporter/containerimage/writer.go`).
fn check_levels(build: &Build, fields: &Fields<'_>) -> Result<(), InvalidStep> {
    let has = |wanted: fn(&Level) -> bool| build.annotations.keys().any(|(level, _)| wanted(level));
    if !build.has_index() && has(|level| matches!(level, Level::Index | Level::IndexDescriptor)) {
        let why = "`index:` is for images of several `platforms` or with `attest`; this image has no index";
        return Err(fields.refuse("annotations", why));
    }
    let docker = build.media_types == MediaTypes::Docker;
    if docker && has(|level| !matches!(level, Level::Manifest(_))) {
        return Err(fields.refuse("media-types", "`docker` has annotations in manifests alone"));
    }
    if docker && build.attest.is_any() {
        return Err(fields.refuse("media-types", "`docker` has no attestations; leave out `attest`"));
    }
    let oci_only = |c: &Compression| matches!(c.algorithm, Algorithm::Zstd | Algorithm::Estargz);
    if docker && build.compression.as_ref().is_some_and(oci_only) {
        return Err(fields.refuse("media-types", "`docker` has no name for this `compression`"));
    }
    Ok(())
}

/// The build argument that sets BuildKit's timestamp.
const SOURCE_DATE_EPOCH: &str = "SOURCE_DATE_EPOCH";

fn check_times(build: &Build, fields: &Fields<'_>) -> Result<(), InvalidStep> {
    let argument = build.build_args.contains_key(SOURCE_DATE_EPOCH);
    if argument && build.source_date_epoch.is_some() {
        return Err(
            fields.refuse("source-date-epoch", format!("stands beside `build-args.{SOURCE_DATE_EPOCH}`"))
        );
    }
    if build.rewrite_timestamp && !argument && build.source_date_epoch.is_none() {
        return Err(fields.refuse("rewrite-timestamp", "needs a time; set `source-date-epoch`"));
    }
    Ok(())
}

/// The annotation of the index with the hash of the inputs that it was built from.
pub(crate) const INPUTS: &str = "argo-buildkit.inputs";

fn check_skip(build: &Build, fields: &Fields<'_>) -> Result<(), InvalidStep> {
    if build.annotations.keys().any(|(_, name)| name == INPUTS) {
        return Err(fields.refuse("annotations", format!("`{INPUTS}` is set by `skip-if-exists`")));
    }
    let problem = match build {
        Build { skip_if_exists: false, .. } => return Ok(()),
        Build { push: false, .. } => "looks into the registry; the image must be pushed there",
        Build { attest: Attest { provenance: None, .. }, .. } => {
            "needs `attest: {provenance: min}`: the provenance says which base images an image was built from"
        }
        Build { no_cache: NoCache::Off, .. } => return Ok(()),
        _ => "stands beside `no-cache`, which builds again",
    };
    Err(fields.refuse("skip-if-exists", problem))
}

/// The beginning of build arguments that BuildKit takes for attributes of attestations (`frontend/attestations/parse.go`).
const ATTEST_ARGUMENT: &str = "BUILDKIT_ATTEST_";

fn build_args(node: Node<'_>) -> Result<BTreeMap<String, String>, InvalidStep> {
    let read = |(name, value): (String, Node<'_>)| match name
        .contains(|c: char| c == '=' || c.is_whitespace())
    {
        true => Err(value.refuse("the name of a build argument holds neither `=` nor spaces")),
        // Its generator would run without being among the images that are checked.
        false if name.starts_with(ATTEST_ARGUMENT) => Err(value.refuse("is no build argument; use `attest`")),
        false => Ok((name, value.verbatim()?)),
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

pub(super) fn registry_secret(node: Node<'_>) -> Result<SecretKey, InvalidStep> {
    SecretKey::with_default(node, DOCKER_CONFIG_KEY)
}
