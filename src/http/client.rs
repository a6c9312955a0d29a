//! Makes HTTP clients, and sends requests.

use std::path::Path;
use std::sync::OnceLock;

use http::Method;
use reqwest::redirect::Policy;
use reqwest::{Certificate, ClientBuilder, IntoUrl, RequestBuilder, Response};

use super::error::SendError;
use super::resolver::FilteringResolver;
use super::settings::Settings;
use super::timer::RequestTimer;
use super::upload::metered;
use crate::time_limits::{PeerActivity, socket};

/// The number of redirects that one request follows.
const REDIRECTS: usize = 5;

/// The certificate authorities that a client trusts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Roots<'a> {
    /// The machine's authorities and these.
    System(&'a [Certificate]),
    /// Any certificate is accepted: for servers that a user declares insecure.
    AcceptAny,
    /// No authority, for plain http. Reading the machine's authorities would take milliseconds.
    None,
}

/// A client for servers that users name. Cloning is cheap.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    client: reqwest::Client,
    settings: Settings,
}

impl Client {
    pub(crate) fn new(settings: Settings, roots: Roots<'_>) -> reqwest::Result<Self> {
        // This fails only if another provider is installed already, which works as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = match roots {
            Roots::AcceptAny => {
                builder(settings).tls_certs_only([]).tls_danger_accept_invalid_certs(true).build()
            }
            Roots::None => builder(settings).tls_certs_only([]).build(),
            Roots::System(more) => {
                builder(settings).tls_certs_merge(more.iter().cloned()).build().or_else(|error| {
                    // Without the system's CA store, the CA bundle still works.
                    tracing::warn!(%error, "no system CA certificates: https works with the CA bundle only");
                    builder(settings).tls_certs_only(more.iter().cloned()).build()
                })
            }
        };
        Ok(Self { client: client?, settings })
    }

    /// The client in `cell`, which `make` makes if there is none.
    pub(crate) fn once<E>(cell: &OnceLock<Self>, make: impl FnOnce() -> Result<Self, E>) -> Result<&Self, E> {
        if let Some(client) = cell.get() {
            return Ok(client);
        }
        let client = make()?;
        Ok(cell.get_or_init(|| client))
    }

    /// A request for [`Self::send`].
    pub(crate) fn request(&self, method: Method, url: impl IntoUrl) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// Sends `request`, if its host is an allowed address. A redirect to another origin is returned as the answer.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Response, SendError> {
        let request = request.build()?;
        self.settings.network.allows_url(request.url())?;
        let (timer, activity) = (RequestTimer::start(&request, &self.settings), PeerActivity::default());
        // reqwest's own limit for silence is also one for sending the body.
        let sent = self.client.execute(metered(request, &activity));
        match timer.heard(&activity, sent).await? {
            Ok(mut answer) => {
                answer.extensions_mut().insert(timer);
                Ok(answer)
            }
            Err(error) => Err(timer.late(&error).map_or_else(|| error.into(), SendError::Late)),
        }
    }
}

/// The environment variables that name a proxy for plain http (reqwest, `src/proxy.rs`).
const PROXIES: [&str; 4] = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];

/// Whether a client for plain http needs root certificates too, because it reaches its proxy over TLS.
pub(crate) fn plain_http_needs_roots() -> bool {
    PROXIES.iter().any(|name| std::env::var(name).is_ok_and(|value| value.starts_with("https:")))
}

fn builder(settings: Settings) -> ClientBuilder {
    let mut builder = reqwest::Client::builder()
        .connect_timeout(settings.connect)
        .tcp_keepalive(socket::IDLE)
        .tcp_keepalive_interval(socket::INTERVAL)
        .tcp_keepalive_retries(socket::RETRIES)
        .tcp_user_timeout(socket::UNACKNOWLEDGED)
        // Requests to one server share a connection, so a dead connection must be detected.
        .http2_keep_alive_interval(socket::IDLE)
        .http2_keep_alive_timeout(socket::INTERVAL)
        .http2_keep_alive_while_idle(true)
        .redirect(if settings.redirects { within_one_origin() } else { Policy::none() })
        .dns_resolver(FilteringResolver::system(settings.network));
    if let Some(whole) = settings.whole {
        builder = builder.timeout(whole);
    }
    match settings.user_agent {
        Some(name) => builder.user_agent(name),
        None => builder,
    }
}

/// Follows a redirect only to the same scheme, host and port. The login is meant for this server only, and the server
/// that redirects might read the answer of another.
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
