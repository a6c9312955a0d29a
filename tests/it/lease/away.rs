//! The API server cannot be reached for a while.

use super::*;
use crate::support::net::{PATIENCE, unique};
use crate::support::tcp_proxy::{Outage, TcpProxy};

/// A cluster behind a proxy of its own.
async fn behind_a_proxy() -> (Cluster, TcpProxy) {
    let kube = Kube::shared().await;
    let proxy = TcpProxy::start(kube.host()).await;
    (Cluster::from(kube.client_at(Identity::Admin, &proxy.host()).await), proxy)
}

async fn problem(election: &LeaderElection) -> String {
    let mut problem = election.problem();
    let some = timeout(PATIENCE, problem.wait_for(Option::is_some)).await.unwrap().unwrap();
    some.clone().unwrap()
}

#[tokio::test]
async fn a_leader_is_unsure_while_it_cannot_renew_and_leads_again_after() {
    for away in [Outage::Refused, Outage::Silent] {
        let ((cluster, proxy), name) = (behind_a_proxy().await, unique("lease"));
        let election = cluster.elect_leader(config(&name, "first", SHORT));
        becomes(&election, &Leadership::Leader).await;
        proxy.interrupt(away);
        becomes(&election, &Leadership::Unsure).await;
        let why = problem(&election).await;
        let lease = format!("Lease `{name}` in this process's namespace failed");
        assert!(why.contains(&lease), "{away:?}: {why}");
        proxy.restore();
        becomes(&election, &Leadership::Leader).await;
        assert_eq!(*election.problem().borrow(), None, "{away:?}");
        assert_eq!(holder(&name).await, ("first".into(), 0), "{away:?}");
    }
}

#[tokio::test]
async fn a_leader_that_was_away_stands_by_when_another_took_over() {
    let ((cut_off, proxy), reaching, name) = (behind_a_proxy().await, cluster().await, unique("lease"));
    let first = cut_off.elect_leader(config(&name, "first", SHORT));
    becomes(&first, &Leadership::Leader).await;
    let second = reaching.elect_leader(config(&name, "second", SHORT));
    becomes(&second, &standby("first")).await;
    proxy.interrupt(Outage::Refused);
    becomes(&second, &Leadership::Leader).await;
    becomes(&first, &Leadership::Unsure).await;
    proxy.restore();
    becomes(&first, &standby("second")).await;
    assert_eq!((now(&second), holder(&name).await), (Leadership::Leader, ("second".into(), 1)));
}

#[tokio::test]
async fn a_campaign_begins_before_there_is_an_api_server_and_ends_without_one() {
    let ((cluster, proxy), name) = (behind_a_proxy().await, unique("lease"));
    proxy.interrupt(Outage::Refused);
    let election = cluster.elect_leader(config(&name, "first", SHORT));
    problem(&election).await;
    assert_eq!(now(&election), Leadership::Standby { holder: None });
    proxy.restore();
    becomes(&election, &Leadership::Leader).await;
    proxy.interrupt(Outage::Silent);
    timeout(PATIENCE, election.release()).await.unwrap();
    assert_eq!(holder(&name).await.0, "first", "it could not be given up");
}

#[tokio::test]
async fn a_campaign_ends_before_a_silent_server_answers_however_long_the_lease_is() {
    let ((cluster, proxy), name) = (behind_a_proxy().await, unique("lease"));
    let election = cluster.elect_leader(config(&name, "first", LONG));
    becomes(&election, &Leadership::Leader).await;
    proxy.interrupt(Outage::Silent);
    timeout(PATIENCE, election.release()).await.unwrap();
    assert_eq!(holder(&name).await.0, "first", "it could not be given up");
}
