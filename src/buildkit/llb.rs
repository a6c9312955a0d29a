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
    let mut graph = Graph::default();
    let operation = pb::op::Op::File(pb::FileOp { actions: vec![mkfile(name, data)] });
    let file = graph.add(operation, Vec::new(), &["file.base"], format!("[internal] inline {name}"));
    graph.pointing_at(file)
}

/// The files of a checkout with its submodules, but for what is excluded.
pub(super) fn context(tree: &GitTree) -> pb::Definition {
    let mut graph = Graph::default();
    let whole = checkout(&mut graph, tree);
    let context = if tree.exclude.is_empty() { whole } else { without(&mut graph, whole, &tree.exclude) };
    graph.pointing_at(context)
}

/// All files of a checkout with its submodules.
pub(super) fn git(tree: &GitTree) -> pb::Definition {
    let mut graph = Graph::default();
    let whole = checkout(&mut graph, tree);
    graph.pointing_at(whole)
}

/// Submodules are sources of their own: the daemon would keep a checkout that it made with them by the commit above alone, and
/// hand it to whoever may read that.
fn checkout(graph: &mut Graph, tree: &GitTree) -> pb::Input {
    let root = source(graph, tree);
    if tree.modules.is_empty() {
        return root;
    }
    let mut inputs = vec![root];
    let mut copies = Vec::new();
    for module in &tree.modules {
        let module_root = source(graph, &module.tree);
        let index = inputs.iter().position(|input| *input == module_root).unwrap_or_else(|| {
            inputs.push(module_root);
            inputs.len() - 1
        });
        copies.push((index, &module.path));
    }
    let (count, last) = (inputs.len(), copies.len() - 1);
    let actions = copies.iter().enumerate().map(|(nth, (from, to))| pb::FileAction {
        // The tree above, or what the action before made of it (`client/llb/fileop.go`).
        input: if nth == 0 { 0 } else { number(count + nth - 1) },
        secondary_input: number(*from),
        output: if nth == last { 0 } else { -1 },
        action: Some(copy(&format!("/{to}"), &[])),
    });
    let operation = pb::op::Op::File(pb::FileOp { actions: actions.collect() });
    graph.add(operation, inputs, &["file.base"], "[internal] put submodules into place".to_owned())
}

/// A copy of `whole` without what `exclude` says. The daemon knows a copy by what is in it, so that what uses it stays cached while
/// only excluded files change (`solver/llbsolver/ops/file.go`).
fn without(graph: &mut Graph, whole: pb::Input, exclude: &[String]) -> pb::Input {
    let copy = copy("/", exclude);
    let action = pb::FileAction { input: -1, secondary_input: 0, output: 0, action: Some(copy) };
    let operation = pb::op::Op::File(pb::FileOp { actions: vec![action] });
    let caps = ["file.base", "file.copy.includeexcludepatterns"];
    graph.add(operation, vec![whole], &caps, "[internal] leave out what .dockerignore says".to_owned())
}

/// What is in a file system, with its modes, owners and times, into the directory `to`.
fn copy(to: &str, exclude: &[String]) -> pb::file_action::Action {
    pb::file_action::Action::Copy(pb::FileActionCopy {
        src: "/".to_owned(),
        dest: to.to_owned(),
        mode: -1,
        dir_copy_contents: true,
        create_dest_path: true,
        timestamp: -1,
        exclude_patterns: exclude.to_vec(),
        ..Default::default()
    })
}

fn number(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}

/// The files of a commit, by the source operation that `context=URL#SHA:SUBDIR` becomes (`client/llb/source.go`,
/// `solver/pb/attr.go`), but for what it asks the session for: `GIT_AUTH_HEADER.HOST` there, which any `RUN` can ask for too.
/// How it logs in is no part of the cache's key (`source/git/source.go`).
fn source(graph: &mut Graph, tree: &GitTree) -> pb::Input {
    let mut fragment = tree.reference.as_ref().unwrap_or(&tree.sha).clone();
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
    let mut caps = vec!["source.git", "source.git.fullurl"];
    if tree.reference.is_some() {
        attrs.extend(policy::pinned(&tree.sha));
        caps.extend(["source.git.checksum", "source.git.fetchbycommit"]);
    }
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
    graph.add(pb::op::Op::Source(source), Vec::new(), &caps, name)
}

/// A definition that is being made.
#[derive(Default)]
struct Graph {
    operations: Vec<Vec<u8>>,
    metadata: BTreeMap<String, pb::OpMetadata>,
}

impl Graph {
    /// One more operation, called `name`, on what is there; one that is there already stands once.
    fn add(
        &mut self,
        operation: pb::op::Op,
        inputs: Vec<pb::Input>,
        caps: &[&str],
        name: String,
    ) -> pb::Input {
        // The daemon encodes every operation anew, and loses the Dockerfile's lines when the digest changes.
        // Go writes a oneof last and prost in order of numbers: with no field but the inputs and the oneof they agree.
        let operation = pb::Op { inputs, op: Some(operation), ..Default::default() }.encode_to_vec();
        let digest = format!("sha256:{}", hex::encode(Sha256::digest(&operation)));
        let caps = caps.iter().map(|cap| ((*cap).to_owned(), true)).collect();
        let description = BTreeMap::from([("llb.customname".to_owned(), name)]);
        let metadata = pb::OpMetadata { caps, description, ..Default::default() };
        if self.metadata.insert(digest.clone(), metadata).is_none() {
            self.operations.push(operation);
        }
        pb::Input { digest, index: 0 }
    }

    /// The definition of `result`, which an empty operation points at.
    fn pointing_at(mut self, result: pb::Input) -> pb::Definition {
        self.operations.push(pb::Op { inputs: vec![result], ..Default::default() }.encode_to_vec());
        pb::Definition { def: self.operations, metadata: self.metadata, source: None }
    }
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
