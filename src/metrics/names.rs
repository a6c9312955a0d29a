//! Names as labels. Tenants choose them, so the number of those that become labels is limited.

use std::collections::{BTreeMap, BTreeSet};

/// The label in place of all names that have no series of their own.
pub(super) const OTHER: &str = "other";

/// The most namespaces with series of their own.
const NAMESPACES: usize = 100;

/// The most names of one namespace with series of their own.
const OF_ONE: usize = 100;

/// The most names of all namespaces with series of their own.
const OF_ALL: usize = 500;

/// The longest name with series of its own, in bytes.
const LONGEST: usize = 255;

/// The names that have series of their own, by namespace. First come, first served, as long as the process lives.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: BTreeMap<String, BTreeSet<String>>,
    count: usize,
}

impl Names {
    /// The label of `namespace`.
    pub(super) fn namespace(&mut self, namespace: &str) -> String {
        let has_room = self.known.len() < NAMESPACES && namespace.len() <= LONGEST;
        if has_room && !self.known.contains_key(namespace) {
            self.known.insert(namespace.to_owned(), BTreeSet::new());
        }
        let known = self.known.get_key_value(namespace);
        known.map_or(OTHER, |(namespace, _)| namespace.as_str()).to_owned()
    }

    /// The labels of `namespace` and of `name` in it. Only a name that is `proven`, by a step that succeeded with it, gets series of its
    /// own: otherwise a workflow could invent names until others get none.
    pub(super) fn labels(&mut self, namespace: &str, name: &str, proven: bool) -> [String; 2] {
        let label = self.namespace(namespace);
        let has_room = self.count < OF_ALL && !name.is_empty() && name.len() <= LONGEST;
        let Some(names) = self.known.get_mut(namespace) else { return [label, OTHER.to_owned()] };
        if proven && has_room && names.len() < OF_ONE && names.insert(name.to_owned()) {
            self.count += 1;
        }
        let name = if names.contains(name) { name } else { OTHER };
        [label, name.to_owned()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_gets_series_of_its_own_with_its_first_success() {
        let mut names = Names::default();
        assert_eq!(names.labels("shop", "api", false), ["shop", OTHER]);
        assert_eq!(names.labels("shop", "api", true), ["shop", "api"]);
        assert_eq!(names.labels("shop", "api", false), ["shop", "api"]);
        assert_eq!(names.labels("other-team", "api", false), ["other-team", OTHER]);
        assert_eq!(names.labels("shop", "", true), ["shop", OTHER]);
        assert_eq!(names.labels("shop", &"n".repeat(LONGEST + 1), true), ["shop", OTHER]);
    }

    #[test]
    fn the_names_of_one_namespace_leave_room_for_those_of_others() {
        let mut names = Names::default();
        let own = |names: &mut Names, namespace: &str| {
            let labels = (0..1000).map(|nth| names.labels(namespace, &format!("n{nth}"), true));
            labels.filter(|[_, name]| name != OTHER).count()
        };
        assert_eq!(own(&mut names, "hostile"), OF_ONE);
        let of_others: usize = (0..10).map(|nth| own(&mut names, &format!("team-{nth}"))).sum();
        assert_eq!(of_others, OF_ALL - OF_ONE);
    }

    #[test]
    fn the_number_of_namespaces_is_limited() {
        let mut names = Names::default();
        let labels: BTreeSet<_> = (0..1000).map(|nth| names.namespace(&format!("n{nth}"))).collect();
        assert_eq!(labels.len(), NAMESPACES + 1);
        assert_eq!(names.labels("n999", "api", true), [OTHER, OTHER]);
        assert_eq!(names.namespace("n0"), "n0");
    }
}
