//! Moves the tags, once every target has the image.

use super::super::context::Cx;
use super::place::Place;
use crate::oci::{OciError, SourceImage};
use crate::outcome::StepError;
use crate::step::Push;
use crate::text;

/// The most names of tags in a message.
const NAMED: usize = 10;

/// Moves the tags that name something else. Returns whether there was one. A stop waits for the request that moves a tag, as for every
/// push, and not for the pause before the next try.
pub(super) async fn move_all<'a>(
    places: &mut [Place<'a>],
    push: &Push,
    source: &SourceImage<'a>,
    cx: &Cx,
) -> Result<bool, StepError> {
    let mut moved = Vec::new();
    for place in places {
        for (tag, has) in std::mem::take(&mut place.tags) {
            if has.as_deref() == Some(source.digest()) {
                continue;
            }
            let name = format!("{}:{tag}", place.written.repository.image.name());
            cx.now(format!("moving tag {name} to {}{}", source.digest(), after(&moved)));
            place.move_tag(push, source, (tag, has), cx).await.map_err(|error| told(error, &moved))?;
            moved.push(name);
        }
    }
    Ok(!moved.is_empty())
}

impl<'a> Place<'a> {
    /// Moves `tag`, which named `has` when the copy began.
    async fn move_tag(
        &mut self,
        push: &Push,
        source: &SourceImage<'a>,
        (tag, has): (&str, Option<String>),
        cx: &Cx,
    ) -> Result<(), StepError> {
        let (digest, mut before) = (source.digest(), has);
        if push.only_if_absent {
            before = self.target.digest_of(tag).await?;
            if let Some(has) = before.as_deref().filter(|has| *has != digest) {
                return Err(self.taken(tag, has, digest));
            }
        }
        match self.target.tag(source, tag, before.as_deref(), || cx.enter()).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(StepError::transient(format!(
                "the step was stopped, or its time was over, before tag {}:{tag} moved; run it again",
                self.written.repository.image.name()
            ))),
            Err(OciError::Moved { now, .. }) if push.only_if_absent => Err(self.taken(tag, &now, digest)),
            Err(error) => Err(error.into()),
        }
    }
}

/// The error with the tags that moved before it.
fn told(error: StepError, moved: &[String]) -> StepError {
    let before = match moved {
        [] => "; no tag has moved".to_owned(),
        moved => format!("; moved before it: {}", text::first(moved, NAMED)),
    };
    StepError { message: error.message + &before, ..error }
}

fn after(moved: &[String]) -> String {
    if moved.is_empty() { String::new() } else { format!(", after {}", text::first(moved, NAMED)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_tags_that_moved_before_it() {
        let say = |moved: usize| {
            let moved: Vec<_> = (0..moved).map(|n| format!("r.io/a:{n}")).collect();
            told(StepError::user("refused"), &moved).message
        };
        assert_eq!(say(0), "refused; no tag has moved");
        assert_eq!(say(2), "refused; moved before it: r.io/a:0, r.io/a:1");
        assert!(say(12).ends_with("r.io/a:9 and 2 more"), "{}", say(12));
    }
}
