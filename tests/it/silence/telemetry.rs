//! A silent collector of traces: steps do not wait for it, and the process ends.

use serde_json::json;

use super::{ended, names};
use crate::support::black_hole::{BlackHole, Hole, Towards};
use crate::support::collector::Collector;
use crate::support::plugin::{Setup, expect_phase};
use crate::support::shared::shared_buildkitd;
use crate::support::shop::template;

#[tokio::test]
async fn a_silent_collector_holds_up_neither_steps_nor_the_end() {
    let collector = Collector::start().await;
    let upstream = collector.endpoint().replace("http://", "");
    for after in [0, 1, 60] {
        let relay = BlackHole::start(&upstream, Some(Hole { towards: Towards::Client, after })).await;
        let endpoint = format!("http://{}", relay.host());
        let setup = Setup::new(shared_buildkitd().address());
        let plugin = setup.env("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint).start();
        let step = template(json!({"supersede": {"enabled": false}}));
        expect_phase(&ended(plugin.node(&step)).await, "Succeeded");
        plugin.signal("TERM");
        assert!(ended(plugin.exit()).await.success(), "{}", plugin.log());
        let log = plugin.log();
        let line = log.lines().find(|line| line.contains("the last spans could not be sent"));
        names(line.unwrap_or_else(|| panic!("{log}")), &format!("the OTLP collector at {endpoint}"), "5 s");
    }
}
