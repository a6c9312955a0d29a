//! The sidecar: how soon it answers, and what it occupies.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::http::{self, Connection};
use super::measured::memory;
use super::support::{bin, registry::free_port};
use super::table::{Table, median, mib, ms};
use super::world::{Revision, World, binary};

const STARTS: usize = 21;
const BUILDS: usize = 50;
/// Until a process that does nothing is taken to be at rest.
const REST: Duration = Duration::from_secs(2);

/// A sidecar; dropping it ends it.
pub(crate) struct Sidecar {
    child: Child,
    pub(crate) address: SocketAddr,
    token: String,
    /// Its own temporary directory: in another one's it would find the jobs that were running when that one was killed.
    _files: tempfile::TempDir,
}

impl Sidecar {
    /// Starts one beside the world's servers.
    pub(crate) fn start(world: &World, options: &[&str]) -> (Self, Duration) {
        let servers = world.servers();
        let options: Vec<&str> = servers.iter().map(String::as_str).chain(options.iter().copied()).collect();
        Self::serve(&world.file("token"), &options)
    }

    /// Starts one, and gives it as soon as it has answered a request for another plugin's template.
    pub(crate) fn serve(token_file: &Path, options: &[&str]) -> (Self, Duration) {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let token = std::fs::read_to_string(token_file).unwrap();
        let files = tempfile::tempdir().unwrap();
        let mut command = Command::new(binary());
        command.env("TMPDIR", files.path()).arg("serve").args(options);
        command.args(["--listen", &address.to_string(), "--ops-listen", "127.0.0.1:0", "--token-file"]);
        command.arg(token_file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let request = http::request("none", &serde_json::Value::Null, &token);
        let started = Instant::now();
        let mut sidecar = Self { child: command.spawn().unwrap(), address, token, _files: files };
        sidecar.first_answer(&request);
        (sidecar, started.elapsed())
    }

    fn first_answer(&mut self, request: &[u8]) {
        loop {
            if let Ok(mut connection) = Connection::open(self.address) {
                assert_eq!(connection.execute(request).unwrap().status, 200);
                return;
            }
            assert!(self.child.try_wait().unwrap().is_none(), "serve ended; run it by hand to see why");
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    pub(crate) fn request(&self, uid: &str, step: &serde_json::Value) -> Vec<u8> {
        http::request(uid, step, &self.token)
    }

    /// The resident set, in MiB.
    pub(crate) fn resident(&self) -> f64 {
        self.memory("VmRSS")
    }

    /// Adds the resident set to `table`, and of what it consists: pages of files (the program and its libraries), and the
    /// process's own (heap, stacks, and what the linker relocates).
    fn report_resident(&self, when: &str, table: &mut Table) {
        table.alone(&format!("sidecar: resident, {when}"), "MiB", self.resident(), Some(12.0));
        table.alone(
            &format!("sidecar: resident, {when}: pages of files"),
            "MiB",
            self.memory("RssFile"),
            None,
        );
        table.alone(
            &format!("sidecar: resident, {when}: its own pages"),
            "MiB",
            self.memory("RssAnon"),
            None,
        );
    }

    fn memory(&self, field: &str) -> f64 {
        mib(memory(self.child.id(), field))
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        bin::stop(&mut self.child, Duration::from_millis(100));
    }
}

pub(crate) fn start_and_rest(world: &World, table: &mut Table) {
    let starts: Vec<_> = (0..STARTS).map(|_| ms(Sidecar::start(world, &[]).1)).collect();
    table.alone("sidecar: exec to first answer", "ms", median(&starts), Some(30.0));
    let (sidecar, _) = Sidecar::start(world, &[]);
    std::thread::sleep(REST);
    sidecar.report_resident("idle", table);
    (0..BUILDS).for_each(|number| build(world, &sidecar, &format!("build-{number}")));
    std::thread::sleep(REST);
    sidecar.report_resident(&format!("idle after {BUILDS} builds"), table);
}

/// Polls one build to its end, as the agent does.
fn build(world: &World, sidecar: &Sidecar, uid: &str) {
    let request = sidecar.request(uid, &world.step(Revision::Branch));
    let mut connection = Connection::open(sidecar.address).unwrap();
    loop {
        let reply = connection.execute(&request).unwrap();
        let reply: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        match reply["node"]["phase"].as_str() {
            Some("Succeeded") => return,
            Some("Pending" | "Running") => std::thread::sleep(Duration::from_millis(20)),
            _ => panic!("a build failed: {reply}"),
        }
    }
}
