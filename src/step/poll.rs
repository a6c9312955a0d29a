//! `poll`: submits the Workflows of commits and tags whose image is not in the registry.

use std::collections::BTreeSet;

use super::build::registry_secret;
use super::form::ValueForm::{Bool, List, Map, Word};
use super::form::{FieldRule, SECRET, optional, required};
use super::git_login::git_login;
use super::node::Node;
use super::service::{self, BRANCHES, NAME, PATHS, PATHS_IGNORE, TAGS, WORKFLOW, WorkflowCall};
use super::spec::{Output, Spec};
use super::{FieldTable, InvalidStep, Mention, MentionKind, SecretKey, SecretRef, ValueForm};
use crate::git::RepoUrl;
use crate::oci::ImageRef;
use crate::selection::Rule;

pub(super) const SPEC: Spec =
    Spec { name: "poll", form: ValueForm::Map(POLL), outputs: OUTPUTS, nests: true };

const POLL: &FieldTable =
    &FieldTable::of(&[optional("enabled", Bool), required("services", List(1, &Map(SERVICE)))]);

const SERVICE: &FieldTable = &FieldTable {
    fields: &[
        NAME,
        required("repo", Word),
        optional("secret", SECRET),
        BRANCHES,
        TAGS,
        PATHS,
        PATHS_IGNORE,
        required("image", Word),
        optional("insecure", Bool),
        optional("registry-secret", SECRET),
        required("workflow", Map(WORKFLOW)),
    ],
    rules: &[FieldRule::AnyOf(&["branches", "tags"])],
};

/// `submitted` is a JSON list of Workflow names, `skipped` and `failed` are JSON lists of maps. Their reasons are redacted
/// when the lists are made.
const OUTPUTS: &[Output] =
    &[Output::ours("submitted", "[]"), Output::ours("skipped", "[]"), Output::ours("failed", "[]")];

/// The most patterns of `branches` and `tags` of all services together. Each is compared with every ref of its repository.
const PATTERNS: usize = 2000;

/// A valid `poll` step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poll {
    /// If false, the step does nothing and sends no request.
    pub enabled: bool,
    /// The services, each with another name.
    pub services: Vec<PolledService>,
}

/// A service: what is built, and where its images are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolledService {
    /// The service's name, with which the names of its Workflows begin.
    pub name: String,
    /// The repository.
    pub repo: RepoUrl,
    /// The login for the repository.
    pub secret: Option<SecretRef>,
    /// The branches, tags and paths that are built.
    pub rule: Rule,
    /// The image, without a tag.
    pub image: ImageRef,
    /// Whether the registry is accessed over plain http or with an unknown certificate.
    pub insecure: bool,
    /// The registry's login.
    pub registry_secret: Option<SecretKey>,
    /// What is submitted.
    pub workflow: WorkflowCall,
}

/// Reads the value under `poll`.
pub(super) fn read(node: Node<'_>) -> Result<Poll, InvalidStep> {
    let mut fields = node.fields(POLL)?;
    let enabled = fields.switch("enabled", true)?;
    let list = fields.required("services")?;
    let empty = list.refuse("is empty; write at least one service");
    let too_many = list.refuse(format!(
        "have more than {PATTERNS} patterns in `branches` and `tags` together; split the step"
    ));
    let (mut services, mut names, mut patterns) = (Vec::new(), BTreeSet::new(), 0);
    for item in list.list()? {
        let path = item.path().to_owned();
        let service = PolledService::read(item)?;
        patterns += service.rule.refs.patterns();
        if patterns > PATTERNS {
            return Err(too_many);
        }
        if !names.insert(service.name.clone()) {
            let problem =
                format!("`{}` is used by another service; give this one a name of its own", service.name);
            return Err(InvalidStep::new(format!("{path}.name"), problem));
        }
        services.push(service);
    }
    if services.is_empty() { Err(empty) } else { Ok(Poll { enabled, services }) }
}

/// The repositories that are read, and the images that are looked for.
pub(super) fn mentions(poll: &Poll) -> Vec<Mention> {
    let of = |service: &PolledService| {
        [
            Mention::repository("poll.services.repo", &service.repo),
            Mention::new(MentionKind::Images, "poll.services.image", &service.image),
        ]
    };
    poll.services.iter().flat_map(of).collect()
}

impl PolledService {
    fn read(node: Node<'_>) -> Result<Self, InvalidStep> {
        let here = node.clone();
        let mut fields = node.fields(SERVICE)?;
        let name = service::name(fields.required("name")?)?;
        let (repo, secret) = git_login(&mut fields)?;
        let rule = service::rule(&mut fields)?;
        if rule.refs.patterns() == 0 {
            return Err(
                here.refuse("names neither `branches` nor `tags`; write one, such as `branches: main`")
            );
        }
        Ok(Self {
            name,
            repo,
            secret,
            rule,
            image: fields.required("image")?.checked(untagged)?,
            insecure: fields.switch("insecure", false)?,
            registry_secret: fields.optional("registry-secret").map(registry_secret).transpose()?,
            workflow: WorkflowCall::read(fields.required("workflow")?)?,
        })
    }
}

/// An image name without a tag: the commit, or the name of a Git tag, is the tag.
fn untagged(word: &str) -> Result<ImageRef, String> {
    let image: ImageRef = word.parse().map_err(|bad| format!("{bad}"))?;
    match (image.tag(), image.digest()) {
        (None, None) => Ok(image),
        _ => Err("must not have a tag or a digest, because the commit is the tag; leave it out".into()),
    }
}
