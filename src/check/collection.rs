//! buildkitd's garbage collection: whether anything bounds its cache, and whether cache mounts last.

use super::Finding;
use crate::buildkit::{CollectionRule, Description};
use crate::duration::elapsed_text;
use crate::engine::cache::size_text;

/// What the filters of a rule about cache mounts contain.
const MOUNTS: &str = "type==exec.cachemount";
/// A cache of package managers is larger. BuildKit's default rule deletes more than this of mounts that two days have not used
/// (`cmd/buildkitd/config/gcpolicy.go`).
const SMALL: u64 = 1_000_000_000;

/// The findings about a daemon that answers and has workers.
pub(super) fn findings(daemon: &Description) -> Vec<Finding> {
    let subject = "garbage collection of buildkitd";
    let of_workers = daemon.collection.iter().flat_map(|rules| [unbounded(rules), short(rules)]);
    let mut warnings: Vec<String> = of_workers.flatten().collect();
    warnings.dedup();
    match warnings.is_empty() {
        true if daemon.collection.is_empty() => Vec::new(),
        true => vec![Finding::ok(subject, "its cache has bounds")],
        false => warnings.into_iter().map(|text| Finding::warn(subject, text)).collect(),
    }
}

/// Nothing bounds the whole cache.
fn unbounded(rules: &[CollectionRule]) -> Option<String> {
    // A rule that spares what was used lately bounds nothing: a busy day may fill the disk.
    let of_all = || rules.iter().filter(|rule| rule.filters.is_empty() && rule.keep.is_zero());
    let is_bound =
        |rule: &CollectionRule| rule.max_used.is_some() || rule.min_free.is_none() && rule.reserved.is_some();
    let mend = "write a `[[worker.oci.gcpolicy]]` with `all = true` and `maxUsedSpace` into buildkitd.toml, as `deploy/base/buildkitd` has";
    match rules {
        [] => {
            Some(format!("there is none (`gc = false`), so the cache grows until the disk is full; {mend}"))
        }
        _ if of_all().any(is_bound) => None,
        _ if of_all().any(|rule| rule.min_free.is_some()) => Some(format!(
            "no rule about everything has `maxUsedSpace`, only `minFreeSpace`: what else fills the disk takes it from the cache; {mend}"
        )),
        _ => Some(format!(
            "no rule about everything has `maxUsedSpace`, whatever was used lately, so the cache may grow until the disk is full; {mend}"
        )),
    }
}

/// Cache mounts are deleted down to little.
fn short(rules: &[CollectionRule]) -> Option<String> {
    let is_small = |rule: &&CollectionRule| {
        rule.filters.iter().any(|filter| filter.contains(MOUNTS))
            && rule.max_used.is_some_and(|most| most <= SMALL)
    };
    let rule = rules.iter().find(is_small)?;
    let most = size_text(rule.max_used.unwrap_or_default());
    Some(format!(
        "cache mounts (`RUN --mount=type=cache`) that no build has used for {} are deleted until {most} are left, together with others that \
         the rule is about; give `type==exec.cachemount` a rule of its own in buildkitd.toml, as `deploy/base/buildkitd` does",
        elapsed_text(rule.keep)
    ))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn said(workers: Vec<Vec<CollectionRule>>) -> Vec<String> {
        let daemon = Description { collection: workers, ..Description::default() };
        findings(&daemon).iter().map(ToString::to_string).collect()
    }

    fn rule(filters: &[&str], max_used: Option<u64>, min_free: Option<u64>) -> CollectionRule {
        let filters: Vec<_> = filters.iter().map(|&filter| filter.to_owned()).collect();
        let keep = if filters.is_empty() { Duration::ZERO } else { Duration::from_secs(48 * 3600) };
        CollectionRule { filters, keep, max_used, min_free, reserved: None }
    }

    #[test]
    fn a_cache_without_bounds_is_a_warning() {
        let bounded = || vec![rule(&[], Some(1 << 40), None)];
        assert_eq!(said(vec![bounded()]), ["ok   garbage collection of buildkitd: its cache has bounds"]);
        assert_eq!(said(Vec::new()), [""; 0]);
        let none = said(vec![bounded(), Vec::new()]);
        assert!(none.len() == 1 && none[0].contains("there is none (`gc = false`)"), "{none:?}");
        let kept = CollectionRule { keep: Duration::from_secs(60), ..rule(&[], Some(1 << 40), None) };
        let kept = said(vec![vec![kept]]);
        assert!(kept[0].contains("whatever was used lately"), "{kept:?}");
        let alone = CollectionRule { reserved: Some(1 << 30), ..rule(&[], None, None) };
        assert!(said(vec![vec![alone]])[0].starts_with("ok "), "it deletes down to that size");
        let free = said(vec![vec![rule(&["type==regular"], Some(1), None), rule(&[], None, Some(1))]]);
        assert!(free[0].contains("only `minFreeSpace`"), "{free:?}");
    }

    #[test]
    fn a_rule_that_empties_cache_mounts_is_a_warning() {
        let default = ["type==source.local", "type==exec.cachemount", "type==source.git.checkout"];
        let rules = vec![rule(&default, Some(512_000_000), None), rule(&[], Some(1 << 40), None)];
        let warned = said(vec![rules.clone(), rules]);
        assert_eq!(warned.len(), 1, "workers with equal rules are one");
        assert!(warned[0].contains("for 48 h 00 m are deleted until 512 MB are left"), "{warned:?}");
        let own =
            vec![rule(&["type==exec.cachemount"], Some(50 << 30), None), rule(&[], Some(1 << 40), None)];
        assert!(said(vec![own])[0].starts_with("ok "));
    }
}
