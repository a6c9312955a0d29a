//! Runs one build, from request to result.

use std::pin::pin;
use std::time::Duration;

use base64::Engine as _;
use bollard_buildkit_proto::moby::buildkit::v1 as control;
use control::control_client::ControlClient;
use futures_util::FutureExt as _;
use futures_util::future::FusedFuture as _;
use tokio::sync::watch;
use tonic::transport::Channel;
use tonic::{Request, Streaming};

use super::error::BuildError;
use super::image_pull;
use super::progress::Progress;
use super::session::{self, Session};
use super::vertices::{VertexSummary, Vertices};
use super::{Buildkit, Connection, PEER, Solve, metadata, quiet, request};
use crate::time_limits::{PeerActivity, within};

/// The time that the status stream may continue after its solve ended, so that the last vertices are counted.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A finished build.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Solved {
    /// The image's digest, when an image was exported.
    pub digest: Option<String>,
    /// The image's descriptor, as JSON.
    pub descriptor: Option<String>,
    /// The number of steps that came from a cache. `FROM` does not count as a step.
    pub cached_steps: u32,
    /// The number of steps of the build.
    pub total_steps: u32,
    /// Every vertex, including those that BuildKit adds itself.
    pub vertices: Vec<VertexSummary>,
    /// The last output of the steps: at most 40 lines and 8 KiB.
    pub log_tail: String,
    /// Caches that could not be read or written, and Dockerfile lint.
    pub warnings: Vec<String>,
    /// The bytes of the layers that the daemon downloaded for this build.
    pub pulled_bytes: u64,
    /// The layers that it downloaded or extracted for this build.
    pub pulled_layers: usize,
    /// Whether a registry cache was written.
    pub cache_exported: bool,
    /// The whole response of the exporters, in the form of buildx' metadata file.
    pub metadata: std::collections::BTreeMap<String, serde_json::Value>,
}

impl Buildkit {
    /// Runs a build. Dropping the future cancels the build at once: the daemon kills a running step and keeps
    /// finished steps cached.
    ///
    /// An error says whose fault it is. See [`super::BuildErrorKind`] for the errors that a caller treats specially.
    pub async fn solve(
        &self,
        solve: &Solve,
        session: Session,
        progress: &watch::Sender<Progress>,
    ) -> Result<Solved, BuildError> {
        self.solve_on(self.connect(), solve, session, progress).await
    }

    /// Does the same as [`Self::solve`] over `connection`, which closes when the build ends.
    pub async fn solve_over(
        &self,
        connection: Connection,
        solve: &Solve,
        session: Session,
        progress: &watch::Sender<Progress>,
    ) -> Result<Solved, BuildError> {
        self.solve_on(async { Ok(connection) }, solve, session, progress).await
    }

    async fn solve_on(
        &self,
        connection: impl Future<Output = Result<Connection, BuildError>>,
        solve: &Solve,
        session: Session,
        progress: &watch::Sender<Progress>,
    ) -> Result<Solved, BuildError> {
        let mut vertices = Vertices::new(session.transcript.clone());
        let services = session.services()?;
        let connection = connection.await?;
        let client = connection.client();
        let (activity, peer) = (PeerActivity::default(), self.peer());
        let id = session::new_id(&solve.reference);
        let request = traced(request::build(solve, &id), solve.traceparent.as_deref());
        let reply = tokio::select! {
            // The session opens first, so poll it first. The daemon waits for the session of a solve (`session/manager.go`, `Get`),
            // so the solve need not. The session ends after the solve, which may need it until its last push.
            biased;
            refused = self.session(client.clone(), services, id, &activity) => return Err(refused),
            reply = follow(client, request, &solve.reference, &mut vertices, progress, &activity) => Ok(reply),
            late = activity.stopped(self.inner.limits.silence, &peer) => Err(late),
            never = quiet::note(&activity, progress) => match never {},
        };
        vertices.finish();
        match reply.map_err(|late| BuildError::silent(&late, &vertices))? {
            Ok(reply) => Ok(solved(&reply.exporter_response, vertices)),
            Err(status) => Err(Box::pin(self.failure(&status, &solve.reference, &vertices)).await),
        }
    }

    /// Opens a session and keeps it open until the future is dropped. Returns the error of a session that does not open.
    async fn session(
        &self,
        client: ControlClient<Channel>,
        services: session::Services,
        id: String,
        activity: &PeerActivity,
    ) -> BuildError {
        match self.opened(client, services, id, activity).await {
            Ok(_open) => std::future::pending().await,
            Err(error) => error,
        }
    }

