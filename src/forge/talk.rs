//! One caller's requests about one repository: sent, repeated where that is safe, answered.

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

pub(super) use answer::Answer;

use super::error::ForgeError;
use super::http::Http;
use super::repository::{Dialect, Repository};
use crate::http::{self, BodyError, SendError};
use crate::time_limits::{Late, pauses};

/// Bytes of an answer that are read unless a call says otherwise: a page of 50 pull requests is below 2 MiB.
const ANSWER_READ: usize = 8 << 20;
/// Redirects of one request that are followed.
const REDIRECTS: usize = 4;
/// A server that asks to be left alone for longer than this gets no second try.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The version of GitHub's REST API that this client was written against.
const GITHUB_VERSION: &str = "2022-11-28";

/// Which repository is talked about, with which login, and what for.
#[derive(Clone)]
pub(super) struct Talk {
    pub(super) http: Arc<Http>,
    pub(super) repository: Repository,
    authorization: HeaderValue,
    /// `open a pull request in`.
    action: String,
}

/// One request.
pub(super) struct Call {
    method: Method,
    url: Url,
    body: Option<Value>,
    answer_read: usize,
    repeat: bool,
}

impl Call {
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

    /// Takes an answer that is larger by `bytes`.
    pub(super) fn answer_grows(mut self, bytes: usize) -> Self {
        self.answer_read += bytes;
        self
    }

    /// For a request whose repetition would do its work twice.
    pub(super) fn once(mut self) -> Self {
        self.repeat = false;
        self
    }
}

impl Talk {
    pub(super) fn new(
        http: Arc<Http>,
        repository: &Repository,
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

    /// The same talk with another action in its messages.
    pub(super) fn about(&self, action: impl Into<String>) -> Self {
        Self { action: action.into(), ..self.clone() }
    }

    /// What is attempted where, for messages.
    pub(super) fn at(&self) -> String {
        format!("{} `{}` on {}", self.action, self.repository, self.repository.server())
    }

    /// A call about the repository: `segments` below `repos/{owner}/{name}`.
    pub(super) fn call(&self, method: Method, segments: &[&str]) -> Call {
        Call::new(method, self.repository.api_url(segments))
    }

    /// The answer to a call, tried up to four times while the server is away.
    pub(super) async fn send(&self, call: &Call) -> Result<Answer, ForgeError> {
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

    /// Sends the call as [`Self::send`] does, and takes every status but success for an error.
    pub(super) async fn ask(&self, call: &Call) -> Result<Answer, ForgeError> {
        self.send(call).await?.ok()
    }

    async fn once(&self, call: &Call) -> Result<Answer, ForgeError> {
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

    fn request(&self, call: &Call, url: &Url) -> Result<RequestBuilder, ForgeError> {
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

    /// The address that a redirect leads to. Only a GET follows one, and only to the same server.
    fn redirected(&self, call: &Call, from: &Url, response: &Response) -> Result<Url, ForgeError> {
        let location = response.headers().get(LOCATION).and_then(|to| to.to_str().ok());
        let to = location.and_then(|to| from.join(to).ok());
        let moved = |to: String| ForgeError::Moved { at: self.at(), to };
        match to {
            None => Err(moved("an unreadable address".to_owned())),
            Some(to) if to.origin() == from.origin() && call.method == Method::GET => Ok(to),
            // Its path and query may hold more than is fit to log.
            Some(to) => Err(moved(http::origin(&to))),
        }
    }

    async fn answer(&self, call: &Call, response: Response) -> Result<Answer, ForgeError> {
        let (status, headers) = (response.status(), response.headers().clone());
        let body = http::read(response, "a forge's answer", call.answer_read).await;
        let body = body.map_err(|error| match error {
            BodyError::TooLong { .. } => self.unexpected(error.to_string()),
            BodyError::Late(late) => self.late(&late),
            BodyError::Lost(error) => self.unreachable(error),
        })?;
        let answer = Answer { status, headers, body, at: self.at(), dialect: self.repository.dialect() };
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
