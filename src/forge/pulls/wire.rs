//! Pull requests as both forges write them.

use serde::Deserialize;

/// What both forges say about a pull request.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::forge) struct PullWire {
    pub(in crate::forge) number: u64,
    pub(super) html_url: String,
    pub(super) title: String,
    /// GitHub says null for none.
    pub(super) body: Option<String>,
    pub(in crate::forge) state: String,
    #[serde(default)]
    pub(in crate::forge) merged: bool,
    /// GitHub says null while it finds out; lists do not say.
    pub(in crate::forge) mergeable: Option<bool>,
    #[serde(default)]
    pub(in crate::forge) labels: Option<Vec<LabelWire>>,
    #[serde(default)]
    pub(in crate::forge) assignees: Option<Vec<UserWire>>,
    pub(in crate::forge) head: BranchWire,
    pub(in crate::forge) base: BranchWire,
    /// GitHub's id for GraphQL.
    pub(in crate::forge) node_id: Option<String>,
    /// GitHub's: set once auto-merge is on.
    pub(in crate::forge) auto_merge: Option<serde_json::Value>,
}

#[derive(Debug, Clone, Deserialize)]
pub(in crate::forge) struct LabelWire {
    pub(in crate::forge) name: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(in crate::forge) struct UserWire {
    pub(in crate::forge) login: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(in crate::forge) struct BranchWire {
    #[serde(rename = "ref")]
    pub(in crate::forge) branch: String,
    pub(in crate::forge) sha: String,
    /// None where the fork of a head was deleted.
    pub(in crate::forge) repo: Option<RepoWire>,
}

#[derive(Debug, Clone, Deserialize)]
pub(in crate::forge) struct RepoWire {
    id: u64,
}

impl PullWire {
    /// Whether it is open and between these two branches of one repository.
    pub(in crate::forge) fn is_between(&self, head: &str, base: &str) -> bool {
        let same = |a: &Option<RepoWire>, b: &Option<RepoWire>| {
            a.as_ref().zip(b.as_ref()).is_some_and(|(a, b)| a.id == b.id)
        };
        self.state == "open"
            && self.head.branch == head
            && self.base.branch == base
            && same(&self.head.repo, &self.base.repo)
    }
}
