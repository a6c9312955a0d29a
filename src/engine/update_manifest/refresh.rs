//! `refresh`: notifies Argo CD of the commit. The commit has landed, so no failure here fails the step.

use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use super::MARGIN;
use crate::engine::Engine;
use crate::engine::context::Cx;
use crate::outcome::chain;
use crate::step::UpdateManifest;
use crate::time_limits::{self, calls};
use crate::write_back::Landed;

/// The time limit for the API server, over all tries. Argo CD finds the commit by itself within minutes.
const LIMIT: Duration = calls::KUBE_REFRESH.whole();

/// The outcome of the notification; `None` if the step requested none.
pub(super) type Refreshed = Option<Result<(), String>>;

/// Refreshes the Application that the step names, if a commit was made.
pub(super) async fn refresh(engine: &Engine, update: &UpdateManifest, landed: &Landed, cx: &Cx) -> Refreshed {
    let application = update.refresh.as_ref().filter(|_| landed.changed)?;
    cx.now(format!("committed {}; refreshing Argo CD's `{}`", landed.commit, application.name));
    let now = Instant::now();
    let until = cx.before_deadline(MARGIN).min(now + LIMIT);
    let refreshed = engine.argocd.refresh(&cx.workflow.namespace, application);
    let ended = tokio::select! {
        biased;
        // A stopped step that has committed must still report its commit.
        () = cx.gate.closed() => Err("the step was stopped".to_owned()),
        ended = time_limits::until(until, until - now, "the Kubernetes API", refreshed) => match ended {
            Ok(ended) => ended.map_err(|error| chain(&error)),
            Err(late) => Err(format!("{late}; Argo CD will find the commit by itself")),
        },
    };
    engine.metrics.refreshed(ended.is_ok());
    if let Err(why) = &ended {
        let name = &application.name;
        warn!(application.name = %name, application.namespace = %application.namespace, "Argo CD was not refreshed: {why}");
    }
    Some(ended)
}

/// The part of the step's summary about the refresh.
pub(super) fn summary(update: &UpdateManifest, refreshed: &Refreshed) -> String {
    match (refreshed, &update.refresh) {
        (Some(Ok(())), Some(application)) => format!("; refreshed Argo CD's `{}`", application.name),
        (Some(Err(why)), _) => format!("; Argo CD was not refreshed: {why}"),
        _ => String::new(),
    }
}
