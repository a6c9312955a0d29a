#![expect(clippy::unwrap_used, reason = "tests")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ::http::Method;
use http_body_util::BodyExt as _;
use reqwest::dns::Resolve as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::resolver::FilteringResolver;
use super::*;
use crate::time_limits::{Late, PeerActivity};

fn settings() -> Settings {
    Settings {
        user_agent: None,
        connect: Duration::from_secs(10),
        silence: Duration::from_secs(30),
        whole: None,
        redirects: true,
        network: Network::Cluster,
    }
}

fn client(settings: Settings) -> Client {
    Client::new(settings, Roots::None).unwrap()
}

#[test]
fn addresses_are_refused_in_every_spelling() {
    let refused = [
        "169.254.169.254",
        "169.254.0.1",
        "169.254.255.255",
        "0xa9fea9fe",
        "2852039166",
        "0251.0376.0251.0376",
        "169.254.43518",
        "168.63.129.16",
        "100.100.100.200",
        "[fe80::1]",
        "[febf:ffff::1]",
        "[fd00:ec2::254]",
        "[fd20:ce::254]",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[::169.254.169.254]",
        "[::ffff:0:169.254.169.254]",
        "[64:ff9b::169.254.169.254]",
        "[64:ff9b:1::a9fe:a9fe]",
        "[2002:a9fe:a9fe::1]",
        "[::ffff:100.100.100.200]",
    ];
    let inner = [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[fd12::1]",
        "[::ffff:10.0.0.1]",
        "[fec0::1]",
        "255.255.255.255",
    ];
    let public =
        ["1.1.1.1", "169.253.255.255", "169.255.0.0", "[2606:4700::1111]", "[::ffff:1.1.1.1]", "r.io"];
    let url = |host: &str| format!("https://{host}/token").parse().unwrap();
    for host in refused {
        let error = Network::Cluster.allows_url(&url(host)).unwrap_err().to_string();
        assert!(error.contains("link-local") || error.contains("metadata"), "{host}: {error}");
        assert!(Network::Public.allows_url(&url(host)).is_err(), "{host}");
    }
    for host in inner {
        assert_eq!(Network::Cluster.allows_url(&url(host)), Ok(()), "{host}");
        let error = Network::Public.allows_url(&url(host)).unwrap_err().to_string();
        assert!(error.contains("private or loopback"), "{host}: {error}");
    }
    for host in public {
        assert_eq!(Network::Cluster.allows_url(&url(host)), Ok(()), "{host}");
        assert_eq!(Network::Public.allows_url(&url(host)), Ok(()), "{host}");
    }
}

/// The addresses that the resolver returns for a name with `addresses`.
async fn resolved(network: Network, addresses: &'static [&'static str]) -> Result<Vec<String>, String> {
    let found = || addresses.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0)).collect();
    let guarded =
        FilteringResolver::of(network, Arc::new(move |_| Box::pin(std::future::ready(Ok(found())))));
    let found = guarded.resolve("r.example".parse().unwrap()).await;
    found.map(|found| found.map(|each| each.ip().to_string()).collect()).map_err(|e| e.to_string())
}

#[tokio::test]
async fn names_lead_to_no_refused_address() {
    let error = resolved(Network::Cluster, &["169.254.169.254", "fe80::1"]).await.unwrap_err();
    assert!(error.contains("r.example (fe80::1) is a link-local address"), "{error}");
    assert!(resolved(Network::Cluster, &["fd00:ec2::254"]).await.is_err());
    // If a name has several addresses, the allowed ones are used.
    assert_eq!(resolved(Network::Cluster, &["fe80::1", "10.0.0.1"]).await.unwrap(), ["10.0.0.1"]);
    assert_eq!(resolved(Network::Public, &["10.0.0.1", "1.1.1.1"]).await.unwrap(), ["1.1.1.1"]);
    assert!(resolved(Network::Public, &["127.0.0.1", "::1"]).await.is_err());
}

#[tokio::test]
async fn a_client_asks_the_guarded_resolver() {
    let public = client(Settings { network: Network::Public, ..settings() });
    let error = public.send(public.request(Method::GET, "http://localhost:1/")).await.unwrap_err();
    assert!(matches!(error, SendError::Refused(_)), "{error:?}");
    assert!(error.to_string().contains("localhost (") && error.to_string().contains("loopback"), "{error}");
    let cluster = client(settings());
    let error = cluster.send(cluster.request(Method::GET, "http://localhost:1/")).await.unwrap_err();
    assert!(matches!(error, SendError::Lost(_)), "{error:?}");
    for host in ["169.254.169.254", "[::ffff:169.254.169.254]"] {
        let error = cluster.send(cluster.request(Method::GET, format!("http://{host}/"))).await.unwrap_err();
        assert!(matches!(error, SendError::Refused(_)), "{error:?}");
    }
    assert!(matches!(socket_addresses("169.254.169.254", 22).await, Err(LookupError::Refused(_))));
    assert!(socket_addresses("localhost", 22).await.is_ok());
}

