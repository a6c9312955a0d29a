//! An API server that cannot be reached for a while.

use super::*;
use crate::support::net::unique;
use crate::support::tcp_door::{Away, TcpDoor};

/// A cluster behind a door of its own.
async fn behind_a_door() -> (Cluster, TcpDoor) {
    let kube = Kube::shared().await;
    let door = TcpDoor::start(kube.host()).await;
    (Cluster::from(kube.client_at(Identity::Admin, &door.host()).await), door)
}

async fn problem(campaign: &Campaign) -> String {
    let mut problem = campaign.problem();
    let some = timeout(PATIENCE, problem.wait_for(Option::is_some)).await.unwrap().unwrap();
    some.clone().unwrap()
}

#[tokio::test]
async fn a_leader_is_unsure_while_it_cannot_renew_and_leads_again_after() {
    for away in [Away::Refused, Away::Silent] {
        let ((cluster, door), name) = (behind_a_door().await, unique("lease"));
        let campaign = cluster.campaign(candidate(&name, "first", SHORT));
        becomes(&campaign, &Leadership::Leader).await;
        door.shut(away);
        becomes(&campaign, &Leadership::Unsure).await;
        let why = problem(&campaign).await;
        let lease = format!("Lease `{name}` in this process's namespace failed");
        assert!(why.contains(&lease), "{away:?}: {why}");
        door.open();
        becomes(&campaign, &Leadership::Leader).await;
        assert_eq!(*campaign.problem().borrow(), None, "{away:?}");
        assert_eq!(holder(&name).await, ("first".into(), 0), "{away:?}");
    }
}

#[tokio::test]
async fn a_leader_that_was_away_stands_by_when_another_took_over() {
    let ((cut_off, door), reaching, name) = (behind_a_door().await, cluster().await, unique("lease"));
    let first = cut_off.campaign(candidate(&name, "first", SHORT));
    becomes(&first, &Leadership::Leader).await;
    let second = reaching.campaign(candidate(&name, "second", SHORT));
    becomes(&second, &standby("first")).await;
    door.shut(Away::Refused);
    becomes(&second, &Leadership::Leader).await;
    becomes(&first, &Leadership::Unsure).await;
    door.open();
    becomes(&first, &standby("second")).await;
    assert_eq!((now(&second), holder(&name).await), (Leadership::Leader, ("second".into(), 1)));
}

#[tokio::test]
async fn a_campaign_begins_before_there_is_an_api_server_and_ends_without_one() {
    let ((cluster, door), name) = (behind_a_door().await, unique("lease"));
    door.shut(Away::Refused);
    let campaign = cluster.campaign(candidate(&name, "first", SHORT));
    problem(&campaign).await;
    assert_eq!(now(&campaign), Leadership::Standby { holder: None });
    door.open();
    becomes(&campaign, &Leadership::Leader).await;
    door.shut(Away::Silent);
    timeout(PATIENCE, campaign.release()).await.unwrap();
    assert_eq!(holder(&name).await.0, "first", "it could not be given up");
}

#[tokio::test]
async fn a_campaign_ends_before_a_silent_server_answers_however_long_the_lease_is() {
    let ((cluster, door), name) = (behind_a_door().await, unique("lease"));
    let campaign = cluster.campaign(candidate(&name, "first", LONG));
    becomes(&campaign, &Leadership::Leader).await;
    door.shut(Away::Silent);
    timeout(PATIENCE, campaign.release()).await.unwrap();
    assert_eq!(holder(&name).await.0, "first", "it could not be given up");
}
