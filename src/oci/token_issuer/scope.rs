//! Scopes as registries spell them: `repository:shop/api:pull,push`.

use std::fmt;

use serde::Serialize;

/// A right at a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Right {
    Pull,
    PullAndPush,
    PullAndDelete,
}

impl Right {
    pub(super) fn actions(self) -> &'static [&'static str] {
        match self {
            Self::Pull => &["pull"],
            Self::PullAndPush => &["pull", "push"],
            Self::PullAndDelete => &["pull", "delete"],
        }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.actions().join(","))
    }
}

/// One entry of a token's `access` (distribution `docs/content/spec/auth/jwt.md`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Grant {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) actions: Vec<&'static str>,
}

/// The repository and the actions of a scope; `None` for a scope of another type (`registry:catalog:*`).
pub(super) fn parse(scope: &str) -> Option<(&str, impl Iterator<Item = &str>)> {
    let (name, actions) = scope.strip_prefix("repository:")?.rsplit_once(':')?;
    Some((name, actions.split(',')))
}
