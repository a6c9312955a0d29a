//! The outputs of a step on standard output and in files.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::ValueEnum;
use serde_json::Value;

use super::progress;
use crate::outcome::Outputs;
use crate::text;

/// The form of the outputs on standard output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Form {
    /// `NAME: VALUE`, which is YAML for plain values.
    #[default]
    Text,
    /// One JSON object.
    Json,
    /// Shell variables: `NAME='VALUE'`.
    Env,
}

/// What becomes of a step's outputs.
#[derive(Debug, Default)]
pub(in crate::cli) struct Results {
    pub(super) form: Form,
    /// The outputs that are printed, in their order; all if there are none.
    pub(super) declared: Vec<String>,
    /// The directory for a file of each output.
    pub(super) directory: Option<PathBuf>,
    /// How the progress is shown meanwhile.
    pub(super) progress: progress::Form,
}

impl Results {
    /// Makes the directory, and checks that a file can be written there: after a push it would be too late.
    pub(super) fn prepare(&self) -> anyhow::Result<()> {
        let Some(directory) = &self.directory else { return Ok(()) };
        let shown = directory.display();
        std::fs::create_dir_all(directory)
            .with_context(|| format!("--outputs-dir: {shown} cannot be made, and nothing was run"))?;
        tempfile::NamedTempFile::new_in(directory).with_context(|| {
            format!("--outputs-dir: no file can be written in {shown}, and nothing was run")
        })?;
        Ok(())
    }

    /// Writes each of `outputs` to its file.
    pub(super) fn write(&self, outputs: &Outputs) -> anyhow::Result<()> {
        let Some(directory) = &self.directory else { return Ok(()) };
        for (name, value) in outputs {
            let path = directory.join(name);
            std::fs::write(&path, value).with_context(|| format!("writing {}", path.display()))?;
        }
        Ok(())
    }

    /// The outputs as they are printed; `None` if there are none.
    pub(super) fn printed(&self, outputs: &Outputs) -> Option<String> {
        let shown: Vec<(&String, &String)> = match &self.declared[..] {
            [] => outputs.iter().collect(),
            declared => declared.iter().filter_map(|name| outputs.get_key_value(name)).collect(),
        };
        let lines = |line: fn(&str, &str) -> String| {
            let lines: Vec<_> = shown.iter().map(|(name, value)| line(name, value)).collect();
            (!lines.is_empty()).then(|| lines.join("\n"))
        };
        match self.form {
            Form::Text => lines(text_line),
            Form::Env => lines(variable),
            Form::Json => {
                // Cleaned here: in the finished JSON, the end of a control sequence may be a quote.
                let object = shown.iter().map(|(name, value)| ((*name).clone(), text::lines(value)));
                Some(format!("{:#}", object.collect::<Value>()))
            }
        }
    }
}

/// `NAME: VALUE`. A value of several lines is a block.
fn text_line(name: &str, value: &str) -> String {
    match text::lines(value).trim_end_matches('\n') {
        value if value.contains('\n') => format!("{name}: |\n  {}", value.replace('\n', "\n  ")),
        value => format!("{name}: {value}"),
    }
}

/// `NAME='VALUE'`, for `eval` in a shell. No name of a variable begins with a digit, as an entry of `steps` may.
fn variable(name: &str, value: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    let prefix = if name.starts_with(|c: char| c.is_ascii_digit()) { "_" } else { "" };
    let name: String = name.chars().map(letter).collect();
    format!("{prefix}{name}='{}'", text::lines(value).replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn printed(form: Form, declared: &[&str]) -> String {
        let outputs = [("digest", "sha256:1"), ("log-tail", "it's\nbroken\n"), ("tags", "[]")];
        let outputs = outputs.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let declared = declared.iter().map(|name| (*name).to_owned()).collect();
        Results { form, declared, ..Results::default() }.printed(&outputs).unwrap()
    }

    #[test]
    fn each_form_can_be_read_again() {
        let all = "digest: sha256:1\nlog-tail: |\n  it's\n  broken\ntags: []";
        assert_eq!(printed(Form::Text, &[]), all);
        assert_eq!(printed(Form::Text, &["tags", "digest", "absent"]), "tags: []\ndigest: sha256:1");
        assert_eq!(printed(Form::Env, &["digest"]), "DIGEST='sha256:1'");
        assert_eq!(printed(Form::Env, &["log-tail"]), "LOG_TAIL='it'\\''s\nbroken\n'");
        let json: Value = serde_json::from_str(&printed(Form::Json, &[])).unwrap();
        assert_eq!(json["log-tail"], "it's\nbroken\n");
    }

    #[test]
    fn odd_names_and_values_stay_in_their_places() {
        assert_eq!(variable("1-api.digest", "$(id)"), "_1_API_DIGEST='$(id)'");
        // U+009B begins a control sequence, to which a quote and a comma may belong.
        let outputs: Outputs =
            [("a", "x\u{9b}"), ("b", "y")].map(|(n, v)| (n.to_owned(), v.to_owned())).into();
        let results = Results { form: Form::Json, ..Results::default() };
        let printed = text::lines(&results.printed(&outputs).unwrap());
        assert_eq!(serde_json::from_str::<Value>(&printed).unwrap(), serde_json::json!({"a": "x", "b": "y"}));
    }
}
