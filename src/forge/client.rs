//! Sends one caller's requests about one repository, and repeats those that are safe to repeat.

mod answer;

use std::sync::Arc;
use std::time::Duration;

use ::http::Method;
use ::http::header::{ACCEPT, AUTHORIZATION, HeaderValue, LOCATION};
use backon::Retryable as _;
use reqwest::{RequestBuilder, Response};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::Url;

pub(super) use answer::ApiAnswer;

use super::error::ForgeError;
use super::http::Http;
use super::repository::{Dialect, ForgeRepository};
use crate::http::{self, BodyError, SendError};
use crate::time_limits::{Late, pauses};

/// The most bytes that are read of an answer, unless a call sets another limit. A page of 50 pull requests is below 2
/// MiB.
const ANSWER_READ: usize = 8 << 20;
/// The number of redirects that one request follows.
const REDIRECTS: usize = 4;
/// If a server asks for a longer pause than this, the request is not repeated.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The version of GitHub's REST API that this client uses.
const GITHUB_VERSION: &str = "2022-11-28";

/// The client for one repository, with one login and one action.
#[derive(Clone)]
pub(super) struct ForgeClient {
    pub(super) http: Arc<Http>,
    pub(super) repository: ForgeRepository,
    authorization: HeaderValue,
    /// The action in messages, such as `open a pull request in`.
    action: String,
}

/// One request to the API.
pub(super) struct ApiCall {
    method: Method,
    url: Url,
    body: Option<Value>,
    answer_read: usize,
    repeat: bool,
}

impl ApiCall {
    pub(super) fn new(method: Method, url: Url) -> Self {
        Self { method, url, body: None, answer_read: ANSWER_READ, repeat: true }
    }

    pub(super) fn query(mut self, pairs: &[(&str, &str)]) -> Self {
        self.url.query_pairs_mut().extend_pairs(pairs);
        self
    }

    pub(super) fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// Raises the limit of the answer by `bytes`.
    pub(super) fn answer_grows(mut self, bytes: usize) -> Self {
        self.answer_read += bytes;
        self
    }

    /// Forbids to repeat the request, because a repetition would do its work twice.
    pub(super) fn once(mut self) -> Self {
        self.repeat = false;
        self
    }
}

impl ForgeClient {
    pub(super) fn new(
        http: Arc<Http>,
        repository: &ForgeRepository,
        token: &SecretString,
        action: &str,
    ) -> Result<Self, ForgeError> {
        let scheme = match repository.dialect() {
            Dialect::Gitea => "token",
            Dialect::GitHub => "Bearer",
        };
        // A token file often ends in a newline.
        let header = SecretString::from(format!("{scheme} {}", token.expose_secret().trim()));
        let mut authorization = HeaderValue::from_str(header.expose_secret())
            .map_err(|e| ForgeError::local(format!("use the token for `{repository}`"), e))?;
        authorization.set_sensitive(true);
        Ok(Self { http, repository: repository.clone(), authorization, action: action.to_owned() })
    }

    /// The same client, with another action in its messages.
    pub(super) fn with_action(&self, action: impl Into<String>) -> Self {
        Self { action: action.into(), ..self.clone() }
    }

    /// The action, the repository and the server, for messages.
    pub(super) fn at(&self) -> String {
        format!("{} `{}` on {}", self.action, self.repository, self.repository.server())
    }

    /// A call about the repository. `segments` are below `repos/{owner}/{name}`.
    pub(super) fn call(&self, method: Method, segments: &[&str]) -> ApiCall {
        ApiCall::new(method, self.repository.api_url(segments))
    }

    /// Sends the call, up to four times while the server is unavailable.
    pub(super) async fn send(&self, call: &ApiCall) -> Result<ApiAnswer, ForgeError> {
        (|| self.once(call))
            .retry(pauses::few())
            .when(|error| call.repeat && error.is_unavailable())
            .adjust(|error, pause| match error.retry_after() {
                Some(after) => pause.filter(|_| after <= LONGEST_PAUSE).map(|pause| pause.max(after)),
                None => pause,
            })
            .notify(|error, pause| {
                tracing::warn!(%error, pause_ms = pause.as_millis(), "a forge's API failed, trying again");
            })
            .await
    }

