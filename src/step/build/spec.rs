//! The entry of `build` in the table of kinds.

use super::{BUILD, Build, Cache, Entitlement, NamedContext, Network};
use crate::step::mention::{Mention, MentionKind};
use crate::step::spec::{Output, Spec, sample};
use crate::step::{RegistryRef, ValueForm};

pub(in crate::step) const SPEC: Spec =
    Spec { name: "build", form: ValueForm::Map(BUILD), outputs: OUTPUTS, nests: true };

/// `tags` is a JSON list of full references; `revision` is the commit that was built; `attestations` is a JSON list of names; `cached-steps` and
/// `total-steps` are whole numbers, `seconds` has one decimal; `cache` is what became of the cache export, and
/// `cache-cost` what caches cost in seconds, as JSON;
/// `warnings` is a JSON list of sentences (a cache import that was left out or failed, a cache export that failed); `log` is the
/// reference of the whole log, empty where it is kept nowhere; `metadata` is what BuildKit's exporters answered, as JSON.
const OUTPUTS: &[Output] = &[
    Output::ours("digest", sample::DIGEST),
    Output::ours("image", sample::IMAGE),
    Output::ours("tags", r#"["registry.example/image:tag"]"#),
    Output::ours("revision", sample::COMMIT),
    Output::ours("attestations", "[]"),
    Output::ours("cached-steps", "1"),
    Output::ours("total-steps", "1"),
    Output::ours("seconds", "1.5"),
    Output::ours("cache", "exported"),
    Output::ours("cache-cost", r#"{"read":0.4,"write":2.1}"#),
    Output::text("cache-miss"),
    Output::ours("warnings", "[]"),
    Output::ours("log", sample::IMAGE),
    Output::text("log-tail"),
    Output::ours("metadata", "{}"),
    Output::ours("skipped", "false"),
];

/// Destructured completely, so that a new field does not compile until someone decides about it.
pub(in crate::step) fn mentions(build: &Build) -> Vec<Mention> {
    let Build {
        context,
        contexts,
        tags,
        cache,
        network,
        entitlements,
        cgroup_parent,
        attest,
        // The text of the Dockerfile belongs to the build. It names no target outside it, except what its `RUN` can reach in any case.
        dockerfile: _,
        target: _,
        platforms: _,
        build_args: _,
        labels: _,
        annotations: _,
        no_cache: _,
        extra_hosts: _,
        shm_size: _,
        ulimits: _,
        compression: _,
        media_types: _,
        source_date_epoch: _,
        rewrite_timestamp: _,
        git_labels: _,
        skip_if_exists: _,
        // Secrets of the workflow's own namespace, read with the rights of its account.
        secrets: _,
        ssh: _,
        registry_secret: _,
        // The policy checks the tags, whether or not the image is pushed. The log is pushed where the first tag is.
        push: _,
        attach_log: _,
        attach_report: _,
    } = build;
    let image = |kind, field| move |image: &RegistryRef| Mention::new(kind, field, image.image.name());
    let contexts = contexts.values().map(|context| match context {
        NamedContext::Git(git) => Mention::repository("build.contexts", &git.repo),
        // The daemon checks the `FROM` of a Dockerfile against the same list.
        NamedContext::Image(image) => Mention::new(MentionKind::Images, "build.contexts", image.name()),
    });
    // The tags of a cache, which may follow from the ref, are in the repositories that are checked.
    let Cache { from, to, inline: _, git_ref: _ } = cache;
    // Reads the whole result, and says what is in it.
    let generator = attest
        .sbom
        .iter()
        .map(|generator| Mention::new(MentionKind::Images, "build.attest.sbom", generator.name()));
    let export = to.iter().map(|export| &export.target);
    let cgroup = cgroup_parent.as_ref().map(|parent| format!("cgroup-parent: {parent}"));
    let host = (*network == Network::Host).then_some("network: host");
    let entitled = entitlements.iter().map(|entitlement| match entitlement {
        Entitlement::HostNetwork => {
            Mention::new(MentionKind::HostNetwork, "build.entitlements", "entitlements: network.host")
        }
        Entitlement::Insecure => {
            Mention::new(MentionKind::Entitlements, "build.entitlements", entitlement.name())
        }
    });
    std::iter::once(Mention::repository("build.context", &context.repo))
        .chain(contexts)
        .chain(generator)
        .chain(tags.iter().map(image(MentionKind::Push, "build.tags")))
        .chain(from.iter().map(image(MentionKind::Cache, "build.cache.from")))
        .chain(export.map(image(MentionKind::Cache, "build.cache.to")))
        .chain(host.map(|host| Mention::new(MentionKind::HostNetwork, "build.network", host)))
        .chain(entitled)
        .chain(cgroup.map(|cgroup| Mention::new(MentionKind::HostNetwork, "build.cgroup-parent", cgroup)))
        .collect()
}
