//! The compressed nodes of a workflow. Argo compresses the nodes of a workflow of more than a megabyte:
//! `status.compressedNodes` is the JSON of `status.nodes`, as gzip in base64 (argo-workflows
//! `workflow/packer/packer.go`, `util/file/fileutil.go`). Nodes that Argo keeps in a database
//! (`status.offloadNodeStatusVersion`) cannot be read from the API server.

use std::io::{BufReader, Read as _};

use base64::engine::general_purpose::STANDARD;
use base64::read::DecoderReader;
use flate2::read::MultiGzDecoder;
use serde::de::DeserializeOwned;

/// The largest JSON that is read, in bytes. An object of the cluster has at most 1.5 MB, but zeros compress to a
/// thousandth of their size.
const MOST: u64 = 32 << 20;

/// Reads the nodes in `packed` as a `T`.
pub(crate) fn nodes<T: DeserializeOwned>(packed: &str) -> Result<T, serde_json::Error> {
    let plain = MultiGzDecoder::new(DecoderReader::new(packed.as_bytes(), &STANDARD));
    serde_json::from_reader(BufReader::new(plain.take(MOST)))
}

/// Compresses nodes as Argo does.
#[cfg(test)]
pub(crate) fn packed(nodes: &[u8]) -> String {
    use base64::Engine as _;
    let mut gzip = flate2::read::GzEncoder::new(nodes, flate2::Compression::fast());
    let mut bytes = Vec::new();
    // Reading from a slice cannot fail.
    let _ = gzip.read_to_end(&mut bytes);
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn nodes_are_read_and_a_bomb_or_rubbish_is_not() {
        let own = json!({"wf-1": {"phase": "Running"}});
        assert_eq!(nodes::<Value>(&packed(own.to_string().as_bytes())).ok(), Some(own));
        let bomb = format!("{{\"a\": \"{}\"}}", "0".repeat(64 << 20));
        let whole = format!("{{\"a\": \"{}\"}}", "0".repeat(1 << 20));
        assert!(nodes::<BTreeMap<String, String>>(&packed(whole.as_bytes())).is_ok());
        assert!(nodes::<BTreeMap<String, String>>(&packed(bomb.as_bytes())).is_err());
        for rubbish in ["", "!", "AAAA", &packed(b"nothing")] {
            assert!(nodes::<Value>(rubbish).is_err(), "{rubbish}");
        }
    }
}
