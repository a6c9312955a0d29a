//! ResourceQuotas and LimitRanges of the workflows' namespace: whether an agent pod fits. If a quota refuses the pod, Argo assumes
//! that it can be created later, and reports nothing.

use k8s_openapi::api::core::v1::{LimitRange, ResourceQuota};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::api_login::unread;
use super::controller::Controller;
use super::plugin::{Amounts, Plugin};
use super::{Doctor, Finding, quantity};
use crate::kube::{By, ReadError};

/// Requests and limits of Argo's own container in an agent pod (argo-workflows `workflow/controller/agent.go`).
const AGENT: [(&str, &str, &str); 2] = [("cpu", "10m", "100m"), ("memory", "64M", "256M")];

/// The requests and limits of the containers of an agent pod, by container name.
#[derive(Debug, Default)]
pub(super) struct Pod(Vec<(String, Amounts, Amounts)>);

impl Pod {
    /// The agent's own container and those of the plugins.
    pub(super) fn new<'a>(
        controller: Option<&Controller>,
        plugins: impl Iterator<Item = &'a Plugin>,
    ) -> Self {
        let requests = AGENT.map(|(what, request, _)| (what.to_owned(), Quantity(request.to_owned())));
        let limits = AGENT.map(|(what, _, limit)| {
            let set = controller.and_then(|controller| controller.agent_limit(what));
            (what.to_owned(), Quantity(set.unwrap_or_else(|| limit.to_owned())))
        });
        let own = ("main".to_owned(), Amounts::from(requests), Amounts::from(limits));
        Self(std::iter::once(own).chain(plugins.filter_map(Plugin::amounts)).collect())
    }

    /// The pod's share of the quota `resource`. None if the quota does not count this pod.
    fn takes(&self, resource: &str) -> Option<f64> {
        let sum = |pick: fn(&(String, Amounts, Amounts)) -> &Amounts, what: &str| {
            Some(self.0.iter().filter_map(|container| number(pick(container).get(what)?)).sum())
        };
        match resource {
            "pods" | "count/pods" => Some(1.0),
            "cpu" | "requests.cpu" => sum(|(_, requests, _)| requests, "cpu"),
            "memory" | "requests.memory" => sum(|(_, requests, _)| requests, "memory"),
            "limits.cpu" => sum(|(.., limits)| limits, "cpu"),
            "limits.memory" => sum(|(.., limits)| limits, "memory"),
            _ => None,
        }
    }
}

impl Doctor {
    /// Checks an agent pod against the quotas and limit ranges of the workflows' namespace. Empty if there are none.
    pub(super) async fn room(&self, pod: &Pod) -> Vec<Finding> {
        let (cluster, namespace) = (&self.engine.cluster, &self.site.namespace);
        let all = By::Labels("");
        let (quotas, ranges) = futures_util::join!(
            cluster.list::<ResourceQuota>(namespace, &all),
            cluster.list::<LimitRange>(namespace, &all),
        );
        [of_quotas(namespace, &quotas, pod), of_ranges(namespace, &ranges, pod)].concat()
    }

    /// The names of the LimitRanges of the workflows' namespace.
    pub(super) async fn limit_ranges(&self) -> Vec<String> {
        let read = self.engine.cluster.list::<LimitRange>(&self.site.namespace, &By::Labels("")).await;
        read.unwrap_or_default().into_iter().filter_map(|range| range.metadata.name).collect()
    }
}

