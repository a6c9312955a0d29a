//! Parses targets and edits from text.

use std::str::FromStr;

use super::{Application, KustomizeField, Object, SourceRef, Target};
use crate::manifest::Edit;
use crate::manifest::path::{PathError, printable};

const KINDS: &str = "`helm`, `image`, `kustomize`, `object`, `container`, `parameter`, `values` and `setter`";

/// A target that cannot be parsed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// The part before the first colon is not a known kind.
    #[error("`{kind}` is no kind of target; there are {KINDS}, as in `helm:image.tag`")]
    Kind {
        /// The text before the colon.
        kind: String,
    },
    /// The path in the target is wrong.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The target lacks a part or has one part too many.
    #[error("`{target}` is not a target of the form `{form}`")]
    Form {
        /// The target as it was given.
        target: String,
        /// The form of such a target.
        form: &'static str,
    },
    /// An edit has no value.
    #[error("`{edit}` sets no value; write `TARGET=VALUE`, as in `helm:image.tag=v2`")]
    NoValue {
        /// The edit as it was given.
        edit: String,
    },
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(target: &str) -> Result<Self, TargetError> {
        let (kind, rest) = target.split_once(':').unwrap_or((target, ""));
        let read = Reader { target, rest };
        match kind {
            "helm" => Ok(Self::Helm(rest.parse()?)),
            "image" => Ok(Self::Image(rest.parse()?)),
            "kustomize" => read.kustomize(),
            "object" => {
                let (object, path) = read.object("object:KIND/NAME[/NAMESPACE]:PATH")?;
                Ok(Self::Object { object, path: path.parse()? })
            }
            "container" => {
                let form = "container:KIND/NAME[/NAMESPACE]:CONTAINER";
                if let Some(image) = running(rest) {
                    return Ok(Self::Running { object: None, image });
                }
                let (object, name) = read.object(form)?;
                if let Some(image) = running(name) {
                    return Ok(Self::Running { object: Some(object), image });
                }
                Ok(Self::Container { object, container: read.word(name, form)? })
            }
            "parameter" => {
                let form = "parameter:[APPLICATION:]NAME";
                let (application, name) = read.application(form)?;
                Ok(Self::Parameter { application, name: read.word(name, form)? })
            }
            "values" => {
                let (application, path) = read.application("values:[APPLICATION:]PATH")?;
                Ok(Self::Values { application, path: path.parse()? })
            }
            "setter" => Ok(Self::Setter(read.word(rest, "setter:NAMESPACE:POLICY")?)),
            kind => Err(TargetError::Kind { kind: printable(kind) }),
        }
    }
}

struct Reader<'a> {
    target: &'a str,
    /// The text after the kind.
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn kustomize(&self) -> Result<Target, TargetError> {
        let form = "kustomize:IMAGE:newTag|newName|digest";
        let (image, field) = self.rest.rsplit_once(':').ok_or_else(|| self.error(form))?;
        let field = KustomizeField::ALL.into_iter().find(|known| known.key() == field);
        let image = self.word(image, form)?;
        Ok(Target::Kustomize { image, field: field.ok_or_else(|| self.error(form))? })
    }

    fn object(&self, form: &'static str) -> Result<(Object, &'a str), TargetError> {
        let (object, rest) = split(self.rest, ':').ok_or_else(|| self.error(form))?;
        Ok((read_object(object).ok_or_else(|| self.error(form))?, rest))
    }

    /// Splits off the application before the first colon, if there is one.
    fn application(&self, form: &'static str) -> Result<(Option<Application>, &'a str), TargetError> {
        let (application, rest) = match split(self.rest, ':') {
            None => return Ok((None, self.rest)),
            Some(("", rest)) => return Ok((None, rest)),
            Some(parts) => parts,
        };
        let Some((name, source)) = split(application, '[') else {
            return Ok((Some(Application { name: Some(self.word(application, form)?), source: None }), rest));
        };
        let source = source.strip_suffix(']').and_then(source_ref).ok_or_else(|| self.error(form))?;
        let name = if name.is_empty() { None } else { Some(self.word(name, form)?) };
        Ok((Some(Application { name, source: Some(source) }), rest))
    }

    fn word(&self, word: &str, form: &'static str) -> Result<String, TargetError> {
        unquoted(word).ok_or_else(|| self.error(form))
    }

    fn error(&self, form: &'static str) -> TargetError {
        TargetError::Form { target: printable(self.target), form }
    }
}

impl FromStr for Object {
    type Err = TargetError;

    fn from_str(object: &str) -> Result<Self, TargetError> {
        let target = || printable(object);
        read_object(object)
            .ok_or_else(|| TargetError::Form { target: target(), form: "KIND/NAME[/NAMESPACE]" })
    }
}

/// The image in `[image=NAME]`.
fn running(text: &str) -> Option<String> {
    unquoted(text.strip_prefix("[image=")?.strip_suffix(']')?)
}

/// `0`, or `chart=NAME`.
fn source_ref(text: &str) -> Option<SourceRef> {
    match split(text, '=') {
        None => text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok().map(SourceRef::Index))?,
        Some((field @ ("chart" | "repoURL" | "ref" | "path" | "name"), value)) => {
            Some(SourceRef::Field { field: field.to_owned(), value: unquoted(value)? })
        }
        Some(_) => None,
    }
}

fn read_object(object: &str) -> Option<Object> {
    let Some((kind, rest)) = split(object, '/') else {
        return Some(Object { kind: unquoted(object)?, name: String::new(), namespace: None });
    };
    let (name, namespace) = split(rest, '/').map_or((rest, None), |(name, rest)| (name, Some(rest)));
    if namespace.is_some_and(|namespace| split(namespace, '/').is_some()) {
        return None;
    }
    let namespace = namespace.map_or(Some(None), |namespace| unquoted(namespace).map(Some))?;
    Some(Object { kind: unquoted(kind)?, name: unquoted(name)?, namespace })
}

/// Parses `TARGET=VALUE`, split at the first `=` outside of quotes and brackets. The edit does not add missing keys.
impl FromStr for Edit {
    type Err = TargetError;

    fn from_str(edit: &str) -> Result<Self, TargetError> {
        let no_value = || TargetError::NoValue { edit: printable(edit) };
        let (target, value) = split(edit, '=').ok_or_else(no_value)?;
        Ok(Self::new(target.parse()?, value))
    }
}

/// Splits at the first `separator` outside of quotes and brackets.
pub(super) fn split(text: &str, separator: char) -> Option<(&str, &str)> {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            c if c == separator && depth == 0 => return Some((&text[..at], &text[at + c.len_utf8()..])),
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// Parses a name, which may be in `"…"`. A name may be empty only in quotes, and has no control characters.
fn unquoted(word: &str) -> Option<String> {
    if word.is_empty() || word.contains(char::is_control) {
        return None;
    }
    let Some(inner) = word.strip_prefix('"') else {
        return (!word.contains('"')).then(|| word.to_owned());
    };
    let mut name = String::new();
    let mut chars = inner.chars();
    loop {
        match chars.next()? {
            '"' => return chars.next().is_none().then_some(name),
            '\\' => name.push(chars.next().filter(|c| matches!(c, '"' | '\\'))?),
            c => name.push(c),
        }
    }
}
