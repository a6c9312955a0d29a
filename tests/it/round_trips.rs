//! Counts the requests to a Git server with a relay. A count does not depend on the machine's speed.

mod ahead;
mod alone;
mod secrets;

use crate::support::round_trip_relay::RoundTripRelay;

/// The requests of a process without cached data for one commit. The branch's tip comes with the first message of a
/// push.
const COLD: [&str; 4] = [
    "GET /info/refs?service=git-receive-pack",
    "POST /git-upload-pack",
    "POST /git-upload-pack",
    "POST /git-receive-pack",
];

/// The requests through the relay since the last call, without the repository's path.
fn asked(relay: &RoundTripRelay, repo: &str) -> Vec<String> {
    relay.take().iter().map(|turn| turn.replace(&format!("/{repo}.git"), "")).collect()
}
