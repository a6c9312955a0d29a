//! Smart HTTP (git `Documentation/gitprotocol-http.txt`): one GET for the server's capabilities, one POST per
//! request.

use ::http::StatusCode;
use ::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use bytes::Bytes;
use futures_util::TryStreamExt;
use reqwest::{Method, RequestBuilder, Response};
use secrecy::ExposeSecret;

use super::credentials::Credentials;
use super::error::GitError;
use super::pkt::PktReader;
use super::service::Service;
use super::text::tidy;
use crate::http::{self, BodyError, Client, SendError};
use crate::text::quoted;

/// The maximum number of bytes of an error answer's body that are read.
const BODY_READ: usize = 4096;

/// The hint for a server that redirects to itself.
const CIRCLE: &str = "check the URL, and what the server and a proxy before it take for their own address";

/// One service of one repository over http.
#[derive(Clone)]
pub(super) struct Endpoint {
    client: Client,
    repo: String,
    /// The repository's address after redirects.
    base: String,
    service: Service,
    authorization: Option<HeaderValue>,
    hint: &'static str,
}

impl Endpoint {
    pub(super) fn new(
        client: Client,
        repo: String,
        base: String,
        service: Service,
        credentials: &Credentials,
    ) -> Self {
        let authorization = credentials.header().and_then(|header| {
            let mut value = HeaderValue::from_str(header.expose_secret()).ok()?;
            value.set_sensitive(true);
            Some(value)
        });
        Self { client, repo, base, service, authorization, hint: credentials.hint() }
    }

    /// Requests the server's first message.
    pub(super) async fn advert(&mut self) -> Result<PktReader, GitError> {
        let path = format!("/info/refs?service={}", self.service.name());
        let request = self.client.request(Method::GET, format!("{}{path}", self.base));
        let response = self.send(request).await?;
        // A server may redirect from a renamed repository. Later requests go to the new address.
        if let Some(base) = response.url().as_str().strip_suffix(&path) {
            self.base = base.to_owned();
        }
        self.expect_type(&response, "advertisement")?;
        Ok(self.reader(response))
    }

    /// Sends one request and returns a reader of its answer.
    pub(super) async fn post(&self, body: Bytes) -> Result<PktReader, GitError> {
        let name = self.service.name();
        let request = self
            .client
            .request(Method::POST, format!("{}/{name}", self.base))
            .header(CONTENT_TYPE, format!("application/x-{name}-request"))
            .header(ACCEPT, format!("application/x-{name}-result"))
            .body(body);
        let response = self.send(request).await?;
        self.expect_type(&response, "result")?;
        Ok(self.reader(response))
    }

    async fn send(&self, mut request: RequestBuilder) -> Result<Response, GitError> {
        // receive-pack does not support v2; a server that reads the header would fall back anyway.
        if self.service == Service::UploadPack {
            request = request.header("Git-Protocol", "version=2");
        }
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        let response = self.client.send(request).await.map_err(|e| self.unanswered(e))?;
        if response.status().is_success() { Ok(response) } else { Err(self.refusal(response).await) }
    }

    fn unanswered(&self, error: SendError) -> GitError {
        match error {
            SendError::Refused(refused) => {
                GitError::Unusable { repo: self.repo.clone(), what: refused.to_string() }
            }
            SendError::Late(late) => self.unavailable(late.to_string(), None),
            SendError::Lost(error) => self.unreachable(error),
        }
    }

    fn broken(&self, error: BodyError) -> GitError {
        match error {
            BodyError::Lost(error) => self.unreachable(error),
            other => self.unavailable(other.to_string(), None),
        }
    }

    fn unreachable(&self, error: reqwest::Error) -> GitError {
        let why = crate::outcome::chain(&error);
        if http::is_certificate_error(&why) {
            let what = "argo-buildkit does not trust its server's certificate: give the CA that signed it by `--ca-bundle`";
            return GitError::Unusable { repo: self.repo.clone(), what: what.to_owned() };
        }
        let what = if error.is_connect() { "no connection to the server" } else { "the connection broke" };
        self.unavailable(what.to_owned(), Some(std::sync::Arc::new(error.without_url())))
    }

    fn unavailable(&self, what: String, cause: Option<super::error::Cause>) -> GitError {
        GitError::Unavailable { repo: self.repo.clone(), action: self.service.action(), what, cause }
    }

    async fn refusal(&self, response: Response) -> GitError {
        let (repo, action) = (self.repo.clone(), self.service.action());
        let status = response.status();
        let (to, circle) = (http::redirect_origin(&response), http::is_redirect_loop(&response));
        let said = body_text(response).await;
        match status {
            StatusCode::UNAUTHORIZED => {
                GitError::Login { repo, action, hint: self.hint, said: quoted(&said) }
            }
            StatusCode::FORBIDDEN if said.contains("archived") => GitError::Archived { repo },
            StatusCode::FORBIDDEN => {
                GitError::Forbidden { repo, action, hint: self.service.scope_hint(), said: quoted(&said) }
            }
            StatusCode::NOT_FOUND | StatusCode::GONE => GitError::NotFound { repo, said: quoted(&said) },
            StatusCode::PAYLOAD_TOO_LARGE => GitError::TooLarge { repo, action },
            s if s.is_redirection() && circle => GitError::Unusable {
                repo,
                what: format!("the server redirects to itself again and again; {CIRCLE}"),
            },
            s if s.is_redirection() => GitError::Redirected { repo, to },
            s if s.is_server_error()
                || matches!(s, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT) =>
            {
                self.unavailable(format!("the server answered {s}{}", quoted(&said)), None)
            }
            s => {
                let mend =
                    "check that the URL is a repository's, and what the server and the proxies before it log";
                GitError::Unusable { repo, what: format!("the server answered {s}{}; {mend}", quoted(&said)) }
            }
        }
    }

    fn expect_type(&self, response: &Response, kind: &str) -> Result<(), GitError> {
        let want = format!("application/x-{}-{kind}", self.service.name());
        let got = response.headers().get(CONTENT_TYPE).map(|v| tidy(v.as_bytes())).unwrap_or_default();
        if got.starts_with(&want) {
            return Ok(());
        }
        let what = format!(
            "the address answers with `{got}` instead of the smart Git protocol; check that the URL is a repository's"
        );
        Err(GitError::Unusable { repo: self.repo.clone(), what })
    }

    fn reader(&self, response: Response) -> PktReader {
        let endpoint = self.clone();
        let stream = http::pieces(response).map_err(move |e| endpoint.broken(e));
        PktReader::new(self.repo.clone(), self.service.action(), Box::pin(stream))
    }
}

/// The start of an error answer's body, if it is plain text and not a web page.
async fn body_text(response: Response) -> String {
    let html = response.headers().get(CONTENT_TYPE).is_some_and(|v| v.as_bytes().starts_with(b"text/html"));
    let body = http::read_start(response, BODY_READ).await;
    if html { String::new() } else { tidy(&body) }
}
