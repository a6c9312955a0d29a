//! The critical path: the steps that a build could not have ended without earlier.

use std::collections::HashSet;

use super::steps::BuildStep;

/// The positions of the steps on the critical path, in the order in which they ran. It is followed from the step that ended last to
/// the input that ended last, and so on. Work around the steps names no inputs: it follows the step that had ended last before.
pub(super) fn critical_path(steps: &[BuildStep]) -> Vec<usize> {
    let timed = steps.iter().enumerate().filter_map(|(at, step)| Some((at, step.times()?)));
    let mut next = timed.max_by_key(|(at, (_, ended))| (*ended, *at)).map(|(at, _)| at);
    let (mut path, mut seen) = (Vec::new(), HashSet::new());
    while let Some(at) = next {
        seen.insert(at);
        path.push(at);
        next = latest(steps, inputs(steps, at), at, &seen)
            .or_else(|| latest(steps, ended_before(steps, at), at, &seen));
    }
    path.reverse();
    path
}

/// The step of `among` that ended last. It must have begun before the step `at`, and must not be in `seen`: a list may come from anybody.
fn latest(
    steps: &[BuildStep],
    among: impl IntoIterator<Item = usize>,
    at: usize,
    seen: &HashSet<usize>,
) -> Option<usize> {
    let (began, _) = steps.get(at)?.times()?;
    let timed = among.into_iter().filter(|other| !seen.contains(other));
    let timed = timed.filter_map(|other| Some((other, steps.get(other)?.times()?)));
    let earlier = timed.filter(|(_, (started, _))| *started <= began);
    earlier.max_by_key(|(other, (_, ended))| (*ended, *other)).map(|(other, _)| other)
}

/// The inputs of a step that have times. An input without times is replaced by its own inputs.
fn inputs(steps: &[BuildStep], at: usize) -> Vec<usize> {
    let of = |at: usize| steps.get(at).map(|step| step.inputs.clone()).unwrap_or_default();
    let (mut found, mut seen, mut open) = (Vec::new(), HashSet::new(), of(at));
    while let Some(input) = open.pop() {
        if !seen.insert(input) {
            continue;
        }
        match steps.get(input).and_then(BuildStep::times) {
            Some(_) => found.push(input),
            None => open.extend(of(input)),
        }
    }
    found
}

fn ended_before(steps: &[BuildStep], at: usize) -> Vec<usize> {
    let Some((began, _)) = steps.get(at).and_then(BuildStep::times) else { return Vec::new() };
    let ended = |step: &BuildStep| step.times().is_some_and(|(_, ended)| ended <= began);
    steps.iter().enumerate().filter(|(_, step)| ended(step)).map(|(at, _)| at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A step with its inputs, start and end.
    type Row<'a> = (&'a [usize], Option<(u64, u64)>);

    fn path(rows: &[Row<'_>]) -> Vec<usize> {
        let step = |(inputs, times): &Row<'_>| BuildStep {
            inputs: inputs.to_vec(),
            started: times.map(|(started, _)| started),
            ended: times.map(|(_, ended)| ended),
            ..BuildStep::default()
        };
        critical_path(&rows.iter().map(step).collect::<Vec<_>>())
    }

    #[test]
    fn the_path_follows_the_input_that_ended_last() {
        let rows: &[(&str, &[Row<'_>], &[usize])] = &[
            ("no steps", &[], &[]),
            ("no times", &[(&[], None)], &[]),
            ("a chain", &[(&[], Some((0, 10))), (&[0], Some((10, 20))), (&[1], Some((20, 30)))], &[0, 1, 2]),
            (
                "two branches: the slower",
                &[
                    (&[], Some((0, 10))),
                    (&[0], Some((10, 90))),
                    (&[0], Some((10, 20))),
                    (&[1, 2], Some((90, 95))),
                ],
                &[0, 1, 3],
            ),
            (
                "a later step that nothing reads is no input",
                &[(&[], Some((0, 10))), (&[], Some((0, 80))), (&[0], Some((80, 99)))],
                &[0, 2],
            ),
            (
                "an input without times stands for its own inputs",
                &[(&[], Some((0, 10))), (&[0], None), (&[1], Some((10, 20)))],
                &[0, 2],
            ),
            (
                "an export names no inputs",
                &[(&[], Some((0, 10))), (&[0], Some((10, 20))), (&[], Some((20, 30)))],
                &[0, 1, 2],
            ),
            ("a circle", &[(&[1], Some((0, 10))), (&[0], Some((0, 10)))], &[0, 1]),
            ("itself", &[(&[0], Some((0, 10)))], &[0]),
            ("an end before the start is no time", &[(&[], Some((10, 0)))], &[]),
        ];
        for (name, steps, expected) in rows {
            assert_eq!(path(steps), *expected, "{name}");
        }
    }
}
