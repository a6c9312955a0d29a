//! Converts a `build` step to BuildKit's terms.

use std::collections::BTreeMap;

use tracing::Span;

use super::cache_refs::CacheTarget;
use super::git_labels;
use super::inputs::{Checkout, Inputs};
use super::sources::keeps_git_dir;
use crate::buildkit::{CacheRef, Exporter, GitSource, GitTree, Ignore, Solve};
use crate::git::KeptRef;
use crate::step::build::{
    CacheMode, Dockerfile, Entitlement, GitContext, Level, MediaTypes, NamedContext, Network, NoCache,
    Platform, Ulimit,
};
use crate::step::{Build, RegistryRef};
use crate::telemetry;

/// The annotation with the hash of the build's inputs.
pub(super) use crate::step::build::INPUTS;

/// The build argument with the prefix for the id of every `RUN --mount=type=cache` (buildkit
/// `frontend/dockerui/config.go`).
const CACHE_MOUNTS: &str = "BUILDKIT_CACHE_MOUNT_NS";

/// The build argument for reproducible builds. With it the files of the context get their commit's time.
const SOURCE_DATE_EPOCH: &str = "SOURCE_DATE_EPOCH";

/// The solve that builds and pushes the image.
pub(super) fn image(build: &Build, inputs: &Inputs) -> Solve {
    let inline_cache = CacheRef { kind: "inline".to_owned(), attrs: BTreeMap::new() };
    let plain = plain(build, inputs);
    let attrs = plain.attrs.into_iter().chain(attestations(build, inputs)).collect();
    Solve {
        attrs,
        exporters: exporters(build, inputs),
        cache_to: build.cache.inline.then_some(inline_cache).into_iter().collect(),
        ..plain
    }
}

/// Lets the image say what it was built from, for [`super::earlier`].
pub(super) fn mark(request: &mut Solve, marker: &str) {
    for exporter in &mut request.exporters {
        exporter.attrs.insert(format!("{}.{INPUTS}", Level::Index.attr()), marker.to_owned());
    }
}

/// Leaves out the caches with the names `caches`.
pub(super) fn leave_out(request: &mut Solve, caches: &[String]) {
    request.cache_from.retain(|from| from.attrs.get("ref").is_none_or(|name| !caches.contains(name)));
}

/// The solve that exports only the cache. All steps are already cached, so it runs none.
pub(super) fn cache(build: &Build, inputs: &Inputs, mode: CacheMode, target: &CacheTarget) -> Solve {
    let mode = if mode == CacheMode::Max { "max" } else { "min" };
    // Gitea's registry requires these formats. They are BuildKit's defaults since 0.21.
    let attrs = [("mode", mode), ("image-manifest", "true"), ("oci-mediatypes", "true")];
    let cache_to = vec![registry_cache(&target.cache, attrs)];
    let mut solve = Solve { cache_to, internal: true, ..plain(build, inputs) };
    // Else the steps that were just built would run again.
    solve.attrs.remove("no-cache");
    if let Some(platform) = &target.platform {
        solve.attrs.insert("platform".to_owned(), platform.to_string());
    }
    solve
}

/// The request of the frontend that reads a Dockerfile, asks about each image of the target, and builds nothing (buildkit
/// `frontend/subrequests/outline`). A frontend that knows no such requests would build, so it is demanded that it does
/// (`frontend/gateway/gateway.go`).
const OUTLINE: [(&str, &str); 2] =
    [("requestid", "frontend.outline"), ("frontend.caps", "moby.buildkit.frontend.subrequests")];

/// The arguments that BuildKit sets for each platform (`frontend/dockerfile/dockerfile2llb/platform.go`). Without a build they have the values
/// of the daemon's own platform, unless they are build arguments.
const TARGET: [&str; 4] = ["TARGETPLATFORM", "TARGETOS", "TARGETARCH", "TARGETVARIANT"];

/// The solve that reads the Dockerfile for `platform`; `None` for the daemon's own.
pub(super) fn outline(build: &Build, inputs: &Inputs, platform: Option<&Platform>) -> Solve {
    let mut solve = Solve { internal: true, cache_from: Vec::new(), ..plain(build, inputs) };
    solve.attrs.remove("platform");
    solve.attrs.extend(OUTLINE.map(|(name, value)| (name.to_owned(), value.to_owned())));
    if let Some(platform) = platform {
        let text = platform.to_string();
        // Without a variant, an empty one: that of the daemon's own platform would be wrong.
        let parts = text.splitn(3, '/').chain(std::iter::repeat(""));
        for (name, value) in TARGET.into_iter().zip(std::iter::once(text.as_str()).chain(parts)) {
            solve.attrs.entry(format!("build-arg:{name}")).or_insert_with(|| value.to_owned());
        }
    }
    solve
}