    /// Sends the call as [`Self::send`] does. Every status except success is an error.
    pub(super) async fn ask(&self, call: &ApiCall) -> Result<ApiAnswer, ForgeError> {
        self.send(call).await?.ok()
    }

    async fn once(&self, call: &ApiCall) -> Result<ApiAnswer, ForgeError> {
        let mut url = call.url.clone();
        for _ in 0..=REDIRECTS {
            let sent = self.http.client()?.send(self.request(call, &url)?).await;
            let response = sent.map_err(|e| self.unanswered(e))?;
            match response.status().is_redirection() {
                true => url = self.redirected(call, &url, &response)?,
                false => return self.answer(call, response).await,
            }
        }
        Err(self.unexpected("it redirects to itself again and again"))
    }

    fn request(&self, call: &ApiCall, url: &Url) -> Result<RequestBuilder, ForgeError> {
        let mut request = self.http.client()?.request(call.method.clone(), url.clone());
        request = request.header(AUTHORIZATION, self.authorization.clone());
        request = match self.repository.dialect() {
            Dialect::Gitea => request.header(ACCEPT, "application/json"),
            Dialect::GitHub => request
                .header(ACCEPT, "application/vnd.github+json")
                .header("X-GitHub-Api-Version", GITHUB_VERSION),
        };
        Ok(match &call.body {
            Some(body) => request.json(body),
            None => request,
        })
    }

    /// The address that a redirect leads to. Only a GET follows a redirect, and only to the same server.
    fn redirected(&self, call: &ApiCall, from: &Url, response: &Response) -> Result<Url, ForgeError> {
        let location = response.headers().get(LOCATION).and_then(|to| to.to_str().ok());
        let to = location.and_then(|to| from.join(to).ok());
        let moved = |to: String| ForgeError::Moved { at: self.at(), to };
        match to {
            None => Err(moved("an unreadable address".to_owned())),
            Some(to) if to.origin() == from.origin() && call.method == Method::GET => Ok(to),
            // The path and query may hold secrets, so they are not logged.
            Some(to) => Err(moved(http::origin(&to))),
        }
    }

    async fn answer(&self, call: &ApiCall, response: Response) -> Result<ApiAnswer, ForgeError> {
        let (status, headers) = (response.status(), response.headers().clone());
        let body = http::read(response, "a forge's answer", call.answer_read).await;
        let body = body.map_err(|error| match error {
            BodyError::TooLong { .. } => self.unexpected(error.to_string()),
            BodyError::Late(late) => self.late(&late),
            BodyError::Lost(error) => self.unreachable(error),
        })?;
        let answer = ApiAnswer { status, headers, body, at: self.at(), dialect: self.repository.dialect() };
        match answer.error() {
            Some(error) if error.is_unavailable() => Err(error),
            _ => Ok(answer),
        }
    }

    pub(super) fn unexpected(&self, why: impl Into<String>) -> ForgeError {
        ForgeError::Unexpected { at: self.at(), forge: self.repository.dialect().name(), why: why.into() }
    }

    fn unanswered(&self, error: SendError) -> ForgeError {
        match error {
            SendError::Refused(refused) => ForgeError::Refused { at: self.at(), why: refused.to_string() },
            SendError::Late(late) => self.late(&late),
            SendError::Lost(error) => self.unreachable(error),
        }
    }

    fn late(&self, late: &Late) -> ForgeError {
        ForgeError::Unavailable { at: self.at(), why: late.to_string(), retry_after: None, cause: None }
    }

    fn unreachable(&self, error: reqwest::Error) -> ForgeError {
        let why = match () {
            () if error.is_connect() => "no connection to the server",
            () => "the connection broke",
        };
        let cause = Some(error.without_url().into());
        ForgeError::Unavailable { at: self.at(), why: why.to_owned(), retry_after: None, cause }
    }
}
