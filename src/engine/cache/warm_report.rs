//! What `cache.warm` says in the end.

use std::collections::HashSet;
use std::time::Instant;

use serde_json::{Value, json};

use super::super::sanitize::{cut_list, list_and_count, list_that_fits};
use super::targets::{Image, Target};
use super::{empty_outputs, size_text};
use crate::buildkit::Solved;
use crate::outcome::{Outputs, StepError, Success};

/// An image that a daemon has.
#[derive(Debug)]
pub(super) struct Pulled {
    image: Image,
    /// The daemon's name, if there are several.
    daemon: Option<String>,
    bytes: u64,
    /// Whether all of its layers were there, and extracted.
    is_warm: bool,
    seconds: f64,
}

/// What was done, and what was not.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) done: Vec<Pulled>,
    /// The reasons that are the user's.
    pub(super) refused: Vec<String>,
    /// What servers that are away kept from being done.
    pub(super) away: Vec<String>,
    pub(super) warnings: Vec<String>,
}

impl Pulled {
    pub(super) fn new(image: Image, daemon: Option<String>, solved: &Solved, begun: Instant) -> Self {
        let is_warm = solved.pulled_layers == 0 && solved.has_extracted();
        Self { image, daemon, bytes: solved.pulled_bytes, is_warm, seconds: begun.elapsed().as_secs_f64() }
    }

    fn shown(&self) -> Value {
        let mut shown = json!({
            "image": self.image.image.to_string(),
            "platform": self.image.platform.clone().unwrap_or_default(),
            "size": self.bytes,
            "warm": self.is_warm,
            "seconds": (self.seconds * 10.0).round() / 10.0,
        });
        if let Some(daemon) = &self.daemon {
            shown["buildkitd"] = json!(daemon);
        }
        shown
    }
}

impl Report {
    /// An image that no stage may need is a warning.
    pub(super) fn refuse(&mut self, target: &Target, why: &str) {
        let line = format!("{}: {why}", target.image);
        if target.is_certain { &mut self.refused } else { &mut self.warnings }.push(line);
    }

    /// The error with the outputs until then.
    pub(super) fn stopped(&self, error: StepError) -> StepError {
        StepError { outputs: self.outputs(), ..error }
    }

    /// The end of the step. A server that is away may answer the next try, so it comes first.
    pub(super) fn ended(self) -> Result<Success, StepError> {
        let error = match (self.away.split_first(), self.refused.split_first()) {
            (Some((why, more)), _) => StepError::transient(with_others(why, more.len() + self.refused.len())),
            (None, Some((why, more))) => StepError::user(with_others(why, more.len())),
            (None, None) => return Ok(Success { summary: self.summary(), outputs: self.outputs() }),
        };
        Err(self.stopped(error))
    }

    fn summary(&self) -> String {
        match self.cold() {
            _ if self.done.is_empty() => "the Dockerfiles read no image".to_owned(),
            0 => format!("all {} images were warm", self.count(|_| true)),
            cold => {
                let (count, size) = (self.count(|_| true), size_text(self.bytes()));
                format!("pulled {cold} of {count} images, {size}; the others were warm")
            }
        }
    }

    fn outputs(&self) -> Outputs {
        let (images, kept) = list_and_count(self.done.iter().map(Pulled::shown));
        let cut = cut_list("images", kept, self.done.len());
        let mut outputs = empty_outputs();
        outputs.insert("size".to_owned(), self.bytes().to_string());
        outputs.insert("records".to_owned(), self.cold().to_string());
        outputs.insert("images".to_owned(), images);
        outputs.insert("warnings".to_owned(), list_that_fits(self.warnings.iter().chain(&cut)));
        outputs
    }

    fn bytes(&self) -> u64 {
        self.done.iter().fold(0, |sum, pulled| sum.saturating_add(pulled.bytes))
    }

    /// The number of images that a daemon did not have.
    fn cold(&self) -> usize {
        self.count(|pulled| !pulled.is_warm)
    }

    /// The number of images of which one of `those` is. Each daemon has its own.
    fn count(&self, those: impl Fn(&Pulled) -> bool) -> usize {
        let images: HashSet<_> =
            self.done.iter().filter(|pulled| those(pulled)).map(|pulled| &pulled.image).collect();
        images.len()
    }
}

fn with_others(why: &str, others: usize) -> String {
    match others {
        0 => why.to_owned(),
        more => format!("{why}; {more} more could not be pulled"),
    }
}
