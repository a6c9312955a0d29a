//! Files of a GitOps repository, and the changes to them.

use super::Target;
use super::table::{APPLICATION, APPLICATION_SOURCE, CONTAINER, KINDS, KUSTOMIZE, OBJECT, SOURCES, TARGET};
use super::word::{image, image_name, image_part, kubernetes_name, kustomize_value};
use crate::git::FileSpec;
use crate::manifest::{Application, Edit, KustomizeField, Object, Path, SourceRef, Target as Place};
use crate::step::node::{Fields, Node};
use crate::step::{InvalidStep, files, nearest::listed};

/// The target and its new value.
type Change = (Place, String);

/// Reads a list of targets with at least one item.
pub(super) fn read(node: Node<'_>) -> Result<Vec<Target>, InvalidStep> {
    let empty = node.refuse("is empty; name at least one file and what to change in it");
    let targets = node.list()?.into_iter().map(target).collect::<Result<Vec<_>, _>>()?;
    if targets.is_empty() { Err(empty) } else { Ok(targets) }
}

fn target(node: Node<'_>) -> Result<Target, InvalidStep> {
    let here = node.clone();
    let mut fields = node.fields(TARGET)?;
    let file = fields.required("file")?.checked(spec)?;
    let create = fields.switch("create", false)?;
    let shared = fields.switch("shared", false)?;
    let found: Vec<_> = KINDS.iter().filter_map(|kind| Some((*kind, fields.optional(kind)?))).collect();
    let changes = match <[_; 1]>::try_from(found) {
        Ok([(kind, body)]) => changes(kind, body)?,
        Err(none) if none.is_empty() => {
            let kinds = listed(KINDS.iter().copied());
            return Err(here.refuse(format!("says nothing to change; add one of {kinds}")));
        }
        Err(many) => {
            let names = listed(many.iter().map(|(kind, _)| *kind));
            return Err(here.refuse(format!("has {names}; write one target for each")));
        }
    };
    let edits = changes.into_iter().map(|(target, value)| Edit { target, value, create, shared }).collect();
    Ok(Target { file, edits })
}

/// Reads a path within the repository, or a glob for such paths.
fn spec(word: &str) -> Result<FileSpec, String> {
    files::file(word)?.parse().map_err(|bad| format!("{bad}"))
}

fn changes(kind: &str, body: Node<'_>) -> Result<Vec<Change>, InvalidStep> {
    match kind {
        "helm" => values(body, Place::Helm),
        "image" => images(body, |path| path.parse().map(Place::Image).map_err(|bad| format!("{bad}"))),
        "kustomize" => kustomize(body),
        "object" => object(body),
        "container" => container(body),
        "application" => application(body),
        _ => images(body, |policy| match policy.split_once(':') {
            Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => {
                Ok(Place::Setter(policy.to_owned()))
            }
            _ => Err("is not `NAMESPACE:NAME` of an ImagePolicy".to_owned()),
        }),
    }
}

/// Reads a map of dotted paths to their new values.
fn values(node: Node<'_>, place: impl Fn(Path) -> Place) -> Result<Vec<Change>, InvalidStep> {
    each(node, "one path and its value", |path, node| {
        let path: Path = path.parse().map_err(|bad| node.refuse(bad))?;
        if node.value().is_object() {
            return Err(
                node.refuse("expected a string, got a map; write nested keys as one path, like `image.tag`")
            );
        }
        Ok((place(path), node.word()?))
    })
}

/// Reads a map of targets to image references.
fn images(node: Node<'_>, place: impl Fn(&str) -> Result<Place, String>) -> Result<Vec<Change>, InvalidStep> {
    each(node, "one place and its image", |key, node| {
        let place = place(key).map_err(|bad| node.refuse(bad))?;
        Ok((place, node.checked(image)?))
    })
}

