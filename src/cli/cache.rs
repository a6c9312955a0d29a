//! `argo-buildkit cache`: what is in the daemon's cache, a prune of it, and images that are pulled into it.

use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{docker_config, run};
use crate::buildkit::BuildError;
use crate::config::PeerOptions;
use crate::duration::parse_timeout;
use crate::engine::Workflow;
use crate::engine::cache::{self, PoolUsage, Usage, size_text};
use crate::metrics::Metrics;
use crate::pool::Pool;
use crate::step::{self, Prune, Step};

const AFTER_HELP: &str = "\
Examples:
  # What is in the cache.
  argo-buildkit cache usage
  # Delete what no build has used for a week.
  argo-buildkit cache prune --older-than 7d

Exit codes:
  0  done
  1  it could not be done
  2  the command line is wrong
`warm` has those of `run`.";

const USAGE_HELP: &str = "\
Examples:
  # Totals by type, the largest records, the cache mounts.
  argo-buildkit cache usage
  # For a program, from a certain buildkitd.
  argo-buildkit cache usage --json --buildkit-host tcp://10.0.0.7:1234

Exit codes:
  0  printed
  1  buildkitd could not be asked
  2  the command line is wrong";

const PRUNE_HELP: &str = "\
Examples:
  # What no build has used for a week.
  argo-buildkit cache prune --older-than 7d
  # Cache mounts, until the cache has less than 20 GB.
  argo-buildkit cache prune --filter type==exec.cachemount --max-used-space 20g

Exit codes:
  0  done; it prints how much was deleted
  1  not everything could be deleted; it prints how much was
  2  the command line is wrong";

const WARM_HELP: &str = "\
Examples:
  # An image for buildkitd's own platform.
  argo-buildkit cache warm docker.io/library/node:24
  # For two platforms.
  argo-buildkit cache warm --platform linux/amd64 --platform linux/arm64 docker.io/library/node:24

Exit codes:
  0    every image is there
  1    an image does not exist, or the login does not suffice
  2    the command line is wrong
  75   a server failed: try again
  130  interrupted";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Command {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Print what is in the cache: totals by type, the largest records, the cache mounts.
    #[command(after_help = USAGE_HELP)]
    Usage(Box<Common>),
    /// Delete from the cache what no build uses, and print how much.
    #[command(after_help = PRUNE_HELP)]
    Prune(Box<PruneOptions>),
    /// Pull and extract images before a build needs them, and print which were there.
    #[command(after_help = WARM_HELP)]
    Warm(Box<WarmOptions>),
}

#[derive(Debug, Args)]
struct Common {
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// How long it may take.
    #[arg(long, default_value = "1h", value_parser = parse_timeout)]
    timeout: Duration,
    #[command(flatten)]
    peers: PeerOptions,
}

