#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::Write as _;
use std::time::{Duration, SystemTime};

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::log_sections::LogSections;
use super::{BuildStep, Report, StepList};
use crate::buildkit::VertexSummary;
use crate::oci::{AttestationLayer, ImageContents, ImageLayer, PlatformContents};

fn gzip(text: &str) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap()
}

/// A build whose texts all end with `more`.
fn list(more: &str) -> StepList {
    let step = |name: &str, inputs: &[usize], (started, ended): (u64, u64)| BuildStep {
        name: format!("{name}{more}"),
        label: name.to_owned(),
        inputs: inputs.to_vec(),
        started: Some(started),
        ended: Some(ended),
        cached: name.contains("COPY"),
        cacheable: name.contains("COPY") || name.contains("RUN"),
        error: (!more.is_empty()).then(|| format!("error{more}")),
    };
    StepList {
        steps: vec![
            step("[internal] load build definition", &[], (0, 100)),
            step("[1/3] FROM base", &[], (100, 400)),
            step("[2/3] COPY . .", &[1], (400, 400)),
            step("[3/3] RUN make", &[2], (400, 2400)),
            step("exporting to image", &[], (2400, 2900)),
        ],
        left_out: 0,
        cache_miss: format!("`RUN make` ran, since `main.c` changed{more}"),
        previous: None,
    }
}

fn contents(digest: &str, size: u64, more: &str) -> ImageContents {
    let layer = |digest: &str, size: u64, made: &str| ImageLayer {
        digest: format!("sha256:{digest}"),
        size,
        created_by: format!("{made}{more}"),
    };
    let layers = vec![layer("base", 34_000_000, "ADD base"), layer(digest, size, "RUN make")];
    let digest = format!("sha256:{digest}");
    let platform =
        PlatformContents { platform: format!("linux/amd64{more}"), digest: digest.clone(), layers };
    let attestation = AttestationLayer {
        predicate: format!("https://slsa.dev/provenance/v1{more}"),
        digest: format!("sha256:3{more}"),
        size: 2000,
    };
    ImageContents { digest, platforms: vec![platform], attestations: vec![attestation] }
}

fn report(more: &str) -> Report {
    let list = StepList::from_gzip(&list(more).to_gzip()).unwrap();
    let log = format!("[3/3] RUN make: cc main.c{more}\npushed{more}\n");
    let annotations = [
        ("org.opencontainers.image.revision", "0123abcd"),
        ("argo-buildkit.workflow", "builds/shop-x7k2p"),
        ("org.opencontainers.image.created", "2026-11-21T14:45:01Z"),
    ];
    let annotations = annotations.map(|(name, value)| (name.to_owned(), format!("{value}{more}")));
    Report {
        name: format!("r.example/shop/api@sha256:1{more}"),
        log: format!("r.example/shop/api@sha256:2{more}"),
        annotations: annotations.into(),
        sections: LogSections::read(&gzip(&log), &list.steps),
        steps: Some(list),
        contents: Some(contents("1", 1234, more)),
        previous: Some(contents("0", 999, more)),
    }
}

