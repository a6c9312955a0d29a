//! The few build definitions (LLB) that this crate creates itself.

use std::collections::BTreeMap;

use bollard_buildkit_proto::pb;
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use super::git_tree::{GitLogin, GitTree};
use super::image_pull::{self, ImagePull};
use super::policy;

/// A file system that holds one file: a mkfile operation on scratch, and the empty operation that
/// points at it (`solver/pb/ops.proto`: the last operation names the result).
pub(super) fn file(name: &str, data: &[u8]) -> pb::Definition {
    let mut graph = Graph::default();
    let operation = pb::op::Op::File(pb::FileOp { actions: vec![mkfile(name, data)] });
    let file = graph.add(operation, Vec::new(), &["file.base"], format!("[internal] inline {name}"));
    graph.pointing_at(file)
}

/// An image with an empty file on top. The daemon reads only the manifest of an image that nothing uses; for the file, it pulls and
/// extracts all layers.
pub(super) fn extracted(pull: &ImagePull) -> pb::Definition {
    let mut graph = Graph::default();
    let (identifier, attrs) = (format!("docker-image://{}", pull.reference), BTreeMap::new());
    let source = pb::op::Op::Source(pb::SourceOp { identifier, attrs });
    let platform = pull.platform.as_deref().map(platform);
    let image = graph.add_for(
        platform,
        source,
        Vec::new(),
        &["source.image"],
        format!("{}{}", image_pull::STEP, pull.reference),
    );
    let mut file = mkfile("/.argo-buildkit-warm", b"");
    // The image, and not scratch.
    file.input = 0;
    let operation = pb::op::Op::File(pb::FileOp { actions: vec![file] });
    let file = graph.add(
        operation,
        vec![image],
        &["file.base"],
        format!("{}{}", image_pull::EXTRACT, pull.reference),
    );
    graph.pointing_at(file)
}

/// Reads `os/arch[/variant]`.
fn platform(text: &str) -> pb::Platform {
    let mut parts = text.splitn(3, '/').map(str::to_owned);
    let mut next = || parts.next().unwrap_or_default();
    let (os, architecture, variant) = (next(), next(), next());
    pb::Platform { os, architecture, variant, ..Default::default() }
}

/// The files of a checkout with its submodules, without the excluded files.
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

/// Each submodule is a source of its own. The daemon would cache a checkout with submodules under the parent commit alone,
/// and give it to every client that may read the parent.
fn checkout(graph: &mut Graph, tree: &GitTree) -> pb::Input {
    let root = source(graph, tree);
    let root = if tree.git_files.is_empty() { root } else { with_git_files(graph, root, &tree.git_files) };
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
        // The parent tree, or the result of the previous action (`client/llb/fileop.go`).
        input: if nth == 0 { 0 } else { number(count + nth - 1) },
        secondary_input: number(*from),
        output: if nth == last { 0 } else { -1 },
        action: Some(copy(&format!("/{to}"), &[])),
    });
    let operation = pb::op::Op::File(pb::FileOp { actions: actions.collect() });
    graph.add(operation, inputs, &["file.base"], "[internal] put submodules into place".to_owned())
}

/// Adds files to `.git`. A ref is added this way because the daemon cannot check out a proven commit under a tag's name: it either
/// asks the server for the tag's commit, or git rejects the fetch because the daemon's copy has the tag (`source/git/source.go`).
fn with_git_files(graph: &mut Graph, whole: pb::Input, files: &[(String, Vec<u8>)]) -> pb::Input {
    let each = files.iter().flat_map(|(path, data)| {
        let path = format!(".git/{path}");
        let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
        [mkdir(directory), mkfile(&path, data)]
    });
    let mut actions: Vec<_> = each.collect();
    let last = actions.len() - 1;
    for (nth, action) in actions.iter_mut().enumerate() {
        // The checkout, or the result of the previous action.
        action.input = number(nth);
        action.output = if nth == last { 0 } else { -1 };
    }
    let operation = pb::op::Op::File(pb::FileOp { actions });
    graph.add(operation, vec![whole], &["file.base"], "[internal] name the commit in .git".to_owned())
}

