//! All settings, each with its flag, environment variable, default and unit.

mod agent;
mod peers;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tracing::level_filters::LevelFilter;

use crate::duration::parse_timeout;
use crate::jobs::JobLimits;
use crate::step::hint;
use crate::telemetry::LogFormat;

pub use agent::AgentSettings;
pub use peers::PeerOptions;

/// The levels of the log.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// The groups of options in the help.
const LISTENING: &str = "Ports";
const STEPS: &str = "Steps";
const LOG: &str = "Log";

/// Settings of `serve`.
#[derive(Debug, Clone, Args)]
pub struct Serve {
    /// The address that Argo's agent calls. It calls localhost, so nothing else needs to reach it.
    #[arg(
        long,
        env = "ARGO_BUILDKIT_LISTEN",
        value_name = "IP:PORT",
        default_value = "127.0.0.1:4355",
        value_parser = listening,
        help_heading = LISTENING
    )]
    pub listen: SocketAddr,
    /// The address of /healthz, /readyz and /metrics.
    #[arg(
        long,
        env = "ARGO_BUILDKIT_OPS_LISTEN",
        value_name = "IP:PORT",
        default_value = "0.0.0.0:4356",
        value_parser = listening,
        help_heading = LISTENING
    )]
    pub ops_listen: SocketAddr,
    /// The agent's bearer token.
    #[arg(
        long,
        env = "ARGO_BUILDKIT_TOKEN_FILE",
        default_value = "/var/run/argo/token",
        value_name = "FILE",
        help_heading = LISTENING
    )]
    pub token_file: PathBuf,
    /// Serve without a token. For local use only: whoever reaches the port can build and push.
    #[arg(long, env = "ARGO_BUILDKIT_INSECURE_NO_TOKEN", help_heading = LISTENING)]
    pub insecure_no_token: bool,
    /// Steps that work at a time; the rest queue.
    #[arg(
        long,
        env = "ARGO_BUILDKIT_MAX_RUNNING",
        default_value_t = 16,
        value_parser = at_least_one,
        help_heading = STEPS
    )]
    pub max_running: usize,
    /// How long a step may take whose template has no `timeout`.
    #[arg(
        long,
        env = "ARGO_BUILDKIT_DEFAULT_TIMEOUT",
        default_value = "1h",
        value_parser = parse_timeout,
        help_heading = STEPS
    )]
    pub default_timeout: Duration,
    /// A step that the agent has not asked for in this long is cancelled.
    #[arg(
        long,
        env = "ARGO_BUILDKIT_POLL_LEASE",
        default_value = "2m",
        value_parser = parse_timeout,
        help_heading = STEPS
    )]
    pub poll_lease: Duration,
    /// Finished steps kept for a re-poll.
    #[arg(long, env = "ARGO_BUILDKIT_KEEP_FINISHED", default_value_t = 1000, help_heading = STEPS)]
    pub keep_finished: usize,
    /// Bytes of results kept of finished steps.
    #[arg(long, env = "ARGO_BUILDKIT_KEEP_FINISHED_BYTES", default_value_t = 8 << 20, help_heading = STEPS)]
    pub keep_finished_bytes: usize,
    /// Let steps `cache` see and prune the daemon's whole cache. Others may use the same daemon: a prune makes their builds slow, and
    /// the list shows what they build.
    #[arg(long, env = "ARGO_BUILDKIT_ALLOW_DAEMON_CACHE", help_heading = STEPS)]
    pub allow_daemon_cache: bool,
    /// How long a SIGTERM waits for steps to stop. Less than the pod's grace, which is 30 s by default.
    #[arg(
        long,
        env = "ARGO_BUILDKIT_DRAIN_GRACE",
        default_value = "25s",
        value_parser = parse_timeout,
        help_heading = STEPS
    )]
    pub drain_grace: Duration,
}

/// Settings of the log.
#[derive(Debug, Clone, Args)]
pub struct Log {
    /// The format of log lines.
    #[arg(
        long,
        env = "ARGO_BUILDKIT_LOG_FORMAT",
        value_enum,
        default_value = "text",
        global = true,
        help_heading = LOG
    )]
    pub log_format: LogFormat,
    /// Which log lines are written: off, error, warn, info, debug, trace, or MODULE=LEVEL, as in RUST_LOG. By default
    /// info for `serve` and `agent`, and off for `run`, which shows progress instead.
    #[arg(
        long,
        env = "ARGO_BUILDKIT_LOG",
        value_name = "FILTER",
        value_parser = log_filter,
        global = true,
        help_heading = LOG
    )]
    pub log: Option<String>,
}

impl Serve {
    /// The limits of the job table.
    pub fn limits(&self) -> JobLimits {
        JobLimits {
            running: self.max_running,
            // All steps belong to one workflow, so there are no groups.
            per_group: self.max_running,
            kept: self.keep_finished,
            kept_bytes: self.keep_finished_bytes,
            lease: Some(self.poll_lease),
        }
    }
}

/// Parses an address to listen on. A name could stand for several.
fn listening(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!(
            "{text:?} is not IP:PORT; write `127.0.0.1:4355` for this machine only, `0.0.0.0:4355` for every IPv4 \
             address of it, or `[::]:4355` for every address"
        )
    })
}

/// Checks the levels of a log filter. A misspelled level would be taken for the name of a module, and silence all others.
fn log_filter(text: &str) -> Result<String, String> {
    // Fields of spans may contain commas. Their syntax is checked when the filter is made.
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty() && !text.contains('['));
    for part in parts {
        let level = part.rsplit_once('=').map_or(part, |(_, level)| level);
        if level.parse::<LevelFilter>().is_err() {
            let near = hint(level, LEVELS);
            return Err(format!(
                "{level:?} is no level{near}; write one of {}, or MODULE=LEVEL, with commas between several",
                LEVELS.join(", ")
            ));
        }
    }
    Ok(text.to_owned())
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err(format!("{text:?} is not a number of at least 1")),
        Ok(number) => Ok(number),
    }
}
