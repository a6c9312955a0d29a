//! The doctor: checks everything a step needs from other components, without changing it, and reports one line for each.
//!
//! Reading from a server and judging the answer are separate: the judging functions are pure.

mod accounts;
mod api_login;
mod collection;
mod controller;
mod daemon;
mod events;
mod finding;
mod fix;
mod forms;
mod images;
mod mode;
mod plugin;
mod quantity;
mod repositories;
mod rights;
mod room;
mod secrets;
mod security;
mod shared;
mod site;
mod stuck;
mod target;
mod templates;
mod tenancy;
mod user_objects;

use futures_util::stream::FuturesOrdered;
use futures_util::{FutureExt as _, StreamExt as _};

use crate::engine::Engine;
use crate::kube::{Account, Cluster, ReadError, Secrets};
use crate::redact::Redactor;
use crate::time_limits::{calls, within};

pub use finding::{Finding, Severity};
pub use site::{Application, Site};
pub use target::{Image, Repository, SecretName, Targets};

use api_login::ApiLogin;
use controller::Controller;
use mode::{ExecutionMode, ModeInputs};
use plugin::{ContainerSettings, Plugin};
use shared::AgentDeployment;
use user_objects::UserObjects;

/// The text for checks that do not apply to the shared agent.
const NOT_SHARED: &str =
    "plugin ConfigMap, token Secrets, ARGO_EXECUTOR_PLUGINS, ARGO_AGENT_PATCH_RATE, ARGO_AGENT_CPU_LIMIT";

/// Checks everything that steps need.
pub struct Doctor {
    /// The clients, with the settings that the sidecar has.
    pub engine: Engine,
    /// The names and namespaces of the objects to check.
    pub site: Site,
    /// The images that steps push or delete, and the repositories that they read and write.
    pub targets: Targets,
    redactor: Redactor,
}

/// The findings about `subject`, or a failure if its server does not answer in time.
async fn timed(subject: String, found: impl Future<Output = Vec<Finding>>) -> Vec<Finding> {
    let limit = calls::CHECK_TARGET.whole();
    let found = within(limit, "its server", found).await;
    found.unwrap_or_else(|late| {
        vec![Finding::fail(subject, format!("{late}; is it there, and reached from here?"))]
    })
}

impl Doctor {
    /// A doctor with the clients of `engine`.
    pub fn new(mut engine: Engine, site: Site, targets: Targets) -> Self {
        // The doctor makes dozens of requests. One time limit is enough to learn that the API server does not answer.
        engine.cluster = engine.cluster.given_up_once();
        if matches!(engine.secrets, Secrets::Cluster(_)) {
            engine.secrets = Secrets::Cluster(engine.cluster.clone());
        }
        Self { engine, site, targets, redactor: Redactor::default() }
    }

    /// Runs all checks. Every finding is reported as soon as it is known, without any secret.
    pub async fn check(&self, mut say: impl FnMut(Finding)) {
        let mut tell = |found: Vec<Finding>| found.into_iter().for_each(|f| say(f.clean(&self.redactor)));
        let api_login = match self.site.is_offline {
            true => ApiLogin::offline(),
            false => ApiLogin::open(&self.engine.cluster).await,
        };
        tell(vec![api_login.finding()]);
        let settings = match api_login.is_open() {
            true => self.cluster(&api_login, &mut tell).await,
            false => ContainerSettings::default(),
        };
        let answer = self.daemons(&settings, &mut tell).await;
        tell(self.tenancy(&api_login, &settings, &answer).await);
        self.servers(&mut tell).await;
    }

    /// Checks the daemons. Returns what they are in the worst case, for the checks of what builds share.
    async fn daemons(
        &self,
        settings: &ContainerSettings,
        tell: &mut impl FnMut(Vec<Finding>),
    ) -> daemon::Answer {
        let answers = match self.describe_all().await {
            Ok(answers) => answers,
            Err(error) => {
                tell(vec![self.no_daemon(settings, &error)]);
                return Err(error);
            }
        };
        for (member, answer) in &answers {
            tell(vec![self.daemon(settings, &member.daemon, answer)]);
            let mut found = answer.as_ref().map(collection::findings).unwrap_or_default();
            if answers.len() > 1 {
                found.iter_mut().for_each(|finding| finding.subject += &format!(" {}", member.name));
            }
            tell(found);
        }
        tell(daemon::differences(&answers));
        daemon::weakest(answers.into_iter().map(|(_, answer)| answer).collect())
    }

    async fn servers(&self, tell: &mut impl FnMut(Vec<Finding>)) {
        let Targets { images, deletes, reads, writes, hooks } = &self.targets;
        let images = images.iter().map(|image| {
            let subject = format!("registry {}", image.image.name());
            timed(subject, async move { vec![self.image(image).await] }).boxed()
        });
        let deletes = deletes.iter().map(|image| {
            let subject = format!("registry delete {}", image.image.name());
            timed(subject, async move { vec![self.deletion(image).await] }).boxed()
        });
        let reads = reads.iter().map(|target| {
            let subject = format!("git read {}", target.repo);
            timed(subject, async move { vec![self.read(target).await] }).boxed()
        });
        let writes = writes
            .iter()
            .map(|target| timed(format!("git write {}", target.repo), self.write(target)).boxed());
        let hooks = hooks.iter().map(|target| {
            timed(format!("hook of {}", target.repo), async move { vec![self.hooks(target).await] }).boxed()
        });
        // The findings are reported in this order, but all requests run concurrently: no check waits for another's server.
        let mut asked: FuturesOrdered<_> =
            images.chain(deletes).chain(reads).chain(writes).chain(hooks).collect();
        while let Some(found) = asked.next().await {
            tell(found);
        }
    }

