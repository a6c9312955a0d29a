//! The endless watch of one part.

use std::time::Duration;

use backon::ExponentialBackoff;
use futures_util::stream::{self, BoxStream, Stream, StreamExt};
use kube::Api;
use kube::runtime::watcher::{self, Config, Event, watcher};

use super::{Part, TaskSetEvent, TaskSetState, TaskSetsOptions};
use crate::kube::task_set::{COMPLETED, TaskSetId, TaskSetObject};
use crate::kube::{Cluster, KubeError, argo, reason};
use crate::time_limits::pauses::endless;

/// The label with the instance id of the controller.
const INSTANCE: &str = "workflows.argoproj.io/controller-instanceid";

/// The shortest and the longest pause after a failure. The watches of all namespaces fail together.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

type Events = BoxStream<'static, watcher::Result<Event<TaskSetObject>>>;

pub(super) struct Watching {
    cluster: Cluster,
    part: Part,
    config: Config,
    plugin: &'static str,
    /// `None` before the first list, and when the watch must start with a new list.
    events: Option<Events>,
    pause: Option<Duration>,
    pauses: ExponentialBackoff,
}

impl Watching {
    pub(super) fn new(cluster: Cluster, part: Part, options: &TaskSetsOptions) -> Self {
        // A controller without an instance id ignores the sets of other controllers, and so do we.
        let controller = match &options.instance_id {
            Some(id) => format!("{INSTANCE}={id}"),
            None => format!("!{INSTANCE}"),
        };
        let labels = format!("{COMPLETED}!=true,{controller}");
        let seconds = cluster.limits.watch_seconds();
        let config = Config::default().labels(&labels).page_size(options.page).timeout(seconds);
        let (plugin, pauses) = (options.plugin, endless(PAUSE.0, PAUSE.1));
        Self { cluster, part, config, plugin, events: None, pause: None, pauses }
    }

    pub(super) fn stream(self) -> impl Stream<Item = Result<TaskSetEvent, KubeError>> + Send {
        stream::unfold(self, async |mut watching| {
            let event = watching.next().await;
            Some((event, watching))
        })
    }

    async fn next(&mut self) -> Result<TaskSetEvent, KubeError> {
        if let Some(pause) = self.pause.take() {
            tokio::time::sleep(pause).await;
        }
        let told = self.tell().await;
        match &told {
            // This event comes before the list is requested, so it does not show that the API server answers.
            Ok(TaskSetEvent::Relisting(_)) => {}
            Ok(_) => self.pauses = endless(PAUSE.0, PAUSE.1),
            Err(_) => self.pause = self.pauses.next(),
        }
        told
    }

    async fn tell(&mut self) -> Result<TaskSetEvent, KubeError> {
        let mut events = match self.events.take() {
            Some(events) => events,
            None => self.begin().await?,
        };
        match events.next().await {
            Some(Ok(event)) => {
                self.events = Some(events);
                Ok(self.translate(event))
            }
            Some(Err(error)) => {
                self.events = (!must_list(&error)).then_some(events);
                Err(self.explain(&error))
            }
            None => Err(self.part.request().unavailable("it ended")),
        }
    }

    async fn begin(&mut self) -> Result<Events, KubeError> {
        let client = self.cluster.client().await.map_err(|e| self.part.request().no_cluster(e))?;
        let kind = argo("WorkflowTaskSet");
        let api = match &self.part {
            Part::All => Api::all_with(client, &kind),
            Part::Namespace(name) => Api::namespaced_with(client, name, &kind),
        };
        Ok(watcher(api, self.config.clone()).boxed())
    }

    fn translate(&mut self, event: Event<TaskSetObject>) -> TaskSetEvent {
        match event {
            Event::Init => TaskSetEvent::Relisting(self.part.clone()),
            Event::InitDone => TaskSetEvent::Listed(self.part.clone()),
            Event::InitApply(object) | Event::Apply(object) => {
                TaskSetEvent::Seen(Box::new(TaskSetState::read(object, self.plugin)))
            }
            Event::Delete(object) => TaskSetEvent::Gone(TaskSetId::of(&object.metadata)),
        }
    }

    fn explain(&self, error: &watcher::Error) -> KubeError {
        match code(error) {
            Some(403) => self.part.request().forbidden(),
            _ => self.part.request().unavailable(reason(error)),
        }
    }
}

/// Whether a new list is needed. Without one, the watcher would continue from a version that the server no longer has
/// or does not have yet (a restored etcd), or skip an event that it could not read. The watcher itself lists again
/// only if an old version is reported within a watch.
fn must_list(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::WatchStartFailed(_) => matches!(code(error), Some(410 | 504)),
        watcher::Error::WatchFailed(kube::Error::SerdeError(_)) => true,
        _ => false,
    }
}

fn code(error: &watcher::Error) -> Option<u16> {
    use watcher::Error::{InitialListFailed, WatchError, WatchFailed, WatchStartFailed};
    match error {
        InitialListFailed(kube::Error::Api(status))
        | WatchStartFailed(kube::Error::Api(status))
        | WatchFailed(kube::Error::Api(status))
        | WatchError(status) => Some(status.code),
        _ => None,
    }
}
