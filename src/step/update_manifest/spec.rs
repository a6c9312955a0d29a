//! What the table of kinds says of `update-manifest`.

use super::{FIELDS, UpdateManifest};
use crate::step::mention::{Mention, Sort};
use crate::step::spec::{Output, Spec, sample};

pub(in crate::step) const SPEC: Spec =
    Spec { name: "update-manifest", fields: FIELDS, outputs: OUTPUTS, nests: true };

/// The commit (the branch's head when nothing changed), `true` or `false`, a unified diff, what the editor warns of, the newer source commit that was
/// there already, what was assumed of it, the pull request's number and page, and whether Argo CD was refreshed. Those
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

/// Taken apart whole, so that a new field is decided on before it compiles.
pub(in crate::step) fn mentions(update: &UpdateManifest) -> Vec<Mention> {
    let UpdateManifest {
        repo,
        source,
        forge,
        refresh,
        // Content of that repository.
        branch: _,
        targets: _,
        message: _,
        author: _,
        committer: _,
        skip_ci: _,
        commit: _,
        mode: _,
        via_api: _,
        // Words for the commit: no registry is asked.
        image: _,
        // The workflow's own namespace's, by its account's rights.
        secret: _,
        signing_key: _,
    } = update;
    let own = Mention::repository("update-manifest.repo", repo);
    let source =
        source.as_ref().map(|source| Mention::repository("update-manifest.source.repo", &source.repo));
    let forge = forge.url.as_ref().map(|url| Mention {
        beside: Some(repo.clone()),
        ..Mention::new(Sort::Forges, "update-manifest.forge.url", url)
    });
    let application = refresh.as_ref().map(|application| {
        let name = format!("{}/{}", application.namespace, application.name);
        Mention::new(Sort::Applications, "update-manifest.refresh", name)
    });
    [Some(own), source, forge, application].into_iter().flatten().collect()
}
