//! Reads `.dockerignore` in Git contexts at the proven commit, because BuildKit ignores the file there.

use std::sync::Arc;

use crate::buildkit::Ignore;
use crate::git::{EntryType, Snapshot};
use crate::outcome::StepError;
use crate::step::build::Dockerfile;

/// The ignore file of a context. A file with the Dockerfile's name before it has priority (buildkit `frontend/dockerui/config.go`).
const NAME: &str = ".dockerignore";

/// Reads the ignore file of the context in the directory `base` of a commit; `None` if there is none.
///
/// # Errors
/// Fails if the file cannot be read. A build without its ignore file would put unwanted files into the image.
pub(super) async fn read(
    snapshot: &mut Snapshot,
    base: &str,
    dockerfile: Option<&Dockerfile>,
) -> Result<Option<Arc<Ignore>>, StepError> {
    let own = match dockerfile {
        Some(Dockerfile::File(path)) => Some(format!("{path}{NAME}")),
        Some(Dockerfile::Inline(_)) | None => None,
    };
    for name in own.into_iter().chain([NAME.to_owned()]) {
        let Some(found) = snapshot.find(base, &name, true).await? else { continue };
        if found.entry_type != EntryType::File {
            continue;
        }
        let bytes = snapshot.file(&found).await?;
        // An empty file counts as absent, as for `docker build .`: the frontend gets no bytes of it (`dt == nil`).
        if bytes.is_empty() {
            continue;
        }
        let bad = |error| StepError::user(format!("{}: {error}", snapshot.repo()));
        let ignore = Ignore::read(&name, &bytes).map_err(bad)?;
        return Ok(Some(Arc::new(ignore)).filter(|ignore| !ignore.patterns().is_empty()));
    }
    Ok(None)
}
