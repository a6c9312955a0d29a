//! The entry of `update-manifest` in the table of kinds.

use super::{UPDATE_MANIFEST, UpdateManifest};
use crate::step::ValueForm;
use crate::step::mention::{Mention, MentionKind};
use crate::step::spec::{Output, Spec, sample};

pub(in crate::step) const SPEC: Spec =
    Spec { name: "update-manifest", form: ValueForm::Map(UPDATE_MANIFEST), outputs: OUTPUTS, nests: true };

/// The commit (the branch's head when nothing changed), `true` or `false`, a unified diff, the editor's warnings, the newer source commit
/// found there, the assumption made about it, the pull request's number and page, and whether Argo CD was refreshed. Outputs
/// that do not apply are empty.
const OUTPUTS: &[Output] = &[
    Output::ours("commit", sample::COMMIT),
    Output::ours("changed", "true"),
    Output::text("diff"),
    Output::text("notices"),
    Output::ours("superseded-by", sample::COMMIT),
    Output::ours("assumed", "text"),
    Output::ours("number", "1"),
    Output::foreign("url", "https://git.example/shop/gitops/pulls/1"),
    Output::ours("refreshed", "true"),
];

/// Destructured completely, so that a new field does not compile until someone decides about it.
pub(in crate::step) fn mentions(update: &UpdateManifest) -> Vec<Mention> {
    let UpdateManifest {
        repo,
        source,
        forge,
        refresh,
        // The branch is content of that repository.
        branch: _,
        targets: _,
        message: _,
        author: _,
        committer: _,
        skip_ci: _,
        commit: _,
        mode: _,
        via_api: _,
        // Text for the commit. No registry is contacted.
        image: _,
        // A Secret of the workflow's own namespace, read with the rights of its account.
        secret: _,
        signing_key: _,
    } = update;
    let own = Mention::repository("update-manifest.repo", repo);
    let source =
        source.as_ref().map(|source| Mention::repository("update-manifest.source.repo", &source.repo));
    let forge = forge.url.as_ref().map(|url| Mention {
        beside: Some(repo.clone()),
        ..Mention::new(MentionKind::Forges, "update-manifest.forge.url", url)
    });
    let application = refresh.as_ref().map(|application| {
        let name = format!("{}/{}", application.namespace, application.name);
        Mention::new(MentionKind::Applications, "update-manifest.refresh", name)
    });
    [Some(own), source, forge, application].into_iter().flatten().collect()
}
