//! Schedules of CronWorkflows: the five fields of cron, as Argo's controller reads them (robfig/cron, `ParseStandard`).

const SHORTHANDS: &[&str] =
    &["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];

const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// A field of a schedule: its name, its least and its greatest number, and the names of numbers.
struct CronField(&'static str, u32, u32, &'static [&'static str]);

const FIELDS: [CronField; 5] = [
    CronField("minute", 0, 59, &[]),
    CronField("hour", 0, 23, &[]),
    CronField("day of the month", 1, 31, &[]),
    CronField("month", 1, 12, MONTHS),
    CronField("day of the week", 0, 6, DAYS),
];

/// Checks a schedule.
pub(super) fn check(text: &str) -> Result<(), String> {
    if SHORTHANDS.contains(&text) {
        return Ok(());
    }
    let parts: Vec<_> = text.split_whitespace().collect();
    if parts.len() != FIELDS.len() {
        return Err("is no schedule; write five fields, such as `*/5 * * * *`, or `@hourly`".to_owned());
    }
    for (part, field) in parts.iter().zip(&FIELDS) {
        if !part.split(',').all(|item| field.takes(item)) {
            let CronField(name, least, most, _) = field;
            return Err(format!(
                "`{part}` is no {name}; write a number from {least} to {most}, `*`, `a-b` or `*/n`"
            ));
        }
    }
    Ok(())
}

impl CronField {
    fn takes(&self, item: &str) -> bool {
        let (range, step) = item.split_once('/').map_or((item, None), |(range, step)| (range, Some(step)));
        let is_step = step.is_none_or(|step| digits(step).is_some_and(|step| step > 0));
        let is_range = match range.split_once('-') {
            Some((from, to)) => self.number(from).zip(self.number(to)).is_some_and(|(from, to)| from <= to),
            None => range == "*" || self.number(range).is_some(),
        };
        is_step && is_range
    }

    fn number(&self, text: &str) -> Option<u32> {
        let CronField(_, least, most, names) = self;
        let name = names.iter().position(|name| text.eq_ignore_ascii_case(name));
        let number = name.and_then(|at| u32::try_from(at).ok()).map(|at| at + least).or_else(|| digits(text));
        number.filter(|number| (least..=most).contains(&number))
    }
}

fn digits(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}
