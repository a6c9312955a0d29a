//! A build found again by its reference: its Status replay and the daemon's history.

use bollard_buildkit_proto::moby::buildkit::v1 as control;
use control::{BuildHistoryEventType, BuildHistoryRecord, BuildHistoryRequest};
use tokio::sync::watch;

use super::connection::Connection;
use super::error::BuildError;
use super::kind::Kind;
use super::progress::Progress;
use super::solve::{self, Solved};
use super::transcript::Transcript;
use super::vertices::Vertices;
use super::{Buildkit, PEER, content, quiet, session};
use crate::time_limits::{Pulse, calls, within};

/// What became of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recalled {
    /// The daemon knows no such build (any more): history keeps 50 builds or 48 hours.
    NotFound,
    /// It runs.
    Running,
    /// It ended well.
    Succeeded(Box<Solved>),
    /// It failed.
    Failed(Box<BuildError>),
    /// Its client went away or cancelled it.
    Cancelled,
}

impl Buildkit {
    /// What the daemon knows of `reference`, without its steps and log: step counts are the daemon's own,
    /// which include `FROM` and its internal work.
    /// A daemon that is silent about it is [`Kind::Unreachable`].
    pub async fn recall(&self, reference: &str) -> Result<Recalled, BuildError> {
        let asked = async { self.look_up(&self.connect().await?, reference).await };
        self.known(asked).await
    }

    /// The same over `connection`.
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
            Found::Nothing => Ok(Recalled::NotFound),
            Found::Running => Ok(Recalled::Running),
            Found::Ended(record) => Ok(outcome(connection, *record, Vertices::default()).await),
        }
    }

    /// Why the daemon says that `reference`, which has reported `vertices`, failed: for a solve whose answer did not come.
    /// None when it does not say so: it may be away, or the build may run, or have been cancelled as its client went away.
    pub(super) async fn recorded_error(&self, reference: &str, vertices: &Vertices) -> Option<BuildError> {
        let asked = async {
            let connection = self.connect().await.ok()?;
            let Found::Ended(record) = self.find(&connection, reference).await.ok()? else { return None };
            error(&connection, &record, vertices).await
        };
        let error = within(self.inner.limits.answer, PEER, asked).await.ok()?;
        error.filter(|error| error.kind != Kind::Cancelled)
    }

    async fn find(&self, connection: &Connection, reference: &str) -> Result<Found, BuildError> {
        let request = history_request(reference, true);
        let lost = |s: tonic::Status| self.unreachable_or(&s);
        let mut events = connection.client().listen_build_history(request).await.map_err(lost)?.into_inner();
        let mut found = Found::Nothing;
        while let Some(event) = events.message().await.map_err(lost)? {
            match (event.r#type(), event.record) {
                (BuildHistoryEventType::Complete, Some(record)) => return Ok(Found::Ended(Box::new(record))),
                (BuildHistoryEventType::Started, _) => found = Found::Running,
                _ => {}
            }
        }
        Ok(found)
    }

    /// Follows `reference` until it ends, as if it were our own solve, and tells what became of it.
    /// The build goes on when this future is dropped, as long as its own client lives. An unknown reference
    /// takes the daemon six seconds: ask [`Self::recall`] first where that is likely. `transcript` is told all
    /// that the build has said so far, too. A daemon that falls silent meanwhile is [`Kind::Lost`].
    pub async fn attach(
        &self,
        reference: &str,
        transcript: &Transcript,
        progress: &watch::Sender<Progress>,
    ) -> Result<Recalled, BuildError> {
        let connection = self.connect().await?;
        let mut vertices = Vertices::new(transcript.clone());
        let (pulse, peer) = (Pulse::default(), self.peer());
        // The build has a session of its own, which may be another process's. By this one the daemon shows that it lives.
        let id = session::new_id(reference);
        let tunnel = self.opened(connection.client(), session::none(), id, &pulse).await?;
        let watched = tokio::select! {
            watched = solve::watch_status(connection.client(), reference, &mut vertices, progress, &pulse) => watched,
            late = pulse.stopped(self.inner.limits.silence, &peer) => {
                vertices.finish();
                return Err(BuildError::silent(&late, &vertices));
            }
            never = quiet::note(&pulse, progress) => match never {},
        };
        drop(tunnel);
        vertices.finish();
        match watched {
            Ok(()) => {}
            Err(status) if BuildError::is_transport(&status) => {
                return Err(BuildError::from_solve(&status, &vertices));
            }
            // `no such job`: never begun, or gone; history knows.
            Err(status) => tracing::debug!(%reference, %status, "no status of build {reference}: {status}"),
        }
        match self.recall(reference).await? {
            Recalled::NotFound => Ok(Recalled::NotFound),
            _ => self.record(&connection, reference, vertices).await,
        }
    }

    /// The record of a build that has ended, or is about to.
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

/// What is known of a build without waiting for it.
enum Found {
    Nothing,
    Running,
    Ended(Box<BuildHistoryRecord>),
}

/// The error that `record` tells, if it tells one.
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
            Kind::Cancelled => Recalled::Cancelled,
            _ => Recalled::Failed(Box::new(error)),
        };
    }
    let replayed = !vertices.list().is_empty();
    let mut solved = solve::solved(&record.exporter_response, vertices);
    if !replayed {
        solved.cached_steps = u32::try_from(record.num_cached_steps).unwrap_or_default();
        solved.total_steps = u32::try_from(record.num_total_steps).unwrap_or_default();
    }
    // A record's exporter response lacks the digest; its result has it.
    solved.digest = solved.digest.or_else(|| digest(&record));
    Recalled::Succeeded(Box::new(solved))
}

/// The first result's descriptor.
fn digest(record: &BuildHistoryRecord) -> Option<String> {
    let results = &record.result.as_ref()?.results;
    let first = results.keys().min()?;
    results.get(first).map(|descriptor| descriptor.digest.clone()).filter(|digest| !digest.is_empty())
}
