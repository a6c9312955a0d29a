//! The names of the trailers in our commits. A later write-back, a Sensor or a person reads them from the history.

/// Namespace and name of the workflow that wrote the change. It begins each writer's group of trailers.
pub const WORKFLOW: &str = "Workflow";
/// The address of the repository that the image was built from.
pub const SOURCE_REPO: &str = "Source-Repo";
/// The commit that the image was built from.
pub const SOURCE_COMMIT: &str = "Source-Commit";
/// The image, without a digest.
pub const IMAGE: &str = "Image";
/// The image's digest, such as `sha256:…`.
pub const IMAGE_DIGEST: &str = "Image-Digest";
/// The file and the target that the step named. Two writers with the same value here set the same thing.
pub const MANIFEST: &str = "Manifest";
/// The file and the address of the scalar that was set, whatever target led there. A target `helm:PATH` whose path is
/// the address does not need it. Commits from before this trailer have none.
pub const PLACE: &str = "Place";
/// The W3C `traceparent` of the step that wrote the change, if traces are sent. A later step, or a person, finds the
/// trace of the change by it.
pub const TRACEPARENT: &str = "Traceparent";
/// The commit that this one reverts. A commit of several writers has it in the group of the writer that reverts it.
pub const REVERTS: &str = "Reverts";
/// The uid of the workflow that reverts a commit. Another workflow of the same name may come later.
pub const WORKFLOW_UID: &str = "Workflow-Uid";
/// The program that made the commit. Each of our commits ends with this trailer, exactly once.
pub const MANAGED_BY: &str = "Managed-By";

/// The value of [`MANAGED_BY`] in our commits.
pub const MANAGER: &str = "argo-buildkit";
