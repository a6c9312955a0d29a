//! The fields for a pull request instead of a push, and for the forge's API.

use super::template::{Placeholder, Template, TemplateReader};
use crate::forge::{Dialect, MergeMethod};
use crate::step::forge_api::{DIALECT_NAMES, DIALECTS, address};
use crate::step::form::ValueForm::{Any, Bool, Maybe, Names, Text, Word, Words};
use crate::step::form::{FieldTable, SECRET, names, optional};
use crate::step::node::Node;
use crate::step::{InvalidStep, SecretRef, files};

/// A pull request. There is one for each head branch; a later change updates it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PullRequest {
    /// The head branch's name; by default `argo-buildkit/BRANCH/IMAGE-NAME`.
    pub branch: Option<Template>,
    /// The title. By default the commit's subject.
    pub title: Option<Template>,
    /// The body, in Markdown. The engine writes one when absent.
    pub body: Option<Template>,
    /// Labels to add, by name.
    pub labels: Vec<String>,
    /// Users to assign, by login name.
    pub assignees: Vec<String>,
    /// Whether the pull request is merged automatically once its checks pass, and how.
    pub auto_merge: Option<MergeMethod>,
}

/// The API of the repository's forge.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForgeApi {
    /// The API's dialect. By default GitHub for `github.com`, and Gitea for every other host.
    pub dialect: Option<Dialect>,
    /// The API's address, such as `https://gitea.example.com/api/v1`. By default the repository's host.
    pub url: Option<String>,
    /// The token. By default the step's `secret`.
    pub secret: Option<SecretRef>,
}

const METHODS: &[(&str, MergeMethod)] =
    &[("merge", MergeMethod::Merge), ("squash", MergeMethod::Squash), ("rebase", MergeMethod::Rebase)];

const METHOD_NAMES: &[&str] = &names::<_, { METHODS.len() }>(METHODS);

/// The fields of `pull-request`.
pub(super) const PULL_REQUEST: &FieldTable = &FieldTable::of(&[
    optional("branch", Word),
    optional("title", Word),
    optional("body", Text),
    optional("labels", Words(&Maybe(&Word))),
    optional("assignees", Words(&Maybe(&Word))),
    optional("auto-merge", Any(&[Bool, Names(METHOD_NAMES)])),
]);

/// The fields of `forge`.
pub(super) const FORGE: &FieldTable = &FieldTable::of(&[
    optional("kind", Names(DIALECT_NAMES)),
    optional("url", Word),
    optional("secret", SECRET),
]);

impl PullRequest {
    /// Reads a map in which every field is optional.
    pub(super) fn read(node: Node<'_>, texts: TemplateReader) -> Result<Self, InvalidStep> {
        let mut fields = node.fields(PULL_REQUEST)?;
        Ok(Self {
            branch: fields.optional("branch").map(|node| head(node, texts)).transpose()?,
            title: fields.optional("title").map(|node| title(node, texts)).transpose()?,
            body: fields.optional("body").map(|node| texts.text(node)).transpose()?,
            labels: fields.or_default("labels", words)?,
            assignees: fields.or_default("assignees", words)?,
            auto_merge: fields.optional("auto-merge").map(auto_merge).transpose()?.flatten(),
        })
    }
}

impl ForgeApi {
    /// Reads `{kind, url, secret}`, or the kind alone as a string.
    pub(super) fn read(node: Node<'_>) -> Result<Self, InvalidStep> {
        if !crate::step::names::is_map(&node) {
            return Ok(Self { dialect: Some(node.one_of(DIALECTS)?), ..Self::default() });
        }
        let mut fields = node.fields(FORGE)?;
        Ok(Self {
            dialect: fields.optional("kind").map(|node| node.one_of(DIALECTS)).transpose()?,
            url: fields.optional("url").map(|node| node.checked(address)).transpose()?,
            secret: fields.optional("secret").map(SecretRef::read).transpose()?,
        })
    }
}

/// Reads a title. It has one line, so the placeholder with several lines is refused.
fn title(node: Node<'_>, texts: TemplateReader) -> Result<Template, InvalidStep> {
    without(node.clone(), texts.line(node)?, &[Placeholder::Changes], "cannot stand in one line")
}

/// Reads a branch's name. Its placeholders are replaced by sample words for the check.
fn head(node: Node<'_>, texts: TemplateReader) -> Result<Template, InvalidStep> {
    let template = texts.line(node.clone())?;
    let example = template.render(|placeholder| placeholder.name().to_owned());
    files::branch(&example).map_err(|problem| node.refuse(problem))?;
    let odd = [
        Placeholder::Files,
        Placeholder::Changes,
        Placeholder::WorkflowUrl,
        Placeholder::SourceRepo,
        Placeholder::Digest,
    ];
    without(node, template, &odd, "cannot stand in a branch's name")
}

/// Returns `template`, unless it contains a placeholder in `odd`.
fn without(
    node: Node<'_>,
    template: Template,
    odd: &[Placeholder],
    problem: &str,
) -> Result<Template, InvalidStep> {
    let found = template.placeholders().find(|placeholder| odd.contains(placeholder));
    match found {
        Some(odd) => Err(node.refuse(format!("`$({})` {problem}", odd.name()))),
        None => Ok(template),
    }
}

fn words(node: Node<'_>) -> Result<Vec<String>, InvalidStep> {
    node.words()?.into_iter().filter(|node| !node.is_absent()).map(Node::word).collect()
}

/// Reads the merge method. `true` is the method of the merge button.
fn auto_merge(node: Node<'_>) -> Result<Option<MergeMethod>, InvalidStep> {
    if let Ok(wanted) = node.clone().bool() {
        return Ok(wanted.then_some(MergeMethod::Default));
    }
    node.one_of(METHODS).map(Some)
}
