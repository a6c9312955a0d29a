//! The few build definitions that we write ourselves.

use std::collections::BTreeMap;

use bollard_buildkit_proto::pb;
use prost::Message as _;
use sha2::{Digest as _, Sha256};

/// A file system that holds one file: a mkfile operation on scratch, and the empty operation that
/// points at it (`solver/pb/ops.proto`: the last operation names the result).
pub(super) fn file(name: &str, data: &[u8]) -> pb::Definition {
    // The daemon encodes every operation anew, and loses the Dockerfile's lines when the digest changes.
    // Go writes a oneof last and prost in order of numbers: with no field but the oneof they agree.
    let operation = pb::op::Op::File(pb::FileOp { actions: vec![mkfile(name, data)] });
    let mkfile = pb::Op { op: Some(operation), ..Default::default() }.encode_to_vec();
    let digest = format!("sha256:{}", hex::encode(Sha256::digest(&mkfile)));
    let input = pb::Input { digest: digest.clone(), index: 0 };
    let result = pb::Op { inputs: vec![input], ..Default::default() }.encode_to_vec();
    let caps = ["file.base"].map(|cap| (cap.to_owned(), true)).into();
    let description = BTreeMap::from([("llb.customname".to_owned(), format!("[internal] inline {name}"))]);
    let metadata = pb::OpMetadata { caps, description, ..Default::default() };
    pb::Definition { def: vec![mkfile, result], metadata: [(digest, metadata)].into(), source: None }
}

fn mkfile(name: &str, data: &[u8]) -> pb::FileAction {
    let path = format!("/{}", name.trim_start_matches('/'));
    // A time of its own would change the digest, and with it the cache key, at every build.
    let mkfile = pb::FileActionMkFile { path, mode: 0o644, data: data.to_vec(), owner: None, timestamp: 0 };
    pb::FileAction {
        // On scratch: no input (`client/llb/fileop.go`).
        input: -1,
        secondary_input: -1,
        output: 0,
        action: Some(pb::file_action::Action::Mkfile(mkfile)),
    }
}
