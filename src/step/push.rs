//! `push`: copies an image to other repositories or tags, by tag or digest.

use std::collections::HashSet;

use super::build::{Platform, platforms, registry_secret};
use super::form::ValueForm::{Bool, Maybe, Word, Words};
use super::form::{FieldRule, IMAGE, IMAGE_TABLE, SECRET, optional, required};
use super::limits::{ITEMS, too_many};
use super::mention::{Mention, MentionKind};
use super::names;
use super::node::{Fields, Node};
use super::spec::{Output, Spec, sample};
use super::{FieldTable, InvalidStep, RegistryRef, SecretKey, ValueForm};
use crate::oci::ImageRef;

pub(super) const SPEC: Spec =
    Spec { name: "push", form: ValueForm::Map(PUSH), outputs: OUTPUTS, nests: true };

/// The fields, in the order of docs/steps.md.
const PUSH: &FieldTable = &FieldTable {
    fields: &[
        required("source", IMAGE),
        optional("targets", Words(&IMAGE)),
        optional("tags", Words(&Maybe(&Word))),
        optional("platforms", Words(&Maybe(&Word))),
        optional("referrers", Bool),
        optional("only-if-absent", Bool),
        optional("expect-digest", Word),
        optional("registry-secret", SECRET),
        optional("source-registry-secret", SECRET),
    ],
    rules: &[FieldRule::AnyOf(&["targets", "tags"])],
};

/// `tags` is a JSON list of full references; `resolved` is the digest that the source had; `dropped` is a JSON list of the
/// platforms that were left out; `warnings` is a JSON list of sentences.
const OUTPUTS: &[Output] = &[
    Output::ours("digest", sample::DIGEST),
    Output::ours("image", sample::IMAGE),
    Output::ours("tags", r#"["registry.example/image:tag"]"#),
    Output::ours("resolved", sample::DIGEST),
    Output::ours("changed", "true"),
    Output::ours("dropped", "[]"),
    Output::ours("referrers", "0"),
    Output::ours("copied-bytes", "0"),
    Output::ours("seconds", "1.5"),
    Output::ours("warnings", "[]"),
];

/// A valid `push` step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// The image to copy, with a tag or a digest.
    pub source: RegistryRef,
    /// The repositories to copy to, each once; not empty.
    pub targets: Vec<PushTarget>,
    /// The platforms to copy, as `os/arch[/variant]`. Empty means all.
    pub platforms: Vec<Platform>,
    /// Whether signatures, attestations and SBOMs are copied too.
    pub referrers: bool,
    /// Whether a tag that names another image is left as it is, which fails the step.
    pub only_if_absent: bool,
    /// The digest that the source must have.
    pub expect_digest: Option<String>,
    /// A docker config with the logins of the registries.
    pub registry_secret: Option<SecretKey>,
    /// A docker config with the login of the source's registry, if it is another one.
    pub source_registry_secret: Option<SecretKey>,
}

/// A repository to copy to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushTarget {
    /// The repository, and how to connect to its registry.
    pub repository: RegistryRef,
    /// The tags to set, each once. If there is none, the image is there by its digest only.
    pub tags: Vec<String>,
}

/// Reads the value under `push`.
pub(super) fn read(node: Node<'_>) -> Result<Push, InvalidStep> {
    let mut fields = node.fields(PUSH)?;
    let source = RegistryRef::read(fields.required("source")?)?;
    Ok(Push {
        targets: targets(&mut fields, &source)?,
        source,
        platforms: fields.or_default("platforms", platforms)?,
        referrers: fields.switch("referrers", false)?,
        only_if_absent: fields.switch("only-if-absent", false)?,
        expect_digest: fields.optional("expect-digest").map(|node| node.checked(digest)).transpose()?,
        registry_secret: fields.optional("registry-secret").map(registry_secret).transpose()?,
        source_registry_secret: fields.optional("source-registry-secret").map(registry_secret).transpose()?,
    })
}

