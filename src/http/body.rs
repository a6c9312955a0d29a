//! Reading an answer's body, up to a limit.

use std::pin::pin;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use reqwest::Response;
use serde::de::DeserializeOwned;

use super::clock::Clock;
use crate::text;
use crate::time_limits::Late;

/// JSON values of one answer. A short text may stand for very many of them, each of which takes tens of bytes.
const VALUES: usize = 200_000;

/// Why a body was not read to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// The body is longer than its limit; the rest was not read.
    #[error("the answer is longer than {}, which is the most that is read of {what}", bytes(*.limit))]
    TooLong {
        /// What was read, such as `a manifest`.
        what: &'static str,
        /// The limit in bytes.
        limit: usize,
    },
    /// Its time is over.
    #[error(transparent)]
    Late(#[from] Late),
    /// The connection broke.
    #[error(transparent)]
    Lost(reqwest::Error),
}

/// The pieces of a body, as they arrive.
pub(crate) fn pieces(answer: Response) -> impl Stream<Item = Result<Bytes, BodyError>> + Send {
    let clock = Clock::of(&answer);
    answer.bytes_stream().map_err(move |error| {
        let late = clock.as_ref().and_then(|clock| clock.late(&error));
        late.map_or(BodyError::Lost(error), BodyError::Late)
    })
}

/// The body of `answer`, which is `what` and of at most `limit` bytes. What is longer is not read to its end: the
/// connection is given up.
pub(crate) async fn read(answer: Response, what: &'static str, limit: usize) -> Result<Vec<u8>, BodyError> {
    let too_long = || BodyError::TooLong { what, limit };
    if answer.content_length().is_some_and(|told| told > limit as u64) {
        return Err(too_long());
    }
    let mut body = Vec::new();
    let mut stream = pin!(pieces(answer));
    while let Some(chunk) = stream.next().await {
        let chunk = chunk?;
        if chunk.len() > limit - body.len() {
            return Err(too_long());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The first `limit` bytes of a body; fewer where it is shorter or breaks off. For what a server says of its refusal.
pub(crate) async fn read_start(answer: Response, limit: usize) -> Vec<u8> {
    let mut body = Vec::new();
    let mut stream = answer.bytes_stream();
    while body.len() < limit
        && let Some(Ok(chunk)) = stream.next().await
    {
        let more = chunk.len().min(limit - body.len());
        body.extend_from_slice(&chunk[..more]);
    }
    body
}

/// The JSON of a body; what is wrong with it otherwise, cut, for a parser may quote a value of any length.
pub(crate) fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    if has_too_many_values(body) {
        return Err(format!("it holds more than {VALUES} JSON values"));
    }
    serde_json::from_slice(body).map_err(|error| text::brief(&error.to_string(), text::SHOWN))
}

/// Counts values of a JSON text: each but the first follows one of four characters outside of strings.
fn has_too_many_values(body: &[u8]) -> bool {
    let (mut values, mut quoted, mut escaped) = (0, false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            b',' | b'[' | b'{' | b':' if !quoted => values += 1,
            _ => {}
        }
    }
    values > VALUES
}

/// `4 MiB`, or `4096 bytes`.
fn bytes(limit: usize) -> String {
    match limit {
        limit if limit >= 1 << 20 && limit.is_multiple_of(1 << 20) => format!("{} MiB", limit >> 20),
        limit => format!("{limit} bytes"),
    }
}
