//! Attaches the report of a build to its image, beside the log.

use std::sync::LazyLock;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, warn};

use crate::limits::Budget;
use crate::oci::{Auth, BuildArtifact, OciError, Registry, StoredLog};
use crate::report::{Report, ReportSource};
use crate::step::RegistryRef;
use crate::text;
use crate::time_limits::{calls, within};

/// The part of the log's time limit that a report leaves, so that a slow registry does not make a log late that was stored.
const MARGIN: Duration = Duration::from_secs(1);

/// The memory that a report takes: a hostile build makes each of its texts as long as it may be, of characters that are escaped.
const MEMORY: usize = 64 << 20;

/// The memory for the reports of all builds of this process.
static REPORTS: LazyLock<Budget> = LazyLock::new(|| Budget::new(2 * MEMORY));

/// The memory for the reports of `tenant`.
pub(super) fn memory(tenant: Option<&str>) -> Budget {
    REPORTS.of(tenant)
}

/// Makes the report of the build with `log`, which was attached to its image, and attaches it too, once there is `memory` for it. The
/// upload of both began at `began`. A report can be made again at any time, so a failure is logged only.
pub(super) async fn attach(
    registry: &Registry,
    log: &BuildArtifact,
    place: &RegistryRef,
    auth: &Auth,
    memory: &Budget,
    began: Instant,
) {
    let left = calls::REGISTRY_LOG.whole().saturating_sub(began.elapsed()).saturating_sub(MARGIN);
    let work = async {
        // It is never more than a tenant may hold.
        let _held = memory.take(MEMORY).await.ok();
        attach_in_time(registry, log, place, auth).await
    };
    let why = match within(left, place.image.registry(), work).await {
        Ok(Ok(())) => return debug!("attached the report of {}", log.digest()),
        Ok(Err(error)) => error.to_string(),
        Err(late) => late.to_string(),
    };
    warn!("the report is not attached to the image; `argo-buildkit report` makes it: {}", text::line(&why));
}

async fn attach_in_time(
    registry: &Registry,
    log: &BuildArtifact,
    place: &RegistryRef,
    auth: &Auth,
) -> Result<(), OciError> {
    let source = ReportSource { registry, auth, insecure: place.insecure };
    let report = Report::read(source, &place.image, Some(StoredLog::from(log)), None).await?;
    let Some(report) = report else { return Ok(()) };
    let page = log.report(report.html());
    registry.attach(&page, &place.image, None, auth, place.insecure).await
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn the_reports_of_one_namespace_leave_memory_for_those_of_others() {
        let own = memory(Some("builds"));
        let held = own.try_take(MEMORY).unwrap();
        assert!(own.try_take(MEMORY).is_none());
        assert!(memory(Some("other")).try_take(MEMORY).is_some());
        drop(held);
        assert!(own.try_take(MEMORY).is_some());
    }
}
