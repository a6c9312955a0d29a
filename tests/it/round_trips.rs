//! How often a Git server is asked: counted by a relay, for a count is no time.

mod ahead;
mod alone;
mod secrets;

use crate::support::turn_relay::TurnRelay;

/// What a process asks for one commit that has nothing yet: the branch's tip comes with what a push begins with.
const COLD: [&str; 4] = [
    "GET /info/refs?service=git-receive-pack",
    "POST /git-upload-pack",
    "POST /git-upload-pack",
    "POST /git-receive-pack",
];

/// What came through the relay since the last time, without the repository's path.
fn asked(relay: &TurnRelay, repo: &str) -> Vec<String> {
    relay.take().iter().map(|turn| turn.replace(&format!("/{repo}.git"), "")).collect()
}
