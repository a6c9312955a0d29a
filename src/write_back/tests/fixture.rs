//! Test repositories with a client that writes to them.

use std::ops::Deref;

use crate::git::tests::fixture;
pub(super) use crate::git::tests::fixture::{git, login};
use crate::git::{Git, GitOptions};
use crate::write_back::{EDIT_MEMORY, Pusher};

/// Repositories, their server, and a client.
pub(super) struct Fixture {
    repositories: fixture::Fixture,
    pub(super) pusher: Pusher,
}

impl Deref for Fixture {
    type Target = fixture::Fixture;

    fn deref(&self) -> &fixture::Fixture {
        &self.repositories
    }
}

impl Fixture {
    pub(super) async fn new() -> Self {
        let repositories = fixture::Fixture::new().await;
        let pusher = Pusher::new(repositories.git.clone(), EDIT_MEMORY);
        Self { repositories, pusher }
    }
}

/// A client with these options.
pub(super) fn pusher(options: GitOptions) -> Pusher {
    Pusher::new(Git::new(options).unwrap(), EDIT_MEMORY)
}
