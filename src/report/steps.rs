//! The steps of a build with their times, as they are stored beside its log.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::time::{Duration, SystemTime};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use crate::buildkit::VertexSummary;
use crate::http;
use crate::text;

/// The most steps that are stored, and read again.
const MOST: usize = 1000;
/// The most inputs of a step.
const INPUTS: usize = 100;
/// The most bytes that are read of all steps. Zeros compress to a thousandth of their size.
const READ: u64 = 8 << 20;
/// The most bytes of a name, of an error, and of the reason why a step was not cached.
const NAME: usize = 512;
const TEXT: usize = 2 << 10;

/// The steps of a build. Fields that are missing have their default, and further ones are ignored, so that versions can read each
/// other's lists.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct StepList {
    /// The steps, in the order in which BuildKit reported them.
    pub steps: Vec<BuildStep>,
    /// The number of further steps, which are not in the list.
    pub left_out: usize,
    /// Why the first step that ran was not cached, as a sentence; empty if that is not known.
    pub cache_miss: String,
    /// The digest of the image of the previous build.
    pub previous: Option<String>,
}

/// A step: a vertex of BuildKit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct BuildStep {
    /// The name at its begin and end in the log.
    pub name: String,
    /// The beginning of each line that it printed, in the log.
    pub label: String,
    /// The positions of the steps whose results it read.
    pub inputs: Vec<usize>,
    /// The start, in milliseconds since 1970.
    pub started: Option<u64>,
    /// The end, in milliseconds since 1970.
    pub ended: Option<u64>,
    /// Whether the result came from a cache.
    pub cached: bool,
    /// Whether it could have come from a cache: it is an instruction, and no `FROM`.
    pub cacheable: bool,
    /// The error, if it failed.
    pub error: Option<String>,
}

impl StepList {
    /// The list of `vertices`. `clean` removes secrets and escape sequences from a text, as in the log.
    pub fn of(vertices: &[VertexSummary], clean: impl Fn(&str) -> String) -> Self {
        let kept = &vertices[..vertices.len().min(MOST)];
        let mut places = HashMap::new();
        for (at, vertex) in kept.iter().enumerate() {
            places.entry(vertex.digest.as_str()).or_insert(at);
        }
        let step = |vertex: &VertexSummary| BuildStep {
            name: vertex.log_name(&clean),
            label: vertex.log_label(&clean),
            inputs: vertex.inputs.iter().filter_map(|input| places.get(input.as_str()).copied()).collect(),
            started: vertex.started.map(milliseconds),
            ended: vertex.completed.map(milliseconds),
            cached: vertex.cached,
            cacheable: vertex.is_step(),
            error: vertex.error.as_deref().map(|error| text::cut(clean(error), TEXT)),
        };
        let steps = kept.iter().map(step).collect();
        Self { steps, left_out: vertices.len() - kept.len(), ..Self::default() }
    }

    /// The list as JSON, compressed with gzip.
    pub fn to_gzip(&self) -> Vec<u8> {
        let json = serde_json::to_vec(self).unwrap_or_default();
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        // Writing to memory cannot fail.
        gzip.write_all(&json).and_then(|()| gzip.finish()).unwrap_or_default()
    }

    /// Reads and cleans a list that may come from anybody. `None` if it is not one.
    pub fn from_gzip(gzip: &[u8]) -> Option<Self> {
        let mut json = Vec::new();
        MultiGzDecoder::new(gzip).take(READ).read_to_end(&mut json).ok()?;
        // It refuses a text with very many values: a step of three bytes takes a hundred in memory.
        let mut list: Self = http::json(&json).ok()?;
        list.left_out = list.left_out.saturating_add(list.steps.len().saturating_sub(MOST));
        list.steps.truncate(MOST);
        let count = list.steps.len();
        list.steps.iter_mut().for_each(|step| step.clean(count));
        list.cache_miss = text::cut(text::line(&list.cache_miss), TEXT);
        Some(list)
    }

    /// The time from the start of the first step to the end of the last, in milliseconds since 1970.
    pub(super) fn span(&self) -> Option<(u64, u64)> {
        let times = || self.steps.iter().filter_map(BuildStep::times);
        Some((times().map(|(started, _)| started).min()?, times().map(|(_, ended)| ended).max()?))
    }
}

impl BuildStep {
    /// The start and the end, in milliseconds since 1970, if both are known.
    pub(super) fn times(&self) -> Option<(u64, u64)> {
        self.started.zip(self.ended).filter(|(started, ended)| started <= ended)
    }

    pub(super) fn took(&self) -> Duration {
        let (started, ended) = self.times().unwrap_or_default();
        Duration::from_millis(ended.saturating_sub(started))
    }

    /// Whether it ran although it could have come from a cache.
    pub(super) fn is_missed(&self) -> bool {
        self.cacheable && !self.cached && self.times().is_some()
    }

    /// Makes the step one of a list of `count` steps that can be shown.
    fn clean(&mut self, count: usize) {
        self.name = text::cut(text::lines(&self.name), NAME);
        self.label = text::cut(text::lines(&self.label), NAME);
        self.error = self.error.take().map(|error| text::cut(text::lines(&error), TEXT));
        self.inputs.retain(|input| *input < count);
        self.inputs.truncate(INPUTS);
    }
}

fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or_default()
}
