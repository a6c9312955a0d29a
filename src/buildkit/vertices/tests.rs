use bollard_buildkit_proto::google::protobuf::Timestamp;
use control::{StatusResponse, Vertex, VertexLog, VertexStatus, VertexWarning};

use super::*;
use crate::limits::Budget;

fn at(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds, nanos: 0 })
}

fn vertex(name: &str, started: i64, completed: Option<i64>, cached: bool) -> Vertex {
    let completed = completed.and_then(at);
    Vertex {
        digest: name.to_owned(),
        name: name.to_owned(),
        started: at(started),
        completed,
        cached,
        ..Vertex::default()
    }
}

fn vertices(list: Vec<Vertex>) -> Vertices {
    let mut vertices = Vertices::default();
    vertices.apply(StatusResponse { vertexes: list, ..StatusResponse::default() });
    vertices
}

#[test]
fn the_last_word_on_a_vertex_counts() {
    let mut folded = vertices(vec![vertex("[1/2] RUN a", 1, Some(2), false)]);
    folded.apply(StatusResponse {
        vertexes: vec![vertex("[1/2] RUN a", 3, None, false)],
        ..StatusResponse::default()
    });
    let progress = folded.progress();
    assert_eq!(progress.total, 1);
    assert_eq!(progress.current.as_deref(), Some("[1/2] RUN a"));
}

/// Reports about its cache keys come later, and know nothing of the result.
#[test]
fn a_step_whose_result_was_in_a_cache_stays_cached() {
    let cached = |first: Vertex, later: Vertex| vertices(vec![first, later]).progress().cached;
    let loaded = vertex("[2/2] RUN a", 1, Some(2), true);
    let later = vertex("[2/2] RUN a", 3, Some(4), false);
    assert_eq!(cached(loaded.clone(), later.clone()), 1);
    // The result could not be loaded, so the step ran.
    let lost = Vertex { error: "not found".to_owned(), ..loaded };
    assert_eq!(cached(lost, later), 0);
}

#[test]
fn from_and_internal_vertices_are_no_steps() {
    let folded = vertices(vec![
        vertex("[internal] load build definition from Dockerfile", 1, Some(2), false),
        vertex("[1/3] FROM r.io/base:1", 1, Some(2), false),
        vertex("[2/3] COPY . .", 2, Some(3), true),
        vertex("[3/3] RUN make", 3, None, false),
        vertex("exporting to image", 4, None, false),
    ]);
    let current = Some("[3/3] RUN make".to_owned());
    assert_eq!(folded.progress(), Progress { current, total: 2, cached: 1, ..Progress::default() });
}

#[test]
fn work_around_the_steps_is_named_when_no_step_runs() {
    let mut folded = vertices(vec![
        vertex("[1/1] RUN a", 1, Some(2), false),
        vertex("exporting to image", 3, None, false),
    ]);
    assert_eq!(folded.progress().current.as_deref(), Some("exporting to image"));
    let mut status = VertexStatus {
        id: "pushing layers".into(),
        vertex: "exporting to image".into(),
        ..VertexStatus::default()
    };
    folded.apply(StatusResponse { statuses: vec![status.clone()], ..StatusResponse::default() });
    assert_eq!(folded.progress().current.as_deref(), Some("pushing layers"));
    status.completed = at(5);
    folded.apply(StatusResponse { statuses: vec![status], ..StatusResponse::default() });
    assert_eq!(folded.progress().current.as_deref(), Some("exporting to image"));
}

#[test]
fn cache_failures_and_lint_are_warnings_and_no_failure() {
    let mut import = vertex("importing cache manifest from r.io/c", 1, Some(2), false);
    import.error = "not found".into();
    let mut folded = vertices(vec![import]);
    let warning = VertexWarning { short: b"FromAsCasing: write AS".to_vec(), ..VertexWarning::default() };
    folded.apply(StatusResponse { warnings: vec![warning], ..StatusResponse::default() });
    assert!(folded.failed().is_none());
    assert_eq!(
        folded.warnings(),
        ["importing cache manifest from r.io/c: not found", "FromAsCasing: write AS"]
    );
}

