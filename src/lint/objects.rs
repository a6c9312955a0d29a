//! The objects of all files that hold templates (Workflows, WorkflowTemplates, ClusterWorkflowTemplates, CronWorkflows), and
//! those of Argo Events.

use serde_json::Value;

use super::events;
use crate::catalogue;
use crate::manifest::documents::Document;
use crate::templates::{self, KINDS, Placed};

/// A file that is YAML.
#[derive(Debug)]
pub(super) struct InputFile<'a> {
    /// Its place in the list of sources.
    pub(super) number: usize,
    pub(super) text: &'a str,
    pub(super) documents: Vec<Document>,
    /// The objects that Sensors make.
    pub(super) made: Vec<MadeObject>,
}

impl<'a> InputFile<'a> {
    pub(super) fn new(number: usize, text: &'a str, documents: Vec<Document>) -> Self {
        let made = events::resources::all(&documents);
        Self { number, text, documents, made }
    }
}

/// An object that a Sensor makes, in which every value that comes from the event is empty.
#[derive(Debug)]
pub(super) struct MadeObject {
    /// The document of the Sensor, by number, and the JSON pointer of the object in it.
    pub(super) document: usize,
    pub(super) pointer: String,
    pub(super) value: Value,
}

/// An object with templates, or of Argo Events.
#[derive(Debug, Clone)]
pub(super) struct ArgoObject<'a> {
    /// Its file, and the document in it, by number.
    pub(super) file: usize,
    pub(super) document: usize,
    pub(super) kind: &'static str,
    pub(super) name: &'a str,
    /// The JSON pointer of the object in its document.
    pub(super) root: String,
    /// The object.
    pub(super) whole: &'a Value,
    /// The JSON pointer of the workflow's spec in the document, or of the object's own.
    pub(super) spec_pointer: String,
    /// That spec.
    pub(super) spec: &'a Value,
}

/// Everything that the rules may look at.
#[derive(Debug, Default)]
pub(super) struct Given<'a> {
    /// The objects with templates, and those that Sensors make.
    pub(super) objects: Vec<ArgoObject<'a>>,
    /// The objects of Argo Events.
    pub(super) events: Vec<ArgoObject<'a>>,
    /// Objects of Argo with a kind that it does not have.
    pub(super) strangers: Vec<(ArgoObject<'a>, &'a str)>,
    /// The documents of the objects, each with its first object.
    pub(super) documents: Vec<(ArgoObject<'a>, &'a Document)>,
    /// The catalogues of services, each as an object without a spec, and its document.
    pub(super) catalogues: Vec<(ArgoObject<'a>, &'a Document)>,
    pub(super) passed_over: usize,
}

/// The kind of a catalogue in messages, and the name of its rule.
pub(super) const CATALOGUE: &str = "catalogue";

/// The group of Argo's objects.
const GROUP: &str = "argoproj.io/";

/// Kinds of Argo's projects that hold no templates of workflows.
const OTHERS: &[&str] = &[
    "AnalysisRun",
    "AnalysisTemplate",
    "AppProject",
    "Application",
    "ApplicationSet",
    "ArgoCD",
    "ClusterAnalysisTemplate",
    "ExecutorPlugin",
    "Experiment",
    "NotificationsConfiguration",
    "Rollout",
    "WorkflowArtifactGCTask",
    "WorkflowEventBinding",
    "WorkflowTaskResult",
    "WorkflowTaskSet",
];

