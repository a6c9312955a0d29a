use super::*;

fn from_daemon(message: &str) -> ErrorReport<'_> {
    ErrorReport { code: Code::Unknown, message, broken: false, vertex: None, unbegun: false }
}

fn of(message: &str) -> (BuildErrorKind, Fault, String) {
    let classified = classify(&from_daemon(message), &Details::default(), &Redactor::default());
    (classified.kind, classified.fault, classified.text)
}

/// Messages of buildkitd v0.32.2, shortened.
#[test]
fn the_daemons_words_are_understood() {
    use Fault::{Ours, Transient, User};
    let rows = [
        (
            "failed to push r:5000/a:1: failed to do request: Head \"https://r:5000/v2/a/blobs/x\": http: server gave HTTP response to HTTPS client",
            BuildErrorKind::Registry,
            User,
            "insecure: true",
        ),
        (
            "failed to push r/a:1: failed to do request: Head \"https://r/v2/\": tls: failed to verify certificate: x509: certificate signed by unknown authority",
            BuildErrorKind::Registry,
            User,
            "add its CA",
        ),
        (
            "failed to push r/a:1: unexpected status from HEAD request to http://r/v2/a/blobs/sha256:c: 401 Unauthorized",
            BuildErrorKind::Registry,
            User,
            "check `registry-secret`",
        ),
        (
            "failed to push r/a:1: unexpected status from POST request to http://r/v2/a/blobs/uploads/: 403 Forbidden",
            BuildErrorKind::Registry,
            User,
            "check `registry-secret`",
        ),
        (
            "failed to push r/a:1: unexpected status from PUT request to http://r/v2/a/manifests/1: 500 Internal Server Error",
            BuildErrorKind::Registry,
            Transient,
            "try again",
        ),
        (
            "failed to push r/a:1: unexpected status from PUT request to http://r/v2/a/manifests/1: 503 Service Unavailable",
            BuildErrorKind::Registry,
            Transient,
            "try again",
        ),
        (
            "failed to push r/a:1: unexpected status from POST request to http://r/v2/a/blobs/uploads/: 404 Not Found",
            BuildErrorKind::Registry,
            User,
            "check the name",
        ),
        ("error writing manifest blob: unknown", BuildErrorKind::Registry, User, "ignore-error"),
        // The registry no longer knows an upload that it had accepted.
        (
            "failed to push r/a:1: failed commit on ref \"config-sha256:c\": unexpected status from PUT request to http://r/v2/a/blobs/uploads/5?digest=sha256%3Ac: 404 Not Found",
            BuildErrorKind::Registry,
            Transient,
            "try again later",
        ),
        // BuildKit v0.18.2 writes this.
        (
            "failed to push r/a:1: failed commit on ref \"layer-sha256:c\": invalid content digest in response: invalid checksum digest format",
            BuildErrorKind::Registry,
            User,
            "takes no pushes",
        ),
        (
            "failed to read dockerfile: failed to open subdir nosub: open /tmp/r/nosub: no such file or directory",
            BuildErrorKind::Dockerfile,
            User,
            "check `subdir`",
        ),
        (
            "r/a:1: failed to resolve source metadata for r/a:1: r/a:1: not found",
            BuildErrorKind::Registry,
            User,
            "name and tag",
        ),
        (
            "failed to do request: Head \"https://r.example/v2/a\": dial tcp: lookup r.example: no such host",
            BuildErrorKind::Registry,
            Transient,
            "cannot resolve",
        ),
        (
            "no access to registry r: the token server http://r answered 503; the registry is overloaded or broken, try again later",
            BuildErrorKind::Registry,
            Transient,
            "503",
        ),
        (
            "failed to fetch remote http://g/a.git: git stderr:\nfatal: could not read Username for 'http://g': terminal prompts disabled\n: exit status 128",
            BuildErrorKind::Git,
            User,
            "check the Git secret",
        ),
        (
            "fatal: could not read Username for 'http://g': terminal prompts disabled\nfatal: clone of 'http://g/lib.git' into submodule path '/x/lib' failed",
            BuildErrorKind::Git,
            User,
            "submodules: false",
        ),
        (
            "repository does not contain ref 5e8e821a10, output: \"\"",
            BuildErrorKind::Git,
            User,
            "short commit id",
        ),
        (
            "fatal: unable to access 'http://g/a.git/': The requested URL returned error: 502",
            BuildErrorKind::Git,
            Transient,
            "try again",
        ),
        (
            "source \"git://g/a.git#x\" denied by policy: source denied by policy",
            BuildErrorKind::Denied,
            User,
            "under `contexts`",
        ),
        ("job ID wf-1 exists", BuildErrorKind::AlreadyExists, Transient, "running already"),
        ("target stage \"nope\" could not be found", BuildErrorKind::Dockerfile, User, "check `target`"),
        (
            "write /var/lib/buildkit/x: no space left on device",
            BuildErrorKind::Other,
            Transient,
            "disk is full",
        ),
        (
            "failed to prepare sha256:6632aa61767975d2e4fc2ae98178e854c48e60a52a16ba19e7cbb1a2917bc070 as 4c8ecrs2ygb6: failed to rename: rename /r/snapshots/new-3164603362 /r/snapshots/5: file exists",
            BuildErrorKind::Other,
            Transient,
            "killed while it wrote to its store",
        ),
        (
            "granting entitlement network.host is not allowed by build daemon configuration",
            BuildErrorKind::Other,
            User,
            "entitlement",
        ),
        (
            "failed to calculate checksum of ref a::b: \"/secret/x509.pem\": not found",
            BuildErrorKind::Dockerfile,
            User,
            "no such file",
        ),
        (
            "failed to compute cache key: \"/secrets.txt\" not found: not found",
            BuildErrorKind::Dockerfile,
            User,
            "no such file",
        ),
        ("no active session for abc: context deadline exceeded", BuildErrorKind::Lost, Transient, "session"),
        ("context canceled", BuildErrorKind::Cancelled, Transient, ""),
        ("something new", BuildErrorKind::Other, Ours, "something new"),
    ];
    for (message, kind, fault, words) in rows {
        let (found, whose, text) = of(message);
        assert_eq!((found, whose), (kind, fault), "{message}");
        assert!(text.contains(words) && !text.contains('\n'), "{text}");
    }
}