/// The texts of a page, one on each line.
fn visible(html: &str) -> String {
    let (_, body) = html.split_once("</style>").unwrap();
    let texts = body.split('<').filter_map(|part| part.split_once('>'));
    let lines = texts.flat_map(|(_, text)| text.lines()).map(str::trim);
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_page_tells_of_steps_layers_attestations_and_the_log() {
    insta::assert_snapshot!(visible(&report("").html()), @r"
    r.example/shop/api@sha256:1
    Digest
    sha256:1
    Commit
    0123abcd
    Workflow
    builds/shop-x7k2p
    Built
    2026-11-21T14:45:01Z
    Took
    2.9 s
    Cached
    1 of 2 steps
    Log
    r.example/shop/api@sha256:2
    Previous build
    sha256:0
    Steps
    Each bar is the time of a step within the build. Steps of the critical path are marked.
    [internal] load build definition
    0.1 s · critical path
    [1/3] FROM base
    0.3 s · critical path
    [2/3] COPY . .
    cached · critical path
    [3/3] RUN make
    2.0 s · critical path
    exporting to image
    0.5 s · critical path
    Critical path
    The build could not have ended earlier than these steps, one after the other.
    [internal] load build definition
    0.1 s
    [1/3] FROM base
    0.3 s
    [3/3] RUN make
    2.0 s
    exporting to image
    0.5 s
    Slowest steps
    [3/3] RUN make
    2.0 s
    exporting to image
    0.5 s
    [1/3] FROM base
    0.3 s
    [internal] load build definition
    0.1 s
    Steps that were not cached
    `RUN make` ran, since `main.c` changed
    [3/3] RUN make
    2.0 s
    Layers
    linux/amd64
    sha256:1
    Instruction
    Size
    Previous
    ADD base
    34 MB
    the same
    RUN make
    1.2 kB
    999 B
    All layers
    34 MB
    34 MB
    Attestations
    https://slsa.dev/provenance/v1
    2.0 kB · sha256:3
    Log
    [3/3] RUN make
    1 line
    cc main.c
    Other lines
    1 line
    pushed
    ");
}

#[test]
fn a_page_needs_neither_steps_nor_an_image() {
    let log = LogSections::read(&gzip("one\ntwo\n"), &[]);
    let page = Report {
        name: "r.io/a".to_owned(),
        log: "r.io/a@sha256:2".to_owned(),
        sections: log,
        ..Report::default()
    };
    let text = visible(&page.html());
    assert!(
        text.contains("times of the steps are not stored") && text.ends_with("2 lines\none\ntwo"),
        "{text}"
    );
    let text = visible(&Report { name: "r.io/a".to_owned(), ..Report::default() }.html());
    assert!(text.contains("has no log of this build") && text.ends_with("There is no log."), "{text}");
}

#[test]
fn a_page_refuses_scripts_and_requests() {
    let page = report("").html();
    assert!(page.contains("http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src"));
    for word in ["<script", "http-equiv=\"refresh\"", " href=", " src=", "@import", "url("] {
        assert!(!page.contains(word), "{word}");
    }
}

#[test]
fn of_a_huge_log_the_end_of_each_step_is_kept() {
    let list = list("");
    let mut log = "[2/3] COPY . .: first\n".to_owned();
    for n in 0..20_000 {
        log.push_str(&format!("[3/3] RUN make: {n} of a program that prints much\n"));
    }
    let sections = LogSections::read(&gzip(&log), &list.steps);
    let made = &sections.of_steps[3];
    assert_eq!(made.lines.len() as u64 + made.left_out, 20_000);
    assert!(made.lines.back().unwrap().starts_with("19999 of"));
    assert!(made.lines.iter().map(String::len).sum::<usize>() <= 256 << 10);
    assert_eq!(sections.of_steps[2].lines, ["first"]);
    let page = Report { steps: Some(list), sections, ..Report::default() }.html();
    assert!(page.len() < 2 << 20 && page.contains(" lines are left out"), "{}", page.len());
}

#[test]
fn a_line_that_is_cut_holds_no_more_than_is_shown() {
    let log = format!("{}\n", "x".repeat(60 << 10)).repeat(100);
    let sections = LogSections::read(&gzip(&log), &[]);
    let (lines, held) = (&sections.others.lines, sections.others.lines.iter().map(String::capacity));
    assert!(lines.len() > 50 && lines.iter().all(|line| line.ends_with("x…")), "{}", lines.len());
    assert!(held.sum::<usize>() <= 512 << 10, "{:?}", lines.front().map(String::capacity));
}

#[test]
fn lines_are_those_of_their_steps() {
    let log = "[3/3] RUN make\n[3/3] RUN make: a: b\n[3/3] RUN make DONE 2.0 s\n[2/3] COPY . . CACHED\n\
        [3/3] RUN make ERROR: exit code: 1\nwarning: [3/3] RUN make: x\n";
    let sections = LogSections::read(&gzip(log), &list("").steps);
    let made = ["[3/3] RUN make", "a: b", "[3/3] RUN make DONE 2.0 s", "[3/3] RUN make ERROR: exit code: 1"];
    assert_eq!(sections.of_steps[3].lines, made);
    assert_eq!(sections.of_steps[2].lines, ["[2/3] COPY . . CACHED"]);
    assert_eq!(sections.others.lines, ["warning: [3/3] RUN make: x"]);
    assert!(LogSections::read(b"no gzip", &[]).breaks_off);
}

#[test]
fn steps_name_their_inputs_by_position_and_have_no_secrets() {
    let vertex = |name: &str, digest: &str, inputs: &[&str]| VertexSummary {
        name: name.to_owned(),
        digest: digest.to_owned(),
        cached: false,
        started: Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1500)),
        completed: None,
        error: Some("hunter2".to_owned()),
        inputs: inputs.iter().map(|input| (*input).to_owned()).collect(),
    };
    let vertices = [vertex("[1/2] FROM base", "a", &[]), vertex("[2/2] RUN hunter2", "b", &["gone", "a"])];
    let list = StepList::of(&vertices, |text| text.replace("hunter2", "***"));
    let [base, run] = &list.steps[..] else { panic!("two steps: {list:?}") };
    assert_eq!((base.cacheable, run.cacheable), (false, true));
    assert_eq!((&run.inputs[..], run.started, run.ended), (&[0][..], Some(1500), None));
    assert_eq!((&*run.name, run.error.as_deref()), ("[2/2] RUN ***", Some("***")));
    assert_eq!(StepList::from_gzip(&list.to_gzip()), Some(list));
}

