//! `tags`: which tags a repository has, and what they name.

mod filter;
mod retention;

use super::build::registry_secret;
use super::form::ValueForm::{Bool, Map, Names, Number, Word};
use super::form::{self, IMAGE, IMAGE_TABLE, SECRET, optional, required};
use super::limits::ITEMS;
use super::mention::{Mention, MentionKind};
use super::names;
use super::node::{Fields, Node};
use super::spec::{Output, Spec, sample};
use super::{FieldTable, InvalidStep, RegistryRef, SecretKey, ValueForm};
use crate::oci::ImageRef;
use crate::selection::NamePattern;
pub use filter::{TagFilter, version};
pub(crate) use filter::{is_for_digest, is_hidden};
pub use retention::{Clock, InUse, Retention};

pub(super) const SPEC: Spec =
    Spec { name: "tags", form: ValueForm::Map(TAGS), outputs: OUTPUTS, nests: true };

/// The fields, in the order of docs/steps.md.
const TAGS: &FieldTable = &FieldTable::of(&[
    required("image", IMAGE),
    optional("filter", Map(FILTER)),
    optional("sort", Names(&ORDER_NAMES)),
    optional("limit", Number(1, ITEMS as i64)),
    optional("details", Bool),
    optional("registry-secret", SECRET),
    optional("delete", Map(retention::DELETE)),
]);

const FILTER: &FieldTable =
    &FieldTable::of(&[optional("regex", Word), optional("semver", Word), optional("hidden", Bool)]);

const ORDERS: [(&str, TagOrder); 3] =
    [("name", TagOrder::Name), ("semver", TagOrder::Semver), ("created", TagOrder::Created)];
const ORDER_NAMES: [&str; 3] = form::names(&ORDERS);

/// `tags` is a JSON list, `images` a JSON list of maps, `platforms` a JSON list, `labels` a JSON map. Tags are letters,
/// digits, `_`, `.` and `-`, and labels are redacted when the map is made.
const OUTPUTS: &[Output] = &[
    Output::ours("exists", "true"),
    Output::ours("tag", "1.4.0"),
    Output::ours("digest", sample::DIGEST),
    Output::ours("image", sample::IMAGE),
    Output::ours("created", "2026-11-29T10:00:00Z"),
    Output::ours("platforms", r#"["linux/amd64"]"#),
    Output::ours("labels", "{}"),
    Output::ours("size", "1000000"),
    Output::ours("tags", r#"["1.4.0"]"#),
    Output::ours("count", "1"),
    Output::ours("images", "[]"),
    Output::ours("planned", "[]"),
    Output::ours("deleted", "[]"),
    Output::text("plan"),
    Output::ours("warnings", "[]"),
];

/// The order of tags, the first of which is the one that the outputs describe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagOrder {
    /// By name, ascending.
    Name,
    /// By semantic version, the highest first.
    Semver,
    /// By the time at which the image was made, the newest first.
    Created,
}

/// A valid `tags` step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tags {
    /// The repository. If it has a tag or a digest, the step asks about that image only.
    pub image: RegistryRef,
    /// Which tags count.
    pub filter: TagFilter,
    /// Their order.
    pub order: TagOrder,
    /// How many of them are returned; `None` means all.
    pub limit: Option<usize>,
    /// Whether each of them is described.
    pub details: bool,
    /// A docker config with the login of the registry.
    pub registry_secret: Option<SecretKey>,
    /// Which of them are deleted; `None` if the step only asks.
    pub delete: Option<Retention>,
}

impl Tags {
    /// The tag or the digest, if the step asks about one image.
    pub fn name(&self) -> Option<&str> {
        self.image.image.digest().or(self.image.image.tag())
    }
}

