//! The outputs of each kind, and the outputs that a template may declare.

use std::collections::{BTreeMap, HashSet};

use super::nearest::{hint, listed};
use super::{InvalidStep, Step};
use crate::text;

/// How much of an output's name is shown, in bytes.
const SHOWN: usize = 200;

impl Step {
    /// The names of the outputs that this step produces.
    ///
    /// For `steps`, these are every `<entry>-<output>`, and the plain `<output>` if only one entry produces it.
    pub fn outputs(&self) -> Vec<String> {
        match self {
            Self::Steps(steps) => {
                let producers = steps.producers();
                let full = producers.iter().flat_map(|(output, entries)| {
                    entries.iter().map(move |entry| format!("{entry}-{output}"))
                });
                let plain = producers.iter().filter(|(_, entries)| entries.len() == 1);
                full.chain(plain.map(|(output, _)| output.clone())).collect()
            }
            alone => alone.kind().spec().outputs.iter().map(|output| output.name.to_owned()).collect(),
        }
    }

    /// Checks that every output that the template declares can be produced. If an output never comes, Argo lets the
    /// workflow hang.
    pub fn check_declared(&self, declared: &[String]) -> Result<(), InvalidStep> {
        let produced = self.outputs();
        let known: HashSet<&String> = produced.iter().collect();
        let Some(missing) = declared.iter().find(|name| !known.contains(name)) else { return Ok(()) };
        // The template's, whose names have no limit.
        let field = format!("outputs.parameters.{}", text::cut(missing.escape_debug().to_string(), SHOWN));
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

    /// The entries of `steps` that all produce `output`, if there are several.
    fn rivals(&self, output: &str) -> Option<Vec<String>> {
        let Self::Steps(steps) = self else { return None };
        steps.producers().remove(output).filter(|entries| entries.len() > 1)
    }
}

impl super::Steps {
    /// The outputs of the whole node, from those of its entries, with the names of [`Step::outputs`].
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

    /// The entries that produce each output.
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
