//! Writes targets in the form that is parsed.

use std::fmt;

use super::text::split;
use super::{Application, KustomizeField, Object, SourceRef, Target};

/// A name, written in quotes if it could not be parsed back without them.
struct QuotedName<'a>(&'a str, &'static [char]);

impl fmt::Display for QuotedName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(name, separators) = self;
        let odd = |c: char| {
            c.is_whitespace() || matches!(c, '"' | '=' | '[' | ']' | '\\') || separators.contains(&c)
        };
        if name.is_empty() || name.contains(odd) {
            return write!(f, "\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""));
        }
        f.write_str(name)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Helm(path) => write!(f, "helm:{path}"),
            Self::Image(path) => write!(f, "image:{path}"),
            Self::Kustomize { image, field } => write!(f, "kustomize:{}:{field}", QuotedName(image, &[])),
            Self::Object { object, path } => write!(f, "object:{object}:{path}"),
            Self::Container { object, container } => {
                write!(f, "container:{object}:{}", QuotedName(container, &[]))
            }
            Self::Running { object: None, image } => {
                write!(f, "container:[image={}]", QuotedName(image, &[]))
            }
            Self::Running { object: Some(object), image } => {
                write!(f, "container:{object}:[image={}]", QuotedName(image, &[]))
            }
            Self::Parameter { application, name } => {
                write_application(f, "parameter", application.as_ref(), &QuotedName(name, &[':']).to_string())
            }
            Self::Values { application, path } => {
                write_application(f, "values", application.as_ref(), &path.to_string())
            }
            Self::Setter(setter) => write!(f, "setter:{}", QuotedName(setter, &[])),
        }
    }
}

/// `values::a:b` has no application, because the path itself contains the colon.
fn write_application(
    f: &mut fmt::Formatter<'_>,
    kind: &str,
    application: Option<&Application>,
    rest: &str,
) -> fmt::Result {
    match application {
        Some(application) => write!(f, "{kind}:{application}:{rest}"),
        None if split(rest, ':').is_some() => write!(f, "{kind}::{rest}"),
        None => write!(f, "{kind}:{rest}"),
    }
}

impl fmt::Display for KustomizeField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

impl fmt::Display for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            write!(f, "{}", QuotedName(name, &[':']))?;
        }
        match &self.source {
            None => Ok(()),
            Some(SourceRef::Index(index)) => write!(f, "[{index}]"),
            Some(SourceRef::Field { field, value }) => write!(f, "[{field}={}]", QuotedName(value, &[':'])),
        }
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separators = &['/', ':'];
        if self.name.is_empty() && self.namespace.is_none() {
            return write!(f, "{}", QuotedName(&self.kind, separators));
        }
        write!(f, "{}/{}", QuotedName(&self.kind, separators), QuotedName(&self.name, separators))?;
        self.namespace
            .as_ref()
            .map_or(Ok(()), |namespace| write!(f, "/{}", QuotedName(namespace, separators)))
    }
}
