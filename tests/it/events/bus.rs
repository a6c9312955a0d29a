//! The bus and the EventSources: sizes, secrets, and what a full stream does.

use serde_json::Value;

use super::{kustomization, list, own_kustomization, text};
use crate::deploy::object;

const ALL: &str = "resources: [../../eventsources]\n\
    components: [../../eventsources/components/github, ../../eventsources/components/webhook, ../../eventsources/components/three-replicas]\n";

#[test]
fn a_full_stream_refuses_events_and_none_is_dropped_before_its_time() {
    let objects = kustomization("eventsources");
    let stream = stream(&objects);
    assert_eq!(stream["discard"], 1, "0 would drop the oldest event");
    assert_eq!(stream["maxAge"], "24h");
    assert_eq!(stream["replicas"], 1);
    let bus = &object(&objects, "EventBus", "default")["spec"]["jetstream"];
    assert_eq!(bus["replicas"], 1);
    assert_eq!(bus["persistence"]["volumeSize"], "10Gi");
    let settings: Value = serde_saphyr::from_str(text(&bus["settings"])).unwrap();
    assert_eq!(settings["key"], "", "an encrypted store is lost when NATS is killed");
    assert_eq!(settings["sync_interval"], "always");
    assert!(stream["maxBytes"].as_u64().unwrap() < 10 << 30, "less than the volume: {stream}");
}

#[test]
fn three_replicas_keep_three_copies() {
    let objects = own_kustomization(ALL);
    assert_eq!(object(&objects, "EventBus", "default")["spec"]["jetstream"]["replicas"], 3);
    assert_eq!(stream(&objects)["replicas"], 3);
    assert_eq!(stream(&objects)["discard"], 1);
}

#[test]
fn every_source_takes_three_mebibytes_and_asks_for_a_proof() {
    let objects = own_kustomization(ALL);
    assert_eq!(object(&objects, "EventBus", "default")["spec"]["jetstream"]["maxPayload"], "8MB");
    let sources: Vec<_> = objects.iter().filter(|o| o["kind"] == "EventSource").collect();
    assert_eq!(sources.len(), 3);
    for source in sources {
        let spec = &source["spec"];
        let (hook, secret) = match &spec["github"]["hook"] {
            Value::Null => (&spec["webhook"]["hook"], &spec["webhook"]["hook"]["authSecret"]),
            github => (&github["webhook"], &github["webhookSecret"]),
        };
        let bytes = hook["maxPayloadSize"].as_u64().unwrap();
        assert!((3 << 20) < bytes && bytes < 8_000_000, "{source}");
        assert!(
            hook["port"].is_string() && secret["name"].is_string() && secret["key"].is_string(),
            "{source}"
        );
        assert_eq!(list(&spec["service"]["ports"])[0]["port"].to_string(), text(&hook["port"]));
    }
}

fn stream(objects: &[Value]) -> Value {
    let config = &object(objects, "EventBus", "default")["spec"]["jetstream"]["streamConfig"];
    serde_saphyr::from_str(text(config)).unwrap()
}
