//! A step of a build that ends when the test allows it.

use std::process::Command;

use crate::cluster::NODE;
use crate::support::net::free_port;
use crate::support::process::Process;

/// Closed until [`Gate::open`].
pub(crate) struct Gate {
    port: u16,
    room: tempfile::TempDir,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self { port: free_port(), room: tempfile::tempdir().unwrap() }
    }

    /// The line of a Dockerfile that waits.
    pub(crate) fn step(&self) -> String {
        format!("RUN until wget -q -O /dev/null http://{NODE}:{}/; do sleep 0.2; done\n", self.port)
    }

    /// Lets the step end. It is open as long as the returned server runs.
    pub(crate) fn open(&self) -> Process {
        std::fs::write(self.room.path().join("index.html"), "open").unwrap();
        let mut command = Command::new("busybox");
        let address = format!("{NODE}:{}", self.port);
        command.args(["httpd", "-f", "-p", &address, "-h"]).arg(self.room.path());
        Process::spawn("httpd", command, &self.room.path().join("log"))
    }
}
