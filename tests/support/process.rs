//! The process of a server. Its output goes to a file. It is killed on drop, and also when the test process ends in
//! another way.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::net::PATIENCE;

/// A child process. It is killed on drop, with what it has started.
pub(crate) struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`, with its output appended to the file `log`.
    pub(crate) fn spawn(name: &str, mut command: Command, log: &Path) -> Self {
        let out = File::options().create(true).append(true).open(log).unwrap();
        command.stdin(Stdio::null()).stdout(out.try_clone().unwrap()).stderr(out).process_group(0);
        let child = command.spawn().unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        adopt(child.id(), "KILL");
        Self { name: name.to_owned(), child, log: log.to_owned() }
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The output so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The exit status, if it has ended.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Polls `probe` until it returns a value. Panics with the log when the process ends, or after [`PATIENCE`].
    pub(crate) fn wait_until<T>(&mut self, what: &str, mut probe: impl FnMut(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = probe(&self.log()) {
                return found;
            }
            let ended = self.ended();
            let patient = ended.is_none() && Instant::now() < deadline;
            assert!(patient, "{} {ended:?}, waited in vain {what}:\n{}", self.name, self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until it ends by itself.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Kills it, like a crash.
    pub(crate) fn kill(&mut self) {
        kill_group(&mut self.child);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Kills a child that leads a process group, and what it has started: a `git http-backend` whose request was cut reads on
/// after the end for ever, and takes a processor.
pub(crate) fn kill_group(child: &mut Child) {
    // The id of a process that was waited for may be another's by now.
    if matches!(child.try_wait(), Ok(None)) {
        let _ = killpg(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGKILL);
        let _ = child.wait();
    }
}

/// A new directory. It is removed after the test process has ended, even if a static owns it.
pub(crate) fn directory(prefix: &str) -> tempfile::TempDir {
    let directory = tempfile::Builder::new().prefix(prefix).tempdir().unwrap();
    abandon(directory.path());
    directory
}

/// Unmounts and removes `path` after the test process has ended.
pub(crate) fn abandon(path: &Path) {
    REAPER.tell(&format!("rm {}", path.display()));
}

/// Ends the process `pid` with `signal` after the test process has ended.
pub(crate) fn adopt(pid: u32, signal: &str) {
    if let Some(start) = stat_field(pid, 21) {
        REAPER.tell(&format!("kill {pid} {start} {signal}"));
    }
}

/// Direct children of this process whose arguments contain `needle`.
pub(crate) fn children(needle: &str) -> Vec<u32> {
    let own = std::process::id().to_string();
    let ours = |pid: &u32| {
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        stat_field(*pid, 3).as_deref() == Some(&own) && String::from_utf8_lossy(&arguments).contains(needle)
    };
    let entries = fs::read_dir("/proc").unwrap();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).filter(ours).collect()
}

/// A field of `/proc/PID/stat`, counted from 0. The names of our servers contain no spaces.
fn stat_field(pid: u32, index: usize) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.split(' ').nth(index).map(str::to_owned)
}

/// Statics are never dropped, and a killed test drops nothing. So a shell outside our process group reads a list of
/// what we own, and cleans up when the pipe closes. PR_SET_PDEATHSIG would be wrong: it applies when the *thread*
/// that spawned the child ends, and for a shared server that is the thread of the first test.
struct Reaper(Mutex<ChildStdin>);

static REAPER: LazyLock<Reaper> = LazyLock::new(Reaper::start);

impl Reaper {
    fn start() -> Self {
        let mut child = Command::new("setsid")
            .args(["--fork", "sh", "-c", REAPER_SCRIPT, "test-reaper"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let orders = child.stdin.take().unwrap();
        // It has started the shell in the background.
        child.wait().unwrap();
        Self(Mutex::new(orders))
    }

    fn tell(&self, line: &str) {
        writeln!(self.0.lock().unwrap(), "{line}").unwrap();
    }
}

/// The start time identifies a process, because a later process may have the same id.
const REAPER_SCRIPT: &str = r#"
alive() { set -- "$2" $(cat "/proc/$1/stat" 2>/dev/null); [ "$1" = "${23}" ] && [ "$4" != Z ]; }
orders=$(cat)
each() { printf '%s\n' "$orders" | while read -r verb a b c; do [ "$verb" = "$1" ] && "$2" "$a" "$b" "$c"; done; }
send() { kill "-$1" -- "-$2" || kill "-$1" "$2"; }
end() { alive "$1" "$2" && send "$3" "$1"; }
last() { alive "$1" "$2" && send KILL "$1"; }
wait_for() { for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do alive "$1" "$2" || return; sleep 0.1; done; }
clear() { awk -v d="$1/" 'index($5, d) == 1 {print $5}' /proc/self/mountinfo | sort -r | xargs -r umount -l; rm -rf "$1"; }
each kill end; each kill wait_for; each kill last; each rm clear
"#;