/// Destructured completely, so that a new field does not compile until someone decides about it.
pub(super) fn mentions(push: &Push) -> Vec<Mention> {
    let Push {
        source,
        targets,
        // They choose within the source, or compare with it.
        platforms: _,
        referrers: _,
        only_if_absent: _,
        expect_digest: _,
        // Secrets of the workflow's own namespace, read with the rights of its account.
        registry_secret: _,
        source_registry_secret: _,
    } = push;
    let mention = |kind, field, image: &RegistryRef| Mention::new(kind, field, image.image.name());
    let pushed = targets.iter().map(|target| mention(MentionKind::Push, "push.targets", &target.repository));
    std::iter::once(mention(MentionKind::Images, "push.source", source)).chain(pushed).collect()
}

/// Reads `targets` and `tags`. Without `targets`, the tags are set in the source's own repository.
fn targets(fields: &mut Fields<'_>, source: &RegistryRef) -> Result<Vec<PushTarget>, InvalidStep> {
    let tags = fields.or_default("tags", tags)?;
    let items = fields.or_default("targets", Node::words)?;
    if items.is_empty() && tags.is_empty() {
        let problem = "is missing; name repositories in it, or `tags` of the source's own";
        return Err(fields.refuse("targets", problem));
    }
    if items.is_empty() {
        return Ok(vec![PushTarget { repository: source.clone(), tags }]);
    }
    // Each target has all of `tags`, so a short step may name very many.
    let references = items.len().saturating_mul(tags.len().max(1));
    if references > ITEMS {
        return Err(fields
            .refuse("targets", too_many(references, "references, each target with each of `tags`,", ITEMS)));
    }
    let mut targets: Vec<PushTarget> = Vec::new();
    for item in items {
        let own = own_tag(&item, source, tags.is_empty())?;
        let repository = names::writable(&item, RegistryRef::read(item.clone())?)?;
        let known = targets.iter_mut().find(|known| known.repository.image.name() == repository.image.name());
        let found: Vec<_> = own.into_iter().chain(tags.iter().cloned()).collect();
        match known {
            Some(known) => known.tags.extend(found),
            None => targets.push(PushTarget { repository, tags: found }),
        }
    }
    for target in &mut targets {
        let mut seen = HashSet::new();
        target.tags.retain(|tag| seen.insert(tag.clone()));
    }
    Ok(targets)
}

/// The tag that a target's own text names. If it names none, and neither does `tags`, the source's tag.
fn own_tag(item: &Node<'_>, source: &RegistryRef, is_needed: bool) -> Result<Option<String>, InvalidStep> {
    let written = match names::is_map(item) {
        true => item.clone().fields(IMAGE_TABLE)?.required("ref")?.word()?,
        false => item.clone().word()?,
    };
    // Reading the item reports what is wrong with it.
    let Ok(image) = written.parse::<ImageRef>() else { return Ok(None) };
    let of_source = source.image.digest().is_none().then(|| source.image.tag()).flatten();
    Ok(image.tag().or(of_source.filter(|_| is_needed)).map(str::to_owned))
}

fn tags(node: Node<'_>) -> Result<Vec<String>, InvalidStep> {
    let (mut tags, mut seen) = (Vec::new(), HashSet::new());
    for item in node.words()?.into_iter().filter(|item| !item.is_absent()) {
        let tag = item.checked(|tag| match format!("r.example/a:{tag}").parse::<ImageRef>() {
            Ok(image) if image.tag() == Some(tag) => Ok(tag.to_owned()),
            _ => Err(
                "is no tag (letters, digits, `_`, `.` and `-`, at most 128); write repositories in `targets`"
                    .to_owned(),
            ),
        })?;
        if seen.insert(tag.clone()) {
            tags.push(tag);
        }
    }
    Ok(tags)
}

fn digest(text: &str) -> Result<String, String> {
    match format!("r.example/a@{text}").parse::<ImageRef>() {
        Ok(image) => Ok(image.digest().unwrap_or(text).to_owned()),
        Err(_) => Err("is no digest; write `sha256:` and 64 lower-case hex digits".to_owned()),
    }
}
