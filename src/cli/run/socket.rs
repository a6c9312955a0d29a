//! A buildkitd that cannot be there. The services wait half a minute for a daemon that restarts; whoever is at a terminal should not
//! wait for one that was never started.

use crate::pool::Seed;
use crate::step::{Step, When};

/// The sockets of `hosts`, if `step` surely needs a daemon and none of these exists.
pub(super) fn absent(step: &Step, hosts: &[Seed]) -> Option<String> {
    let is_absent =
        |host: &Seed| host.socket().is_some_and(|path| path.try_exists().is_ok_and(|there| !there));
    let is_needed = needs_daemon(step) && hosts.iter().all(is_absent);
    is_needed.then(|| hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
}

/// What to say about the absent sockets `hosts`.
pub(super) fn problem(hosts: &str) -> String {
    format!(
        "cannot reach buildkitd: there is no socket {hosts}; start buildkitd, or name another with --buildkit-host (BUILDKIT_HOST), \
         such as tcp://HOST:1234"
    )
}

fn needs_daemon(step: &Step) -> bool {
    match step {
        Step::Build(_) | Step::Cache(_) => true,
        Step::Steps(steps) => {
            steps.entries.iter().any(|entry| entry.when == When::Is(true) && needs_daemon(&entry.template))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use serde_json::json;

    use super::*;
    use crate::step;

    fn hosts(of: &[&str]) -> Vec<Seed> {
        of.iter().map(|host| host.parse().unwrap()).collect()
    }

    #[test]
    fn only_sockets_that_do_not_exist_are_absent() {
        let build = json!({"build": {"context": {"repo": "https://git.example.com/a.git", "revision": "main"}, "push": false}});
        let build = step::parse(&build).unwrap();
        assert_eq!(absent(&build, &hosts(&["unix:///nowhere/s"])).as_deref(), Some("unix:///nowhere/s"));
        for some in [&["unix:///dev/null"][..], &["tcp://a:1"], &["unix:///nowhere/s", "tcp://a:1"]] {
            assert_eq!(absent(&build, &hosts(some)), None, "{some:?}");
        }
    }

    #[test]
    fn a_step_without_a_build_needs_no_daemon() {
        let tags = step::parse(&json!({"tags": {"image": "registry.example.com/shop/api"}})).unwrap();
        assert_eq!(absent(&tags, &hosts(&["unix:///nowhere/s"])), None);
    }
}
