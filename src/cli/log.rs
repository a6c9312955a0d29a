//! `argo-buildkit log`: the whole log of a build, from the repository of its image.

use std::io::{self, BufRead as _, BufReader, ErrorKind, IsTerminal as _, Read, Write};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use flate2::read::MultiGzDecoder;

use super::registry::RegistryOptions;
use crate::oci::ImageRef;
use crate::text;

const AFTER_HELP: &str = "\
Examples:
  # The log of the build of an image.
  argo-buildkit log registry.example.com/shop/api:1.4.0
  # The end of it.
  argo-buildkit log registry.example.com/shop/api:1.4.0 | tail

Exit codes:
  0  printed
  1  there is no log, or it could not be read
  2  the command line is wrong";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Command {
    /// An image that was built, or the output `log` of its build.
    reference: ImageRef,
    #[command(flatten)]
    registry: RegistryOptions,
}

impl Command {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let auth = self.registry.auth().await?;
        let (registry, insecure) = (self.registry.client(), self.registry.insecure);
        let image = &self.reference;
        let Some(log) = registry.log(image, &auth, insecure).await? else {
            if registry.describe(image, &auth, insecure).await?.is_none() {
                bail!(
                    "the registry has no image {image}, so there is no log of it; correct the name, or see which tags there are: \
                     argo-buildkit tags {}",
                    image.name()
                );
            }
            bail!(
                "the registry has no log of {image}; a build keeps its own when it pushes, unless every step was cached \
                 or it says `attach-log: false`"
            );
        };
        print(&log)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn print(gzip: &[u8]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let log = MultiGzDecoder::new(gzip);
    let printed = if out.is_terminal() { plain(log, &mut out) } else { copy(log, &mut out) };
    match printed.and_then(|()| out.flush()) {
        // For example with `argo-buildkit log … | head`.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => printed.context("printing the log"),
    }
}

fn copy(mut log: impl Read, out: &mut impl Write) -> io::Result<()> {
    io::copy(&mut log, out).map(drop)
}

/// Cleans the log for a terminal. The content of a registry may come from anybody.
fn plain(log: impl Read, out: &mut impl Write) -> io::Result<()> {
    let mut log = BufReader::new(log);
    let mut piece = Vec::new();
    while log.by_ref().take(LINE).read_until(b'\n', &mut piece)? > 0 {
        out.write_all(text::lines(&String::from_utf8_lossy(&piece)).as_bytes())?;
        piece.clear();
    }
    Ok(())
}

/// The most bytes of a line that are held at once.
const LINE: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    #[test]
    fn a_terminal_is_shown_plain_text() {
        let mut shown = Vec::new();
        super::plain(&b"\x1b]0;owned\x07one\rEVIL\n\ttwo\n\x1b[2Jthree"[..], &mut shown).unwrap();
        assert_eq!(String::from_utf8(shown).unwrap(), "one EVIL\n\ttwo\nthree");
    }
}
