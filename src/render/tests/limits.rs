//! Many services, and large ones.

use serde_json::{Value, json};

use super::super::{RenderError, render, size, sweep};
use super::{catalogue, files, object};
use crate::catalogue::tests::small;

/// A catalogue of `count` repositories.
fn many(count: usize, message: &str) -> Value {
    let mut body = small(&json!({}));
    body["defaults"] = json!({"parameters": {"message": message}});
    let services: Vec<_> = (0..count)
        .map(|n| {
            json!({
                "name": format!("s{n}"),
                "repo": format!("https://git.example.com/shop/s{n}.git"),
                "image": format!("registry.example.com/shop/s{n}"),
            })
        })
        .collect();
    body["services"] = json!(services);
    body
}

fn sensors(body: &Value) -> Vec<Value> {
    let files = files(body);
    let all = files.iter().map(|file| object(&files, &file.name));
    all.filter(|object| object["kind"] == "Sensor").collect()
}

#[test]
fn a_sensor_has_at_most_fifty_repositories_and_fits_a_variable() {
    let all = sensors(&many(120, "x"));
    let pushes = |sensor: &Value| {
        let triggers = sensor["spec"]["triggers"].as_array().unwrap().iter();
        triggers.filter(|one| one["template"].get("k8s").is_some()).count()
    };
    assert_eq!(all.iter().map(pushes).sum::<usize>(), 120);
    // As base64 in one variable of at most 128 KiB.
    let fits = |sensor: &Value| size(sensor).div_ceil(3) * 4 < 128 << 10;
    assert!(all.iter().all(|sensor| pushes(sensor) <= 50 && fits(sensor)));
    let unknown = |sensor: &Value| sensor.to_string().contains("ignored-unknown-repository");
    assert_eq!(all.iter().filter(|sensor| unknown(sensor)).count(), 1);
}

#[test]
fn two_hundred_services_are_swept_in_objects_that_etcd_takes() {
    let files = files(&many(200, &"m".repeat(4000)));
    let sweeps: Vec<_> = files.iter().filter(|file| file.name.starts_with("sweep")).collect();
    assert!(sweeps.len() > 1 && files.iter().all(|file| file.text.len() < 1 << 20), "{}", sweeps.len());
    let services = sweeps.iter().map(|file| {
        let cron = object(&files, &file.name);
        cron.pointer("/spec/workflowSpec/templates/0/plugin/buildkit/poll/services")
            .unwrap()
            .as_array()
            .unwrap()
            .len()
    });
    assert_eq!(services.sum::<usize>(), 200);
}

#[test]
fn each_sweep_is_a_step_that_the_plugin_takes() {
    let mut body = many(100, "x");
    // More than 2000 patterns, and less than one object's bytes.
    body["defaults"]["tags"] = json!((0..25).map(|n| format!("v{n}")).collect::<Vec<_>>());
    let sweeps = sweep::of(&catalogue(&body)).unwrap();
    assert_eq!(sweeps.len(), 2);
    for (name, cron) in sweeps {
        let step = cron.pointer("/spec/workflowSpec/templates/0/plugin/buildkit").unwrap();
        crate::step::parse(step).unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
    }
}

#[test]
fn what_no_object_can_hold_is_refused() {
    let mut body = many(1, "x");
    let arguments: serde_json::Map<_, _> =
        (0..40).map(|n| (format!("A{n}"), json!("y".repeat(16_000)))).collect();
    body["services"][0]["build-args"] = json!(arguments);
    let error = render(&catalogue(&body)).unwrap_err();
    assert!(
        matches!(&error, RenderError::TooLarge { .. }) && error.to_string().contains("shorten"),
        "{error}"
    );
}

#[test]
fn what_no_step_can_hold_is_refused() {
    let mut body = many(200, "x");
    for service in body["services"].as_array_mut().unwrap() {
        service["repo"] = json!("https://git.example.com/shop/shop.git");
        service["paths"] = json!((0..100).map(|n| format!("p{n}")).collect::<Vec<_>>());
    }
    let error = render(&catalogue(&body)).unwrap_err();
    assert!(
        matches!(&error, RenderError::TooManyValues { repository, .. } if repository == "shop/shop")
            && error.to_string().contains("give them fewer"),
        "{error}"
    );
}

/// Go was asked: `json.Marshal("&<>\u2028é")`.
#[test]
fn a_size_is_that_of_the_json_that_go_writes() {
    assert_eq!(size(&json!("&<>\u{2028}é")), r#""\u0026\u003c\u003e\u2028é""#.len());
}

#[test]
fn names_that_no_sensor_can_hold_are_refused_as_such() {
    let mut body = many(1000, "x");
    let long = "n".repeat(90);
    for (n, service) in body["services"].as_array_mut().unwrap().iter_mut().enumerate() {
        service["repo"] = json!(format!("https://git.example.com/shop/{long}{n}.git"));
    }
    let error = render(&catalogue(&body)).unwrap_err();
    assert!(
        matches!(error, RenderError::TooManyNames { count: 1000, .. })
            && error.to_string().contains("two catalogues"),
        "{error}"
    );
}
