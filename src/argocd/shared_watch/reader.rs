//! The task that reads the watch of one namespace.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::{Mutex, Weak};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use serde_json::Value;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::{debug, warn};

use super::topics::Topics;
use super::{Namespace, REFUSED, locked};
use crate::argocd::state::ApplicationState;
use crate::kube::{Cluster, KubeError, NamespaceEvent, argo};
use crate::outcome::Fault;

/// How long the API server may be away. It restarts now and then. A list of all may also fail where one Application can be read, so each
/// wait then continues with a watch of its own, which has its own limit.
const AWAY: Duration = Duration::from_secs(60);

/// How long the watch lasts after the last wait: once or twice this. The next push often comes soon.
pub(super) const KEPT: Duration = Duration::from_secs(15);

pub(super) struct Reader {
    namespace: String,
    events: BoxStream<'static, Result<NamespaceEvent, KubeError>>,
    namespaces: Weak<Mutex<HashMap<String, Namespace>>>,
    /// Since when the API server has not answered.
    away: Option<Instant>,
    /// Whether nobody waited at the last look.
    was_idle: bool,
}

impl Reader {
    pub(super) fn new(
        cluster: &Cluster,
        namespace: &str,
        namespaces: Weak<Mutex<HashMap<String, Namespace>>>,
    ) -> Self {
        let events = cluster.watch_namespace(argo("Application"), namespace);
        Self { namespace: namespace.to_owned(), events, namespaces, away: None, was_idle: false }
    }

    pub(super) async fn run(mut self) {
        let mut looks = interval(KEPT);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let then = tokio::select! {
                event = self.events.next() => match event {
                    Some(Ok(event)) => self.take(event),
                    Some(Err(error)) => self.fail(&error),
                    None => ControlFlow::Break(()),
                },
                _ = looks.tick() => self.look(),
            };
            if then.is_break() {
                return;
            }
        }
    }

    fn take(&mut self, event: NamespaceEvent) -> ControlFlow<()> {
        match event {
            NamespaceEvent::Relisting => self.with(Topics::relist),
            NamespaceEvent::Listed => self.with(Topics::listed),
            NamespaceEvent::Gone(name) => self.with(|topics| topics.gone(&name)),
            NamespaceEvent::Seen { name, object } => self.see(&name, &object),
            NamespaceEvent::Watching => self.away = None,
        }
        ControlFlow::Continue(())
    }

    /// Reads an object if somebody waits for it.
    fn see(&self, name: &str, object: &Value) {
        let mut is_wanted = false;
        self.with(|topics| is_wanted = topics.has(name));
        if is_wanted {
            let state = ApplicationState::read(object);
            self.with(|topics| topics.changed(name, state));
        }
    }

    fn fail(&mut self, error: &KubeError) -> ControlFlow<()> {
        if error.fault() != Fault::Transient {
            warn!(
                "all Applications in namespace `{}` cannot be watched together, so each wait has a watch of its own: {error}",
                self.namespace
            );
            return self.refused();
        }
        debug!(%error, "watching all Applications failed, trying again");
        let since = *self.away.get_or_insert_with(Instant::now);
        if since.elapsed() > AWAY {
            self.with(|topics| topics.end());
        }
        ControlFlow::Continue(())
    }

    /// Ends the watch. Each wait continues with one of its own.
    fn refused(&self) -> ControlFlow<()> {
        if let Some(namespaces) = self.namespaces.upgrade() {
            let refused = Namespace::Refused(Instant::now() + REFUSED);
            // The receivers learn it when the senders are dropped.
            locked(&namespaces).insert(self.namespace.clone(), refused);
        }
        ControlFlow::Break(())
    }

    /// Ends the watch if nobody has waited since the last look.
    fn look(&mut self) -> ControlFlow<()> {
        let Some(namespaces) = self.namespaces.upgrade() else { return ControlFlow::Break(()) };
        let mut namespaces = locked(&namespaces);
        let Some(Namespace::Watched { topics, .. }) = namespaces.get_mut(&self.namespace) else {
            return ControlFlow::Break(());
        };
        let is_idle = topics.prune();
        if is_idle && self.was_idle {
            // Under the same lock in which subscriptions are made, so that none is lost.
            namespaces.remove(&self.namespace);
            return ControlFlow::Break(());
        }
        self.was_idle = is_idle;
        ControlFlow::Continue(())
    }

    fn with(&self, act: impl FnOnce(&mut Topics)) {
        let Some(namespaces) = self.namespaces.upgrade() else { return };
        if let Some(Namespace::Watched { topics, .. }) = locked(&namespaces).get_mut(&self.namespace) {
            act(topics);
        }
    }
}
