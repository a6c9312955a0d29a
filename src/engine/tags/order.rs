//! The order of tags.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::plan::Age;
use crate::oci::Created;
use crate::step::tags::version;

/// Sorts by semantic version, the highest first. Tags that are no versions come last, by name.
pub(super) fn by_version(tags: &mut [String]) {
    tags.sort_by_cached_key(|tag| {
        let version = version(tag);
        (version.is_none(), version.map(Reverse), tag.clone())
    });
}

/// Sorts by time, the newest first. Tags without a time come last, by name. Returns their number.
pub(super) fn by_time(tags: &mut [String], time: impl Fn(&str) -> Option<Created>) -> usize {
    tags.sort_by_cached_key(|tag| {
        let time = time(tag);
        (time.is_none(), time.map(Reverse), tag.clone())
    });
    tags.iter().filter(|tag| time(tag).is_none()).count()
}

/// Sorts by age, the youngest first. Tags without one come last, by name.
pub(super) fn by_age(tags: &mut [String], ages: &BTreeMap<String, Age>) {
    tags.sort_by_cached_key(|tag| match ages.get(tag) {
        Some(Age::Since(time)) => (false, Some(Reverse(*time)), tag.clone()),
        _ => (true, None, tag.clone()),
    });
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn sorted(tags: &str, sort: impl Fn(&mut [String])) -> String {
        let mut tags: Vec<_> = tags.split(' ').map(str::to_owned).collect();
        sort(&mut tags);
        tags.join(" ")
    }

    #[test]
    fn the_newest_is_first_and_what_has_no_place_is_last() {
        let versions = sorted("latest 1.10.0 1.9.0 v2.0.0-rc.1 1.9 v2.0.0 2.0.0-rc.2", by_version);
        assert_eq!(versions, "v2.0.0 2.0.0-rc.2 v2.0.0-rc.1 1.10.0 1.9.0 1.9 latest");
        let time = |tag: &str| {
            let second = tag.parse().ok()?;
            Some(Created(jiff::Timestamp::from_second(second).unwrap()))
        };
        let times = sorted("b 10 200 a 30", |tags| assert_eq!(by_time(tags, time), 2));
        assert_eq!(times, "200 30 10 a b");
    }
}
