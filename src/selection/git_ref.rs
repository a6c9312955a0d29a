//! The full name of a ref, by what it is.

use std::fmt;

use crate::text;

/// The most bytes of a ref in a message.
const SHOWN: usize = 120;

/// A pushed ref.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GitRef {
    /// `refs/heads/NAME`.
    Branch(String),
    /// `refs/tags/NAME`.
    Tag(String),
    /// `refs/pull/NUMBER/head`, as Gitea and GitHub name the head of a pull request.
    PullRequest(u32),
    /// Any other name.
    Other(String),
}

impl GitRef {
    /// Parses a full name. It is not checked whether Git allows the name.
    pub fn parse(full: &str) -> Self {
        let pull = |rest: &str| {
            let number = rest.strip_suffix("/head").or_else(|| rest.strip_suffix("/merge"))?;
            let plain = number.bytes().all(|b| b.is_ascii_digit()) && !number.starts_with('0');
            plain.then(|| number.parse().ok())?
        };
        if let Some(name) = full.strip_prefix("refs/heads/") {
            Self::Branch(name.to_owned())
        } else if let Some(name) = full.strip_prefix("refs/tags/") {
            Self::Tag(name.to_owned())
        } else if let Some(number) = full.strip_prefix("refs/pull/").and_then(pull) {
            Self::PullRequest(number)
        } else {
            Self::Other(full.to_owned())
        }
    }

    /// The full name.
    pub fn full_name(&self) -> String {
        match self {
            Self::Branch(name) => format!("refs/heads/{name}"),
            Self::Tag(name) => format!("refs/tags/{name}"),
            Self::PullRequest(number) => format!("refs/pull/{number}/head"),
            Self::Other(name) => name.clone(),
        }
    }

    /// What the ref is: `branch`, `tag`, `pull request` or `ref`.
    pub(super) fn noun(&self) -> &'static str {
        match self {
            Self::Branch(_) => "branch",
            Self::Tag(_) => "tag",
            Self::PullRequest(_) => "pull request",
            Self::Other(_) => "ref",
        }
    }
}

/// For messages: the name is cleaned and short.
impl fmt::Display for GitRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PullRequest(number) => write!(f, "pull request {number}"),
            Self::Branch(name) | Self::Tag(name) | Self::Other(name) => {
                write!(f, "{} `{}`", self.noun(), text::brief(name, SHOWN))
            }
        }
    }
}
