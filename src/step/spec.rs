//! The properties of a kind, used by the parser, the documentation's test, references, redaction and metrics.

use super::ValueForm;

/// The properties of a kind that the rest of the program needs.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// The key under `plugin.buildkit`, in kebab case; a metric's label.
    pub name: &'static str,
    /// The value under the name.
    pub(crate) form: ValueForm,
    /// Its own outputs, in the order of docs/steps.md. The engine returns every one of them.
    pub outputs: &'static [Output],
    /// Whether the kind may be a named entry of `steps`.
    pub nests: bool,
}

/// An output of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Output {
    /// Its name, `[a-z0-9-]{1,63}`.
    pub name: &'static str,
    /// A sample value. A field that refers to the output is checked with it before anything starts.
    pub sample: &'static str,
    /// The origin of the output's text.
    pub source: OutputSource,
}

/// The origin of an output's text, which decides how it is kept free of secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputSource {
    /// Text for people, from builds and files. Secrets in it are replaced.
    Text,
    /// A server's value for a machine. The step fails if it contains a secret.
    Foreign,
    /// Fields of the step, digests, commits, numbers, and lists of sentences that are redacted when the list is made. It
    /// cannot contain a secret and is passed on unchanged.
    Ours,
}

impl Output {
    /// An output made of the step's own fields, digests and numbers.
    pub(super) const fn ours(name: &'static str, sample: &'static str) -> Self {
        Self { name, sample, source: OutputSource::Ours }
    }

    /// An output from a server, for a machine.
    pub(super) const fn foreign(name: &'static str, sample: &'static str) -> Self {
        Self { name, sample, source: OutputSource::Foreign }
    }

    /// An output for people to read.
    pub(super) const fn text(name: &'static str) -> Self {
        Self { name, sample: "text", source: OutputSource::Text }
    }
}

impl Spec {
    /// The fields, in the order of docs/steps.md. None if the value is a list.
    pub fn fields(&self) -> impl Iterator<Item = &'static str> + use<> {
        let table = match self.form {
            ValueForm::Map(table) => table.fields,
            _ => &[],
        };
        table.iter().map(|field| field.name)
    }

    /// The kind's own output `name`, if it has one.
    pub fn output(&self, name: &str) -> Option<&'static Output> {
        self.outputs.iter().find(|output| output.name == name)
    }
}

/// Sample values that several kinds share.
pub(super) mod sample {
    /// The digest of an image.
    pub(in crate::step) const DIGEST: &str =
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    /// An image by that digest.
    pub(in crate::step) const IMAGE: &str =
        "registry.example/image@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    /// A Git commit.
    pub(in crate::step) const COMMIT: &str = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
}
