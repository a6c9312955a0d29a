//! The attestations of an image: its provenance, and its list of packages (buildkit `docs/attestations`).

use crate::oci::ImageRef;
use crate::step::InvalidStep;
use crate::step::form::ValueForm::{Bool, Names, Word};
use crate::step::form::{FieldTable, ValueForm, names, optional};
use crate::step::names::{image, is_map};
use crate::step::node::Node;

/// The generator of SBOMs that BuildKit uses if none is named (buildkit `frontend/attestations/parse.go`).
const SYFT: &str = "docker.io/docker/buildkit-syft-scanner:stable-1";

/// What BuildKit attests about an image. Its digest is then that of an index, which also lists the attestations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attest {
    /// The SLSA provenance, if any.
    pub provenance: Option<Provenance>,
    /// The image that lists the packages of the result, if an SBOM is wanted. It runs as a step of the build.
    pub sbom: Option<ImageRef>,
}

/// How much a provenance says (buildkit `docs/attestations/slsa-provenance.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provenance {
    /// The sources and the times of the build. No build arguments.
    Min,
    /// Also the Dockerfile, the build arguments and every step.
    Max,
}

const PROVENANCES: &[(&str, Provenance)] = &[("min", Provenance::Min), ("max", Provenance::Max)];
const PROVENANCE_NAMES: &[&str] = &names::<_, { PROVENANCES.len() }>(PROVENANCES);

/// The fields of `attest`.
const ATTEST: &FieldTable = &FieldTable::of(&[
    optional("provenance", ValueForm::Any(&[Bool, Names(PROVENANCE_NAMES)])),
    optional("sbom", ValueForm::Any(&[Bool, Word])),
]);

/// `{provenance, sbom}`, or the provenance alone.
pub(super) const FORM: ValueForm = ValueForm::Any(&[Bool, Names(PROVENANCE_NAMES), ValueForm::Map(ATTEST)]);

impl Attest {
    pub(super) fn read(node: Node<'_>) -> Result<Self, InvalidStep> {
        if !is_map(&node) {
            return Ok(Self { provenance: Provenance::read(node)?, sbom: None });
        }
        let mut fields = node.fields(ATTEST)?;
        Ok(Self {
            provenance: fields.or_default("provenance", Provenance::read)?,
            sbom: fields.or_default("sbom", sbom)?,
        })
    }

    /// Whether there is anything to attest.
    pub fn is_any(&self) -> bool {
        self.kinds().next().is_some()
    }

    /// The names of what is attested.
    pub fn kinds(&self) -> impl Iterator<Item = &'static str> {
        let provenance = self.provenance.map(|_| "provenance");
        provenance.into_iter().chain(self.sbom.as_ref().map(|_| "sbom"))
    }
}

impl Provenance {
    /// Reads a mode, or a bool: `true` is `min`, as for buildx.
    fn read(node: Node<'_>) -> Result<Option<Self>, InvalidStep> {
        match as_bool(&node) {
            Some(wanted) => Ok(wanted.then_some(Self::Min)),
            None => node.one_of(PROVENANCES).map(Some),
        }
    }

    /// BuildKit's name for it.
    pub fn name(self) -> &'static str {
        PROVENANCES.iter().find(|(_, each)| *each == self).map_or("", |(name, _)| name)
    }
}

/// Reads the generator's image, or a bool: `true` is BuildKit's own generator.
fn sbom(node: Node<'_>) -> Result<Option<ImageRef>, InvalidStep> {
    match as_bool(&node) {
        Some(false) => Ok(None),
        Some(true) => SYFT.parse().map(Some).map_err(|bad| node.refuse(bad)),
        None => image(node, "").map(Some),
    }
}

fn as_bool(node: &Node<'_>) -> Option<bool> {
    let text = node.value().as_str().map(str::trim);
    node.value().as_bool().or_else(|| text?.parse().ok())
}
