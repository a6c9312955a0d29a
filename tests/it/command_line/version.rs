//! `--version`.

use super::printed;

const MANIFEST: &str = include_str!("../../../Cargo.toml");

#[test]
fn the_version_has_the_commit_and_buildkits_api() {
    let said = printed(&["--version"]);
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines[0], concat!("argo-buildkit ", env!("CARGO_PKG_VERSION")));
    assert!(lines[1].starts_with("commit: ") && lines[1].len() > "commit: ".len(), "{said}");
    assert_eq!(lines[2], format!("BuildKit API: {}", argo_buildkit::buildkit::API));
    assert_eq!(printed(&["-V"]).trim_end(), lines[0], "one line for scripts");
}

/// The text names the release that this version of the crate was generated from.
#[test]
fn the_version_of_the_definitions_is_fixed() {
    assert!(
        MANIFEST.contains("bollard-buildkit-proto = { version = \"=0.9.2\""),
        "change `buildkit::API` too"
    );
}
