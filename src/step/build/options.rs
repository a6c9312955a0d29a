//! The smaller options of a build.

use std::net::IpAddr;

use crate::step::InvalidStep;
use crate::step::form::ValueForm::{Bool, Names, Number};
use crate::step::form::{FieldTable, ValueForm, names, optional, required};
use crate::step::names::is_map;
use crate::step::node::{Node, quoted};

/// The stages that run again although they are cached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum NoCache {
    /// None of them.
    #[default]
    Off,
    /// All of them.
    All,
    /// The named stages; not empty.
    Stages(Vec<String>),
}

/// The network of `RUN` (buildkit `force-network-mode`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Network {
    /// BuildKit's own: buildkitd's sandbox network.
    #[default]
    Sandbox,
    /// No network.
    None,
    /// buildkitd's host network; buildkitd must allow the entitlement `network.host`.
    Host,
}

/// A permission of a `RUN` beyond the sandbox (buildkit `util/entitlements`). buildkitd must allow it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entitlement {
    /// `RUN --network=host`
    HostNetwork,
    /// `RUN --security=insecure`: every capability, and the devices of buildkitd's machine.
    Insecure,
}

/// How the layers of the image are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compression {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// The compression level; the algorithm's default when absent.
    pub level: Option<u32>,
    /// Whether existing layers, such as the base image's, are compressed again.
    pub force: bool,
}

/// A compression that BuildKit's image exporter knows (buildkit `util/compression`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// `gzip`
    Gzip,
    /// `zstd`
    Zstd,
    /// `estargz`
    Estargz,
    /// `uncompressed`
    Uncompressed,
}

/// The media types in the image's manifest (buildkit's exporter attribute `oci-mediatypes`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MediaTypes {
    /// `application/vnd.oci.image…`
    #[default]
    Oci,
    /// `application/vnd.docker…`, for clients that support nothing else. It has no annotations.
    Docker,
}

/// The creation time of an image (`SOURCE_DATE_EPOCH`, reproducible-builds.org).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceDate {
    /// The time of the commit that is built.
    Commit,
    /// Seconds since 1970.
    Seconds(u32),
}

pub(super) const MEDIA_TYPES: &[(&str, MediaTypes)] =
    &[("oci", MediaTypes::Oci), ("docker", MediaTypes::Docker)];

pub(super) const NETWORKS: &[(&str, Network)] = &[
    ("default", Network::Sandbox),
    ("sandbox", Network::Sandbox),
    ("none", Network::None),
    ("host", Network::Host),
];
pub(super) const ENTITLEMENTS: &[(&str, Entitlement)] =
    &[("network.host", Entitlement::HostNetwork), ("security.insecure", Entitlement::Insecure)];
const ALGORITHMS: &[(&str, Algorithm)] = &[
    ("gzip", Algorithm::Gzip),
    ("zstd", Algorithm::Zstd),
    ("estargz", Algorithm::Estargz),
    ("uncompressed", Algorithm::Uncompressed),
];

/// The value of `source-date-epoch` for [`SourceDate::Commit`].
const COMMIT: &str = "commit";
pub(super) const SOURCE_DATE: ValueForm = ValueForm::Any(&[Names(&[COMMIT]), Number(0, u32::MAX as i64)]);

/// The names of [`ALGORITHMS`].
pub(super) const ALGORITHM_NAMES: &[&str] = &names::<_, { ALGORITHMS.len() }>(ALGORITHMS);

/// The fields of `compression`. The highest level depends on the type.
pub(super) const COMPRESSION: &FieldTable = &FieldTable::of(&[
    required("type", Names(ALGORITHM_NAMES)),
    optional("level", Number(0, 22)),
    optional("force", Bool),
]);

impl Algorithm {
    /// BuildKit's name for it, the value of the exporter's `compression`.
    pub fn name(self) -> &'static str {
        ALGORITHMS.iter().find(|(_, algorithm)| *algorithm == self).map_or("gzip", |(name, _)| name)
    }

    fn level(self, node: Node<'_>) -> Result<u32, InvalidStep> {
        match self {
            Self::Gzip | Self::Estargz => node.number(0..=9),
            Self::Zstd => node.number(0..=22),
            Self::Uncompressed => Err(node.refuse("`uncompressed` has no level")),
        }
    }
}