    /// Opens a session on `client`'s connection. Each message from the daemon counts in `activity`.
    pub(super) async fn opened(
        &self,
        client: ControlClient<Channel>,
        services: session::Services,
        id: String,
        activity: &PeerActivity,
    ) -> Result<session::Tunnel, BuildError> {
        let opened = session::open(client, services, id, activity.clone());
        let opened = within(self.inner.limits.answer, PEER, opened).await.map_err(|late| self.late(&late))?;
        opened.map_err(|status| self.unreachable_or(&status))
    }

    /// The error of the solve of `reference`: its response or, if none arrived, the daemon's history record.
    async fn failure(&self, status: &tonic::Status, reference: &str, vertices: &Vertices) -> BuildError {
        if BuildError::is_transport(status) {
            if let Some(error) = self.recorded_error(reference, vertices).await {
                return error;
            }
            if BuildError::is_reset(status) {
                return BuildError::unanswered(status);
            }
        }
        BuildError::from_solve(status, vertices)
    }
}

/// Runs the solve and applies its status stream to `vertices` meanwhile.
async fn follow(
    mut client: ControlClient<Channel>,
    request: Request<control::SolveRequest>,
    reference: &str,
    vertices: &mut Vertices,
    progress: &watch::Sender<Progress>,
    activity: &PeerActivity,
) -> Result<control::SolveResponse, tonic::Status> {
    let watcher = client.clone();
    let mut solve = pin!(client.solve(request));
    let mut status = pin!(watch_status(watcher, reference, vertices, progress, activity).fuse());
    let reply = tokio::select! {
        reply = &mut solve => reply,
        _ = &mut status => solve.await,
    };
    let over = reply.as_ref().is_err_and(|s| BuildError::is_duplicate(s) || BuildError::is_transport(s));
    if !over && !status.is_terminated() {
        // The solve's reply counts even if the status stream is late.
        let _ = tokio::time::timeout(LAST_WORDS, &mut status).await;
    }
    reply.map(tonic::Response::into_inner)
}

/// Applies the status stream of `reference` to `vertices` until it ends.
pub(super) async fn watch_status(
    mut client: ControlClient<Channel>,
    reference: &str,
    vertices: &mut Vertices,
    progress: &watch::Sender<Progress>,
    activity: &PeerActivity,
) -> Result<(), tonic::Status> {
    let request = control::StatusRequest { r#ref: reference.to_owned() };
    let mut stream: Streaming<_> = client.status(request).await?.into_inner();
    while let Some(message) = stream.message().await? {
        activity.heard();
        vertices.apply(message);
        let now = vertices.progress();
        progress.send_if_modified(|last| (*last != now).then(|| *last = now).is_some());
    }
    Ok(())
}

impl Solved {
    /// Whether the daemon reported that the image of an [`ImagePull`](super::ImagePull) is extracted. Its reports may break off before that.
    pub fn has_extracted(&self) -> bool {
        let is_it = |vertex: &VertexSummary| vertex.name.starts_with(image_pull::EXTRACT);
        self.vertices.iter().any(|vertex| is_it(vertex) && vertex.completed.is_some())
    }
}

/// The result of a build with the exporters' `response`.
pub(super) fn solved(response: &std::collections::HashMap<String, String>, vertices: Vertices) -> Solved {
    let progress = vertices.progress();
    let (pulled_layers, pulled_bytes) = vertices.pulled();
    Solved {
        pulled_bytes,
        pulled_layers,
        digest: response.get("containerimage.digest").cloned(),
        descriptor: response.get("containerimage.descriptor").and_then(|text| decode(text)),
        cached_steps: progress.cached,
        total_steps: progress.total,
        log_tail: vertices.log().tail(None),
        warnings: vertices.warnings(),
        cache_exported: response.contains_key("cache.manifest"),
        metadata: metadata::of(response),
        vertices: vertices.into_list(),
    }
}

fn decode(base64: &str) -> Option<String> {
    String::from_utf8(base64::engine::general_purpose::STANDARD.decode(base64).ok()?).ok()
}

fn traced<T>(message: T, traceparent: Option<&str>) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(value) = traceparent.and_then(|text| text.parse().ok()) {
        request.metadata_mut().insert("traceparent", value);
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Jobs spawn builds, so the future must be `Send`.
    #[test]
    fn a_build_may_move_between_threads() {
        fn assert_send<T: Send>(_: &T) {}
        let daemon = Buildkit::new(super::super::Address::Unix("/none".into()), None);
        let (progress, _) = watch::channel(Progress::default());
        let solve = Solve::default();
        assert_send(&daemon.solve(&solve, Session::default(), &progress));
        assert_send(&daemon.attach("x", &Default::default(), &progress));
    }
}
