//! Reads the fields of `commit-status`.

use super::table::{COMMIT_STATUS, FORGE, STATES};
use super::{CommitStatus, WantedStatus};
use crate::forge::{BadRepository, Dialect, ForgeRepository};
use crate::git::RepoUrl;
use crate::oci::ImageRef;
use crate::step::forge_api::{DIALECTS, address, check_web};
use crate::step::names::{self, is_map};
use crate::step::node::{Fields, Node};
use crate::step::{InvalidStep, SecretRef};
use crate::text;

/// The most characters of a context: GitHub's limit.
const CONTEXT: usize = 255;
/// The most bytes of a link. Browsers and proxies take about so much.
const LINK: usize = 2000;

/// The forge's API as it is written.
#[derive(Default)]
struct ForgeAddress {
    dialect: Option<Dialect>,
    url: Option<String>,
}

/// The text and the links of a status.
struct Texts {
    context: Option<String>,
    description: String,
    url: Option<String>,
    link_package: Option<ImageRef>,
}

/// Reads the value under `commit-status`.
pub(in crate::step) fn read(node: Node<'_>) -> Result<CommitStatus, InvalidStep> {
    let mut fields = node.fields(COMMIT_STATUS)?;
    let enabled = fields.switch("enabled", true)?;
    let repo: Option<RepoUrl> = fields.unless_off("repo", enabled, Node::parsed)?;
    let secret = fields.unless_off("secret", enabled, SecretRef::read)?;
    let commit = fields.unless_off("commit", enabled, |node| {
        node.checked(|word| names::commit(word, "such as $(build.revision)"))
    })?;
    let state = fields.unless_off("state", enabled, |node| node.one_of(&STATES))?;
    let texts = texts(&mut fields)?;
    let ForgeAddress { dialect, url: api } = fields.or_default("forge", forge)?;
    let ignore_error = fields.switch("ignore-error", false)?;
    let (Some(repo), Some(secret), Some(commit), Some(state)) = (repo, secret, commit, state) else {
        return Ok(CommitStatus { wanted: None, ignore_error });
    };
    let repository = repository(&repo, dialect, api.as_deref(), &fields)?;
    let Texts { context, description, url, link_package } = texts;
    let wanted = WantedStatus {
        repo,
        repository,
        api,
        secret,
        commit,
        state,
        context,
        description,
        url,
        link_package,
    };
    Ok(CommitStatus { wanted: enabled.then_some(wanted), ignore_error })
}

fn texts(fields: &mut Fields<'_>) -> Result<Texts, InvalidStep> {
    Ok(Texts {
        context: fields.optional("context").map(|node| node.checked(context)).transpose()?,
        description: fields.or_default("description", Node::lines)?,
        url: fields.optional("url").map(|node| node.checked(link)).transpose()?,
        link_package: fields.optional("link-package").map(Node::parsed).transpose()?,
    })
}

/// Reads `{kind, url}`, or the kind alone as a string.
fn forge(node: Node<'_>) -> Result<ForgeAddress, InvalidStep> {
    if !is_map(&node) {
        return Ok(ForgeAddress { dialect: Some(node.one_of(DIALECTS)?), url: None });
    }
    let mut fields = node.fields(FORGE)?;
    Ok(ForgeAddress {
        dialect: fields.optional("kind").map(|node| node.one_of(DIALECTS)).transpose()?,
        url: fields.optional("url").map(|node| node.checked(address)).transpose()?,
    })
}

fn repository(
    repo: &RepoUrl,
    dialect: Option<Dialect>,
    api: Option<&str>,
    fields: &Fields<'_>,
) -> Result<ForgeRepository, InvalidStep> {
    ForgeRepository::from_clone_url(&repo.to_string(), dialect, api).map_err(|bad| match bad {
        BadRepository::Api => fields.refuse("forge", bad),
        _ => fields.refuse("repo", format!("is not on a forge: {bad}")),
    })
}

/// Checks a context. It is the name of a check, so it is never cut or cleaned: that would be another check's name.
fn context(word: &str) -> Result<String, String> {
    if word.trim() != word || text::line(word) != word {
        return Err(
            "must not have spaces at an end, or characters that nobody sees; write visible text only".into(),
        );
    }
    match word.chars().count() {
        0..=CONTEXT => Ok(word.to_owned()),
        long => Err(format!("is {long} characters long; at most {CONTEXT} are allowed, so shorten it")),
    }
}

/// Checks the page that a status links to. Gitea would show any address, also one that runs a script.
fn link(word: &str) -> Result<String, String> {
    check_web(word, "write the address without it")?;
    match word.len() {
        0..=LINK => Ok(word.to_owned()),
        long => Err(format!("is {long} bytes long; at most {LINK} are allowed, so shorten it")),
    }
}
