//! tests/migrate/cases: files of one system each. Comments at the beginning of a file say what must come of it.

use std::fs;
use std::path::Path;

use argo_buildkit::migrate::{MigrateInput, MigrateOptions, Migration, migrate};
use serde_json::Value;

use super::{corpus, entries};

/// What a file says that must come of it.
fn expected<'t>(text: &'t str, key: &str) -> Vec<&'t str> {
    let mark = format!("# {key}: ");
    let head = text.lines().take_while(|line| line.starts_with('#'));
    head.filter_map(|line| line.strip_prefix(&mark)).collect()
}

pub(super) fn migrated(path: &Path) -> (String, Migration) {
    let text = fs::read_to_string(path).unwrap();
    let name = expected(&text, "name").first().copied().unwrap_or("case.yaml").to_owned();
    let options = MigrateOptions {
        namespace: "builds".to_owned(),
        git_url: Some("https://git.example.com".to_owned()),
    };
    let migration = migrate(&[MigrateInput { name, bytes: text.clone().into_bytes() }], &options);
    (text, migration)
}

/// Whether `value` has everything that `part` has.
fn has(value: &Value, part: &Value) -> bool {
    match (value, part) {
        (Value::Object(map), Value::Object(part)) => {
            part.iter().all(|(key, part)| map.get(key).is_some_and(|value| has(value, part)))
        }
        _ => value == part,
    }
}

#[test]
fn each_file_becomes_what_it_says() {
    let files = entries(&corpus("cases"));
    assert!(files.len() >= 30, "{}", files.len());
    for path in files {
        let (text, migration) = migrated(&path);
        let shown = format!("{}\n{}", path.display(), migration.report.text());
        let catalogue = migration.files.iter().find(|file| file.name == "services.yaml");
        let catalogue: Value =
            catalogue.map_or(Value::Null, |file| serde_saphyr::from_str(&file.text).unwrap());
        let services = catalogue["services"].as_array().cloned().unwrap_or_default();
        let wanted = expected(&text, "service");
        assert_eq!(services.len(), wanted.len(), "{shown}");
        for (service, part) in services.iter().zip(wanted) {
            assert!(has(service, &serde_json::from_str(part).unwrap()), "{service:#}\n{part}\n{shown}");
        }
        for row in expected(&text, "row") {
            let (key, verdict) = row.split_once(' ').unwrap();
            let found: Vec<_> = migration.report.rows.iter().filter(|row| row.key == key).collect();
            assert!(found.iter().any(|row| row.verdict.name() == verdict), "{row}: {found:?}\n{shown}");
        }
        for note in expected(&text, "note") {
            let (key, part) = note.split_once(' ').unwrap();
            let mut rows = migration.report.rows.iter();
            assert!(rows.any(|row| row.key == key && row.note.contains(part)), "{note}\n{shown}");
        }
        for part in expected(&text, "open") {
            assert!(migration.report.open.iter().any(|point| point.what.contains(part)), "{part}\n{shown}");
        }
        for secret in expected(&text, "secret") {
            let written = migration.files.iter().any(|file| file.text.contains(secret));
            assert!(!written && !migration.report.text().contains(secret), "{secret}\n{shown}");
        }
    }
}
