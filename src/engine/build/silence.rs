//! Reports the progress of a build, and the server that it waits for.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::super::context::Cx;
use crate::buildkit;
use crate::progress::Progress;

/// The shortest silence that is reported.
const WORTH_TELLING: Duration = Duration::from_secs(10);
/// The step, in seconds, of the reported time. Every new line is written to the workflow.
const STEP: u64 = 5;

/// Reports the progress from `receiver` of a build at the daemon `place`, and how long it has been silent.
pub(super) async fn relay(
    place: &str,
    cx: &Cx,
    mut receiver: watch::Receiver<buildkit::Progress>,
) -> Infallible {
    let mut last = None;
    loop {
        // The value changes every second while the build runs. The sender's owner also ends this future.
        if receiver.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        let progress = receiver.borrow_and_update().clone();
        let line = line(place, progress, Instant::now());
        if let Some(line) = line.filter(|line| last.as_ref() != Some(line)) {
            last = Some(line.clone());
            cx.report(line);
        }
    }
}

fn line(place: &str, progress: buildkit::Progress, now: Instant) -> Option<Progress> {
    let silent = silence(place, &progress, now);
    let current = progress.current.or_else(|| silent.is_some().then(|| "waiting".to_owned()))?;
    let now = silent.map_or_else(|| current.clone(), |silent| format!("{current}, {silent}"));
    let notes = (progress.cached > 0).then(|| format!("{} cached", progress.cached));
    Some(Progress { now, notes: notes.into_iter().collect() })
}

/// Formats `registry r.io silent for 15 s`. While the daemon is silent, nothing is known of its peers.
fn silence(place: &str, progress: &buildkit::Progress, now: Instant) -> Option<String> {
    let (who, since) = match (progress.unheard, &progress.peer) {
        (Some(since), _) => (format!("buildkitd at {place}"), since),
        (None, Some(peer)) => (peer.name.clone(), peer.heard),
        (None, None) => return None,
    };
    let silent = now.saturating_duration_since(since);
    (silent >= WORTH_TELLING).then(|| format!("{who} silent for {} s", silent.as_secs() / STEP * STEP))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_silent_is_named_once_it_is_worth_telling() {
        let start = Instant::now();
        let peer = buildkit::Peer { name: "registry r.io".to_owned(), heard: start };
        let current = Some("[internal] load metadata for r.io/a:1".to_owned());
        let progress = buildkit::Progress { current, peer: Some(peer), cached: 2, ..Default::default() };
        let told = |progress: &buildkit::Progress, seconds| {
            line("tcp://b:1", progress.clone(), start + Duration::from_secs(seconds)).map(|line| line.now)
        };
        let plain = "[internal] load metadata for r.io/a:1";
        assert_eq!(told(&progress, 9).as_deref(), Some(plain));
        assert_eq!(told(&progress, 14), Some(format!("{plain}, registry r.io silent for 10 s")));
        assert_eq!(told(&progress, 63), Some(format!("{plain}, registry r.io silent for 60 s")));
        let away = buildkit::Progress { unheard: Some(start), ..progress };
        assert_eq!(told(&away, 21), Some(format!("{plain}, buildkitd at tcp://b:1 silent for 20 s")));
        let begun = buildkit::Progress { current: None, peer: None, ..away };
        assert_eq!(told(&begun, 9), None);
        assert_eq!(told(&begun, 10).as_deref(), Some("waiting, buildkitd at tcp://b:1 silent for 10 s"));
    }
}