fn plain(build: &Build, inputs: &Inputs) -> Solve {
    let inline_dockerfile = match &build.dockerfile {
        Dockerfile::Inline(text) => Some(text.clone()),
        Dockerfile::File(_) => None,
    };
    Solve {
        attrs: attrs(build, inputs),
        context: Some(context(build, inputs)),
        contexts: named_contexts(build, inputs).collect(),
        inline_dockerfile,
        cache_from: inputs.imports.caches.iter().map(|from| registry_cache(from, [])).collect(),
        allow_host_network: build.network == Network::Host
            || build.entitlements.contains(&Entitlement::HostNetwork),
        allow_insecure_runs: build.entitlements.contains(&Entitlement::Insecure),
        allowed_git: git_sources(build, inputs).collect(),
        allowed_images: inputs.images.clone(),
        traceparent: telemetry::traceparent(&Span::current()),
        ..Solve::default()
    }
}

fn registry_cache<'a>(
    reference: &RegistryRef,
    attrs: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> CacheRef {
    let insecure = reference.insecure.then_some(("registry.insecure", "true"));
    let attrs = attrs.into_iter().chain(insecure).map(|(k, v)| (k.to_owned(), v.to_owned()));
    CacheRef::registry(&reference.image.to_string(), attrs)
}

/// The commits that the caller has proven to be able to read.
fn git_sources(build: &Build, inputs: &Inputs) -> impl Iterator<Item = GitSource> {
    let source =
        |git: &GitContext, sha: &str| GitSource { url: git.repo.buildkit_url(), sha: sha.to_owned() };
    let named = build.contexts.iter().filter_map(move |(name, context)| match context {
        NamedContext::Git(git) => Some(source(git, &inputs.named.get(name)?.sha)),
        NamedContext::Image(_) => None,
    });
    let checkouts = std::iter::once(&inputs.main).chain(inputs.named.values());
    let modules = checkouts.flat_map(|checkout| checkout.modules.iter().flatten());
    let modules =
        modules.map(|module| GitSource { url: module.tree.url.clone(), sha: module.tree.sha.clone() });
    std::iter::once(source(&build.context, &inputs.sha)).chain(named).chain(modules)
}

/// `dockerfile.v0`'s attributes (buildkit `frontend/dockerui/config.go`).
fn attrs(build: &Build, inputs: &Inputs) -> BTreeMap<String, String> {
    let mut attrs = BTreeMap::new();
    let mut set = |key: String, value: String| drop(attrs.insert(key, value));
    if let Some(path) = build.dockerfile.path() {
        set("filename".to_owned(), path.to_owned());
    }
    if let Some(target) = &build.target {
        set("target".to_owned(), target.clone());
    }
    if !build.platforms.is_empty() {
        set("platform".to_owned(), joined(&build.platforms));
    }
    match &build.no_cache {
        NoCache::Off => {}
        NoCache::All => set("no-cache".to_owned(), String::new()),
        NoCache::Stages(stages) => set("no-cache".to_owned(), stages.join(",")),
    }
    match build.network {
        Network::Sandbox => {}
        Network::None => set("force-network-mode".to_owned(), "none".to_owned()),
        Network::Host => set("force-network-mode".to_owned(), "host".to_owned()),
    }
    if !build.extra_hosts.is_empty() {
        let hosts: Vec<_> = build.extra_hosts.iter().map(|(host, ip)| format!("{host}={ip}")).collect();
        set("add-hosts".to_owned(), hosts.join(","));
    }
    if let Some(bytes) = build.shm_size {
        set("shm-size".to_owned(), bytes.to_string());
    }
    if !build.ulimits.is_empty() {
        let limits =
            build.ulimits.iter().map(|(name, Ulimit { soft, hard })| format!("{name}={soft}:{hard}"));
        set("ulimit".to_owned(), joined(limits));
    }
    if let Some(parent) = &build.cgroup_parent {
        set("cgroup-parent".to_owned(), parent.clone());
    }
    if let Some(seconds) = inputs.epoch {
        set(format!("build-arg:{SOURCE_DATE_EPOCH}"), seconds.to_string());
    }
    build.build_args.iter().for_each(|(name, value)| set(format!("build-arg:{name}"), value.clone()));
    if let Some(namespace) = &inputs.cache_mounts {
        let own = build.build_args.get(CACHE_MOUNTS).map(|own| format!("/{own}")).unwrap_or_default();
        set(format!("build-arg:{CACHE_MOUNTS}"), format!("{namespace}{own}"));
    }
    let of_git = git_labels::labels(build, inputs);
    of_git.into_iter().for_each(|(name, value)| set(format!("label:{name}"), value));
    build.labels.iter().for_each(|(name, value)| set(format!("label:{name}"), value.clone()));
    for (name, context) in &build.contexts {
        if let NamedContext::Image(image) = context {
            set(format!("context:{name}"), format!("docker-image://{image}"));
        }
    }
    attrs
}

