//! The platforms of an image.

use std::collections::HashSet;
use std::fmt;

use crate::step::InvalidStep;
use crate::step::nearest::{hint, listed};
use crate::step::node::{Node, quoted};

const SYSTEMS: &[&str] = &["linux", "windows", "darwin", "freebsd", "wasip1"];
const ARCHITECTURES: &[&str] =
    &["amd64", "arm64", "arm", "386", "loong64", "mips64", "mips64le", "ppc64le", "riscv64", "s390x", "wasm"];

/// An operating system and an architecture, as Go spells them; `Display` is `os/arch[/variant]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Platform {
    os: &'static str,
    arch: &'static str,
    variant: Option<String>,
}

impl Platform {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = text.splitn(3, '/');
        let (Some(os), Some(arch)) = (parts.next(), parts.next()) else {
            return Err(format!("{} is no platform; write os/arch or os/arch/variant", quoted(text)));
        };
        let variant = parts.next();
        let plain = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        match variant {
            Some(variant) if !plain(variant) => Err(format!("{} is no variant, such as v7", quoted(variant))),
            _ => {
                let arch = known("architecture", go_name(arch), ARCHITECTURES)?;
                let os = known("operating system", os, SYSTEMS)?;
                Ok(Self { os, arch, variant: normal(arch, variant).map(str::to_owned) })
            }
        }
    }
}

/// Reads a list, or a string of platforms separated by commas. Empty items and repetitions are dropped.
pub(in crate::step) fn read(node: Node<'_>) -> Result<Vec<Platform>, InvalidStep> {
    let (mut platforms, mut seen) = (Vec::new(), HashSet::new());
    for item in node.words()?.into_iter().filter(|item| !item.is_absent()) {
        let platform = item.checked(Platform::parse)?;
        if seen.insert(platform.clone()) {
            platforms.push(platform);
        }
    }
    Ok(platforms)
}

fn known(what: &str, word: &str, names: &[&'static str]) -> Result<&'static str, String> {
    let found = names.iter().find(|name| **name == word).copied();
    let names = || names.iter().copied();
    found.ok_or_else(|| {
        let near = hint(word, names());
        format!("{} is not a known {what}{near}; known: {}", quoted(word), listed(names()))
    })
}

/// The variant in BuildKit's spelling, since one platform can have two spellings (containerd `platforms/database.go`).
fn normal<'a>(arch: &str, variant: Option<&'a str>) -> Option<&'a str> {
    match (arch, variant) {
        ("arm64", Some("v8" | "8")) | ("amd64", Some("v1")) => None,
        ("arm", None | Some("7")) => Some("v7"),
        ("arm", Some("5")) => Some("v5"),
        ("arm", Some("6")) => Some("v6"),
        ("arm", Some("8")) => Some("v8"),
        (_, variant) => variant,
    }
}

/// Converts an architecture from `uname -m` to Go's name (containerd `platforms/database.go`).
fn go_name(arch: &str) -> &str {
    match arch {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.arch)?;
        self.variant.iter().try_for_each(|variant| write!(f, "/{variant}"))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    /// BuildKit would build each spelling, and put both images into the index.
    #[test]
    fn a_platform_has_one_spelling() {
        let rows = [
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/arm64/8", "linux/arm64"),
            ("linux/aarch64", "linux/arm64"),
            ("linux/amd64/v1", "linux/amd64"),
            ("linux/x86_64", "linux/amd64"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/arm/7", "linux/arm/v7"),
            ("linux/arm/6", "linux/arm/v6"),
            ("linux/amd64/v2", "linux/amd64/v2"),
        ];
        for (text, name) in rows {
            let platform = Platform::parse(text).unwrap();
            assert_eq!((platform.to_string().as_str(), &platform), (name, &Platform::parse(name).unwrap()));
        }
    }
}