/// Copies `whole` without the files that match `exclude`. The daemon identifies a copy by its content, so steps that use it
/// stay cached while only excluded files change (`solver/llbsolver/ops/file.go`).
fn without(graph: &mut Graph, whole: pb::Input, exclude: &[String]) -> pb::Input {
    let copy = copy("/", exclude);
    let action = pb::FileAction { input: -1, secondary_input: 0, output: 0, action: Some(copy) };
    let operation = pb::op::Op::File(pb::FileOp { actions: vec![action] });
    let caps = ["file.base", "file.copy.includeexcludepatterns"];
    graph.add(operation, vec![whole], &caps, "[internal] leave out what .dockerignore says".to_owned())
}

/// Copies the content of a file system, with its modes, owners and times, into the directory `to`.
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

/// The files of a commit. This is the source operation that `context=URL#SHA:SUBDIR` becomes (`client/llb/source.go`,
/// `solver/pb/attr.go`), except for the secret id: the frontend uses `GIT_AUTH_HEADER.HOST`, which any `RUN` can also request.
/// The login is not part of the cache key (`source/git/source.go`).
fn source(graph: &mut Graph, tree: &GitTree) -> pb::Input {
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
    graph.add(pb::op::Op::Source(source), Vec::new(), &["source.git", "source.git.fullurl"], name)
}

/// A definition under construction.
#[derive(Default)]
struct Graph {
    operations: Vec<Vec<u8>>,
    metadata: BTreeMap<String, pb::OpMetadata>,
}

impl Graph {
    /// Adds an operation called `name`. An operation that is already in the graph is not added again.
    fn add(
        &mut self,
        operation: pb::op::Op,
        inputs: Vec<pb::Input>,
        caps: &[&str],
        name: String,
    ) -> pb::Input {
        self.add_for(None, operation, inputs, caps, name)
    }

    /// The same for a platform; `None` for the daemon's own.
    fn add_for(
        &mut self,
        platform: Option<pb::Platform>,
        operation: pb::op::Op,
        inputs: Vec<pb::Input>,
        caps: &[&str],
        name: String,
    ) -> pb::Input {
        // The daemon encodes every operation again, and loses the Dockerfile's lines if the digest changes.
        // Go writes a oneof last, prost in order of numbers. With only the inputs and the oneof set, both orders are the same.
        // A platform changes the digest, which costs nothing where there is no Dockerfile.
        let operation =
            pb::Op { inputs, platform, op: Some(operation), ..Default::default() }.encode_to_vec();
        let digest = format!("sha256:{}", hex::encode(Sha256::digest(&operation)));
        let caps = caps.iter().map(|cap| ((*cap).to_owned(), true)).collect();
        let description = BTreeMap::from([("llb.customname".to_owned(), name)]);
        let metadata = pb::OpMetadata { caps, description, ..Default::default() };
        if self.metadata.insert(digest.clone(), metadata).is_none() {
            self.operations.push(operation);
        }
        pb::Input { digest, index: 0 }
    }

    /// Builds the definition whose last, empty operation points at `result`.
    fn pointing_at(mut self, result: pb::Input) -> pb::Definition {
        self.operations.push(pb::Op { inputs: vec![result], ..Default::default() }.encode_to_vec());
        pb::Definition { def: self.operations, metadata: self.metadata, source: None }
    }
}

fn mkdir(path: &str) -> pb::FileAction {
    let path = format!("/{path}");
    let mkdir = pb::FileActionMkDir { path, mode: 0o755, make_parents: true, owner: None, timestamp: 0 };
    pb::FileAction {
        input: -1,
        secondary_input: -1,
        output: 0,
        action: Some(pb::file_action::Action::Mkdir(mkdir)),
    }
}

fn mkfile(name: &str, data: &[u8]) -> pb::FileAction {
    let path = format!("/{}", name.trim_start_matches('/'));
    // A timestamp would change the digest, and with it the cache key, at every build.
    let mkfile = pb::FileActionMkFile { path, mode: 0o644, data: data.to_vec(), owner: None, timestamp: 0 };
    pb::FileAction {
        // -1 means scratch, which is no input (`client/llb/fileop.go`).
        input: -1,
        secondary_input: -1,
        output: 0,
        action: Some(pb::file_action::Action::Mkfile(mkfile)),
    }
}
