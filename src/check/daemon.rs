//! buildkitd: whether it answers, its version, and the platforms it builds for. Of a pool, each of its daemons.

use super::plugin::ContainerSettings;
use super::security::namespace_of;
use super::{Doctor, Finding};
use crate::buildkit::{BuildError, BuildErrorKind, Buildkit, Description};
use crate::pool::Member;

/// The default of BUILDKIT_HOST.
const DEFAULT: &str = "unix:///run/buildkit/buildkitd.sock";

/// A daemon's answer.
pub(super) type Answer = Result<Description, BuildError>;

impl Doctor {
    /// Asks all daemons. The error is that of a name that stands for none.
    pub(super) async fn describe_all(&self) -> Result<Vec<(Member, Answer)>, BuildError> {
        self.engine.pool.ask_all(|daemon| async move { daemon.describe().await }).await
    }

    /// The finding for a name that stands for no daemon.
    pub(super) fn no_daemon(&self, settings: &ContainerSettings, error: &BuildError) -> Finding {
        let host = self.engine.pool.host();
        let address = host.unwrap_or_default();
        let away = if self.site.in_cluster { None } else { away(address, host, settings, error) };
        away.unwrap_or_else(|| Finding::fail(format!("buildkitd {address}"), error.to_string()))
    }

    /// The finding about the daemon's answer.
    pub(super) fn daemon(
        &self,
        settings: &ContainerSettings,
        buildkit: &Buildkit,
        answer: &Answer,
    ) -> Finding {
        let (address, host) = (buildkit.address(), buildkit.host());
        match answer {
            Err(error) if error.kind == BuildErrorKind::Unreachable && !self.site.in_cluster => {
                let away = away(&address, host, settings, error);
                away.unwrap_or_else(|| judge(&address, answer))
            }
            _ => judge(&address, answer),
        }
    }
}

/// The finding for a daemon that can only be reached in the cluster, when this process is outside.
fn away(
    address: &str,
    host: Option<&str>,
    settings: &ContainerSettings,
    error: &BuildError,
) -> Option<Finding> {
    let mend = "run `check` as a Job there, or forward its port and give --buildkit-host";
    let is_service = host.is_some_and(|host| namespace_of(host).is_some());
    if is_service && error.message.contains("does not resolve") {
        let text = format!("this name is known inside the cluster only; {mend}");
        return Some(Finding::skip(format!("buildkitd {address}"), text));
    }
    let theirs = settings.buildkit_host().filter(|_| address == DEFAULT)?;
    let text = format!("the {}'s, and no --buildkit-host was given here; {mend}", settings.whose());
    Some(Finding::skip(format!("buildkitd {theirs}"), text))
}

/// The description of the first of several daemons that answers, but for what keeps builds apart: a build may be on any of them. The
/// error of the first, if none answers.
pub(super) fn weakest(mut answers: Vec<Answer>) -> Answer {
    let told = || answers.iter().filter_map(|answer| answer.as_ref().ok());
    let shares_processes = told().any(|told| told.shares_processes);
    match told().min_by_key(|told| told.asks_about_images() == Some(true)) {
        Some(weakest) => Ok(Description { shares_processes, ..weakest.clone() }),
        // A pool has a daemon, or finding its daemons is the error.
        None => answers.swap_remove(0),
    }
}

/// The findings for daemons of different versions, or for different platforms.
pub(super) fn differences(answers: &[(Member, Answer)]) -> Vec<Finding> {
    let told = answers.iter().filter_map(|(member, answer)| Some((&*member.name, answer.as_ref().ok()?)));
    let told: Vec<(&str, &Description)> = told.collect();
    let versions: Vec<_> = told.iter().map(|(name, told)| (*name, told.version.as_str())).collect();
    let native = |told: &Description| told.workers.first()?.first().cloned();
    let natives: Vec<_> = told.iter().filter_map(|(name, told)| Some((*name, native(told)?))).collect();
    let natives: Vec<_> = natives.iter().map(|(name, platform)| (*name, platform.as_str())).collect();
    let found = [
        differing(
            "versions of buildkitd",
            &versions,
            "the same build may end differently on another of them; run one version",
        ),
        differing(
            "platforms of buildkitd",
            &natives,
            "a step without `platforms` builds for the platform of whichever builds it; write `platforms` in every step",
        ),
    ];
    found.into_iter().flatten().collect()
}

