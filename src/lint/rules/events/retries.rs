//! Retries of triggers: those without effect, and those that end too early.

use std::time::Duration;

use serde_json::Value;

use super::super::super::events::sensor::Trigger;
use super::super::super::finding::{At, RuleMatch};
use super::super::super::objects::Given;
use super::{all_triggers, error, of, warning};
use crate::duration::parse_go_duration;

/// How long an API server may need to restart.
const RESTART: Duration = Duration::from_secs(30);

/// The defaults of a retry strategy (argo-events `pkg/shared/util/retry.go`). Its jitter only makes the waits longer.
const STEPS: u64 = 5;
const WAIT: Duration = Duration::from_secs(1);

/// Retries and dead-letter triggers that do nothing.
pub(in super::super) fn without_effect<'a>(given: &'a Given<'a>, found: &mut Vec<RuleMatch<'a>>) {
    for trigger in all_triggers(given) {
        let value = trigger.value;
        let mut tell = |pointer: String, at, problem: &str, help: &str| {
            found.push(of(&trigger, error(trigger.object, pointer, at, problem.to_owned(), help.to_owned())));
        };
        let at = |key: &str| format!("{}/{key}", trigger.pointer);
        let is_kept = value["atLeastOnce"] == true;
        if !is_kept && value["retryStrategy"].is_object() {
            let help = "write `atLeastOnce: true` beside it: otherwise an event is confirmed before the trigger runs";
            tell(
                at("retryStrategy"),
                At::Key,
                "`retryStrategy` has no effect without `atLeastOnce: true`",
                help,
            );
        }
        if !is_kept && value["dlqTrigger"].is_object() {
            let help = "write `atLeastOnce: true` beside it: its controller refuses the Sensor otherwise";
            tell(at("dlqTrigger"), At::Key, "`dlqTrigger` has no effect without `atLeastOnce: true`", help);
        }
        if trigger.is_dead_letter && !is_kept {
            let help = "write `atLeastOnce: true` inside the `dlqTrigger`: its controller refuses the Sensor otherwise";
            tell(
                trigger.pointer.clone(),
                At::Key,
                "a `dlqTrigger` needs an `atLeastOnce: true` of its own",
                help,
            );
        }
    }
}

/// Triggers that give up an event before an API server is back.
pub(in super::super) fn too_short<'a>(given: &'a Given<'a>, found: &mut Vec<RuleMatch<'a>>) {
    for trigger in all_triggers(given).filter(|trigger| !trigger.is_dead_letter && reaches_a_server(trigger))
    {
        let retry = &trigger.value["retryStrategy"];
        let Some(waits) = waits(retry).filter(|waits| *waits < RESTART) else { continue };
        let is_tried_again = retry.is_object();
        let (key, what) = match (trigger.value["atLeastOnce"] == true, is_tried_again) {
            (false, true) => continue,
            (_, true) => ("/retryStrategy", format!("the retries end after {} s", waits.as_secs())),
            (true, false) => ("/atLeastOnce", "the trigger is tried once".to_owned()),
            (false, false) => ("/template", "the trigger is tried once".to_owned()),
        };
        let problem =
            format!("{what}, and then the event is lost: an API server that restarts is away for longer");
        let help = "write `atLeastOnce: true` and `retryStrategy: {steps: 7, duration: 1s, factor: 2}`, which waits 63 s".to_owned();
        found.push(of(
            &trigger,
            warning(trigger.object, format!("{}{key}", trigger.pointer), At::Key, problem, help),
        ));
    }
}

/// Whether the trigger makes objects: the others reach their own servers, or only a log.
fn reaches_a_server(trigger: &Trigger<'_>) -> bool {
    trigger.kinds().iter().any(|(kind, ..)| matches!(*kind, "k8s" | "argoWorkflow"))
}

/// The time from the first to the last attempt, without jitter. `None` if it is not known.
fn waits(retry: &Value) -> Option<Duration> {
    if !retry.is_object() {
        return Some(Duration::ZERO);
    }
    let wait = match &retry["duration"] {
        Value::Null => WAIT,
        Value::String(text) => parse_go_duration(text)?,
        // The rule `field-type` judges a number that is no whole millisecond.
        other => Duration::from_nanos(other.as_u64().filter(|nanoseconds| *nanoseconds >= 1_000_000)?),
    };
    let factor = if retry["factor"].is_null() { 1.0 } else { retry["factor"].as_f64()? };
    let steps = match &retry["steps"] {
        Value::Null => STEPS,
        other => other.as_u64().map(|steps| if steps == 0 { STEPS } else { steps })?,
    };
    let mut whole = Duration::ZERO;
    let mut next = wait.as_secs_f64();
    for _ in 1..steps {
        if whole >= RESTART {
            break;
        }
        whole += Duration::try_from_secs_f64(next).ok()?;
        next *= factor;
    }
    Some(whole)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_waits_are_those_of_the_strategy() {
        for (retry, seconds) in [
            (json!(null), Some(0)),
            (json!({}), Some(4)),
            (json!({"steps": 3, "factor": 2}), Some(3)),
            (json!({"steps": 5, "duration": "2s", "factor": 2}), Some(30)),
            (json!({"steps": 0, "duration": 2_000_000_000}), Some(8)),
            (json!({"steps": 1_000_000_000, "duration": "1h"}), Some(3600)),
            (json!({"steps": 3, "duration": "soon"}), None),
            (json!({"steps": 3, "factor": "2"}), None),
        ] {
            assert_eq!(waits(&retry).map(|waits| waits.as_secs()), seconds, "{retry}");
        }
    }
}