/// Reads every pair of a map. An empty map is refused, since it is probably a forgotten parameter.
fn each(
    node: Node<'_>,
    what: &str,
    read: impl Fn(&str, Node<'_>) -> Result<Change, InvalidStep>,
) -> Result<Vec<Change>, InvalidStep> {
    let empty = node.refuse(format!("is empty; write at least {what}"));
    let changes =
        node.map()?.into_iter().map(|(key, node)| read(&key, node)).collect::<Result<Vec<_>, _>>()?;
    if changes.is_empty() { Err(empty) } else { Ok(changes) }
}

/// Reads `{name, newName?, newTag?, digest?}`, as in a kustomization's `images`.
fn kustomize(node: Node<'_>) -> Result<Vec<Change>, InvalidStep> {
    let empty = node.refuse("changes nothing; add `newTag`, `newName` or `digest`");
    let mut fields = node.fields(KUSTOMIZE)?;
    let image = fields.required("name")?.word()?;
    let mut changes = Vec::new();
    // The changes are made in this order.
    for field in [KustomizeField::NewName, KustomizeField::NewTag, KustomizeField::Digest] {
        let Some(node) = fields.optional(field.key()) else { continue };
        let value = node.checked(|value| kustomize_value(field, value))?;
        changes.push((Place::Kustomize { image: image.clone(), field }, value));
    }
    if changes.is_empty() { Err(empty) } else { Ok(changes) }
}

/// Reads `{kind, name?, namespace?, set: {path: value}}`.
fn object(node: Node<'_>) -> Result<Vec<Change>, InvalidStep> {
    let mut fields = node.fields(OBJECT)?;
    let object = object_ref(&mut fields)?;
    values(fields.required("set")?, |path| Place::Object { object: object.clone(), path })
}

/// Reads `{kind, name?, namespace?, container, image}`, or a `tag` or a `digest` instead of the image. With `runs` instead of
/// the container, it means every container that runs that image, in the object or in the whole file.
fn container(node: Node<'_>) -> Result<Vec<Change>, InvalidStep> {
    let here = node.clone();
    let mut fields = node.fields(CONTAINER)?;
    let runs = fields.optional("runs").map(|node| node.checked(image_name)).transpose()?;
    let place = match runs {
        None => {
            let object = object_ref(&mut fields)?;
            Place::Container { object, container: fields.required("container")?.word()? }
        }
        Some(_) if fields.optional("container").is_some() => {
            return Err(here.refuse("has `container` and `runs`; write one of them"));
        }
        Some(image) => {
            let whole = here.value().get("kind").is_none() && here.value().get("name").is_none();
            let object = if whole { None } else { Some(object_ref(&mut fields)?) };
            Place::Running { object, image }
        }
    };
    let image = fields.optional("image").map(|node| node.checked(image)).transpose()?;
    let part = |name, prefix: char| move |value: &str| image_part(name, prefix, value);
    let tag = fields.optional("tag").map(|node| node.checked(part("a tag", ':'))).transpose()?;
    let digest =
        fields.optional("digest").map(|node| node.checked(part("a digest, sha256:…", '@'))).transpose()?;
    let value = match (image, tag, digest) {
        (Some(image), None, None) => image,
        (None, tag, digest) if tag.is_some() || digest.is_some() => {
            [tag, digest].into_iter().flatten().collect()
        }
        (None, ..) => return Err(here.refuse("changes nothing; add `image`, `tag` or `digest`")),
        _ => return Err(here.refuse("has `image` and a part of it; write one of them")),
    };
    Ok(vec![(place, value)])
}

/// Reads `{name?, source?, parameters: {name: value}, values: {path: value}}`, with one of the maps or both.
fn application(node: Node<'_>) -> Result<Vec<Change>, InvalidStep> {
    let empty = node.refuse("changes nothing; add `parameters` or `values`");
    let mut fields = node.fields(APPLICATION)?;
    let name = fields.optional("name").map(|node| node.checked(kubernetes_name)).transpose()?;
    let source = fields.optional("source").map(source).transpose()?;
    let application = (name.is_some() || source.is_some()).then_some(Application { name, source });
    let mut changes = Vec::new();
    if let Some(parameters) = fields.optional("parameters") {
        changes.extend(each(parameters, "one parameter and its value", |name, node| {
            let place = Place::Parameter { application: application.clone(), name: name.to_owned() };
            Ok((place, node.word()?))
        })?);
    }
    if let Some(paths) = fields.optional("values") {
        changes.extend(values(paths, |path| Place::Values { application: application.clone(), path })?);
    }
    if changes.is_empty() { Err(empty) } else { Ok(changes) }
}

/// Reads `{chart: NAME}`, another field of a source, or its index.
fn source(node: Node<'_>) -> Result<SourceRef, InvalidStep> {
    // An index is no tag, so a number may stand without quotes.
    if let Some(index) = node.value().as_u64().and_then(|index| usize::try_from(index).ok()) {
        return Ok(SourceRef::Index(index));
    }
    if !node.value().is_object() {
        return node.checked(|word| {
            word.parse().map(SourceRef::Index).map_err(|_| "is not a number, nor `{chart: NAME}`".to_owned())
        });
    }
    let here = node.clone();
    let mut fields = node.fields(APPLICATION_SOURCE)?;
    let given: Vec<_> = SOURCES.iter().filter_map(|field| Some((*field, fields.optional(field)?))).collect();
    match <[_; 1]>::try_from(given) {
        Ok([(field, node)]) => Ok(SourceRef::Field { field: field.to_owned(), value: node.word()? }),
        Err(_) => {
            Err(here.refuse("names no source; write one of `chart`, `repoURL`, `ref`, `path` and `name`"))
        }
    }
}

/// Reads `{kind, name?, namespace?}`. Without a name it is the only object of that kind.
fn object_ref(fields: &mut Fields<'_>) -> Result<Object, InvalidStep> {
    let kind = fields.required("kind")?.checked(kubernetes_name)?;
    let mut name = |field| fields.optional(field).map(|node| node.checked(kubernetes_name)).transpose();
    let (name, namespace) = (name("name")?, name("namespace")?);
    Ok(Object { kind, name: name.unwrap_or_default(), namespace })
}
