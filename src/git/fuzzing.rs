//! What a Git server sends, as functions of bytes (see [`crate::fuzzing`]).

use bytes::Bytes;
use futures_util::FutureExt as _;

use super::advert::Advert;
use super::pkt::PktReader;
use super::report;

/// A stream that brings `bytes` in pieces: what a packet is must not depend on them.
fn reader(bytes: &[u8]) -> PktReader {
    let pieces: Vec<_> = bytes.chunks(7).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    PktReader::new(
        "https://git.example.com/a.git".to_owned(),
        "read",
        Box::pin(futures_util::stream::iter(pieces)),
    )
}

/// pkt-lines, to their end.
pub fn packets(bytes: &[u8]) {
    let mut reader = reader(bytes);
    while let Some(Ok(Some(_))) = reader.next().now_or_never() {}
}

/// What a server says first, in every version of the protocol.
pub fn advert(bytes: &[u8]) {
    let _ = Advert::read(&mut reader(bytes), &["refs/heads/main"]).now_or_never();
}

/// A server's answer to a push, with and without a side band.
pub fn push_report(bytes: &[u8]) {
    for sideband in [true, false] {
        let _ = report::read(&mut reader(bytes), sideband, "refs/heads/main").now_or_never();
    }
}
