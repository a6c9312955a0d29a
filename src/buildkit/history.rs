//! Finds a build by its reference: in the replay of its status stream and in the daemon's history.

use bollard_buildkit_proto::moby::buildkit::v1 as control;
use control::{BuildHistoryEventType, BuildHistoryRecord, BuildHistoryRequest};
use tokio::sync::watch;

use super::connection::Connection;
use super::error::BuildError;
use super::kind::BuildErrorKind;
use super::progress::Progress;
use super::solve::{self, Solved};
use super::transcript::Transcript;
use super::vertices::Vertices;
use super::{Buildkit, PEER, content, quiet, session};
use crate::time_limits::{PeerActivity, calls, within};

/// The outcome of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recalled {
    /// The daemon does not know the build, or no longer knows it. Its history keeps 50 builds or 48 hours.
    NotFound,
    /// The build is running.
    Running,
    /// The build succeeded.
    Succeeded(Box<Solved>),
    /// The build failed.
    Failed(Box<BuildError>),
    /// The build's client disconnected or cancelled it.
    Cancelled,
}

impl Buildkit {
    /// Asks the daemon for the outcome of `reference`, without steps and log. The step counts are the daemon's own, which
    /// include `FROM` and internal work.
    /// The error is [`BuildErrorKind::Unreachable`] if the daemon does not respond.
    pub async fn recall(&self, reference: &str) -> Result<Recalled, BuildError> {
        let asked = async { self.look_up(&self.connect().await?, reference).await };
        self.known(asked).await
    }

    /// Does the same as [`Self::recall`] over `connection`.
    pub async fn recall_over(
        &self,
        connection: &Connection,
        reference: &str,
    ) -> Result<Recalled, BuildError> {
        self.known(self.look_up(connection, reference)).await
    }

    async fn known(
        &self,
        asked: impl Future<Output = Result<Recalled, BuildError>>,
    ) -> Result<Recalled, BuildError> {
        let asked = within(self.inner.limits.answer, PEER, asked).await;
        asked.unwrap_or_else(|late| Err(self.late(&late)))
    }

    async fn look_up(&self, connection: &Connection, reference: &str) -> Result<Recalled, BuildError> {
        match self.find(connection, reference).await? {
            KnownBuild::Nothing => Ok(Recalled::NotFound),
            KnownBuild::Running => Ok(Recalled::Running),
            KnownBuild::Ended(record) => Ok(outcome(connection, *record, Vertices::default()).await),
        }
    }

    /// Reads from history why `reference`, which reported `vertices`, failed. Used for a solve whose reply was lost. `None` if
    /// history has no failure: the daemon may be away, the build may still run, or it was cancelled when its client left.
    pub(super) async fn recorded_error(&self, reference: &str, vertices: &Vertices) -> Option<BuildError> {
        let asked = async {
            let connection = self.connect().await.ok()?;
            let KnownBuild::Ended(record) = self.find(&connection, reference).await.ok()? else {
                return None;
            };
            error(&connection, &record, vertices).await
        };
        let error = within(self.inner.limits.answer, PEER, asked).await.ok()?;
        error.filter(|error| error.kind != BuildErrorKind::Cancelled)
    }

    async fn find(&self, connection: &Connection, reference: &str) -> Result<KnownBuild, BuildError> {
        let request = history_request(reference, true);
        let lost = |s: tonic::Status| self.unreachable_or(&s);
        let mut events = connection.client().listen_build_history(request).await.map_err(lost)?.into_inner();
        let mut found = KnownBuild::Nothing;
        while let Some(event) = events.message().await.map_err(lost)? {
            match (event.r#type(), event.record) {
                (BuildHistoryEventType::Complete, Some(record)) => {
                    return Ok(KnownBuild::Ended(Box::new(record)));
                }
                (BuildHistoryEventType::Started, _) => found = KnownBuild::Running,
                _ => {}
            }
        }
        Ok(found)
    }

