//! Globs over the tree, and paths of every kind.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;

use super::fixture::{Fixture, git};
use super::write_back::{append, git_error, replace, request};
use crate::git::FileSpec;
use crate::outcome::Fault;
use crate::write_back::{EditFn, Edited, Files, Message};

fn write(work: &Path, path: &str, text: &str) {
    std::fs::create_dir_all(work.join(path).parent().unwrap()).unwrap();
    std::fs::write(work.join(path), text).unwrap();
}

#[tokio::test]
async fn a_glob_means_every_file_that_matches() {
    let fixture = Fixture::new().await;
    let bare = fixture.bare("ops.git");
    fixture.work(&bare, "main", |work| {
        for path in ["charts/shop/values.yaml", "charts/api/values.yaml", "charts/api/sub/values.yaml"] {
            write(work, path, "v1");
        }
        write(work, "charts/api/values-prod.yaml", "v1");
        write(work, "values.yaml", "v1");
        // A link outside of the glob is allowed.
        symlink("values.yaml", work.join("link.yaml")).unwrap();
    });
    let table = [
        ("charts/*/values.yaml", "charts/api/values.yaml charts/shop/values.yaml"),
        (
            "charts/**/values.yaml",
            "charts/api/sub/values.yaml charts/api/values.yaml charts/shop/values.yaml",
        ),
        ("charts/api/values{,-prod}.yaml", "charts/api/values-prod.yaml charts/api/values.yaml"),
        ("value?.yaml", "values.yaml"),
    ];
    for (n, (spec, want)) in table.into_iter().enumerate() {
        let landed =
            fixture.pusher.write_back(request(&fixture, "ops.git", &[spec]), append("x")).await.unwrap();
        let paths: Vec<_> = landed.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths.join(" "), want, "{spec}");
        assert_eq!(git(&bare, &["diff", "--name-only", "main~1", "main"]).replace('\n', " "), want);
        assert_eq!(git(&bare, &["rev-list", "--count", "main"]), (n + 2).to_string());
    }
}

#[tokio::test]
async fn an_edit_may_change_some_of_its_files_and_two_specs_may_meet_in_one() {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("ops.git", &[("a/1", "v1"), ("a/2", "other")]);
    let specs = ["a/*", "a/1"];
    let landed =
        fixture.pusher.write_back(request(&fixture, "ops.git", &specs), replace("v1", "v2")).await.unwrap();
    assert_eq!(landed.files.len(), 1);
    assert_eq!(git(&bare, &["diff", "--name-only", "main~1", "main"]), "a/1");
}

#[tokio::test]
async fn what_a_glob_must_not_meet() {
    let fixture = Fixture::new().await;
    let bare = fixture.bare("ops.git");
    fixture.work(&bare, "main", |work| {
        write(work, "charts/shop/values.yaml", "v1");
        write(work, "charts/api/values.yaml", "version https://git-lfs.github.com/spec/v1\noid x\n");
        std::fs::create_dir_all(work.join("linked")).unwrap();
        symlink("../charts/shop/values.yaml", work.join("linked/values.yaml")).unwrap();
        let entry = format!("160000,{},subs/lib", "1".repeat(40));
        git(work, &["update-index", "--add", "--cacheinfo", &entry]);
        git(work, &["commit", "-q", "-m", "sub"]);
        std::fs::create_dir_all(work.join("subs/lib")).unwrap();
    });
    let table = [
        (
            "charts/*/value.yaml",
            "no file matches; did you mean `charts/api/values.yaml` or `charts/shop/values.yaml`?",
        ),
        ("none/*", "no file matches"),
        ("charts/*/*.yaml", "Git LFS"),
        ("linked/*", "symbolic link"),
        ("subs/*", "submodule"),
        ("**", "symbolic link"),
    ];
    for (spec, want) in table {
        let error =
            git_error(fixture.pusher.write_back(request(&fixture, "ops.git", &[spec]), append("x")).await);
        let text = error.to_string();
        assert!(text.contains(want) || (spec == "**" && text.contains("Git LFS")), "{spec}: {text}");
        assert_eq!(error.fault(), Fault::User, "{text}");
    }
}

#[tokio::test]
async fn names_with_spaces_quotes_and_utf8() {
    let fixture = Fixture::new().await;
    let bare = fixture.bare("ops.git");
    let paths =
        ["a b/it's \"x\".yaml", "ünï/日本 語.yaml", "$(id)/`x`;.yaml", "[slug]/v.yaml", "tab?/*.yaml"];
    fixture.work(&bare, "main", |work| paths.iter().for_each(|path| write(work, path, "v1")));
    let specs =
        ["a b/it's \"x\".yaml", "ünï/*.yaml", "$(id)/`x`;.yaml", "[[]slug]/v.yaml", "tab[?]/[*].yaml"];
    let landed =
        fixture.pusher.write_back(request(&fixture, "ops.git", &specs), replace("v1", "v2")).await.unwrap();
    assert_eq!(landed.files.len(), paths.len());
    for path in paths {
        assert_eq!(git(&bare, &["show", &format!("main:{path}")]), "v2", "{path}");
    }
    git(&bare, &["fsck", "--strict", "--no-dangling"]);
}

/// Replaces the content of every file with its path, so that the test sees which files were read.
fn paths_seen() -> EditFn {
    Arc::new(|files: &Files| {
        let files = files.keys().map(|path| (path.clone(), path.clone().into_bytes())).collect();
        Ok(Edited { files, message: Message::new("seen") })
    })
}

#[tokio::test]
async fn a_glob_finds_what_its_spec_matches_in_any_tree() {
    let fixture = Fixture::new().await;
    let bare = fixture.bare("ops.git");
    let mut all = Vec::new();
    for top in ["a", "b", "ab"] {
        for middle in ["", "x/", "x/y/", "z/"] {
            all.extend(["1.yaml", "2.yaml", "3.json"].map(|file| format!("{top}/{middle}{file}")));
        }
    }
    fixture.work(&bare, "main", |work| all.iter().for_each(|path| write(work, path, "")));
    for spec in
        ["a/**", "**/1.yaml", "a*/x/*.{yaml,json}", "?/x/y/[12].yaml", "{a,b}/z/*", "a/x/**/3.*", "*/*"]
    {
        let dry = crate::write_back::WriteBack { dry_run: true, ..request(&fixture, "ops.git", &[spec]) };
        let landed = fixture.pusher.write_back(dry, paths_seen()).await.unwrap();
        let mut got: Vec<_> = landed.files.into_iter().map(|file| file.path).collect();
        let parsed: FileSpec = spec.parse().unwrap();
        let mut want: Vec<_> = all.iter().filter(|path| parsed.matches(path)).cloned().collect();
        got.sort_unstable();
        want.sort_unstable();
        assert_eq!(got, want, "{spec}");
        assert!(!want.is_empty(), "{spec}");
    }
}

proptest! {
    /// The parser does not panic on any text, and an accepted text can be shown and parsed again.
    #[test]
    fn specs_are_taken_or_refused(text in "[a-c*?{}\\[\\],!/. -]{0,20}", path in "[a-c/. -]{0,12}") {
        if let Ok(spec) = text.parse::<FileSpec>() {
            prop_assert_eq!(spec.to_string().parse::<FileSpec>().unwrap(), spec.clone());
            // The directories of a glob contain all its matches.
            let inside = spec.directories().iter().map(|d| format!("{d}/")).collect::<String>();
            prop_assert!(!spec.matches(&path) || path.starts_with(&inside));
        }
    }
}
