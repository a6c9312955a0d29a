//! What is in the caches of all daemons of a pool.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::sanitize::list_that_fits;
use super::usage::{Total, Usage};
use crate::buildkit::BuildError;
use crate::outcome::Success;
use crate::pool::{Member, Pool};
use crate::redact::Redactor;

/// What is in the caches of all daemons.
pub(crate) struct PoolUsage {
    /// The sum.
    pub(crate) all: Usage,
    /// What is in each cache, or why that is not known.
    daemons: Vec<(Arc<str>, Result<Total, String>)>,
}

/// Asks each daemon what is in its cache: everything, or what belongs to the namespace `owner`. The error is that of a daemon, if none
/// answers.
pub(crate) async fn usage_of_all(
    pool: &Pool,
    owner: Option<&str>,
    tenant: Option<&str>,
) -> Result<PoolUsage, BuildError> {
    let asked = pool.ask_all(|daemon| async move { super::usage(&daemon, owner, tenant).await });
    let (mut all, mut daemons, mut failed) = (Usage::of(owner), Vec::new(), None);
    for (Member { name, .. }, usage) in asked.await? {
        let total = match usage {
            Ok(usage) => {
                let total = usage.total.clone();
                all.merge(usage);
                Ok(total)
            }
            Err(error) => {
                let why = error.message.clone();
                all.leave_out(format!("{name} is not counted: {why}"));
                failed = Some(error);
                Err(why)
            }
        };
        daemons.push((name, total));
    }
    match failed {
        Some(error) if daemons.iter().all(|(_, total)| total.is_err()) => Err(error),
        _ => Ok(PoolUsage { all, daemons }),
    }
}

impl PoolUsage {
    pub(super) fn success(&self, redactor: &Redactor) -> Success {
        let mut success = self.all.success(redactor);
        let list = list_that_fits(self.shown(redactor));
        success.outputs.insert("buildkitds".to_owned(), list);
        success
    }

    /// The sum and each daemon, as a JSON object.
    pub(crate) fn json(&self) -> Value {
        let mut shown = self.all.json();
        shown["buildkitds"] = self.shown(&Redactor::default()).into();
        shown
    }

    /// The name of each daemon and what is in its cache, or why that is not known.
    pub(crate) fn daemons(&self) -> impl Iterator<Item = (&str, Result<&Total, &str>)> {
        self.daemons.iter().map(|(name, total)| (&**name, total.as_ref().map_err(String::as_str)))
    }

    fn shown(&self, redactor: &Redactor) -> Vec<Value> {
        let shown = self.daemons().map(|(name, total)| {
            let name = redactor.line(name);
            match total {
                Ok(Total { records, bytes, reclaimable }) => {
                    json!({"name": name, "size": bytes, "records": records, "reclaimable": reclaimable})
                }
                Err(why) => json!({"name": name, "error": redactor.line(why)}),
            }
        });
        shown.collect()
    }
}
