//! Writes the index of an image whose platforms are all there, and sets the tags.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::super::part::Work;
use crate::oci::{CopyTarget, OciError, PlatformIndex};
use crate::outcome::StepError;
use crate::text;

/// The most names of tags in a message.
const NAMED: usize = 10;

/// How often a tag that another build has moved meanwhile is looked at again. A build overwrites a tag, as BuildKit does.
const MOVED: usize = 3;

/// Joins `children`, each a platform and a digest that every repository of the tags has, and moves the tags to the index.
pub(super) async fn run(work: Work<'_>, children: &[(String, String)]) -> Result<PlatformIndex, StepError> {
    let Work { engine, build, inputs, cx } = work;
    let registry = engine.registry.of(engine.tenancy.tenant(&cx.workflow));
    let auth = &*inputs.auth;
    let first = build.tags.first().ok_or_else(|| StepError::user("`tags` is empty; name the image"))?;
    cx.now("writing the index of all platforms");
    let joined = registry.join_platforms(&first.image, children, auth, first.insecure, cx.deadline);
    let index = joined.await.map_err(|error| told(error.into(), &[]))?;
    let (mut targets, mut moved) = (BTreeMap::new(), Vec::new());
    for tag in &build.tags {
        cx.now(format!("moving tag {} to {}", tag.image, index.digest()));
        // The tags of one repository share its login.
        let target = match targets.entry((tag.image.name(), tag.insecure)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                new.insert(registry.copy_target(&tag.image, auth, tag.insecure, cx.deadline)?)
            }
        };
        let set = Box::pin(set(work, target, &index, tag.image.target())).await;
        set.map_err(|error| told(error, &moved))?;
        moved.push(tag.image.to_string());
    }
    Ok(index)
}

/// Moves `tag` to `index`, unless it is there already. A stop waits for the request that moves it.
async fn set(
    work: Work<'_>,
    target: &mut CopyTarget<'_>,
    index: &PlatformIndex,
    tag: &str,
) -> Result<(), StepError> {
    for is_last in std::iter::repeat_n(false, MOVED).chain([true]) {
        let before = target.digest_of(tag).await?;
        if before.as_deref() == Some(index.digest()) {
            return Ok(());
        }
        match target.tag_index(index, tag, before.as_deref(), || work.cx.enter()).await {
            Ok(true) => return Ok(()),
            Ok(false) => break,
            Err(OciError::Moved { .. }) if !is_last => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(StepError::transient("the step was stopped, or its time was over; run it again"))
}

/// The error with what was done before it.
fn told(error: StepError, moved: &[String]) -> StepError {
    let moved = match moved {
        [] => "no tag has moved".to_owned(),
        moved => format!("moved before it: {}", text::first(moved, NAMED)),
    };
    let message =
        format!("all platforms were built and pushed, but their index was not: {}; {moved}", error.message);
    StepError { message, ..error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_was_done_before_it() {
        let say = |moved: &[&str]| {
            let moved: Vec<_> = moved.iter().map(|tag| (*tag).to_owned()).collect();
            told(StepError::user("refused"), &moved).message
        };
        let pushed = "all platforms were built and pushed, but their index was not: refused; ";
        assert_eq!(say(&[]), format!("{pushed}no tag has moved"));
        assert_eq!(say(&["r.io/a:1", "r.io/a:2"]), format!("{pushed}moved before it: r.io/a:1, r.io/a:2"));
    }
}
