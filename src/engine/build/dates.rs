//! The creation time of the image.

use crate::outcome::StepError;
use crate::step::Build;
use crate::step::build::SourceDate;

/// The time that the step sets, in seconds since 1970. `time` is that of the commit `sha` of the context.
///
/// # Errors
/// The commit's time is wanted, and the commit does not have it where it should be.
pub(super) fn epoch(build: &Build, sha: &str, time: Option<u32>) -> Result<Option<u32>, StepError> {
    match build.source_date_epoch {
        None => Ok(None),
        Some(SourceDate::Seconds(seconds)) => Ok(Some(seconds)),
        Some(SourceDate::Commit) => time.map(Some).ok_or_else(|| {
            let repo = &build.context.repo;
            StepError::user(format!(
                "build.source-date-epoch: commit {sha} of {repo} has no time from 1970 to 2106 in its first 4 KiB; \
                 write the seconds since 1970"
            ))
        }),
    }
}
