//! The outputs of each kind, and which of them a template may declare.

use std::collections::{BTreeMap, HashSet};

use super::nearest::{hint, listed};
use super::{InvalidStep, Step};

/// What `build` produces; the engine returns every one of them.
///
/// `tags` is a JSON list of full references; `revision` is the commit that was built; `cached-steps` and
/// `total-steps` are whole numbers, `seconds` has one decimal; `cache` is what became of the cache export;
/// `warnings` is a JSON list of sentences (a cache import that failed, an export that was skipped); `log` is the
/// reference of the whole log, empty where it is kept nowhere; `metadata` is what BuildKit's exporters answered, as JSON.
pub const BUILD: &[&str] = &[
    "digest",
    "image",
    "tags",
    "revision",
    "cached-steps",
    "total-steps",
    "seconds",
    "cache",
    "warnings",
    "log",
    "log-tail",
    "metadata",
];

/// What `update-manifest` produces: the commit (the branch's head when nothing changed), `true` or `false`,
/// a unified diff, the newer source commit that was there already, the pull request's number and page, and whether
/// Argo CD was refreshed. Those that do not apply are empty.
pub const UPDATE_MANIFEST: &[&str] =
    &["commit", "changed", "diff", "superseded-by", "assumed", "number", "url", "refreshed"];

/// What `supersede` produces: a JSON list of the workflows that were told to end.
pub const SUPERSEDE: &[&str] = &["superseded"];

impl Step {
    /// The names of the outputs that this step produces.
    ///
    /// Those of `steps` are every `<entry>-<output>`, and the plain `<output>` where one entry alone produces it.
    pub fn outputs(&self) -> Vec<String> {
        match self {
            Self::Build(_) => owned(BUILD),
            Self::UpdateManifest(_) => owned(UPDATE_MANIFEST),
            Self::Supersede(_) => owned(SUPERSEDE),
            Self::Steps(steps) => {
                let producers = steps.producers();
                let full = producers.iter().flat_map(|(output, entries)| {
                    entries.iter().map(move |entry| format!("{entry}-{output}"))
                });
                let plain = producers.iter().filter(|(_, entries)| entries.len() == 1);
                full.chain(plain.map(|(output, _)| output.clone())).collect()
            }
        }
    }

    /// Whether every output that the template declares can be produced; Argo lets a workflow hang that waits for
    /// one that never comes.
    pub fn check_declared(&self, declared: &[String]) -> Result<(), InvalidStep> {
        let produced = self.outputs();
        let known: HashSet<&String> = produced.iter().collect();
        let Some(missing) = declared.iter().find(|name| !known.contains(name)) else { return Ok(()) };
        let field = format!("outputs.parameters.{}", missing.escape_debug());
        if let Some(entries) = self.rivals(missing) {
            let full =
                entries.iter().map(|entry| format!("`{entry}-{missing}`")).collect::<Vec<_>>().join(" or ");
            return Err(InvalidStep::new(field, format!("several entries produce it; declare {full}")));
        }
        let names = || produced.iter().map(String::as_str);
        let kind = self.kind();
        let (near, known) = (hint(missing, names()), listed(names()));
        Err(InvalidStep::new(field, format!("`{kind}` has no such output{near}; it has {known}")))
    }

    /// The entries of `steps` that all produce `output`, when there are several.
    fn rivals(&self, output: &str) -> Option<Vec<String>> {
        let Self::Steps(steps) = self else { return None };
        steps.producers().remove(output).filter(|entries| entries.len() > 1)
    }
}

impl super::Steps {
    /// The outputs of the whole node from those of its entries, under the names of [`Step::outputs`].
    pub fn join(&self, results: &BTreeMap<String, crate::outcome::Outputs>) -> crate::outcome::Outputs {
        let mut joined = crate::outcome::Outputs::new();
        let producers = self.producers();
        for (entry, outputs) in results {
            for (output, value) in outputs {
                joined.insert(format!("{entry}-{output}"), value.clone());
                if producers.get(output).is_some_and(|entries| entries.len() == 1) {
                    joined.insert(output.clone(), value.clone());
                }
            }
        }
        joined
    }

    /// Output → the entries that produce it.
    fn producers(&self) -> BTreeMap<String, Vec<String>> {
        let mut producers = BTreeMap::<String, Vec<String>>::new();
        for entry in &self.entries {
            for output in entry.template.outputs() {
                producers.entry(output).or_default().push(entry.name.clone());
            }
        }
        producers
    }
}

/// A plausible value of an output, with which the other fields are checked before anything starts.
pub(super) fn placeholder(output: &str) -> &'static str {
    match output {
        "digest" => "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "image" => {
            "registry.example/image@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        }
        "tags" => r#"["registry.example/image:tag"]"#,
        "commit" | "revision" | "superseded-by" => "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "changed" => "true",
        "warnings" | "superseded" => "[]",
        "cache" => "exported",
        "cached-steps" | "total-steps" | "number" => "1",
        "url" => "https://git.example/shop/gitops/pulls/1",
        "seconds" => "1.5",
        _ => "text",
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}
