//! A server's answer to a push (git `Documentation/gitprotocol-pack.txt`, "Report Status").

use super::bounds::{REPORT, Usage};
use super::error::GitError;
use super::pkt::{Pkt, PktReader, text};
use super::text::tidy;

/// The maximum number of bytes that are kept of a report, and of the output of hooks.
const KEPT: usize = 64 * 1024;

/// The server's answer about the one ref that was pushed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum RefStatus {
    /// `ok`: the ref was updated. Git reports this for each ref after its transaction (`builtin/receive-pack.c`,
    /// `report`).
    Accepted,
    /// Another push updated the ref first; nothing was changed.
    Moved(String),
    /// The server refuses the update permanently.
    Refused { reason: String, said: String },
    /// The server could not store the objects; nothing was changed.
    Failed(String),
}

/// Reads the report on `reference`. After an error the outcome is unknown.
pub(super) async fn read(
    reader: &mut PktReader,
    sideband: bool,
    reference: &str,
) -> Result<RefStatus, GitError> {
    let (mut report, mut said, mut usage) = (Vec::new(), Vec::new(), Usage::new(REPORT));
    while let Some(Pkt::Data(data)) = reader.next_of(&mut usage).await? {
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

/// The packets inside band 1, up to the flush packet or the first malformed one.
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

fn verdict(lines: &[String], said: &[u8], reference: &str) -> Option<RefStatus> {
    for line in lines {
        if line.strip_prefix("ok ") == Some(reference) {
            return Some(RefStatus::Accepted);
        }
        let Some(no) = line.strip_prefix("ng ").and_then(|l| l.strip_prefix(reference)) else { continue };
        let reason = tidy(no.trim().as_bytes());
        return Some(if reason.contains("unpacker error") {
            RefStatus::Failed(reason)
        } else {
            judge(reason, said)
        });
    }
    let unpack = lines.iter().find_map(|l| l.strip_prefix("unpack ")).filter(|state| *state != "ok")?;
    Some(RefStatus::Failed(tidy(unpack.as_bytes())))
}

/// The texts that mean a lost race, from Git (`refs/files-backend.c`, `builtin/receive-pack.c`), Gitea and GitHub.
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

fn judge(reason: String, said: &[u8]) -> RefStatus {
    // Only the status of the ref counts, because a hook may print anything.
    if RACES.iter().any(|race| reason.contains(race)) {
        RefStatus::Moved(reason)
    } else {
        RefStatus::Refused { reason, said: crate::text::quoted(&tidy(said)) }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::{RefStatus, read};
    use crate::git::pkt::{FLUSH, PktWriter, tests::reader};

    /// A side band answer with these report lines and this hook output.
    fn answer(report: &[&str], said: &str) -> Vec<u8> {
        let mut inner = PktWriter::default();
        for line in report {
            inner.line(line);
        }
        inner.raw(FLUSH);
        let mut outer = Vec::new();
        for (band, bytes) in [(2, said.as_bytes()), (1, &inner.into_bytes()[..])] {
            // Sent in small pieces, because the side band may cut packets anywhere.
            for piece in bytes.chunks(5) {
                outer.extend(format!("{:04x}", piece.len() + 5).into_bytes());
                outer.push(band);
                outer.extend(piece);
            }
        }
        outer.extend(FLUSH);
        outer
    }

    async fn verdict(report: &[&str], said: &str) -> RefStatus {
        read(&mut reader(&answer(report, said), 11), true, "refs/heads/main").await.unwrap()
    }

    #[tokio::test]
    async fn reports() {
        let ok = verdict(&["unpack ok", "ok refs/heads/main"], ". Processing 1 references").await;
        assert_eq!(ok, RefStatus::Accepted);
        for race in [
            "failed to update ref",
            "cannot lock ref 'refs/heads/main': is at a but expected b",
            "reference already exists",
            "non-fast-forward",
        ] {
            let got = verdict(&["unpack ok", &format!("ng refs/heads/main {race}")], "").await;
            assert_eq!(got, RefStatus::Moved(race.into()));
        }
        let hook = verdict(
            &["unpack ok", "ng refs/heads/main pre-receive hook declined"],
            "cannot lock ref\x1b[0m\n",
        );
        let said = " (the server says: cannot lock ref)".into();
        assert_eq!(hook.await, RefStatus::Refused { reason: "pre-receive hook declined".into(), said });
        let full =
            verdict(&["unpack index-pack abnormal exit", "ng refs/heads/main unpacker error"], "").await;
        assert_eq!(full, RefStatus::Failed("unpacker error".into()));
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
        assert_eq!(got.unwrap(), RefStatus::Accepted);
    }
}
