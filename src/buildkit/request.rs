//! A build in BuildKit's terms, and its conversion to a solve request.

use std::collections::{BTreeMap, HashMap};

use bollard_buildkit_proto::moby::buildkit::v1 as control;
use serde_json::json;

use super::git_tree::GitTree;
use super::image_pull::ImagePull;
use super::policy::GitSource;
use super::{llb, policy};

/// The entitlement that `force-network-mode=host` and `RUN --network=host` need.
const HOST_NETWORK: &str = "network.host";
/// The entitlement that `RUN --security=insecure` needs.
const INSECURE_RUNS: &str = "security.insecure";

/// One build with the Dockerfile frontend.
#[derive(Debug, Clone, Default)]
pub struct Solve {
    /// The build's name at the daemon. The daemon rejects a name that is in use, or was within the last ten seconds,
    /// with [`super::BuildErrorKind::AlreadyExists`], so a build runs at most once.
    pub reference: String,
    /// The attributes of `dockerfile.v0`: `filename`, `target`, `build-arg:K`, … The daemon stores them in its
    /// history in clear text, so they must not contain secrets.
    pub attrs: BTreeMap<String, String>,
    /// A Dockerfile that is not in the context.
    pub inline_dockerfile: Option<String>,
    /// An image that is pulled and extracted instead of a build. Then there is no Dockerfile and no context.
    pub image: Option<ImagePull>,
    /// The build context, which also contains the Dockerfile unless that is inline. A `context` attribute with a URL would
    /// also work, but the daemon would then request its login under an id that every Dockerfile can use.
    pub context: Option<GitTree>,
    /// Further contexts, by their name in the Dockerfile.
    pub contexts: BTreeMap<String, GitTree>,
    /// The exporters for the result. Without one the build keeps no image.
    pub exporters: Vec<Exporter>,
    /// Caches to read.
    pub cache_from: Vec<CacheRef>,
    /// Caches to write.
    pub cache_to: Vec<CacheRef>,
    /// Whether steps may use the daemon's network (its `network.host` entitlement).
    pub allow_host_network: bool,
    /// Whether steps may run with every capability (`RUN --security=insecure`).
    pub allow_insecure_runs: bool,
    /// The only Git commits that the build may read. A shared daemon gives any client each commit that it once
    /// fetched, so list the commits that the caller has proven to be able to read.
    pub allowed_git: Vec<GitSource>,
    /// Regular expressions for the images that the build may read. The whole name (`host/repository`) of each image must match
    /// one. A shared daemon gives any client by digest each image that it once pulled. `None` allows any image.
    pub allowed_images: Option<Vec<String>>,
    /// Whether the daemon keeps the build out of its history. Such a build cannot be recalled.
    pub internal: bool,
    /// The W3C `traceparent` of the caller's span.
    pub traceparent: Option<String>,
}

/// An exporter such as `image`, with its attributes (`name`, `push`, …).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exporter {
    /// The exporter's type: `image`, or another type that needs no files from this client.
    pub kind: String,
    /// Its attributes.
    pub attrs: BTreeMap<String, String>,
}

/// A cache to read or to write, such as `registry` with `ref`, `mode`, `ignore-error`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheRef {
    /// The cache's type: `registry` or `inline`.
    pub kind: String,
    /// Its attributes.
    pub attrs: BTreeMap<String, String>,
}

impl CacheRef {
    /// A registry cache at `reference`, with further attributes.
    pub fn registry(reference: &str, attrs: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut attrs: BTreeMap<_, _> = attrs.into_iter().collect();
        attrs.insert("ref".to_owned(), reference.to_owned());
        Self { kind: "registry".to_owned(), attrs }
    }
}

/// Creates the request for `solve`, with the session id `session`.
pub(super) fn build(solve: &Solve, session: &str) -> control::SolveRequest {
    control::SolveRequest {
        r#ref: solve.reference.clone(),
        session: session.to_owned(),
        definition: solve.image.as_ref().map(llb::extracted),
        // Without a frontend, the daemon evaluates the definition itself.
        frontend: if solve.image.is_some() { String::new() } else { "dockerfile.v0".to_owned() },
        frontend_attrs: frontend_attrs(solve),
        frontend_inputs: frontend_inputs(solve),
        cache: Some(control::CacheOptions {
            exports: solve.cache_to.iter().map(cache_entry).collect(),
            imports: solve.cache_from.iter().map(cache_entry).collect(),
            ..Default::default()
        }),
        entitlements: entitlements(solve),
        exporters: solve.exporters.iter().map(exporter).collect(),
        source_policy: Some(policy::only(&solve.allowed_git, solve.allowed_images.as_deref())),
        // A daemon older than v0.26 ignores this field.
        source_policy_session: session.to_owned(),
        internal: solve.internal,
        ..Default::default()
    }
}

