//! Go templates in Sensors.

use super::super::super::events::sensor::{self, items};
use super::super::super::finding::{At, RuleMatch};
use super::super::super::objects::{ArgoObject, Given};
use super::error;
use crate::go::template;

/// The templates of parameters.
const KEYS: [&str; 2] = ["dataTemplate", "contextTemplate"];

/// Templates that Go does not parse, or that give nothing.
pub(in super::super) fn refused<'a>(given: &'a Given<'a>, found: &mut Vec<RuleMatch<'a>>) {
    for sensor in given.of_events("Sensor") {
        for (pointer, text) in all(sensor) {
            let Err(wrong) = template::parse(text) else { continue };
            let problem = format!("Go cannot use this template: {}", wrong.problem);
            let help = "the event is dropped, or the value of `dataKey` or `value` is taken instead; only the Sensor's log says why";
            let at = At::Text(wrong.part.trim().lines().next().unwrap_or_default().to_owned());
            found.push(error(sensor, pointer, at, problem, help.to_owned()));
        }
    }
}

fn all<'a>(sensor: &'a ArgoObject<'a>) -> Vec<(String, &'a str)> {
    let mut texts = Vec::new();
    for (pointer, parameter) in sensor::triggers(sensor).iter().flat_map(sensor::Trigger::parameters) {
        let own = KEYS
            .into_iter()
            .filter_map(|key| Some((format!("{pointer}/src/{key}"), parameter["src"][key].as_str()?)));
        texts.extend(own);
    }
    for dependency in sensor::dependencies(sensor) {
        let place = format!("{}/filters/data", dependency.pointer);
        for (pointer, filter) in items(&dependency.value["filters"]["data"], &place) {
            texts.extend(filter["template"].as_str().map(|text| (format!("{pointer}/template"), text)));
        }
    }
    texts
}
