//! Git's `http-backend` behind axum, with HTTP Basic and injected faults.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::AsyncWriteExt as _;

/// The only token that every repository accepts.
pub(crate) const TOKEN: &str = "correct-horse-battery";

/// The faults that the server injects.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Speak only protocol v0.
    pub(crate) only_v0: AtomicBool,
    /// Answer this many requests with 503 before serving.
    pub(crate) unavailable: AtomicU32,
    /// Run the next push, then cut the connection instead of answering.
    pub(crate) lose_push_reply: AtomicBool,
    /// After a lost push, answer every request with 503.
    pub(crate) away_after_push: AtomicBool,
    /// A repository, how many of its requests are answered with an `ERR` packet, and the packet's text.
    pub(crate) trouble: Mutex<Option<(String, u32, String)>>,
    /// Answer every request with this status and body. For a 3xx the body is the `Location`.
    pub(crate) refuse: Mutex<Option<(u16, String)>>,
    /// A renamed repository: the old name, the new name, and the status of the redirect.
    pub(crate) renamed: Mutex<Option<(String, String, u16)>>,
    /// The size in bytes of each answer's body, in order.
    pub(crate) sent: Mutex<Vec<usize>>,
    /// The paths and queries of all requests, in order.
    pub(crate) seen: Mutex<Vec<String>>,
    /// A repository and a text: requests of this repository that contain the text are never answered.
    pub(crate) silent: Mutex<Option<(&'static str, &'static str)>>,
    /// Repositories that need no login.
    pub(crate) public: Mutex<HashSet<String>>,
}

impl Faults {
    /// The text of the error for this request, if there is one.
    fn trouble(&self, repo: &str) -> Option<String> {
        let mut trouble = self.trouble.lock().unwrap();
        let (_, left, said) = trouble.as_mut().filter(|(of, left, _)| of == repo && *left > 0)?;
        *left -= 1;
        Some(said.clone())
    }
}

/// A running server. It stops when the test's runtime ends.
pub(crate) struct Server {
    pub(crate) address: String,
    pub(crate) faults: Arc<Faults>,
}

#[derive(Clone)]
struct Site {
    root: PathBuf,
    faults: Arc<Faults>,
}

impl Server {
    /// Serves the bare repositories in `root`.
    pub(crate) async fn start(root: &Path) -> Self {
        let faults = Arc::new(Faults::default());
        let site = Site { root: root.to_owned(), faults: Arc::clone(&faults) };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = axum::Router::new().fallback(serve).with_state(site);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, faults }
    }
}

async fn serve(State(site): State<Site>, request: Request) -> Response {
    let uri = request.uri().clone();
    site.faults.seen.lock().unwrap().push(uri.to_string());
    if site.faults.unavailable.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok()
    {
        return (StatusCode::SERVICE_UNAVAILABLE, "starting").into_response();
    }
    if let Some((status, said)) = site.faults.refuse.lock().unwrap().clone() {
        let status = StatusCode::from_u16(status).unwrap();
        return (status, [(header::LOCATION, said.replace(' ', "-"))], said).into_response();
    }
    let repo = uri.path().split('/').nth(1).unwrap_or_default().to_owned();
    if let Some((from, to, status)) = site.faults.renamed.lock().unwrap().clone()
        && repo == from
    {
        // The redirect is relative and comes before the login check, as in Gitea (`services/context/repo.go`).
        let to = uri.to_string().replacen(&from, &to, 1);
        return (StatusCode::from_u16(status).unwrap(), [(header::LOCATION, to)]).into_response();
    }
    if !site.faults.public.lock().unwrap().contains(&repo) {
        if !authorized(request.headers()) {
            return (StatusCode::UNAUTHORIZED, "Failed to authenticate user").into_response();
        }
        if !site.root.join(&repo).exists() {
            return (StatusCode::NOT_FOUND, "Repository not found").into_response();
        }
    }
    if uri.query().is_none()
        && let Some(said) = site.faults.trouble(&repo)
    {
        let kind = [(header::CONTENT_TYPE, "application/x-git-upload-pack-result")];
        return (kind, format!("{:04x}ERR {said}", said.len() + 8)).into_response();
    }
    backend(&site, request).await
}

fn authorized(headers: &HeaderMap) -> bool {
    let login = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()?.strip_prefix("Basic "));
    let login = login.and_then(|l| String::from_utf8(STANDARD.decode(l).ok()?).ok());
    login.is_some_and(|l| l.split_once(':').is_some_and(|(_, token)| token == TOKEN))
}

/// Runs the CGI program for one request.
async fn backend(site: &Site, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let silent = *site.faults.silent.lock().unwrap();
    if silent.is_some_and(|(repo, said)| {
        parts.uri.path().contains(repo) && String::from_utf8_lossy(&body).contains(said)
    }) {
        return std::future::pending().await;
    }
    let text = |name: header::HeaderName| {
        parts.headers.get(name).map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default()
    };
    let mut command = tokio::process::Command::new("git");
    command.arg("http-backend").env("GIT_PROJECT_ROOT", &site.root).env("GIT_HTTP_EXPORT_ALL", "1");
    command.env("PATH_INFO", parts.uri.path()).env("QUERY_STRING", parts.uri.query().unwrap_or_default());
    command.env("REQUEST_METHOD", parts.method.as_str()).env("CONTENT_TYPE", text(header::CONTENT_TYPE));
    command.env("CONTENT_LENGTH", body.len().to_string()).env("REMOTE_USER", "tester");
    if let Some(version) = parts.headers.get("git-protocol")
        && !site.faults.only_v0.load(Ordering::SeqCst)
    {
        command.env("GIT_PROTOCOL", version.to_str().unwrap());
    }
    let output = run(command, &body).await;
    site.faults.sent.lock().unwrap().push(output.len());
    let pushed = parts.uri.path().ends_with("/git-receive-pack");
    if pushed && site.faults.lose_push_reply.swap(false, Ordering::SeqCst) {
        if site.faults.away_after_push.load(Ordering::SeqCst) {
            site.faults.unavailable.store(u32::MAX, Ordering::SeqCst);
        }
        let cut = futures_util::stream::iter([Err::<Bytes, _>(std::io::Error::other("cut"))]);
        let kind = [(header::CONTENT_TYPE, "application/x-git-receive-pack-result")];
        return (kind, Body::from_stream(cut)).into_response();
    }
    response(&output)
}

async fn run(mut command: tokio::process::Command, body: &[u8]) -> Vec<u8> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let (_, output) = tokio::join!(
        async move {
            // The program may refuse before it has read the whole request.
            let _ = stdin.write_all(body).await;
        },
        child.wait_with_output()
    );
    output.unwrap().stdout
}

/// Converts CGI output to an HTTP answer.
fn response(output: &[u8]) -> Response {
    let end = output.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    let mut response = Response::new(Body::from(output[end + 4..].to_vec()));
    for line in std::str::from_utf8(&output[..end]).unwrap().lines() {
        let (name, value) = line.split_once(": ").unwrap();
        if name == "Status" {
            *response.status_mut() = value[..3].parse().unwrap();
        } else {
            let name: header::HeaderName = name.parse().unwrap();
            response.headers_mut().insert(name, value.parse().unwrap());
        }
    }
    response
}
