//! The least of an HTTP client: what is measured is the server.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

/// One keep-alive connection, as the agent holds it.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
}

/// A status and a body.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Sends one request and reads its answer.
    pub(crate) fn execute(&mut self, request: &[u8]) -> io::Result<Reply> {
        self.stream.get_mut().write_all(request)?;
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        let mut length = 0;
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.parse().map_err(io::Error::other)?;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(Reply { status, body })
    }
}

/// The agent's request for a step of the workflow `uid`.
pub(crate) fn request(uid: &str, step: &serde_json::Value, token: &str) -> Vec<u8> {
    let metadata = serde_json::json!({"name": "bench", "namespace": "default", "uid": uid});
    let template = serde_json::json!({"name": "build", "plugin": {"buildkit": step}});
    let body = serde_json::json!({"workflow": {"metadata": metadata}, "template": template}).to_string();
    let length = body.len();
    let head = "POST /api/v1/template.execute HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json";
    format!("{head}\r\nauthorization: Bearer {token}\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}
