#![expect(clippy::unwrap_used, reason = "tests")]

use git2::Repository;

use super::select;
use crate::git::file_spec::FileSpec;
use crate::git::path::check_path;

/// Runs a glob over `levels` of nested directories, each with `wide` entries that are all the same object.
fn bomb(levels: usize, wide: usize, glob: &str) -> Result<usize, String> {
    let dir = tempfile::tempdir().unwrap();
    let repo = Repository::init_bare(dir.path()).unwrap();
    let (mut below, mut mode, mut name) =
        (repo.blob(b"a: 1\n").unwrap(), 0o100_644, "values.yaml".to_owned());
    for level in 0..=levels {
        let mut tree = repo.treebuilder(None).unwrap();
        let copies = if level == 0 { 1 } else { wide };
        (0..copies).for_each(|n| {
            let name = if level == 0 { name.clone() } else { format!("{name}{n}") };
            tree.insert(name, below, mode).unwrap();
        });
        (below, mode, name) = (tree.write().unwrap(), 0o040_000, "d".to_owned());
    }
    let (root, spec) = (repo.find_tree(below).unwrap(), glob.parse::<FileSpec>().unwrap());
    select(&repo, &root, &spec).map(|found| found.len()).map_err(|bad| bad.why)
}

#[test]
fn a_glob_over_few_objects_that_make_many_paths_ends() {
    assert_eq!(bomb(3, 10, "**/values.yaml"), Ok(1000));
    assert!(bomb(10, 10, "**/values.yaml").unwrap_err().contains("more than 1000 files match"));
    assert!(bomb(10, 10, "**/other.yaml").unwrap_err().contains("are to be looked at"));
    assert!(bomb(150, 1, "**/values.yaml").unwrap_err().contains("100 deep"));
    assert!(bomb(8, 60_000, "**/values.yaml").unwrap_err().contains("more than 12 MiB of entries"));
}

#[test]
fn paths() {
    for good in ["values.yaml", "a/b/c.yaml", "a b/ü.yaml", ".github/x", "a..b"] {
        assert_eq!(check_path(good), Ok(()), "{good}");
    }
    for bad in
        ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/", "./a", ".git/config", "a/.GIT/x", "a\nb", "a\\b"]
    {
        assert!(check_path(bad).is_err(), "{bad:?}");
    }
}