/// Text within a port, a digest, an image name or a path must not be taken for the daemon's message.
#[test]
fn names_do_not_decide() {
    use Fault::{Transient, User};
    let rows = [
        (
            "failed to push r:5000/a:1: unexpected status from PUT request to http://r:5000/v2/a/manifests/1: 400 Bad Request",
            BuildErrorKind::Registry,
            User,
        ),
        (
            "error writing manifest blob: failed commit on ref \"sha256:5000\": unexpected status from PUT request to http://r:5000/v2/c/manifests/500: 400 Bad Request",
            BuildErrorKind::Registry,
            User,
        ),
        (
            "r/my-secret:1: failed to resolve source metadata for r/my-secret:1: r/my-secret:1: not found",
            BuildErrorKind::Registry,
            User,
        ),
        (
            "secret: failed to resolve source metadata for docker.io/library/secret:latest: docker.io/library/secret:latest: not found",
            BuildErrorKind::Registry,
            User,
        ),
        (
            "r/x509:1: failed to resolve source metadata for r/x509:1: failed to do request: Head \"https://r/v2/\": EOF",
            BuildErrorKind::Registry,
            Transient,
        ),
        (
            "failed to load cache key: Get \"http://h:404/401\": dial tcp 127.0.0.1:404: connect: no route to host",
            BuildErrorKind::Registry,
            Transient,
        ),
        (
            "failed to compute cache key: failed to calculate checksum of ref a::b: \"/503 Service Unavailable\": not found",
            BuildErrorKind::Dockerfile,
            User,
        ),
        ("target stage \"EOF\" could not be found", BuildErrorKind::Dockerfile, User),
        ("secret no such host: not found", BuildErrorKind::Secret, User),
        ("dockerfile parse error on line 2: unknown instruction: EOF", BuildErrorKind::Dockerfile, User),
    ];
    for (message, kind, fault) in rows {
        let (found, whose, text) = of(message);
        assert_eq!((found, whose), (kind, fault), "{text}");
    }
}