/// The attributes of the attestations (buildkit `frontend/attestations/parse.go`). A client that sends none gets none. The
/// context is no URL, so the provenance learns the repository from two attributes of buildx (`vcs:`).
fn attestations(build: &Build, inputs: &Inputs) -> Vec<(String, String)> {
    let mut attrs = Vec::new();
    if let Some(mode) = build.attest.provenance {
        attrs.push(("attest:provenance", format!("mode={}", mode.name())));
        attrs.push(("vcs:source", build.context.repo.to_string()));
        attrs.push(("vcs:revision", inputs.sha.clone()));
    }
    if let Some(generator) = &build.attest.sbom {
        attrs.push(("attest:sbom", format!("generator={generator}")));
    }
    attrs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The build context. For a context URL the frontend applies two build arguments (buildkit
/// `frontend/dockerui/context.go`). Our context is not a URL, so they are applied here.
fn context(build: &Build, inputs: &Inputs) -> GitTree {
    let argument = |name: &str| build.build_args.get(name).map(String::as_str).unwrap_or_default();
    let commit_time = !argument(SOURCE_DATE_EPOCH).is_empty() || inputs.epoch.is_some();
    let tree = git_tree(&build.context, &inputs.main).with_options(keeps_git_dir(build), commit_time);
    // A directory of the commit has no `.git`, or that of a submodule.
    let is_whole = tree.keep_git_dir && build.context.subdir.is_none();
    let reference = inputs.main.reference.as_ref().filter(|_| is_whole);
    GitTree { git_files: reference.map(KeptRef::files).unwrap_or_default(), ..tree }
}

fn named_contexts(build: &Build, inputs: &Inputs) -> impl Iterator<Item = (String, GitTree)> {
    build.contexts.iter().filter_map(|(name, context)| match context {
        NamedContext::Git(git) => Some((name.clone(), git_tree(git, inputs.named.get(name)?))),
        NamedContext::Image(_) => None,
    })
}

fn git_tree(context: &GitContext, checkout: &Checkout) -> GitTree {
    let Checkout { sha, reference: _, time: _, login, parts, modules } = checkout;
    let tree = GitTree {
        url: context.repo.buildkit_url(),
        sha: sha.to_owned(),
        subdir: context.subdir.clone(),
        submodules: context.submodules && modules.is_none(),
        login: login.clone(),
        exclude: parts.ignore.as_deref().map(Ignore::patterns).unwrap_or_default(),
        ..GitTree::default()
    };
    tree.with_modules(modules.as_deref().unwrap_or_default())
}

/// One `image` exporter for the tags of secure registries, and one for those of insecure registries, because
/// the attribute applies to a whole exporter.
fn exporters(build: &Build, inputs: &Inputs) -> Vec<Exporter> {
    let (insecure, secure): (Vec<_>, Vec<_>) = build.tags.iter().partition(|tag| tag.insecure);
    let groups = [(secure, false), (insecure, true)].into_iter().filter(|(tags, _)| !tags.is_empty());
    let mut exporters: Vec<_> =
        groups.map(|(tags, insecure)| exporter(build, inputs, &tags, insecure)).collect();
    if exporters.is_empty() {
        exporters.push(exporter(build, inputs, &[], false));
    }
    exporters
}

/// The `image` exporter's attributes (buildkit `exporter/containerimage/exptypes/keys.go`).
fn exporter(build: &Build, inputs: &Inputs, tags: &[&RegistryRef], insecure: bool) -> Exporter {
    let mut attrs = BTreeMap::from([
        ("push".to_owned(), (build.push && !tags.is_empty()).to_string()),
        ("oci-mediatypes".to_owned(), (build.media_types == MediaTypes::Oci).to_string()),
    ]);
    let mut set = |key: &str, value: String| drop(attrs.insert(key.to_owned(), value));
    if !tags.is_empty() {
        set("name", joined(tags.iter().map(|tag| &tag.image)));
    }
    if insecure {
        set("registry.insecure", "true".to_owned());
    }
    if let Some(compression) = &build.compression {
        set("compression", compression.algorithm.name().to_owned());
        set("force-compression", compression.force.to_string());
        if let Some(level) = compression.level {
            set("compression-level", level.to_string());
        }
    }
    if build.rewrite_timestamp {
        set("rewrite-timestamp", "true".to_owned());
    }
    let mut annotations = git_labels::annotations(build, inputs);
    annotations.extend(build.annotations.clone());
    for ((level, name), value) in annotations {
        set(&format!("{}.{name}", level.attr()), value);
    }
    Exporter { kind: "image".to_owned(), attrs }
}

fn joined(items: impl IntoIterator<Item = impl ToString>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(",")
}