    /// Follows `reference` until it ends, as if it were our own solve, and returns its outcome. Dropping this future does not
    /// stop the build; it runs as long as its own client lives. For an unknown reference the daemon needs six seconds, so call
    /// [`Self::recall`] first where that is likely. `transcript` also gets the earlier output of the build. If the daemon
    /// stops responding, the error is [`BuildErrorKind::Lost`].
    pub async fn attach(
        &self,
        reference: &str,
        transcript: &Transcript,
        progress: &watch::Sender<Progress>,
    ) -> Result<Recalled, BuildError> {
        let connection = self.connect().await?;
        let mut vertices = Vertices::new(transcript.clone());
        let (activity, peer) = (PeerActivity::default(), self.peer());
        // The build's session may belong to another process. The session opened here only shows that the daemon is alive.
        let id = session::new_id(reference);
        let tunnel = self.opened(connection.client(), session::none(), id, &activity).await?;
        let watched = tokio::select! {
            watched = solve::watch_status(connection.client(), reference, &mut vertices, progress, &activity) => watched,
            late = activity.stopped(self.inner.limits.silence, &peer) => {
                vertices.finish();
                return Err(BuildError::silent(&late, &vertices));
            }
            never = quiet::note(&activity, progress) => match never {},
        };
        drop(tunnel);
        vertices.finish();
        match watched {
            Ok(()) => {}
            Err(status) if BuildError::is_transport(&status) => {
                return Err(BuildError::from_solve(&status, &vertices));
            }
            // `no such job`: the build never began or is already gone. The history has the answer.
            Err(status) => tracing::debug!(%reference, %status, "no status of build {reference}: {status}"),
        }
        match self.recall(reference).await? {
            Recalled::NotFound => Ok(Recalled::NotFound),
            _ => self.record(&connection, reference, vertices).await,
        }
    }

    /// Reads the record of a build that has ended or is about to end.
    async fn record(
        &self,
        connection: &Connection,
        reference: &str,
        vertices: Vertices,
    ) -> Result<Recalled, BuildError> {
        let lost = |s: tonic::Status| BuildError::from_status(&s);
        let request = history_request(reference, false);
        let mut client = connection.client();
        let mut events = self.answered(client.listen_build_history(request)).await?.into_inner();
        let complete = async {
            while let Some(event) = events.message().await.map_err(lost)? {
                if let (BuildHistoryEventType::Complete, Some(record)) = (event.r#type(), event.record) {
                    return Ok(Some(record));
                }
            }
            Ok::<_, BuildError>(None)
        };
        match within(self.inner.limits.record, PEER, complete).await {
            Ok(Ok(Some(record))) => Ok(outcome(connection, record, vertices).await),
            Ok(Ok(None)) => Ok(Recalled::NotFound),
            Ok(Err(error)) => Err(error),
            Err(_) => Ok(Recalled::Running),
        }
    }
}

fn history_request(reference: &str, early_exit: bool) -> BuildHistoryRequest {
    BuildHistoryRequest { r#ref: reference.to_owned(), early_exit, ..BuildHistoryRequest::default() }
}

/// The state of a build, as known without waiting for it.
enum KnownBuild {
    Nothing,
    Running,
    Ended(Box<BuildHistoryRecord>),
}

/// The error in `record`, if it has one.
async fn error(
    connection: &Connection,
    record: &BuildHistoryRecord,
    vertices: &Vertices,
) -> Option<BuildError> {
    let error = record.error.as_ref()?;
    let details = async {
        let blob = record.external_error.as_ref()?;
        let read = content::details(connection, blob, vertices.redactor());
        within(calls::BUILDKIT_DETAILS.whole(), PEER, read).await.ok()?
    };
    Some(BuildError::from_record(error, details.await, vertices))
}

async fn outcome(connection: &Connection, record: BuildHistoryRecord, vertices: Vertices) -> Recalled {
    if let Some(error) = error(connection, &record, &vertices).await {
        return match error.kind {
            BuildErrorKind::Cancelled => Recalled::Cancelled,
            _ => Recalled::Failed(Box::new(error)),
        };
    }
    let replayed = !vertices.list().is_empty();
    let mut solved = solve::solved(&record.exporter_response, vertices);
    if !replayed {
        solved.cached_steps = u32::try_from(record.num_cached_steps).unwrap_or_default();
        solved.total_steps = u32::try_from(record.num_total_steps).unwrap_or_default();
    }
    // The exporter response in a record lacks the digest. The result has it.
    solved.digest = solved.digest.or_else(|| digest(&record));
    Recalled::Succeeded(Box::new(solved))
}

/// The digest in the descriptor of the first result.
pub(super) fn digest(record: &BuildHistoryRecord) -> Option<String> {
    let results = &record.result.as_ref()?.results;
    let first = results.keys().min()?;
    results.get(first).map(|descriptor| descriptor.digest.clone()).filter(|digest| !digest.is_empty())
}
