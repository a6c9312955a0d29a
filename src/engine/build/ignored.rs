//! `.dockerignore` in Git contexts, which BuildKit passes over there: it is read here at the proven commit.

use std::sync::Arc;

use crate::buildkit::Ignore;
use crate::git::{EntryType, Snapshot};
use crate::outcome::StepError;
use crate::step::build::Dockerfile;

/// The file of a context, and, after a Dockerfile's name, the file that comes before it (buildkit `frontend/dockerui/config.go`).
const NAME: &str = ".dockerignore";

/// What the context in the directory `base` of a commit leaves out; none where nothing is said of it.
///
/// # Errors
/// What cannot be read: a build without its ignore file would have files that nobody wants to have in an image.
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
        let bad = |error| StepError::user(format!("{}: {error}", snapshot.repo()));
        let ignore = Ignore::read(&name, &bytes).map_err(bad)?;
        return Ok(Some(Arc::new(ignore)).filter(|ignore| !ignore.patterns().is_empty()));
    }
    Ok(None)
}