#[derive(Debug, Args)]
struct PruneOptions {
    /// Delete what was last used this long ago, such as 168h or 7d.
    #[arg(long, value_name = "AGE")]
    older_than: Option<String>,
    /// Delete what matches, in BuildKit's language, such as `type==exec.cachemount`. Of several filters, one must match.
    #[arg(long = "filter", value_name = "FILTER")]
    filters: Vec<String>,
    /// Delete nothing while the cache is smaller than this, such as 10g.
    #[arg(long, value_name = "SIZE")]
    reserved_space: Option<String>,
    /// Delete until the cache is smaller than this.
    #[arg(long, value_name = "SIZE")]
    max_used_space: Option<String>,
    /// Delete until so much of the daemon's disk is free.
    #[arg(long, value_name = "SIZE")]
    min_free_space: Option<String>,
    /// Also delete frontends and BuildKit's own records. Alone, delete everything.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
struct WarmOptions {
    /// The images.
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
    /// A platform of each image, such as linux/arm64; by default buildkitd's own.
    #[arg(long = "platform", value_name = "PLATFORM")]
    platforms: Vec<String>,
    /// The docker config with the logins of the registries. By default that of docker, where there is one. Its credential helpers
    /// are asked.
    #[arg(long, value_name = "FILE")]
    docker_config: Option<PathBuf>,
    /// How long it may take.
    #[arg(long, default_value = "1h", value_parser = parse_timeout)]
    timeout: Duration,
    #[command(flatten)]
    peers: PeerOptions,
}

impl Command {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        match self.verb {
            Verb::Usage(common) => {
                let usage = common.asked(async |pool| cache::usage_of_all(pool, None, None).await).await?;
                printed(|out| match common.json {
                    true => writeln!(out, "{}", usage.json()),
                    false => table(&usage.all, out).and_then(|()| daemons(&usage, out)),
                })?;
                usage.all.warnings().iter().try_for_each(|warning| writeln!(io::stderr(), "{warning}"))?;
            }
            Verb::Prune(options) => {
                let (rules, common) = (options.rules()?, options.common);
                let (mut bytes, mut records) = (0_u64, 0_u64);
                let mut count = |size: u64| {
                    bytes = bytes.saturating_add(size);
                    records += 1;
                };
                let pruned = common.asked(async |pool| {
                    let mut ended = Ok(());
                    for member in pool.members().await? {
                        // The other daemons are pruned even if one fails.
                        ended = ended.and(cache::prune(&member.daemon, &rules, None, &mut count).await);
                    }
                    ended
                });
                let pruned = pruned.await;
                // What is gone is told in any case.
                printed(|out| match common.json {
                    true => writeln!(out, "{}", json!({"size": bytes, "records": records})),
                    false => writeln!(out, "{}", cache::deleted_text(bytes, records)),
                })?;
                pruned?;
            }
            Verb::Warm(options) => return options.run().await,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl WarmOptions {
    /// Runs the step that does the same. Its parser checks the arguments.
    async fn run(self) -> anyhow::Result<ExitCode> {
        let warm = json!({"images": self.images, "platforms": self.platforms});
        let step = step::parse(&json!({"cache": {"warm": warm}}))?;
        let mut engine = self.peers.engine(Arc::new(Metrics::new()))?;
        engine.logins = docker_config::logins(self.docker_config).await?;
        let uid = uuid::Uuid::new_v4().to_string();
        let workflow = Workflow { name: "terminal".to_owned(), namespace: "default".to_owned(), uid };
        run::one(engine, step, workflow, self.timeout, &run::Results::default()).await
    }
}

impl Common {
    /// Asks the daemons within the time limit.
    async fn asked<T>(&self, ask: impl AsyncFnOnce(&Pool) -> Result<T, BuildError>) -> anyhow::Result<T> {
        let pool = self.peers.pool()?;
        let asked = tokio::time::timeout(self.timeout, ask(&pool));
        asked.await.context("asking buildkitd: --timeout ended")?.map_err(|error| anyhow!(error.message))
    }
}

impl PruneOptions {
    /// The rules of the step that does the same. Its parser checks the arguments.
    fn rules(&self) -> anyhow::Result<Prune> {
        let mut body = json!({"scope": "daemon", "all": self.all});
        let texts = [
            ("older-than", &self.older_than),
            ("reserved-space", &self.reserved_space),
            ("max-used-space", &self.max_used_space),
            ("min-free-space", &self.min_free_space),
        ];
        for (name, text) in texts {
            body[name] = text.as_ref().map_or(Value::Null, |text| json!(text));
        }
        if !self.filters.is_empty() {
            body["filters"] = json!(self.filters);
        }
        match step::parse(&json!({"cache": {"prune": body}}))? {
            Step::Cache(cache) => match *cache {
                step::Cache::Prune(_, prune) => Ok(prune),
                _ => Err(anyhow!("the arguments are no prune")),
            },
            _ => Err(anyhow!("the arguments are no step `cache`")),
        }
    }
}

/// Prints to standard output, which may be closed early, as by `head`.
fn printed(print: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match print(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => printed.context("printing the cache"),
    }
}

/// What is in the cache of each daemon, if there are several.
fn daemons(usage: &PoolUsage, out: &mut dyn Write) -> io::Result<()> {
    if usage.daemons().count() < 2 {
        return Ok(());
    }
    writeln!(out, "\nBUILDKITD\tSIZE\tRECORDS\tRECLAIMABLE")?;
    for (name, total) in usage.daemons() {
        match total {
            Ok(total) => {
                let (bytes, reclaimable) = (size_text(total.bytes), size_text(total.reclaimable));
                writeln!(out, "{name}\t{bytes}\t{}\t{reclaimable}", total.records)?;
            }
            Err(_) => writeln!(out, "{name}\t\t\t")?,
        }
    }
    Ok(())
}

fn table(usage: &Usage, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "TYPE\tRECORDS\tSIZE\tRECLAIMABLE")?;
    let total = ("total".to_owned(), usage.total.clone());
    for (kind, total) in usage.types.iter().chain([(&total.0, &total.1)]) {
        let (bytes, reclaimable) = (size_text(total.bytes), size_text(total.reclaimable));
        writeln!(out, "{kind}\t{}\t{bytes}\t{reclaimable}", total.records)?;
    }
    writeln!(out, "shared\t\t{}\t", size_text(usage.shared))?;
    writeln!(out, "\nLARGEST\tTYPE\tDESCRIPTION")?;
    for record in &usage.largest {
        writeln!(out, "{}\t{}\t{}", size_text(record.bytes), record.kind, record.description)?;
    }
    writeln!(out, "\nMOUNT\tSIZE\tRECORDS")?;
    for (id, mount) in usage.mounts() {
        writeln!(out, "{id}\t{}\t{}", size_text(mount.total.bytes), mount.total.records)?;
    }
    Ok(())
}
