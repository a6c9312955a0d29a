//! `tags` with `delete`: reads everything, makes the plan, and carries it out.

use jiff::Timestamp;

use super::super::Engine;
use super::super::context::Cx;
use super::ages::Ages;
use super::images::{self, Manifests};
use super::in_use::UsedImages;
use super::plan::{Named, Plan, Repository, subject};
use super::planned::Planned;
use super::{apply, in_use, order, outcome};
use crate::oci::{Auth, TagReader};
use crate::outcome::{StepError, Success};
use crate::step::tags::{Clock, Retention};
use crate::step::{TagOrder, Tags};

pub(super) async fn run(
    engine: &Engine,
    step: &Tags,
    retention: &Retention,
    auth: &Auth,
    cx: &Cx,
) -> Result<Success, StepError> {
    let image = &step.image;
    let registry = engine.registry.of(engine.tenancy.tenant(&cx.workflow));
    let mut reader = registry.tag_reader(&image.image, auth, image.insecure, cx.deadline)?;
    let planned = plan(engine, step, retention, &mut reader, auth, cx).await?;
    let Planned { plan, .. } = &planned;
    if plan.doomed_tags().next().is_some() && !plan.leaves_a_tag() && !retention.allow_empty {
        return Err(StepError::user(format!(
            "nothing is deleted: the rules would delete every tag of {}; keep some with `keep`, `keep-tags` or `keep-matching`, or \
             set `allow-empty: true`",
            image.image.name()
        )));
    }
    if retention.dry_run || plan.doomed_tags().next().is_none() {
        return Ok(outcome::planned(step, plan));
    }
    let done = apply::run((engine, &registry), step, &planned, &mut reader, auth, cx).await;
    outcome::applied(step, plan, done)
}

async fn plan(
    engine: &Engine,
    step: &Tags,
    retention: &Retention,
    reader: &mut TagReader<'_>,
    auth: &Auth,
    cx: &Cx,
) -> Result<Planned, StepError> {
    let tags = listed(reader).await?;
    let (used, branches) = in_use::read(engine, &retention.in_use, &tags, cx).await?;
    let manifests = all_manifests(reader, retention, &tags, &used, cx).await?;
    let counts = step.filter.matcher();
    let mut chosen: Vec<String> = tags.iter().filter(|tag| counts(tag)).cloned().collect();
    let needs_time = retention.older_than.is_some() || step.order == TagOrder::Created;
    let mut ages = match (needs_time, retention.clock) {
        (false, _) => Ages::default(),
        (true, Clock::Created) => Ages::created(reader, &manifests, &chosen, cx).await?,
        (true, Clock::Pushed) => Ages::pushed(engine, step, &manifests, auth, cx).await?,
    };
    let plan = loop {
        match step.order {
            TagOrder::Name => {}
            TagOrder::Semver => order::by_version(&mut chosen),
            TagOrder::Created => order::by_age(&mut chosen, ages.by_tag()),
        }
        let repository = Repository {
            tags: &tags,
            chosen: &chosen,
            manifests: &manifests,
            used: &used,
            ages: ages.by_tag(),
            now: Timestamp::now(),
        };
        let plan = Plan::new(&repository, step, retention);
        // With them, an image may be younger, and another one is no longer among the newest.
        if !ages.read_doomed(reader, &manifests, plan.doomed_tags(), cx).await? {
            break plan;
        }
    };
    Ok(Planned { plan, manifests, tags, branches })
}

/// The tags of the repository, if all of them can be read.
async fn listed(reader: &mut TagReader<'_>) -> Result<Vec<String>, StepError> {
    let list = reader.list().await?;
    let (tags, most) = (list.tags.len(), images::MOST);
    match list.odd {
        0 if tags <= most => Ok(list.tags),
        0 => Err(stopped(&format!("it has {tags} tags, and at most {most} are read"))),
        odd => Err(stopped(&format!("the registry lists {odd} names that cannot be tags"))),
    }
}

/// What the tags name, and the children of every index that stays.
async fn all_manifests(
    reader: &mut TagReader<'_>,
    retention: &Retention,
    tags: &[String],
    used: &UsedImages,
    cx: &Cx,
) -> Result<Manifests, StepError> {
    let mut manifests = images::manifests(reader, tags, &|now: String| cx.now(now)).await?;
    if let Some(why) = images::listed_without_image(reader, &manifests.absent(tags)).await? {
        return Err(stopped(&why));
    }
    let named = Named::new(retention, used);
    let digest = |tag: &str| manifests.get(tag).map_or("", |manifest| manifest.digest.as_str());
    let is_named = |tag: &&String| named.keeps(tag, digest(tag)).is_some();
    // What a kept signature is about stays whole, also if no tag names it.
    let subjects = tags.iter().filter(is_named).filter_map(|tag| subject(tag));
    let digests = used.digests().chain(subjects).collect();
    images::read_indexes(reader, &mut manifests, digests).await?;
    if let Some(unreadable) = manifests.unreadable().next() {
        return Err(stopped(&unreadable));
    }
    Ok(manifests)
}

/// What cannot be read may be, or may name, anything.
fn stopped(why: &str) -> StepError {
    StepError::user(format!(
        "nothing is deleted: {why}; what it needs is not known. Look at it, and delete it by hand if it is of no use"
    ))
}
