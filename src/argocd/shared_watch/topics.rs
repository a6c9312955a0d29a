//! The Applications of one namespace that somebody waits for, and the latest state of each. Of all others, nothing is kept.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::watch;

use super::{News, is_later};
use crate::argocd::state::ApplicationState;

#[derive(Default)]
pub(super) struct Topics(HashMap<String, Topic>);

struct Topic {
    news: watch::Sender<News>,
    /// Whether it was seen in the present list, or is newer than its beginning.
    is_listed: bool,
}

impl Topics {
    /// The news of the Application `name` from now on.
    pub(super) fn subscribe(&mut self, name: &str) -> watch::Receiver<News> {
        // Nobody gets this first value: a receiver begins with the next one.
        let new = || Topic { news: watch::Sender::new(News::Reread), is_listed: true };
        self.0.entry(name.to_owned()).or_insert_with(new).news.subscribe()
    }

    /// Whether somebody waits for the Application `name`.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Removes the Applications that nobody waits for any more. Returns whether none is left.
    pub(super) fn prune(&mut self) -> bool {
        self.0.retain(|_, topic| topic.news.receiver_count() > 0);
        self.0.is_empty()
    }

    /// Notes that a list begins.
    pub(super) fn relist(&mut self) {
        self.0.values_mut().for_each(|topic| topic.is_listed = false);
    }

    /// Passes on a state. A list repeats states that are known.
    pub(super) fn changed(&mut self, name: &str, state: ApplicationState) {
        let Some(topic) = self.0.get_mut(name) else { return };
        topic.is_listed = true;
        topic.news.send_if_modified(|news| {
            let next = match news {
                News::Changed(last) if last.version == state.version => return false,
                // The etcd of the cluster was restored.
                News::Changed(last) if is_later(&state.version, &last.version) == Some(false) => News::Reread,
                _ => News::Changed(Arc::new(state)),
            };
            *news = next;
            true
        });
    }

    /// Passes on that the Application `name` was deleted.
    pub(super) fn gone(&self, name: &str) {
        if let Some(topic) = self.0.get(name) {
            topic.news.send_replace(News::Reread);
        }
    }

    /// Notes that the list is complete. What was not in it was deleted meanwhile.
    pub(super) fn listed(&mut self) {
        for topic in self.0.values_mut().filter(|topic| !topic.is_listed) {
            topic.is_listed = true;
            topic.news.send_replace(News::Reread);
        }
    }

    /// Lets every wait go on alone.
    pub(super) fn end(&self) {
        for topic in self.0.values() {
            topic.news.send_replace(News::Ended);
        }
    }
}
