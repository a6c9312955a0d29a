//! The JSON of pull requests on both forges.

use serde::Deserialize;

/// A pull request, with the fields of both forges.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct PullWire {
    pub(super) number: u64,
    pub(super) html_url: String,
    pub(super) title: String,
    /// On GitHub null if there is none.
    pub(super) body: Option<String>,
    pub(super) state: String,
    #[serde(default)]
    pub(super) merged: bool,
    /// On GitHub null until it is known; absent in lists.
    pub(super) mergeable: Option<bool>,
    #[serde(default)]
    pub(super) labels: Option<Vec<LabelWire>>,
    #[serde(default)]
    pub(super) assignees: Option<Vec<UserWire>>,
    pub(super) head: BranchWire,
    pub(super) base: BranchWire,
    /// GitHub's id for GraphQL.
    pub(super) node_id: Option<String>,
    /// GitHub only: set after auto-merge was turned on.
    pub(super) auto_merge: Option<serde_json::Value>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct LabelWire {
    pub(super) name: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct UserWire {
    pub(super) login: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct BranchWire {
    #[serde(rename = "ref")]
    pub(super) branch: String,
    pub(super) sha: String,
    /// `None` if the head's fork was deleted.
    pub(super) repo: Option<RepoWire>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct RepoWire {
    id: u64,
}

impl PullWire {
    /// Whether it is open and between these two branches of one repository.
    pub(super) fn is_between(&self, head: &str, base: &str) -> bool {
        let same = |a: &Option<RepoWire>, b: &Option<RepoWire>| {
            a.as_ref().zip(b.as_ref()).is_some_and(|(a, b)| a.id == b.id)
        };
        self.state == "open"
            && self.head.branch == head
            && self.base.branch == base
            && same(&self.head.repo, &self.base.repo)
    }
}
