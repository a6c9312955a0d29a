//! docs/migrate.md: its example prints what the page shows, and its flags are those of the command.

use std::fs;
use std::path::Path;

use super::{DONE, ROOT, run};

const PAGE: &str = "docs/migrate.md";

fn block<'t>(text: &'t str, language: &str) -> &'t str {
    let (_, rest) = text.split_once(&format!("```{language}\n")).unwrap();
    rest.split("```").next().unwrap()
}

/// With `BLESS`, writes what is printed into the page.
#[test]
fn the_example_prints_what_the_page_shows() {
    let path = Path::new(ROOT).join(PAGE);
    let mut text = fs::read_to_string(&path).unwrap();
    let room = tempfile::tempdir().unwrap();
    fs::write(room.path().join("api.yaml"), block(&text, "yaml")).unwrap();
    let command = block(&text, "sh").trim().strip_prefix("argo-buildkit ").unwrap().to_owned();
    let (code, shown, _) = run(room.path(), &command.split(' ').collect::<Vec<_>>());
    if std::env::var_os("BLESS").is_some() {
        let old = format!("```text\n{}```", block(&text, "text"));
        text = text.replace(&old, &format!("```text\n{shown}```"));
        fs::write(&path, &text).unwrap();
    }
    assert_eq!((code, &*shown), (DONE, block(&text, "text")));
    for name in ["services.yaml", "secrets.yaml", "report.md", "rendered"] {
        assert!(room.path().join("new").join(name).exists(), "{name}");
        assert!(text.contains(&format!("| `{name}")), "{name}");
    }
}

#[test]
fn the_page_has_every_flag_and_the_help_says_what_is_read() {
    let page = fs::read_to_string(Path::new(ROOT).join(PAGE)).unwrap();
    let (code, help, _) = run(Path::new(ROOT), &["migrate", "--help"]);
    assert_eq!(code, DONE);
    for flag in ["--out", "--force", "--output", "--namespace", "--git-url"] {
        assert!(help.contains(flag) && page.contains(&format!("{flag}` |")), "{flag}");
    }
    for system in ["Tekton", "Gitea", "GitHub", "kaniko", "Image Updater"] {
        assert!(help.contains(system) && page.contains(system), "{system}");
    }
}
