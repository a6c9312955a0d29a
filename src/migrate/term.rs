//! A text with the expressions of Tekton, Argo, Actions and the shell in it. Names of parameters are replaced by the texts that
//! the files give them; nothing is executed.

use std::collections::BTreeMap;

use super::source::Node;
use super::verdict::Verdict;

/// The most bytes of a text after replacement.
const LONGEST: usize = 64 << 10;

/// The most values that one text is made of.
const MOST: usize = 64;

/// The most bytes of one expression.
const EXPRESSION: usize = 512;

/// A text, and the values of the input that it is made of.
#[derive(Debug, Clone, Default)]
pub(super) struct Term<'a> {
    pub(super) text: String,
    pub(super) from: Vec<Node<'a>>,
}

/// What names stand for: `params.image`, `tt.params.tag`, `env.TOKEN`, `inputs.parameters.repo`.
pub(super) type Scope<'a> = BTreeMap<String, Term<'a>>;

/// What an expression of an event stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EventPart {
    Commit,
    GitRef,
    RepoUrl,
}

impl<'a> Term<'a> {
    pub(super) fn of(node: &Node<'a>, text: impl Into<String>) -> Self {
        Self { text: text.into(), from: vec![node.clone()] }
    }

    /// The same values with another text, such as a part of it.
    pub(super) fn with(&self, text: impl Into<String>) -> Self {
        Self { text: text.into(), from: self.from.clone() }
    }

    /// This text, which another value has helped to find.
    pub(super) fn and(mut self, other: &[Node<'a>]) -> Self {
        self.from.extend(other.iter().take(MOST.saturating_sub(self.from.len())).cloned());
        self
    }

    /// Whether an expression remains that the files do not answer.
    pub(super) fn is_open(&self) -> bool {
        parts(&self.text).iter().any(|part| matches!(part, Part::Expression { .. }))
    }

    /// The part of an event that the whole text is.
    pub(super) fn event(&self) -> Option<EventPart> {
        match parts(self.text.trim()).as_slice() {
            [Part::Expression { name, .. }] => event(name),
            _ => None,
        }
    }

    pub(super) fn mark(&self, verdict: Verdict, note: &str) {
        self.from.iter().for_each(|node| node.mark(verdict, note));
    }

    pub(super) fn direct(&self, note: &str) {
        self.mark(Verdict::Direct, note);
    }

    pub(super) fn approximate(&self, note: &str) {
        self.mark(Verdict::Approximate, note);
    }

    pub(super) fn by_hand(&self, note: &str) {
        self.mark(Verdict::ByHand, note);
    }
}

/// The text of `node` with the names of `scope` replaced.
pub(super) fn resolve<'a>(node: &Node<'a>, scope: &Scope<'a>) -> Term<'a> {
    resolve_text(node, &node.text().unwrap_or_default(), scope)
}

/// `text`, a part of the text of `node`, with the names of `scope` replaced.
pub(super) fn resolve_text<'a>(node: &Node<'a>, text: &str, scope: &Scope<'a>) -> Term<'a> {
    let mut term = Term::of(node, "");
    for part in parts(text) {
        let (raw, known) = match &part {
            Part::Text(text) => (*text, None),
            Part::Expression { raw, name } => (*raw, scope.get(name)),
        };
        match known {
            Some(known) if term.text.len() + known.text.len() <= LONGEST => {
                term.text.push_str(&known.text);
                term = term.and(&known.from);
            }
            _ => term.text.push_str(raw),
        }
    }
    term
}

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'t> {
    Text(&'t str),
    /// An expression as it is written, and the name in it.
    Expression {
        raw: &'t str,
        name: String,
    },
}

/// The expressions of a text, and what is between them.
pub(super) fn parts(text: &str) -> Vec<Part<'_>> {
    let (mut parts, mut begin, mut at) = (Vec::new(), 0, 0);
    while let Some(found) = text[at..].find(['$', '{']).map(|found| at + found) {
        let Some((raw, name)) = expression(&text[found..]) else {
            at = found + 1;
            continue;
        };
        if begin < found {
            parts.push(Part::Text(&text[begin..found]));
        }
        at = found + raw.len();
        begin = at;
        parts.push(Part::Expression { raw, name });
    }
    if begin < text.len() {
        parts.push(Part::Text(&text[begin..]));
    }
    parts
}

