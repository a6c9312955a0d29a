//! One engine serves two namespaces, and refuses what is not allowed.

use argo_buildkit::engine::{Engine, Tenancy};
use argo_buildkit::kube::Secrets;
use argo_buildkit::outcome::{StepError, Success};
use argo_buildkit::policy::Policy;
use argo_buildkit::step;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{ACCOUNT, Tenant, agent, in_force};
use crate::support::net::unique;
use crate::support::plugin::tree;
use crate::support::shared::{World, shared_buildkitd};
use crate::support::{self, git::GitServer};

async fn engine(policy: Option<&str>) -> Engine {
    let cluster = agent().await.acting_as(ACCOUNT);
    let policy = policy.map(|text| Policy::parse("policy.yaml", text).unwrap());
    let secrets = Secrets::Cluster(cluster.clone());
    support::engine::engine(shared_buildkitd().address(), cluster, secrets, Tenancy::shared(policy))
}

async fn run(engine: &Engine, namespace: &str, body: Value) -> Result<Success, StepError> {
    support::engine::run(engine, namespace, &body).await
}

#[tokio::test]
async fn what_a_policy_does_not_list_is_refused_before_anything_is_read() {
    let git = GitServer::start("", "");
    git.create("api", &[("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")]);
    let host = git.url("").split('/').take(3).collect::<Vec<_>>().join("/");
    let policy = format!("namespaces: {{builds: {{repositories: ['{host}/api'], push: [r.example/*]}}}}");
    let engine = engine(Some(&policy)).await;
    let built = json!({"build": {"context": git.url("api"), "push": false}});
    run(&engine, "builds", built.clone()).await.unwrap();

    let other = json!({"build": {"context": format!("{host}/other"), "push": false}});
    let submitted = engine.permits("builds", &step::parse(&other).unwrap()).unwrap_err();
    let ran = run(&engine, "builds", other).await.unwrap_err();
    assert_eq!(submitted, ran);
    insta::assert_snapshot!(ran.message.replace(&host, "HOST"), @r#"build.context: namespace `builds` may not use the Git repository `HOST/other`; the policy policy.yaml allows under `namespaces.builds.repositories`: `HOST/api`; add it there, or name another"#);
    let nobody = run(&engine, "elsewhere", built.clone()).await.unwrap_err();
    insta::assert_snapshot!(nobody.message, @r#"namespace `elsewhere` has no entry in the policy policy.yaml (it has `builds`), so its workflows may do nothing; add `elsewhere`, or a pattern that fits it, under `namespaces`"#);

    // The value of an output is known only after it was produced.
    let mut first = built;
    first["build"]["tags"] = json!(["r.example/a:1"]);
    let then =
        json!({"name": "then", "build": {"context": format!("{host}/$(build.total-steps)"), "push": false}});
    let steps = json!({"steps": [first, then]});
    engine.permits("builds", &step::parse(&steps).unwrap()).unwrap();
    let late = run(&engine, "builds", steps).await.unwrap_err();
    assert!(
        late.message.starts_with("step 2 of 2 (`then`): build.context: namespace `builds` may not"),
        "{late:?}"
    );
}

#[tokio::test]
async fn a_submodule_that_a_policy_does_not_list_is_refused() {
    let git = GitServer::start("", "");
    let lib = git.create("lib", &[("lib.txt", "x")]);
    let modules = "[submodule \"lib\"]\n\tpath = lib\n\turl = ../lib.git\n";
    let files = [("Dockerfile", "FROM scratch\nCOPY lib/lib.txt /\n"), (".gitmodules", modules)];
    git.create_with_submodule("api", &files, ("lib", &lib));
    let host = git.url("").split('/').take(3).collect::<Vec<_>>().join("/");
    let build = json!({"build": {"context": git.url("api"), "push": false}});
    let policy = |more: &str| format!("namespaces: {{builds: {{repositories: ['{host}/api'{more}]}}}}");
    let refused = run(&engine(Some(&policy(""))).await, "builds", build.clone()).await.unwrap_err();
    let expected =
        format!("build.context.submodules: namespace `builds` may not use the Git repository `{host}/lib`");
    assert!(
        refused.message.contains("submodule `lib`") && refused.message.contains(&expected),
        "{refused:?}"
    );
    run(&engine(Some(&policy(&format!(", '{host}/lib'")))).await, "builds", build).await.unwrap();
}

#[tokio::test]
async fn a_cache_mount_is_the_namespace_s_own() {
    let (world, git, id) = (World::shared().await, GitServer::start("", ""), unique("mount"));
    let build = |name: &str, command: &str| {
        let mount = format!("--mount=type=cache,id={id},target=/c");
        git.create(name, &[("Dockerfile", &format!("FROM {}\nRUN {mount} {command}\n", world.busybox))]);
        json!({"build": {"context": git.url(name), "push": false}})
    };
    let (mark, marked, clean) = (
        build("mark", "touch /c/mark"),
        build("marked", "test -e /c/mark"),
        build("clean", "test ! -e /c/mark"),
    );
    let engine = engine(None).await;
    run(&engine, "one", mark).await.unwrap();
    run(&engine, "one", marked).await.unwrap();
    run(&engine, "two", clean.clone()).await.unwrap();
    // An id of one's own does not lead there either.
    let mut other = clean;
    other["build"]["build-args"] = json!({"BUILDKIT_CACHE_MOUNT_NS": "../one"});
    run(&engine, "two", other).await.unwrap();
}

/// Six steps of each of two namespaces write to one branch at the same time. Returns the messages of their commits,
/// and whose steps they name.
async fn written(tokens: [&str; 2], owner: &str, prefix: &str) -> Vec<[bool; 2]> {
    let world = World::shared().await;
    let gitops = world.gitea.repo(owner, prefix).await;
    let files: Vec<_> = (0..12).map(|n| format!("apps/{n}/values.yaml")).collect();
    let contents: Vec<_> = files.iter().map(|file| (file.as_str(), "image:\n  tag: old\n")).collect();
    gitops.push_directory(tree(&contents).path(), "main", "lay out").await;
    let engine = engine(None).await;
    let tenants = [Tenant::new().await, Tenant::new().await];
    for (tenant, token) in tenants.iter().zip(tokens) {
        let values = [("username", owner), ("token", token)];
        tenant.kube.secret_in(&tenant.namespace, "git", "Opaque", &values).await;
        tenant.allow_secret("git").await;
        in_force(async || engine.secrets.get(&tenant.namespace, "git").await.ok()).await;
    }
    let steps = files.iter().enumerate().map(|(n, file)| {
        let targets = json!([{"file": file, "helm": {"image.tag": "new"}}]);
        let update = json!({"repo": gitops.url(), "secret": "git", "targets": targets});
        run(&engine, &tenants[n % 2].namespace, json!({"update-manifest": update}))
    });
    join_all(steps).await.into_iter().for_each(|ended| drop(ended.unwrap()));
    for file in &files {
        assert_eq!(gitops.read("main", file).await.unwrap(), "image:\n  tag: new\n");
    }
    let commits =
        gitops.commits("main").await.into_iter().filter(|commit| !commit.message.starts_with("lay out"));
    let names =
        |message: &str| tenants.each_ref().map(|tenant| message.contains(&format!("{}/", tenant.namespace)));
    commits.map(|commit| names(&commit.message)).collect()
}

#[tokio::test]
async fn namespaces_share_a_commit_only_with_one_login() {
    let gitea = World::shared().await.gitea;
    let owner = gitea.user("tenants").await;
    let (one, two) =
        (gitea.token(&owner, &["write:repository"]).await, gitea.token(&owner, &["write:repository"]).await);
    let shared = written([&one, &one], &owner, "shared").await;
    assert!(shared.contains(&[true, true]) && shared.len() < 12, "{shared:?}");
    let apart = written([&one, &two], &owner, "apart").await;
    assert!(apart.iter().all(|names| names.iter().filter(|named| **named).count() == 1), "{apart:?}");
}

#[tokio::test]
async fn a_secret_that_is_bound_elsewhere_is_refused_to_the_agent_too() {
    let (tenant, engine) = (Tenant::new().await, engine(None).await);
    let git = GitServer::start("u", "hunter2");
    git.create("api", &[("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")]);
    let host = git.url("").split('/').nth(2).unwrap().to_owned();
    let context = json!({"repo": git.url("api"), "secret": "git"});
    let build = json!({"build": {"context": context, "push": false}});
    tenant.allow_secret("git").await;
    for (hosts, refused) in [("git.example.com", true), (host.as_str(), false)] {
        let annotations = json!({"argo-buildkit.io/hosts": hosts, "argo-buildkit.io/use": "git"});
        let metadata = json!({"name": "git", "namespace": tenant.namespace, "annotations": annotations});
        let values = json!({"username": "u", "token": "hunter2"});
        let secret =
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": values});
        tenant.kube.apply(secret).await;
        in_force(async || engine.secrets.get(&tenant.namespace, "git").await.ok()).await;
        match run(&engine, &tenant.namespace, build.clone()).await {
            Ok(_) => assert!(!refused),
            Err(error) => {
                assert!(refused && error.message.contains("is bound to git at git.example.com"), "{error:?}");
            }
        }
    }
}
