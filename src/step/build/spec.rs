//! What the table of kinds says of `build`.

use super::{Build, Cache, Entitlement, FIELDS, NamedContext, Network};
use crate::step::RegistryRef;
use crate::step::mention::{Mention, Sort};
use crate::step::spec::{Output, Spec, sample};

pub(in crate::step) const SPEC: Spec = Spec { name: "build", fields: FIELDS, outputs: OUTPUTS, nests: true };

/// `tags` is a JSON list of full references; `revision` is the commit that was built; `cached-steps` and
/// `total-steps` are whole numbers, `seconds` has one decimal; `cache` is what became of the cache export;
/// `warnings` is a JSON list of sentences (a cache import that was left out or failed, a cache export that failed); `log` is the
/// reference of the whole log, empty where it is kept nowhere; `metadata` is what BuildKit's exporters answered, as JSON.
const OUTPUTS: &[Output] = &[
    Output::ours("digest", sample::DIGEST),
    Output::ours(
        "image",
        "registry.example/image@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ),
    Output::ours("tags", r#"["registry.example/image:tag"]"#),
    Output::ours("revision", sample::COMMIT),
    Output::ours("cached-steps", "1"),
    Output::ours("total-steps", "1"),
    Output::ours("seconds", "1.5"),
    Output::ours("cache", "exported"),
    Output::ours("warnings", "[]"),
    Output::ours(
        "log",
        "registry.example/image@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ),
    Output::text("log-tail"),
    Output::ours("metadata", "{}"),
];

/// Taken apart whole, so that a new field is decided on before it compiles.
pub(in crate::step) fn mentions(build: &Build) -> Vec<Mention> {
    let Build {
        context,
        contexts,
        tags,
        cache,
        network,
        entitlements,
        cgroup_parent,
        // Their text is the build's own: it names no place outside it, but what its `RUN` may reach anyhow.
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
        // The workflow's own namespace's, by its account's rights.
        secrets: _,
        ssh: _,
        registry_secret: _,
        // Whether it is pushed or not, a tag may be named; the log goes where the first tag does.
        push: _,
        attach_log: _,
    } = build;
    let image = |sort, field| move |image: &RegistryRef| Mention::new(sort, field, image.image.name());
    let contexts = contexts.values().map(|context| match context {
        NamedContext::Git(git) => Mention::repository("build.contexts", &git.repo),
        // A Dockerfile's own `FROM` the daemon checks, by the same list.
        NamedContext::Image(image) => Mention::new(Sort::Images, "build.contexts", image.name()),
    });
    let Cache { from, to, inline: _ } = cache;
    let export = to.iter().map(|export| &export.target);
    let cgroup = cgroup_parent.as_ref().map(|parent| format!("cgroup-parent: {parent}"));
    let host = (*network == Network::Host).then_some("network: host");
    let entitled = entitlements.iter().map(|entitlement| match entitlement {
        Entitlement::HostNetwork => {
            Mention::new(Sort::HostNetwork, "build.entitlements", "entitlements: network.host")
        }
        Entitlement::Insecure => Mention::new(Sort::Entitlements, "build.entitlements", entitlement.name()),
    });
    std::iter::once(Mention::repository("build.context", &context.repo))
        .chain(contexts)
        .chain(tags.iter().map(image(Sort::Push, "build.tags")))
        .chain(from.iter().map(image(Sort::Cache, "build.cache.from")))
        .chain(export.map(image(Sort::Cache, "build.cache.to")))
        .chain(host.map(|host| Mention::new(Sort::HostNetwork, "build.network", host)))
        .chain(entitled)
        .chain(cgroup.map(|cgroup| Mention::new(Sort::HostNetwork, "build.cgroup-parent", cgroup)))
        .collect()
}
