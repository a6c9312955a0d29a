//! A Git checkout that a build reads.

/// The files of a commit, or of one directory in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GitTree {
    /// The clone URL, without credentials.
    pub url: String,
    /// The full commit id.
    pub sha: String,
    /// The directory in the commit; `None` is the root.
    pub subdir: Option<String>,
    /// Whether submodules are checked out.
    pub submodules: bool,
    /// Whether `.git` is kept.
    pub keep_git_dir: bool,
    /// The paths and contents of files that are added to the kept `.git`.
    pub git_files: Vec<(String, Vec<u8>)>,
    /// Whether files get the time of the commit instead of the time of the checkout.
    pub commit_time: bool,
    /// The login that the daemon requests from the session.
    pub login: GitLogin,
    /// Other trees that are placed into this one. A parent directory comes before the directories in it.
    pub modules: Vec<Module>,
    /// Patterns of files left out of the context, as in `.dockerignore`. The Dockerfile is found even if a pattern matches it.
    pub exclude: Vec<String>,
}

impl GitTree {
    /// Returns this tree with `modules`, whose paths are relative to the repository. Modules within this tree's directory are
    /// placed there. If the directory is in a module, the result is that module's tree.
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

    /// Returns this tree with the given settings for keeping `.git` and for file times of the commits.
    #[must_use]
    pub fn with_options(mut self, keep_git_dir: bool, commit_time: bool) -> Self {
        (self.keep_git_dir, self.commit_time) = (keep_git_dir, commit_time);
        for module in &mut self.modules {
            (module.tree.keep_git_dir, module.tree.commit_time) = (keep_git_dir, commit_time);
        }
        self
    }
}

/// `path` relative to the directory `above`.
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
    /// The directory of the submodule, relative to the tree that contains it.
    pub path: String,
    /// The files of the submodule. Nested modules and excluded files are listed in the containing tree instead.
    pub tree: GitTree,
}

/// How a checkout logs in: the kind and id of the secret that it requests from the session. A `RUN` of the same build can
/// mount any secret whose id it knows, so use ids that nobody can guess.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum GitLogin {
    /// The checkout does not log in.
    #[default]
    None,
    /// The checkout sends an `Authorization` header, which is the session's secret with this id.
    Header {
        /// The secret's id.
        id: String,
    },
    /// The checkout uses the ssh key with this id. The server must have one of these host keys.
    Ssh {
        /// The key's id.
        id: String,
        /// Lines as in `~/.ssh/known_hosts`. Without them any server key is accepted.
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
