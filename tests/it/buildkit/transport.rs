//! Daemons that are unavailable, restart, or use TLS.

use argo_buildkit::buildkit::{BuildErrorKind, Certificates, Tls};
use argo_buildkit::outcome::Fault;

use super::*;
use crate::support::buildkitd::ServerTls;
use crate::support::certificates::{Authority, Pair};

fn tls(ca: &Authority, pair: Pair) -> Option<Tls> {
    let certificates = Certificates::Files { ca: ca.ca(), cert: pair.cert, key: pair.key };
    Some(Tls { certificates, server_name: None })
}

#[tokio::test]
async fn a_tls_daemon_serves_those_with_its_certificates() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let server = ours.sign("buildkitd");
    let daemon = Buildkitd::start_tls("", ServerTls { ca: ours.ca(), cert: server.cert, key: server.key });
    let client = |tls| Buildkit::new(daemon.address().parse().unwrap(), tls);

    let welcome = client(tls(&ours, ours.sign("client")));
    assert!(welcome.info().await.unwrap().starts_with('v'));
    run(&welcome, &inline("FROM scratch\nCOPY .dockerignore /x\n"), Session::default()).await.unwrap();

    let named = Tls { server_name: Some("other".to_owned()), ..tls(&ours, ours.sign("client")).unwrap() };
    let rows = [
        (tls(&ours, theirs.sign("client")), "refused our client certificate"),
        (tls(&theirs, ours.sign("client")), "its certificate is not signed by the CA"),
        (Some(named), "names another server"),
        (None, "a daemon that demands TLS"),
    ];
    for (tls, words) in rows {
        let daemon = client(tls);
        let info = daemon.info().await.unwrap_err();
        let solve = run(&daemon, &inline("FROM scratch"), Session::default()).await.unwrap_err();
        for error in [info, solve] {
            assert_eq!(error.kind, BuildErrorKind::Unreachable, "{words}: {error}");
            assert!(error.message.contains(words), "{words}: {error}");
        }
    }
}

#[tokio::test]
async fn a_daemon_that_is_not_there_says_where_it_was_sought() {
    let authority = Authority::new();
    let plain = Buildkitd::start_tcp("");
    let rows = [
        ("unix:///nowhere/buildkitd.sock", None, "there is no such socket"),
        ("tcp://127.0.0.1:1", None, "Connection refused"),
        ("tcp://buildkitd.invalid:1234", None, "does not resolve"),
        (plain.address(), tls(&authority, authority.sign("client")), "speaks no TLS"),
    ];
    for (address, tls, words) in rows {
        let error = Buildkit::new(address.parse().unwrap(), tls).info().await.unwrap_err();
        assert_eq!(error.kind, BuildErrorKind::Unreachable, "{error}");
        assert!(error.message.contains(address) && error.message.contains(words), "{error}");
    }
    assert!(Buildkit::new(plain.address().parse().unwrap(), None).info().await.is_ok());
}

#[tokio::test]
async fn a_daemon_that_dies_loses_the_build_and_serves_again() {
    let mut bench = Bench::start();
    let client = bench.client();
    let solve = bench.on_busybox("RUN sleep 1000");
    let (progress, mut watcher) = watch::channel(Progress::default());
    let killed = async {
        until_running(&mut watcher, "sleep 1000").await;
        bench.daemon.kill();
    };
    let (lost, ()) = tokio::join!(client.solve(&solve, Session::default(), &progress), killed);
    let lost = lost.unwrap_err();
    assert_eq!((lost.kind, lost.fault), (BuildErrorKind::Lost, Fault::Transient), "{lost}");
    bench.daemon.restart();
    let again = bench.on_busybox("RUN echo again");
    run(&client, &again, Session::default()).await.unwrap();
}

#[tokio::test]
async fn a_daemon_that_says_nothing_is_not_waited_for() {
    // Accepts connections like a stuck daemon, and never reads.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let client = Buildkit::new(address.parse().unwrap(), None);
    let (info, recall) = tokio::join!(client.info(), client.recall("any"));
    for error in [info.unwrap_err(), recall.unwrap_err()] {
        assert_eq!(error.kind, BuildErrorKind::Unreachable, "{error}");
        assert!(error.message.contains("no answer within 10 s"), "{error}");
    }
}
