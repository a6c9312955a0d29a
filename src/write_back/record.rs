//! What one of our commits says about itself, for a commit that reverts it.

use std::collections::BTreeSet;

use super::message::{Group, groups, values};
use super::supersede::places;
use super::trailer::{IMAGE, MANIFEST, PLACE, REVERTS, WORKFLOW, WORKFLOW_UID};
use crate::oci::ImageRef;

/// The part of one of our commits that one workflow wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WorkflowPart {
    /// The trailers that name the workflow, and what it has set.
    pub(crate) trailers: Vec<(String, String)>,
    /// `FILE ADDRESS` of each value that it has set, if other workflows share the commit; `None` if the whole commit is its own.
    pub(crate) places: Option<BTreeSet<String>>,
}

impl WorkflowPart {
    /// `FILE TARGET` of each target that the workflow named.
    pub(crate) fn manifests(&self) -> impl Iterator<Item = &str> {
        values(&self.trailers, MANIFEST)
    }

    /// Whether the commit with this message takes this part of `commit` back. One of ours takes back the targets that it names; one of
    /// `git revert` takes back everything.
    pub(crate) fn is_reverted_by(&self, message: &str, commit: &str) -> bool {
        let groups = groups(message);
        if !groups.iter().any(|group| values(group, REVERTS).next().is_some()) {
            return reverts(message, commit);
        }
        let is_own = |manifest: &str| self.manifests().any(|own| own == manifest);
        groups.iter().any(|group| {
            values(group, REVERTS).any(|other| other == commit) && values(group, MANIFEST).any(is_own)
        })
    }
}

/// The part of `workflow` in the commit with this message. Of several nodes of the workflow that share the commit, only those count
/// that have set one of `images`, if there is one.
///
/// # Errors
/// Why nothing in the commit belongs to the workflow alone.
pub(crate) fn part_of(
    message: &str,
    workflow: &str,
    images: &[ImageRef],
) -> Result<WorkflowPart, &'static str> {
    let is_own = |group: &Group| values(group, WORKFLOW).any(|name| name == workflow);
    let (mut own, mut others): (Vec<Group>, Vec<Group>) = groups(message).into_iter().partition(is_own);
    if own.is_empty() {
        return Err("this workflow has not made it");
    }
    if own.iter().any(|group| has_one_of(group, images)) {
        let (these, rest): (Vec<Group>, Vec<Group>) =
            own.into_iter().partition(|group| has_one_of(group, images));
        own = these;
        others.extend(rest);
    }
    let set = |groups: &[Group]| groups.iter().flat_map(places).collect::<BTreeSet<_>>();
    let own_places = set(&own);
    if !own_places.is_disjoint(&set(&others)) {
        return Err("another workflow has set the same value in it");
    }
    let is_kept = |(name, _): &(String, String)| name == MANIFEST || name == PLACE;
    let mut trailers = vec![(WORKFLOW.to_owned(), workflow.to_owned())];
    trailers.extend(own.into_iter().flatten().filter(is_kept));
    Ok(WorkflowPart { trailers, places: (!others.is_empty()).then_some(own_places) })
}

/// Whether the image of a group of trailers is one of `images`, whatever their tags and digests are.
fn has_one_of(group: &Group, images: &[ImageRef]) -> bool {
    let mut named = values(group, IMAGE).filter_map(|image| image.parse::<ImageRef>().ok());
    named.any(|image| images.iter().any(|wanted| wanted.name() == image.name()))
}

/// Whether the commit with this message reverts `commit`: it is one of ours, or one of `git revert`.
pub(crate) fn reverts(message: &str, commit: &str) -> bool {
    let by_git = format!("This reverts commit {commit}.");
    let is_ours = groups(message).iter().any(|group| values(group, REVERTS).any(|other| other == commit));
    is_ours || message.lines().any(|line| line.trim_end() == by_git)
}

