//! Mistakes in Dockerfiles of any size are shown.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use argo_buildkit::buildkit::{BuildErrorKind, Recalled};
use argo_buildkit::outcome::Fault;

use super::*;

/// Mistakes by instruction, with a name and a word of the error.
const MISTAKES: [(&str, BuildErrorKind, &str); 5] = [
    ("FROM one two", BuildErrorKind::Dockerfile, "FROM requires"),
    ("ENV A", BuildErrorKind::Dockerfile, "ENV must have two arguments"),
    ("COPY absent.txt /", BuildErrorKind::Dockerfile, "not found"),
    ("USER nobody-here\nRUN true", BuildErrorKind::Other, "unable to find user nobody-here"),
    ("RUN exit 7", BuildErrorKind::Run, "exited with 7"),
];

/// `bytes` of comment lines, each of 100 bytes.
fn comments(bytes: usize) -> String {
    (0..bytes / 100).map(|n| format!("# {n:096}.\n")).collect()
}

/// `FROM busybox`, and `mistake` before or after `bytes` of comments.
fn dockerfiles(bench: &Bench, mistake: &str, bytes: usize) -> [String; 2] {
    let (from, rest) = (format!("FROM {}", bench.busybox), comments(bytes));
    [format!("{from}\n{mistake}\n{rest}"), format!("{from}\n{rest}{mistake}\n")]
}

#[tokio::test]
async fn a_mistake_is_shown_wherever_it_is_in_a_dockerfile_of_any_size() {
    let bench = Bench::start();
    let client = bench.client();
    for bytes in [1 << 10, 6 << 10, 7 << 10, 64 << 10, 1 << 20] {
        for (mistake, kind, words) in MISTAKES {
            for dockerfile in dockerfiles(&bench, mistake, bytes) {
                let solve = inline(&dockerfile);
                let error = run(&client, &solve, Session::default()).await.unwrap_err();
                let failing = mistake.lines().last().unwrap();
                let line = dockerfile.lines().position(|line| line == failing).unwrap() + 1;
                let case = format!("{mistake} on line {line}, {bytes} bytes: {error}");
                assert!(error.message.starts_with(&format!("Dockerfile:{line}\n")), "{case}");
                assert!(error.message.contains(&format!(">> {line} | {failing}\n")), "{case}");
                assert!(error.message.contains(words) && error.message.len() < 4 << 10, "{case}");
                if kind != BuildErrorKind::Other {
                    assert_eq!((error.kind, error.fault), (kind, Fault::User), "{case}");
                }
                let Recalled::Failed(recalled) = client.recall(&solve.reference).await.unwrap() else {
                    panic!("{case}: not failed")
                };
                assert_eq!((recalled.kind, recalled.fault), (error.kind, error.fault), "{case}: {recalled}");
                let excerpt = |message: &str| message.lines().take(4).map(str::to_owned).collect::<Vec<_>>();
                assert_eq!(excerpt(&recalled.message), excerpt(&error.message), "{case}");
            }
        }
    }
}

#[tokio::test]
async fn a_script_of_a_mebibyte_fails_as_a_short_one_does() {
    let bench = Bench::start();
    let script =
        bench.on_busybox(&format!("RUN <<end\n#!/bin/sh\n{}echo oops\nexit 7\nend", comments(1 << 20)));
    let error = run(&bench.client(), &script, Session::default()).await.unwrap_err();
    assert_eq!(
        (error.kind, error.fault, error.exit_code),
        (BuildErrorKind::Run, Fault::User, Some(7)),
        "{error}"
    );
    assert!(error.message.starts_with("Dockerfile:2\n"), "{error}");
    assert!(error.message.contains(">>  2 | RUN <<end\n"), "{error}");
    assert!(error.message.ends_with("last log lines:\noops"), "{error}");
    assert!(error.message.len() < 8 << 10, "{error}");
}

/// Speaks HTTP/2 and sends header fields without end. Returns how many bytes were accepted.
fn send_headers_for_ever(listener: &TcpListener) -> usize {
    let (mut stream, _) = listener.accept().unwrap();
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).unwrap();
    let frame = |kind: u8, stream: u8, payload: &[u8]| {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, 0, 0, 0, 0, stream], payload].concat()
    };
    let (settings, headers, continuation) = (4, 1, 9);
    // A literal field without indexing: `a: xxx…`.
    let mut field = vec![0, 1, b'a', 0x7f, 0x81, 0x1e];
    field.resize(6 + 4000, b'x');
    let mut taken = 0;
    let mut next = [frame(settings, 0, &[]), frame(headers, 1, &field)].concat();
    while stream.write_all(&next).is_ok() {
        taken += next.len();
        next = frame(continuation, 1, &field);
    }
    taken
}

#[tokio::test]
async fn a_daemon_that_sends_headers_without_end_is_hung_up_on() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let daemon = tokio::task::spawn_blocking(move || send_headers_for_ever(&listener));
    let error = Buildkit::new(address.parse().unwrap(), None).info().await.unwrap_err();
    assert_eq!(error.kind, BuildErrorKind::Unreachable, "{error}");
    let taken = daemon.await.unwrap();
    assert!(taken < 16 << 20, "{taken} bytes of headers were taken");
}
