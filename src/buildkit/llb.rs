//! The few build definitions that we write ourselves.

use std::collections::BTreeMap;

use bollard_buildkit_proto::pb;
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use super::git_tree::{GitLogin, GitTree};
use super::policy;

/// A file system that holds one file: a mkfile operation on scratch, and the empty operation that
/// points at it (`solver/pb/ops.proto`: the last operation names the result).
pub(super) fn file(name: &str, data: &[u8]) -> pb::Definition {
    let operation = pb::op::Op::File(pb::FileOp { actions: vec![mkfile(name, data)] });
    definition(operation, &["file.base"], format!("[internal] inline {name}"))
}

/// The files of a commit, by the source operation that `context=URL#SHA:SUBDIR` becomes (`client/llb/source.go`,
/// `solver/pb/attr.go`), but for what it asks the session for: `GIT_AUTH_HEADER.HOST` there, which any `RUN` can ask for too.
/// How it logs in is no part of the cache's key (`source/git/source.go`).
pub(super) fn git(tree: &GitTree) -> pb::Definition {
    let mut fragment = tree.sha.clone();
    if let Some(subdir) = &tree.subdir {
        fragment.extend([":", subdir]);
    }
    let id = policy::identifier(&tree.url).unwrap_or_else(|| tree.url.clone());
    let flags = [
        ("git.skipsubmodules", !tree.submodules, "true"),
        ("git.keepgitdir", tree.keep_git_dir, "true"),
        ("git.mtime", tree.commit_time, "commit"),
    ];
    let mut attrs = vec![("git.fullurl", tree.url.as_str())];
    attrs.extend(flags.into_iter().filter(|(_, set, _)| *set).map(|(name, _, value)| (name, value)));
    match &tree.login {
        GitLogin::None => {}
        GitLogin::Header { id } => attrs.push(("git.authheadersecret", id)),
        GitLogin::Ssh { id, known_hosts } => {
            attrs.push(("git.mountsshsock", id));
            attrs.extend(known_hosts.as_deref().map(|hosts| ("git.knownsshhosts", hosts)));
        }
    }
    let attrs = attrs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let source = pb::SourceOp { identifier: format!("{id}#{fragment}"), attrs };
    let name = format!("[internal] load git source {}#{fragment}", tree.url);
    definition(pb::op::Op::Source(source), &["source.git", "source.git.fullurl"], name)
}

/// One operation, called `name`, and the empty one that points at it.
fn definition(operation: pb::op::Op, caps: &[&str], name: String) -> pb::Definition {
    // The daemon encodes every operation anew, and loses the Dockerfile's lines when the digest changes.
    // Go writes a oneof last and prost in order of numbers: with no field but the oneof they agree.
    let operation = pb::Op { op: Some(operation), ..Default::default() }.encode_to_vec();
    let digest = format!("sha256:{}", hex::encode(Sha256::digest(&operation)));
    let input = pb::Input { digest: digest.clone(), index: 0 };
    let result = pb::Op { inputs: vec![input], ..Default::default() }.encode_to_vec();
    let caps = caps.iter().map(|cap| ((*cap).to_owned(), true)).collect();
    let description = BTreeMap::from([("llb.customname".to_owned(), name)]);
    let metadata = pb::OpMetadata { caps, description, ..Default::default() };
    pb::Definition { def: vec![operation, result], metadata: [(digest, metadata)].into(), source: None }
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
