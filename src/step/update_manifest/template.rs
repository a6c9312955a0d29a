//! Text with placeholders for values that are known only when the commit is made: `shop/api $(tag)`.

use crate::step::InvalidStep;
use crate::step::limits::PLACEHOLDERS;
use crate::step::nearest::hint;
use crate::step::node::Node;
use crate::text;

/// The maximum bytes of a text after its placeholders are replaced, since one value may be inserted many times.
const LARGEST: usize = 512 << 10;

/// The maximum length of `name)`.
const LONGEST: usize = 64;

/// A placeholder `$(…)` in a message, a title, a body or a branch's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placeholder {
    /// `$(image)`: the step's `image`, as the user wrote it.
    Image,
    /// `$(image-name)`: its repository without the registry, such as `shop/api`.
    ImageName,
    /// `$(tag)`: its tag, or nothing.
    Tag,
    /// `$(digest)`: its digest, or nothing.
    Digest,
    /// `$(branch)`: the branch that the change is for.
    Branch,
    /// `$(files)`: the files that change, separated by commas.
    Files,
    /// `$(changes)`: one line for each value, with its path, the old and the new value.
    Changes,
    /// `$(source-repo)`: `source.repo`.
    SourceRepo,
    /// `$(source-commit)`: `source.commit`.
    SourceCommit,
    /// `$(workflow)`: `namespace/name` of the workflow.
    Workflow,
    /// `$(workflow-url)`: its page in Argo's UI, or nothing if `serve` does not know the UI's address.
    WorkflowUrl,
}

const NAMES: &[(&str, Placeholder)] = &[
    ("image", Placeholder::Image),
    ("image-name", Placeholder::ImageName),
    ("tag", Placeholder::Tag),
    ("digest", Placeholder::Digest),
    ("branch", Placeholder::Branch),
    ("files", Placeholder::Files),
    ("changes", Placeholder::Changes),
    ("source-repo", Placeholder::SourceRepo),
    ("source-commit", Placeholder::SourceCommit),
    ("workflow", Placeholder::Workflow),
    ("workflow-url", Placeholder::WorkflowUrl),
];

impl Placeholder {
    /// The name in the brackets.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(_, placeholder)| *placeholder == self).map_or("", |(name, _)| name)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Value(Placeholder),
}

/// Text in which every `$(name)` of a [`Placeholder`] is replaced. Other `$(…)` are text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

impl Template {
    /// Parses `text`. A name that is similar to a placeholder's is refused as a spelling mistake.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        let mut plain = String::new();
        while let Some((before, found)) = rest.split_once("$(") {
            plain.push_str(before);
            // The search ends here: no name is longer, and a text may contain many brackets that open and never close.
            match text::head(found, LONGEST)
                .split_once(')')
                .map(|(name, _)| Ok::<_, String>((placeholder(name)?, &found[name.len() + 1..])))
            {
                Some(Ok((Some(value), after))) => {
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                    pieces.push(Piece::Value(value));
                    if pieces.len() > 2 * PLACEHOLDERS {
                        return Err(format!("has more than {PLACEHOLDERS} placeholders"));
                    }
                    rest = after;
                }
                Some(Err(slip)) => return Err(slip),
                Some(Ok((None, _))) | None => {
                    plain.push_str("$(");
                    rest = found;
                }
            }
        }
        plain.push_str(rest);
        pieces.push(Piece::Text(plain));
        Ok(Self(pieces))
    }

    /// Replaces each placeholder by its `value`.
    pub fn render(&self, value: impl Fn(Placeholder) -> String) -> String {
        let shown = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Value(placeholder) => value(*placeholder),
        };
        let mut rendered = String::new();
        for piece in &self.0 {
            rendered.push_str(&shown(piece));
            if rendered.len() > LARGEST {
                return text::cut(rendered, LARGEST);
            }
        }
        rendered
    }

    /// Every placeholder in it.
    pub(super) fn placeholders(&self) -> impl Iterator<Item = Placeholder> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Value(placeholder) => Some(*placeholder),
            Piece::Text(_) => None,
        })
    }
}

/// Parses templates for a step with these fields.
#[derive(Debug, Clone, Copy)]
pub(super) struct TemplateReader {
    pub(super) image: bool,
    pub(super) source: bool,
}

impl TemplateReader {
    /// Reads text of one line.
    pub(super) fn line(self, node: Node<'_>) -> Result<Template, InvalidStep> {
        node.checked(|text| self.read(text))
    }

    /// Reads text that may have line breaks.
    pub(super) fn text(self, node: Node<'_>) -> Result<Template, InvalidStep> {
        let here = node.clone();
        self.read(&node.lines()?).map_err(|problem| here.refuse(problem))
    }

    fn read(self, text: &str) -> Result<Template, String> {
        let template = Template::parse(text)?;
        let missing = template.placeholders().find_map(|placeholder| {
            let field = self.missing(placeholder)?;
            Some(format!("`$({})` needs the field `{field}`", placeholder.name()))
        });
        missing.map_or(Ok(template), Err)
    }

    /// The field that a placeholder needs, if the step lacks it.
    fn missing(self, placeholder: Placeholder) -> Option<&'static str> {
        use Placeholder as P;
        match placeholder {
            P::Image | P::ImageName | P::Tag | P::Digest if !self.image => Some("image"),
            P::SourceRepo | P::SourceCommit if !self.source => Some("source"),
            _ => None,
        }
    }
}

fn placeholder(name: &str) -> Result<Option<Placeholder>, String> {
    if let Some((_, placeholder)) = NAMES.iter().find(|(known, _)| *known == name) {
        return Ok(Some(*placeholder));
    }
    let is_name = name.bytes().all(|b| b.is_ascii_alphabetic() || matches!(b, b'-' | b'_'));
    match hint(name, NAMES.iter().map(|(known, _)| *known)) {
        near if near.is_empty() || !is_name => Ok(None),
        near => Err(format!("`$({name})` stands for nothing{near}")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Placeholder, Template};

    fn render(text: &str) -> Result<String, String> {
        let value = |placeholder: Placeholder| format!("<{}>", placeholder.name());
        Template::parse(text).map(|template| template.render(value))
    }

    #[test]
    fn placeholders_are_replaced_and_other_text_is_left_alone() {
        for (text, rendered) in [
            ("plain", "plain"),
            ("$(image)", "<image>"),
            ("a $(tag)$(digest) b", "a <tag><digest> b"),
            ("$(date +%s) $( $(", "$(date +%s) $( $("),
            ("$( $(tag)", "$( <tag>"),
            ("$(x $(tag))", "$(x <tag>)"),
            ("$$(tag)", "$<tag>"),
        ] {
            assert_eq!(render(text).as_deref(), Ok(rendered), "{text}");
        }
    }

    #[test]
    fn a_slip_is_named() {
        let refused = render("ship $(imgae)");
        assert_eq!(refused, Err("`$(imgae)` stands for nothing (did you mean `image`?)".into()));
    }
}
