//! Why a step was not cached, with several daemons.

use serde_json::json;

use super::{host, pair};
use crate::support::plugin::{Setup, output};
use crate::support::shop::Shop;

/// Each service has its home, and no other daemon has its last build.
#[tokio::test]
async fn a_step_that_ran_is_explained_by_the_daemon_that_built_it() {
    const SERVICES: usize = 4;
    let daemons = pair().await;
    let stage = |nth| format!("FROM BASE AS service-{nth}\nCOPY main.txt /{nth}\n");
    let dockerfile: String = (0..SERVICES).map(stage).collect();
    let shop = Shop::with(Setup::new(&host(&daemons)).start(), &dockerfile).await;
    let told = async |nth: usize| {
        let node = shop.built(json!({"target": format!("service-{nth}")})).await;
        output(&node, "cache-miss")
    };
    for nth in 0..SERVICES {
        assert_eq!(told(nth).await, "", "there is no earlier build of service {nth}");
    }
    shop.service.commit_file("main", "main.txt", "changed", "change a file").await;
    for nth in 0..SERVICES {
        let why = told(nth).await;
        assert!(why.contains("since these files changed: main.txt"), "service {nth}: {why}");
    }
}
