//! Prints the lines of builds on standard output. A slow reader delays nothing.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The most bytes in the queue. Lines beyond it are not printed.
const CAPACITY: usize = 8 << 20;
/// How long the end of the process waits for the reader.
const FLUSH_LIMIT: Duration = Duration::from_secs(2);

/// A queue to standard output or another writer. Clones share it.
#[derive(Clone)]
pub(super) struct Printer {
    lines: Sender<Vec<u8>>,
    state: Arc<QueueState>,
    done: Arc<Mutex<Receiver<()>>>,
}

#[derive(Default)]
struct QueueState {
    /// The bytes in the queue.
    waiting: AtomicUsize,
    /// The lines that were dropped since the last line that was queued.
    missed: AtomicU64,
}

impl Printer {
    /// Starts a thread that writes to `out`.
    pub(super) fn start(mut out: impl Write + Send + 'static) -> io::Result<Self> {
        let (lines, queued) = channel::<Vec<u8>>();
        let (printed, done) = channel();
        let state = Arc::new(QueueState::default());
        let shared = state.clone();
        std::thread::Builder::new().name("build-log".into()).spawn(move || {
            for line in queued {
                // An empty line is a request to confirm that all earlier lines were printed.
                let asked = line.is_empty();
                // A closed output must not stop a build.
                let _ = if asked { out.flush() } else { out.write_all(&line) };
                shared.waiting.fetch_sub(line.len(), Ordering::Relaxed);
                let _ = asked.then(|| printed.send(()));
            }
        })?;
        Ok(Self { lines, state, done: Arc::new(Mutex::new(done)) })
    }

    /// Waits until the queued lines are printed, up to [`FLUSH_LIMIT`].
    pub(super) fn flush(&self) {
        let _ = self.lines.send(Vec::new());
        let done = self.done.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Err(RecvTimeoutError::Timeout) = done.recv_timeout(FLUSH_LIMIT) {
            tracing::warn!("nobody reads standard output; the last lines of builds are not printed");
        }
    }

    fn queue(&self, line: &[u8]) {
        let waiting = self.state.waiting.fetch_add(line.len(), Ordering::Relaxed);
        if waiting + line.len() > CAPACITY {
            self.state.waiting.fetch_sub(line.len(), Ordering::Relaxed);
            self.state.missed.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let missed = self.state.missed.swap(0, Ordering::Relaxed);
        if missed > 0 {
            tracing::warn!(
                missed,
                "{missed} lines of builds were not printed: the reader of the log is too slow"
            );
        }
        let _ = self.lines.send(line.to_owned());
    }
}

/// Each formatted line is one write.
impl Write for Printer {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if !line.is_empty() {
            self.queue(line);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    /// A reader that reads only when the test allows it.
    struct Slow(Receiver<()>, Sender<usize>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            self.1.send(bytes.len()).unwrap();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_does_not_read_holds_nobody_up_and_fills_no_memory() {
        let (go, gate) = channel();
        let (written, sizes) = channel();
        let mut printer = Printer::start(Slow(gate, written)).unwrap();
        let line = vec![b'x'; 1 << 10];
        for _ in 0..4 * CAPACITY / line.len() {
            printer.write_all(&line).unwrap();
            assert!(printer.state.waiting.load(Ordering::Relaxed) <= CAPACITY);
        }
        assert_eq!(printer.state.missed.load(Ordering::Relaxed) as usize, 3 * CAPACITY / line.len());
        drop(go);
        // The thread ends when the last sender is dropped.
        drop(printer);
        assert_eq!(sizes.iter().sum::<usize>(), CAPACITY);
    }
}
