//! The outcomes of builds.

use argo_buildkit::buildkit::{BuildErrorKind, CacheRef, Recalled, Transcript};
use argo_buildkit::oci::{Auth, Registry as Client};
use argo_buildkit::outcome::Fault;
use argo_buildkit::redact::Redactor;

use super::*;
use crate::support::bin::wait_for;
use crate::support::net::PATIENCE;

#[tokio::test]
async fn a_build_is_pushed_under_two_names_and_the_second_time_all_is_cached() {
    let bench = Bench::start();
    let client = bench.client();
    let names = [
        format!("{}/shop/api:1", bench.registry.host()),
        format!("{}/shop/api:latest", bench.registry.host()),
    ];
    let names = [names[0].as_str(), names[1].as_str()];
    let solve =
        || Solve { exporters: vec![image(&names, true)], ..bench.on_busybox("RUN echo hello > /hello") };
    let first = run(&client, &solve(), Session::default()).await.unwrap();
    let second = run(&client, &solve(), Session::default()).await.unwrap();

    assert!(first.digest.as_ref().is_some_and(|d| d.starts_with("sha256:")), "{first:?}");
    assert_eq!(first.digest, second.digest);
    assert_eq!((first.cached_steps, first.total_steps), (0, 1));
    assert_eq!((second.cached_steps, second.total_steps), (1, 1));
    assert!(second.descriptor.unwrap().contains("application/vnd.oci.image.manifest.v1+json"));
    let registry = Client::default();
    for name in names {
        let found = registry.manifest_exists(&name.parse().unwrap(), &Auth::default(), true).await.unwrap();
        assert_eq!(found, first.digest, "{name}");
    }
    let absent = format!("{}/shop/api:2", bench.registry.host()).parse().unwrap();
    assert_eq!(registry.manifest_exists(&absent, &Auth::default(), true).await.unwrap(), None);

    let solve = solve();
    let recalled = client.recall(&solve.reference).await.unwrap();
    assert_eq!(recalled, Recalled::NotFound);
    run(&client, &solve, Session::default()).await.unwrap();
    let Recalled::Succeeded(recalled) = client.recall(&solve.reference).await.unwrap() else {
        panic!("not succeeded")
    };
    assert_eq!(recalled.digest, first.digest);
}

