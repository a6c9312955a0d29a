//! The flags of kaniko's executor.

use super::super::pipeline::{Field, Pipeline};
use super::super::term::Term;
use super::{OWN_TEMPLATE, UNKNOWN, argument, dockerfile};

/// Takes a flag of kaniko's executor.
pub(super) fn take(name: &str, value: &Term<'_>, out: &mut Pipeline) {
    match name {
        "destination" | "d" => out.image(value),
        "context" | "c" if value.text.contains("://") && !value.text.starts_with("dir://") => out.repo(value),
        "context" | "c" => out.local_context(value),
        "context-sub-path" => out.set(Field::Subdir, value),
        "dockerfile" | "f" => dockerfile(value, out),
        "target" => out.set(Field::Target, value),
        "build-arg" => argument(value, out),
        "custom-platform" | "customPlatform" => out.platforms(value),
        "git" => value.by_hand("`branches` of the service says which branch is built"),
        "cache" if value.text == "true" => value.direct("a cache is kept"),
        "cache" => {
            value.by_hand("write `parameters.cache-export: \"false\"` in a template of your own to keep none")
        }
        "cache-repo" => out.cache(value),
        "cache-ttl" => {
            value.by_hand("caches have no end here; `examples/cache-cleanup.yaml` deletes old ones")
        }
        "insecure" | "skip-tls-verify" => out.set(Field::Insecure, value),
        "no-push" | "tar-path" | "tarPath" => value.by_hand("the step `build` pushes; see `parameters.push`"),
        "label" | "no-push-cache" | "registry-mirror" | "registry-certificate" => value.by_hand(OWN_TEMPLATE),
        _ if name.starts_with("insecure") || name.starts_with("skip-tls") => {
            value
                .by_hand("base images: list such registries in `buildkitd.toml` and `--insecure-registries`");
        }
        _ if is_of_kaniko(name) => {
            value.approximate("not needed: BuildKit takes no snapshots of a file system")
        }
        _ => value.by_hand(UNKNOWN),
    }
}

fn is_of_kaniko(name: &str) -> bool {
    const OWN: &[&str] = &[
        "snapshot-mode",
        "snapshotMode",
        "single-snapshot",
        "use-new-run",
        "cleanup",
        "verbosity",
        "v",
        "reproducible",
        "log-format",
        "log-timestamp",
        "compressed-caching",
        "cache-dir",
        "cache-copy-layers",
        "cache-run-layers",
        "ignore-path",
        "ignore-var-run",
        "push-retry",
        "image-fs-extract-retry",
        "digest-file",
        "image-name-with-digest-file",
        "image-name-tag-with-digest-file",
        "force",
        "kaniko-dir",
    ];
    OWN.contains(&name)
}
