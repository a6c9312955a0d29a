//! The Secrets that templates and targets name: whether they are bound to a use by their owners, whether one Secret both reads
//! sources and writes the GitOps repository, and whether the keys for images in them can be used.

mod image_keys;
mod named;
mod spec_steps;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::user_objects::KINDS;
use super::{Doctor, Finding};
use crate::engine::SecretRules;
use crate::engine::binding::{BindingDecision, UNBOUND, Use, Wanted, bind_command};
use crate::kube::Secret;
use named::{Job, SecretUse};

/// What steps do with a Secret, each with the repository if it is known.
type Jobs = BTreeSet<(Job, Option<String>)>;

impl Doctor {
    /// The findings about each Secret, and about the keys in it that sign or verify images. Empty without Secrets. If this login
    /// may not list templates, their Secrets are not checked.
    pub(super) async fn bindings(&self) -> Vec<Finding> {
        let namespace = &self.site.namespace;
        let specs = self.template_specs().await;
        let keys = image_keys::of_specs(&specs);
        let mut found = Vec::new();
        for (name, jobs) in &self.jobs(&specs) {
            let subject = format!("Secret {namespace}/{name}");
            found.extend(two_uses(&subject, jobs));
            match self.engine.secrets.get(namespace, name).await {
                Ok(secret) => {
                    found.extend(judge(subject, namespace, &secret, jobs, &self.engine.secret_rules));
                    found.extend(self.image_keys(&secret, &keys).await);
                }
                // A missing Secret is reported where it is used; missing rights have findings of their own.
                Err(error) => found.push(Finding::skip(subject, error.to_string())),
            }
        }
        found
    }

    /// The specs of all templates that workflows of the namespace share.
    async fn template_specs(&self) -> Vec<Value> {
        let mut specs = Vec::new();
        for (kind, is_namespaced, path) in KINDS {
            let namespace = is_namespaced.then_some(self.site.namespace.as_str());
            if let Ok(objects) = self.engine.cluster.list_argo(kind, namespace).await {
                specs.extend(objects.iter().filter_map(|object| object.pointer(path)).cloned());
            }
        }
        specs
    }

    /// The uses of each Secret that templates or the user's targets name, by the Secret's name.
    fn jobs(&self, specs: &[Value]) -> BTreeMap<String, Jobs> {
        let named = named::of_targets(&self.targets).into_iter().chain(specs.iter().flat_map(named::of_spec));
        let mut by_name = BTreeMap::<String, Jobs>::new();
        for SecretUse { secret, job, repo } in named {
            by_name.entry(secret).or_default().insert((job, repo));
        }
        by_name
    }
}

/// Warns about one token for two uses: a token that reads sources is in every build; one that writes the GitOps repository decides what runs.
fn two_uses(subject: &str, jobs: &Jobs) -> Option<Finding> {
    let does = |wanted| jobs.iter().any(|(job, _)| *job == wanted);
    (does(Job::Reads) && does(Job::Writes)).then(|| {
        Finding::warn(
            subject,
            "one token for two uses: it reads sources and writes a GitOps repository, so whoever gets hold of it through a build \
             decides what is deployed; make two, one that may only read sources and one that may only write there",
        )
    })
}

fn judge(
    subject: String,
    namespace: &str,
    secret: &Secret,
    jobs: &Jobs,
    rules: &SecretRules,
) -> Option<Finding> {
    let mut unbound = false;
    for (job, repo) in jobs {
        match rules.answer(namespace, secret, &wanted(*job, repo.as_deref())) {
            Ok(BindingDecision::Unbound) => unbound = true,
            Ok(_) => {}
            Err(refused) => return Some(Finding::fail(subject, refused.to_string())),
        }
    }
    match unbound {
        true => Some(Finding::warn(
            subject,
            format!("{UNBOUND}; bind it: {}", command(namespace, secret.name(), jobs)),
        )),
        false => Some(Finding::ok(subject, "is bound to what its owner wrote down")),
    }
}

fn wanted(job: Job, repo: Option<&str>) -> Wanted {
    let repo = repo.and_then(|repo| repo.parse().ok());
    let server = repo.and_then(|repo| crate::engine::wanted_of(&repo).ok()).and_then(|wanted| wanted.server);
    Wanted { purpose: job.purpose(), server }
}

/// The command that binds the Secret to all its uses. The user fills in hosts that are not known.
fn command(namespace: &str, name: &str, jobs: &Jobs) -> String {
    let uses: BTreeSet<Use> = jobs.iter().map(|(job, _)| job.purpose()).collect();
    let hosted = jobs.iter().filter(|(job, _)| job.purpose().has_host());
    let host = |repo: &Option<String>| {
        let server = wanted(Job::Reads, repo.as_deref()).server;
        server.map_or_else(|| "HOST".to_owned(), |server| server.as_host())
    };
    let mut hosts: BTreeSet<String> = hosted.map(|(_, repo)| host(repo)).collect();
    if hosts.len() > 1 {
        hosts.remove("HOST");
    }
    bind_command(namespace, name, &hosts, &uses)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::binding::{HOSTS, USE};
    use serde_json::json;

    fn said(kind: Option<&str>, annotations: &[(&str, &str)], require: bool) -> Vec<String> {
        let spec = json!({
            "arguments": {"parameters": [{"name": "gitops", "value": "https://git.example.com/ops/gitops.git"}]},
            "templates": [{
                "inputs": {"parameters": [{"name": "login", "default": "example"}]},
                "plugin": {"buildkit": {"steps": [
                    {"build": {
                        "context": {"repo": "{{inputs.parameters.repo}}", "secret": "{{inputs.parameters.login}}"},
                        "secrets": [{"id": "k", "secret": {"name": "example", "key": "k"}}],
                    }},
                    {"update-manifest": {"repo": "{{workflow.parameters.gitops}}", "secret": {"name": "example"}}},
                ]}},
            }],
        });
        let jobs: Jobs = named::of_spec(&spec).into_iter().map(|named| (named.job, named.repo)).collect();
        let rules = SecretRules::new(None, require);
        let found = judge(
            "Secret builds/example".to_owned(),
            "builds",
            &Secret::example(kind, annotations),
            &jobs,
            &rules,
        );
        let both = two_uses("Secret builds/example", &jobs).into_iter().chain(found);
        both.map(|finding| finding.to_string()).collect()
    }

    #[test]
    fn what_is_not_bound_is_told_with_the_command_that_binds_it() {
        let findings = said(Some("Opaque"), &[], false);
        assert!(
            findings[0].starts_with("warn Secret builds/example: one token for two uses: "),
            "{findings:?}"
        );
        insta::assert_snapshot!(findings[1], @"warn Secret builds/example: is bound to no host and use, so whoever may submit a workflow can send it anywhere; bind it: kubectl -n builds annotate secret example argo-buildkit.io/hosts=git.example.com argo-buildkit.io/use=git,build");
        assert!(said(Some("Opaque"), &[], true)[1].starts_with("FAIL"));
        assert!(said(Some("kubernetes.io/tls"), &[], false)[1].starts_with("FAIL"));
        let bound = [(HOSTS, "git.example.com"), (USE, "git, build")];
        assert!(said(Some("Opaque"), &bound, false)[1].starts_with("ok "));
        let elsewhere = said(Some("Opaque"), &[(HOSTS, "other.example.com"), (USE, "git, build")], false);
        assert!(elsewhere[1].starts_with("FAIL") && elsewhere[1].contains("bound to git"), "{elsewhere:?}");
    }
}
