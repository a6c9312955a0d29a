//! Many pushes in a short time.

use std::collections::BTreeSet;
use std::time::Instant;

use serde_json::Value;

use crate::cluster::{PATIENCE, eventually, gitea};
use crate::events::pushes::Service;
use crate::events::site::events;
use crate::support::gitea::git;

const SERVICES: usize = 3;
/// To each service.
const PUSHES: usize = 10;

/// The branch `main` of a service, of which each push has one commit more.
struct Branch {
    service: Service,
    clone: tempfile::TempDir,
    /// What was pushed, oldest first.
    commits: Vec<String>,
}

impl Branch {
    /// A branch with its first commit.
    async fn new() -> Self {
        let service = Service::new("FROM BASE\nCOPY main.txt /\n").await;
        let commits = vec![service.push("first").await];
        Self { clone: service.checkout(), service, commits }
    }

    fn push(&mut self, content: &str) {
        let run = |arguments: &[&str]| git(self.clone.path(), arguments, Some(gitea().admin_token()));
        std::fs::write(self.clone.path().join("main.txt"), content).unwrap();
        run(&["commit", "--quiet", "--all", "--message", content]);
        run(&["push", "--quiet", "origin", "HEAD:main"]);
        self.commits.push(run(&["rev-parse", "HEAD"]).trim().to_owned());
    }

    /// Waits until the Workflow of each push has ended: well, or superseded by a newer one. Returns how many ended well.
    fn end(&self) -> usize {
        let has_ended = |workflow: &Value| workflow["status"]["finishedAt"].is_string();
        let all =
            |workflows: &Vec<Value>| workflows.len() == self.commits.len() && workflows.iter().all(has_ended);
        let find = || Some(self.service.workflows()).filter(all);
        let ended = eventually(|| format!("the end of {:#?}", self.service.workflows()), PATIENCE, find);
        let succeeded = |workflow: &&Value| {
            let superseded = &workflow["metadata"]["annotations"]["argo-buildkit.io/superseded-by"];
            let succeeded = workflow["status"]["phase"] == "Succeeded";
            assert!(succeeded || superseded.is_string(), "{workflow:#}");
            succeeded
        };
        ended.iter().filter(succeeded).count()
    }

    /// Checks that no build was repeated, and that the newest commit is deployed and was never followed by an older one.
    async fn check(&self, began: Instant) {
        let (newest, older) = self.commits.split_last().unwrap();
        let digest = self.service.deployed(newest, began).await;
        assert!(self.service.values().await.contains(&digest), "{}", self.service.values().await);
        assert_eq!(self.service.workflows().len(), self.commits.len());
        let builds = self.service.builds();
        let once: BTreeSet<_> = builds.iter().collect();
        assert!(once.len() == builds.len() && once.contains(newest), "{builds:#?}");
        let history = events().await.gitops.commits("main").await;
        let lines = history.iter().rev().flat_map(|commit| commit.message.lines());
        let sources = lines.filter_map(|line| line.strip_prefix("Source-Commit: "));
        let written: Vec<_> =
            sources.filter_map(|source| self.commits.iter().position(|commit| commit == source)).collect();
        assert!(written.is_sorted() && written.last() == Some(&older.len()), "{written:?}");
        println!(
            "{} pushes, {} builds; in the GitOps repository: {written:?}",
            self.commits.len(),
            builds.len()
        );
    }
}

/// As fast as Gitea takes them: more than thirty in a minute.
#[tokio::test]
#[ignore = "takes time that CI does not have: make e2e-more"]
async fn of_thirty_pushes_each_has_its_workflow_and_the_newest_of_each_service_is_deployed() {
    let began = Instant::now();
    let mut branches = Vec::new();
    for _ in 0..SERVICES {
        branches.push(Branch::new().await);
    }
    let pushing = Instant::now();
    std::thread::scope(|scope| {
        for branch in &mut branches {
            scope.spawn(|| (1..=PUSHES).for_each(|number| branch.push(&format!("push {number}"))));
        }
    });
    println!("{:.2?} for {} pushes", pushing.elapsed(), SERVICES * PUSHES);
    let succeeded: usize = branches.iter().map(|branch| branch.end()).sum();
    println!("{:.2?} after the first push: all have ended, {succeeded} of them well", began.elapsed());
    for branch in &branches {
        branch.check(began).await;
    }
}
