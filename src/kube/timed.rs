//! Limits of every request: for the whole of an answer, and for the silence of a watch. Without them, a request whose packets
//! are swallowed would wait until TCP gives up, and a watch for ever.

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

/// How long the API server may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For an answer: a list, or one page of it, is the slowest. A watch must have begun.
    pub answer: Duration,
    /// For one Secret, or a report. The server itself gives up a patch after 34 s; what is slower than this is away.
    pub object: Duration,
    /// For the Secret of our own that holds buildkitd's certificates. Less than a connection to buildkitd may take, so that
    /// the API server is named as the one that is silent.
    pub own_secret: Duration,
    /// How long a watch lasts, in whole seconds: with less than most proxies allow, it is we who begin it anew.
    pub watch: Duration,
    /// How long the server may be silent in a watch: it ends that itself, before.
    pub watch_silence: Duration,
}

impl Default for Limits {
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

impl Limits {
    /// For how long a watch is asked for.
    pub(super) fn watch_seconds(&self) -> u32 {
        u32::try_from(self.watch.as_secs()).unwrap_or(u32::MAX)
    }
}

/// What ends an answer's body.
#[derive(Clone, Copy)]
enum Bound {
    /// A limit for the whole request, and the time at which it ends.
    Whole(Instant, Duration),
    Silence(Duration),
}

/// What the first request that takes too long leaves behind, so that no other waits for the same server.
pub(super) type GivenUp = Arc<OnceLock<Late>>;

/// `client`, whose answers take at most `answer`, and whose watches are not silent for longer than `silence`. With `given_up`,
/// nothing is asked any more once an answer took longer.
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

/// The frames of `body`, until it ends or is late.
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
        // The first is as good as another.
        let _ = given_up.set(late.clone());
    }
}

fn is_watch(uri: &http::Uri) -> bool {
    uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "watch=true" || pair == "watch=1"))
}

/// Why a request failed: that it took too long, or all that there is to say.
pub(crate) fn reason(error: &(dyn std::error::Error + 'static)) -> String {
    time_limits::find(error).map_or_else(|| chain(error), ToString::to_string)
}
