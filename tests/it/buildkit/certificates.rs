//! Certificates that are read at every connect.

use std::sync::Arc;

use argo_buildkit::buildkit::{BuildErrorKind, CertificateReader, Certificates, Material, Pem, Tls};
use argo_buildkit::outcome::Fault;
use futures_util::future::join_all;

use super::*;
use crate::support::buildkitd::ServerTls;
use crate::support::certificates::{Authority, Pair};

fn pem(path: &std::path::Path) -> Pem {
    Pem { place: path.display().to_string(), text: std::fs::read_to_string(path).unwrap().into() }
}

fn material(ca: &Authority, pair: &Pair) -> Material {
    Material { ca: pem(&ca.ca()), cert: pem(&pair.cert), key: pem(&pair.key) }
}

#[tokio::test]
async fn connects_at_the_same_time_share_one_reading_and_later_ones_do_not() {
    let authority = Arc::new(Authority::new());
    let (server, client) = (authority.sign("buildkitd"), Arc::new(authority.sign("client")));
    let tls = ServerTls { ca: authority.ca(), cert: server.cert, key: server.key };
    let daemon = Buildkitd::start_tls("", tls);
    let (open, opened) = watch::channel(false);
    let readings = Arc::new(AtomicU32::new(0));
    let counted = readings.clone();
    let reader = CertificateReader::new(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        let (authority, client, mut opened) = (authority.clone(), client.clone(), opened.clone());
        async move {
            opened.wait_for(|open| *open).await.unwrap();
            Ok(material(&authority, &client))
        }
    });
    let tls = Tls { certificates: Certificates::Asked(reader), server_name: None };
    let daemon = Buildkit::new(daemon.address().parse().unwrap(), Some(tls));
    // All have requested before the first gets an answer.
    let (answers, ()) = tokio::join!(biased; join_all((0..8).map(|_| daemon.info())), async {
        open.send(true).unwrap();
    });
    answers.into_iter().for_each(|answer| drop(answer.unwrap()));
    assert_eq!(readings.load(Ordering::Relaxed), 1);
    daemon.info().await.unwrap();
    assert_eq!(readings.load(Ordering::Relaxed), 2, "a renewed certificate is seen");
}

#[tokio::test]
async fn whoever_gives_up_takes_nothing_from_the_others() {
    let (sender, receiver) = watch::channel(false);
    let reader = CertificateReader::new(move || {
        let mut receiver = receiver.clone();
        async move {
            receiver.wait_for(|open| *open).await.unwrap();
            Err(BuildError::certificates(Fault::User, "there are none"))
        }
    });
    let tls = Tls { certificates: Certificates::Asked(reader), server_name: None };
    // No server listens at this address, and the certificates are never requested.
    let daemon = Buildkit::new("tcp://127.0.0.1:1".parse().unwrap(), Some(tls));
    let mut first = Box::pin(daemon.info());
    let mut second = Box::pin(daemon.info());
    assert!(futures_util::poll!(&mut first).is_pending() && futures_util::poll!(&mut second).is_pending());
    drop(first);
    sender.send(true).unwrap();
    let error = second.await.unwrap_err();
    assert_eq!((error.kind, error.fault), (BuildErrorKind::Unreachable, Fault::User));
    assert_eq!(error.message, "no certificates for buildkitd: there are none");
}
