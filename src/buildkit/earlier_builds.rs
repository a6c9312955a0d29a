//! Finds the last build of its kind in the daemon's history.

use std::collections::BTreeMap;

use bollard_buildkit_proto::moby::buildkit::v1 as control;
use control::{BuildHistoryEventType, BuildHistoryRecord, BuildHistoryRequest};
use tokio::sync::watch;

use super::connection::Connection;
use super::error::BuildError;
use super::progress::Progress;
use super::vertices::{VertexSummary, Vertices};
use super::{Buildkit, PEER, history, solve};
use crate::time_limits::{PeerActivity, within};

/// A build in the daemon's history.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EarlierBuild {
    /// The attributes of its request; see [`super::Solve::attrs`].
    pub attrs: BTreeMap<String, String>,
    /// Its vertices, without their inputs. Their names are not cleaned: they may contain what was secret then.
    pub vertices: Vec<VertexSummary>,
    /// The digest of its image, if history has it.
    pub digest: Option<String>,
}

impl Buildkit {
    /// The newest successful build whose attribute `name` is `value`, except those whose references begin with `own`. History keeps 50
    /// builds of all clients, or 48 hours.
    ///
    /// # Errors The daemon does not respond.
    pub async fn earlier_build(
        &self,
        (name, value): (&str, &str),
        own: &str,
    ) -> Result<Option<EarlierBuild>, BuildError> {
        let is_it = |record: &BuildHistoryRecord| {
            let is_same = record.frontend_attrs.get(name).is_some_and(|found| found == value);
            is_same && !record.r#ref.starts_with(own) && record.error.is_none()
        };
        let asked = async {
            let connection = self.connect().await?;
            match self.newest(&connection, is_it).await? {
                Some(record) => self.replayed(&connection, record).await.map(Some),
                None => Ok(None),
            }
        };
        let asked = within(self.inner.limits.answer, PEER, asked).await;
        asked.unwrap_or_else(|late| Err(self.late(&late)))
    }

    /// The newest of the ended builds that `is_it` accepts.
    async fn newest(
        &self,
        connection: &Connection,
        is_it: impl Fn(&BuildHistoryRecord) -> bool,
    ) -> Result<Option<BuildHistoryRecord>, BuildError> {
        let lost = |status: tonic::Status| self.unreachable_or(&status);
        let request = BuildHistoryRequest { early_exit: true, ..BuildHistoryRequest::default() };
        let mut events = connection.client().listen_build_history(request).await.map_err(lost)?.into_inner();
        let begun =
            |record: &BuildHistoryRecord| record.created_at.as_ref().map(|time| (time.seconds, time.nanos));
        let mut newest: Option<BuildHistoryRecord> = None;
        while let Some(event) = events.message().await.map_err(lost)? {
            if let (BuildHistoryEventType::Complete, Some(record)) = (event.r#type(), event.record)
                && is_it(&record)
                && newest.as_ref().is_none_or(|newest| begun(newest) < begun(&record))
            {
                newest = Some(record);
            }
        }
        Ok(newest)
    }

    /// The vertices of a build that has ended, from the daemon's replay.
    async fn replayed(
        &self,
        connection: &Connection,
        record: BuildHistoryRecord,
    ) -> Result<EarlierBuild, BuildError> {
        let (mut vertices, activity) = (Vertices::default(), PeerActivity::default());
        let (progress, _) = watch::channel(Progress::default());
        solve::watch_status(connection.client(), &record.r#ref, &mut vertices, &progress, &activity)
            .await
            .map_err(|status| self.unreachable_or(&status))?;
        let digest = history::digest(&record);
        let attrs = record.frontend_attrs.into_iter().collect();
        let bare = |vertex| VertexSummary { inputs: Vec::new(), ..vertex };
        Ok(EarlierBuild { attrs, vertices: vertices.into_list().into_iter().map(bare).collect(), digest })
    }
}
