//! The bodies of hooks in tests/hooks.

use std::path::Path;

use serde_json::Value;

/// One recorded hook.
#[derive(Debug)]
pub(crate) struct Hook {
    /// The file's name, without its ending.
    pub(crate) name: String,
    /// The trigger of the Sensor `push` that it must start.
    pub(crate) trigger: Option<String>,
    /// Its HTTP headers.
    pub(crate) headers: Vec<(String, String)>,
    /// Its body.
    pub(crate) body: Value,
}

/// All of them, in the order of their names.
pub(crate) fn hooks() -> Vec<Hook> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hooks");
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut hooks: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|e| e == "json")).map(|path| hook(&path)).collect();
    hooks.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(hooks.len() > 30, "{hooks:?}");
    hooks
}

fn hook(path: &Path) -> Hook {
    let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let header = |(name, value): (&String, &Value)| (name.clone(), value.as_str().unwrap().to_owned());
    Hook {
        name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
        trigger: file["trigger"].as_str().map(str::to_owned),
        headers: file["headers"].as_object().unwrap().iter().map(header).collect(),
        body: file["body"].clone(),
    }
}