/// The finding for these daemons, if what is `told` of each is not the same.
fn differing(subject: &str, told: &[(&str, &str)], why: &str) -> Option<Finding> {
    let (_, first) = told.first()?;
    told.iter().any(|(_, other)| other != first).then(|| {
        let told: Vec<_> = told.iter().map(|(name, told)| format!("{name} has {told}")).collect();
        Finding::warn(subject, format!("differ ({}): {why}", told.join(", ")))
    })
}

fn judge(address: &str, answer: &Answer) -> Finding {
    let subject = format!("buildkitd {address}");
    match answer {
        Ok(Description { workers, .. }) if workers.is_empty() => {
            Finding::fail(subject, "has no worker, so nothing can be built; see its log for why none started")
        }
        Ok(Description { version, workers, .. }) => Finding::ok(subject, described(version, workers)),
        Err(error) => Finding::fail(subject, error.to_string()),
    }
}

fn described(version: &str, workers: &[Vec<String>]) -> String {
    let version = if version.is_empty() { "of no known version" } else { version };
    let mut platforms: Vec<&str> = Vec::new();
    for platform in workers.iter().flatten() {
        if !platforms.contains(&platform.as_str()) {
            platforms.push(platform);
        }
    }
    let plural = if workers.len() == 1 { "" } else { "s" };
    format!("{version}, {} worker{plural}, {}", workers.len(), platforms.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Fault;

    fn unreachable(message: &str) -> BuildError {
        let message = message.to_owned();
        let (kind, fault) = (BuildErrorKind::Unreachable, Fault::Transient);
        BuildError { kind, fault, message, exit_code: None, log_tail: String::new(), vertices: Vec::new() }
    }

    #[test]
    fn a_daemon_of_the_cluster_is_not_missed_outside_it() {
        let nowhere = unreachable("…: the name does not resolve: check the address");
        let said =
            |address: &str, host: Option<&str>| away(address, host, &ContainerSettings::default(), &nowhere);
        let skipped = said("tcp://buildkitd.buildkit.svc:1234", Some("buildkitd.buildkit.svc"));
        assert!(skipped.is_some_and(|f| f.text.starts_with("this name is known inside the cluster only")));
        assert_eq!(said("tcp://builder.example.com:1234", Some("builder.example.com")), None);
        assert_eq!(said(DEFAULT, None), None, "nobody else has one either");
    }

    #[test]
    fn daemons_that_differ_are_a_warning() {
        let said = |told: &[(&str, &str)]| {
            differing("versions of buildkitd", told, "run one").map(|finding| finding.to_string())
        };
        assert_eq!(said(&[]), None);
        assert_eq!(said(&[("b-0", "v0.32.2"), ("b-1", "v0.32.2")]), None);
        assert_eq!(
            said(&[("b-0", "v0.32.2"), ("b-1", "v0.18.2")]).as_deref(),
            Some("warn versions of buildkitd: differ (b-0 has v0.32.2, b-1 has v0.18.2): run one")
        );
    }

    #[test]
    fn a_pool_keeps_builds_apart_as_its_weakest_daemon_does() {
        let told = |version: &str, shares_processes| -> Answer {
            Ok(Description { version: version.to_owned(), shares_processes, ..Description::default() })
        };
        let away = || -> Answer { Err(unreachable("away")) };
        let all = vec![away(), told("v0.32.2", true), told("v0.18.2", false), told("v0.32.2", false)];
        assert_eq!(weakest(all), told("v0.18.2", true));
        assert_eq!(weakest(vec![told("v0.32.2", false)]), told("v0.32.2", false));
        assert_eq!(weakest(vec![away(), away()]), away());
    }

    #[test]
    fn a_daemon_is_described_in_one_line() {
        let workers = vec![vec!["linux/amd64".to_owned(), "linux/arm64".to_owned()]];
        let version = "v0.32.2".to_owned();
        let answer = Ok(Description { version, workers: workers.clone(), ..Description::default() });
        let said = judge("tcp://h:1", &answer).to_string();
        assert_eq!(said, "ok   buildkitd tcp://h:1: v0.32.2, 1 worker, linux/amd64 linux/arm64");
        assert_eq!(
            described("", &[workers[0].clone(), workers[0].clone()]),
            "of no known version, 2 workers, linux/amd64 linux/arm64"
        );
        let none = Ok(Description::default());
        assert!(judge("tcp://h:1", &none).text.contains("has no worker"));
    }
}
