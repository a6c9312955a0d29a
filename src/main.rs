//! The `argo-buildkit` binary: parse, run, exit code.

use std::process::ExitCode;

use argo_buildkit::cli::Cli;
use clap::Parser;

fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    // The one crypto provider of every TLS client in the process; nobody else has set one yet.
    let _ = rustls::crypto::ring::default_provider().install_default();
    cli.run()
}
