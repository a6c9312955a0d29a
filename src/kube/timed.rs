//! Time limits of requests: for a whole answer, and for the silence within a watch. Without them, a request whose
//! packets are lost would wait until TCP gives up, and a watch would wait for ever.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use http_body_util::{BodyStream, StreamBody};
use hyper::body::Frame;
use kube::Client;
use kube::client::Body;
use tokio::time::Instant;
use tower::BoxError;

use crate::outcome::chain;
use crate::time_limits::{self, Late, calls};

/// The time limits for the API server.
#[derive(Debug, Clone, Copy)]
pub struct KubeTimeLimits {
    /// For an answer. The slowest is a list, or one page of it. A watch must start within this time.
    pub answer: Duration,
    /// For one Secret, or a report. The server itself gives up a patch after 34 s; if it is slower than that, it is
    /// unavailable.
    pub object: Duration,
    /// For this process's own Secret with buildkitd's certificates. It is less than the limit of a connection to
    /// buildkitd, so that the error names the API server as the silent one.
    pub own_secret: Duration,
    /// The duration of a watch, in whole seconds. It is less than most proxies allow, so that we end and restart the
    /// watch ourselves.
    pub watch: Duration,
    /// The longest silence of the server within a watch. The server ends the watch before that.
    pub watch_silence: Duration,
}

impl Default for KubeTimeLimits {
    fn default() -> Self {
        Self {
            answer: calls::KUBE_ANSWER.whole(),
            object: calls::KUBE_OBJECT.whole(),
            own_secret: calls::KUBE_CERTIFICATES.whole(),
            watch: Duration::from_secs(60),
            watch_silence: calls::KUBE_WATCH.silence(),
        }
    }
}

impl KubeTimeLimits {
    /// The requested duration of a watch.
    pub(super) fn watch_seconds(&self) -> u32 {
        u32::try_from(self.watch.as_secs()).unwrap_or(u32::MAX)
    }
}

/// The time limit of an answer's body.
#[derive(Clone, Copy)]
enum Bound {
    /// The time at which the request must be complete, and the limit that this comes from.
    Whole(Instant, Duration),
    Silence(Duration),
}

/// The error of the first late request. Further requests to the same server fail with it at once.
pub(super) type GivenUp = Arc<OnceLock<Late>>;

/// Wraps `client`: an answer may take at most `answer`, and a watch may be silent for at most `silence`. With
/// `given_up`, no further request is sent after a late answer.
pub(super) fn timed(
    client: Client,
    peer: Arc<str>,
    answer: Duration,
    silence: Duration,
    given_up: Option<GivenUp>,
) -> Client {
    let namespace = client.default_namespace().to_owned();
    let service = tower::service_fn(move |request: http::Request<Body>| {
        let (client, peer, given_up) = (client.clone(), peer.clone(), given_up.clone());
        let until = Instant::now() + answer;
        let bound =
            if is_watch(request.uri()) { Bound::Silence(silence) } else { Bound::Whole(until, answer) };
        async move {
            if let Some(late) = given_up.as_ref().and_then(|late| late.get()) {
                return Err(late.clone().into());
            }
            let reply = time_limits::until(until, answer, &peer, client.send(request)).await;
            let reply = reply.inspect_err(|late| note(given_up.as_ref(), late))??;
            Ok::<_, BoxError>(reply.map(|body| StreamBody::new(bounded(body, bound, peer, given_up))))
        }
    });
    Client::new(service, namespace)
}

/// Returns the frames of `body`, and fails when it is late.
fn bounded(
    body: Body,
    bound: Bound,
    peer: Arc<str>,
    given_up: Option<GivenUp>,
) -> BoxStream<'static, Result<Frame<Bytes>, BoxError>> {
    stream::unfold(Some(BodyStream::new(body)), move |frames| {
        let (peer, given_up) = (peer.clone(), given_up.clone());
        async move {
            let mut frames = frames?;
            let next = match bound {
                Bound::Whole(until, limit) => time_limits::until(until, limit, peer, frames.next()).await,
                Bound::Silence(limit) => time_limits::heard(limit, peer, frames.next()).await,
            };
            match next {
                Ok(Some(Ok(frame))) => Some((Ok(frame), Some(frames))),
                Ok(Some(Err(error))) => Some((Err(error.into()), None)),
                Ok(None) => None,
                Err(late) => {
                    note(given_up.as_ref(), &late);
                    Some((Err(late.into()), None))
                }
            }
        }
    })
    .boxed()
}

fn note(given_up: Option<&GivenUp>, late: &Late) {
    if let Some(given_up) = given_up {
        // If it is set already, the first error is kept.
        let _ = given_up.set(late.clone());
    }
}

fn is_watch(uri: &http::Uri) -> bool {
    uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "watch=true" || pair == "watch=1"))
}

/// The text of a request's failure: that it took too long, or the error with all its causes.
pub(crate) fn reason(error: &(dyn std::error::Error + 'static)) -> String {
    time_limits::find(error).map_or_else(|| chain(error), ToString::to_string)
}
