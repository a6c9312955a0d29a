//! EventListeners, Triggers, TriggerBindings and TriggerTemplates.

use super::super::filter::{self, Filter};
use super::super::pipeline::Pipeline;
use super::super::source::Node;
use super::super::term::{Scope, Term, resolve};
use super::TektonReader;

/// Reads the triggers of all listeners, the Triggers that stand alone, and the templates that no trigger names.
pub(super) fn read(reader: &mut TektonReader<'_, '_>) {
    let objects = reader.objects;
    for listener in objects.of_kind("EventListener") {
        for trigger in listener.get("spec").map(|spec| spec.list("triggers")).unwrap_or_default() {
            let named = trigger.get("triggerRef").and_then(|name| objects.find("Trigger", name.str()?));
            match named {
                Some(object) => {
                    trigger.mark_at(&["triggerRef"], super::Verdict::Direct, "the Trigger, which is read");
                    reader.used.insert(object.place());
                    object.get("spec").into_iter().for_each(|spec| one(reader, &spec));
                }
                None => one(reader, &trigger),
            }
        }
    }
    for object in objects.of_kind("Trigger") {
        if !reader.used.contains(&object.place()) {
            object.get("spec").into_iter().for_each(|spec| one(reader, &spec));
        }
    }
    for template in objects.of_kind("TriggerTemplate") {
        if !reader.used.contains(&template.place()) {
            runs(reader, &template, &Scope::new(), &Filter::default());
        }
    }
}

/// A trigger: its filters, what it takes from the event, and the runs that it makes.
fn one<'a>(reader: &mut TektonReader<'_, 'a>, trigger: &Node<'a>) {
    let filter = filter::read(&trigger.list("interceptors"), &mut reader.found.hook);
    // What is said about the hook counts whether or not these runs build.
    reader.objects.sources.iter().for_each(|source| source.settle(true));
    let bindings = bindings(reader, trigger);
    let Some(template) = trigger.get("template") else { return };
    let name = template.get("ref").or_else(|| template.get("name"));
    let named = name.as_ref().and_then(|name| reader.objects.find("TriggerTemplate", name.str()?));
    match (named, name) {
        (Some(object), Some(name)) => {
            name.direct(&format!("the TriggerTemplate, which is read at {}", object.place()));
            reader.used.insert(object.place());
            runs(reader, &object, &bindings, &filter);
        }
        (None, Some(name)) => {
            name.by_hand("nothing that was read has this name; put its file beside the others, and run `migrate` again");
        }
        _ => runs(reader, &template, &bindings, &filter),
    }
}

/// What a trigger takes from the event, by the names of the template's parameters.
fn bindings<'a>(reader: &mut TektonReader<'_, 'a>, trigger: &Node<'a>) -> Scope<'a> {
    let mut scope = Scope::new();
    for binding in trigger.list("bindings") {
        let parameters = match binding.get("ref") {
            None => vec![binding.clone()],
            Some(name) => {
                let kind = binding.get("kind").and_then(|kind| kind.str()).unwrap_or("TriggerBinding");
                let object = name.str().and_then(|name| reader.objects.find(kind, name));
                match &object {
                    Some(object) => name.direct(&format!("the {kind}, which is read at {}", object.place())),
                    None => name.by_hand("nothing that was read has this name; put its file beside the others, and run `migrate` again"),
                }
                object
                    .and_then(|object| object.get("spec"))
                    .map(|spec| spec.list("params"))
                    .unwrap_or_default()
            }
        };
        for parameter in parameters {
            let (Some(name), Some(value)) = (parameter.get("name"), parameter.get("value")) else { continue };
            if let Some(key) = name.str() {
                scope.insert(key.to_owned(), resolve(&value, &Scope::new()).and(std::slice::from_ref(&name)));
            }
        }
    }
    scope
}

/// The runs of a template, with its parameters.
fn runs<'a>(reader: &mut TektonReader<'_, 'a>, template: &Node<'a>, bound: &Scope<'a>, filter: &Filter<'a>) {
    let Some(spec) = template.get("spec") else { return };
    let mut scope = Scope::new();
    for parameter in spec.list("params") {
        let Some(name) = parameter.get("name") else { continue };
        let Some(key) = name.str() else { continue };
        let default = parameter.get("default").map(|default| resolve(&default, &Scope::new()));
        let term = match (bound.get(key), default) {
            (Some(bound), Some(default)) => Some(bound.clone().and(&default.from)),
            (Some(bound), None) => Some(bound.clone()),
            (None, default) => default,
        };
        if let Some(term) = term {
            let term: Term<'a> = term.and(std::slice::from_ref(&name));
            scope.insert(format!("tt.params.{key}"), term.clone());
            scope.insert(format!("params.{key}"), term);
        }
    }
    for run in spec.list("resourcetemplates") {
        if !reader.found.may_read() {
            return;
        }
        let mut out = Pipeline::new(run.place());
        out.name = template.text_at(&["metadata", "name"]);
        reader.run(&run, &scope, &mut out);
        filter.apply(&mut out);
        reader.found.take(out, reader.objects.sources);
    }
}
