//! The binaries of the test bed, and the end of child processes.

use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// The test bed's binary `name`. Panics with instructions if it is missing.
pub(crate) fn testbed(name: &str) -> PathBuf {
    let home = std::env::var("HOME").unwrap_or_else(|_| "/root".into());
    let root = std::env::var("ARGO_BUILDKIT_TESTBED")
        .map_or_else(|_| PathBuf::from(home).join(".cache/argo-buildkit/testbed"), PathBuf::from);
    let path = match (name, other_daemon()) {
        ("buildkitd", Some(other)) => other,
        _ => root.join("bin").join(name),
    };
    assert!(path.exists(), "{} is absent: run tests/testbed/build.sh buildkit", path.display());
    path
}

/// Another buildkitd, such as an older version that is still in use.
pub(crate) fn other_daemon() -> Option<PathBuf> {
    std::env::var_os("ARGO_BUILDKIT_TEST_BUILDKITD").map(PathBuf::from)
}

/// A binary from PATH, `/usr/bin` or `/usr/sbin`. Panics with the package's name if it is missing.
pub(crate) fn system(name: &str, package: &str) -> PathBuf {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/bin:/usr/sbin";
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|candidate| candidate.exists())
        .unwrap_or_else(|| panic!("{name} is absent: apt-get install {package}"))
}

/// Polls `probe` until it returns a value. Panics with `what` after `limit`.
pub(crate) fn wait_for<T>(what: &str, limit: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {limit:?} in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Sends `signal` (`TERM`, `KILL`, …) to one process.
pub(crate) fn signal(pid: u32, signal: &str) {
    let _ = Command::new("kill").arg(format!("-{signal}")).arg(pid.to_string()).status();
}

/// Sends SIGTERM, and SIGKILL if the child still runs after `grace`.
pub(crate) fn stop(child: &mut Child, grace: Duration) {
    signal(child.id(), "TERM");
    let deadline = Instant::now() + grace;
    while Instant::now() < deadline {
        if matches!(child.try_wait(), Ok(Some(_)) | Err(_)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = child.kill();
    let _ = child.wait();
}
