//! What a kind says of itself: the parser, the documentation's test, references, redaction and metrics follow it.

/// What the rest of the program must know of a kind.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// The key under `plugin.buildkit`, in kebab case; a metric's label.
    pub name: &'static str,
    /// Its fields, in the order of docs/steps.md; none where the value is a list.
    pub fields: &'static [&'static str],
    /// Its own outputs, in the order of docs/steps.md. The engine returns every one of them.
    pub outputs: &'static [Output],
    /// Whether it may be an entry of `steps`, with a name there.
    pub nests: bool,
}

/// An output of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Output {
    /// Its name, `[a-z0-9-]{1,63}`.
    pub name: &'static str,
    /// A plausible value: a field that refers to the output is checked with it before anything starts.
    pub sample: &'static str,
    /// Who words it.
    pub made: Made,
}

/// Who words an output, which decides how it is kept free of secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// What builds print and files hold, for people: secrets in it are replaced.
    Text,
    /// A server's word for a machine: the step fails where it holds a secret.
    Foreign,
    /// Fields of the step, digests, commits, numbers; and lists of sentences, each cleaned where the list is made. It
    /// cannot hold a secret, and is passed on as it is.
    Ours,
}

impl Output {
    /// One that is made of the step's own fields, digests and numbers.
    pub(super) const fn ours(name: &'static str, sample: &'static str) -> Self {
        Self { name, sample, made: Made::Ours }
    }

    /// One that a server words, for a machine.
    pub(super) const fn foreign(name: &'static str, sample: &'static str) -> Self {
        Self { name, sample, made: Made::Foreign }
    }

    /// One for people to read.
    pub(super) const fn text(name: &'static str) -> Self {
        Self { name, sample: "text", made: Made::Text }
    }
}

impl Spec {
    /// The output `name`, if it is one of its own.
    pub fn output(&self, name: &str) -> Option<&'static Output> {
        self.outputs.iter().find(|output| output.name == name)
    }
}

/// Samples that several kinds share.
pub(super) mod sample {
    /// The digest of an image.
    pub(in crate::step) const DIGEST: &str =
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    /// A Git commit.
    pub(in crate::step) const COMMIT: &str = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
}
