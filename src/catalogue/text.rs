//! The forms of texts in a catalogue.

use super::cron;
use super::full_name::full_name;
use super::pattern::NamePattern;
use super::plain::plain;
use super::problem::quoted;
use crate::git::path::check_path;
use crate::git::{RepoUrl, check_name};
use crate::oci::ImageRef;
use crate::selection::PathFilter;

/// The form of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextForm {
    /// A service's name: the beginning of the names of its Workflows.
    Service,
    /// A namespace.
    Label,
    /// The beginning of the names of the rendered objects.
    ShortLabel,
    /// The name of a Kubernetes object.
    ObjectName,
    /// A key of a Secret.
    SecretKey,
    /// The URL of a repository.
    Repo,
    /// The name of a branch.
    Branch,
    /// A regular expression for whole names of branches or tags.
    Pattern,
    /// A path in a repository.
    Path,
    /// A glob over the paths of a repository.
    Glob,
    /// An image without tag and digest.
    Image,
    /// What an image's repository is appended to.
    Registry,
    /// `linux/amd64`.
    Platform,
    /// A name without spaces.
    Word,
    /// The name of a build argument.
    Argument,
    /// The name of a template's parameter.
    Parameter,
    /// Any text on one line.
    Line,
    /// Any text, with references to outputs.
    Lines,
    /// A schedule of cron.
    Schedule,
    /// The path of a URL.
    Endpoint,
    /// An account of a forge.
    Account,
}

impl TextForm {
    /// The regular expression (ECMA-262) that all texts of the form match, for the schema. `None` if only the parser knows.
    ///
    /// A service's name has at most 36 characters: with the parts that tell events apart, a Workflow's name must be a label's
    /// value. The beginning of names has at most 30, since a CronWorkflow's name has at most 52.
    pub(crate) fn pattern(self) -> Option<&'static str> {
        Some(match self {
            Self::Service => "^[a-z](?:[-a-z0-9]{0,34}[a-z0-9])?$",
            Self::ShortLabel => "^[a-z](?:[-a-z0-9]{0,28}[a-z0-9])?$",
            Self::Label => "^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$",
            Self::ObjectName => r"^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$",
            Self::SecretKey => r"^[-_.A-Za-z0-9]+$",
            Self::Platform => r"^[a-z0-9]+/[a-z0-9_]+(?:/[a-z0-9.]+)?$",
            Self::Argument => r"^[A-Za-z_][A-Za-z0-9_]*$",
            Self::Parameter => r"^[-_A-Za-z0-9]+$",
            Self::Endpoint => r"^/[-_.~/A-Za-z0-9]+$",
            Self::Account => r"^[-_.A-Za-z0-9]+(?:\[bot\])?$",
            Self::Word => r"^\S+$",
            Self::Repo
            | Self::Branch
            | Self::Pattern
            | Self::Path
            | Self::Glob
            | Self::Image
            | Self::Registry
            | Self::Line
            | Self::Lines
            | Self::Schedule => return None,
        })
    }

    /// Checks a text that is not empty. The error says what is wrong, and after `; ` what to do.
    pub(super) fn check(self, text: &str) -> Result<(), String> {
        plain(text, self == Self::Lines)?;
        if let Some(pattern) = self.pattern() {
            let fits = regex_lite::Regex::new(pattern).is_ok_and(|regex| regex.is_match(text));
            if !fits {
                return Err(format!("{} is not {}", quoted(text), self.expected()));
            }
        }
        match self {
            Self::Service => unambiguous(text),
            Self::ObjectName | Self::SecretKey if text.len() > 253 => {
                Err("is longer than 253 characters; shorten it".to_owned())
            }
            Self::Repo => repo(text),
            Self::Branch => check_name(text).map_err(|why| format!("{} is no branch: {why}", quoted(text))),
            Self::Pattern => NamePattern::parse(text).map(drop),
            Self::Path => check_path(text).map_err(|why| format!("{} is no path: {why}", quoted(text))),
            Self::Glob => {
                let glob = text.strip_prefix('!').unwrap_or(text);
                PathFilter::new(&[glob], &[]).map(drop).map_err(|error| error.to_string())
            }
            Self::Image => image(text),
            Self::Registry => image(&format!("{text}/x")),
            Self::Schedule => cron::check(text),
            _ => Ok(()),
        }
    }

    /// What a text of the form is, for a message.
    fn expected(self) -> String {
        let what = match self {
            Self::Service => {
                "the name of a service; write at most 36 lower-case letters, digits and `-`, the first a letter"
            }
            Self::ShortLabel => {
                "the beginning of a name; write at most 30 lower-case letters, digits and `-`, the first a letter"
            }
            Self::Label => "the name of a namespace; write at most 63 lower-case letters, digits and `-`",
            Self::ObjectName => "the name of an object; write lower-case letters, digits, `-` and `.`",
            Self::SecretKey => "a key of a Secret; write letters, digits, `-`, `_` and `.`",
            Self::Platform => "a platform; write one such as `linux/amd64`",
            Self::Argument => "the name of a build argument; write letters, digits and `_`",
            Self::Parameter => "the name of a parameter; write letters, digits, `-` and `_`",
            Self::Endpoint => "the path of a URL; write one such as `/gitea/gitea-push`",
            Self::Account => "an account; write its login, without `@`",
            _ => "one word; leave spaces out",
        };
        what.to_owned()
    }
}

/// Refuses names whose Workflows could have the name of another service's: `api-pr1`, `api-t0a1b2c`, `select-…`.
fn unambiguous(name: &str) -> Result<(), String> {
    let last = name.rsplit_once('-').map_or("", |(_, last)| last);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let is_pull_request = last.strip_prefix("pr").is_some_and(digits);
    let is_tag = last.len() == 7
        && last.strip_prefix('t').is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
    let is_commit = last.len() == 12 && last.bytes().all(|b| b.is_ascii_hexdigit());
    if is_pull_request || is_tag || is_commit {
        return Err(format!(
            "`{name}` ends like the name of a Workflow that we make for an event; choose another name"
        ));
    }
    if name.starts_with("select-") {
        return Err(format!(
            "`{name}` begins with `select-`, as the Workflows that decide about a push; choose another name"
        ));
    }
    Ok(())
}

fn repo(text: &str) -> Result<(), String> {
    let url: RepoUrl =
        text.parse().map_err(|error: crate::git::BadRepoUrl| error.to_string().replacen(": ", "; ", 1))?;
    full_name(&url).map(drop)
}

fn image(text: &str) -> Result<(), String> {
    let image: ImageRef = text.parse().map_err(|error: crate::oci::BadImageRef| error.to_string())?;
    if image.tag().is_some() || image.digest().is_some() {
        return Err(format!(
            "{} has a tag or a digest; write the image without it, since each build has its own",
            quoted(text)
        ));
    }
    Ok(())
}
