use serde_json::json;

use super::*;
use crate::kube::WorkflowNode;

const UID: &str = "uid";

/// A WorkflowTaskSet with these nodes, each with a template that has this name.
fn set(tasks: &[(&str, &str)]) -> TaskSet {
    let tasks = tasks.iter().map(|(id, template)| ((*id).to_owned(), json!({"name": template}))).collect();
    TaskSet { workflow: Some(UID.into()), completed: false, tasks }
}

fn another() -> TaskSet {
    TaskSet { workflow: Some("of the same name".into()), ..set(&[]) }
}

/// A Workflow that is being ended in this way, with these nodes: id, name, boundary.
fn workflow(shutdown: Option<Shutdown>, nodes: &[(&str, &str, &str)]) -> WorkflowState {
    let place = |name: &str, boundary: &str| WorkflowNode {
        name: name.into(),
        boundary: boundary.into(),
        ..WorkflowNode::default()
    };
    let nodes = nodes.iter().map(|(id, name, boundary)| ((*id).to_owned(), place(name, boundary))).collect();
    WorkflowState { uid: Some(UID.into()), shutdown, nodes, ..WorkflowState::default() }
}

/// The withdrawn jobs after each of these states of a WorkflowTaskSet.
fn seen(sights: &[Option<TaskSet>]) -> Vec<Vec<Withdrawn>> {
    let mut tasks = Tasks::new(UID);
    sights.iter().map(|sight| tasks.task_set(sight.clone())).collect()
}

fn keys_of(templates: &[&str]) -> BTreeSet<JobKey> {
    templates.iter().map(|template| JobKey::derive(UID, &json!({"name": template}))).collect()
}

fn left(template: &str) -> Vec<Withdrawn> {
    vec![Withdrawn::Left(keys_of(&[template]))]
}

#[test]
fn a_task_that_leaves_is_withdrawn_once_and_again_when_it_came_back() {
    let (both, one) = (Some(set(&[("1", "a"), ("2", "b")])), Some(set(&[("2", "b")])));
    let sights = [both.clone(), one.clone(), one.clone(), both, one];
    assert_eq!(seen(&sights), [vec![], left("a"), vec![], vec![], left("a")]);
}

#[test]
fn of_identical_nodes_the_last_one_counts() {
    let sights = [Some(set(&[("1", "a"), ("2", "a")])), Some(set(&[("2", "a")])), Some(set(&[]))];
    assert_eq!(seen(&sights), [vec![], vec![], left("a")]);
}

#[test]
fn a_workflow_that_has_ended_withdraws_all_whatever_tasks_it_left_behind() {
    let ended = TaskSet { completed: true, ..set(&[("1", "a")]) };
    assert_eq!(seen(&[Some(ended)]), [[Withdrawn::Ended]]);
}

#[test]
fn what_was_never_seen_is_not_gone() {
    let ended = TaskSet { completed: true, ..another() };
    let unowned = TaskSet { workflow: None, ..ended.clone() };
    assert_eq!(seen(&[None, Some(ended), Some(unowned), Some(set(&[]))]), [const { Vec::new() }; 4]);
    let mut tasks = Tasks::new(UID);
    let terminated = workflow(Some(Shutdown::Terminate), &[]);
    assert_eq!(tasks.workflow(None), []);
    assert_eq!(tasks.workflow(Some(WorkflowState { uid: Some("another".into()), ..terminated })), []);
}

#[test]
fn what_was_seen_and_is_gone_or_another_workflow_s_was_deleted() {
    for gone in [None, Some(another())] {
        let sights = [Some(set(&[("1", "a")])), gone.clone(), gone];
        assert_eq!(seen(&sights), [vec![], vec![Withdrawn::Deleted], vec![]]);
    }
    let mut tasks = Tasks::new(UID);
    assert_eq!(tasks.workflow(Some(workflow(None, &[]))), []);
    assert_eq!(tasks.workflow(None), [Withdrawn::Deleted]);
    assert_eq!(tasks.workflow(None), []);
}

#[test]
fn a_stop_spares_exit_handlers_their_parts_and_nodes_that_are_not_known() {
    let nodes = [
        ("wf", "wf", ""),
        ("1", "build", "wf"),
        ("2", "build.onExit", "wf"),
        ("3", "wf.onExit", ""),
        ("4", "notify", "3"),
        ("5", "of a lost parent", "compressed"),
    ];
    let running = [("1", "a"), ("2", "b"), ("3", "c"), ("4", "d"), ("5", "e"), ("6", "f")];
    let mut tasks = Tasks::new(UID);
    assert_eq!(tasks.task_set(Some(set(&running))), []);
    assert_eq!(tasks.workflow(Some(workflow(None, &nodes))), []);
    let stopped = [Withdrawn::Stopped(keys_of(&["a"]))];
    assert_eq!(tasks.workflow(Some(workflow(Some(Shutdown::Stop), &nodes))), stopped);
    assert_eq!(tasks.task_set(Some(set(&running))), stopped, "it is said as long as it is so");
    assert_eq!(tasks.workflow(Some(workflow(Some(Shutdown::Other), &nodes))), []);
    assert_eq!(tasks.workflow(Some(workflow(Some(Shutdown::Terminate), &nodes))), [Withdrawn::Terminated]);
}

#[test]
fn a_stop_spares_a_job_that_an_exit_handler_shares() {
    let mut tasks = Tasks::new(UID);
    tasks.task_set(Some(set(&[("1", "a"), ("2", "a")])));
    let nodes = [("1", "build", ""), ("2", "wf.onExit", "")];
    assert_eq!(tasks.workflow(Some(workflow(Some(Shutdown::Stop), &nodes))), []);
}

#[test]
fn boundaries_in_a_circle_are_a_doubt() {
    let circle = workflow(None, &[("1", "a", "2"), ("2", "b", "1")]);
    assert_eq!(circle.is_exit_handler("1"), None);
}

/// At its deadline, Argo ends the pods of a workflow but no plugin node.
#[test]
fn a_workflow_whose_time_is_up_expires_all_but_its_exit_handlers() {
    let now = jiff::Timestamp::now();
    let limit = Duration::from_secs(60);
    let timed = |end| WorkflowState {
        deadline: Some((end, limit)),
        ..workflow(None, &[("1", "wf", ""), ("2", "wf.onExit", "")])
    };
    let mut tasks = Tasks::new(UID);
    assert_eq!(tasks.task_set(Some(set(&[("1", "a"), ("2", "b")]))), []);
    assert_eq!(tasks.workflow(Some(timed(now + limit))), []);
    assert_eq!((tasks.deadline(), tasks.expired(now)), (Some(now + limit), None));
    let expired = Withdrawn::Expired(keys_of(&["a"]), limit);
    assert_eq!(tasks.expired(now + limit).as_ref(), Some(&expired));
    assert_eq!(tasks.workflow(Some(timed(now - limit))), [expired]);
    assert_eq!(tasks.task_set(Some(set(&[("2", "b")]))), left("a"), "only its exit handler is left");
}
