//! The data of a Git server is limited before it is stored.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use argo_buildkit::git::{Credentials, Git, GitError, GitOptions, RepoUrl};
use argo_buildkit::outcome::Fault;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;

mod files;
mod left_overs;

const ID: &str = "0123456789012345678901234567890123456789";
/// The bytes that the buffers of both ends may hold of an answer that is no longer read.
const BUFFERS: usize = 24 << 20;

fn packet(data: &[u8]) -> Vec<u8> {
    [format!("{:04x}", data.len() + 4).as_bytes(), data].concat()
}

/// The endless answer of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flood {
    Capabilities,
    RefsFirst,
    LsRefs,
    BeforePack,
    Progress,
    KeepAlive,
    EmptyPack,
}

struct Site {
    flood: Flood,
    written: AtomicUsize,
}

impl Site {
    async fn serve(flood: Flood) -> (RepoUrl, Arc<Self>) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let site = Arc::new(Self { flood, written: AtomicUsize::new(0) });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&site));
        (listen(router).await, site)
    }

    /// `head`, then `line` repeatedly.
    fn endless(self: Arc<Self>, head: Vec<u8>, line: &[u8]) -> Body {
        let chunk = Bytes::from(packet(line).repeat((64 << 10) / (line.len() + 4)));
        let next = move |chunk: Bytes| {
            self.written.fetch_add(chunk.len(), Ordering::Relaxed);
            Ok::<_, std::io::Error>(chunk)
        };
        let chunks = std::iter::once(Bytes::from(head)).chain(std::iter::repeat(chunk));
        Body::from_stream(futures_util::stream::iter(chunks.map(next)))
    }
}

async fn listen(router: Router) -> RepoUrl {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/lies.git", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url.parse().unwrap()
}

fn typed(request: &str, body: impl Into<Body>) -> Response {
    ([("content-type", format!("application/x-git-{request}"))], body.into()).into_response()
}

fn first(service: &str) -> Vec<u8> {
    [packet(format!("# service=git-{service}\n").as_bytes()), b"0000".to_vec()].concat()
}

async fn answer(State(site): State<Arc<Site>>, request: Request) -> Response {
    let flood = site.flood;
    if let Some(query) = request.uri().query() {
        let service = if query.ends_with("receive-pack") { "receive-pack" } else { "upload-pack" };
        let kind = format!("{service}-advertisement");
        let head = first(service);
        let tag = format!("{ID} refs/tags/v1\n");
        return match flood {
            Flood::Capabilities => {
                let head = [head, packet(b"version 2\n")].concat();
                typed(&kind, site.endless(head, b"some-capability=of-a-server\n"))
            }
            _ => typed(&kind, site.endless(head, tag.as_bytes())),
        };
    }
    if matches!(flood, Flood::Capabilities | Flood::RefsFirst) {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let asked = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let main = packet(format!("{ID} refs/heads/main\n").as_bytes());
    let lists = String::from_utf8_lossy(&asked).contains("command=ls-refs");
    let body = match flood {
        // All of them have the requested prefix.
        Flood::LsRefs => site.endless(main, format!("{ID} refs/heads/main-1\n").as_bytes()),
        _ if lists => Body::from([main, b"0000".to_vec()].concat()),
        Flood::BeforePack => site.endless(packet(b"shallow-info\n"), format!("shallow {ID}\n").as_bytes()),
        Flood::Progress => site.endless(packet(b"packfile\n"), b"\x02counting objects\n"),
        Flood::KeepAlive => site.endless(packet(b"packfile\n"), b"\x02"),
        _ => site.endless(packet(b"packfile\n"), b"\x01"),
    };
    typed("upload-pack-result", body)
}

fn is_flood(error: &GitError, url: &RepoUrl, what: &str) {
    let said = error.to_string();
    assert!(matches!(error, GitError::Flood { .. }) && error.fault() == Fault::User, "{said}");
    assert!(said.contains(&url.to_string()) && said.contains(what), "{said}");
}

#[tokio::test]
async fn a_list_that_does_not_end_is_hung_up_on() {
    let rows = [
        (Flood::Capabilities, "capabilities", 1 << 20),
        (Flood::RefsFirst, "refs", 32 << 20),
        (Flood::LsRefs, "refs", 32 << 20),
        (Flood::BeforePack, "lines before its pack", 8 << 20),
        (Flood::Progress, "progress beside its pack", 8 << 20),
        (Flood::KeepAlive, "progress beside its pack", 8 << 20),
        (Flood::EmptyPack, "progress beside its pack", 8 << 20),
    ];
    let git = Git::new(GitOptions::default()).unwrap();
    for (flood, what, limit) in rows {
        let (url, site) = Site::serve(flood).await;
        let error = git.resolve(&url, &Credentials::Anonymous, "main").await.unwrap_err();
        is_flood(&error, &url, what);
        // It is read once, without a retry.
        let written = site.written.load(Ordering::Relaxed);
        assert!(written > 0 && written < limit + BUFFERS, "{flood:?}: {} MiB", written >> 20);
    }
}

#[tokio::test]
async fn what_a_push_is_made_from_is_bounded_too() {
    let git = Git::new(GitOptions::default()).unwrap();
    let (url, site) = Site::serve(Flood::RefsFirst).await;
    let error = git.may_push(&url, &Credentials::Anonymous).await.unwrap_err();
    is_flood(&error, &url, "refs");
    assert!(site.written.load(Ordering::Relaxed) < (32 << 20) + BUFFERS);
}

/// A server of `count` tags and a branch `main`, in protocol v2 or v0.
async fn tags(count: usize, v0: bool) -> RepoUrl {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut list = packet(format!("{ID} refs/heads/main\n").as_bytes());
    for n in 0..count {
        list.extend(packet(format!("{ID} refs/tags/v{n:06}\n").as_bytes()));
    }
    list.extend_from_slice(b"0000");
    let list = Bytes::from(list);
    let handler = move |request: Request| async move {
        if request.uri().query().is_some() {
            let rest =
                if v0 { list } else { Bytes::from([packet(b"version 2\n"), b"0000".to_vec()].concat()) };
            return typed("upload-pack-advertisement", [first("upload-pack"), rest.to_vec()].concat());
        }
        if v0 {
            return StatusCode::BAD_REQUEST.into_response();
        }
        typed("upload-pack-result", list)
    };
    listen(Router::new().fallback(handler)).await
}

#[tokio::test]
async fn a_repository_of_many_tags_is_served_and_the_work_on_its_names_does_not_grow() {
    let git = Git::new(GitOptions::default()).unwrap();
    for v0 in [false, true] {
        let mut said = Vec::new();
        for count in [45_000, 180_000] {
            let url = tags(count, v0).await;
            let asked = |revision: &'static str| {
                let (git, url) = (&git, &url);
                async move { git.resolve(url, &Credentials::Anonymous, revision).await.unwrap_err().to_string() }
            };
            // Similar names are only searched among the first ones.
            let error = asked("mian").await;
            assert!(error.contains("did you mean `main`?"), "{error}");
            let error = asked("v000999x").await.replace(&url.to_string(), "");
            assert!(error.contains("did you mean"), "{error}");
            said.push(error);
        }
        assert_eq!(said[0], said[1]);
    }
}
