//! The encryption of a bus's store.

use super::super::super::finding::{At, RuleMatch};
use super::super::super::objects::Given;
use super::warning;

const KEY: &str = "key";

/// Buses whose store is encrypted, which Argo Events does unless `settings` takes the key away (argo-events v1.9.11, `nats.conf`
/// of `pkg/reconciler/eventbus/installer`: `key: "$JS_KEY"` stands before the settings, and NATS uses the last value of a key).
pub(in super::super) fn encrypted<'a>(given: &'a Given<'a>, found: &mut Vec<RuleMatch<'a>>) {
    for object in given.of_events("EventBus") {
        let bus = &object.spec["jetstream"];
        let settings = bus["settings"].as_str();
        let key = settings.and_then(key);
        if !bus.is_object() || key == Some("") {
            continue;
        }
        let place = format!("{}/jetstream", object.spec_pointer);
        let (pointer, at) = match (settings, key) {
            (Some(_), Some(_)) => (format!("{place}/settings"), At::Text(KEY.to_owned())),
            (Some(_), None) => (format!("{place}/settings"), At::Key),
            (None, _) => (place, At::Key),
        };
        let problem = "the bus encrypts its store: a NATS server that is killed may not read its events again, while hooks are still answered with 200";
        let help = match settings {
            Some(_) => "write `key: \"\"` in `settings`, and encrypt the volume instead",
            None => {
                "write `settings` with `key: \"\"`, and encrypt the volume instead; they take the place of the controller's, so copy what its ConfigMap has under `eventBus.jetstream.settings`"
            }
        };
        found.push(warning(object, pointer, at, problem.to_owned(), help.to_owned()));
    }
}

/// The value of the last `key` in the text of a NATS configuration; `None` if it has none.
fn key(settings: &str) -> Option<&str> {
    settings.split(['\n', ',', ';']).filter_map(entry).next_back()
}

/// The value, if the entry is `key: VALUE`, `key = VALUE` or `key VALUE`.
fn entry(text: &str) -> Option<&str> {
    let rest = text.trim_start().strip_prefix(KEY).or_else(|| text.trim_start().strip_prefix("\"key\""))?;
    let value = rest.trim_start();
    let is_whole = value.len() < rest.len() || value.starts_with([':', '=', '"', '\'']);
    let value = value.trim_start_matches([':', '=']).trim_start();
    is_whole.then(|| unquoted(value))
}

/// The text in quotes, or the word, without a comment behind it.
fn unquoted(value: &str) -> &str {
    match value.chars().next().filter(|quote| ['"', '\''].contains(quote)) {
        Some(quote) => value[1..].split(quote).next().unwrap_or_default(),
        None => value.split(['#', '/']).next().unwrap_or_default().trim_end(),
    }
}

#[cfg(test)]
mod tests {
    use super::key;

    #[test]
    fn the_last_key_of_a_configuration_counts() {
        for taken_away in [
            "max_memory_store: -1\nkey: \"\"\n",
            "key = ''",
            "key \"\" # none",
            "max_file_store: 10GB, key: \"\"",
            "key: $OTHER\nkey: \"\"",
            "\"key\": \"\"",
        ] {
            assert_eq!(key(taken_away), Some(""), "{taken_away}");
        }
        for (kept, value) in [
            ("key: \"\"\nkey: abc", "abc"),
            ("key: \"$JS_KEY\"", "$JS_KEY"),
            ("key:s3cret // a comment", "s3cret"),
        ] {
            assert_eq!(key(kept), Some(value), "{kept}");
        }
    }

    #[test]
    fn other_settings_and_comments_are_no_key() {
        for none in ["", "max_memory_store: -1", "# key: \"\"", "// key: \"\"", "keys: \"\"", "keystore: a"] {
            assert_eq!(key(none), None, "{none}");
        }
    }
}
