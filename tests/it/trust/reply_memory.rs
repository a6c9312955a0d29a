//! The answers of registries, token servers and forges are limited before they are stored.

mod floods;
mod lists;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;

/// More bytes than any answer may have.
const FLOOD: usize = 100 << 20;
/// The bytes that the buffers of both ends may hold of an answer that is no longer read.
const BUFFERS: usize = 24 << 20;

/// The number of bytes that a server could write.
#[derive(Clone, Default)]
struct BytesWritten(Arc<AtomicUsize>);

impl BytesWritten {
    /// An answer of `status` whose body begins like JSON and has no end. If it states its length, it ends after
    /// [`FLOOD`] bytes.
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

    /// Asserts that some bytes were written, and not many more than `limit`.
    fn is_within(&self, limit: usize) {
        let written = self.0.swap(0, Ordering::Relaxed);
        assert!(written > 0 && written < limit + BUFFERS, "{} MiB were written", written >> 20);
    }
}