/// The expression that a text begins with, and the name in it.
pub(super) fn expression(text: &str) -> Option<(&str, String)> {
    let text = &text[..text.floor_char_boundary(EXPRESSION)];
    for (open, close) in [("${{", "}}"), ("{{", "}}"), ("$(", ")"), ("${", "}")] {
        let Some(rest) = text.strip_prefix(open) else { continue };
        let inner = &rest[..rest.find(close)?];
        let name = normal(inner);
        let is_variable = open.starts_with('$') && open != "${{" && is_word(&name);
        let name = if is_variable { format!("env.{name}") } else { name };
        return Some((&text[..open.len() + inner.len() + close.len()], name));
    }
    let word = text.strip_prefix('$')?;
    let length = word.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(word.len());
    let word = &word[..length];
    let is_name = word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    is_name.then(|| (&text[..=length], format!("env.{word}")))
}

fn is_word(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// `params.image` for ` inputs.params["image"] `.
fn normal(name: &str) -> String {
    let name = name.trim().replace("[\"", ".").replace("['", ".").replace("\"]", "").replace("']", "");
    let name = name.strip_prefix("inputs.params.").map(|rest| format!("params.{rest}")).unwrap_or(name);
    name.replacen("gitea.", "github.", usize::from(name.starts_with("gitea.")))
}

/// The names of a pushed commit in events, variables and results.
const COMMITS: &[&str] = &[
    "body.after",
    "body.head_commit.id",
    "body.checkout_sha",
    "github.sha",
    "github.event.after",
    "env.GITHUB_SHA",
    "env.GITEA_SHA",
    "env.COMMIT_SHA",
    "env.REVISION",
];

const REFS: &[&str] = &["body.ref", "github.ref", "github.ref_name", "env.GITHUB_REF", "env.GITHUB_REF_NAME"];

const REPOS: &[&str] = &[
    "body.repository.clone_url",
    "body.repository.git_url",
    "body.repository.html_url",
    "body.repository.ssh_url",
];

fn event(name: &str) -> Option<EventPart> {
    let is_result = name.starts_with("tasks.") && name.contains(".results.") && name.ends_with("commit");
    let is_output = name.starts_with("steps.") && name.ends_with(".commit");
    match name {
        _ if COMMITS.contains(&name) || is_result || is_output => Some(EventPart::Commit),
        _ if REFS.contains(&name) => Some(EventPart::GitRef),
        _ if REPOS.contains(&name) => Some(EventPart::RepoUrl),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_of_all_systems_are_found_and_nothing_else() {
        for (text, raw, name) in [
            ("$(params.image):x", "$(params.image)", "params.image"),
            ("$(inputs.params[\"a-b\"])", "$(inputs.params[\"a-b\"])", "params.a-b"),
            ("${{ gitea.sha }}", "${{ gitea.sha }}", "github.sha"),
            ("{{workflow.parameters.x}}", "{{workflow.parameters.x}}", "workflow.parameters.x"),
            ("${TOKEN}@", "${TOKEN}", "env.TOKEN"),
            ("$TOKEN@", "$TOKEN", "env.TOKEN"),
            ("$(TOKEN)", "$(TOKEN)", "env.TOKEN"),
        ] {
            assert_eq!(expression(text), Some((raw, name.to_owned())), "{text}");
        }
        for text in ["$", "$1", "{x}", "$(open", "plain", "${", "{{"] {
            assert_eq!(expression(text), None, "{text}");
        }
        let shown = parts("a $x{b} ü$(y)");
        assert_eq!(shown.len(), 4, "{shown:?}");
    }
}
