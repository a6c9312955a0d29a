//! Reads what a `sync` step waits for.

use super::table::{APPLICATION, KINDS, WORKLOAD};
use super::{ApplicationChoice, MOST, SyncTarget, Workload};
use crate::argocd::{Application, DEFAULT_NAMESPACE};
use crate::oci::ImageRef;
use crate::step::InvalidStep;
use crate::step::limits::too_many;
use crate::step::names::{is_map, object_name};
use crate::step::node::{Fields, Node};

/// The longest selector, in bytes.
const SELECTOR: usize = 1000;

pub(super) fn applications(node: Node<'_>) -> Result<Vec<SyncTarget>, InvalidStep> {
    let here = node.clone();
    let mut found: Vec<SyncTarget> = Vec::new();
    for item in node.words()? {
        let application = application(item)?;
        if !found.contains(&application) {
            found.push(application);
        }
    }
    within_limit(&here, found, "Applications")
}

/// Reads `{name, namespace, images}` or `{labels, namespace, images}`, or the name alone as a string.
fn application(node: Node<'_>) -> Result<SyncTarget, InvalidStep> {
    if !is_map(&node) {
        let (namespace, name) = (DEFAULT_NAMESPACE.to_owned(), node.checked(object_name)?);
        let choice = ApplicationChoice::Named(Application { namespace, name });
        return Ok(SyncTarget { choice, images: None });
    }
    let here = node.clone();
    let mut fields = node.fields(APPLICATION)?;
    let choice = choice(&here, &mut fields)?;
    Ok(SyncTarget { choice, images: fields.optional("images").map(images).transpose()? })
}

fn choice(node: &Node<'_>, fields: &mut Fields<'_>) -> Result<ApplicationChoice, InvalidStep> {
    let namespace = fields.optional("namespace").map(|node| node.checked(object_name)).transpose()?;
    let namespace = namespace.unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned());
    let labels = fields.optional("labels").map(|node| node.checked(selector)).transpose()?;
    match labels {
        Some(_) if fields.has("name") => Err(node.refuse("has `name` and `labels`; write one of them")),
        Some(labels) => Ok(ApplicationChoice::Labelled { namespace, labels }),
        None => {
            let name = fields.required("name")?.checked(object_name)?;
            Ok(ApplicationChoice::Named(Application { namespace, name }))
        }
    }
}

pub(super) fn workloads(node: Node<'_>) -> Result<Vec<Workload>, InvalidStep> {
    let here = node.clone();
    let found = node.list()?.into_iter().map(workload).collect::<Result<Vec<_>, _>>()?;
    within_limit(&here, found, "workloads")
}

fn workload(node: Node<'_>) -> Result<Workload, InvalidStep> {
    let mut fields = node.fields(WORKLOAD)?;
    Ok(Workload {
        kind: fields.required("kind")?.one_of(&KINDS)?,
        name: fields.required("name")?.checked(object_name)?,
        namespace: fields.optional("namespace").map(|node| node.checked(object_name)).transpose()?,
        images: fields.optional("images").map(images).transpose()?,
    })
}

pub(super) fn images(node: Node<'_>) -> Result<Vec<ImageRef>, InvalidStep> {
    let here = node.clone();
    let mut found: Vec<ImageRef> = Vec::new();
    for item in node.words()? {
        let there = item.clone();
        let image: ImageRef = item.parsed()?;
        if image.tag().is_none() && image.digest().is_none() {
            return Err(there.refuse("names neither a tag nor a digest; write the one that must run"));
        }
        if !found.contains(&image) {
            found.push(image);
        }
    }
    within_limit(&here, found, "images")
}

fn within_limit<T>(node: &Node<'_>, items: Vec<T>, what: &str) -> Result<Vec<T>, InvalidStep> {
    match items.len() {
        count if count > MOST => Err(node.refuse(too_many(count, what, MOST))),
        _ => Ok(items),
    }
}

/// Checks labels such as `app=shop,tier!=test`.
fn selector(text: &str) -> Result<String, String> {
    let label = |part: &str| {
        let (key, value) = part.split_once("!=").or_else(|| part.split_once('=')).unwrap_or_default();
        !key.is_empty() && key.bytes().all(|b| b == b'/' || is_of_label(b)) && value.bytes().all(is_of_label)
    };
    match text.len() <= SELECTOR && text.split(',').all(label) {
        true => Ok(text.to_owned()),
        false => Err("is not a list of labels such as `app=shop,tier!=test`".to_owned()),
    }
}

fn is_of_label(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}
