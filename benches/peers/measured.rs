//! One run of a command: wall time, and the kernel's account of its memory.
//!
//! The kernel keeps one maximum for all children that a process has waited for. So each command is waited for by
//! a process of its own: this program again, behind [`FLAG`].

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};

/// What makes this program measure: `--measure REPORT COMMAND ARGUMENT…`.
pub(crate) const FLAG: &str = "--measure";

/// One run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// From exec to exit.
    pub(crate) wall: Duration,
    /// The largest resident set, in KiB.
    pub(crate) peak: u64,
}

/// Runs `command`, which has to succeed, with its output thrown away.
pub(crate) fn run(command: &Command) -> Run {
    let report = tempfile::NamedTempFile::new().unwrap();
    let status = Command::new(std::env::current_exe().unwrap())
        .arg(FLAG)
        .arg(report.path())
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{command:?} failed; run it by hand to see why");
    let text = std::fs::read_to_string(report.path()).unwrap();
    let (wall, peak) = text.split_once(' ').unwrap();
    Run { wall: Duration::from_nanos(wall.parse().unwrap()), peak: peak.parse().unwrap() }
}

/// The measuring process.
pub(crate) fn child(arguments: &[String]) {
    let (report, command) = (Path::new(&arguments[0]), &arguments[1..]);
    let started = Instant::now();
    let status = Command::new(&command[0]).args(&command[1..]).status().unwrap();
    let wall = started.elapsed().as_nanos();
    let peak = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss();
    std::fs::write(report, format!("{wall} {peak}")).unwrap();
    std::process::exit(status.code().unwrap_or(1));
}

/// A field of `/proc/PID/status`, in KiB.
pub(crate) fn memory(pid: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
