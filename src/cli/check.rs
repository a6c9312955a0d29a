//! `argo-buildkit check [WORKFLOW]`: the doctor.

mod show;

use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};

use crate::check::{Application, Doctor, Finding, Image, Repository, Severity, Site, Targets};
use crate::config::PeerOptions;
use crate::metrics::Metrics;
use show::{Form, Report};

/// The exit code when something must be mended. It is 0 otherwise, even with warnings. 2 is clap's for a wrong
/// command line.
const PROBLEM_FOUND: u8 = 1;

/// A variable that kubelet sets in every pod.
const IN_CLUSTER: &str = "KUBERNETES_SERVICE_HOST";

/// The groups of options in the help.
const INSTALLATION: &str = "Installation";
const TARGETS: &str = "What steps use";

const AFTER_HELP: &str = "\
Each line is one finding:
  ok    nothing to do
  warn  it works, and the line says what it costs and what to set
  FAIL  steps fail or hang because of it; the line says what to do
  skip  it could not be looked at; the line says why

Nothing is changed anywhere. The cluster is the one of KUBECONFIG, or the one that the pod runs in.

Examples:
  # Everything that the workflows of a namespace need.
  argo-buildkit check --namespace builds
  # Also whether an image can be pushed with the login of a Secret.
  argo-buildkit check --image registry.example.com/shop/api=registry-credentials
  # In CI, without a cluster.
  argo-buildkit check --offline --read https://git.example.com/shop/api.git
  # What mends it, to read before it is run.
  argo-buildkit check --fix >mend.sh
  # Why a workflow does not move.
  argo-buildkit check api-x7k2p

Exit codes:
  0  nothing to mend
  1  at least one FAIL
  2  the command line is wrong";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Command {
    /// A workflow that does not move: say why, and nothing else.
    workflow: Option<String>,
    /// The workflows' namespace.
    #[arg(
        long,
        short,
        env = "ARGO_BUILDKIT_NAMESPACE",
        default_value = "builds",
        help_heading = INSTALLATION
    )]
    namespace: String,
    /// The namespace of Argo's controller.
    #[arg(long, value_name = "NAMESPACE", default_value = "argo", help_heading = INSTALLATION)]
    argo_namespace: String,
    /// The ServiceAccount that workflows run as.
    #[arg(long, value_name = "NAME", default_value = "buildkit-workflow", help_heading = INSTALLATION)]
    service_account: String,
    /// The Deployment of Argo's controller.
    #[arg(long, value_name = "NAME", default_value = "workflow-controller", help_heading = INSTALLATION)]
    controller: String,
    /// The namespace of the shared agent, where there is one.
    #[arg(long, value_name = "NAMESPACE", default_value = "buildkit-agent", help_heading = INSTALLATION)]
    agent_namespace: String,
    /// An Argo CD Application that steps refresh or wait for, of namespace `argocd` unless said.
    #[arg(long, value_name = "[NAMESPACE/]NAME", help_heading = INSTALLATION)]
    application: Option<Application>,
    /// An image that steps push, with the Secret of its login: `registry.example.com/shop/api=registry-credentials`.
    /// `http://` before it means a registry without TLS. May be given several times, as may the next four.
    #[arg(long = "image", value_name = "REF[=SECRET]", help_heading = TARGETS)]
    images: Vec<Image>,
    /// An image whose repository steps delete from (`tags` with `delete`): whether the registry deletes for this login. It is
    /// asked to delete an image that does not exist.
    #[arg(long = "delete", value_name = "REF[=SECRET]", help_heading = TARGETS)]
    deletes: Vec<Image>,
    /// A repository that steps build from: `https://git.example.com/shop/api.git=gitea-credentials`. SECRET is a
    /// Secret's NAME, or NAME/KEY.
    #[arg(long = "read", value_name = "REPO[#BRANCH][=SECRET]", help_heading = TARGETS)]
    reads: Vec<Repository>,
    /// A repository that steps commit to; with a branch, also its protection.
    #[arg(long = "write", value_name = "REPO[#BRANCH][=SECRET]", help_heading = TARGETS)]
    writes: Vec<Repository>,
    /// A repository whose pushes should begin workflows: its hooks, and those of its organisation, are read through the
    /// forge's API with a token of an administrator.
    #[arg(long = "hook", value_name = "REPO=SECRET", help_heading = TARGETS)]
    hooks: Vec<Repository>,
    /// The form of the findings. JSON is one object, with `fix` for what `--fix` prints.
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// Instead of the findings, print a shell script that mends them: what is wrong as text that no shell runs, and the commands and
    /// objects that are known exactly. Nothing is applied: read it first.
    #[arg(long, conflicts_with_all = ["output", "workflow"])]
    fix: bool,
    /// Do not look at the cluster: check only buildkitd and what the options name. Without it, a missing cluster is a FAIL.
    #[arg(long, conflicts_with = "workflow")]
    offline: bool,
    #[command(flatten)]
    peers: PeerOptions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// A line for each; the summary is on standard error.
    Text,
    /// One JSON object.
    Json,
}

impl Command {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let engine = self.peers.engine(Arc::new(Metrics::new()))?;
        let site = Site {
            namespace: self.namespace,
            argo_namespace: self.argo_namespace,
            service_account: self.service_account,
            controller: self.controller,
            agent_namespace: self.agent_namespace,
            in_cluster: std::env::var_os(IN_CLUSTER).is_some(),
            application: self.application,
            is_offline: self.offline,
        };
        let targets = Targets {
            images: self.images,
            deletes: self.deletes,
            reads: self.reads,
            writes: self.writes,
            hooks: self.hooks,
        };
        let doctor = Doctor::new(engine, site, targets);
        let mut report = Report::new(match self.output {
            _ if self.fix => Form::Fix,
            Output::Text => Form::Text,
            Output::Json => Form::Json,
        });
        let say = |finding: Finding| report.add(finding);
        match &self.workflow {
            Some(workflow) => doctor.why(workflow, say).await,
            None => doctor.check(say).await,
        }
        report.end(self.workflow.is_some());
        Ok(match report.count(Severity::Fail) {
            0 => ExitCode::SUCCESS,
            _ => ExitCode::from(PROBLEM_FOUND),
        })
    }
}
