//! The config of an image.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::labels::Labels;
use super::platform::PlatformWire;
use crate::http;

/// The time at which an image says that it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Created(pub Timestamp);

/// What an image's config says (image specification, "OCI Image Configuration").
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ImageConfig {
    /// When the image was made.
    pub created: Option<Created>,
    /// `os/arch[/variant]`.
    pub platform: Option<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

impl Created {
    pub(super) fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    /// Whether this may be a time that was given to the build. `SOURCE_DATE_EPOCH` has whole seconds, and tools for
    /// reproducible images write 1970, 1980 or the year 1. A clock has whole seconds once in a million builds.
    pub fn may_be_given(self) -> bool {
        self.0.subsec_nanosecond() == 0
    }
}

// Typed, because a JSON value takes many times the memory of its text.
#[derive(Deserialize)]
struct Wire {
    created: Option<String>,
    os: Option<String>,
    architecture: Option<String>,
    variant: Option<String>,
    config: Option<ContainerWire>,
    /// In the config of a build cache: its steps.
    records: Option<Vec<StepWire>>,
}

/// A step of a build cache (buildkit `cache/remotecache/v1/types/spec.go`).
#[derive(Deserialize)]
struct StepWire {
    layers: Option<Vec<ResultWire>>,
    chains: Option<Vec<ResultWire>>,
}

#[derive(Deserialize)]
struct ResultWire {
    #[serde(rename = "createdAt")]
    created: Option<String>,
}

#[derive(Deserialize)]
struct ContainerWire {
    #[serde(rename = "Labels")]
    labels: Option<Labels>,
}

impl ImageConfig {
    /// Reads a config, of an image or of a build cache. What is neither has nothing of it.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let Ok(config) = http::json::<Wire>(bytes) else { return Self::default() };
        let created = match config.created {
            Some(time) => Created::parse(&time),
            None => youngest(&config.records.unwrap_or_default()),
        };
        Self {
            created,
            platform: PlatformWire::new(config.os, config.architecture, config.variant).name(),
            labels: config.config.and_then(|config| config.labels).unwrap_or_default().0,
        }
    }
}

/// When the youngest step of a build cache ran; `None` if one of them does not say when.
fn youngest(steps: &[StepWire]) -> Option<Created> {
    let results = steps.iter().flat_map(|step| step.layers.iter().chain(&step.chains).flatten());
    let times: Option<Vec<_>> = results.map(|result| Created::parse(result.created.as_deref()?)).collect();
    times?.into_iter().max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_says_when_where_and_what() {
        let read = |text: &str| ImageConfig::read(text.as_bytes());
        let config = read(
            r#"{"created": "2026-11-02T10:00:00.123456789Z", "os": "linux", "architecture": "arm64", "variant": "v8",
                "config": {"Labels": {"a": "b", "n": 1}}}"#,
        );
        assert_eq!(config.platform.as_deref(), Some("linux/arm64"));
        assert_eq!(config.labels, BTreeMap::from([("a".to_owned(), "b".to_owned())]));
        assert!(config.created.is_some_and(|created| !created.may_be_given()));
        for (created, given) in [
            ("1970-01-01T00:00:00Z", Some(true)),
            ("0001-01-01T00:00:00Z", Some(true)),
            ("2026-11-02T10:00:00Z", Some(true)),
            ("2026-11-02T10:00:00.5+01:00", Some(false)),
            ("yesterday", None),
        ] {
            let config = read(&format!(r#"{{"created": "{created}"}}"#));
            assert_eq!(config.created.map(Created::may_be_given), given, "{created}");
        }
        for odd in ["", "[]", "{}", r#"{"config": {"Labels": [1]}, "os": {}}"#] {
            assert_eq!(read(odd), ImageConfig::default(), "{odd}");
        }
        let odd = read(r#"{"os": "li\u001bnux", "architecture": "amd64"}"#);
        assert_eq!(odd.platform, None);
    }

    #[test]
    fn a_build_cache_is_as_old_as_its_youngest_step() {
        let read =
            |records: &str| ImageConfig::read(format!(r#"{{"records": {records}}}"#).as_bytes()).created;
        let layer = |time: &str| {
            format!(r#"{{"digest": "sha256:a", "layers": [{{"layer": 0, "createdAt": "{time}"}}]}}"#)
        };
        let chain = |time: &str| format!(r#"{{"chains": [{{"layers": [0, 1], "createdAt": "{time}"}}]}}"#);
        let (old, young) = ("2026-11-02T10:00:00.5Z", "2026-11-03T09:00:00.5+01:00");
        for records in [
            format!("[{}, {}, {{}}]", layer(old), chain(young)),
            format!("[{}, {}]", layer(young), layer(old)),
        ] {
            assert_eq!(read(&records), Created::parse("2026-11-03T08:00:00.5Z"), "{records}");
        }
        // What does not say when it was made may be the youngest.
        for odd in ["yesterday", ""] {
            assert_eq!(read(&format!("[{}, {}]", layer(old), chain(odd))), None, "{odd}");
        }
        for odd in ["[]", "[{}]", "null", "{}", r#"[{"layers": [{}]}]"#] {
            assert_eq!(read(odd), None, "{odd}");
        }
    }
}
