//! Standard output of subcommands that print one text.

use std::io::{self, ErrorKind, Write as _};

use anyhow::Context as _;

/// Prints `bytes`, called `what` in an error. The reader may stop early, as `head` does.
pub(super) fn print(bytes: &[u8], what: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => printed.with_context(|| format!("{what} cannot be written to standard output")),
    }
}
