#![expect(clippy::unwrap_used, reason = "tests")]
use serde_json::json;

use super::*;

#[test]
fn exit_handlers_are_told_by_their_names() {
    for (name, is) in [
        ("wf.onExit", true),
        ("wf.onExit(0)", true),
        ("wf.onExit(0)[0].tell", true),
        ("wf[0].build.onExit", true),
        ("wf.onExit.part", true),
        ("wf", false),
        ("wf[0].onExitCode", false),
        ("wf.onExits", false),
    ] {
        assert_eq!(names_exit_handler(name), is, "{name}");
    }
}

#[tokio::test]
async fn compressed_nodes_are_nodes_and_too_many_are_none() {
    let workflow = |count: usize| {
        let nodes: BTreeMap<_, _> = (0..count)
            .map(|n| (format!("wf-{n}"), json!({"name": "wf.onExit", "phase": "Running", "inputs": {}})))
            .collect();
        let packed = packed::packed(json!(nodes).to_string().as_bytes());
        let object = json!({"metadata": {"uid": "u"}, "spec": {"shutdown": "Stop"}, "status": {"compressedNodes": packed}});
        serde_json::from_value::<Read<WorkflowSpec>>(object).unwrap()
    };
    let state = WorkflowState::read(workflow(3)).await;
    assert_eq!((state.nodes.len(), state.is_exit_handler("wf-2")), (3, Some(true)));
    let state = WorkflowState::read(workflow(40_000)).await;
    assert_eq!((state.uid.as_deref(), state.nodes.len()), (Some("u"), 0));
}
