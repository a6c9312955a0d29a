//! Tekton: runs, pipelines and tasks. `triggers` has the events that begin them.

mod known;
mod triggers;

use std::collections::{BTreeMap, BTreeSet};

use super::containers::{container, volumes};
use super::found::{Found, Objects};
use super::pipeline::{Field, Pipeline};
use super::source::Node;
use super::term::{Scope, Term, resolve};
use super::verdict::Verdict;

/// The parameters that are passed to a pipeline or to a task, each with its items; a text has one.
type Given<'a> = BTreeMap<String, Vec<Term<'a>>>;

/// Reads all objects of Tekton.
pub(super) fn read(objects: &Objects<'_>, found: &mut Found) {
    let mut reader = TektonReader { objects, found, used: BTreeSet::new() };
    triggers::read(&mut reader);
    for kind in ["PipelineRun", "TaskRun"] {
        for run in objects.of_kind(kind) {
            let mut out = Pipeline::new(run.place());
            reader.run(&run, &Scope::new(), &mut out);
            reader.found.take(out, objects.sources);
        }
    }
    for (kind, is_pipeline) in [("Pipeline", true), ("Task", false), ("ClusterTask", false)] {
        for object in objects.of_kind(kind) {
            reader.alone(&object, is_pipeline);
        }
    }
}

struct TektonReader<'r, 'a> {
    objects: &'r Objects<'a>,
    found: &'r mut Found,
    /// The places of the objects that others have used.
    used: BTreeSet<String>,
}

impl<'a> TektonReader<'_, 'a> {
    /// A pipeline or a task that nothing runs.
    fn alone(&mut self, object: &Node<'a>, is_pipeline: bool) {
        let (Some(spec), false) = (object.get("spec"), self.used.contains(&object.place())) else { return };
        let mut out = Pipeline::new(object.place());
        out.name = object.text_at(&["metadata", "name"]);
        match is_pipeline {
            true => self.pipeline(&spec, &Given::new(), &mut out),
            false => self.steps(&spec, &Given::new(), &mut out),
        }
        self.found.take(out, self.objects.sources);
    }

    /// A PipelineRun or a TaskRun.
    fn run(&mut self, run: &Node<'a>, scope: &Scope<'a>, out: &mut Pipeline) {
        let Some(spec) = run.get("spec") else { return };
        let given = given(&spec.list("params"), scope);
        for path in [&["timeouts", "pipeline"][..], &["timeout"]] {
            if let Some(timeout) = spec.at(path) {
                out.set(Field::Timeout, &resolve(&timeout, scope));
            }
        }
        secrets(&spec, scope, out);
        for (reference, inline, kind, is_pipeline) in
            [("pipelineRef", "pipelineSpec", "Pipeline", true), ("taskRef", "taskSpec", "Task", false)]
        {
            let named = spec.get(reference).and_then(|reference| self.referred(&reference, kind));
            let Some(spec) = spec.get(inline).or(named) else { continue };
            match is_pipeline {
                true => self.pipeline(&spec, &given, out),
                false => self.steps(&spec, &given, out),
            }
        }
    }

    /// The spec of the object that a reference names.
    fn referred(&mut self, reference: &Node<'a>, kind: &'static str) -> Option<Node<'a>> {
        let name = reference.get("name")?;
        let kind = if reference.get("kind").and_then(|kind| kind.str()) == Some("ClusterTask") {
            "ClusterTask"
        } else {
            kind
        };
        let Some(object) = self.objects.find(kind, name.str()?) else {
            name.by_hand("nothing that was read has this name; put its file beside the others, and run `migrate` again");
            return None;
        };
        name.direct(&format!("the {kind}, which is read at {}", object.place()));
        self.used.insert(object.place());
        object.get("spec")
    }

    fn pipeline(&mut self, spec: &Node<'a>, given: &Given<'a>, out: &mut Pipeline) {
        let scope = declared(&spec.list("params"), given);
        for task in spec.list("tasks") {
            if self.found.may_read() {
                self.task(&task, &scope, out);
            }
        }
    }

    /// A task of a pipeline.
    fn task(&mut self, task: &Node<'a>, scope: &Scope<'a>, out: &mut Pipeline) {
        let given = given(&task.list("params"), scope);
        if let Some(timeout) = task.get("timeout") {
            out.set_as(
                Field::Timeout,
                &resolve(&timeout, scope),
                Some("the time of a task; here it is that of the whole node"),
            );
        }
        let reference = task.get("taskRef");
        let name = reference.as_ref().and_then(name_of);
        if let Some((name, known)) = name.as_ref().and_then(|name| Some((name, known::named(name.str()?)?))) {
            name.direct("a Task of Tekton's catalogue, which is known");
            if let Some(object) = name.str().and_then(|name| self.objects.find("Task", name)) {
                self.used.insert(object.place());
                object.mark_all(
                    Verdict::Approximate,
                    "not needed: the plugin does what this Task of Tekton's catalogue did",
                );
            }
            return known::read(known, &given, out);
        }
        let named = reference.and_then(|reference| self.referred(&reference, "Task"));
        if let Some(spec) = task.get("taskSpec").or(named) {
            self.steps(&spec, &given, out);
        }
    }

    fn steps(&mut self, spec: &Node<'a>, given: &Given<'a>, out: &mut Pipeline) {
        let scope = declared(&spec.list("params"), given);
        volumes(spec, &scope, out);
        for step in spec.list("steps") {
            if self.found.may_read() {
                container(&step, &scope, out);
            }
        }
    }
}

