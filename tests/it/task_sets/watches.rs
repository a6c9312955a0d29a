//! The events of the watch.

use super::*;

#[tokio::test]
async fn it_lists_in_pages_and_then_follows() {
    let sets = Sets::new().await;
    let names = ["a", "b", "c", "d", "e"];
    for name in names {
        sets.create(name, json!({name: task(name)})).await;
    }
    let mut watch = sets.watch().await;
    assert_eq!(watch.next().await, TaskSetEvent::Relisting(sets.part()));
    for name in names {
        assert_eq!(watch.seen().await.id.name, name);
    }
    assert_eq!(watch.next().await, TaskSetEvent::Listed(sets.part()));
    sets.create("f", json!({"f": task("f")})).await;
    let created = watch.seen().await;
    assert_eq!((created.id.name.as_str(), created.workflow.as_str()), ("f", "w-1"));
    assert!(created.created.is_some() && !created.completed && created.phases.is_empty());
    assert_eq!(created.tasks["f"], task("f"));
    sets.delete("f").await;
    assert_eq!(watch.gone().await, created.id);
}

#[tokio::test]
async fn only_our_tasks_and_their_phases_are_kept() {
    let sets = Sets::new().await;
    let foreign = json!({"name": "x", "plugin": {"slack": {"buildkit": 1}}});
    let http = json!({"name": "y", "http": {"url": "https://example.com"}});
    sets.create("mixed", json!({"ours": task("ours"), "foreign": foreign, "web": http})).await;
    let others = json!({"foreign": {"phase": "Running"}, "web": {"phase": "Failed"}});
    sets.change_status("mixed", json!({"nodes": others})).await;
    let state = sets.state("mixed").await;
    assert_eq!(state.tasks.keys().collect::<Vec<_>>(), ["ours"]);
    assert!(state.phases.is_empty(), "{:?}", state.phases);

    sets.cluster().await.report(&state.id, &state.basis, &[success(&state, "ours")]).await.unwrap();
    let state = sets.state("mixed").await;
    assert_eq!(state.phases.into_iter().collect::<Vec<_>>(), [("ours".into(), "Succeeded".into())]);
    let mut nodes = sets.status("mixed").await["nodes"].take();
    nodes.as_object_mut().unwrap().remove("ours");
    assert_eq!(nodes, others, "the others' are as they were");
}

#[tokio::test]
async fn a_finished_set_is_gone_until_its_workflow_is_retried() {
    let sets = Sets::new().await;
    let id = sets.one("retried").await.id;
    let mut watch = sets.watch().await;
    watch.listed().await;
    sets.label("retried", json!("false")).await;
    assert_eq!(watch.seen().await.id, id);
    sets.label("retried", json!("true")).await;
    assert_eq!(watch.gone().await, id);
    assert_eq!(sets.watch().await.listed().await, []);
    sets.label("retried", Value::Null).await;
    let again = watch.seen().await;
    assert_eq!((again.id, again.completed), (id, false));
}

#[tokio::test]
async fn one_controllers_sets_can_be_told_from_anothers() {
    let sets = Sets::new().await;
    for (name, id) in [("mine", json!("one")), ("theirs", json!("two")), ("nobodys", Value::Null)] {
        sets.create(name, json!({name: task(name)})).await;
        let labels = json!({"workflows.argoproj.io/controller-instanceid": id});
        sets.change(name, json!({"metadata": {"labels": labels}})).await;
    }
    let options = TaskSetsOptions { instance_id: Some("one".to_owned()), ..sets.options() };
    let listed = Watch::of(&sets.cluster().await, &options).listed().await;
    assert_eq!(listed.iter().map(|state| &state.id.name).collect::<Vec<_>>(), ["mine"]);
}

#[tokio::test]
async fn the_watches_of_several_namespaces_are_one_stream() {
    let (one, two, other) = (Sets::new().await, Sets::new().await, Sets::new().await);
    let scope = Scope::Namespaces(vec![one.namespace.clone(), two.namespace.clone()]);
    let mut watch = Watch::of(&one.cluster().await, &TaskSetsOptions { scope, ..one.options() });
    let mut listed = 0;
    while listed < 2 {
        match watch.next().await {
            TaskSetEvent::Listed(_) => listed += 1,
            event => assert!(matches!(event, TaskSetEvent::Relisting(_)), "{event:?}"),
        }
    }
    for sets in [&other, &one, &two] {
        sets.create("a", json!({"a": task("a")})).await;
    }
    let mut seen = [watch.seen().await.id, watch.seen().await.id];
    seen.sort_by_key(|id| id.namespace != one.namespace);
    assert_eq!(seen.each_ref().map(|id| &id.namespace), [&one.namespace, &two.namespace]);
    assert!(one.part().holds(&seen[0]) && !one.part().holds(&seen[1]) && Part::All.holds(&seen[1]));
}

#[tokio::test]
async fn all_namespaces_are_one_watch() {
    let sets = Sets::new().await;
    sets.one("anywhere").await;
    let options = TaskSetsOptions { scope: Scope::All, ..sets.options() };
    let listed = Watch::of(&sets.cluster().await, &options).listed().await;
    assert!(listed.iter().any(|state| state.id.namespace == sets.namespace), "{listed:?}");
}