/// Reads the value under `tags`.
pub(super) fn read(node: Node<'_>) -> Result<Tags, InvalidStep> {
    let mut fields = node.fields(TAGS)?;
    let image = image(fields.required("image")?)?;
    check_lists(&fields, &image)?;
    let filter = fields.or_default("filter", filter)?;
    let delete = fields.optional("delete").map(retention::read).transpose()?;
    let by_default = match (&filter.semver, &delete) {
        (Some(_), _) => TagOrder::Semver,
        (None, Some(_)) => TagOrder::Created,
        (None, None) => TagOrder::Name,
    };
    let order = fields.optional("sort").map(|node| node.one_of(&ORDERS)).transpose()?.unwrap_or(by_default);
    check_delete(&fields, delete.as_ref(), order)?;
    let limit = fields.optional("limit").map(|node| node.number(1..=ITEMS as u32)).transpose()?;
    Ok(Tags {
        image,
        filter,
        order,
        limit: limit.map(|limit| limit as usize),
        details: fields.switch("details", false)?,
        registry_secret: fields.optional("registry-secret").map(registry_secret).transpose()?,
        delete,
    })
}

/// Destructured completely, so that a new field does not compile until someone decides about it.
pub(super) fn mentions(tags: &Tags) -> Vec<Mention> {
    let Tags {
        image,
        // They choose within the repository.
        filter: _,
        order: _,
        limit: _,
        details: _,
        // A Secret of the workflow's own namespace, read with the rights of its account.
        registry_secret: _,
        delete,
    } = tags;
    let mut mentions = vec![Mention::new(MentionKind::Images, "tags.image", image.image.name())];
    if let Some(delete) = delete {
        mentions.push(Mention::new(MentionKind::Push, "tags.image", image.image.name()));
        mentions.extend(
            delete.in_use.iter().map(|used| Mention::repository("tags.delete.in-use.repo", &used.repo)),
        );
    }
    mentions
}

/// Reads `{ref, insecure}` or the reference. Without a tag and a digest it is a repository.
fn image(node: Node<'_>) -> Result<RegistryRef, InvalidStep> {
    if !names::is_map(&node) {
        return Ok(RegistryRef { image: node.parsed()?, insecure: false });
    }
    let mut fields = node.fields(IMAGE_TABLE)?;
    let image: ImageRef = fields.required("ref")?.parsed()?;
    Ok(RegistryRef { image, insecure: fields.switch("insecure", false)? })
}

/// Refuses fields that choose among tags, if the step asks about one image.
fn check_lists(fields: &Fields<'_>, image: &RegistryRef) -> Result<(), InvalidStep> {
    let named = image.image.tag().is_some() || image.image.digest().is_some();
    let choosing = ["filter", "sort", "limit", "delete"].into_iter().find(|name| fields.has(name));
    match choosing {
        Some(name) if named => Err(fields.refuse(
            name,
            "chooses among tags, and `image` names one; leave out its tag or digest to ask for all, or leave out this field",
        )),
        _ => Ok(()),
    }
}

/// Checks fields beside `delete`.
fn check_delete(fields: &Fields<'_>, delete: Option<&Retention>, order: TagOrder) -> Result<(), InvalidStep> {
    let Some(delete) = delete else { return Ok(()) };
    if let Some(name) = ["limit", "details"].into_iter().find(|name| fields.has(name)) {
        return Err(
            fields.refuse(name, "is about what is returned, and has no meaning with `delete`; leave it out")
        );
    }
    match delete.keep.is_some() && order == TagOrder::Name {
        true => Err(fields
            .refuse("sort", "is `name`, and `delete.keep` counts the newest; write `semver` or `created`")),
        false => Ok(()),
    }
}

fn filter(node: Node<'_>) -> Result<TagFilter, InvalidStep> {
    let mut fields = node.fields(FILTER)?;
    let pattern = |text: &str| NamePattern::new(text).map_err(|bad| bad.to_string());
    Ok(TagFilter {
        regex: fields.optional("regex").map(|node| node.checked(pattern)).transpose()?,
        semver: fields.optional("semver").map(|node| node.checked(filter::range)).transpose()?,
        hidden: fields.switch("hidden", false)?,
    })
}
