//! A checkout that a build reads.

/// The files of a commit, or of one directory in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GitTree {
    /// The clone URL, without credentials.
    pub url: String,
    /// The commit, in full.
    pub sha: String,
    /// The directory; the root when absent.
    pub subdir: Option<String>,
    /// Whether submodules are checked out.
    pub submodules: bool,
    /// Whether `.git` stays.
    pub keep_git_dir: bool,
    /// The full name of the branch or tag that the kept `.git` has for the commit. Set it for a daemon alone that
    /// [can](super::Buildkit::names_commits): another one takes it for what to fetch.
    pub reference: Option<String>,
    /// Whether files have the time of the commit instead of the checkout's.
    pub commit_time: bool,
    /// What the daemon asks the session for.
    pub login: GitLogin,
    /// Other trees that are put into this one, those above before those below.
    pub modules: Vec<Module>,
    /// What the context lacks, as in `.dockerignore`; the Dockerfile is found all the same.
    pub exclude: Vec<String>,
}

impl GitTree {
    /// The same with `modules`, whose paths are those in the repository: those in this tree's directory are put there. If the directory is in
    /// one of them, the tree is that one's.
    #[must_use]
    pub fn with_modules(mut self, modules: &[Module]) -> Self {
        let root = self.subdir.clone().unwrap_or_default();
        if let Some(module) = modules.iter().rev().find(|module| below(&root, &module.path).is_some()) {
            let subdir = below(&root, &module.path).filter(|rest| !rest.is_empty()).map(str::to_owned);
            let Self { modules, exclude, keep_git_dir, commit_time, .. } = self;
            self = Self { subdir, modules, exclude, keep_git_dir, commit_time, ..module.tree.clone() };
        }
        let inside = modules.iter().filter_map(|module| {
            let path = below(&module.path, &root).filter(|path| !path.is_empty())?.to_owned();
            Some(Module { path, tree: module.tree.clone() })
        });
        self.modules = inside.collect();
        self
    }

    /// The same, of which `.git` stays, or whose files have the time of their commits.
    #[must_use]
    pub fn with_options(mut self, keep_git_dir: bool, commit_time: bool) -> Self {
        (self.keep_git_dir, self.commit_time) = (keep_git_dir, commit_time);
        for module in &mut self.modules {
            (module.tree.keep_git_dir, module.tree.commit_time) = (keep_git_dir, commit_time);
        }
        self
    }
}

/// The rest of `path` in the directory `above`.
fn below<'a>(path: &'a str, above: &str) -> Option<&'a str> {
    if above.is_empty() {
        return Some(path);
    }
    let rest = path.strip_prefix(above)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}

/// A submodule, as a checkout of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// Its directory, relative to the tree that it is put into.
    pub path: String,
    /// Its files; what is put into it, or left out of it, is said of the tree that it is put into.
    pub tree: GitTree,
}

/// How a checkout logs in, by what it asks the session for. Whoever knows an id can have its secret mounted in a `RUN` of
/// the same build, so give ids that nobody can guess.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum GitLogin {
    /// Not at all.
    #[default]
    None,
    /// By an `Authorization` header, which is the session's secret of this id.
    Header {
        /// The secret's id.
        id: String,
    },
    /// By an ssh key of this id, from a server with one of these keys.
    Ssh {
        /// The key's id.
        id: String,
        /// Lines as in `~/.ssh/known_hosts`; without them any server is taken.
        known_hosts: Option<String>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(subdir: &str) -> GitTree {
        let module = |path: &str| {
            let tree = GitTree { url: format!("https://h/{path}.git"), ..GitTree::default() };
            Module { path: path.to_owned(), tree }
        };
        let subdir = Some(subdir.to_owned()).filter(|subdir| !subdir.is_empty());
        let tree = GitTree { url: "https://h/top.git".to_owned(), subdir, ..GitTree::default() };
        tree.with_modules(&["lib", "libs/a", "lib/deep/b"].map(module))
    }

    #[test]
    fn submodules_are_put_where_the_context_has_them() {
        let rows = [
            ("", "top", None, vec!["lib", "libs/a", "lib/deep/b"]),
            ("libs", "top", None, vec!["a"]),
            ("other", "top", None, vec![]),
            ("lib", "lib", Some(""), vec!["deep/b"]),
            ("lib/deep", "lib", Some("deep"), vec!["b"]),
            ("lib/deep/b/x/y", "lib/deep/b", Some("x/y"), vec![]),
        ];
        for (subdir, url, inside, modules) in rows {
            let tree = tree(subdir);
            let own = if subdir.is_empty() { None } else { Some(subdir) };
            assert_eq!(tree.url, format!("https://h/{url}.git"), "{subdir}");
            let expected = inside.map_or(own, |inside| Some(inside).filter(|inside| !inside.is_empty()));
            assert_eq!(tree.subdir.as_deref(), expected, "{subdir}");
            assert_eq!(tree.modules.iter().map(|m| m.path.as_str()).collect::<Vec<_>>(), modules, "{subdir}");
        }
    }
}
