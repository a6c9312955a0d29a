//! What a push would build, as sentences for people.

use super::select::has_refs;
use crate::catalogue::{Repository, Service};
use crate::git::{AskedBefore, AskedPush};
use crate::selection::{Change, ChangedFiles, GitRef, PathFilter, RefFilter, Rule, Uncompared, skip_mark};
use crate::write_back::message::{account_for, is_ours};

/// The sentences about a push to a repository: of each service, and of globs that match nothing.
pub fn explain(
    repository: &Repository<'_>,
    push: &AskedPush,
    git_ref: Option<&GitRef>,
) -> (Vec<String>, Vec<String>) {
    let change = change(push, git_ref);
    let services = repository.services.iter();
    let said = services.clone().map(|service| about(service, &change, git_ref)).collect();
    let globs = push.files.as_ref().map(|files| ChangedFiles(files.clone()));
    let warnings = globs.iter().flat_map(|files| services.clone().flat_map(|one| unmatched(one, files)));
    (said, warnings.collect())
}

/// What the push changed, as the step `select` reads it (`engine/push_change.rs`).
fn change(push: &AskedPush, git_ref: Option<&GitRef>) -> Change {
    let why = match (git_ref, push.before) {
        (Some(GitRef::Tag(_)), _) => return Change::Uncompared(Uncompared::Tag),
        (_, AskedBefore::Same) => return Change::Uncompared(Uncompared::SameCommit),
        (_, AskedBefore::None) => Some(Uncompared::NewRef),
        (_, AskedBefore::Unknown) => Some(Uncompared::UnknownBefore),
        (_, AskedBefore::Known) => None,
    };
    let own = push.commits.iter().take_while(|(message, parents)| *parents == 1 && is_ours(message)).count();
    if why.is_none()
        && own == push.commits.len()
        && push.is_whole
        && let Some(files) = &push.changed
    {
        let messages = push.commits.iter().map(|(message, _)| message.as_str());
        return match account_for(messages, files) {
            true => Change::OwnCommits(own),
            false => Change::Files(ChangedFiles(files.clone())),
        };
    }
    // Without a comparison, it is unknown which commits were pushed: the newest one alone counts.
    let newest = push.commits.get(own).filter(|_| why.is_none() || own == 0);
    let mark = newest.filter(|(message, _)| !is_ours(message)).and_then(|(message, _)| skip_mark(message));
    if let Some(mark) = mark {
        return Change::SkipMark(mark);
    }
    match (why, &push.changed) {
        (Some(why), _) => Change::Uncompared(why),
        (None, Some(files)) => Change::Files(ChangedFiles(files.clone())),
        (None, None) => Change::Uncompared(Uncompared::TooManyFiles),
    }
}

fn about(service: &Service, change: &Change, git_ref: Option<&GitRef>) -> String {
    let name = &service.name;
    if let Some(why) = refused(service, git_ref) {
        return format!("{name} would not be built: {why}");
    }
    let rule = match rule(service, git_ref.is_some()) {
        Ok(rule) => rule,
        Err(why) => return format!("{name}: {why}"),
    };
    let any = GitRef::Branch("main".to_owned());
    match rule.decide(git_ref.unwrap_or(&any), change) {
        Ok(decision) => {
            let reason = match decision.reason.strip_prefix("branch `main` ").filter(|_| git_ref.is_none()) {
                Some(rest) => format!("the commits {}", rest.replacen("was ", "were ", 1)),
                None => decision.reason,
            };
            let would = if decision.selected { "would be built" } else { "would not be built" };
            let pulled = if service.pull.is_some() { " (in pull mode: when it is looked up)" } else { "" };
            format!("{name} {would}{pulled}: {reason}")
        }
        Err(bad) => format!("{name}: {bad}"),
    }
}

/// Why no push of this kind builds the service. The rule does not know it: without a pattern, it takes every ref.
fn refused(service: &Service, git_ref: Option<&GitRef>) -> Option<&'static str> {
    match git_ref {
        Some(GitRef::PullRequest(_)) => {
            service.pull_request.is_none().then_some("its pull requests are not built")
        }
        Some(_) => (!has_refs(service)).then_some("none of its branches and tags is built"),
        None => service.branches.is_empty().then_some("none of its branches is built"),
    }
}

/// The rule of a service; without a ref, that of its paths alone.
fn rule(service: &Service, has_ref: bool) -> Result<Rule, String> {
    let paths = PathFilter::new(&service.paths, &service.paths_ignore).map_err(|error| error.to_string())?;
    let patterns = |patterns: &[crate::catalogue::NamePattern]| -> Vec<String> {
        patterns.iter().map(ToString::to_string).collect()
    };
    let refs = match has_ref {
        true => RefFilter::new(&patterns(&service.branches), &patterns(&service.tags))
            .map_err(|error| error.to_string())?,
        false => RefFilter::default(),
    };
    Ok(Rule { refs, paths })
}

/// The globs of a service that match no file.
fn unmatched(service: &Service, files: &ChangedFiles) -> Vec<String> {
    let globs = [("paths", &service.paths), ("paths-ignore", &service.paths_ignore)];
    let all = globs.into_iter().flat_map(|(field, globs)| globs.iter().map(move |glob| (field, glob)));
    let matches = |glob: &str| {
        let glob = glob.strip_prefix('!').unwrap_or(glob);
        let touched = PathFilter::new(&[glob], &[]).and_then(|filter| filter.touched(files, 1));
        touched.map_or(true, |touched| !touched.is_empty())
    };
    all.filter(|(_, glob)| !matches(glob))
        .map(|(field, glob)| format!("{}: the glob `{glob}` of `{field}` matches no file", service.name))
        .collect()
}
