//! A commit without a clone, against clone, edit, commit and push, in turns; and many writers in one process.

mod batch;
mod fleet;
mod proxy;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::measured::{self, Run};
use super::table::{Table, mib, ms};
use super::world::binary;
use fleet::Fleet;
use proxy::Proxy;

/// Runs of each side; those before them warm caches and are not counted.
const RUNS: usize = 5;
const WARM_UP: usize = 1;
/// What a server far away adds to each request.
const FAR: Duration = Duration::from_millis(50);

/// What somebody without a tool of their own does. The login goes along at once, which saves git a refused request.
const PEER: &str = r#"set -e
export GIT_CONFIG_GLOBAL=/dev/null GIT_TERMINAL_PROMPT=0
url=$1 clone=$2 file=$3 login=$4 tag=$5
run() { git -c http.extraHeader="Authorization: Basic $login" -c user.name=b -c user.email=b@localhost "$@"; }
run clone --quiet --depth 1 "$url" "$clone"
cd "$clone"
sed -i "s/tag: [^ ]*/tag: $tag/" "$file"
run commit --quiet --all --message "tag $tag"
run push --quiet
"#;

/// One run, and what came from the server for it.
struct Measured {
    run: Run,
    bytes: u64,
    requests: u64,
}

pub(crate) fn compare(table: &mut Table) {
    let fleet = Fleet::start();
    let near = in_turns(&fleet, Duration::ZERO);
    let what = "write-back, 20,000 files: ";
    table.paired(&format!("{what}wall"), "ms", &pairs(&near, |m| ms(m.run.wall)), Some(0.1));
    table.paired(&format!("{what}received"), "KiB", &pairs(&near, |m| m.bytes as f64 / 1024.0), Some(0.02));
    table.paired(&format!("{what}peak memory"), "MiB", &pairs(&near, |m| mib(m.run.peak)), Some(0.25));
    let far = in_turns(&fleet, FAR);
    table.paired(&format!("{what}wall, +50 ms a request"), "ms", &pairs(&far, |m| ms(m.run.wall)), Some(0.3));
    let requests = pairs(&far, |m| m.requests as f64);
    table.paired(&format!("{what}asked"), "requests", &requests, None);
}

pub(crate) fn a_hundred_writers(table: &mut Table) {
    batch::a_hundred_writers(&Fleet::start(), table);
}

fn pairs(runs: &[(Measured, Measured)], value: impl Fn(&Measured) -> f64) -> Vec<(f64, f64)> {
    runs.iter().map(|(ours, peer)| (value(ours), value(peer))).collect()
}

/// Ours and the peer's, A B A B …, each through the same proxy and with a tag that the file does not have.
fn in_turns(fleet: &Fleet, delay: Duration) -> Vec<(Measured, Measured)> {
    let proxy = Proxy::start(fleet.address(), delay);
    let work = tempfile::tempdir().unwrap();
    let pair = |n: usize| {
        let tag = |side: &str| format!("{side}-{}-{n}", delay.as_millis());
        let before = fleet.commits();
        let ours = measure(&proxy, &ours(fleet, &proxy, work.path(), &tag("ours")));
        let clone = work.path().join("clone");
        let peer = measure(&proxy, &peer(&proxy, &clone, &tag("peer")));
        std::fs::remove_dir_all(clone).unwrap();
        assert_eq!(fleet.commits(), before + 2, "one commit each");
        (ours, peer)
    };
    (0..WARM_UP + RUNS).map(pair).skip(WARM_UP).collect()
}

fn measure(proxy: &Proxy, command: &Command) -> Measured {
    let before = proxy.counts();
    let run = measured::run(command);
    let after = proxy.counts();
    Measured { run, bytes: after.bytes - before.bytes, requests: after.requests - before.requests }
}

fn ours(fleet: &Fleet, proxy: &Proxy, work: &Path, tag: &str) -> Command {
    let file: PathBuf = work.join("step.yaml");
    std::fs::write(&file, fleet.step(&proxy.url(), 0, tag).to_string()).unwrap();
    let mut command = Command::new(binary());
    command.arg("run").arg("--secrets-dir").arg(fleet.secrets()).arg(file);
    command
}

/// Its peak is that of the largest of its processes: the kernel hands up the maximum from child to parent.
fn peer(proxy: &Proxy, clone: &Path, tag: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", PEER, "peer", &proxy.url()]).arg(clone);
    command.args([&fleet::values(0), &fleet::login(), tag]);
    command
}
