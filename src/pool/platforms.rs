//! For which platforms the members build together.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::Pool;

/// How long a build waits for the platforms of a member: as long as a restart of its pod takes.
const PLATFORMS_TOLD: Duration = Duration::from_secs(30);

impl Pool {
    /// Whether several members together build for more of `platforms` than any one of them, so that each platform is built on its own member.
    /// If that depends on a member that is away, this waits for it, but not for long. `tell` gets a line then.
    pub async fn is_divided(&self, platforms: &[String], tell: impl FnOnce(String)) -> bool {
        if self.inner.is_single || platforms.len() < 2 {
            return false;
        }
        self.settle().await;
        let (mut changes, end) = (self.inner.changes(), Instant::now() + PLATFORMS_TOLD);
        let mut tell = Some(tell);
        loop {
            let division = self.inner.roster().division(platforms);
            let Some(unknown) = division.unknown else { return division.is_divided };
            if let Some(tell) = tell.take() {
                tell(format!("waiting for {unknown} to say for which platforms it builds"));
            }
            if timeout_at(end, changes.changed()).await.is_err() {
                return division.is_divided;
            }
        }
    }

    /// The first of `platforms` that no member lists, and all that they list, native and emulated ones. `None` if there is no such platform,
    /// or if that is not known. The only address is asked now, because nobody asked it before.
    pub async fn unlisted(&self, platforms: &[String]) -> Option<(String, Vec<String>)> {
        if self.inner.is_single {
            let answers = self.ask_all(|daemon| async move { daemon.describe().await }).await.ok()?;
            for (member, told) in answers {
                self.inner.roster().answered(member.id, &told.ok()?);
            }
        }
        self.inner.roster().unlisted(platforms)
    }
}