/// Secrets that a run mounts as workspaces.
fn secrets<'a>(spec: &Node<'a>, scope: &Scope<'a>, out: &mut Pipeline) {
    for workspace in spec.list("workspaces") {
        let Some(secret) = workspace.at(&["secret", "secretName"]) else { continue };
        let name = workspace.text_at(&["name"]).unwrap_or_default().to_lowercase();
        let term = resolve(&secret, scope);
        if name.contains("docker") || name.contains("registry") {
            out.set_as(Field::RegistrySecret, &term, Some("of type kubernetes.io/dockerconfigjson"));
        } else if ["git", "ssh", "auth"].iter().any(|word| name.contains(word)) {
            out.set_as(
                Field::GitSecret,
                &term,
                Some("its keys must be `username` and `password`, or `ssh-privatekey`"),
            );
        }
    }
}

/// The name of a Task, also behind the resolvers of Tekton's hub and of clusters.
fn name_of<'a>(reference: &Node<'a>) -> Option<Node<'a>> {
    let by_resolver = || {
        let parameters = reference.list("params").into_iter();
        let mut named = parameters.filter(|one| one.text_at(&["name"]).as_deref() == Some("name"));
        named.next()?.get("value")
    };
    reference.get("name").or_else(by_resolver)
}

/// The parameters of a list, with the names of `scope` replaced in them.
fn given<'a>(parameters: &[Node<'a>], scope: &Scope<'a>) -> Given<'a> {
    let mut given = Given::new();
    for parameter in parameters {
        let (Some(name), Some(value)) = (parameter.get("name"), parameter.get("value")) else { continue };
        let Some(key) = name.str() else { continue };
        let own = std::slice::from_ref(&name);
        let items = value.items().iter().map(|item| resolve(item, scope).and(own)).collect();
        given.insert(key.to_owned(), items);
    }
    given
}

/// What the declared parameters stand for: what is given, or the default.
fn declared<'a>(parameters: &[Node<'a>], given: &Given<'a>) -> Scope<'a> {
    let mut scope = Scope::new();
    for parameter in parameters {
        let Some(name) = parameter.get("name") else { continue };
        let Some(key) = name.str() else { continue };
        let also: Vec<_> = [Some(name.clone()), parameter.get("type")].into_iter().flatten().collect();
        let default = parameter.get("default");
        let term = match (given.get(key).map(Vec::as_slice), &default) {
            (Some([one]), Some(default)) => one.clone().and(std::slice::from_ref(default)),
            (Some([one]), None) => one.clone(),
            (None, Some(default)) if !default.is_list() => resolve(default, &Scope::new()),
            _ => continue,
        };
        scope.insert(format!("params.{key}"), term.and(&also));
    }
    scope
}
