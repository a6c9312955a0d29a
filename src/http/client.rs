//! One way to make an HTTP client, and to send a request with it.

use std::path::Path;

use http::Method;
use reqwest::redirect::Policy;
use reqwest::{Certificate, ClientBuilder, IntoUrl, RequestBuilder, Response};

use super::clock::Clock;
use super::error::SendError;
use super::resolver::Guarded;
use super::settings::Settings;
use crate::time_limits::socket;

/// Redirects of one request that are followed.
const REDIRECTS: usize = 5;

/// The certificates that it trusts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Roots<'a> {
    /// The machine's authorities and these.
    System(&'a [Certificate]),
    /// Whoever answers: for servers that a user calls insecure.
    Anyone,
    /// None: for plain http. Reading the machine's authorities would take milliseconds.
    Nobody,
}

/// A client for servers that users name. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    client: reqwest::Client,
    settings: Settings,
}

impl Client {
    pub(crate) fn new(settings: Settings, roots: Roots<'_>) -> reqwest::Result<Self> {
        // Fails only when another provider is installed already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = match roots {
            Roots::Anyone => {
                builder(settings).tls_certs_only([]).tls_danger_accept_invalid_certs(true).build()
            }
            Roots::Nobody => builder(settings).tls_certs_only([]).build(),
            Roots::System(more) => {
                builder(settings).tls_certs_merge(more.iter().cloned()).build().or_else(|error| {
                    // An image without a CA store still has to reach the servers of the bundle's authorities.
                    tracing::warn!(%error, "no system CA certificates: https works with the CA bundle only");
                    builder(settings).tls_certs_only(more.iter().cloned()).build()
                })
            }
        };
        Ok(Self { client: client?, settings })
    }

    /// A request, to be sent by [`Self::send`].
    pub(crate) fn request(&self, method: Method, url: impl IntoUrl) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// Sends `request`, unless its host is an address that is not gone to. An answer that redirects elsewhere than
    /// within its origin is an answer like any other.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Response, SendError> {
        let request = request.build()?;
        self.settings.network.allows_url(request.url())?;
        let clock = Clock::start(&request, &self.settings);
        match self.client.execute(request).await {
            Ok(mut answer) => {
                answer.extensions_mut().insert(clock);
                Ok(answer)
            }
            Err(error) => Err(clock.late(&error).map_or_else(|| error.into(), SendError::Late)),
        }
    }
}

fn builder(settings: Settings) -> ClientBuilder {
    let mut builder = reqwest::Client::builder()
        .connect_timeout(settings.connect)
        .read_timeout(settings.silence)
        .tcp_keepalive(socket::IDLE)
        .tcp_keepalive_interval(socket::INTERVAL)
        .tcp_keepalive_retries(socket::RETRIES)
        .tcp_user_timeout(socket::UNACKNOWLEDGED)
        // Requests to one server share a connection: none is to be made over one that is dead.
        .http2_keep_alive_interval(socket::IDLE)
        .http2_keep_alive_timeout(socket::INTERVAL)
        .http2_keep_alive_while_idle(true)
        .redirect(if settings.redirects { within_one_origin() } else { Policy::none() })
        .dns_resolver(Guarded::system(settings.network));
    if let Some(whole) = settings.whole {
        builder = builder.timeout(whole);
    }
    match settings.user_agent {
        Some(name) => builder.user_agent(name),
        None => builder,
    }
}

/// Follows a redirect only within one scheme, host and port: a login is meant for no other, and whoever sends us
/// elsewhere might read the answer.
fn within_one_origin() -> Policy {
    Policy::custom(|attempt| {
        let same = attempt.previous().last().is_some_and(|from| from.origin() == attempt.url().origin());
        if same && attempt.previous().len() <= REDIRECTS { attempt.follow() } else { attempt.stop() }
    })
}

/// The certificates in a PEM file.
///
/// # Errors
/// The file cannot be read, or holds no PEM certificate.
pub(crate) fn certificates(
    path: &Path,
) -> Result<Vec<Certificate>, Box<dyn std::error::Error + Send + Sync>> {
    let found = Certificate::from_pem_bundle(&std::fs::read(path)?)?;
    if found.is_empty() { Err("it holds no PEM certificate".into()) } else { Ok(found) }
}
