//! What a registry, a token server or a forge answers is bounded before it is kept.

mod floods;
mod lists;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;

/// More than anything here reads, in bytes.
const FLOOD: usize = 100 << 20;
/// What the buffers of both ends may hold of an answer that nobody reads on, in bytes.
const BUFFERS: usize = 24 << 20;

/// What a server could write, in bytes.
#[derive(Clone, Default)]
struct BytesWritten(Arc<AtomicUsize>);

impl BytesWritten {
    /// An answer of `status` whose body begins like JSON and does not end, or after [`FLOOD`] bytes as it says.
    fn flood(&self, status: u16, tells_length: bool) -> Response {
        let (written, chunk) = (self.0.clone(), Bytes::from(vec![b' '; 64 << 10]));
        let chunks = if tells_length { FLOOD / chunk.len() } else { usize::MAX };
        let next = move |_| {
            written.fetch_add(chunk.len(), Ordering::Relaxed);
            Ok::<_, std::io::Error>(chunk.clone())
        };
        let body = Body::from_stream(futures_util::stream::iter((0..chunks).map(next)));
        let status = StatusCode::from_u16(status).unwrap();
        let mut answer = (status, [("content-type", "application/json")], body).into_response();
        if tells_length {
            answer.headers_mut().insert("content-length", FLOOD.into());
        }
        answer
    }

    /// Asserts that something was written, and little more than `limit` bytes.
    fn is_within(&self, limit: usize) {
        let written = self.0.swap(0, Ordering::Relaxed);
        assert!(written > 0 && written < limit + BUFFERS, "{} MiB were written", written >> 20);
    }
}
