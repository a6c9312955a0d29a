//! Sends requests, and repeats those that were not taken.

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use ::http::Method;
use ::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use backon::Retryable as _;
use reqwest::{Certificate, RequestBuilder, Response};
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::answer::{self, Answer};
use super::{Channel, Destination, Message, NotifierOptions, NotifyError, encode, sign};
use crate::http::{self, BodyError, Client, Network, Roots, SendError, Settings};
use crate::outcome::chain;
use crate::time_limits::{calls, pauses};

/// The most bytes that are read of an answer. Answers have some hundred.
const ANSWER_READ: usize = 16 << 10;
/// The headers of a webhook.
const SIGNATURE: &str = "x-hub-signature-256";
const DELIVERY: &str = "x-argo-buildkit-delivery";

/// The client, made when it is first used: making one parses every root certificate of the machine.
#[derive(Debug)]
pub(super) struct Http {
    options: NotifierOptions,
    /// These are trusted in addition to the system's certificates.
    extra: Vec<Certificate>,
    client: OnceLock<Client>,
}

impl Http {
    pub(super) fn new(options: NotifierOptions) -> Result<Self, NotifyError> {
        let extra = match &options.ca_bundle {
            Some(path) => http::certificates(path)
                .map_err(|e| local(format!("read the CA bundle `{}`", path.display()), e.to_string()))?,
            None => Vec::new(),
        };
        Ok(Self { options, extra, client: OnceLock::new() })
    }

    /// Sends `messages` as one, up to four times while the server is unavailable.
    pub(super) async fn post(
        &self,
        destination: &Destination,
        messages: &[Message],
    ) -> Result<(), NotifyError> {
        let body = encode::body(destination.channel, messages);
        let id = id(messages);
        (|| self.once(destination, &body, &id))
            .retry(pauses::few())
            .when(NotifyError::is_repeatable)
            .notify(|error, pause| {
                tracing::warn!(%error, pause_ms = pause.as_millis(), "a message was not taken, trying again");
            })
            .await
    }

    async fn once(&self, destination: &Destination, body: &[u8], id: &str) -> Result<(), NotifyError> {
        let at = destination.address.origin();
        let client = self.client()?;
        let request = request(client, destination, body, id)?;
        let response = client.send(request).await.map_err(|error| unanswered(&at, error))?;
        let answer = read(&at, response).await?;
        answer::judge(destination.channel, &at, &answer)
    }

    fn client(&self) -> Result<&Client, NotifyError> {
        let make = || Client::new(self.settings(), Roots::System(&self.extra));
        Client::once(&self.client, || {
            make().map_err(|e| local("set up the HTTP client".to_owned(), chain(&e)))
        })
    }

    fn settings(&self) -> Settings {
        Settings {
            user_agent: Some(concat!("argo-buildkit/", env!("CARGO_PKG_VERSION"))),
            connect: self.options.connect_timeout,
            silence: self.options.timeout.min(calls::CHAT.silence()),
            whole: Some(self.options.timeout),
            // A message is for one server. A redirect is told, with the server that it leads to.
            redirects: false,
            // An n8n or a Mattermost in the cluster has a private address.
            network: Network::Cluster,
        }
    }
}

fn local(doing: String, why: String) -> NotifyError {
    NotifyError::Local { doing, why }
}

fn request(
    client: &Client,
    destination: &Destination,
    body: &[u8],
    id: &str,
) -> Result<RequestBuilder, NotifyError> {
    let Destination { channel, address, signing_secret, token, room } = destination;
    let (url, secret) = (address.url(), signing_secret.as_ref());
    let post = |url: Url| client.request(Method::POST, url).header(CONTENT_TYPE, "application/json");
    let request = match (channel, secret) {
        (Channel::DingTalk, Some(secret)) => post(sign::dingtalk(url, secret, now())),
        (Channel::Matrix, _) => {
            let url = event_url(url, room.as_deref().unwrap_or_default(), id);
            let request = client.request(Method::PUT, url).header(CONTENT_TYPE, "application/json");
            match token {
                Some(token) => request.header(AUTHORIZATION, bearer(token.expose_secret(), destination)?),
                None => request,
            }
        }
        (Channel::Webhook | Channel::N8n, Some(secret)) => {
            post(url.clone()).header(DELIVERY, id).header(SIGNATURE, sign::webhook(body, secret))
        }
        (Channel::Webhook | Channel::N8n, None) => post(url.clone()).header(DELIVERY, id),
        _ => post(url.clone()),
    };
    Ok(request.body(body.to_vec()))
}

/// The address of a new event in a room: `PUT …/rooms/{roomId}/send/m.room.message/{txnId}`. The server takes one event for each
/// transaction id (Matrix's client-server API, "Sending events to a room").
fn event_url(server: &Url, room: &str, id: &str) -> Url {
    let mut url = server.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(["_matrix", "client", "v3", "rooms", room, "send", "m.room.message", id]);
    }
    url
}

fn bearer(token: &str, destination: &Destination) -> Result<HeaderValue, NotifyError> {
    let refused = |_| NotifyError::Refused {
        at: destination.address.origin(),
        why: "the token has characters that a header cannot hold".to_owned(),
        mend: "write the access token into the Secret, and nothing else".to_owned(),
    };
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.trim())).map_err(refused)?;
    value.set_sensitive(true);
    Ok(value)
}

/// The id of a message, or of the digest of several.
fn id(messages: &[Message]) -> String {
    match messages {
        [one] => one.id.clone(),
        several => {
            let mut hash = Sha256::new();
            several.iter().for_each(|message| hash.update(&message.id));
            hex::encode(hash.finalize())
        }
    }
}

/// Milliseconds since 1970.
fn now() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis())
}

async fn read(at: &str, response: Response) -> Result<Answer, NotifyError> {
    let redirect = response.status().is_redirection().then(|| http::redirect_origin(&response));
    let retry_at = http::retry_at(response.headers(), SystemTime::now());
    let pause = retry_at.map(|at| at.duration_since(SystemTime::now()).unwrap_or_default());
    let status = response.status();
    let unknown = |why: String| NotifyError::Unknown { at: at.to_owned(), why };
    let body = match status.is_success() {
        false => http::read_start(response, ANSWER_READ).await,
        true => match http::read(response, "the answer to a message", ANSWER_READ).await {
            Ok(body) => body,
            // A workflow of n8n may answer anything. Chats say little.
            Err(BodyError::TooLong { .. }) => Vec::new(),
            Err(BodyError::Late(late)) => return Err(unknown(late.to_string())),
            Err(BodyError::Lost(error)) => return Err(unknown(broken(error))),
        },
    };
    Ok(Answer { status, redirect, pause, body })
}

fn broken(error: reqwest::Error) -> String {
    format!("the connection broke: {}", chain(&error.without_url()))
}

fn unanswered(at: &str, error: SendError) -> NotifyError {
    let at = at.to_owned();
    let is_before = error.is_no_connection();
    match error {
        SendError::Refused(refused) => NotifyError::Refused {
            at,
            why: refused.to_string(),
            mend: "write the address of the webhook into the Secret".to_owned(),
        },
        SendError::Late(late) => NotifyError::Unknown { at, why: late.to_string() },
        SendError::Lost(error) if is_before => {
            NotifyError::Unavailable { at, why: format!("no connection: {}", chain(&error.without_url())) }
        }
        SendError::Lost(error) => NotifyError::Unknown { at, why: broken(error) },
    }
}
