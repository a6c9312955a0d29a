//! The `argo-buildkit` binary: parse, run, exit code.

use std::io::Write as _;
use std::process::ExitCode;

use argo_buildkit::cli::Cli;
use argo_buildkit::text;
use clap::Parser;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // The crypto provider for all TLS clients of the process. No other code has set one yet.
    let _ = rustls::crypto::ring::default_provider().install_default();
    cli.run().unwrap_or_else(|error| {
        // The error may quote a file or a server.
        let said = text::lines(&format!("Error: {error:#}"));
        let _ = writeln!(std::io::stderr(), "{said}");
        ExitCode::FAILURE
    })
}
