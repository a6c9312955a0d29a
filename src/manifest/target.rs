//! What an edit can set, and how that is written on one line: `KIND:SELECTOR`.

mod display;
mod text;

use super::path::Path;

pub use text::TargetError;

/// The scalar or the scalars that an edit sets. `Display` writes the one-line form that is parsed:
///
/// ```text
/// helm:image.tag                          image:controller.image
/// kustomize:shop/api:newTag               object:Deployment/api/shop:spec.replicas
/// container:Deployment/api:web            parameter:image.tag, parameter:shop:image.tag
/// values:shop:image.tag                   setter:flux-system:podinfo
/// ```
///
/// A name that contains a separator, a quote, white space or one of `= [ ]` is written in `"…"`, with `\"` and
/// `\\` inside.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// A scalar of a Helm values file, or of any YAML or JSON file.
    Helm(Path),
    /// The image at a path, whatever its shape: one string such as `registry/repository:tag@digest`, or a
    /// mapping with `repository` (or `name`) and `tag`, `digest`, `registry`. The value is an image reference,
    /// or `:tag`, `@digest`, `:tag@digest`, which keep the name.
    Image(Path),
    /// A field of the `images[]` entry named `image` in a kustomization. A field that the entry lacks is
    /// added after its last one.
    Kustomize {
        /// The entry's `name`, compared as a whole; it may hold `:` for a port.
        image: String,
        /// Which field of the entry.
        field: KustomizeField,
    },
    /// A scalar of one object of the file. Unlike in Helm values, a number or boolean stays one.
    Object {
        /// The object.
        object: Object,
        /// The path from the object's top level.
        path: Path,
    },
    /// The image of a container, init container or ephemeral container, or of an Argo template with a
    /// `container` or `script`; the value is as for [`Target::Image`].
    Container {
        /// The object that holds it.
        object: Object,
        /// The container's name. A `container` or `script` without a name has the template's name.
        container: String,
    },
    /// The image of every container that runs it, as for [`Target::Container`].
    Running {
        /// The object to search; none means the whole file.
        object: Option<Object>,
        /// The image's name, without tag and digest.
        image: String,
    },
    /// A Helm parameter's `value` in an Argo CD Application, an ApplicationSet or an `.argocd-source` file.
    Parameter {
        /// The Application (or ApplicationSet) and its source, if the file has several.
        application: Option<Application>,
        /// The parameter's `name`.
        name: String,
    },
    /// A Helm value in an Argo CD Application: in `helm.valuesObject`, or else inside the text of
    /// `helm.values: |`.
    Values {
        /// The Application (or ApplicationSet) and its source, if the file has several.
        application: Option<Application>,
        /// The path from the values' top level.
        path: Path,
    },
    /// Every scalar with the line comment `# {"$imagepolicy": "NAMESPACE:POLICY"}`, as in Flux. It gets
    /// the image reference, or with `…:tag`, `…:name`, `…:digest` that part of it. A target that ends in a
    /// part sets only the comments with that part.
    Setter(String),
}

/// A field of an `images[]` entry, in kustomize's spelling (kustomize, api/types/image.go).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KustomizeField {
    /// `newTag`. Refused on an entry that keeps a `digest`: kustomize would write `name:newTag@digest`
    /// (api/filters/imagetag/updater.go), and the digest alone decides what runs.
    NewTag,
    /// `newName`.
    NewName,
    /// `digest`. An existing `newTag` stays: current kustomize writes `name:newTag@digest`, older releases
    /// leave the tag out (kustomize issue 5664), and both run the digest.
    Digest,
}

impl KustomizeField {
    pub(in crate::manifest) const ALL: [Self; 3] = [Self::NewTag, Self::NewName, Self::Digest];

    /// The key as kustomize spells it.
    pub fn key(self) -> &'static str {
        match self {
            Self::NewTag => "newTag",
            Self::NewName => "newName",
            Self::Digest => "digest",
        }
    }
}

/// A Kubernetes object of a file, written and parsed as `KIND`, `KIND/NAME` or `KIND/NAME/NAMESPACE`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Object {
    /// `kind`, or `KIND.GROUP` for one of several API groups.
    pub kind: String,
    /// `metadata.name` or `metadata.generateName`; empty for the only object of that kind.
    pub name: String,
    /// `metadata.namespace`; none matches any.
    pub namespace: Option<String>,
}

/// An Application or ApplicationSet of a file, written and parsed as `NAME`, `NAME[SOURCE]` or `[SOURCE]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Application {
    /// `metadata.name`; none matches any.
    pub name: Option<String>,
    /// One of its sources; none matches any.
    pub source: Option<SourceRef>,
}

/// Selects one of several `sources`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SourceRef {
    /// By index, from 0.
    Index(usize),
    /// By a field: `chart`, `repoURL`, `ref`, `path` or `name`.
    Field {
        /// The field.
        field: String,
        /// Its value.
        value: String,
    },
}

impl From<&str> for Application {
    fn from(name: &str) -> Self {
        Self { name: Some(name.to_owned()), source: None }
    }
}

impl Target {
    /// An example value for such a target, with every part that the value can have.
    pub(super) fn example(&self) -> String {
        let digest = format!("sha256:{}", "0".repeat(64));
        match self {
            Self::Image(_) | Self::Container { .. } | Self::Running { .. } | Self::Setter(_) => {
                format!("r.example/x:x@{digest}")
            }
            Self::Kustomize { field: KustomizeField::Digest, .. } => digest,
            _ => "x".to_owned(),
        }
    }
}
