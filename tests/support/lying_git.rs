//! A Git server that sends false data.

use std::io::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::HeaderName;
use axum::http::header::CONTENT_TYPE;
use sha1::{Digest as _, Sha1};

use super::net::listen;

/// The false data.
#[derive(Clone, Default)]
pub(crate) struct Lies {
    /// The id that it sends as the tip of `main`.
    pub(crate) tip: String,
    /// The type and the bytes of the objects in its packs.
    pub(crate) objects: Vec<(u8, Vec<u8>)>,
    /// Whether it uses protocol v0, which sends the refs first.
    pub(crate) v0: bool,
}

/// The type numbers of objects in packs.
pub(crate) const COMMIT: u8 = 1;
/// As [`COMMIT`].
pub(crate) const TREE: u8 = 2;
/// As [`COMMIT`].
pub(crate) const TAG: u8 = 4;

fn packet(data: &[u8]) -> Vec<u8> {
    [format!("{:04x}", data.len() + 4).as_bytes(), data].concat()
}

impl Lies {
    fn pack(&self) -> Vec<u8> {
        let count = u32::try_from(self.objects.len()).unwrap();
        let mut pack = [&b"PACK\0\0\0\x02"[..], &count.to_be_bytes()].concat();
        for (kind, bytes) in &self.objects {
            let (mut left, mut byte) = (bytes.len() >> 4, (kind << 4) | (bytes.len() & 15) as u8);
            while left > 0 {
                pack.push(byte | 128);
                (byte, left) = ((left & 127) as u8, left >> 7);
            }
            pack.push(byte);
            let mut encoder = flate2::write::ZlibEncoder::new(&mut pack, flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap();
        }
        let sum = Sha1::digest(&pack);
        pack.extend_from_slice(&sum);
        pack
    }

    fn advert(&self) -> Vec<u8> {
        let mut said = packet(b"# service=git-upload-pack\n");
        said.extend_from_slice(b"0000");
        if self.v0 {
            let head =
                "side-band-64k shallow filter allow-reachable-sha1-in-want symref=HEAD:refs/heads/main";
            said.extend(packet(format!("{} HEAD\0{head}\n", self.tip).as_bytes()));
            said.extend(packet(format!("{} refs/heads/main\n", self.tip).as_bytes()));
        } else {
            for line in ["version 2\n", "ls-refs\n", "fetch=shallow filter\n"] {
                said.extend(packet(line.as_bytes()));
            }
        }
        said.extend_from_slice(b"0000");
        said
    }

    fn answer(&self, asked: &[u8]) -> Vec<u8> {
        let asked = String::from_utf8_lossy(asked);
        let mut said = Vec::new();
        if asked.contains("command=ls-refs") {
            said.extend(packet(format!("{} refs/heads/main\n", self.tip).as_bytes()));
        } else {
            if self.v0 {
                said.extend_from_slice(b"0000");
                said.extend(packet(b"NAK\n"));
            } else {
                said.extend(packet(b"packfile\n"));
            }
            said.extend(packet(&[&b"\x01"[..], &self.pack()].concat()));
        }
        said.extend_from_slice(b"0000");
        said
    }

    /// Serves the data at `address`. Returns the URL of a repository.
    pub(crate) async fn serve(self, address: &str) -> String {
        async fn answer(
            State(lies): State<Arc<Lies>>,
            request: Request,
        ) -> ([(HeaderName, &'static str); 1], Vec<u8>) {
            if request.uri().path().ends_with("/info/refs") {
                return ([(CONTENT_TYPE, "application/x-git-upload-pack-advertisement")], lies.advert());
            }
            let body: Bytes = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
            ([(CONTENT_TYPE, "application/x-git-upload-pack-result")], lies.answer(&body))
        }
        let listener = listen(address).await;
        let url = format!("http://{}/lies.git", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(Arc::new(self));
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }
}

/// The id of an object.
pub(crate) fn id(kind: &str, bytes: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(format!("{kind} {}\0", bytes.len()));
    hash.update(bytes);
    hex::encode(hash.finalize())
}

/// A commit of `tree`, without a parent.
pub(crate) fn commit_of(tree: &str) -> Vec<u8> {
    format!("tree {tree}\nauthor a <a@a> 1 +0000\ncommitter a <a@a> 1 +0000\n\nmine\n").into_bytes()
}
