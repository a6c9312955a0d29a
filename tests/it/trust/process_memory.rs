//! Memory that builds and callers use is limited for the whole process.

use reqwest::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::plugin::{Plugin, Setup};

/// More connections than the port keeps open.
const CALLERS: usize = 800;
/// The bytes that each of them sends of a request without an end.
const BEGUN: usize = 400 << 10;
/// The memory that these callers may cost: a twentieth of what they send.
const BOUND: u64 = (CALLERS * BEGUN / 20) as u64;

#[tokio::test]
async fn requests_that_are_begun_and_not_ended_cost_little_and_keep_nobody_out() {
    for port in [Plugin::url, Plugin::ops_url] {
        let plugin = Setup::new("unix:///nowhere").start();
        assert_eq!(plugin.ops("/healthz").await.0, StatusCode::OK);
        let before = resident(&plugin);
        let address = port(&plugin).replace("http://", "");
        let mut callers = Vec::new();
        for _ in 0..CALLERS {
            callers.push(begin(&address).await);
        }
        // The last caller is served, although many others wait.
        assert_eq!(plugin.ops("/healthz").await.0, StatusCode::OK);
        let cost = resident(&plugin).saturating_sub(before);
        assert!(cost < BOUND, "{CALLERS} begun requests cost {cost} bytes");
        // The oldest connection was closed first.
        let mut first = callers.remove(0);
        let mut answer = Vec::new();
        let _ = first.read_to_end(&mut answer).await;
        let refused = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || refused.starts_with("HTTP/1.1 431 "), "{refused}");
    }
}

/// A request whose head has no end.
async fn begin(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("GET /metrics HTTP/1.1\r\nx: {}", "x".repeat(BEGUN));
    // The server may refuse it earlier.
    let _ = stream.write_all(head.as_bytes()).await;
    stream
}

/// The bytes of memory that the process uses.
fn resident(plugin: &Plugin) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", plugin.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}
