//! The WorkflowTemplates that services may name, and their parameters.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::manifest::documents;

/// The templates in workflow-templates/ that build.
const BUNDLED: &[&str] = &[
    include_str!("../../workflow-templates/build-push.yaml"),
    include_str!("../../workflow-templates/ci-cd-buildkit-deploy.yaml"),
    include_str!("../../workflow-templates/ci-cd-buildkit-deploy-two-nodes.yaml"),
];

/// A file of templates cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file} is no YAML: {problem}; correct it, or name another directory")]
pub struct BadTemplates {
    /// The file.
    pub file: String,
    /// What is wrong.
    pub problem: String,
}

/// A parameter of a template.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct TemplateParameter {
    /// The value that it has if a Workflow sets none.
    pub(super) value: Option<String>,
    /// The values that it may have; empty for any.
    pub(super) allowed: Vec<String>,
}

/// The parameters of a template, by name.
pub(super) type TemplateParameters = BTreeMap<String, TemplateParameter>;

/// WorkflowTemplates by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownTemplates {
    templates: BTreeMap<String, TemplateParameters>,
}

impl Default for KnownTemplates {
    fn default() -> Self {
        Self::bundled()
    }
}

impl KnownTemplates {
    /// The templates in workflow-templates/.
    pub fn bundled() -> Self {
        let mut known = Self { templates: BTreeMap::new() };
        for text in BUNDLED {
            for document in documents::documents(text.as_bytes()).map(|(_, found)| found).unwrap_or_default()
            {
                known.take(&document.value);
            }
        }
        known
    }

    /// Adds the WorkflowTemplates of a file. One with the name of a bundled one replaces it.
    ///
    /// # Errors
    ///
    /// The file is no YAML.
    pub fn add(&mut self, file: &str, bytes: &[u8]) -> Result<usize, BadTemplates> {
        let bad = |error: crate::manifest::EditError| BadTemplates {
            file: file.to_owned(),
            problem: error.to_string(),
        };
        let (_, documents) = documents::documents(bytes).map_err(bad)?;
        Ok(documents.iter().filter(|document| self.take(&document.value)).count())
    }

    /// Adds a document if it is a WorkflowTemplate.
    pub fn take(&mut self, document: &Value) -> bool {
        let name = document["metadata"]["name"].as_str();
        let Some(name) = name.filter(|_| document["kind"] == "WorkflowTemplate") else { return false };
        let parameters = document["spec"]["arguments"]["parameters"].as_array().into_iter().flatten();
        let parameters = parameters.filter_map(|parameter| {
            let allowed = parameter["enum"].as_array().into_iter().flatten().filter_map(plain).collect();
            let value = plain(&parameter["value"]).or_else(|| plain(&parameter["default"]));
            Some((parameter["name"].as_str()?.to_owned(), TemplateParameter { value, allowed }))
        });
        self.templates.insert(name.to_owned(), parameters.collect());
        true
    }

    pub(super) fn find(&self, name: &str) -> Option<&TemplateParameters> {
        self.templates.get(name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.templates.keys().map(String::as_str)
    }
}

/// A scalar as Argo reads it into a parameter.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    }
}
