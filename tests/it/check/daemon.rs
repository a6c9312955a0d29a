//! buildkitd, with right and wrong certificates.

use super::{Report, Run};
use crate::support::buildkitd::{Buildkitd, ServerTls};
use crate::support::certificates::{Authority, Pair};
use crate::support::net::free_port;

async fn report(address: &str, tls: Option<(&Authority, &Pair)>) -> Report {
    let run = Run::new(&[]).env("BUILDKIT_HOST", address);
    let run = match tls {
        Some((ca, pair)) => run
            .env("ARGO_BUILDKIT_TLS_CA", ca.ca())
            .env("ARGO_BUILDKIT_TLS_CERT", &pair.cert)
            .env("ARGO_BUILDKIT_TLS_KEY", &pair.key),
        None => run,
    };
    run.report().await
}

#[tokio::test]
async fn certificates_are_tried_and_what_is_wrong_with_them_is_said() {
    let (authority, other) = (Authority::new(), Authority::new());
    let (server, client) = (authority.sign("buildkitd"), authority.sign("client"));
    let tls = ServerTls { ca: authority.ca(), cert: server.cert, key: server.key };
    let daemon = Buildkitd::start_tls("", tls);
    let address = daemon.address();

    let good = report(address, Some((&authority, &client))).await;
    let line = good.about("buildkitd");
    assert!(line.starts_with(&format!("ok   buildkitd {address}: v0.32")), "{line}");
    assert!(line.contains(", 1 worker, linux/"), "{line}");
    assert_eq!(good.code, Some(0));

    let rows = [
        (Some((&other, &client)), "its certificate is not signed by the CA we were given"),
        (Some((&authority, &other.sign("client"))), "the daemon refused our client certificate"),
        (None, "a daemon that demands TLS needs ca, cert and key"),
    ];
    for (tls, expected) in rows {
        let report = report(address, tls).await;
        let line = report.about("buildkitd");
        assert!(line.starts_with("FAIL") && line.contains(expected), "{line}");
        assert_eq!(report.code, Some(1));
    }
}

#[tokio::test]
async fn each_daemon_of_a_pool_has_a_line_of_its_own() {
    let daemon = Buildkitd::start_tcp("");
    let gone = format!("tcp://127.0.0.1:{}", free_port());
    let report = report(&format!("{},{gone}", daemon.address()), None).await;
    let there = report.about(&format!("buildkitd {}", daemon.address()));
    assert!(there.starts_with("ok ") && there.contains("(no TLS): v0.32"), "{there}");
    let absent = report.about(&format!("buildkitd {gone}"));
    assert!(absent.starts_with("FAIL") && absent.contains("cannot reach buildkitd"), "{absent}");
    let collection = report.about(&format!("garbage collection of buildkitd {}", daemon.address()));
    assert!(collection.contains("`gc = false`"), "{collection}");
    assert_eq!(report.code, Some(1));
}

#[tokio::test]
async fn a_daemon_without_tls_or_none_at_all_is_said() {
    let daemon = Buildkitd::start_tcp("");
    let open = report(daemon.address(), None).await;
    assert!(open.about("buildkitd").contains("(no TLS): v0.32"), "{}", open.text);
    let collection = open.about("garbage collection of buildkitd");
    assert!(collection.starts_with("warn") && collection.contains("`gc = false`"), "{}", open.text);
    let nobody = report(&format!("tcp://127.0.0.1:{}", free_port()), None).await;
    assert!(
        nobody.about("buildkitd").contains("check the address and that the daemon runs"),
        "{}",
        nobody.text
    );
}