#[test]
fn a_list_of_steps_may_come_from_anybody() {
    let many = StepList { steps: vec![BuildStep::default(); 1200], ..StepList::default() };
    let read = StepList::from_gzip(&many.to_gzip()).unwrap();
    assert_eq!((read.steps.len(), read.left_out), (1000, 200));
    let odd = r#"{"steps": [{"inputs": [0, 1, 99999999], "started": 5, "ended": 1, "more": {}}], "more": 1}"#;
    let read = StepList::from_gzip(&gzip(odd)).unwrap();
    assert_eq!((&read.steps[0].inputs[..], read.steps[0].times(), read.span()), (&[0][..], None, None));
    for rubbish in ["", "1", r#"{"steps": 1}"#, r#"{"steps": [{"started": -1}]}"#] {
        assert_eq!(StepList::from_gzip(&gzip(rubbish)), None, "{rubbish}");
    }
    let bomb = format!(r#"{{"cache-miss": "{}"}}"#, "0".repeat(9 << 20));
    assert_eq!(StepList::from_gzip(&gzip(&bomb)), None);
    // Each step of three bytes takes a hundred in memory.
    let many = format!(r#"{{"steps": [{}]}}"#, vec!["{}"; 2_000_000].join(","));
    assert_eq!(StepList::from_gzip(&gzip(&many)), None);
}

/// The tags of a page with the names of their attributes. Panics at what only a text that broke out could write.
fn structure(html: &str) -> Vec<String> {
    let (mut tags, mut rest) = (Vec::new(), html);
    while let Some((_, after)) = rest.split_once('<') {
        let mut names = Vec::new();
        let end = after.find(|c: char| c.is_whitespace() || c == '>').unwrap();
        names.push(&after[..end]);
        rest = after[end..].trim_start();
        while !rest.starts_with('>') {
            let end = rest.find(|c: char| matches!(c, '=' | '>') || c.is_whitespace()).unwrap();
            assert!(end > 0, "a value without a name or a quote: {}", &rest[..rest.floor_char_boundary(80)]);
            names.push(&rest[..end]);
            rest = &rest[end..];
            if let Some(value) = rest.strip_prefix("=\"") {
                rest = value.split_once('"').unwrap().1;
            }
            rest = rest.trim_start();
        }
        tags.push(names.join(" "));
    }
    tags
}

proptest! {
    #[test]
    fn hostile_text_is_inert(
        more in prop_oneof![
            any::<String>(),
            "[<>\"'&=/a-c \\x00-\\x1f\u{9b}\u{202e}]{0,60}",
            Just("</pre></style></title><script>alert(1)</script>".to_owned()),
            Just("\" onload=\"alert(1)".to_owned()),
            Just("<!-- <![CDATA[ &lt;script&gt; &#60;img src=x&#62;".to_owned()),
            Just("\u{1b}]0;<script>\u{7}\u{1b}[31m<svg onload=x>".to_owned()),
        ]
    ) {
        // An `x` before it, so that no text is empty and none is another line of the log.
        let page = report(&format!(" x{}", more.replace('\n', " "))).html();
        prop_assert_eq!(structure(&page), structure(&report(" x").html()));
        prop_assert!(!page.to_lowercase().contains("<script"));
        let is_plain = |c: char| !c.is_control() || c == '\n' || c == '\t';
        prop_assert!(page.chars().all(is_plain));
    }
}
