//! `cache`: what is in the daemon's cache, a prune of it, and images that are pulled into it.

mod daemons;
mod freed;
mod targets;
mod usage;
mod warm;
mod warm_report;

use backon::Retryable as _;

use super::Engine;
use super::context::Cx;
use super::sanitize::list_that_fits;
use crate::buildkit::{BuildError, Buildkit, CachePrune, own_mounts};
use crate::outcome::{Outputs, StepError, Success};
use crate::step::{Cache, Prune};
pub(crate) use crate::text::size_text;
use crate::time_limits::pauses;
pub(crate) use daemons::{PoolUsage, usage_of_all};
use freed::Freed;
pub(crate) use freed::deleted_text;
pub(crate) use usage::Usage;

/// The outputs that are lists.
const LISTS: [&str; 6] = ["types", "largest", "mounts", "images", "buildkitds", "warnings"];
/// The outputs that are numbers.
const NUMBERS: [&str; 4] = ["size", "records", "reclaimable", "shared"];

pub(super) async fn run(engine: &Engine, cache: &Cache, cx: &Cx) -> Result<Success, StepError> {
    let namespace = &cx.workflow.namespace;
    match cache {
        Cache::Usage(scope) => {
            let owner = engine.tenancy.cache_owner(namespace, *scope)?;
            cx.now("asking buildkitd what is in its cache");
            let tenant = engine.tenancy.tenant(&cx.workflow);
            let usage = usage_of_all(&engine.pool, owner, tenant).await.map_err(failed)?;
            Ok(usage.success(&cx.redactor))
        }
        Cache::Prune(scope, rules) => {
            let owner = engine.tenancy.cache_owner(namespace, *scope)?;
            pruned(engine, rules, owner, cx).await
        }
        Cache::Warm(images) => Box::pin(warm::run(engine, images, cx)).await,
    }
}

/// Prunes the cache of each daemon, and says what is deleted even if a prune fails.
async fn pruned(engine: &Engine, rules: &Prune, owner: Option<&str>, cx: &Cx) -> Result<Success, StepError> {
    cx.now("waiting for buildkitd to prune its cache");
    let freed = &Freed::default();
    let prunes = engine.pool.ask_all(|daemon| async move {
        let own = Freed::default();
        let ended = prune(&daemon, rules, owner, |bytes| {
            own.add(bytes);
            freed.add(bytes);
            if let Some(line) = freed.line() {
                cx.now(line);
            }
        });
        let failure = ended.await.err();
        (own, failure)
    });
    let (mut reports, mut first_failure) = (Vec::new(), None);
    for (member, (own, failure)) in prunes.await.map_err(failed)? {
        let why = failure.as_ref().map(|error| cx.redactor.line(&error.message));
        reports.push(own.shown(&cx.redactor.line(&member.name), why));
        first_failure = first_failure.or(failure);
    }
    let mut outputs = freed.outputs();
    outputs.insert("buildkitds".to_owned(), list_that_fits(reports));
    match first_failure {
        None => Ok(Success { summary: freed.summary(), outputs }),
        Some(error) => {
            let StepError { fault, message, .. } = failed(error);
            let message = format!("{message}; {} before that", freed.summary());
            Err(StepError { outputs, ..StepError::new(fault, message) })
        }
    }
}

/// Asks the daemon what is in its cache: everything, or what belongs to the namespace `owner`.
pub(crate) async fn usage(
    buildkit: &Buildkit,
    owner: Option<&str>,
    tenant: Option<&str>,
) -> Result<Usage, BuildError> {
    let filter = owner.map(own_mounts);
    let read = || async {
        let mut usage = Usage::of(owner);
        let missing =
            buildkit.cache_records(filter.as_deref(), tenant, &mut |record| usage.add(record)).await?;
        usage.set_missing(missing);
        Ok(usage)
    };
    read.retry(pauses::few()).when(BuildError::is_away).await
}

/// Prunes the daemon's cache, or what belongs to the namespace `owner`. `each` gets the size of each record that is gone.
pub(crate) async fn prune(
    buildkit: &Buildkit,
    rules: &Prune,
    owner: Option<&str>,
    mut each: impl FnMut(u64) + Send,
) -> Result<(), BuildError> {
    let Prune { older_than, filters, reserved_space, max_used_space, min_free_space, all } = rules.clone();
    let prune = CachePrune {
        filters: owner.map_or_else(|| filters.clone(), |owner| within_own(owner, &filters)),
        older_than,
        reserved_space,
        max_used_space,
        min_free_space,
        all,
    };
    buildkit.prune_cache(&prune, &mut |record| each(record.bytes)).await
}

/// Restricts `filters` to the cache mounts of `owner`.
fn within_own(owner: &str, filters: &[String]) -> Vec<String> {
    let own = own_mounts(owner);
    match filters {
        [] => vec![own],
        // A record must match everything that a filter consists of, and ours comes first: nothing can undo it.
        filters => filters.iter().map(|filter| format!("{own},{filter}")).collect(),
    }
}

fn failed(error: BuildError) -> StepError {
    StepError { outputs: empty_outputs(), ..StepError::new(error.fault, error.message) }
}

/// The outputs of a step that has found and deleted nothing.
fn empty_outputs() -> Outputs {
    let lists = LISTS.map(|name| (name, list_that_fits(std::iter::empty::<String>())));
    let numbers = NUMBERS.map(|name| (name, "0".to_owned()));
    lists.into_iter().chain(numbers).map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenants_filter_only_narrows_its_own_mounts() {
        let own = own_mounts("builds");
        assert_eq!(within_own("builds", &[]), std::slice::from_ref(&own));
        let filters = ["id==a".to_owned(), "mutable".to_owned()];
        assert_eq!(within_own("builds", &filters), [format!("{own},id==a"), format!("{own},mutable")]);
    }
}
