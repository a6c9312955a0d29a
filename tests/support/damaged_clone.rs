//! A proxy in front of a Git server. It damages the packs of clones and forwards everything else.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use axum::response::{IntoResponse as _, Response};

use super::net::client;

/// The fault of a pack.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pack {
    /// The answer ends in the middle of the pack, with a regular end.
    Short,
    /// The connection breaks in the middle of the pack.
    Cut,
    /// One byte is changed.
    Damaged,
}

/// A running proxy. It ends with the test's runtime.
pub(crate) struct DamagedClone(String);

impl DamagedClone {
    /// Starts a proxy in front of `upstream`, `http://host:port`.
    pub(crate) async fn start(upstream: &str, pack: Pack) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = axum::Router::new().fallback(answer).with_state((Arc::<str>::from(upstream), pack));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self(url)
    }

    /// `http://host:port`.
    pub(crate) fn url(&self) -> &str {
        &self.0
    }
}

async fn answer(State((upstream, pack)): State<(Arc<str>, Pack)>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut headers = parts.headers;
    for own in [HOST, CONTENT_LENGTH, TRANSFER_ENCODING] {
        headers.remove(own);
    }
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let request = client().request(parts.method, format!("{upstream}{path}"));
    let reply = request.headers(headers).body(body).send().await.unwrap();
    let (status, mut headers) = (reply.status(), reply.headers().clone());
    for own in [CONTENT_LENGTH, TRANSFER_ENCODING] {
        headers.remove(own);
    }
    let bytes = reply.bytes().await.unwrap();
    let begin = bytes.windows(4).position(|four| four == b"PACK");
    let body = begin.map_or_else(|| Body::from(bytes.clone()), |begin| damaged(&bytes, begin, pack));
    (status, headers, body).into_response()
}

fn damaged(bytes: &Bytes, begin: usize, pack: Pack) -> Body {
    let middle = begin + (bytes.len() - begin) / 2;
    match pack {
        Pack::Short => Body::from(bytes.slice(..middle)),
        Pack::Cut => {
            let cut = Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
            Body::from_stream(futures_util::stream::iter([Ok(bytes.slice(..middle)), cut]))
        }
        Pack::Damaged => {
            let mut bytes = bytes.to_vec();
            bytes[middle] ^= 0xff;
            Body::from(bytes)
        }
    }
}
