//! The annotations of Argo CD Image Updater on Applications: which image, and where its tag is written.

use std::collections::BTreeMap;

use super::found::{Found, Objects};
use super::image;
use super::pipeline::{Field, Pipeline};
use super::source::Node;
use super::term::Term;
use super::verdict::Verdict;

const PREFIX: &str = "argocd-image-updater.argoproj.io/";

const NO_POLL: &str = "not needed: the commit to the manifest follows the push at once, with the digest";

/// Reads all Applications with such annotations. What is written goes to the services that the other readers have found.
pub(super) fn read(objects: &Objects<'_>, found: &mut Found) {
    for application in objects.of_kind("Application") {
        let Some(annotations) = application.at(&["metadata", "annotations"]) else { continue };
        let own: BTreeMap<&str, Node<'_>> = annotations
            .entries()
            .into_iter()
            .filter_map(|(name, node)| Some((name.strip_prefix(PREFIX)?, node)))
            .collect();
        if let Some(list) = own.get("image-list") {
            one(&application, list, &own, found);
            objects.sources.iter().for_each(|source| source.settle(true));
        }
    }
}

fn one(application: &Node<'_>, list: &Node<'_>, own: &BTreeMap<&str, Node<'_>>, found: &mut Found) {
    own.iter().for_each(|(name, node)| general(name, node));
    for entry in list.str().unwrap_or_default().split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let (alias, reference) = entry.split_once('=').unwrap_or(("", entry));
        let name = image::full(image::split(reference).0);
        let service =
            found.services.iter_mut().find(|service| service.get(Field::Image) == Some(name.as_str()));
        let Some(service) = service else {
            list.by_hand("no service that was found has this image; write `gitops` and `parameters.tag-key` of the one that builds it");
            continue;
        };
        list.approximate("the service that builds this image commits to this Application's repository; a range of versions has no place, since what is built is deployed");
        service.deploys = true;
        source(application, service);
        targets(alias, own, service);
    }
}

/// The annotations that are about no single image.
fn general(name: &str, node: &Node<'_>) {
    match name {
        "image-list" => {}
        "write-back-method" => node
            .approximate("the commit is made with the Secret that `gitops.secret` names (`git-write-back`)"),
        "git-branch" | "git-repository" | "write-back-target" => {}
        _ if name.ends_with(".update-strategy") || name.ends_with(".force-update") => {
            node.approximate(NO_POLL)
        }
        _ if name.ends_with(".helm.image-tag")
            || name.ends_with(".helm.image-name")
            || name.ends_with(".helm.image-spec") => {}
        _ => node.by_hand("what is built is deployed; a filter of tags is `tags` of the service"),
    }
}

/// The repository, branch and directory of an Application.
fn source(application: &Node<'_>, service: &mut Pipeline) {
    let Some(source) = application.at(&["spec", "source"]) else {
        application.mark_at(
            &["spec", "sources"],
            Verdict::ByHand,
            "write `gitops` of the service by hand: there are several sources",
        );
        return;
    };
    for (key, field) in
        [("repoURL", Field::GitopsRepo), ("targetRevision", Field::GitopsBranch), ("path", Field::ChartDir)]
    {
        let Some(node) = source.get(key) else { continue };
        match node.text() {
            Some(text) if text != "HEAD" => {
                service.set(field, &Term::of(&node, image::without_login(&text).0))
            }
            _ => node.approximate("the branch is `main`, unless `gitops.branch` names another"),
        }
    }
    if let Some(name) = application.at(&["metadata", "name"]) {
        service.set(Field::Argocd, &Term::of(&name, name.text().unwrap_or_default()));
    }
    if let Some(file) = source.get("helm").and_then(|helm| helm.list("valueFiles").pop()) {
        service.set_as(
            Field::ValuesFile,
            &Term::of(&file, file.text().unwrap_or_default()),
            Some("the last one counts"),
        );
    }
}

/// The key of the tag, and where the updater wrote.
fn targets(alias: &str, own: &BTreeMap<&str, Node<'_>>, service: &mut Pipeline) {
    for (name, node) in own {
        let text = node.text().unwrap_or_default();
        match *name {
            "git-branch" => {
                let branch = text.split(':').next().unwrap_or_default();
                service.set_as(
                    Field::GitopsBranch,
                    &Term::of(node, branch),
                    Some("the commit goes there; a pull request is a step of a template of your own"),
                );
            }
            "git-repository" => {
                service.set(Field::GitopsRepo, &Term::of(node, image::without_login(&text).0))
            }
            "write-back-target" => match text.strip_prefix("helmvalues:") {
                Some(path) if !path.starts_with('/') => {
                    let name = path.rsplit('/').next().unwrap_or_default();
                    service.set_as(
                        Field::ValuesFile,
                        &Term::of(node, name),
                        Some("in the directory of the chart (`chart-dir`)"),
                    );
                }
                _ => node.by_hand("write `targets` of the service (docs/steps.md, \"Targets\")"),
            },
            name => match name.strip_prefix(alias).and_then(|rest| rest.strip_prefix('.')) {
                Some("helm.image-tag") => service.set(Field::TagKey, &Term::of(node, text)),
                Some("helm.image-name") => {
                    node.approximate("not needed: the name of the image stays as it is")
                }
                Some("helm.image-spec") => {
                    service.set_as(
                        Field::TagKey,
                        &Term::of(node, text),
                        Some("a key with the whole image: write `targets` with `image` in its place"),
                    );
                }
                _ => {}
            },
        }
    }
}
