//! `select`: decides which services a push touches, and submits the Workflows that build them.

use std::collections::BTreeSet;

use super::form::ValueForm::{Bool, List, Map, Word};
use super::form::{FieldRule, FieldTable, SECRET, optional};
use super::names;
use super::node::{Fields, Node};
use super::service::{self, BRANCHES, NAME, PATHS, PATHS_IGNORE, TAGS, WORKFLOW_FIELD, WorkflowCall};
use super::spec::{Output, OutputSource, Spec};
use super::{InvalidStep, Mention, SecretRef, ValueForm};
use crate::git::RepoUrl;
use crate::selection::{GitRef, Rule};

pub(super) const SPEC: Spec =
    Spec { name: "select", form: ValueForm::Map(SELECT), outputs: OUTPUTS, nests: true };

const SELECT: &FieldTable = &FieldTable {
    fields: &[
        optional("enabled", Bool),
        optional("repo", Word),
        optional("secret", SECRET),
        optional("ref", Word),
        optional("before", Word),
        optional("after", Word),
        PATHS,
        PATHS_IGNORE,
        optional("services", List(1, &Map(SERVICE))),
    ],
    rules: &[
        FieldRule::UnlessOff("repo", "enabled"),
        FieldRule::UnlessOff("ref", "enabled"),
        FieldRule::UnlessOff("after", "enabled"),
        FieldRule::NotBoth("paths", "services"),
        FieldRule::NotBoth("paths-ignore", "services"),
    ],
};

const SERVICE: &FieldTable = &FieldTable::of(&[NAME, BRANCHES, TAGS, PATHS, PATHS_IGNORE, WORKFLOW_FIELD]);

/// `true` or `false`; why; and JSON lists of the changed files, of the touched services, and of the Workflows that were made.
const OUTPUTS: &[Output] = &[
    Output::ours("selected", "true"),
    Output::text("reason"),
    // File names are a server's, so values of Secrets in them are replaced.
    Output { name: "files", sample: "[]", source: OutputSource::Text },
    Output::ours("services", "[]"),
    Output::ours("submitted", "[]"),
];

/// A valid `select` step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Select {
    /// The push; `None` if the step is off: then everything is selected, without a request.
    pub push: Option<Push>,
    /// What is decided.
    pub choice: Choice,
}

/// A push, as an event tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// The repository.
    pub repo: RepoUrl,
    /// The login that may read it.
    pub secret: Option<SecretRef>,
    /// The ref that was pushed.
    pub git_ref: GitRef,
    /// The commit that the ref had before, in lower-case hex digits; `None` if the ref is new.
    pub before: Option<String>,
    /// The commit that the ref has now; `None` if the ref was deleted.
    pub after: Option<String>,
}

/// What is decided about a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// Whether the repository, which is one service, is built.
    Whole(Rule),
    /// Which services are built.
    Services(Vec<Service>),
}

/// One service of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its name, unique in the step.
    pub name: String,
    /// The pushes that concern it.
    pub rule: Rule,
    /// The Workflow that is submitted when it is touched.
    pub workflow: Option<WorkflowCall>,
}

/// Reads the value under `select`.
pub(super) fn read(node: Node<'_>) -> Result<Select, InvalidStep> {
    let mut fields = node.fields(SELECT)?;
    let enabled = fields.switch("enabled", true)?;
    let push = read_push(&mut fields, enabled)?;
    let services = fields.optional("services");
    for name in ["paths", "paths-ignore"] {
        if services.is_some() && fields.has(name) {
            return Err(fields.refuse(name, "cannot stand beside `services`; write it for each service"));
        }
    }
    let choice = match services {
        Some(node) => Choice::Services(read_services(node)?),
        None => Choice::Whole(service::rule(&mut fields)?),
    };
    Ok(Select { push, choice })
}

/// The push; `None` if the step is off. Then its fields may have any text.
fn read_push(fields: &mut Fields<'_>, enabled: bool) -> Result<Option<Push>, InvalidStep> {
    let secret = fields.optional("secret").map(SecretRef::read).transpose()?;
    if !enabled {
        for name in ["repo", "ref", "before", "after"] {
            fields.optional(name).map(Node::word).transpose()?;
        }
        return Ok(None);
    }
    let repo = fields.required("repo")?.parsed::<RepoUrl>()?;
    let git_ref = fields.required("ref")?.checked(git_ref)?;
    let before = fields.optional("before").map(|node| node.checked(commit)).transpose()?;
    let after = fields.required("after")?.checked(commit)?;
    if repo.is_ssh() && secret.is_none() {
        return Err(fields.refuse("secret", "is missing; an ssh repository needs a key"));
    }
    let there = |id: &String| id.bytes().any(|digit| digit != b'0');
    let (before, after) = (before.filter(there), Some(after).filter(there));
    Ok(Some(Push { repo, secret, git_ref, before, after }))
}

fn read_services(node: Node<'_>) -> Result<Vec<Service>, InvalidStep> {
    let empty = node.refuse("is empty; write at least one service");
    let (mut services, mut names) = (Vec::new(), BTreeSet::new());
    for node in node.list()? {
        let mut fields = node.fields(SERVICE)?;
        let name = service::name(fields.required("name")?)?;
        if !names.insert(name.clone()) {
            return Err(fields.refuse(
                "name",
                format!("`{name}` is used by another service; give this one a name of its own"),
            ));
        }
        let rule = service::rule(&mut fields)?;
        let workflow = fields.optional("workflow").map(WorkflowCall::read).transpose()?;
        services.push(Service { name, rule, workflow });
    }
    if services.is_empty() { Err(empty) } else { Ok(services) }
}

/// A full name, or the short name of a branch.
fn git_ref(name: &str) -> Result<GitRef, String> {
    crate::git::check_name(name).map_err(str::to_owned)?;
    Ok(if name.starts_with("refs/") { GitRef::parse(name) } else { GitRef::Branch(name.to_owned()) })
}

fn commit(word: &str) -> Result<String, String> {
    names::commit(word, "as a push event has them")
}

/// Destructured completely, so that a new field does not compile until someone decides about it.
pub(super) fn mentions(select: &Select) -> Vec<Mention> {
    // Workflows are made in the step's own namespace, with the rights of its account.
    let Select { push, choice: _ } = select;
    push.iter().map(|push| Mention::repository("select.repo", &push.repo)).collect()
}
