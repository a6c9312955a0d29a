#![expect(clippy::unwrap_used, reason = "tests")]
use super::*;

fn files(paths: &[&str]) -> ChangedFiles {
    ChangedFiles(paths.iter().map(|path| path.as_bytes().to_vec()).collect())
}

fn touches(globs: &[&str], ignored: &[&str], path: &[u8]) -> bool {
    let filter = PathFilter::new(globs, ignored).unwrap();
    !filter.touched(&ChangedFiles(vec![path.to_vec()]), 1).unwrap().is_empty()
}

#[test]
fn globs_mean_what_users_of_github_actions_expect() {
    for (glob, path, want) in [
        // From the table in GitHub's "Workflow syntax", filter patterns.
        ("*", "README.md", true),
        ("*", "docs/file.txt", false),
        ("**", "all/the/files.md", true),
        ("*.js", "app.js", true),
        ("*.js", "src/app.js", false),
        ("**.js", "index.js", true),
        ("**.js", "src/js/app.js", true),
        ("docs/*", "docs/README.md", true),
        ("docs/*", "docs/mona/file.md", false),
        ("docs/**", "docs/mona/octocat.txt", true),
        ("docs/**", "docs2/a", false),
        ("docs/**/*.md", "docs/README.md", true),
        ("docs/**/*.md", "docs/a/markdown/file.md", true),
        ("**/docs/**", "docs/hello.md", true),
        ("**/docs/**", "dir/docs/my-file.txt", true),
        ("**/README.md", "README.md", true),
        ("**/README.md", "js/README.md", true),
        ("**/*src/**", "a/src/app.js", true),
        ("**/*src/**", "my-src/code/js/app.js", true),
        ("**/*-post.md", "dir/my-post.md", true),
        ("**/migrate-*.sql", "db/sept/migrate-v1.sql", true),
        // A path without wildcards is a file, or all of a directory.
        ("services/api", "services/api/main.go", true),
        ("services/api", "services/api", true),
        ("services/api", "services/api2/main.go", false),
        ("services/*/", "services/api/src/main.go", true),
        ("services/*/", "services/go.mod", false),
        // `**` within a name.
        ("docs/**.md", "docs/a/b.md", true),
        ("docs/**.md", "docs/b.md", true),
        ("lib**", "lib/a/b", true),
        ("lib**", "library", true),
        ("lib**", "x/lib", false),
        ("a**z", "a/b/cz", true),
        ("a**z", "abz", true),
        ("**test**", "a/test/b.go", true),
        ("**test**", "test", true),
        ("**test**", "x/mytests/y/z", true),
        ("**test**", "a/tes/b", false),
        ("a**b**c", "a/x/b/y/c", true),
        ("a**b**c", "abc/d", false),
        ("***", "a/b", true),
        // Sets, alternatives, escapes, hidden files, odd names.
        ("v?.txt", "v1.txt", true),
        ("v[0-9].txt", "v7.txt", true),
        ("v[!0-9].txt", "v7.txt", false),
        ("{a,b/c}/*.go", "b/c/x.go", true),
        ("{**/a,b}", "a", true),
        ("pages/\\[id].tsx", "pages/[id].tsx", true),
        ("\\**", "*x", true),
        ("\\**", "yx", false),
        ("*", ".env", true),
        ("*.md", "\"quoted\"\n.md", true),
        ("Docs", "docs/a", false),
        ("ü/**", "ü/😀", true),
    ] {
        assert_eq!(touches(&[glob], &[], path.as_bytes()), want, "{glob} {path}");
    }
    assert!(touches(&["*.bin", "x"], &[], b"\xff\xfe.bin"), "names that are no UTF-8");
    assert!(touches(&["d"], &[], b"d/\xff"));
}

#[test]
fn ignoring_wins_and_a_later_pattern_takes_away() {
    assert!(!touches(&["**"], &["docs"], b"docs/a"));
    assert!(touches(&[], &["docs", "*.md"], b"src/a.md"));
    assert!(!touches(&[], &["docs", "**/*.md"], b"src/a.md"));
    assert!(!touches(&["src", "!src/**/*.md"], &[], b"src/a.md"));
    assert!(touches(&["src", "!src/**/*.md", "src/keep.md"], &[], b"src/keep.md"));
}

#[test]
fn what_is_no_glob() {
    let long = "*".repeat(501);
    for (paths, ignored) in [
        ([""], [""]),
        (["/etc/*"], ["x"]),
        (["./a"], ["x"]),
        (["a//b"], ["x"]),
        (["a/../b"], ["x"]),
        (["a["], ["x"]),
        (["{a,b"], ["x"]),
        (["a\\"], ["x"]),
        (["[z-a]"], ["x"]),
        (["a\nb"], ["x"]),
        (["!a"], ["x"]),
        (["a"], ["!x"]),
        (["a**b**c**d"], ["x"]),
        ([long.as_str()], ["x"]),
    ] {
        let error = PathFilter::new(&paths, &ignored).unwrap_err().to_string();
        assert!(error.contains("is no glob for paths: "), "{error}");
    }
}

fn decide(rule: &Rule, full: &str, change: &Change) -> (bool, String) {
    let Decision { selected, reason } = rule.decide(&GitRef::parse(full), change).unwrap();
    (selected, reason)
}

#[test]
fn every_decision_has_a_reason() {
    let paths = PathFilter::new(&["services/api", "go.mod"], &["**/*.md"]).unwrap();
    let rule = Rule { refs: RefFilter::new(&["main"], &["v.*"]).unwrap(), paths };
    let watching = Rule { paths: PathFilter::new(&["services/api"], &[]).unwrap(), ..Rule::default() };
    let ignoring = Rule { paths: PathFilter::new(&[], &["docs"]).unwrap(), ..Rule::default() };
    let any = Rule::default();
    let main = "refs/heads/main";
    for (rule, full, change, selected, reason) in [
        (&any, main, Change::Deleted, false, "branch `main` was deleted"),
        (
            &any,
            main,
            Change::OwnCommits(1),
            false,
            "the pushed commit is a write-back of argo-buildkit itself",
        ),
        (
            &any,
            main,
            Change::OwnCommits(3),
            false,
            "all 3 pushed commits are write-backs of argo-buildkit itself",
        ),
        (&any, main, Change::SkipMark("[skip ci]"), false, "the commit's message has `[skip ci]`"),
        (&any, main, Change::Files(files(&[])), true, "branch `main` was pushed"),
        (&rule, "refs/heads/x", Change::Deleted, false, "branch `x` is none of the branch patterns `main`"),
        (&rule, main, Change::Files(files(&[])), false, "no file changed"),
        (&rule, main, Change::Files(files(&["a", "go.mod"])), true, "`go.mod` changed"),
        (
            &watching,
            main,
            Change::Files(files(&["a"])),
            false,
            "nothing under services/api changed, only `a`",
        ),
        (
            &ignoring,
            main,
            Change::Files(files(&["docs/a", "docs/b"])),
            false,
            "nothing changed that `paths-ignore` (docs) does not ignore, only 2 files such as `docs/a`",
        ),
        (
            &watching,
            main,
            Change::Uncompared(Uncompared::NewRef),
            true,
            "everything counts as changed: branch `main` is new",
        ),
    ] {
        assert_eq!(decide(rule, full, &change), (selected, reason.to_owned()));
    }
    let odd = Change::Files(files(&["services/api/\u{1b}[31m`$(x)`\n{{y}}"]));
    let (_, reason) = decide(&watching, main, &odd);
    assert!(!reason.contains(char::is_control) && reason.ends_with("changed"), "{reason}");
}
