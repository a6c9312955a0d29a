//! `render --explain`: what a push would build.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};

use crate::catalogue::{Catalogue, Repository};
use crate::cli::lint::show as findings;
use crate::git::{AskedPush, Credentials, Git, GitOptions, LocalClone, RepoUrl, server_push};
use crate::render;
use crate::selection::GitRef;
use crate::text;

/// A question about a push.
pub(super) struct Question<'a> {
    /// A directory with a clone, or a URL.
    pub(super) repo: &'a str,
    /// The commits before and after the push.
    pub(super) commits: (&'a str, &'a str),
    pub(super) git_ref: Option<&'a str>,
    /// The directory with Secrets.
    pub(super) secrets: Option<&'a Path>,
}

/// Prints what the push would build.
pub(super) async fn explain(catalogue: &Catalogue, question: Question<'_>) -> anyhow::Result<ExitCode> {
    let repositories = catalogue.repositories();
    let (repository, push) = match Path::new(question.repo).is_dir() {
        true => of_clone(&repositories, &question)?,
        false => of_server(&repositories, &question).await?,
    };
    let git_ref = question.git_ref.map(GitRef::parse);
    let (said, warnings) = render::explain(repository, &push, git_ref.as_ref());
    said.iter().for_each(|line| findings::print(&format!("{}\n", text::line(line))));
    warnings.iter().for_each(|line| findings::warning(line));
    Ok(ExitCode::SUCCESS)
}

/// The repository of a clone, and the push. A clone belongs to the repository that one of its remotes names.
fn of_clone<'a>(
    repositories: &'a [Repository<'a>],
    question: &Question<'_>,
) -> anyhow::Result<(&'a Repository<'a>, AskedPush)> {
    let clone = LocalClone::open(Path::new(question.repo))?;
    let remotes: Vec<_> = clone.remotes().iter().map(RepoUrl::origin).collect();
    let found = repositories.iter().find(|one| remotes.contains(&one.url.origin()));
    let repository = match (found, repositories) {
        (Some(found), _) => found,
        (None, [only]) => only,
        (None, _) => bail!(
            "none of the remotes of the clone {} is a repository of the catalogue; it has {}",
            question.repo,
            urls(repositories)
        ),
    };
    Ok((repository, clone.push(question.commits.0, question.commits.1)?))
}

async fn of_server<'a>(
    repositories: &'a [Repository<'a>],
    question: &Question<'_>,
) -> anyhow::Result<(&'a Repository<'a>, AskedPush)> {
    let url: RepoUrl = question.repo.parse().with_context(|| {
        format!("{} is neither a directory nor the URL of a repository", text::brief(question.repo, 80))
    })?;
    let found = repositories.iter().find(|one| one.url.origin() == url.origin());
    let Some(repository) = found else {
        bail!("the catalogue has no service of {url}; it has {}", urls(repositories));
    };
    let credentials = match (repository.git_secret, question.secrets) {
        (Some(secret), Some(directory)) => login(&directory.join(secret), url.is_ssh())?,
        _ => Credentials::Anonymous,
    };
    let git = Git::new(GitOptions::default())?;
    let push = server_push(&git, repository.url, &credentials, question.commits).await;
    let help = "with --secrets-dir, the login of the Secret is used";
    Ok((repository, push.with_context(|| format!("the push cannot be read ({help})"))?))
}

fn urls(repositories: &[Repository<'_>]) -> String {
    repositories.iter().map(|one| one.url.to_string()).collect::<Vec<_>>().join(", ")
}

/// The login in a directory with a file for each key of a Secret.
fn login(secret: &Path, is_ssh: bool) -> anyhow::Result<Credentials> {
    let read = |key: &str| {
        let file = secret.join(key);
        fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))
    };
    if is_ssh {
        return Ok(Credentials::ssh(&read("ssh-privatekey")?.into(), read("known_hosts").ok()));
    }
    let user = read("username").unwrap_or_default();
    let password = read("password").or_else(|error| read("token").map_err(|_| error))?;
    Ok(Credentials::basic(&user, &password.into()))
}
