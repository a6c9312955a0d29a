//! Sends a chunk of a blob while it is read. The chunk stays in memory until the registry has it.

use std::convert::Infallible;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use reqwest::{Body, StatusCode};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

use super::super::super::OciError;
use super::super::reader::BlobReader;
use super::super::tries::Failed;
use super::part::{Part, Range};
use super::{BlobUpload, Opened, Sending};

impl BlobUpload<'_, '_> {
    /// Sends the next chunk, or again what is left of the last one. Returns how many bytes of the blob the registry has then.
    ///
    /// # Errors The source failed. What the registry answers is no such error.
    pub(super) async fn send_next(
        &mut self,
        upload: &mut Opened,
        sending: &mut Sending<'_, '_>,
    ) -> Result<Result<u64, Failed>, OciError> {
        if sending.part.bytes.is_empty() && sending.reader.left() > 0 {
            return self.stream(upload, sending).await;
        }
        sending.fill(upload.chunk).await?;
        Ok(self.send(upload, &sending.part).await)
    }

    /// Reads a chunk, and sends each piece of it at once.
    async fn stream(
        &mut self,
        upload: &mut Opened,
        sending: &mut Sending<'_, '_>,
    ) -> Result<Result<u64, Failed>, OciError> {
        let range = Range::next(&sending.reader, sending.part.at, upload.chunk);
        // A source that answers late, or not at all, must not keep a request to the target waiting.
        let first = sending.reader.next_piece(range.size).await?;
        let (pieces, body) = mpsc::channel(1);
        let request = self.request(&upload.place, &range).body(streamed(body));
        let answered = CancellationToken::new();
        let ask = async {
            let answer = self.target.ask(request).await;
            answered.cancel();
            Ok(answer)
        };
        let chunk = read(&mut sending.reader, first, range.size, pieces, &answered);
        let (bytes, answer) = tokio::try_join!(chunk, ask)?;
        sending.part = Part { bytes, at: range.at, is_last: range.is_last };
        Ok(match answer {
            // A stream cannot be sent again with another login.
            Ok(answer) if answer.status() == StatusCode::UNAUTHORIZED => {
                self.send(upload, &sending.part).await
            }
            answer => self.answered(upload, &range, answer).await,
        })
    }
}

fn streamed(pieces: Receiver<Bytes>) -> Body {
    Body::wrap_stream(ReceiverStream::new(pieces).map(Ok::<_, Infallible>))
}

/// Reads `size` bytes that begin with `first`, also if the registry takes no more of them. Its answer says why.
async fn read(
    reader: &mut BlobReader<'_>,
    first: Bytes,
    size: usize,
    pieces: Sender<Bytes>,
    answered: &CancellationToken,
) -> Result<Bytes, OciError> {
    let mut read = BytesMut::with_capacity(size);
    let mut piece = first;
    loop {
        read.extend_from_slice(&piece);
        // A registry that has answered may leave the request open, and read nothing.
        let _ = answered.run_until_cancelled(pieces.send(piece)).await;
        if read.len() == size {
            return Ok(read.freeze());
        }
        piece = reader.next_piece(size - read.len()).await?;
    }
}