fn of_quotas(namespace: &str, read: &Result<Vec<ResourceQuota>, ReadError>, pod: &Pod) -> Vec<Finding> {
    let quotas = match read {
        Ok(quotas) => quotas,
        Err(error) => return vec![unread(format!("ResourceQuotas of namespace {namespace}"), error)],
    };
    let judge = |quota: &ResourceQuota| {
        let subject =
            format!("ResourceQuota {namespace}/{}", quota.metadata.name.as_deref().unwrap_or_default());
        let status = quota.status.clone().unwrap_or_default();
        let hard = quota.spec.as_ref().and_then(|spec| spec.hard.clone()).unwrap_or_default();
        let used = status.used.unwrap_or_default();
        let short = hard.iter().find_map(|(resource, most)| {
            let (takes, most_of) = (pod.takes(resource)?, number(most)?);
            let taken = used.get(resource).and_then(number).unwrap_or_default();
            (takes > most_of - taken).then(|| {
                let taken = used.get(resource).map_or("0", |taken| taken.0.as_str());
                format!(
                    "{resource}: {taken} of {} are used, and the agent's pod of one workflow takes {}: it is not made, and the \
                     node stays Pending without a message; raise it, let other workflows end, or lower what the plugin's \
                     ConfigMap asks for",
                    most.0, shown(resource, takes)
                )
            })
        });
        match short {
            Some(text) => Finding::fail(subject, text),
            None => Finding::ok(subject, "has room for an agent's pod"),
        }
    };
    // One with a scope, such as a priority class, is for other pods.
    let is_for_all = |quota: &&ResourceQuota| {
        quota.spec.as_ref().is_none_or(|spec| {
            let scopes = spec.scopes.iter().flatten();
            let mut others = scopes.filter(|scope| !matches!(&***scope, "NotTerminating" | "NotBestEffort"));
            spec.scope_selector.is_none() && others.next().is_none()
        })
    };
    quotas.iter().filter(is_for_all).map(judge).collect()
}

fn of_ranges(namespace: &str, read: &Result<Vec<LimitRange>, ReadError>, pod: &Pod) -> Vec<Finding> {
    let ranges = match read {
        Ok(ranges) => ranges,
        Err(error) => return vec![unread(format!("LimitRanges of namespace {namespace}"), error)],
    };
    let judge = |range: &LimitRange| {
        let subject =
            format!("LimitRange {namespace}/{}", range.metadata.name.as_deref().unwrap_or_default());
        let items = range.spec.as_ref().map(|spec| spec.limits.as_slice()).unwrap_or_default();
        let flaw = items.iter().filter(|item| item.type_ == "Container").find_map(|item| {
            pod.0.iter().find_map(|(name, requests, limits)| {
                let over = beyond(limits, item.max.as_ref(), |has, bound| has > bound);
                let over = over.map(|(what, has, most)| {
                    format!("at most {most} {what}, and container {name} has a limit of {has}")
                });
                over.or_else(|| {
                    let under = beyond(requests, item.min.as_ref(), |has, bound| has < bound);
                    under.map(|(what, has, least)| {
                        format!("at least {least} {what}, and container {name} asks for {has}")
                    })
                })
            })
        });
        match flaw {
            Some(flaw) => Finding::fail(
                subject,
                format!(
                    "wants for each container {flaw}: the agent's pod is refused; change the range, the plugin's ConfigMap \
                     (container `main` is Argo's: ARGO_AGENT_CPU_LIMIT and ARGO_AGENT_MEMORY_LIMIT of the controller)"
                ),
            ),
            None => Finding::ok(subject, "fits an agent's pod"),
        }
    };
    ranges.iter().map(judge).collect()
}

/// The first amount beyond its bound: the resource, the amount, the bound.
fn beyond<'a>(
    amounts: &'a Amounts,
    bounds: Option<&'a Amounts>,
    is_wrong: fn(f64, f64) -> bool,
) -> Option<(&'a str, &'a str, &'a str)> {
    bounds?.iter().find_map(|(what, bound)| {
        let has = amounts.get(what)?;
        is_wrong(number(has)?, number(bound)?).then_some((what.as_str(), has.0.as_str(), bound.0.as_str()))
    })
}

fn number(quantity: &Quantity) -> Option<f64> {
    quantity::number(&quantity.0)
}

fn shown(resource: &str, amount: f64) -> String {
    match resource.rsplit('.').next() {
        Some("cpu") => format!("{:.0}m", amount * 1000.0),
        Some("memory") => format!("{:.0}Mi", (amount / 1_048_576.0).ceil()),
        _ => format!("{amount:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_shown_in_the_resources_unit() {
        assert_eq!(
            (shown("limits.cpu", 1.1), shown("requests.memory", 97e6)),
            ("1100m".to_owned(), "93Mi".to_owned())
        );
    }
}
