//! The fields of `sync`.

use std::time::Duration;

use super::{parse, parsed, with};
use crate::argocd::Application;
use crate::step::sync::{ApplicationChoice, OnDegraded, SyncTarget, WorkloadKind};
use crate::step::{MentionKind, Step, Sync};

fn sync(fields: &str) -> Result<Sync, String> {
    match parse(&with("sync", fields)) {
        Ok(Step::Sync(sync)) => Ok(*sync),
        Ok(other) => panic!("{other:?}"),
        Err(invalid) => Err(invalid.to_string()),
    }
}

fn named(namespace: &str, name: &str) -> SyncTarget {
    let choice = ApplicationChoice::Named(Application { namespace: namespace.into(), name: name.into() });
    SyncTarget { choice, images: None }
}

fn labelled(namespace: &str, labels: &str) -> SyncTarget {
    let choice = ApplicationChoice::Labelled { namespace: namespace.into(), labels: labels.into() };
    SyncTarget { choice, images: None }
}

#[test]
fn applications_are_named_or_have_labels() {
    for (applications, expected) in [
        ("api", vec![named("argocd", "api")]),
        ("'api, web, api'", vec![named("argocd", "api"), named("argocd", "web")]),
        ("[{name: api, namespace: apps}, web]", vec![named("apps", "api"), named("argocd", "web")]),
        (r#"'[{"name": "api", "namespace": ""}]'"#, vec![named("argocd", "api")]),
        ("[{labels: 'app=shop,tier!=test'}]", vec![labelled("argocd", "app=shop,tier!=test")]),
    ] {
        assert_eq!(sync(&format!("applications: {applications}")).unwrap().applications, expected);
    }
}

#[test]
fn what_is_not_written_has_a_default() {
    let plain = sync("").unwrap();
    assert!(plain.enabled && !plain.start_sync && !plain.stop_older_sync && plain.gitops.is_none());
    assert_eq!((plain.commit, plain.superseded_by), (None, None));
    assert_eq!(plain.stuck_after, Duration::from_secs(120));
    let workload = sync("applications: '', workloads: [{kind: DaemonSet, name: api}]").unwrap();
    assert_eq!(workload.workloads[0].kind, WorkloadKind::DaemonSet);
    assert_eq!(workload.workloads[0].namespace, None);
    let rollout = sync("applications: '', workloads: [{kind: Rollout, name: api}]").unwrap();
    assert_eq!(rollout.workloads[0].kind, WorkloadKind::Rollout);
    let own = sync("images: 'r.io/a:1', applications: [{name: a, images: 'r.io/b:1'}]").unwrap();
    let images = own.applications[0].images.as_ref().unwrap();
    assert_eq!(images.iter().map(ToString::to_string).collect::<Vec<_>>(), ["r.io/b:1"]);
    let full = sync(
        "commit: DA39A3EE5E6B4B0D3255BFEF95601890AFD80709, images: 'r.io/a:1, r.io/b@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', repo: 'https://git.example/ops/gitops.git', secret: git, start-sync: 'true', stop-older-sync: true, stuck-after: 5m",
    )
    .unwrap();
    assert_eq!(full.commit.as_deref(), Some("da39a3ee5e6b4b0d3255bfef95601890afd80709"));
    assert_eq!((full.images.len(), full.stuck_after), (2, Duration::from_secs(300)));
    assert!(full.gitops.unwrap().secret.is_some() && full.start_sync && full.stop_older_sync);
}

#[test]
fn a_step_that_is_off_needs_no_application() {
    for body in ["sync: {enabled: false}", "sync: {enabled: 'false', applications: '', commit: ''}"] {
        let Ok(Step::Sync(off)) = parsed(body) else { panic!("{body}") };
        assert!(!off.enabled, "{body}");
    }
}

#[test]
fn what_is_no_sync_is_refused() {
    let many = (0..51).map(|n| format!("a{n}")).collect::<Vec<_>>().join(",");
    for (fields, why) in [
        ("applications: ''", "sync.applications: is missing; name an Argo CD Application"),
        ("applications: null, enabled: 'true'", "sync.applications: is missing"),
        ("applications: []", "sync.applications: names no Application"),
        (&format!("applications: '{many}'"), "sync.applications: has 51 Applications"),
        ("applications: 'Api'", "is no name of a Kubernetes object"),
        ("applications: 'argocd/api'", "is no name of a Kubernetes object"),
        (
            "applications: [{name: a, labels: 'a=b'}]",
            "sync.applications[0]: has `name` and `labels`; write one of them",
        ),
        ("applications: [{namespace: apps}]", "sync.applications[0].name: is missing"),
        ("applications: [{labels: 'a in (b)'}]", "sync.applications[0].labels: is not a list of labels"),
        ("applications: [{labels: a}]", "is not a list of labels"),
        ("applications: [{labels: 'a=b=c'}]", "is not a list of labels"),
        ("applications: [{labels: 'a=b,!c=d'}]", "is not a list of labels"),
        ("applications: [{labels: 'a=b&limit=1'}]", "is not a list of labels"),
        ("workloads: [{kind: Pod, name: a}]", "sync.workloads[0].kind: \"Pod\" is not one of"),
        ("workloads: [{kind: rollout, name: a}]", "sync.workloads[0].kind: \"rollout\" is not one of"),
        ("workloads: [{name: a}]", "sync.workloads[0].kind: is missing"),
        ("commit: main", "sync.commit: is not a commit's 40 hex digits"),
        ("images: r.io/a", "sync.images[0]: names neither a tag nor a digest"),
        ("applications: [{name: a, images: r.io/a}]", "sync.applications[0].images[0]: names neither a tag"),
        ("secret: git", "sync.secret: is used with `repo`"),
        ("repo: 'ssh://git@git.example/ops.git'", "sync.secret: is missing; an ssh repository needs a key"),
        ("stuck-after: soon", "sync.stuck-after: is not a duration"),
        ("stuck-after: 0s", "sync.stuck-after: is not a duration"),
        ("on-degraded: revert", "sync.repo: is missing; `on-degraded: revert` commits"),
        ("on-degraded: rollback", "sync.on-degraded: \"rollback\" is not one of"),
        ("branch: 'a..b'", "sync.branch: "),
        ("signing-key: signer", "sync.signing-key: names no key of the Secret"),
        ("application: api", "sync.application: unknown field (did you mean `applications`?)"),
    ] {
        let said = sync(fields).unwrap_err();
        assert!(said.contains(why), "{fields}: {said}");
    }
}

#[test]
fn a_policy_sees_every_application_that_is_named_and_the_repository() {
    let fields = "applications: [{name: api, namespace: apps}, {labels: 'app=shop'}], \
                  workloads: [{kind: Deployment, name: api, namespace: other}], repo: 'https://git.example/ops'";
    let step = parse(&with("sync", fields)).unwrap();
    let mentions: Vec<_> =
        step.mentions().into_iter().map(|mention| (mention.kind, mention.written)).collect();
    let expected =
        [(MentionKind::Applications, "apps/api"), (MentionKind::Repositories, "https://git.example/ops")];
    assert_eq!(mentions, expected.map(|(kind, written)| (kind, written.to_owned())));
}

/// For the corpus.
pub(super) const TESTS: &[fn()] = &[
    applications_are_named_or_have_labels,
    what_is_not_written_has_a_default,
    a_step_that_is_off_needs_no_application,
    what_is_no_sync_is_refused,
    a_policy_sees_every_application_that_is_named_and_the_repository,
    a_commit_is_reverted_on_request_only,
];

#[test]
fn a_commit_is_reverted_on_request_only() {
    let repo = "applications: api, repo: https://git.example/ops.git, secret: git";
    for fields in
        ["", "on-degraded: ''", "on-degraded: fail, branch: prod", "on-degraded: revert, enabled: false"]
    {
        assert_eq!(sync(&format!("{repo}, {fields}")).unwrap().on_degraded, OnDegraded::Fail, "{fields}");
    }
    let fields =
        "on-degraded: revert, branch: prod, author: {name: Bot}, signing-key: {name: signer, key: id}";
    let OnDegraded::Revert(revert) = sync(&format!("{repo}, {fields}")).unwrap().on_degraded else {
        panic!("it does not revert")
    };
    assert_eq!(
        (revert.branch.as_str(), revert.gitops.repo.to_string().as_str()),
        ("prod", "https://git.example/ops.git")
    );
    assert_eq!((revert.author.name.as_str(), &revert.committer), ("Bot", &revert.author));
    assert!(revert.signing_key.is_some_and(|key| key.name == "signer"));
    let workload = "applications: [], workloads: [{kind: Deployment, name: a}], repo: https://git.example/ops.git, on-degraded: revert";
    let said = sync(workload).unwrap_err();
    assert!(said.contains("sync.on-degraded: is `revert`, which works with Argo CD only"), "{said}");
}
