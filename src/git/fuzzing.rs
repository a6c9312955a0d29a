//! The parsers of a Git server's data, as functions of bytes (see [`crate::fuzzing`]).

use bytes::Bytes;
use futures_util::FutureExt as _;

use super::advert::{Advert, Ref};
use super::fetch::PackStream;
use super::file_spec::FileSpec;
use super::pack::{Limits, Pack};
use super::pkt::PktReader;
use super::ssh::known_hosts::KnownKeys;
use super::store::pack_meter::PackMeter;
use super::{SigningKey, report, submodules};

/// A stream that delivers `bytes` in pieces. The result of parsing must not depend on the pieces.
fn reader(bytes: &[u8]) -> PktReader {
    let pieces: Vec<_> = bytes.chunks(7).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    PktReader::new(
        "https://git.example.com/a.git".to_owned(),
        "read",
        Box::pin(futures_util::stream::iter(pieces)),
    )
}

/// Parses pkt-lines.
pub fn packets(bytes: &[u8]) {
    let mut reader = reader(bytes);
    while let Some(Ok(Some(_))) = reader.next().now_or_never() {}
}

/// Parses a server's first message, in every version of the protocol.
pub fn advert(bytes: &[u8]) {
    let _ = Advert::read(&mut reader(bytes), &["refs/heads/main"]).now_or_never();
}

/// Parses lines of `ls-refs`.
pub fn refs(bytes: &[u8]) {
    String::from_utf8_lossy(bytes).lines().for_each(|line| drop(Ref::parse_v2(line)));
}

/// Parses a pack that proves a commit: its objects are inflated and hashed, within the limits.
pub fn pack(bytes: &[u8]) {
    let packets = bytes.chunks(500).flat_map(|piece| {
        let head = format!("{:04x}\x01", piece.len() + 5);
        head.into_bytes().into_iter().chain(piece.iter().copied())
    });
    let packets: Vec<u8> = packets.chain(*b"0000").collect();
    for digits in [40, 64] {
        let mut reader = reader(&packets);
        let limits = Limits { read: 64 << 10, inflated: 1 << 20, of_tree: 1 << 10, of_blob: 1 << 10 };
        let Some(Ok(mut pack)) = Pack::open(PackStream::of(&mut reader), limits, digits).now_or_never()
        else {
            continue;
        };
        while let Some(Ok(Some(_))) = pack.next().now_or_never() {}
    }
}

/// Measures a pack as it arrives. The result must not depend on the pieces that it arrives in.
pub fn pack_sizes(bytes: &[u8]) {
    let said = |piece| {
        let mut meter = PackMeter::new(0);
        let said = bytes.chunks(piece).try_for_each(|bytes| meter.take(bytes));
        (said, meter.held_at_end())
    };
    let whole = said(bytes.len().max(1));
    for piece in [1, 11, 4096] {
        let pieces = said(piece);
        assert!(
            pieces.0 == whole.0 && (whole.0.is_err() || pieces.1 == whole.1),
            "{piece}: {pieces:?}, {whole:?}"
        );
    }
}

/// Parses a `known_hosts` file.
pub fn known_hosts(bytes: &[u8]) {
    let keys = KnownKeys::find(&String::from_utf8_lossy(bytes), "git.example.com", 2222);
    let _ = keys.preferred(&[]);
}

/// Parses a `.gitmodules` file and the addresses in it.
pub fn gitmodules(bytes: &[u8]) {
    let Ok(above) = "https://git.example.com/shop/api.git".parse() else { return };
    for module in submodules::read(&String::from_utf8_lossy(bytes)) {
        assert!(!module.path.split('/').any(|name| name == ".."), "{module:?}");
        let _ = submodules::address(&above, &module.url);
    }
}

/// Parses a path or glob, and matches it against a path.
pub fn file_spec(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (spec, path) = text.split_once('\n').unwrap_or((&text, "charts/api/values.yaml"));
    if let Ok(spec) = spec.parse::<FileSpec>() {
        let _ = spec.matches(path);
        assert!(spec.is_glob() || spec.matches(spec.as_str()), "{spec:?}");
    }
}

/// Parses a key that signs commits.
pub fn signing_key(bytes: &[u8]) {
    let _ = SigningKey::from_openssh(&String::from_utf8_lossy(bytes).into_owned().into());
}

/// Parses a server's answer to a push, with and without a side band.
pub fn push_report(bytes: &[u8]) {
    for sideband in [true, false] {
        let _ = report::read(&mut reader(bytes), sideband, "refs/heads/main").now_or_never();
    }
}
