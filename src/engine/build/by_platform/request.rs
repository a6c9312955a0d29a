//! The solve for one platform of a build.

use tracing::Span;

use super::super::part::Work;
use crate::buildkit::{Exporter, Solve};
use crate::step::Build;
use crate::step::build::{Level, Platform};
use crate::telemetry;

/// The part of `whole` for `platform`, which is pushed by its digest alone.
pub(super) fn of(work: Work<'_>, whole: &Solve, platform: &Platform) -> Solve {
    let mut part = narrowed(whole, work.build, platform);
    work.inputs.keep_caches_for(platform, &mut part);
    part.traceparent = telemetry::traceparent(&Span::current());
    part
}

fn narrowed(whole: &Solve, build: &Build, platform: &Platform) -> Solve {
    let mut part = whole.clone();
    part.attrs.insert("platform".to_owned(), platform.to_string());
    // The result is then an index as well, with the annotations of all levels (buildkit `frontend/dockerui/config.go`).
    part.attrs.insert("multi-platform".to_owned(), "true".to_owned());
    for exporter in &mut part.exporters {
        push_by_digest(exporter, build);
        // BuildKit refuses annotations of a platform that it does not build.
        let others = build.platforms.iter().filter(|other| *other != platform);
        for attr in others.flat_map(annotation_attrs) {
            exporter.attrs.retain(|name, _| !name.starts_with(&attr));
        }
    }
    part
}

/// How the attributes for annotations of `platform` alone begin.
fn annotation_attrs(platform: &Platform) -> [String; 2] {
    let platform = Some(platform.to_string());
    [Level::Manifest(platform.clone()), Level::ManifestDescriptor(platform)]
        .map(|level| format!("{}.", level.attr()))
}

/// Pushes to the repositories of the tags instead of to the tags.
fn push_by_digest(exporter: &mut Exporter, build: &Build) {
    let is_insecure = exporter.attrs.contains_key("registry.insecure");
    let mut names: Vec<_> =
        build.tags.iter().filter(|tag| tag.insecure == is_insecure).map(|tag| tag.image.name()).collect();
    names.sort();
    names.dedup();
    exporter.attrs.insert("name".to_owned(), names.join(","));
    exporter.attrs.insert("push-by-digest".to_owned(), "true".to_owned());
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::step::Step;

    fn build() -> Build {
        let tags = json!(["r.io/a:1", "r.io/a:2", "r.io/b:1", {"ref": "in.io/a:1", "insecure": true}]);
        let fields = json!({"context": "https://git.example/a", "tags": tags, "platforms": "linux/amd64,linux/arm,linux/arm64"});
        match crate::step::parse(&json!({ "build": fields })).unwrap() {
            Step::Build(build) => *build,
            other => panic!("{other:?}"),
        }
    }

    fn attrs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_part_is_an_index_of_one_platform_without_tags() {
        let annotations = [
            ("annotation.a", "1"),
            ("annotation-index.a", "1"),
            ("annotation-manifest[linux/arm64].a", "1"),
            ("annotation-manifest-descriptor[linux/arm64].a", "1"),
        ];
        let foreign = [
            ("annotation-manifest[linux/amd64].a", "1"),
            ("annotation-manifest-descriptor[linux/arm/v7].a", "1"),
        ];
        let exporter = |more: &[(&str, &str)]| {
            let attrs = attrs(&[&[("name", "tags"), ("push", "true")][..], &annotations, more].concat());
            Exporter { kind: "image".to_owned(), attrs }
        };
        let exporters = vec![exporter(&foreign), exporter(&[("registry.insecure", "true")])];
        let whole = Solve {
            attrs: attrs(&[("platform", "linux/amd64,linux/arm/v7,linux/arm64"), ("target", "x")]),
            exporters,
            ..Solve::default()
        };
        let build = build();
        let part = narrowed(&whole, &build, &build.platforms[2]);
        let expected = [("multi-platform", "true"), ("platform", "linux/arm64"), ("target", "x")];
        assert_eq!(part.attrs, attrs(&expected));
        let pushed = |more: &[(&str, &str)]| {
            attrs(&[&annotations[..], &[("push", "true"), ("push-by-digest", "true")], more].concat())
        };
        assert_eq!(part.exporters[0].attrs, pushed(&[("name", "r.io/a,r.io/b")]));
        assert_eq!(part.exporters[1].attrs, pushed(&[("name", "in.io/a"), ("registry.insecure", "true")]));
    }
}
