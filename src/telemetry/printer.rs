//! Prints builds' lines on standard output without making anybody wait for its reader.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Bytes that may wait for the reader; what comes on top is not printed.
const ROOM: usize = 8 << 20;
/// How long the process's end may wait for the reader.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A queue to standard output, or to another writer. Clones share it.
#[derive(Clone)]
pub(super) struct Printer {
    lines: Sender<Vec<u8>>,
    queue: Arc<Queue>,
    done: Arc<Mutex<Receiver<()>>>,
}

#[derive(Default)]
struct Queue {
    /// Bytes that wait.
    waiting: AtomicUsize,
    /// Lines that did not fit since the last that did.
    missed: AtomicU64,
}

impl Printer {
    /// A printer to `out`, with a thread of its own.
    pub(super) fn start(mut out: impl Write + Send + 'static) -> io::Result<Self> {
        let (lines, queued) = channel::<Vec<u8>>();
        let (printed, done) = channel();
        let queue = Arc::new(Queue::default());
        let shared = queue.clone();
        std::thread::Builder::new().name("build-log".into()).spawn(move || {
            for line in queued {
                // An empty line asks whether all before it were printed.
                let asked = line.is_empty();
                // A reader that has gone away is no reason to stop building.
                let _ = if asked { out.flush() } else { out.write_all(&line) };
                shared.waiting.fetch_sub(line.len(), Ordering::Relaxed);
                let _ = asked.then(|| printed.send(()));
            }
        })?;
        Ok(Self { lines, queue, done: Arc::new(Mutex::new(done)) })
    }

    /// Waits until what was queued is printed, but not for a reader that has stopped reading.
    pub(super) fn flush(&self) {
        let _ = self.lines.send(Vec::new());
        let done = self.done.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Err(RecvTimeoutError::Timeout) = done.recv_timeout(LAST_WORDS) {
            tracing::warn!("nobody reads standard output; the last lines of builds are not printed");
        }
    }

    fn queue(&self, line: &[u8]) {
        let waiting = self.queue.waiting.fetch_add(line.len(), Ordering::Relaxed);
        if waiting + line.len() > ROOM {
            self.queue.waiting.fetch_sub(line.len(), Ordering::Relaxed);
            self.queue.missed.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let missed = self.queue.missed.swap(0, Ordering::Relaxed);
        if missed > 0 {
            tracing::warn!(
                missed,
                "{missed} lines of builds were not printed: the reader of the log is too slow"
            );
        }
        let _ = self.lines.send(line.to_owned());
    }
}

/// A formatted line comes as one write.
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

    /// A reader that reads when it is let to.
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
        for _ in 0..4 * ROOM / line.len() {
            printer.write_all(&line).unwrap();
            assert!(printer.queue.waiting.load(Ordering::Relaxed) <= ROOM);
        }
        assert_eq!(printer.queue.missed.load(Ordering::Relaxed) as usize, 3 * ROOM / line.len());
        drop(go);
        // Its thread ends when nobody can queue any more.
        drop(printer);
        assert_eq!(sizes.iter().sum::<usize>(), ROOM);
    }
}
