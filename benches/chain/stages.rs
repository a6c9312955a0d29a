//! Where the time of one of our runs went.
//!
//! The times come from the sidecar's log, each line of which the node stamps, and from what the API server said and when.

use std::fmt;
use std::time::{Instant, SystemTime};

use jiff::Timestamp;

use crate::api::Seen;

/// What stages there are, in order.
pub(crate) const NAMES: [&str; 7] =
    ["workflow start", "agent's pod", "first call", "build", "to the next step", "commit", "to the end"];

/// The seconds of each.
#[derive(Debug)]
pub(crate) struct Stages(pub(crate) [f64; NAMES.len()]);

/// What is known of a run from outside.
pub(crate) struct Marks<'a> {
    pub(crate) began: Instant,
    /// The time of day of `began`.
    pub(crate) wall: SystemTime,
    pub(crate) commit: Instant,
    pub(crate) end: Instant,
    pub(crate) name: &'a str,
}

impl Stages {
    /// From the run's marks, its agent's pods and its sidecar's log.
    pub(crate) fn of(marks: &Marks<'_>, pods: &Seen, log: &str) -> Self {
        let label = "workflows.argoproj.io/workflow";
        let (pod, _) = pods.first(|pod| pod["metadata"]["labels"][label] == marks.name).unwrap();
        let since = |at: Instant| (at - marks.began).as_secs_f64();
        let log = Log { text: log, wall: marks.wall };
        let jobs = log.jobs();
        let (first, last) = (jobs.first().unwrap(), jobs.last().unwrap());
        let listening = log.lines("listening for the plugin").next().unwrap();
        // Of one job, the build ends with the last line that it said; of two, the first is the build.
        let written = match jobs.len() {
            1 => log.lines(&format!(" {} build: ", marks.name)).last().map(|built| (built, built)).unwrap(),
            _ => (first.1, last.0),
        };
        let times = [
            0.0,
            since(pod),
            listening,
            first.0,
            written.0,
            written.1,
            since(marks.commit),
            since(marks.end),
        ];
        Self(std::array::from_fn(|stage| times[stage + 1] - times[stage]))
    }
}

struct Log<'a> {
    text: &'a str,
    wall: SystemTime,
}

impl Log<'_> {
    /// When lines with `what` were written, in seconds since the run's creation.
    fn lines(&self, what: &str) -> impl DoubleEndedIterator<Item = f64> {
        self.text.lines().filter(move |line| line.contains(what)).map(|line| self.time(line))
    }

    /// When each job began and ended.
    fn jobs(&self) -> Vec<(f64, f64)> {
        let ended = self.text.lines().filter_map(|line| Some((self.time(line), seconds(line)?)));
        ended.map(|(end, seconds)| (end - seconds, end)).collect()
    }

    fn time(&self, line: &str) -> f64 {
        let stamp: Timestamp = line.split(' ').next().unwrap().parse().unwrap();
        (stamp.duration_since(Timestamp::try_from(self.wall).unwrap())).as_secs_f64()
    }
}

/// What a line at a job's end says that it took.
fn seconds(line: &str) -> Option<f64> {
    let (_, rest) = line.split_once("seconds=")?;
    rest.split(' ').next()?.parse().ok()
}

impl fmt::Display for Stages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<_> =
            NAMES.iter().zip(self.0).map(|(name, seconds)| format!("{name} {seconds:.2}")).collect();
        f.write_str(&all.join(", "))
    }
}
