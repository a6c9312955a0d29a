//! Reads `.dockerignore` in Git contexts at the proven commit, because BuildKit ignores the file there.

use crate::buildkit::Ignore;
use crate::git::{EntryType, Snapshot};
use crate::outcome::StepError;
use crate::step::build::Dockerfile;

/// The ignore file of a context. A file with the Dockerfile's name before it has priority (buildkit `frontend/dockerui/config.go`).
pub(super) const NAME: &str = ".dockerignore";

/// The path in the context of the ignore file that belongs to `dockerfile` only.
pub(super) fn own(dockerfile: Option<&Dockerfile>) -> Option<String> {
    dockerfile?.path().map(|path| format!("{path}{NAME}"))
}

/// Reads the ignore file at `path` in the directory `base` of a commit; `None` if there is none. `name` is its path in the
/// context.
///
/// # Errors
/// Fails if the file cannot be read. A build without its ignore file would put unwanted files into the image.
pub(super) async fn read(
    snapshot: &mut Snapshot,
    base: &str,
    path: &str,
    name: &str,
) -> Result<Option<Ignore>, StepError> {
    let found = snapshot.find(base, path, true).await?;
    let Some(found) = found.filter(|found| found.entry_type == EntryType::File) else { return Ok(None) };
    let bytes = snapshot.file(&found).await?;
    // An empty file counts as absent, as for `docker build .`: the frontend gets no bytes of it (`dt == nil`).
    if bytes.is_empty() {
        return Ok(None);
    }
    let bad = |error| StepError::user(format!("{}: {error}", snapshot.repo()));
    Ok(Some(Ignore::read(name, &bytes).map_err(bad)?))
}
