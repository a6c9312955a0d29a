//! What changed since the plan was made.

use std::collections::BTreeSet;

use super::super::planned::Planned;
use super::super::{images, plan};
use super::Applying;
use crate::outcome::StepError;

impl Applying<'_, '_> {
    /// Reads the list of tags again, and which image each of them names. What a new or a moved tag names must stay.
    pub(super) async fn see_changes(&mut self) -> Result<(), StepError> {
        let Planned { manifests, tags, .. } = self.planned;
        let known: BTreeSet<_> = tags.iter().collect();
        let list = self.reader.list().await?;
        if list.odd > 0 {
            return Err(stopped(&format!("the registry lists {} names that cannot be tags", list.odd)));
        }
        let mut changed: Vec<String> = list.tags.into_iter().filter(|tag| !known.contains(tag)).collect();
        let is_there =
            |tag: &&String| manifests.get(tag).is_none_or(|image| !self.gone.contains(&image.digest));
        let there: Vec<&String> = tags.iter().filter(is_there).collect();
        changed.extend(images::moved(self.reader, &there, manifests).await?);
        self.protect(&changed).await
    }

    /// Keeps all that `tags` need now.
    pub(super) async fn protect(&mut self, tags: &[String]) -> Result<(), StepError> {
        let mut new = images::manifests(self.reader, tags, &|_| ()).await?;
        if let Some(why) = images::listed_without_image(self.reader, &new.absent(tags)).await? {
            return Err(stopped(&why));
        }
        let subjects: Vec<String> = tags.iter().filter_map(|tag| plan::subject(tag)).collect();
        images::read_indexes(self.reader, &mut new, subjects.clone()).await?;
        if let Some(unreadable) = new.unreadable().next() {
            return Err(stopped(&unreadable));
        }
        let roots = plan::needed(&new, new.digests().chain(subjects.iter().map(String::as_str)));
        // What is new may name what was there before.
        let needed = plan::needed(&self.planned.manifests, roots.into_iter());
        self.needed.extend(needed.into_iter().map(str::to_owned));
        Ok(())
    }
}

/// What cannot be read may need anything.
fn stopped(why: &str) -> StepError {
    StepError::user(format!(
        "nothing more is deleted: {why}; what it needs is not known. Look at it, and delete it by hand if it is of no use"
    ))
}