impl NoCache {
    /// Reads a bool, or the names of stages, as a list or separated by commas.
    pub(super) fn read(node: Node<'_>) -> Result<Self, InvalidStep> {
        let flag = matches!(node.value().as_str().map(str::trim), Some("true" | "false"));
        if flag || node.value().is_boolean() {
            return node.bool().map(|all| if all { Self::All } else { Self::Off });
        }
        let stages = node.words()?.into_iter().filter(|stage| !stage.is_absent());
        let stages = stages.map(Node::word).collect::<Result<Vec<_>, _>>()?;
        Ok(if stages.is_empty() { Self::Off } else { Self::Stages(stages) })
    }
}

impl Network {
    pub(super) fn read(node: Node<'_>) -> Result<Self, InvalidStep> {
        node.one_of(NETWORKS)
    }

    /// The value of `force-network-mode`; `None` leaves it out.
    pub fn attr(self) -> Option<&'static str> {
        match self {
            Self::Sandbox => None,
            Self::None => Some("none"),
            Self::Host => Some("host"),
        }
    }
}

impl Entitlement {
    /// BuildKit's name for it.
    pub fn name(self) -> &'static str {
        ENTITLEMENTS.iter().find(|(_, each)| *each == self).map_or("", |(name, _)| name)
    }
}

/// Reads a list, or a string of entitlements separated by commas.
pub(super) fn entitlements(node: Node<'_>) -> Result<Vec<Entitlement>, InvalidStep> {
    let mut all = Vec::new();
    for item in node.words()?.into_iter().filter(|item| !item.is_absent()) {
        let entitlement = item.one_of(ENTITLEMENTS)?;
        if !all.contains(&entitlement) {
            all.push(entitlement);
        }
    }
    Ok(all)
}

impl SourceDate {
    /// Reads a number, or the name of the commit's own time.
    pub(super) fn read(node: Node<'_>) -> Result<Self, InvalidStep> {
        match node.value().as_str() {
            Some(COMMIT) => Ok(Self::Commit),
            _ => node.number(0..=u32::MAX).map(Self::Seconds),
        }
    }
}

impl MediaTypes {
    pub(super) fn read(node: Node<'_>) -> Result<Self, InvalidStep> {
        node.one_of(MEDIA_TYPES)
    }
}

impl Compression {
    /// `{type, level, force}`, or the type alone as a string.
    pub(super) fn read(node: Node<'_>) -> Result<Self, InvalidStep> {
        if !is_map(&node) {
            return Ok(Self { algorithm: node.one_of(ALGORITHMS)?, level: None, force: false });
        }
        let mut fields = node.fields(COMPRESSION)?;
        let algorithm = fields.required("type")?.one_of(ALGORITHMS)?;
        let level = fields.optional("level").map(|node| algorithm.level(node)).transpose()?;
        Ok(Self { algorithm, level, force: fields.switch("force", false)? })
    }
}

/// Reads a map of host to address, or a list of `host=address` or `host:address`.
pub(super) fn extra_hosts(node: Node<'_>) -> Result<Vec<(String, IpAddr)>, InvalidStep> {
    if is_map(&node) {
        let read =
            |(host, node): (String, Node<'_>)| node.checked(|ip| Ok((host_name(&host)?, address(ip)?)));
        return node.map()?.into_iter().map(read).collect();
    }
    let read = |node: Node<'_>| {
        node.checked(|line| {
            let (host, ip) = line.split_once(['=', ':']).ok_or("expected host=address")?;
            Ok((host_name(host)?, address(ip)?))
        })
    };
    node.words()?.into_iter().map(read).collect()
}

fn address(text: &str) -> Result<IpAddr, String> {
    let plain = text.trim_start_matches('[').trim_end_matches(']');
    plain.parse().map_err(|_| format!("{} is not an IP address", quoted(text)))
}

/// BuildKit separates the lines with commas and their parts with `=`.
fn host_name(host: &str) -> Result<String, String> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    let valid = !host.is_empty() && host.bytes().all(allowed);
    if valid { Ok(host.to_owned()) } else { Err(format!("{} is not a host name", quoted(host))) }
}
