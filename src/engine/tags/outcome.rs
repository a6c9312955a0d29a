//! What `tags` with `delete` tells: the plan as text, and the outputs.

use super::super::sanitize::{list_that_fits, without_expressions};
use super::apply::Done;
use super::plan::Plan;
use super::report::TagReport;
use crate::outcome::{Outputs, StepError, Success};
use crate::step::Tags;

/// The outcome of a plan that is not carried out.
pub(super) fn planned(step: &Tags, plan: &Plan) -> Success {
    let (name, count) = (step.image.image.name(), plan.doomed_tags().count());
    let kept = plan.kept.len();
    let summary = match count {
        0 => format!("nothing to delete: all {kept} tags of {name} stay"),
        _ => format!(
            "dry run: would delete {count} tags of {name} ({} images), and keep {kept}; `dry-run: false` deletes them",
            plan.images.len()
        ),
    };
    Success { summary, outputs: outputs(plan, &[]) }
}

/// The outcome of a plan that was carried out, as far as that went.
pub(super) fn applied(step: &Tags, plan: &Plan, done: Done) -> Result<Success, StepError> {
    let Done { deleted, manifests, left, error } = done;
    let name = step.image.image.name();
    let mut summary = format!(
        "deleted {} tags of {name} ({manifests} manifests), and kept {}",
        deleted.len(),
        plan.kept.len() + plan.doomed_tags().count() - deleted.len()
    );
    let mut outputs = outputs(plan, &deleted);
    if !left.is_empty() {
        summary.push_str(&format!("; {} could not be deleted: {}", left.len(), left[0]));
        outputs.insert("warnings".to_owned(), list_that_fits(&left));
    }
    match error {
        None => Ok(Success { summary, outputs }),
        Some(error) if deleted.is_empty() => Err(StepError { outputs, ..error }),
        Some(error) => {
            let message = format!("{}; done before it: {summary}", error.message);
            Err(StepError { message, outputs, ..error })
        }
    }
}

fn outputs(plan: &Plan, deleted: &[String]) -> Outputs {
    let mut outputs = TagReport::empty_outputs();
    let planned: Vec<_> = plan.doomed_tags().collect();
    let values = [
        ("tags", list_that_fits(plan.kept.keys())),
        ("count", plan.kept.len().to_string()),
        ("exists", (!plan.kept.is_empty()).to_string()),
        ("planned", list_that_fits(planned)),
        ("deleted", list_that_fits(deleted)),
        ("plan", without_expressions(text(plan))),
    ];
    outputs.extend(values.map(|(name, value)| (name.to_owned(), value)));
    outputs
}

/// A line for each tag: first those that are deleted.
fn text(plan: &Plan) -> String {
    let mut lines = Vec::new();
    for image in &plan.images {
        let below = match image.below.len() {
            0 => String::new(),
            count => format!(" with {count} manifests below it"),
        };
        lines.push(format!("delete {}: {}{below}", image.tags.join(", "), image.digest));
    }
    lines.extend(
        plan.tags.iter().map(|(tag, digest)| format!("delete {tag}: {digest} stays under another tag")),
    );
    lines.extend(plan.kept.iter().map(|(tag, why)| format!("keep {tag}: it {why}")));
    lines.join("\n")
}
