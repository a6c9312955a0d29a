//! The order of events of a deployment.

use serde_json::{Value, json};

use super::{NEW, OLD, OLD_IMAGE, OUR_IMAGE, OURS, application, image, standing, standing_after};
use crate::argocd::{
    ApplicationState, Health, OperationPhase, RevisionOrder, RevisionOrders, Standing, SyncStatus, Waiting,
    Wanted, is_image,
};

const REFRESH: &str = "argocd.argoproj.io/refresh";

fn syncing() -> Standing {
    Standing::Waiting(Waiting::Syncing { message: String::new(), retries: 0, problem: String::new() })
}

/// The events of an automated Application after a push and one refresh.
#[test]
fn a_deployment_is_done_at_its_last_event_and_not_before() {
    let refresh = json!({"metadata": {"annotations": {REFRESH: "normal"}}});
    let begun = json!({
        "metadata": {"annotations": {REFRESH: "normal"}}, "operation": {"sync": {"revision": OURS}},
        "status": {"operationState": null},
    });
    let compared = json!({
        "operation": {"sync": {"revision": OURS}},
        "status": {"sync": {"status": "OutOfSync"}, "operationState": null},
    });
    let running = json!({
        "operation": {"sync": {"revision": OURS}},
        "status": {"sync": {"status": "OutOfSync"}, "operationState": {"phase": "Running", "syncResult": null}},
    });
    // The health is still that of the old pods.
    let succeeded = json!({"status": {"sync": {"status": "OutOfSync"}}});
    let progressing = json!({
        "status": {"health": {"status": "Progressing"}, "summary": {"images": [OLD_IMAGE, OUR_IMAGE]}},
    });
    let both = json!({"status": {"summary": {"images": [OLD_IMAGE, OUR_IMAGE]}}});
    let waiting = Standing::Waiting;
    let events: [(&str, Value, Standing); 8] = [
        (OLD, json!({}), waiting(Waiting::OtherRevision { revision: OLD.into(), is_older: true })),
        (OLD, refresh, waiting(Waiting::Comparing)),
        (OLD, begun, waiting(Waiting::Comparing)),
        (OURS, compared, syncing()),
        (OURS, running, syncing()),
        (OURS, succeeded, waiting(Waiting::StillDiffers)),
        (OURS, progressing, waiting(Waiting::NotHealthy { health: Health::Progressing })),
        (OURS, both, Standing::Done),
    ];
    for (nth, (revision, changes, expected)) in events.into_iter().enumerate() {
        let image = if revision == OLD { OLD_IMAGE } else { OUR_IMAGE };
        assert_eq!(standing(&application(revision, image, changes)), expected, "event {nth}");
    }
}

#[test]
fn a_partial_operation_of_self_heal_begins_the_wait_again() {
    let again = json!({"operation": {"sync": {}}, "status": {"operationState": null}});
    assert_eq!(standing(&application(OURS, OUR_IMAGE, again)), syncing());
}

/// A raw `.operation` leaves `Synced`, of the old revision, until the new comparison.
#[test]
fn synced_at_an_older_revision_is_not_ours() {
    let raw = json!({"status": {"operationState": {"syncResult": {"revision": OURS}}}});
    let expected = Waiting::OtherRevision { revision: OLD.into(), is_older: true };
    assert_eq!(standing(&application(OLD, OUR_IMAGE, raw)), Standing::Waiting(expected));
}

#[test]
fn the_old_degraded_state_is_a_wait_and_its_caller_decides_how_long() {
    let degraded = json!({"status": {"health": {"status": "Degraded"}}});
    assert_eq!(standing(&application(OURS, OUR_IMAGE, degraded)), Standing::Waiting(Waiting::Degraded));
}

#[test]
fn another_commit_is_asked_for_once() {
    let later = application(NEW, OUR_IMAGE, json!({}));
    assert_eq!(standing_after(&later, &[]), Standing::Ask { revision: NEW.into() });
    // It contains ours, and our image runs: the repository has more than this Application.
    assert_eq!(standing_after(&later, &[(NEW, RevisionOrder::Newer)]), Standing::Done);
    let unknown = Waiting::OtherRevision { revision: NEW.into(), is_older: false };
    assert_eq!(standing_after(&later, &[(NEW, RevisionOrder::Unknown)]), Standing::Waiting(unknown));
}

#[test]
fn a_newer_commit_with_another_image_supersedes_at_once() {
    let progressing = json!({"status": {"health": {"status": "Progressing"}}});
    let newer = application(NEW, OLD_IMAGE, progressing.clone());
    assert_eq!(standing(&newer), Standing::Superseded { by: NEW.into() });
    // A newer commit that does not change this Application begins no operation.
    let mut unrelated = application(NEW, OUR_IMAGE, progressing);
    unrelated["status"]["operationState"]["syncResult"]["revision"] = json!(OURS);
    let expected = Waiting::NotHealthy { health: Health::Progressing };
    assert_eq!(standing(&unrelated), Standing::Waiting(expected));
}

