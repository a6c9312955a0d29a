//! `cache.warm`: images that the daemon pulls before a build needs them.

use super::super::build::{self, Build, Platform, REPOSITORY, platforms, registry_secret};
use super::super::form::ValueForm::{List, Map, Maybe, Pairs, Text, Word, Words};
use super::super::form::{FieldRule, SECRET, optional, required};
use super::super::mention::{Mention, MentionKind};
use super::super::node::Node;
use super::super::{FieldTable, InvalidStep, SecretKey, names};
use crate::oci::ImageRef;

/// The most images, each for one platform. One node pulls them one after the other.
const IMAGES: usize = 200;
/// The most Dockerfiles. One node reads them one after the other.
const DOCKERFILES: usize = 200;

/// The most platforms. Each Dockerfile is read for each of them.
const PLATFORMS: usize = 16;

/// The fields that name the images.
const SOURCES: [&str; 2] = ["images", "dockerfiles"];

pub(super) const WARM: &FieldTable = &FieldTable {
    fields: &[
        optional("images", Words(&Word)),
        optional("dockerfiles", List(1, &Map(DOCKERFILE))),
        optional("platforms", Words(&Maybe(&Word))),
        optional("registry-secret", SECRET),
    ],
    rules: &[FieldRule::AnyOf(&SOURCES)],
};

/// The fields of `build` that decide which images a Dockerfile reads.
const DOCKERFILE: &FieldTable = &FieldTable::of(&[
    required("context", REPOSITORY),
    optional("dockerfile", Word),
    optional("target", Word),
    optional("platforms", Words(&Maybe(&Word))),
    optional("build-args", Pairs(0, &Text)),
    optional("contexts", Pairs(0, &REPOSITORY)),
    optional("registry-secret", SECRET),
]);

/// The images that are pulled and extracted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warm {
    /// The images that are named, each once.
    pub images: Vec<ImageRef>,
    /// The builds whose images are pulled. They push nothing.
    pub dockerfiles: Vec<Build>,
    /// The platforms of each named image. Empty means the daemon's own.
    pub platforms: Vec<Platform>,
    /// A docker config with the login of their registries, and of the builds' that have none.
    pub registry_secret: Option<SecretKey>,
}

/// Reads the value under `warm`.
pub(super) fn read(node: Node<'_>) -> Result<Warm, InvalidStep> {
    let here = node.clone();
    let mut fields = node.fields(WARM)?;
    let images = fields.or_default("images", images)?;
    let platforms = fields.or_default("platforms", |node| {
        let here = node.clone();
        few(platforms(node)?, &here)
    })?;
    let count = images.len() * platforms.len().max(1);
    if count > IMAGES {
        let problem = format!("has {count} images with their platforms; at most {IMAGES} are taken");
        return Err(fields.refuse("images", problem));
    }
    let registry_secret = fields.optional("registry-secret").map(registry_secret).transpose()?;
    let dockerfiles =
        fields.or_default("dockerfiles", |node| dockerfiles(node, &platforms, &registry_secret))?;
    match images.is_empty() && dockerfiles.is_empty() {
        true => Err(here.refuse("names no image; write `images`, `dockerfiles`, or both")),
        false => Ok(Warm { images, dockerfiles, platforms, registry_secret }),
    }
}

/// The platforms at `here`, if they are few enough.
fn few(platforms: Vec<Platform>, here: &Node<'_>) -> Result<Vec<Platform>, InvalidStep> {
    match platforms.len() {
        0..=PLATFORMS => Ok(platforms),
        more => Err(here.refuse(format!("has {more} platforms; at most {PLATFORMS} are taken"))),
    }
}

fn images(node: Node<'_>) -> Result<Vec<ImageRef>, InvalidStep> {
    let here = node.clone();
    let mut images = Vec::new();
    for node in node.words()? {
        let image = names::image(node, "")?;
        if !images.contains(&image) {
            images.push(image);
        }
    }
    if images.is_empty() {
        return Err(here.refuse("names no image; leave it out, or write at least one"));
    }
    Ok(images)
}

fn dockerfiles(
    node: Node<'_>,
    platforms: &[Platform],
    registry_secret: &Option<SecretKey>,
) -> Result<Vec<Build>, InvalidStep> {
    let here = node.clone();
    let nodes = node.list()?;
    match nodes.len() {
        0 => return Err(here.refuse("is empty; leave it out, or write an item with a `context`")),
        1..=DOCKERFILES => {}
        more => return Err(here.refuse(format!("has {more} items; at most {DOCKERFILES} are taken"))),
    }
    let read = |node: Node<'_>| {
        let here = node.clone();
        let mut build = build::unpushed(node, DOCKERFILE)?;
        build.platforms = few(build.platforms, &here)?;
        if build.platforms.is_empty() {
            build.platforms = platforms.to_owned();
        }
        if build.registry_secret.is_none() {
            build.registry_secret.clone_from(registry_secret);
        }
        Ok(build)
    };
    nodes.into_iter().map(read).collect()
}

/// Destructured completely, so that a new field does not compile until someone decides about it.
pub(super) fn mentions(warm: &Warm) -> Vec<Mention> {
    let Warm {
        images,
        dockerfiles,
        // They choose within the images.
        platforms: _,
        // A Secret of the workflow's own namespace, read with the rights of its account.
        registry_secret: _,
    } = warm;
    let mention = |image: &ImageRef| Mention::new(MentionKind::Images, "cache.warm.images", image.name());
    let of_build = |mention: Mention| Mention { field: field(mention.field), ..mention };
    let of_dockerfiles = dockerfiles.iter().flat_map(build::mentions).map(of_build);
    images.iter().map(mention).chain(of_dockerfiles).collect()
}

/// The field of an item of `dockerfiles` that is the field of a build.
fn field(of_build: &str) -> &'static str {
    match of_build {
        "build.contexts" => "cache.warm.dockerfiles.contexts",
        _ => "cache.warm.dockerfiles.context",
    }
}
