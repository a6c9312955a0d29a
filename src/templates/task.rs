//! Whether two templates are of one task. Argo's controller writes the task of an unfinished node again each time it looks at the
//! workflow, with the values that the template's variables have then (argo-workflows `workflow/controller/plugin_template.go`).

use std::borrow::Cow;

use serde_json::Value;

use super::OURS;

/// The fields of `notify` for `{{workflow.duration}}`, which grows, and `{{workflow.failures}}`, which lists the nodes in the
/// order of a Go map.
const CHANGING: [&str; 2] = ["duration", "failures"];

/// The most entries of `steps`. A step with more is refused.
const ENTRIES: usize = 100;

/// A template, without the texts that may change while the task is the same.
pub(crate) fn stable_template(template: &Value) -> Cow<'_, Value> {
    stable(template, "/plugin")
}

/// The `plugin` object of a template, without them.
pub(crate) fn stable_plugin(plugin: &Value) -> Cow<'_, Value> {
    stable(plugin, "")
}

/// Whether two `plugin` objects of one node are of one task.
pub(crate) fn is_same_task(one: &Value, other: &Value) -> bool {
    one == other || stable_plugin(one) == stable_plugin(other)
}

fn stable<'a>(value: &'a Value, plugin: &str) -> Cow<'a, Value> {
    let changing = changing(value, plugin);
    if changing.is_empty() {
        return Cow::Borrowed(value);
    }
    let mut stable = value.clone();
    for (notify, field) in changing {
        if let Some(fields) = stable.pointer_mut(&notify).and_then(Value::as_object_mut) {
            fields.remove(field);
        }
    }
    Cow::Owned(stable)
}

/// The fields that may change, each with the JSON pointer of its `notify`. `plugin` is the pointer of the `plugin` object.
fn changing(value: &Value, plugin: &str) -> Vec<(String, &'static str)> {
    let entries = value.pointer(&format!("{plugin}/{OURS}/steps")).and_then(Value::as_array);
    let places =
        (0..entries.map_or(0, Vec::len).min(ENTRIES)).map(|n| format!("{plugin}/{OURS}/steps/{n}/notify"));
    let mut found = Vec::new();
    for place in places.chain([format!("{plugin}/{OURS}/notify")]) {
        let Some(notify) = value.pointer(&place) else { continue };
        let has = CHANGING.into_iter().filter(|field| notify.get(*field).is_some());
        found.extend(has.map(|field| (place.clone(), field)));
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_task_is_the_same_when_only_what_argo_measures_has_changed() {
        let alone = |more: Value| {
            let mut notify = json!({"to": "slack", "url": "slack"});
            for (field, value) in more.as_object().into_iter().flatten() {
                notify[field] = value.clone();
            }
            notify
        };
        let later = || alone(json!({"duration": "2.5", "failures": "[b, a]"}));
        let node = |notify: Value| json!({"buildkit": {"notify": notify}});
        let steps =
            |notify: Value| json!({"buildkit": {"steps": [{"push": {"duration": "1"}}, {"notify": notify}]}});
        let bodies: [fn(Value) -> Value; 2] = [node, steps];
        for body in bodies {
            assert!(is_same_task(&body(alone(json!({"duration": "1.5"}))), &body(later())));
            assert!(is_same_task(&body(alone(json!({}))), &body(later())));
            assert!(!is_same_task(&body(alone(json!({"status": "Failed"}))), &body(later())));
        }
        let whole = |notify: Value| json!({"name": "tell", "plugin": node(notify)});
        assert_eq!(stable_template(&whole(later())), stable_template(&whole(alone(json!({})))));
        let push = |seconds: &str| json!({"buildkit": {"push": {"duration": seconds}}});
        assert!(!is_same_task(&push("1"), &push("2")), "other kinds have no such fields");
        for odd in
            [json!(null), json!({"buildkit": "text"}), json!({"buildkit": {"steps": {}, "notify": []}})]
        {
            assert_eq!(*stable_plugin(&odd), odd);
            assert_eq!(*stable_template(&odd), odd);
        }
    }
}