/// The newest commit changes nothing of this Application. What was applied last decides.
#[test]
fn the_commit_that_was_applied_last_decides_what_supersedes() {
    let last = "4444444444444444444444444444444444444444";
    let mut state = application(NEW, OLD_IMAGE, json!({}));
    state["status"]["operationState"]["syncResult"]["revision"] = json!(last);
    let newer = (NEW, RevisionOrder::Newer);
    assert_eq!(standing_after(&state, &[newer]), Standing::Ask { revision: last.into() });
    let superseded = Standing::Superseded { by: NEW.into() };
    assert_eq!(standing_after(&state, &[newer, (last, RevisionOrder::Newer)]), superseded);
    // Ours has changed nothing either: the image was written to a file that this Application does not use.
    let no_image = Standing::Waiting(Waiting::NoImage { image: OUR_IMAGE.into(), is_applied: false });
    assert_eq!(standing_after(&state, &[newer, (last, RevisionOrder::Older)]), no_image);
}

/// An operation that heals or applies only what differs lists nothing else. Our image may still run, or crash.
#[test]
fn a_newer_commit_that_applied_another_image_does_not_supersede() {
    let web = "reg.example/shop/web@sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc";
    let partly = application(NEW, OUR_IMAGE, json!({"status": {"health": {"status": "Degraded"}}}));
    let applied = |image: &str| {
        let mut state = partly.clone();
        state["status"]["operationState"]["syncResult"]["resources"][0]["images"] = json!([image]);
        standing(&state)
    };
    assert_eq!(applied(web), Standing::Waiting(Waiting::Degraded));
    assert_eq!(applied(OLD_IMAGE), Standing::Superseded { by: NEW.into() });
}

#[test]
fn one_of_several_sources_has_our_commit() {
    let several = json!({"status": {
        "sync": {"revision": null, "revisions": ["1.2.3", OURS.to_uppercase()]},
        "operationState": {"syncResult": {"revision": null, "revisions": ["1.2.3", OURS]}},
    }});
    assert_eq!(standing(&application(OURS, OUR_IMAGE, several)), Standing::Done);
}

#[test]
fn an_image_that_is_only_in_the_manifest_does_not_count() {
    let ignored = json!({"status": {"summary": {"images": [OLD_IMAGE]}}});
    let no_image = |is_applied| Standing::Waiting(Waiting::NoImage { image: OUR_IMAGE.into(), is_applied });
    assert_eq!(standing(&application(OURS, OUR_IMAGE, ignored)), no_image(false));
    let no_pods = json!({"status": {"summary": {"images": null}}});
    assert_eq!(standing(&application(OURS, OUR_IMAGE, no_pods)), no_image(true));
    let mut cron = application(OURS, OUR_IMAGE, json!({"status": {"summary": {"images": [OLD_IMAGE]}}}));
    cron["status"]["operationState"]["syncResult"]["resources"][0]["kind"] = json!("CronJob");
    assert_eq!(standing(&cron), no_image(true));
}

#[test]
fn without_a_commit_and_images_health_decides() {
    let state = ApplicationState::read(&application("main", OLD_IMAGE, json!({})));
    let wanted = Wanted { commit: None, images: &[] };
    assert_eq!(state.standing(&wanted, &RevisionOrders::new()), Standing::Done);
}

#[test]
fn a_digest_is_found_in_a_mirror_too_and_a_tag_with_its_name() {
    let digest = OUR_IMAGE.split_once('@').map(|(_, digest)| digest).unwrap_or_default();
    let both = format!("reg.example/shop/api:1@{digest}");
    for (text, wanted, is_it) in [
        (OUR_IMAGE.to_owned(), OUR_IMAGE, true),
        (format!("mirror.example/x:1@{digest}"), OUR_IMAGE, true),
        ("reg.example/shop/api:1".to_owned(), OUR_IMAGE, false),
        ("reg.example/shop/api:1".to_owned(), "reg.example/shop/api:1", true),
        (format!("reg.example/shop/api:1@{digest}"), "reg.example/shop/api:1", true),
        ("reg.example/shop/api:2".to_owned(), "reg.example/shop/api:1", false),
        ("reg.example/shop/web:1".to_owned(), "reg.example/shop/api:1", false),
        ("docker.io/library/nginx:1".to_owned(), "nginx:1", true),
        ("reg.example/shop/api:1".to_owned(), both.as_str(), true),
        ("reg.example/shop/api:2".to_owned(), both.as_str(), false),
        (format!("mirror.example/x@{digest}"), both.as_str(), true),
        (OLD_IMAGE.to_owned(), both.as_str(), false),
        (" no image ".to_owned(), "nginx:1", false),
    ] {
        let found = image(wanted).first().is_some_and(|wanted| is_image(&text, wanted));
        assert_eq!(found, is_it, "{text} is {wanted}");
    }
}

#[test]
fn whatever_is_in_an_object_it_is_read() {
    for odd in [json!(null), json!([]), json!({"status": 3}), json!({"status": {"sync": {"status": 1}}})] {
        let state = ApplicationState::read(&odd);
        assert_eq!((state.sync, state.operation.phase), (SyncStatus::Unknown, OperationPhase::None));
        assert_eq!(standing(&odd), Standing::Waiting(Waiting::NoStatus));
    }
    let odd_name = json!({"status": {"resources": [
        {"kind": "Deployment", "name": "api/../../x", "namespace": "shop"},
        {"kind": "Deployment", "name": "..", "namespace": "shop"}, {"kind": "Deployment", "name": "api"},
    ]}});
    assert!(ApplicationState::read(&odd_name).workloads.is_empty());
    let long =
        json!({"status": {"conditions": [{"type": "ComparisonError", "message": "x".repeat(1 << 20)}]}});
    let state = ApplicationState::read(&application(OURS, OUR_IMAGE, long));
    assert!(state.condition("ComparisonError").is_some_and(|message| message.len() < 1100));
}
