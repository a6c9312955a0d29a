//! The outputs of `tags`, bounded and free of secrets.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::sanitize::{LONGEST, cut_list, list_and_count, list_that_fits};
use super::images::Described;
use crate::oci::{Created, ImageDetails};
use crate::outcome::{Outputs, Success};
use crate::redact::Redactor;
use crate::step::Tags;

/// What a step has found.
#[derive(Debug, Default)]
pub(crate) struct TagReport {
    /// How many tags match.
    pub(crate) count: usize,
    /// Those of them that the step asks for, in order.
    pub(crate) tags: Vec<String>,
    /// The first image; with `details`, each of them.
    pub(crate) images: Vec<Described>,
    pub(crate) warnings: Vec<String>,
}

impl TagReport {
    pub(super) fn success(mut self, step: &Tags, redactor: &Redactor) -> Success {
        let name = step.image.image.name();
        let first = self.images.first().filter(|first| self.tags.first() == Some(&first.tag));
        let digest = first.map(|first| first.digest.clone()).unwrap_or_default();
        let details = first.and_then(|first| first.details.clone()).unwrap_or_default();
        // A digest is no tag.
        let tag = self.tags.first().filter(|tag| !tag.contains(':')).cloned().unwrap_or_default();
        let image = format!("{name}@{digest}");
        let (listed, kept_tags) = list_and_count(&self.tags);
        let wanted = if step.details { self.images.as_slice() } else { &[] };
        let (images, kept_images) = list_and_count(wanted.iter().map(|image| described(image, redactor)));
        let wanted = wanted.len();
        let (labels, left_out) = labels_that_fit(&details.labels, redactor);
        if left_out > 0 {
            self.warnings
                .push(format!("{left_out} labels are too large for the output `labels`, and are left out"));
        }
        let cuts = [cut_list("tags", kept_tags, self.tags.len()), cut_list("images", kept_images, wanted)];
        let advised = cuts.into_iter().flatten().map(|cut| format!("{cut}; use `limit` or `filter`"));
        self.warnings.extend(advised);
        let summary = self.summary(&name, &digest);
        let outputs = [
            ("exists", (self.count > 0).to_string()),
            ("tag", tag),
            ("image", if digest.is_empty() { String::new() } else { image }),
            ("digest", digest),
            ("created", details.created.map_or_else(String::new, shown)),
            ("platforms", list_that_fits(&details.platforms)),
            ("labels", labels),
            ("size", details.size.to_string()),
            ("tags", listed),
            ("count", self.count.to_string()),
            ("images", images),
            ("planned", "[]".to_owned()),
            ("deleted", "[]".to_owned()),
            ("plan", String::new()),
            ("warnings", list_that_fits(self.warnings.iter().map(|warning| redactor.line(warning)))),
        ];
        let outputs: Outputs = outputs.map(|(name, value)| (name.to_owned(), value)).into();
        Success { summary, outputs }
    }

    /// The outputs of a step that found nothing.
    pub(super) fn empty_outputs() -> Outputs {
        let lists = ["platforms", "tags", "images", "planned", "deleted", "warnings"];
        let texts = ["exists", "tag", "digest", "image", "created", "size", "count", "plan"];
        let outputs = lists.map(|name| (name, "[]")).into_iter().chain(texts.map(|name| (name, "")));
        let outputs = outputs.chain([("labels", "{}")]);
        outputs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn summary(&self, name: &str, digest: &str) -> String {
        match (self.count, self.tags.first()) {
            (0, _) | (_, None) => format!("{name} has no such tag"),
            (1, Some(tag)) => format!("{name} has {tag}, which is {digest}"),
            (count, Some(tag)) => {
                format!("{name} has {count} such tags; the first is {tag}, which is {digest}")
            }
        }
    }
}

/// A time as people and jiff, Go and Python read it.
pub(crate) fn shown(created: Created) -> String {
    created.0.to_string()
}

/// An image as a program reads it.
pub(crate) fn described(image: &Described, redactor: &Redactor) -> Value {
    let ImageDetails { created, platforms, labels, size } = image.details.clone().unwrap_or_default();
    json!({
        "tag": image.tag,
        "digest": image.digest,
        "created": created.map(shown),
        "platforms": platforms,
        "labels": redacted(&labels, redactor).collect::<BTreeMap<_, _>>(),
        "size": size,
    })
}

/// Labels without secrets and control characters.
fn redacted<'a>(
    labels: &'a BTreeMap<String, String>,
    redactor: &'a Redactor,
) -> impl Iterator<Item = (String, String)> + 'a {
    labels.iter().map(|(name, value)| (redactor.line(name), redactor.line(value)))
}

/// The first labels as a JSON map that fits an output. Argo would replace `{{…}}` in whatever reads an output, so the map
/// has none. The number says how many do not fit.
fn labels_that_fit(labels: &BTreeMap<String, String>, redactor: &Redactor) -> (String, usize) {
    let (mut map, mut left_out) = (String::from("{"), 0);
    for (name, value) in redacted(labels, redactor) {
        let pair = format!("{}:{}", json!(name), json!(value)).replace("{{", r"{\u007b");
        if map.len() + pair.len() + 2 > LONGEST {
            left_out += 1;
            continue;
        }
        if map.len() > 1 {
            map.push(',');
        }
        map.push_str(&pair);
    }
    (map + "}", left_out)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn labels_are_json_without_secrets_and_expressions() {
        let redactor = Redactor::default();
        redactor.remember(&"hunter22".into());
        let labels = BTreeMap::from([
            ("a".to_owned(), "{{workflow.name}} \u{1b}[31mred".to_owned()),
            ("b".to_owned(), "hunter22".to_owned()),
            ("c".to_owned(), "x".repeat(LONGEST)),
            ("{{=1}}".to_owned(), "{{{{".to_owned()),
        ]);
        let (map, left_out) = labels_that_fit(&labels, &redactor);
        assert!(!map.contains("{{") && !map.contains("hunter22"), "{map}");
        let read: BTreeMap<String, String> = serde_json::from_str(&map).unwrap();
        assert_eq!(read["a"], "{{workflow.name}} red");
        assert_eq!((read["b"].as_str(), read.contains_key("c"), left_out), ("***", false, 1));
    }
}