#[test]
fn the_failed_vertex_is_the_one_that_was_not_cancelled() {
    let mut cancelled = vertex("[a 1/1] RUN sleep", 1, Some(2), false);
    cancelled.error = "context canceled: context canceled".into();
    let mut failed = vertex("[b 1/1] RUN false", 1, Some(2), false);
    failed.error = "exit code: 1".into();
    let mut folded = vertices(vec![cancelled, failed]);
    let log = |vertex: &str, msg: &[u8]| VertexLog {
        vertex: vertex.into(),
        msg: msg.to_vec(),
        ..VertexLog::default()
    };
    let logs = vec![log("[a 1/1] RUN sleep", b"a\n"), log("[b 1/1] RUN false", b"b\n")];
    folded.apply(StatusResponse { logs, ..StatusResponse::default() });
    let digest = folded.failed().map(|v| v.digest.clone());
    assert_eq!(folded.log().tail(digest.as_deref()), "b");
}

#[test]
fn a_transcript_has_each_line_once_with_its_step_and_without_secrets() {
    use std::io::Read as _;

    let redactor = Redactor::default();
    redactor.remember(&"hunter22".into());
    let transcript = Transcript::from(redactor).kept(&Budget::new(8 << 20));
    let mut folded = Vertices::new(transcript.clone());
    let log = |vertex: &str, msg: &str| VertexLog {
        vertex: vertex.into(),
        msg: msg.into(),
        ..VertexLog::default()
    };
    let mut apply = |vertexes: Vec<Vertex>, logs: Vec<VertexLog>| {
        folded.apply(StatusResponse { vertexes, logs, ..StatusResponse::default() });
    };
    let run = "[2/3] RUN login hunter22";
    apply(vec![vertex("[1/3] COPY . .", 1, Some(1), true), vertex(run, 1, None, false)], vec![]);
    apply(vec![vertex(run, 1, None, false)], vec![log(run, "as hunt"), log("[1/3] COPY . .", "late\n")]);
    // The end comes with the last lines, and is reported again with later messages.
    let ended = vertex(run, 1, Some(3), false);
    apply(vec![ended.clone()], vec![log(run, "er22\nbye\nunended")]);
    let mut failed = vertex("[3/3] RUN false", 3, Some(4), false);
    failed.error = "exit code: 1".into();
    apply(vec![ended, failed], vec![]);
    let mut cancelled = vertex("exporting to image", 3, Some(4), false);
    cancelled.error = "context canceled".into();
    apply(vec![cancelled], vec![]);
    folded.finish();
    let mut text = String::new();
    let kept = transcript.log().map(|log| log.gzip).unwrap_or_default();
    flate2::read::MultiGzDecoder::new(&*kept).read_to_string(&mut text).unwrap_or_default();
    insta::assert_snapshot!(text, @r"
    [2/3] RUN login ***
    [1/3] COPY . . CACHED
    [1/3] COPY . .: late
    [2/3] RUN login ***: as ***
    [2/3] RUN login ***: bye
    [2/3] RUN login *** DONE 2.0 s
    [3/3] RUN false ERROR: exit code: 1
    exporting to image CANCELED
    [2/3] RUN login ***: unended
    ");
}

/// A Dockerfile of the largest size that the daemon permits, with as many steps as fit.
#[test]
fn what_is_kept_of_a_build_does_not_grow_with_its_dockerfile() {
    let mut folded = Vertices::default();
    let script = "x".repeat(64 << 10);
    for n in 0..20_000 {
        let name = format!("[{n}/20000] RUN {n} {script}");
        let mut vertex = vertex(&name, 1, Some(2), false);
        (vertex.digest, vertex.error) = (format!("sha256:{n}"), script.clone());
        vertex.inputs = vec![format!("sha256:{n}"); 5];
        let part =
            VertexStatus { id: script.clone(), vertex: vertex.digest.clone(), ..VertexStatus::default() };
        let statuses = vec![part.clone(), VertexStatus { completed: at(2), ..part }];
        let log =
            VertexLog { vertex: vertex.digest.clone(), msg: vec![b'x'; 4 << 10], ..VertexLog::default() };
        folded.apply(StatusResponse {
            vertexes: vec![vertex],
            statuses,
            logs: vec![log],
            ..StatusResponse::default()
        });
    }
    let kept = folded.list.all();
    assert_eq!(folded.progress().total, 10_000);
    assert!(
        kept.iter()
            .all(|v| v.name.len() <= MAX_NAME && v.error.as_deref().unwrap_or_default().len() <= MAX_TEXT)
    );
    assert_eq!((kept.len(), folded.activity.len()), (10_000, 0));
    assert_eq!(kept.iter().map(|vertex| vertex.inputs.len()).sum::<usize>(), MAX_INPUTS);
}
