//! The file descriptors of this process: the limit, and the number in use.
//!
//! Both are read from `/proc`, so they are known on Linux only.

use std::fs;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The descriptors that one step needs: connections to buildkitd, Git server, registry and API server, and its log.
pub const FOR_A_STEP: usize = 8;

/// `EMFILE`: the process has no free descriptor. `ENFILE`: the system has none (errno(3), Linux).
const NONE_LEFT: [i32; 2] = [24, 23];

/// The limit as it was last read. It cannot be read when no descriptor is free. 0 if it was never read.
static LAST: AtomicUsize = AtomicUsize::new(0);

/// The use of descriptors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptors {
    /// The number of open descriptors.
    pub open: usize,
    /// The limit.
    pub limit: usize,
}

impl Descriptors {
    /// Counts the open descriptors; `None` if the system does not tell.
    pub fn count() -> Option<Self> {
        let limit = limit()?;
        let open = match fs::read_dir("/proc/self/fd") {
            // The open directory is itself one of them.
            Ok(entries) => entries.count().saturating_sub(1),
            Err(error) if none_left(&error) => limit,
            Err(_) => return None,
        };
        Some(Self { open, limit })
    }

    /// The number of descriptors that can still be opened.
    pub fn free(self) -> usize {
        self.limit.saturating_sub(self.open)
    }
}

/// The limit of descriptors of this process; `None` if the system does not tell.
pub fn limit() -> Option<usize> {
    let read = fs::read_to_string("/proc/self/limits").ok();
    if let Some(limit) = read.and_then(|limits| limits.lines().find_map(soft_limit)) {
        LAST.store(limit, Ordering::Relaxed);
    }
    Some(LAST.load(Ordering::Relaxed)).filter(|last| *last > 0)
}

/// Whether `error` means that no descriptor is free.
pub fn none_left(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(|number| NONE_LEFT.contains(&number))
}

/// The soft limit in a line of `/proc/self/limits` (proc(5)): `Max open files  1024  4096  files`.
fn soft_limit(line: &str) -> Option<usize> {
    line.strip_prefix("Max open files")?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_the_first_number() {
        assert_eq!(
            soft_limit("Max open files            1024                 524288               files     "),
            Some(1024)
        );
        assert_eq!(
            soft_limit("Max processes             95974                95974                processes"),
            None
        );
        assert_eq!(
            soft_limit("Max open files            unlimited            unlimited            files"),
            None
        );
    }

    #[test]
    fn an_open_file_counts() {
        let Some(before) = Descriptors::count() else { return };
        let files: Vec<_> = (0..50).map(|_| fs::File::open("/dev/null")).collect();
        let after = Descriptors::count().map_or(0, |now| now.open);
        // Other tests open and close descriptors at the same time.
        assert!(after + 25 > before.open + files.len(), "{before:?}, then {after}");
    }
}