    /// Checks the objects in the cluster. Returns the settings of the sidecar, or of the shared agent.
    async fn cluster(&self, api_login: &ApiLogin, tell: &mut impl FnMut(Vec<Finding>)) -> ContainerSettings {
        let controller = self.controller().await;
        let signs = self.mode_inputs(&controller).await;
        let agent = self.shared_agent().await;
        tell(signs.judge(&self.site, &agent));
        let (mode, written) = (signs.mode(), self.user_objects().await);
        let settings = match mode {
            ExecutionMode::Sidecar => {
                let controller = controller.as_ref().ok().and_then(Option::as_ref);
                self.sidecar(api_login, controller, &written, tell).await
            }
            ExecutionMode::Gate | ExecutionMode::Flag => {
                self.shared(api_login, &signs, agent, &written, tell).await
            }
        };
        tell(self.pod_steps(&written, &signs.config).await.into_iter().collect());
        let held = match &controller {
            Ok(Some(controller)) => self.controller_rights(api_login, controller, mode).await,
            _ => rights::ControllerRights::default(),
        };
        tell(controller::judge(&controller, &self.site, held.status(), mode));
        tell(held.findings);
        if mode.is_shared() {
            tell(vec![written.foreign(&self.site.namespace, mode)]);
        }
        tell(written.forms());
        tell(self.bindings().await);
        tell(self.events(api_login).await);
        settings
    }

    /// Checks everything that the sidecar needs.
    async fn sidecar(
        &self,
        api_login: &ApiLogin,
        controller: Option<&Controller>,
        written: &UserObjects,
        tell: &mut impl FnMut(Vec<Finding>),
    ) -> ContainerSettings {
        let site = &self.site;
        let plugins = self.plugins().await;
        let only = controller.and_then(|controller| controller.only(&site.argo_namespace));
        tell(plugin::judge(&plugins, site, only.as_deref()));
        let plugin = plugins.iter().flatten().flatten().find(|plugin| plugin.is_ours());
        let settings = match plugin {
            Some(plugin) => plugin.settings(self.cluster_client(), &site.namespace).await,
            None => ContainerSettings::default(),
        };
        tell(plugin.iter().map(|_| settings.judge()).collect());
        tell(plugin.and_then(|plugin| settings.misheard(plugin.port())).into_iter().collect());
        tell(self.room(&room::Pod::new(controller, plugins.iter().flatten().flatten())).await);
        tell(self.workflow_namespace(plugin).await);
        tell(self.daemon_namespace(&settings).await);
        self.accounts(api_login, plugin, &settings, written, tell).await;
        settings
    }

    /// Checks everything that the shared agent needs.
    async fn shared(
        &self,
        api_login: &ApiLogin,
        signs: &ModeInputs,
        agent: Result<Option<AgentDeployment>, ReadError>,
        written: &UserObjects,
        tell: &mut impl FnMut(Vec<Finding>),
    ) -> ContainerSettings {
        let site = &self.site;
        tell(vec![Finding::skip(
            NOT_SHARED,
            "not looked at: only agent pods need them, and none starts here",
        )]);
        tell(self.of_shared(api_login, &agent, &signs.config).await);
        let agent = agent.ok().flatten();
        let steps = agent.as_ref().map_or(plugin::OUR_NAME, AgentDeployment::steps_account).to_owned();
        let settings = agent.map(|agent| agent.settings).unwrap_or_default();
        tell(self.workflow_namespace(None).await);
        tell(self.daemon_namespace(&settings).await);
        let workflow = Account::new(&site.namespace, &site.service_account);
        if signs.mode().makes_agent_pods() {
            tell(vec![self.existence(&workflow).await]);
        }
        tell(self.rights(api_login, &workflow, &rights::of_pods(&site.namespace)).await);
        let needs = rights::of_steps(site, &self.targets.secrets(), written.submit());
        if !needs.is_empty() {
            tell(self.rights(api_login, &Account::new(&site.namespace, &steps), &needs).await);
        }
        settings
    }

    async fn accounts(
        &self,
        api_login: &ApiLogin,
        plugin: Option<&Plugin>,
        settings: &ContainerSettings,
        written: &UserObjects,
        tell: &mut impl FnMut(Vec<Finding>),
    ) {
        let site = &self.site;
        let workflow = Account::new(&site.namespace, &site.service_account);
        let own = match plugin {
            Some(plugin) => plugin.mounts_token.then(|| plugin.account(&site.namespace)),
            // If the ConfigMap may not be read, this process may be the plugin itself, in a Job.
            None => api_login.plugin_account(&site.namespace),
        };
        for account in std::iter::once(&workflow).chain(own.as_ref()) {
            tell(self.account(account).await);
        }
        tell(self.rights(api_login, &workflow, &rights::of_workflow(&site.namespace)).await);
        if let Some(own) = &own {
            let mut secrets = self.targets.secrets();
            secrets.extend(settings.tls_secret().map(str::to_owned));
            tell(self.rights(api_login, own, &rights::of_plugin(site, &secrets, written.submit())).await);
        }
    }

    /// The plugins of the two namespaces in which Argo searches.
    async fn plugins(&self) -> Vec<Result<Vec<Plugin>, ReadError>> {
        let Site { namespace, argo_namespace, .. } = &self.site;
        let mut places = vec![argo_namespace];
        places.extend((namespace != argo_namespace).then_some(namespace));
        let mut read = Vec::new();
        for place in places {
            read.push(plugin::read(self.cluster_client(), place).await);
        }
        read
    }

    async fn controller(&self) -> Result<Option<Controller>, ReadError> {
        controller::read(self.cluster_client(), &self.site).await
    }

    fn cluster_client(&self) -> &Cluster {
        &self.engine.cluster
    }
}