#[test]
fn a_connection_that_fails_may_work_later() {
    let words = [
        "EOF",
        "unexpected EOF",
        "read tcp 10.0.0.1:4->10.0.0.2:443: read: connection reset by peer",
        "dial tcp 10.0.0.2:443: connect: no route to host",
        "dial tcp 10.0.0.2:443: connect: network is unreachable",
        "dial tcp: lookup r.example on 10.0.0.3:53: server misbehaving",
        "dial tcp: lookup r.example on 10.0.0.3:53: read udp 10.0.0.1:4->10.0.0.3:53: i/o timeout",
        "net/http: TLS handshake timeout",
        "context deadline exceeded",
        "context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
        "net/http: timeout awaiting response headers",
        "write: broken pipe",
        "http2: server sent GOAWAY and closed the connection",
        "stream error: stream ID 1; INTERNAL_ERROR; received from peer",
    ];
    for word in words {
        let rows = [
            format!(
                "failed to push r.example/a:1: failed to do request: Put \"https://r.example/v2/\": {word}"
            ),
            format!("error writing layer blob: failed to do request: Put \"https://r.example/v2/\": {word}"),
            format!(
                "r.example/a: failed to resolve source metadata for r.example/a: failed to do request: Head \"https://r.example/v2/\": {word}"
            ),
            format!("failed to load cache key: Get \"https://r.example/x\": {word}"),
        ];
        for message in rows {
            let details = Details { excerpt: Some("Dockerfile:1".to_owned()), ..Details::default() };
            let classified = classify(&from_daemon(&message), &details, &Redactor::default());
            assert_eq!(
                (classified.kind, classified.fault),
                (BuildErrorKind::Registry, Fault::Transient),
                "{message}"
            );
        }
    }
}

/// Messages of git 2.39, with and without `failed to read dockerfile` before them.
#[test]
fn a_clone_that_breaks_off_may_work_later_and_a_refused_one_does_not() {
    use Fault::{Transient, User};
    let rows = [
        ("fatal: unable to access 'http://g/a.git/': Empty reply from server", Transient, "broke off"),
        (
            "error: RPC failed; curl 18 transfer closed with outstanding read data remaining\nfatal: early EOF",
            Transient,
            "broke off",
        ),
        (
            "error: RPC failed; HTTP 502 curl 22 The requested URL returned error: 502\nfatal: expected flush after ref listing",
            Transient,
            "try again later",
        ),
        ("fatal: early EOF\nfatal: fetch-pack: invalid index-pack output", Transient, "broke off"),
        (
            "fatal: pack has bad object at offset 12: inflate returned -5\nfatal: fetch-pack: invalid index-pack output",
            Transient,
            "broke off",
        ),
        (
            "fatal: unable to access 'http://g/a.git/': The requested URL returned error: 429",
            Transient,
            "try again later",
        ),
        (
            "fatal: unable to access 'http://g/a.git/': The requested URL returned error: 403",
            User,
            "Git secret",
        ),
        (
            "fatal: unable to access 'https://g/a.git/': Could not resolve host: g",
            Transient,
            "cannot resolve",
        ),
        (
            "fatal: unable to access 'https://g/a.git/': SSL certificate problem: unable to get local issuer certificate",
            User,
            "GIT_SSL_CAINFO",
        ),
        (
            "fatal: unable to access 'https://g/a.git/': server certificate verification failed. CAfile: none CRLfile: none",
            User,
            "GIT_SSL_CAINFO",
        ),
        ("fatal: remote error: upload-pack: not our ref 5e8e", User, "revision"),
        (
            "git@g: Permission denied (publickey).\nfatal: Could not read from remote repository.",
            User,
            "ssh key",
        ),
        (
            "kex_exchange_identification: Connection closed by remote host\nfatal: Could not read from remote repository.",
            Transient,
            "broke off",
        ),
        (
            "fatal: unable to access 'http://g/lib.git/': Empty reply from server\nfatal: clone of 'http://g/lib.git' into submodule path '/x' failed",
            Transient,
            "broke off",
        ),
    ];
    for (said, fault, words) in rows {
        for before in ["", "failed to read dockerfile: ", "failed to load cache key: "] {
            let message = format!(
                "{before}failed to fetch remote http://g/a.git: git stderr:\n{said}\n: exit status 128"
            );
            let (kind, whose, text) = of(&message);
            assert_eq!((kind, whose), (BuildErrorKind::Git, fault), "{text}");
            assert!(text.contains(words), "{text}");
        }
    }
}

