//! The templates in the objects that users write for Argo: where they are, and what Argo handles badly in them.
//!
//! `check` reads such objects from a cluster, `lint` from files. Both judge them with the functions of this room.

mod task;

use serde_json::Value;

pub(crate) use task::{is_same_task, stable_plugin, stable_template};

/// Our key under `plugin`.
pub(crate) const OURS: &str = "buildkit";

/// The kinds that hold templates, and the path of the workflow's spec in each.
pub(crate) const KINDS: [(&str, &str); 4] = [
    ("Workflow", "/spec"),
    ("WorkflowTemplate", "/spec"),
    ("CronWorkflow", "/spec/workflowSpec"),
    ("ClusterWorkflowTemplate", "/spec"),
];

/// The name under which the template of `templateDefaults` is shown.
pub(crate) const DEFAULTS: &str = "templateDefaults";

/// A template in a workflow's spec.
#[derive(Debug, Clone)]
pub(crate) struct Placed<'a> {
    /// The name of the outermost template that holds it.
    pub(crate) name: &'a str,
    /// Its JSON pointer from the spec.
    pub(crate) pointer: String,
    /// The template.
    pub(crate) template: &'a Value,
}

/// The templates of a workflow's spec, including those inside steps and tasks.
pub(crate) fn of_spec(spec: &Value) -> Vec<Placed<'_>> {
    let own = spec["templates"].as_array().into_iter().flatten().enumerate();
    let own = own.map(|(n, template)| {
        let name = template["name"].as_str().unwrap_or_default();
        Placed { name, pointer: format!("/templates/{n}"), template }
    });
    let defaults = spec.get(DEFAULTS);
    let defaults =
        defaults.map(|template| Placed { name: DEFAULTS, pointer: format!("/{DEFAULTS}"), template });
    own.chain(defaults).flat_map(with_inner).collect()
}

/// A template, and the templates inside it.
fn with_inner(outer: Placed<'_>) -> Vec<Placed<'_>> {
    let inner = children(outer.template).filter_map(|(pointer, child)| {
        let pointer = format!("{}{pointer}/inline", outer.pointer);
        Some(Placed { name: outer.name, pointer, template: child.get("inline")? })
    });
    let inner: Vec<_> = inner.flat_map(with_inner).collect();
    std::iter::once(outer).chain(inner).collect()
}

/// The hooks of a step, a task or a workflow, with their JSON pointers from it.
pub(crate) fn hooks(place: &Value) -> impl Iterator<Item = (String, &Value)> {
    let all = place["hooks"].as_object().into_iter().flatten();
    all.map(|(name, hook)| (format!("/hooks/{}", name.replace('~', "~0").replace('/', "~1")), hook))
}

/// The steps of a list of lists, or the tasks of a graph, and their hooks, with their JSON pointers from the template.
pub(crate) fn children(template: &Value) -> impl Iterator<Item = (String, &Value)> {
    let groups = template["steps"].as_array().into_iter().flatten().enumerate();
    let steps = groups.flat_map(|(group, steps)| {
        let steps = steps.as_array().into_iter().flatten().enumerate();
        steps.map(move |(n, step)| (format!("/steps/{group}/{n}"), step))
    });
    let tasks = template["dag"]["tasks"].as_array().into_iter().flatten().enumerate();
    let all = steps.chain(tasks.map(|(n, task)| (format!("/dag/tasks/{n}"), task)));
    all.flat_map(|(pointer, child)| {
        let hooks: Vec<_> = hooks(child).map(|(own, hook)| (format!("{pointer}{own}"), hook)).collect();
        std::iter::once((pointer, child)).chain(hooks)
    })
}

/// Whether a template has our plugin.
pub(crate) fn is_ours(template: &Value) -> bool {
    template["plugin"].as_object().is_some_and(|plugin| plugin.contains_key(OURS))
}

/// What a template has under `plugin`, if that is not one key with a value. Argo's controller crashes on a key without
/// a value (argo-workflows `pkg/apis/workflow/v1alpha1/plugin_types.go`).
pub(crate) fn misshapen(template: &Value) -> Option<String> {
    let plugin = template.get("plugin").filter(|plugin| !plugin.is_null())?;
    let map = plugin.as_object();
    let keys = map.into_iter().flatten().map(|(key, value)| match value {
        Value::Null => format!("`{key}` without a value"),
        _ => format!("`{key}`"),
    });
    let is_good = map.is_some_and(|map| map.len() == 1 && map.values().all(|value| !value.is_null()));
    let keys = keys.collect::<Vec<_>>();
    let what = if keys.is_empty() { "nothing".to_owned() } else { keys.join(" and ") };
    (!is_good).then_some(what)
}

/// Parameters with their JSON pointers from `place`, which is `inputs` or `arguments`.
pub(crate) fn parameters(place: &Value) -> impl Iterator<Item = (String, &Value)> {
    let all = place["parameters"].as_array().into_iter().flatten().enumerate();
    all.map(|(n, parameter)| (format!("/parameters/{n}"), parameter))
}

/// Whether `text` has a `{{` without a `}}`. Searches for tags like Argo does (argo-workflows `util/template`,
/// fasttemplate).
pub(crate) fn is_open(mut text: &str) -> bool {
    while let Some((_, rest)) = text.split_once("{{") {
        match rest.split_once("}}") {
            Some((_, rest)) => text = rest,
            None => return true,
        }
    }
    false
}

/// The JSON pointers of a template's fields that Argo does not heed for plugin nodes. `runs_ours` says whether the
/// template, or a step or task of it, has our plugin.
pub(crate) fn without_effect(template: &Value, runs_ours: bool) -> Vec<&'static str> {
    let fields = [
        ("/parallelism", runs_ours),
        ("/failFast", runs_ours),
        ("/memoize", is_ours(template)),
        ("/dag/failFast", runs_ours),
    ];
    let is_set =
        |pointer: &str| !matches!(template.pointer(pointer), None | Some(Value::Null | Value::Bool(false)));
    let found = fields.into_iter().filter(|(pointer, judged)| *judged && is_set(pointer));
    found.map(|(pointer, _)| pointer).collect()
}

/// Whether a step or task of a template is a template that has our plugin. `is_named_ours` judges the templates that
/// are named by object (`None`: the same object) and template.
pub(crate) fn runs_ours(template: &Value, is_named_ours: impl Fn(Option<&str>, &str) -> bool) -> bool {
    is_ours(template)
        || children(template).any(|(_, child)| {
            let reference = &child["templateRef"];
            let name = reference["template"].as_str().or(child["template"].as_str()).unwrap_or_default();
            let last = child["onExit"].as_str().unwrap_or_default();
            is_named_ours(reference["name"].as_str(), name)
                || is_named_ours(None, last)
                || child.get("inline").is_some_and(is_ours)
        })
}
