//! A server's answer to a push (git `Documentation/gitprotocol-pack.txt`, "Report Status").

use super::bounds::{REPORT, Spent};
use super::error::GitError;
use super::pkt::{Pkt, PktReader, text};
use super::text::tidy;

/// Bytes of a report, and of what hooks print, that are kept.
const KEPT: usize = 64 * 1024;

/// What became of the one ref that was pushed, in the server's words.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// `ok`: the ref was moved. Git says so of each ref once its transaction is through (`builtin/receive-pack.c`, `report`).
    Accepted,
    /// Somebody else moved the ref first; nothing was changed.
    Moved(String),
    /// The server will never take this.
    Refused { reason: String, said: String },
    /// The server could not store the objects; nothing was changed.
    Failed(String),
}

/// Reads the report on `reference`. An error means that the outcome is unknown.
pub(super) async fn read(
    reader: &mut PktReader,
    sideband: bool,
    reference: &str,
) -> Result<Verdict, GitError> {
    let (mut report, mut said, mut spent) = (Vec::new(), Vec::new(), Spent::new(REPORT));
    while let Some(Pkt::Data(data)) = reader.next_of(&mut spent).await? {
        match (sideband, data.first()) {
            (true, Some(1)) => keep(&mut report, &data[1..]),
            (true, Some(2 | 3)) => keep(&mut said, &data[1..]),
            (true, _) => {}
            (false, _) => {
                keep(&mut report, format!("{:04x}", data.len() + 4).as_bytes());
                keep(&mut report, &data);
            }
        }
    }
    let lines = lines(&report);
    verdict(&lines, &said, reference).ok_or_else(|| reader.cut())
}

fn keep(kept: &mut Vec<u8>, more: &[u8]) {
    let room = KEPT.saturating_sub(kept.len());
    kept.extend_from_slice(&more[..more.len().min(room)]);
}

/// The packets inside band 1, up to their flush or to what is garbled.
fn lines(mut report: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    while let Some(digits) = report.get(..4) {
        let length = std::str::from_utf8(digits).ok().and_then(|d| usize::from_str_radix(d, 16).ok());
        let Some(data) = length.filter(|n| *n > 4).and_then(|n| report.get(4..n)) else { break };
        lines.push(text(data));
        report = &report[4 + data.len()..];
    }
    lines
}

fn verdict(lines: &[String], said: &[u8], reference: &str) -> Option<Verdict> {
    for line in lines {
        if line.strip_prefix("ok ") == Some(reference) {
            return Some(Verdict::Accepted);
        }
        let Some(no) = line.strip_prefix("ng ").and_then(|l| l.strip_prefix(reference)) else { continue };
        let reason = tidy(no.trim().as_bytes());
        return Some(if reason.contains("unpacker error") {
            Verdict::Failed(reason)
        } else {
            judge(reason, said)
        });
    }
    let unpack = lines.iter().find_map(|l| l.strip_prefix("unpack ")).filter(|state| *state != "ok")?;
    Some(Verdict::Failed(tidy(unpack.as_bytes())))
}

/// Reasons that mean a lost race, as Git (`refs/files-backend.c`, `builtin/receive-pack.c`), Gitea and GitHub word them.
const RACES: [&str; 8] = [
    "failed to update ref",
    "cannot lock ref",
    "failed to lock",
    "reference already exists",
    "incorrect old value",
    "non-fast-forward",
    "fetch first",
    "stale info",
];

fn judge(reason: String, said: &[u8]) -> Verdict {
    // Only the verdict on the ref counts: a hook may print anything.
    if RACES.iter().any(|race| reason.contains(race)) {
        Verdict::Moved(reason)
    } else {
        Verdict::Refused { reason, said: crate::text::quoted(&tidy(said)) }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::{Verdict, read};
    use crate::git::pkt::{FLUSH, PktWriter, tests::reader};

    /// A sideband answer with these report lines and this hook output.
    fn answer(report: &[&str], said: &str) -> Vec<u8> {
        let mut inner = PktWriter::default();
        for line in report {
            inner.line(line);
        }
        inner.raw(FLUSH);
        let mut outer = Vec::new();
        for (band, bytes) in [(2, said.as_bytes()), (1, &inner.into_bytes()[..])] {
            // In small pieces, as the sideband may cut packets anywhere.
            for piece in bytes.chunks(5) {
                outer.extend(format!("{:04x}", piece.len() + 5).into_bytes());
                outer.push(band);
                outer.extend(piece);
            }
        }
        outer.extend(FLUSH);
        outer
    }

    async fn verdict(report: &[&str], said: &str) -> Verdict {
        read(&mut reader(&answer(report, said), 11), true, "refs/heads/main").await.unwrap()
    }

    #[tokio::test]
    async fn reports() {
        let ok = verdict(&["unpack ok", "ok refs/heads/main"], ". Processing 1 references").await;
        assert_eq!(ok, Verdict::Accepted);
        for race in [
            "failed to update ref",
            "cannot lock ref 'refs/heads/main': is at a but expected b",
            "reference already exists",
            "non-fast-forward",
        ] {
            let got = verdict(&["unpack ok", &format!("ng refs/heads/main {race}")], "").await;
            assert_eq!(got, Verdict::Moved(race.into()));
        }
        let hook = verdict(
            &["unpack ok", "ng refs/heads/main pre-receive hook declined"],
            "cannot lock ref\x1b[0m\n",
        );
        let said = " (the server says: cannot lock ref)".into();
        assert_eq!(hook.await, Verdict::Refused { reason: "pre-receive hook declined".into(), said });
        let full =
            verdict(&["unpack index-pack abnormal exit", "ng refs/heads/main unpacker error"], "").await;
        assert_eq!(full, Verdict::Failed("unpacker error".into()));
    }

    #[tokio::test]
    async fn a_report_about_another_ref_or_none_leaves_the_outcome_unknown() {
        for report in [&["unpack ok", "ok refs/heads/main2"][..], &["unpack ok"], &[]] {
            let got = read(&mut reader(&answer(report, ""), 11), true, "refs/heads/main").await;
            assert!(got.unwrap_err().is_transient(), "{report:?}");
        }
        let cut = &answer(&["unpack ok", "ok refs/heads/main"], "")[..20];
        assert!(read(&mut reader(cut, 11), true, "refs/heads/main").await.is_err());
    }

    #[tokio::test]
    async fn reports_without_sideband() {
        let mut message = PktWriter::default();
        message.line("unpack ok").line("ok refs/heads/main").raw(FLUSH);
        let got = read(&mut reader(&message.into_bytes(), 3), false, "refs/heads/main").await;
        assert_eq!(got.unwrap(), Verdict::Accepted);
    }
}
