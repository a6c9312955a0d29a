//! The labels of an image's config. They are anybody's, so the first of reasonable size are kept, and the others are passed over
//! while they are read.

use std::collections::BTreeMap;
use std::fmt::{self, Formatter};

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The most labels that are kept of an image, and the most bytes of one.
const LABELS: usize = 100;
const LABEL: usize = 4 << 10;

/// Some labels.
#[derive(Debug, Default)]
pub(super) struct Labels(pub(super) BTreeMap<String, String>);

/// A text that is kept, if the value is one and is not too long.
struct Text(Option<String>);

struct LabelsVisitor;
struct TextVisitor;

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(LabelsVisitor)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

impl<'de> Visitor<'de> for LabelsVisitor {
    type Value = Labels;

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("labels")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
        let mut labels = BTreeMap::new();
        while labels.len() < LABELS {
            match map.next_entry::<Text, Text>()? {
                None => return Ok(Labels(labels)),
                Some((Text(Some(name)), Text(Some(value)))) => drop(labels.insert(name, value)),
                Some(_) => {}
            }
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Labels(labels))
    }
}

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
        Ok(Text((text.len() <= LABEL).then(|| text.to_owned())))
    }

    fn visit_unit<E: Error>(self) -> Result<Text, E> {
        Ok(Text(None))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Text, E> {
        Ok(Text(None))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Text, E> {
        Ok(Text(None))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Text, E> {
        Ok(Text(None))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Text, E> {
        Ok(Text(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Text, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use serde_json::json;

    use super::*;

    #[test]
    fn labels_of_reasonable_size_are_kept() {
        let odd = json!({"a": "1", "b": 1, "c": [[]], "d": {"e": "f"}, "g": null, "h": 1.5, "i": true, "j": -1,
            "k": "x".repeat(LABEL + 1), "x".repeat(LABEL + 1): "l", "z": "2"});
        let Labels(kept) = serde_json::from_value(odd).unwrap();
        assert_eq!(kept.into_iter().map(|(name, value)| name + &value).collect::<Vec<_>>(), ["a1", "z2"]);
        let many: BTreeMap<String, String> =
            (0..LABELS * 2).map(|n| (n.to_string(), String::new())).collect();
        let Labels(kept) = serde_json::from_str(&json!(many).to_string()).unwrap();
        assert_eq!(kept.len(), LABELS);
    }
}
