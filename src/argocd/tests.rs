//! The states of Applications as Argo CD 3.2.1 wrote them on a real cluster, and what they mean for a wait.

mod measured;
mod problems;

use serde_json::{Value, json};

use super::{ApplicationState, RevisionOrder, RevisionOrders, Standing, Wanted};
use crate::oci::ImageRef;

const OURS: &str = "1111111111111111111111111111111111111111";
const OLD: &str = "2222222222222222222222222222222222222222";
const NEW: &str = "3333333333333333333333333333333333333333";
const OUR_IMAGE: &str =
    "reg.example/shop/api@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const OLD_IMAGE: &str =
    "reg.example/shop/api@sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// A synced, healthy Application at `revision` that runs `image`, with `changes` merged into it.
fn application(revision: &str, image: &str, changes: Value) -> Value {
    let mut object = json!({
        "metadata": {"name": "api", "resourceVersion": "7"},
        "spec": {
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
            "syncPolicy": {"automated": {"prune": true, "selfHeal": true}},
        },
        "status": {
            "sync": {"status": "Synced", "revision": revision},
            "health": {"status": "Healthy"},
            "summary": {"images": [image]},
            "operationState": {
                "phase": "Succeeded",
                "syncResult": {"revision": revision, "resources": [{
                    "kind": "Deployment", "name": "api", "status": "Synced", "images": [image],
                }]},
            },
        },
    });
    merge(&mut object, changes);
    object
}

/// A merge patch (RFC 7396).
fn merge(object: &mut Value, changes: Value) {
    let Value::Object(changes) = changes else {
        *object = changes;
        return;
    };
    for (key, change) in changes {
        match change {
            Value::Null => drop(object.as_object_mut().and_then(|map| map.remove(&key))),
            change => merge(&mut object[&key], change),
        }
    }
}

/// What the state means for a wait for [`OURS`] with [`OUR_IMAGE`].
fn standing(object: &Value) -> Standing {
    standing_after(object, &[(OLD, RevisionOrder::Older), (NEW, RevisionOrder::Newer)])
}

fn standing_after(object: &Value, answers: &[(&str, RevisionOrder)]) -> Standing {
    let images = image(OUR_IMAGE);
    let orders: RevisionOrders =
        answers.iter().map(|(revision, order)| ((*revision).to_owned(), *order)).collect();
    let wanted = Wanted { commit: Some(OURS), images: &images };
    ApplicationState::read(object).standing(&wanted, &orders)
}

fn image(text: &str) -> Vec<ImageRef> {
    text.parse::<ImageRef>().into_iter().collect()
}
