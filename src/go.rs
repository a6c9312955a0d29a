//! Texts that Argo Events gives to Go's libraries: regular expressions and templates.

mod functions;
pub(crate) mod regex;
pub(crate) mod template;

/// What Go refuses in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GoError {
    /// What is wrong, such as `invalid escape sequence`.
    pub(crate) problem: String,
    /// The part of the text that is wrong.
    pub(crate) part: String,
}

impl GoError {
    fn new(problem: impl Into<String>, part: impl Into<String>) -> Self {
        Self { problem: problem.into(), part: part.into() }
    }
}