#[tokio::test]
async fn a_failing_step_gives_its_lines_its_code_and_its_last_words() {
    let bench = Bench::start();
    let solve = bench.on_busybox("COPY .dockerignore /x\nRUN echo before && echo oops && exit 7");
    let error = run(&bench.client(), &solve, Session::default()).await.unwrap_err();
    assert_eq!(
        (error.kind, error.fault, error.exit_code),
        (BuildErrorKind::Run, Fault::User, Some(7)),
        "{error}"
    );
    let message = error.message.replace(&bench.busybox, "BUSYBOX");
    insta::assert_snapshot!(message, @r#"
    Dockerfile:3
       1 | FROM BUSYBOX
       2 | COPY .dockerignore /x
    >> 3 | RUN echo before && echo oops && exit 7
    failed: process "/bin/sh -c echo before && echo oops && exit 7" exited with 7
    last log lines:
    before
    oops
    "#);
    let failed = error.vertices.iter().find(|v| v.error.is_some()).unwrap();
    assert!(failed.started.is_some() && failed.name.contains("exit 7"), "{failed:?}");

    let Recalled::Failed(recalled) = bench.client().recall(&solve.reference).await.unwrap() else {
        panic!("not failed")
    };
    assert_eq!((recalled.kind, recalled.exit_code), (BuildErrorKind::Run, Some(7)));
}

#[tokio::test]
async fn a_wrong_dockerfile_is_the_users() {
    let bench = Bench::start();
    let client = bench.client();
    let from = format!("FROM {}", bench.busybox);
    let host = bench.registry.host();
    let rows = [
        (format!("{from}\nRUNN x"), "unknown instruction: RUNN", BuildErrorKind::Dockerfile),
        ("FROM".to_owned(), "FROM requires", BuildErrorKind::Dockerfile),
        (String::new(), "", BuildErrorKind::Dockerfile),
        (
            format!("{from}\nCOPY absent.txt /"),
            "no such file: the path is relative",
            BuildErrorKind::Dockerfile,
        ),
        (format!("FROM {host}/base/absent:1"), "check the image's name and tag", BuildErrorKind::Registry),
        (
            format!("{from}\nRUN --mount=type=secret,id=token,required=true cat /run/secrets/token"),
            "name it under `secrets`",
            BuildErrorKind::Secret,
        ),
    ];
    for (dockerfile, words, kind) in rows {
        let error = run(&client, &inline(&dockerfile), Session::default()).await.unwrap_err();
        assert_eq!((error.kind, error.fault), (kind, Fault::User), "{dockerfile}: {error}");
        assert!(error.message.contains(words), "{dockerfile}: {error}");
    }
    let target = Solve { attrs: attrs(&[("target", "nope")]), ..inline(&from) };
    let error = run(&client, &target, Session::default()).await.unwrap_err();
    assert_eq!((error.kind, error.fault), (BuildErrorKind::Dockerfile, Fault::User), "{error}");
    assert!(error.message.contains("check `target`"), "{error}");
}

#[tokio::test]
async fn a_secret_reaches_the_step_that_asks_for_it() {
    let bench = Bench::start();
    let solve = bench.on_busybox(
        "RUN --mount=type=secret,id=token,required=true \
        echo \"$(sha256sum < /run/secrets/token)\" && test \"$(wc -c < /run/secrets/token)\" = 7",
    );
    let session =
        Session { secrets: [("token".to_owned(), b"hunter2".to_vec().into())].into(), ..Session::default() };
    let solved = run(&bench.client(), &solve, session).await.unwrap();
    assert!(solved.log_tail.starts_with("f52fbd32b2b3b86ff88ef6c490628285f482af15"), "{}", solved.log_tail);
    assert!(!bench.daemon.log().contains("hunter2"));
}

#[tokio::test]
async fn a_secret_longer_than_a_log_line_does_not_leak_its_beginning() {
    let bench = Bench::start();
    let secret = "s3cret-".repeat(500);
    let solve = bench.on_busybox("RUN --mount=type=secret,id=token cat /run/secrets/token && echo && exit 3");
    let redactor = Redactor::default();
    redactor.remember(&secret.as_str().into());
    let secrets = [("token".to_owned(), secret.clone().into_bytes().into())].into();
    let session = Session { secrets, transcript: redactor.clone().into(), ..Session::default() };
    let error = run(&bench.client(), &solve, session).await.unwrap_err();
    assert_eq!((error.log_tail.as_str(), error.exit_code), ("***", Some(3)), "{error}");
    assert!(!error.message.contains("s3cret"), "{error}");
    // The repeated status too.
    let (progress, _) = watch::channel(Progress::default());
    let Recalled::Failed(again) =
        bench.client().attach(&solve.reference, &redactor.into(), &progress).await.unwrap()
    else {
        panic!("not failed")
    };
    assert_eq!((again.log_tail.as_str(), again.exit_code), ("***", Some(3)), "{again}");
}

#[tokio::test]
async fn dropping_a_build_kills_its_step() {
    let bench = Bench::start();
    let client = bench.client();
    let solve = bench.on_busybox("RUN sleep 1000");
    let (progress, mut watcher) = watch::channel(Progress::default());
    let runs = || (!bench.daemon.steps().is_empty()).then_some(());
    tokio::select! {
        result = client.solve(&solve, Session::default(), &progress) => panic!("ended: {result:?}"),
        () = until_running(&mut watcher, "sleep 1000") => wait_for("the step's process", PATIENCE, runs),
    }
    let (again, _) = watch::channel(Progress::default());
    let outcome = client.attach(&solve.reference, &Transcript::default(), &again).await.unwrap();
    assert_eq!(outcome, Recalled::Cancelled);
    assert_eq!(bench.daemon.steps(), Vec::<u32>::new());
}

#[tokio::test]
async fn a_second_build_of_one_reference_finds_the_first() {
    let bench = Bench::start();
    let client = bench.client();
    let name = format!("{}/shop/slow:1", bench.registry.host());
    let solve = Solve {
        exporters: vec![image(&[&name], true)],
        // It ends when the second build has been refused.
        ..bench.on_busybox("RUN echo slowly; for i in $(seq 30); do sleep 0.1; done")
    };
    let (progress, mut watcher) = watch::channel(Progress::default());
    let first = client.solve(&solve, Session::default(), &progress);
    let second = async {
        until_running(&mut watcher, "echo slowly").await;
        let refused = run(&client, &solve, Session::default()).await.unwrap_err();
        assert_eq!(
            (refused.kind, refused.fault),
            (BuildErrorKind::AlreadyExists, Fault::Transient),
            "{refused}"
        );
        assert_eq!(client.recall(&solve.reference).await.unwrap(), Recalled::Running);
        let (again, watcher) = watch::channel(Progress::default());
        let outcome = client.attach(&solve.reference, &Transcript::default(), &again).await.unwrap();
        assert_eq!(watcher.borrow().total, 1);
        outcome
    };
    let (first, second) = tokio::join!(first, second);
    let (Ok(first), Recalled::Succeeded(second)) = (first, second) else { panic!("one failed") };
    assert_eq!(first.digest, second.digest);
    assert_eq!((second.total_steps, second.log_tail.as_str()), (1, "slowly"));
    // The daemon remembers the name for another ten seconds.
    let late = run(&client, &solve, Session::default()).await.unwrap_err();
    assert_eq!(late.kind, BuildErrorKind::AlreadyExists);
}

#[tokio::test]
async fn an_unknown_reference_is_not_found() {
    let daemon = Buildkitd::start("");
    let client = Buildkit::new(daemon.address().parse().unwrap(), None);
    let (progress, _) = watch::channel(Progress::default());
    assert_eq!(
        client.attach("never-built", &Transcript::default(), &progress).await.unwrap(),
        Recalled::NotFound
    );
}

#[tokio::test]
async fn a_cache_is_exported_and_a_missing_one_is_a_warning() {
    let bench = Bench::start();
    let cache = format!("{}/shop/cache:1", bench.registry.host());
    let solve = Solve {
        cache_from: vec![CacheRef::registry(&cache, [])],
        cache_to: vec![CacheRef::registry(&cache, [("mode".to_owned(), "max".to_owned())])],
        ..bench.on_busybox("RUN echo cached > /x")
    };
    let first = run(&bench.client(), &solve, Session::default()).await.unwrap();
    assert!(first.cache_exported);
    assert!(
        first.warnings.iter().any(|w| w.contains(&cache) && w.contains("not found")),
        "{:?}",
        first.warnings
    );

    // Another daemon has only the exported cache.
    let other = Buildkitd::start("");
    let client = Buildkit::new(other.address().parse().unwrap(), None);
    let again = Solve { reference: reference("it"), cache_to: Vec::new(), ..solve };
    let second = run(&client, &again, Session::default()).await.unwrap();
    assert_eq!((second.cached_steps, second.total_steps, second.warnings), (1, 1, Vec::new()));
}

#[tokio::test]
async fn the_hosts_network_wants_an_entitlement_on_both_sides() {
    let bench = Bench::start();
    let host =
        || Solve { attrs: attrs(&[("force-network-mode", "host")]), ..bench.on_busybox("RUN echo hi") };
    let asked = Solve { allow_host_network: true, ..host() };
    for solve in [host(), asked] {
        let error = run(&bench.client(), &solve, Session::default()).await.unwrap_err();
        assert_eq!((error.kind, error.fault), (BuildErrorKind::Other, Fault::User), "{error}");
        assert!(error.message.contains("network.host"), "{error}");
    }
}

#[tokio::test]
async fn a_refused_cache_fails_the_build_unless_errors_are_ignored() {
    let bench = Bench::start();
    let absent = |extra: &[(&str, &str)]| Solve {
        cache_to: vec![CacheRef::registry("127.0.0.1:1/cache:1", attrs(extra))],
        ..bench.on_busybox("RUN echo hi")
    };
    let error = run(&bench.client(), &absent(&[]), Session::default()).await.unwrap_err();
    assert_eq!((error.kind, error.fault), (BuildErrorKind::Registry, Fault::Transient), "{error}");
    let solved =
        run(&bench.client(), &absent(&[("ignore-error", "true")]), Session::default()).await.unwrap();
    assert!(!solved.cache_exported);
    assert!(solved.warnings.iter().any(|w| w.contains("127.0.0.1:1")), "{:?}", solved.warnings);
}

#[tokio::test]
async fn a_registry_without_an_address_may_get_one() {
    let bench = Bench::start();
    let solve = Solve { exporters: vec![image(&["r.invalid/a:1"], true)], ..bench.on_busybox("RUN echo hi") };
    let error = run(&bench.client(), &solve, Session::default()).await.unwrap_err();
    assert_eq!((error.kind, error.fault), (BuildErrorKind::Registry, Fault::Transient), "{error}");
}

#[tokio::test]
async fn the_daemon_joins_the_callers_trace() {
    let bench = Bench::start();
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let traceparent = Some(format!("00-{trace}-b7ad6b7169203331-01"));
    let solve = Solve { traceparent, ..bench.on_busybox("RUN echo hi") };
    run(&bench.client(), &solve, Session::default()).await.unwrap();
    let log = bench.daemon.log();
    assert!(log.contains(trace), "{log}");
}

#[tokio::test]
async fn a_build_without_history_is_forgotten() {
    let daemon = Buildkitd::start("");
    let client = Buildkit::new(daemon.address().parse().unwrap(), None);
    let solve = Solve { internal: true, ..inline("FROM scratch\nCOPY .dockerignore /\n") };
    run(&client, &solve, Session::default()).await.unwrap();
    assert_eq!(client.recall(&solve.reference).await.unwrap(), Recalled::NotFound);
}