fn entitlements(solve: &Solve) -> Vec<String> {
    let all = [(solve.allow_host_network, HOST_NETWORK), (solve.allow_insecure_runs, INSECURE_RUNS)];
    all.into_iter().filter(|(asked, _)| *asked).map(|(_, name)| name.to_owned()).collect()
}

/// The Dockerfile frontend reads cache imports only from an attribute, the solver only from the request. This sets
/// both, as `client/solve.go` does.
fn frontend_attrs(solve: &Solve) -> HashMap<String, String> {
    let mut attrs: HashMap<_, _> = solve.attrs.clone().into_iter().collect();
    let named =
        solve.contexts.keys().map(|name| (format!("context:{name}"), format!("input:{}", input(name))));
    attrs.extend(named);
    if !solve.cache_from.is_empty() {
        let entry = |c: &CacheRef| json!({"Type": c.kind, "Attrs": c.attrs});
        let imports: serde_json::Value = solve.cache_from.iter().map(entry).collect();
        attrs.insert("cache-imports".to_owned(), imports.to_string());
    }
    attrs
}

/// Named inputs replace the directories that a client would otherwise send (`dockerui/config.go`).
fn frontend_inputs(solve: &Solve) -> HashMap<String, bollard_buildkit_proto::pb::Definition> {
    let mut inputs: HashMap<_, _> =
        solve.contexts.iter().map(|(name, tree)| (input(name), llb::context(tree))).collect();
    let whole = solve.context.as_ref().map(llb::git);
    let context = solve.context.as_ref().map(llb::context);
    let dockerfile = solve.inline_dockerfile.as_ref().map(|text| {
        let name = solve.attrs.get("filename").map_or("Dockerfile", String::as_str);
        llb::file(name, text.as_bytes())
    });
    if let Some(dockerfile) = dockerfile.or(whole) {
        inputs.insert("dockerfile".to_owned(), dockerfile);
        inputs.insert("context".to_owned(), context.unwrap_or_else(|| llb::file(".dockerignore", b"")));
    }
    inputs
}

/// The input name for the named context `name`. `context` and `dockerfile` are the frontend's own names.
fn input(name: &str) -> String {
    format!("named:{name}")
}

fn cache_entry(cache: &CacheRef) -> control::CacheOptionsEntry {
    control::CacheOptionsEntry {
        r#type: cache.kind.clone(),
        attrs: cache.attrs.clone().into_iter().collect(),
    }
}

fn exporter(exporter: &Exporter) -> control::Exporter {
    control::Exporter { r#type: exporter.kind.clone(), attrs: exporter.attrs.clone().into_iter().collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buildkit::GitLogin;

    #[test]
    fn cache_imports_are_named_twice() {
        let cache = CacheRef::registry("r.io/c", [("registry.insecure".to_owned(), "true".to_owned())]);
        let request = build(&Solve { cache_from: vec![cache], ..Solve::default() }, "s");
        let attr = request.frontend_attrs.get("cache-imports").map(String::as_str);
        let expected = r#"[{"Attrs":{"ref":"r.io/c","registry.insecure":"true"},"Type":"registry"}]"#;
        assert_eq!(attr, Some(expected));
        assert_eq!(request.cache.map(|c| c.imports.len()), Some(1));
    }

    #[test]
    fn an_image_is_pulled_without_a_frontend() {
        let (reference, platform) = ("r.io/a:1".to_owned(), Some("linux/arm/v7".to_owned()));
        let request =
            build(&Solve { image: Some(ImagePull { reference, platform }), ..Solve::default() }, "s");
        assert_eq!((request.frontend.as_str(), request.frontend_inputs.len()), ("", 0));
        let operations = request.definition.map(|definition| definition.def).unwrap_or_default();
        assert_eq!(operations.len(), 3, "the image, a file on it, and what points at the file");
        let text = String::from_utf8_lossy(&operations[0]).into_owned();
        for part in ["docker-image://r.io/a:1", "linux", "arm", "v7"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn an_inline_dockerfile_and_its_context_are_both_inputs() {
        let tree = GitTree {
            url: "https://g.example/a.git".to_owned(),
            sha: "5e8e".to_owned(),
            subdir: Some("api".to_owned()),
            login: GitLogin::Header { id: "unguessable".to_owned() },
            ..GitTree::default()
        };
        let inline_dockerfile = Some("FROM scratch".to_owned());
        let solve = Solve { inline_dockerfile, context: Some(tree), ..Solve::default() };
        let request = build(&solve, "s");
        assert!(!request.frontend_attrs.contains_key("context"));
        assert!(request.frontend_inputs.contains_key("dockerfile"));
        let context = request.frontend_inputs.get("context").and_then(|c| c.def.first());
        let text = context.map(|op| String::from_utf8_lossy(op).into_owned()).unwrap_or_default();
        for part in ["git://g.example/a.git#5e8e:api", "git.skipsubmodules", "unguessable"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("GIT_AUTH"), "{text}");
    }
}
