//! Reads the body of an answer, up to a limit.

use std::pin::pin;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use reqwest::Response;
use serde::de::DeserializeOwned;

use super::timer::RequestTimer;
use crate::text;
use crate::time_limits::Late;

/// The most JSON values in one answer. A short text can hold very many values, and each takes tens of bytes in
/// memory.
const VALUES: usize = 200_000;

/// The body was not read to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// The body is longer than its limit; the rest was not read.
    #[error("the answer is longer than {}, which is the most that is read of {what}", bytes(*.limit))]
    TooLong {
        /// The name of the body, such as `a manifest`.
        what: &'static str,
        /// The limit in bytes.
        limit: usize,
    },
    /// A time limit was exceeded.
    #[error(transparent)]
    Late(#[from] Late),
    /// The connection broke.
    #[error(transparent)]
    Lost(reqwest::Error),
}

/// The chunks of a body, as they arrive.
pub(crate) fn pieces(answer: Response) -> impl Stream<Item = Result<Bytes, BodyError>> + Send {
    let timer = RequestTimer::of(&answer);
    let pieces = Box::pin(answer.bytes_stream());
    stream::try_unfold((pieces, timer), |(mut pieces, timer)| async move {
        let next = match &timer {
            Some(timer) => timer.next(pieces.next()).await?,
            None => pieces.next().await,
        };
        let late = |error| {
            timer
                .as_ref()
                .and_then(|timer| timer.late(&error))
                .map_or(BodyError::Lost(error), BodyError::Late)
        };
        let next = next.transpose().map_err(late)?;
        Ok::<_, BodyError>(next.map(|piece| (piece, (pieces, timer))))
    })
}

/// Reads the body of `answer`, of at most `limit` bytes. `what` names the body in errors. If the body is longer, the
/// connection is closed before its end.
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

/// Reads the first `limit` bytes of a body. The result is shorter if the body is shorter or the connection breaks.
/// Used for the text of a refusal.
pub(crate) async fn read_start(answer: Response, limit: usize) -> Vec<u8> {
    let mut body = Vec::new();
    let mut stream = pin!(pieces(answer));
    while body.len() < limit
        && let Some(Ok(chunk)) = stream.next().await
    {
        let more = chunk.len().min(limit - body.len());
        body.extend_from_slice(&chunk[..more]);
    }
    body
}

/// Parses the JSON of a body. The error is shortened, because a parser may quote a value of any length.
pub(crate) fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    if has_too_many_values(body) {
        return Err(format!("it holds more than {VALUES} JSON values"));
    }
    serde_json::from_slice(body).map_err(|error| text::brief(&error.to_string(), text::SHOWN))
}

/// Whether a JSON text has too many values. Each value except the first follows one of four characters outside
/// strings.
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