impl<'a> Given<'a> {
    /// The objects of the files, in order.
    pub(super) fn of(files: &'a [InputFile<'a>]) -> Self {
        let mut given = Self::default();
        for (file, read) in files.iter().enumerate() {
            for (number, document) in read.documents.iter().enumerate() {
                given.take((file, number), document);
            }
            for made in &read.made {
                let known = KINDS.iter().find(|(kind, _)| made.value["kind"] == *kind);
                if let Some((kind, path)) = known {
                    let pointer = made.pointer.clone();
                    given.objects.push(object(kind, (file, made.document), pointer, &made.value, path));
                }
            }
        }
        given
    }

    fn take(&mut self, at: (usize, usize), document: &'a Document) {
        if catalogue::is_catalogue(&document.value) {
            let object = catalogue_object(at, &document.value);
            self.documents.push((object.clone(), document));
            return self.catalogues.push((object, document));
        }
        let mut first = None;
        for (root, value) in items(&document.value) {
            let is_argo = value["apiVersion"].as_str().is_some_and(|version| version.starts_with(GROUP));
            let kind = value["kind"].as_str().unwrap_or_default();
            match KINDS.iter().find(|(known, _)| *known == kind).filter(|_| is_argo) {
                Some((kind, path)) => {
                    self.objects.push(object(kind, at, root, value, path));
                    first = first.or(self.objects.last().cloned());
                }
                None if is_argo && events::KINDS.contains(&kind) => {
                    let kind = events::KINDS.into_iter().find(|known| *known == kind).unwrap_or_default();
                    self.events.push(object(kind, at, root, value, "/spec"));
                    first = first.or(self.events.last().cloned());
                }
                None if is_argo && !OTHERS.contains(&kind) => {
                    self.strangers.push((object("object", at, root, value, ""), kind));
                }
                None => {}
            }
        }
        match first {
            Some(first) => self.documents.push((first, document)),
            None => self.passed_over += usize::from(!document.value.is_null()),
        }
    }

    /// The object `name` of `kind`.
    pub(super) fn find(&self, kind: &str, name: &str) -> Option<&ArgoObject<'a>> {
        self.objects.iter().find(|object| object.kind == kind && object.name == name)
    }

    /// The objects of Argo Events of `kind`.
    pub(super) fn of_events<'b>(&'b self, kind: &'b str) -> impl Iterator<Item = &'b ArgoObject<'a>> {
        self.events.iter().filter(move |object| object.kind == kind)
    }

    /// The template that a step or task runs, with its object; `None` if it is not among the files.
    pub(super) fn run_by<'b>(
        &'b self,
        object: &'b ArgoObject<'a>,
        child: &'a Value,
    ) -> Option<(&'a Value, &'b ArgoObject<'a>)> {
        if let Some(inline) = child.get("inline") {
            return Some((inline, object));
        }
        if let Some(template) = child["template"].as_str() {
            return Some((object.template(template)?, object));
        }
        let reference = &child["templateRef"];
        let other = self.find(template_kind(reference), reference["name"].as_str()?)?;
        Some((other.template(reference["template"].as_str()?)?, other))
    }
}

/// The kind of object that a `templateRef` or `workflowTemplateRef` names.
pub(super) fn template_kind(reference: &Value) -> &'static str {
    match reference["clusterScope"].as_bool() {
        Some(true) => "ClusterWorkflowTemplate",
        _ => "WorkflowTemplate",
    }
}

/// A catalogue as an object; its name is that of its namespace.
pub(super) fn catalogue_object(at: (usize, usize), document: &Value) -> ArgoObject<'_> {
    let name = document["namespace"].as_str().unwrap_or_default();
    ArgoObject { name, ..object(CATALOGUE, at, String::new(), document, "/spec") }
}

/// The object `value` of a file and document.
pub(super) fn object<'a>(
    kind: &'static str,
    (file, document): (usize, usize),
    root: String,
    value: &'a Value,
    path: &str,
) -> ArgoObject<'a> {
    let metadata = &value["metadata"];
    let name = metadata["name"].as_str().or(metadata["generateName"].as_str()).unwrap_or_default();
    let spec = value.pointer(path).unwrap_or(&Value::Null);
    ArgoObject { file, document, kind, name, spec_pointer: format!("{root}{path}"), root, whole: value, spec }
}

/// The document, or the items of a list.
pub(super) fn items(document: &Value) -> Vec<(String, &Value)> {
    let is_list = document["kind"].as_str().is_some_and(|kind| kind.ends_with("List"));
    match document["items"].as_array().filter(|_| is_list) {
        Some(items) => items.iter().enumerate().map(|(n, item)| (format!("/items/{n}"), item)).collect(),
        None => vec![(String::new(), document)],
    }
}

impl<'a> ArgoObject<'a> {
    /// All templates, with JSON pointers from the document.
    pub(super) fn templates(&self) -> Vec<Placed<'a>> {
        let placed = templates::of_spec(self.spec).into_iter();
        placed.map(|one| Placed { pointer: format!("{}{}", self.spec_pointer, one.pointer), ..one }).collect()
    }

    /// The names of its own templates.
    pub(super) fn template_names(&self) -> impl Iterator<Item = &'a str> {
        let own = self.spec["templates"].as_array().into_iter().flatten();
        own.filter_map(|template| template["name"].as_str())
    }

    /// Its own template `name`.
    pub(super) fn template(&self, name: &str) -> Option<&'a Value> {
        let own = self.spec["templates"].as_array().into_iter().flatten();
        own.into_iter().find(|template| template["name"].as_str() == Some(name))
    }
}