/// A server that answers one request with `start`, and then sends nothing more on the open connection.
async fn silent_after(start: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await.unwrap();
        stream.write_all(start.as_bytes()).await.unwrap();
        // Waits until the client closes the connection.
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    url
}

#[tokio::test]
async fn a_silent_server_is_given_up() {
    let impatient = client(Settings { silence: Duration::from_millis(50), ..settings() });
    let ask = async |start| impatient.send(impatient.request(Method::GET, silent_after(start).await)).await;
    let silent = |late: &Late| late.to_string().ends_with(" was silent for 0.05 s");
    assert!(matches!(ask("HTTP/1.1 200").await, Err(SendError::Late(late)) if silent(&late)));
    let answer = ask("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{").await.unwrap();
    assert!(matches!(read(answer, "a token", 9).await, Err(BodyError::Late(late)) if silent(&late)));
    // For a refusal, what was received before is enough.
    let answer = ask("HTTP/1.1 404 No\r\ncontent-length: 9\r\n\r\nnot").await.unwrap();
    assert_eq!(read_start(answer, 9).await, b"not");
}

/// Sending a large body may take much longer than the limit for silence.
#[tokio::test(start_paused = true)]
async fn a_server_that_takes_a_body_slowly_is_not_silent() {
    let (limits, activity) = (settings(), PeerActivity::default());
    let request = reqwest::Client::new().put("http://a/").body(vec![0; 2 << 20]).build().unwrap();
    let timer = timer::RequestTimer::start(&request, &limits);
    let mut body = upload::metered(request, &activity).body_mut().take().unwrap();
    let begun = tokio::time::Instant::now();
    let takes = async {
        while let Some(slice) = body.frame().await {
            slice.unwrap();
            tokio::time::sleep(limits.silence / 2).await;
        }
    };
    timer.heard(&activity, takes).await.unwrap();
    assert!(begun.elapsed() > limits.silence * 10);
    let late = timer.heard(&activity, std::future::pending::<()>()).await.unwrap_err();
    assert!(late.to_string().ends_with("was silent for 30 s"), "{late}");
}

#[tokio::test]
async fn a_server_that_takes_no_more_of_a_body_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let impatient = client(Settings { silence: Duration::from_millis(50), ..settings() });
    let put = impatient.send(impatient.request(Method::PUT, url).body(vec![0; 64 << 20]));
    let (sent, accepted) = tokio::join!(put, listener.accept());
    assert!(matches!(sent, Err(SendError::Late(Late::Silence { .. }))), "{sent:?}");
    drop(accepted);
}

#[tokio::test]
async fn a_body_is_read_to_its_limit() {
    let client = client(settings());
    let body = async |limit| {
        let url = silent_after("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfour").await;
        let answer = client.send(client.request(Method::GET, url)).await.unwrap();
        read(answer, "a manifest", limit).await
    };
    assert_eq!(body(4).await.unwrap(), b"four");
    let error = body(3).await.unwrap_err().to_string();
    assert_eq!(error, "the answer is longer than 3 bytes, which is the most that is read of a manifest");
    // A stated length is compared before a byte is read. Without a stated length, the bytes are counted.
    let url = silent_after("HTTP/1.1 200 OK\r\ncontent-length: 4194305\r\n\r\n").await;
    let answer = client.send(client.request(Method::GET, url)).await.unwrap();
    assert!(read(answer, "a manifest", 4 << 20).await.unwrap_err().to_string().contains("4 MiB"));
    let url = silent_after("HTTP/1.1 200 OK\r\n\r\nunending").await;
    let answer = client.send(client.request(Method::GET, url)).await.unwrap();
    assert!(matches!(read(answer, "a manifest", 7).await, Err(BodyError::TooLong { .. })));
}

#[test]
fn json_is_bounded_and_quotes_little() {
    let values = |n: usize| format!("[{}]", vec!["1"; n].join(","));
    assert!(json::<serde_json::Value>(values(1000).as_bytes()).is_ok());
    let error = json::<serde_json::Value>(values(2_000_000).as_bytes()).unwrap_err();
    assert!(error.contains("JSON values"), "{error}");
    // A string counts as one value, whatever it contains.
    let text = format!("\"{}\\\"{}\"", ",[".repeat(300_000), ":{".repeat(300_000));
    assert!(json::<String>(text.as_bytes()).is_ok());
    let long = format!("\"{}\"", "x".repeat(3_600_000));
    let error = json::<u64>(long.as_bytes()).unwrap_err();
    assert!(error.len() < 1000 && error.starts_with("invalid type"), "{} bytes", error.len());
    let escaped = json::<u64>(r#""\u001b[31m\r\u202e""#.as_bytes()).unwrap_err();
    assert!(!escaped.contains(['\u{1b}', '\r', '\u{202e}']), "{escaped:?}");
}
