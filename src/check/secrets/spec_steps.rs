//! The steps in the templates of a workflow's spec, and their texts as far as parameters have defaults.

use serde_json::Value;

use crate::templates::OURS;

/// One step, with the parameters that its texts may name.
pub(super) struct SpecStep<'a> {
    spec: &'a Value,
    template: &'a Value,
    /// The step's kind, with its fields.
    pub(super) body: &'a Value,
}

/// One value of a Secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SecretValue {
    /// The Secret's name.
    pub(super) name: String,
    /// The key within it.
    pub(super) key: String,
}

impl<'a> SpecStep<'a> {
    /// All steps of `spec`, with those inside `steps`.
    pub(super) fn all(spec: &'a Value) -> Vec<Self> {
        let mut found = Vec::new();
        for template in spec["templates"].as_array().into_iter().flatten() {
            Self { spec, template, body: &template["plugin"][OURS] }.add_to(&mut found);
        }
        found
    }

    fn add_to(self, found: &mut Vec<Self>) {
        for body in self.body["steps"].as_array().into_iter().flatten() {
            Self { body, ..self }.add_to(found);
        }
        found.push(self);
    }

    /// The name of the Secret in `{name, key}`, or in the name alone.
    pub(super) fn secret(&self, value: &Value) -> Option<String> {
        self.text(value.get("name").unwrap_or(value))
    }

    /// Reads `{name, key}`, or the name alone. The key is `default` if none is written.
    pub(super) fn secret_value(&self, value: &Value, default: &str) -> Option<SecretValue> {
        let key = match value.get("key") {
            Some(key) => self.text(key)?,
            None => default.to_owned(),
        };
        Some(SecretValue { name: self.secret(value)?, key })
    }

    /// A text, or the default of its only parameter, if it is not empty. A text of several parts is not known before the
    /// workflow runs.
    pub(super) fn text(&self, value: &Value) -> Option<String> {
        self.known(value).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// Whether the field is absent or empty, which is the same to a step.
    pub(super) fn is_absent(&self, value: &Value) -> bool {
        value.is_null() || self.known(value) == Some("")
    }

    /// The same text, which may be empty.
    fn known<'v>(&self, value: &'v Value) -> Option<&'v str>
    where
        'a: 'v,
    {
        let text = value.as_str()?;
        let Some(inner) = text.strip_prefix("{{").and_then(|text| text.strip_suffix("}}")) else {
            return (!text.contains("{{")).then_some(text);
        };
        let inner = inner.trim();
        let (parameters, name) = match inner.strip_prefix("workflow.parameters.") {
            Some(name) => (&self.spec["arguments"]["parameters"], name),
            None => (&self.template["inputs"]["parameters"], inner.strip_prefix("inputs.parameters.")?),
        };
        let found = parameters.as_array()?.iter().find(|parameter| parameter["name"] == name)?;
        let default = found.get("value").or_else(|| found.get("default"))?.as_str()?;
        (!default.contains("{{")).then_some(default)
    }
}
