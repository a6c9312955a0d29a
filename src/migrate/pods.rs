//! Jobs, CronJobs and Pods that build, and Workflows of Argo whose pods build.

use super::containers::{container, volumes};
use super::found::{Found, Objects};
use super::pipeline::{Field, Pipeline};
use super::source::Node;
use super::term::{Scope, Term, resolve};
use super::verdict::Verdict;

/// The kinds with one pod, and the keys before its spec.
const PODS: [(&str, &[&str]); 3] = [
    ("Job", &["spec", "template", "spec"]),
    ("CronJob", &["spec", "jobTemplate", "spec", "template", "spec"]),
    ("Pod", &["spec"]),
];

/// The kinds of Argo with templates, and the keys before the spec of the workflow.
const WORKFLOWS: [(&str, &[&str]); 4] = [
    ("Workflow", &["spec"]),
    ("WorkflowTemplate", &["spec"]),
    ("ClusterWorkflowTemplate", &["spec"]),
    ("CronWorkflow", &["spec", "workflowSpec"]),
];

const HAS_OWN: &str = "a step of this plugin already; it stays as it is";

/// Reads all pods and workflows.
pub(super) fn read(objects: &Objects<'_>, found: &mut Found) {
    for (kind, path) in PODS {
        for object in objects.of_kind(kind) {
            pod(&object, path, objects, found);
        }
    }
    for (kind, path) in WORKFLOWS {
        for object in objects.of_kind(kind) {
            workflow(&object, path, objects, found);
        }
    }
}

fn pod<'a>(object: &Node<'a>, path: &[&str], objects: &Objects<'a>, found: &mut Found) {
    let Some(spec) = object.at(path) else { return };
    let mut out = Pipeline::new(object.place());
    out.name =
        object.text_at(&["metadata", "labels", "webapp"]).or_else(|| object.text_at(&["metadata", "name"]));
    let seconds =
        path[..path.len() - 1].iter().rposition(|key| *key == "spec").and_then(|at| object.at(&path[..=at]));
    for parent in [Some(spec.clone()), seconds].into_iter().flatten() {
        deadline(&parent, &mut out);
    }
    volumes(&spec, &Scope::new(), &mut out);
    containers(&spec, &Scope::new(), &mut out, found);
    found.take(out, objects.sources);
}

/// Reads the containers of a pod, first those that begin it.
fn containers<'a>(spec: &Node<'a>, scope: &Scope<'a>, out: &mut Pipeline, found: &mut Found) {
    for key in ["initContainers", "containers"] {
        for one in spec.list(key) {
            if found.may_read() {
                container(&one, scope, out);
            }
        }
    }
}

/// `activeDeadlineSeconds`.
fn deadline(spec: &Node<'_>, out: &mut Pipeline) {
    if let Some(seconds) = spec.get("activeDeadlineSeconds") {
        let term = Term::of(&seconds, seconds.text().map(|text| format!("{text}s")).unwrap_or_default());
        out.set_as(Field::Timeout, &term, Some("the time of the node, without the wait in a queue"));
    }
}

fn workflow<'a>(object: &Node<'a>, path: &[&str], objects: &Objects<'a>, found: &mut Found) {
    let Some(spec) = object.at(path) else { return };
    let templates = spec.list("templates");
    let mut out = Pipeline::new(object.place());
    out.name =
        object.text_at(&["metadata", "name"]).or_else(|| object.text_at(&["metadata", "generateName"]));
    let mut scope = arguments(&spec, &Scope::new(), "workflow.parameters");
    for template in &templates {
        let calls = template.get("dag").map(|dag| dag.list("tasks")).unwrap_or_default();
        let groups = template.list("steps").into_iter().flat_map(|group| group.items());
        for call in groups.chain(calls) {
            // Of two calls that pass the same name, the first counts.
            for (name, term) in arguments(&call, &scope, "inputs.parameters") {
                scope.entry(name).or_insert(term);
            }
        }
    }
    deadline(&spec, &mut out);
    volumes(&spec, &scope, &mut out);
    for template in &templates {
        one_template(template, &scope, &mut out, found);
    }
    found.take(out, objects.sources);
}

fn one_template<'a>(template: &Node<'a>, scope: &Scope<'a>, out: &mut Pipeline, found: &mut Found) {
    if !found.may_read() {
        return;
    }
    if let Some(plugin) = template.get("plugin") {
        plugin.mark_all(Verdict::ByHand, HAS_OWN);
    }
    let mut inner = defaults(template);
    inner.extend(scope.iter().map(|(name, term)| (name.clone(), term.clone())));
    for key in ["container", "script"] {
        // In a Workflow, `script` is a container whose text is `source`; a text alone is none.
        if let Some(node) = template.get(key).filter(|node| node.is_map()) {
            container(&node, &inner, out);
        }
    }
    volumes(template, &inner, out);
    containers(template, &inner, out, found);
    if let Some(set) = template.get("containerSet") {
        containers(&set, &inner, out, found);
    }
}

/// The parameters that a call or a workflow passes.
fn arguments<'a>(node: &Node<'a>, scope: &Scope<'a>, prefix: &str) -> Scope<'a> {
    let passed = node.get("arguments").map(|arguments| arguments.list("parameters")).unwrap_or_default();
    named(&passed, scope, prefix, "value")
}

/// The defaults of a template's own inputs.
fn defaults<'a>(template: &Node<'a>) -> Scope<'a> {
    let declared = template.get("inputs").map(|inputs| inputs.list("parameters")).unwrap_or_default();
    let mut scope = named(&declared, &Scope::new(), "inputs.parameters", "default");
    scope.extend(named(&declared, &Scope::new(), "inputs.parameters", "value"));
    scope
}

fn named<'a>(parameters: &[Node<'a>], scope: &Scope<'a>, prefix: &str, key: &str) -> Scope<'a> {
    let pair = |parameter: &Node<'a>| {
        let (name, value) = (parameter.get("name")?, parameter.get(key)?);
        let term = resolve(&value, scope).and(std::slice::from_ref(&name));
        Some((format!("{prefix}.{}", name.str()?), term))
    };
    parameters.iter().filter_map(pair).collect()
}
