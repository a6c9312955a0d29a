//! What to build, in BuildKit's vocabulary, and the request that says so.

use std::collections::{BTreeMap, HashMap};

use bollard_buildkit_proto::moby::buildkit::v1 as control;
use bollard_buildkit_proto::moby::buildkit::v1::sourcepolicy::Policy;
use serde_json::json;

use super::git_tree::GitTree;
use super::policy::GitSource;
use super::{llb, policy};

/// The entitlement that `force-network-mode=host` and `RUN --network=host` need.
const HOST_NETWORK: &str = "network.host";
/// The entitlement that `RUN --security=insecure` needs.
const INSECURE_RUNS: &str = "security.insecure";

/// One build by the Dockerfile frontend.
#[derive(Debug, Clone, Default)]
pub struct Solve {
    /// The build's name at the daemon. A name in use, or used within the last ten seconds, is refused
    /// with [`super::Kind::AlreadyExists`]: build at most once.
    pub reference: String,
    /// `dockerfile.v0`'s attributes: `filename`, `target`, `build-arg:K`, … The daemon keeps
    /// them readable in its history, so no secrets.
    pub attrs: BTreeMap<String, String>,
    /// A Dockerfile that is not in the context.
    pub inline_dockerfile: Option<String>,
    /// The build context, and where the Dockerfile is if it is not inline. A `context` attribute that is a URL would do
    /// too, but the daemon then asks for its login under a name that every Dockerfile can ask for.
    pub context: Option<GitTree>,
    /// Further contexts, by the name that the Dockerfile has for them.
    pub contexts: BTreeMap<String, GitTree>,
    /// What becomes of the result; none builds without keeping an image.
    pub exporters: Vec<Exporter>,
    /// Caches to read.
    pub cache_from: Vec<CacheRef>,
    /// Caches to write.
    pub cache_to: Vec<CacheRef>,
    /// Whether steps may use the daemon's network (its `network.host` entitlement).
    pub allow_host_network: bool,
    /// Whether steps may run with every capability (`RUN --security=insecure`).
    pub allow_insecure_runs: bool,
    /// The only Git commits that the build may read. A shared daemon hands out any commit that it once
    /// fetched, so list what the caller has proven to be able to read.
    pub allowed_git: Vec<GitSource>,
    /// Regular expressions, one of which the whole name (`host/repository`) of each image has to match that the build reads. A
    /// shared daemon hands out by digest any image that it once pulled. None: any image.
    pub allowed_images: Option<Vec<String>>,
    /// Leave no trace in the daemon's history; such a build cannot be recalled.
    pub internal: bool,
    /// The W3C `traceparent` of the caller's span.
    pub traceparent: Option<String>,
}

/// An exporter such as `image`, with its attributes (`name`, `push`, …).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exporter {
    /// `image`, or another type that needs no files of ours.
    pub kind: String,
    /// Its attributes.
    pub attrs: BTreeMap<String, String>,
}

/// A cache to read or to write, such as `registry` with `ref`, `mode`, `ignore-error`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheRef {
    /// `registry` or `inline`.
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

/// The request for `solve`, whose session is `session`.
pub(super) fn build(solve: &Solve, session: &str) -> control::SolveRequest {
    control::SolveRequest {
        r#ref: solve.reference.clone(),
        session: session.to_owned(),
        frontend: "dockerfile.v0".to_owned(),
        frontend_attrs: frontend_attrs(solve),
        frontend_inputs: frontend_inputs(solve),
        cache: Some(control::CacheOptions {
            exports: solve.cache_to.iter().map(cache_entry).collect(),
            imports: solve.cache_from.iter().map(cache_entry).collect(),
            ..Default::default()
        }),
        entitlements: entitlements(solve),
        exporters: solve.exporters.iter().map(exporter).collect(),
        source_policy: Some(source_policy(solve)),
        // A daemon older than v0.26 passes it over.
        source_policy_session: session.to_owned(),
        internal: solve.internal,
        ..Default::default()
    }
}

fn entitlements(solve: &Solve) -> Vec<String> {
    let all = [(solve.allow_host_network, HOST_NETWORK), (solve.allow_insecure_runs, INSECURE_RUNS)];
    all.into_iter().filter(|(asked, _)| *asked).map(|(_, name)| name.to_owned()).collect()
}

fn source_policy(solve: &Solve) -> Policy {
    let mut policy = policy::only(&solve.allowed_git, solve.allowed_images.as_deref());
    policy.rules.extend(solve.context.as_ref().and_then(policy::named));
    policy
}

/// The Dockerfile frontend reads cache imports from an attribute alone, the solver from the request
/// alone: both are set, as `client/solve.go` does.
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

/// Named inputs stand in for directories that a client would otherwise send (`dockerui/config.go`).
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

/// The input of the named context `name`; `context` and `dockerfile` are the frontend's own.
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
