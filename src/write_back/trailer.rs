//! Names of the trailers in our commits: what a later write-back, a Sensor or a person reads back from history.

/// Namespace and name of the workflow that wrote; it begins each writer's group of trailers.
pub const WORKFLOW: &str = "Workflow";
/// The address of the repository that the image was built from.
pub const SOURCE_REPO: &str = "Source-Repo";
/// The commit that the image was built from.
pub const SOURCE_COMMIT: &str = "Source-Commit";
/// The image, without a digest.
pub const IMAGE: &str = "Image";
/// The image's digest, such as `sha256:…`.
pub const IMAGE_DIGEST: &str = "Image-Digest";
/// What was named: a file and a target in it. Two writers with one value here meant the same thing.
pub const MANIFEST: &str = "Manifest";
/// What was set: a file and the address of a scalar in it, whatever target led there. A target `helm:PATH` whose path is
/// the address needs none. Commits from before this trailer have none at all.
pub const PLACE: &str = "Place";
/// Who made the commit. Each of our commits ends with it, exactly once.
pub const MANAGED_BY: &str = "Managed-By";

/// The value of [`MANAGED_BY`] in our commits.
pub const MANAGER: &str = "argo-buildkit";
