//! `argo-buildkit tags`: which tags a repository has, and what they name.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::registry::RegistryOptions;
use crate::duration::parse_timeout;
use crate::engine::tags::{Asking, Described, TagReport, described, report, shown};
use crate::oci::ImageDetails;
use crate::redact::Redactor;
use crate::step::{self, Step, Tags};

/// The exit code if there is no such image.
const ABSENT: u8 = 1;

const AFTER_HELP: &str = "\
Examples:
  # The two newest versions of a range.
  argo-buildkit tags registry.example.com/shop/api --semver '>=1.4, <2' --limit 2
  # What an image is: digest, time, size, platforms.
  argo-buildkit tags registry.example.com/shop/api:1.4.0 --json

Exit codes:
  0  there is at least one such image
  1  there is none, or the registry could not be asked
  2  the command line is wrong";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Command {
    /// A repository, such as `registry.example.com/shop/api`; or an image, with a tag or a digest.
    image: String,
    /// A regular expression that the whole tag must match.
    #[arg(long, value_name = "EXPRESSION")]
    regex: Option<String>,
    /// A range of versions, such as `>=1.4, <2`.
    #[arg(long, value_name = "RANGE")]
    semver: Option<String>,
    /// List the tags that tools write for themselves, too.
    #[arg(long)]
    hidden: bool,
    /// `name`, `semver` (the highest first) or `created` (the newest first). By default `semver` with --semver, else `name`.
    #[arg(long, value_name = "ORDER")]
    sort: Option<String>,
    /// How many tags to print.
    #[arg(long, value_name = "COUNT")]
    limit: Option<u32>,
    /// Print digest, time, size and platforms beside each tag.
    #[arg(long)]
    details: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// How long it may take.
    #[arg(long, default_value = "5m", value_parser = parse_timeout)]
    timeout: Duration,
    #[command(flatten)]
    registry: RegistryOptions,
}

impl Command {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let (tags, auth) = (self.step()?, self.registry.auth().await?);
        let deadline = Instant::now() + self.timeout;
        let registry = self.registry.client();
        let asked =
            report(&registry, &auth, &tags, Asking { deadline, now: &|_| (), describes_first: false });
        let report =
            tokio::time::timeout_at(deadline, asked).await.context("asking the registry: --timeout ended")?;
        let report = report.map_err(|error| anyhow!(error.message))?;
        let shows_details = tags.details || tags.name().is_some();
        match print(&report, shows_details, self.json) {
            // For example with `argo-buildkit tags … | head`.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
            printed => printed.context("printing the tags")?,
        }
        Ok(if report.count == 0 { ExitCode::from(ABSENT) } else { ExitCode::SUCCESS })
    }

    /// The step that asks the same. Its parser checks the arguments.
    fn step(&self) -> anyhow::Result<Tags> {
        let mut body = json!({"image": {"ref": self.image, "insecure": self.registry.insecure}, "details": self.details});
        for (name, value) in [
            ("sort", self.sort.as_ref().map(|sort| json!(sort))),
            ("limit", self.limit.map(|limit| json!(limit))),
        ] {
            body[name] = value.unwrap_or(Value::Null);
        }
        if self.regex.is_some() || self.semver.is_some() || self.hidden {
            body["filter"] = json!({"regex": self.regex, "semver": self.semver, "hidden": self.hidden});
        }
        match step::parse(&json!({"tags": body}))? {
            Step::Tags(tags) => Ok(*tags),
            _ => Err(anyhow!("the arguments are no step `tags`")),
        }
    }
}

fn print(report: &TagReport, shows_details: bool, is_json: bool) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    if is_json {
        let images: Vec<_> =
            report.images.iter().map(|image| described(image, &Redactor::default())).collect();
        let (exists, tags, count, warnings) =
            (report.count > 0, &report.tags, report.count, &report.warnings);
        writeln!(
            out,
            "{}",
            json!({"exists": exists, "count": count, "tags": tags, "images": images, "warnings": warnings})
        )?;
        return out.flush();
    }
    if shows_details {
        report.images.iter().try_for_each(|image| writeln!(out, "{}", line(image)))?;
    } else {
        report.tags.iter().try_for_each(|tag| writeln!(out, "{tag}"))?;
    }
    out.flush()?;
    let mut err = std::io::stderr().lock();
    report.warnings.iter().try_for_each(|warning| writeln!(err, "{}", crate::text::line(warning)))
}

fn line(image: &Described) -> String {
    let ImageDetails { created, platforms, size, .. } = image.details.clone().unwrap_or_default();
    let created = created.map_or_else(|| "-".to_owned(), shown);
    let platforms = if platforms.is_empty() { "-".to_owned() } else { platforms.join(",") };
    format!("{}\t{}\t{created}\t{size}\t{platforms}", image.tag, image.digest)
}
