//! `argo-buildkit report`: one page that explains a build.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail};
use clap::Args;

use super::registry::RegistryOptions;
use crate::kube::Cluster;
use crate::oci::ImageRef;
use crate::report::{Report, ReportSource, builds_of};
use crate::text;

/// The name of standard output.
const STDOUT: &str = "-";

const AFTER_HELP: &str = "\
The page shows the steps with their times, which of them were cached and why
one was not, the critical path, the layers beside those of the previous build,
the attestations, and the log of each step. It needs no other file, no script
and no network.

A name without a registry, a tag and a digest is that of a workflow, which is
read from the cluster of KUBECONFIG.

Examples:
  # The page of the build of an image.
  argo-buildkit report registry.example.com/shop/api:1.4.0 -o report.html
  # The page of a workflow's build.
  argo-buildkit report builds/shop-api-7 -o report.html

Exit codes:
  0  written
  1  there is no such build, or the page could not be written
  2  the command line is wrong";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Command {
    /// An image that was built, the output `log` of its build, or a workflow: NAME or NAMESPACE/NAME.
    #[arg(value_name = "REF|WORKFLOW")]
    build: String,
    /// The file to write; `-` is standard output.
    #[arg(long, short, value_name = "FILE", default_value = "report.html")]
    output: PathBuf,
    /// The image whose layers are shown beside; by default that of the previous build, if buildkitd knew it.
    #[arg(long, value_name = "REF")]
    previous: Option<ImageRef>,
    /// The namespace of a workflow that is given by its name alone.
    #[arg(long, short, env = "ARGO_BUILDKIT_NAMESPACE", default_value = "builds")]
    namespace: String,
    #[command(flatten)]
    registry: RegistryOptions,
}

impl Command {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let image = self.image().await?;
        let auth = self.registry.auth().await?;
        let (registry, insecure) = (self.registry.client(), self.registry.insecure);
        let log = registry.stored_log(&image, &auth, insecure).await?;
        let source = ReportSource { registry: &registry, auth: &auth, insecure };
        let Some(report) = Report::read(source, &image, log, self.previous.as_ref()).await? else {
            bail!("the registry has no {image}; look at the outputs `image` and `log` of the build");
        };
        write(&self.output, &report.html())?;
        Ok(ExitCode::SUCCESS)
    }

    /// The image or the log that the argument names.
    async fn image(&self) -> anyhow::Result<ImageRef> {
        let reference = match workflow(&self.build) {
            Some((namespace, name)) => built_by(namespace.unwrap_or(&self.namespace), name).await?,
            None => self.build.clone(),
        };
        Ok(reference.parse()?)
    }
}

/// The namespace and the name in `argument`, if it is no image.
fn workflow(argument: &str) -> Option<(Option<&str>, &str)> {
    if argument.contains([':', '@']) {
        return None;
    }
    match argument.split_once('/') {
        None => Some((None, argument)),
        Some((first, rest)) if first.contains('.') || first == "localhost" || rest.contains('/') => None,
        Some((namespace, name)) => Some((Some(namespace), name)),
    }
}

/// The image or the log of the one build of a workflow.
async fn built_by(namespace: &str, name: &str) -> anyhow::Result<String> {
    let found = Cluster::default().find_argo("Workflow", namespace, name).await?;
    let workflow = found.ok_or_else(|| {
        anyhow!(
            "there is no workflow {name} in namespace {namespace}; name its image or the output `log` instead"
        )
    })?;
    let builds = builds_of(&workflow);
    match &builds[..] {
        [build] => Ok(build.reference.clone()),
        [] => bail!(
            "the status of workflow {name} has no outputs `image` or `log`; name the image, or the output `log` of its build"
        ),
        several => {
            let listed = several.iter().map(|build| format!("\n  {}: {}", build.name, build.reference));
            let listed = text::lines(&listed.collect::<String>());
            bail!("workflow {name} has several builds; name the image or the log of one of them:{listed}")
        }
    }
}

fn write(output: &Path, html: &str) -> anyhow::Result<()> {
    if output != Path::new(STDOUT) {
        return std::fs::write(output, html).with_context(|| format!("writing {}", output.display()));
    }
    let mut out = std::io::stdout().lock();
    match out.write_all(html.as_bytes()).and_then(|()| out.flush()) {
        // For example with `argo-buildkit report … -o - | head`.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("printing the report"),
    }
}

#[cfg(test)]
mod tests {
    use super::workflow;

    #[test]
    fn a_name_without_registry_tag_and_digest_is_a_workflow() {
        assert_eq!(workflow("shop-x7k2p"), Some((None, "shop-x7k2p")));
        assert_eq!(workflow("builds/shop-x7k2p"), Some((Some("builds"), "shop-x7k2p")));
        for image in [
            "shop/api:1",
            "r.example/api",
            "r.example:5000/api",
            "localhost/api",
            "shop/api@sha256:0",
            "a/b/c",
            "nginx:1",
        ] {
            assert_eq!(workflow(image), None, "{image}");
        }
    }
}