#[test]
fn a_broken_connection_is_a_lost_build_and_a_daemons_word_about_one_is_not() {
    let words = ["transport error", "broken pipe", "connection closed", "operation was canceled"];
    for word in words {
        let ours = tonic::Status::from_error(std::io::Error::other(word).into());
        assert!(is_transport(&ours), "{word}");
        let report = ErrorReport { broken: true, ..from_daemon(word) };
        assert_eq!(classify(&report, &Details::default(), &Redactor::default()).kind, BuildErrorKind::Lost);

        let message =
            format!("failed to push r.io/a:1: failed to do request: Put \"https://r.io\": write: {word}");
        let theirs = tonic::Status::unknown(message.clone());
        assert!(!is_transport(&theirs), "{word}");
        assert_ne!(of(&message).0, BuildErrorKind::Lost, "{word}");
    }
    assert!(is_transport(&tonic::Status::unknown("Service was not ready: transport error")));
}

#[test]
fn a_step_that_was_stopped_did_not_fail() {
    let message =
        "process \"/bin/sh -c npm ci\" did not complete successfully: exit code: 137: context canceled";
    let details = Details { exit_code: Some(137), ..Details::default() };
    for details in [Details::default(), details] {
        let classified = classify(&from_daemon(message), &details, &Redactor::default());
        assert_eq!((classified.kind, classified.fault), (BuildErrorKind::Cancelled, Fault::Transient));
    }
    let echoes = "process \"echo context canceled\" did not complete successfully: exit code: 1";
    assert_eq!(of(echoes).0, BuildErrorKind::Run);
}

#[test]
fn an_exit_code_makes_it_the_steps_failure() {
    let message = "process \"/bin/sh -c npm ci\" did not complete successfully: exit code: 137";
    let details = Details { exit_code: Some(137), ..Details::default() };
    let classified = classify(&from_daemon(message), &details, &Redactor::default());
    assert!(
        classified.text.starts_with("failed: process \"/bin/sh -c npm ci\" exited with 137; 137 is a kill"),
        "{classified:?}"
    );
    let oom = format!("{message}: cannot allocate memory");
    let classified = super::classify(&from_daemon(&oom), &details, &Redactor::default());
    assert!(classified.text.contains("; it ran out of memory"), "{classified:?}");
    let lines = Details { exit_code: Some(127), crlf: true, ..Details::default() };
    assert!(
        super::classify(&from_daemon("process \"x\""), &lines, &Redactor::default()).text.contains("CRLF")
    );
    assert_eq!(exit_code("process \"x\" did not complete successfully: exit code: 7"), Some(7));
    assert_eq!(exit_code("exit code: 7"), None);
}

#[test]
fn the_daemons_own_names_and_line_ends_are_left_out() {
    let message = "failed to calculate checksum of ref a::b: \"/x\": not found\n";
    assert_eq!(one_line(message), "failed to calculate checksum: \"/x\": not found");
    let git = "failed to fetch: git stderr:\nfatal: no\n: exit status 128";
    assert_eq!(one_line(git), "failed to fetch: git: fatal: no: exit status 128");
}

#[test]
fn what_is_cut_was_cleaned_before() {
    let secret = "s3cret-".repeat(200);
    let redactor = Redactor::default();
    redactor.remember(&secret.as_str().into());
    let command = format!("process \"/bin/sh -c {} {secret} {}\"", "x".repeat(480), "y".repeat(2000));
    let details = Details { exit_code: Some(7), ..Details::default() };
    let message = format!("{command} did not complete successfully: exit code: 7");
    let failed = classify(&from_daemon(&message), &details, &redactor).text;
    assert!(failed.ends_with("… exited with 7") && !failed.contains("s3cret"), "{failed}");
    assert!(failed.len() < MAX_COMMAND + 40, "{failed}");

    let message = format!("failed to x: {}{secret}{}: the cause", "é".repeat(245), "z".repeat(2000));
    let other = classify(&from_daemon(&message), &Details::default(), &redactor).text;
    assert!(other.starts_with("failed to x: é") && other.ends_with("z: the cause"), "{other}");
    assert!(!other.contains("s3cret") && other.len() <= MAX_MESSAGE + 8, "{other}");
}