/// The commit that the workflow with this uid reverts, by the commit with this message. Only those count that had set one of the
/// manifests (`FILE TARGET`) of which `is_own` is true: a workflow may deploy several services.
pub(crate) fn reverted_by_workflow(
    message: &str,
    uid: &str,
    is_own: impl Fn(&str) -> bool,
) -> Option<String> {
    let all = groups(message);
    let is_it = |group: &&Group| {
        values(group, WORKFLOW_UID).any(|other| other == uid) && values(group, MANIFEST).any(&is_own)
    };
    values(all.iter().find(is_it)?, REVERTS).next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::write_back::Message;
    use crate::write_back::message::render;

    fn message(workflow: &str, manifest: &str) -> Message {
        let trailers = [(WORKFLOW, workflow), ("Image-Digest", "sha256:1"), (MANIFEST, manifest)];
        let trailers = trailers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Message { text: "Set".to_owned(), trailers }
    }

    #[test]
    fn a_workflow_has_its_own_part_of_a_commit() {
        let (one, two) = (message("b/one", "a b.yaml helm:tag"), message("b/two", "c.yaml helm:tag"));
        let part_of = |message: &str, workflow: &str| part_of(message, workflow, &[]);
        let alone = part_of(&render(&[&one]), "b/one").unwrap();
        assert_eq!(
            (alone.manifests().collect::<Vec<_>>(), &alone.places),
            (vec!["a b.yaml helm:tag"], &None)
        );
        assert_eq!(alone.trailers.len(), 2, "neither the image nor Managed-By: {alone:?}");
        let shared = part_of(&render(&[&one, &two]), "b/two").unwrap();
        assert_eq!(shared.places, Some(["c.yaml tag".to_owned()].into()));
        assert!(part_of(&render(&[&one]), "b/three").unwrap_err().contains("has not made it"));
        let same = message("b/two", "a b.yaml helm:tag");
        assert!(part_of(&render(&[&one, &same]), "b/one").unwrap_err().contains("another workflow"));
        assert!(part_of("Set\n\nWorkflow: b/one\n", "b/one").is_err(), "it is not one of ours");
    }

    #[test]
    fn nodes_of_one_workflow_in_one_commit_are_told_apart_by_their_images() {
        let with = |image: &str, manifest: &str| {
            let mut message = message("b/one", manifest);
            message.trailers.push((IMAGE.to_owned(), image.to_owned()));
            message
        };
        let (api, web) = (with("r.io/api:1", "api.yaml helm:tag"), with("r.io/web:1", "web.yaml helm:tag"));
        let shared = render(&[&api, &web]);
        let of = |image: &str| part_of(&shared, "b/one", &[image.parse().unwrap()]).unwrap();
        let part = of("r.io/api:2");
        assert_eq!(part.places, Some(["api.yaml tag".to_owned()].into()));
        assert_eq!(of("r.io/other:1").places, None);
        // The revert of one is none of the other.
        let mut revert =
            Message { text: "Revert\n\nThis reverts commit abc.".to_owned(), ..Message::default() };
        revert.trailers = part.trailers.clone();
        revert.trailers.push((REVERTS.to_owned(), "abc".to_owned()));
        let revert = render(&[&revert]);
        assert!(part.is_reverted_by(&revert, "abc") && !part.is_reverted_by(&revert, "abd"));
        assert!(!of("r.io/web:1").is_reverted_by(&revert, "abc"));
        assert!(of("r.io/web:1").is_reverted_by("Revert\n\nThis reverts commit abc.\n", "abc"));
    }

    #[test]
    fn a_revert_is_found_by_its_trailer_or_by_the_words_of_git() {
        let mut ours = message("b/one", "a.yaml helm:tag");
        for (name, value) in [(REVERTS, "abc"), (WORKFLOW_UID, "uid-1")] {
            ours.trailers.push((name.to_owned(), value.to_owned()));
        }
        let shared = render(&[&message("b/two", "c.yaml helm:tag"), &ours]);
        assert!(reverts(&shared, "abc") && !reverts(&shared, "abcd"));
        let of = |uid: &str, manifest: &str| reverted_by_workflow(&shared, uid, |own| own == manifest);
        assert_eq!(of("uid-1", "a.yaml helm:tag").as_deref(), Some("abc"));
        assert_eq!((of("uid-2", "a.yaml helm:tag"), of("uid-1", "c.yaml helm:tag")), (None, None));
        assert!(reverts("Revert \"x\"\n\nThis reverts commit abc.\n", "abc"));
        assert!(!reverts("x\n\nThis reverts commit abc, reversing\n", "abc"));
    }
}
