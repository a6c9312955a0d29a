//! The objects that were read, and the services that were found in them.

use std::collections::BTreeMap;

use super::pipeline::{Field, Pipeline, push_new};
use super::report::OpenPoint;
use super::source::{Node, Source};

/// The most services of a catalogue.
const SERVICES: usize = 1000;

/// The most tasks and steps that are read, counted for each service that uses them.
const WORK: usize = 50_000;

/// The kinds of objects that the readers know.
const KINDS: &[&str] = &[
    "Application",
    "ClusterTask",
    "ClusterTriggerBinding",
    "ClusterWorkflowTemplate",
    "CronJob",
    "CronWorkflow",
    "EventListener",
    "Job",
    "Pipeline",
    "PipelineRun",
    "Pod",
    "Task",
    "TaskRun",
    "Trigger",
    "TriggerBinding",
    "TriggerTemplate",
    "Workflow",
    "WorkflowTemplate",
];

/// All objects of Kubernetes among the documents.
pub(super) struct Objects<'a> {
    pub(super) sources: &'a [Source],
    all: Vec<Node<'a>>,
    names: BTreeMap<(&'a str, &'a str), usize>,
}

impl<'a> Objects<'a> {
    pub(super) fn of(sources: &'a [Source]) -> Self {
        let mut objects = Self { sources, all: Vec::new(), names: BTreeMap::new() };
        for source in sources {
            let root = source.root();
            let is_list = root.get("kind").and_then(|kind| kind.str()) == Some("List");
            let found = if is_list { root.list("items") } else { vec![root] };
            for object in found {
                objects.add(object);
            }
        }
        objects
    }

    fn add(&mut self, object: Node<'a>) {
        let kind = object.get("kind").and_then(|kind| kind.str());
        let Some(kind) = kind else { return };
        if let Some(name) = object.at(&["metadata", "name"]).and_then(|name| name.str()) {
            self.names.entry((kind, name)).or_insert(self.all.len());
        }
        self.all.push(object);
    }

    /// The objects of a kind, in the order of the files.
    pub(super) fn of_kind(&self, kind: &str) -> Vec<Node<'a>> {
        let is_it = |object: &&Node<'a>| object.get("kind").and_then(|kind| kind.str()) == Some(kind);
        self.all.iter().filter(is_it).cloned().collect()
    }

    /// The objects of other kinds, and the documents that are neither objects nor workflows of Actions.
    pub(super) fn unread(&self) -> Vec<Node<'a>> {
        let is_unread = |object: &&Node<'a>| {
            object.get("kind").and_then(|kind| kind.str()).is_none_or(|kind| !KINDS.contains(&kind))
        };
        let roots = self.sources.iter().map(|source| source.root());
        let others = roots.filter(|root| root.get("kind").is_none() && root.get("jobs").is_none());
        self.all.iter().filter(is_unread).cloned().chain(others).collect()
    }

    pub(super) fn find(&self, kind: &'a str, name: &'a str) -> Option<Node<'a>> {
        self.names.get(&(kind, name)).map(|n| self.all[*n].clone())
    }
}

/// The hook, as far as the input says something about it.
#[derive(Debug, Clone, Default)]
pub(super) struct FoundHook {
    /// `gitea` or `github`.
    pub(super) source: Option<&'static str>,
    /// The Secret and its key.
    pub(super) secret: Option<(String, String)>,
}

/// What the readers found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) services: Vec<Pipeline>,
    pub(super) hook: FoundHook,
    pub(super) open: Vec<OpenPoint>,
    work: usize,
}

impl Found {
    /// Whether one more task or step may be read.
    pub(super) fn may_read(&mut self) -> bool {
        self.work += 1;
        self.work <= WORK
    }

    pub(super) fn open(&mut self, place: impl Into<String>, what: impl Into<String>) {
        self.open.push(OpenPoint { place: place.into(), what: what.into() });
    }

    /// Whether the work was cut short.
    pub(super) fn is_cut(&self) -> bool {
        self.work > WORK || self.services.len() >= SERVICES
    }

    /// Takes a build, if it is one, and lets the marks of its reader count then.
    pub(super) fn take(&mut self, pipeline: Pipeline, sources: &[Source]) -> bool {
        let counts = pipeline.builds && self.services.len() < SERVICES;
        sources.iter().for_each(|source| source.settle(counts));
        if counts {
            self.add(pipeline);
        }
        counts
    }

    fn add(&mut self, pipeline: Pipeline) {
        let image = pipeline.get(Field::Image);
        let same = self.services.iter_mut().find(|known| image.is_some() && known.get(Field::Image) == image);
        let Some(known) = same else { return self.services.push(pipeline) };
        let differing = join(known, pipeline);
        self.open.extend(differing);
    }
}

/// Joins two descriptions of one service. Returns what differs.
fn join(known: &mut Pipeline, other: Pipeline) -> Vec<OpenPoint> {
    let mut open = Vec::new();
    for (field, text) in other.fields {
        match known.get(field) {
            Some(first) if first != text => {
                let what = format!("{} differs from that of {}, which counts", field.shown(), known.origin);
                open.push(OpenPoint { place: other.origin.clone(), what });
            }
            Some(_) => {}
            None => drop(known.fields.insert(field, text)),
        }
    }
    for (name, value) in other.build_args {
        let first = known.build_args.entry(name.clone()).or_insert_with(|| value.clone());
        if *first != value {
            let what = format!("`build-args.{name}` differs from that of {}, which counts", known.origin);
            open.push(OpenPoint { place: other.origin.clone(), what });
        }
    }
    for (list, more) in [
        (&mut known.platforms, &other.platforms),
        (&mut known.extra_tags, &other.extra_tags),
        (&mut known.branches, &other.branches),
        (&mut known.git_tags, &other.git_tags),
        (&mut known.paths, &other.paths),
        (&mut known.paths_ignore, &other.paths_ignore),
    ] {
        more.iter().for_each(|text| push_new(list, text));
    }
    known.pull_requests |= other.pull_requests;
    known.deploys |= other.deploys;
    known.supersedes |= other.supersedes;
    known.name = known.name.take().or(other.name);
    known.full_name = known.full_name.take().or(other.full_name);
    known.open.extend(other.open);
    open
}
