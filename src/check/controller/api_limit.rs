//! The rate limit of the controller's requests to the API server.

use super::Controller;
use super::settings::{Setting, elsewhere, shown, text};
use crate::check::Finding;

/// Requests per second to the API server: the controller's default, and a value above which a higher limit brings nothing.
const DEFAULT_QPS: f64 = 20.0;
const GOOD_QPS: f64 = 100.0;

impl Controller {
    /// All workflows together wait for this limit once the burst is used up: one reconcile of the controller makes two to
    /// five requests.
    pub(super) fn api_limit(&self) -> Finding {
        let subject = "controller flag --qps";
        let qps = self.option("--qps", "ARGO_QPS");
        let given = match &qps {
            Setting::Elsewhere => {
                return Finding { subject: subject.to_owned(), ..elsewhere("ARGO_QPS", "200") };
            }
            Setting::Unset => Ok(DEFAULT_QPS),
            Setting::Value(value) => value.parse::<f64>(),
        };
        let burst = shown(&self.option("--burst", "ARGO_BURST"), "30");
        let shown = format!("{}, --burst {burst}", shown(&qps, "20"));
        match given {
            Ok(rate) if rate >= GOOD_QPS => {
                Finding::ok(subject, format!("{shown}: workflows that run at once do not wait for it"))
            }
            Ok(_) => Finding::warn(
                subject,
                format!(
                    "{shown}: workflows that run at once wait for each other's requests, two to five for each \
                     change of a step; set ARGO_QPS=200 and ARGO_BURST=400 on the controller (docs/agent.md has \
                     measurements)"
                ),
            ),
            Err(_) => {
                let wrong = "is not a number: the controller does not start; correct it";
                Finding::fail(subject, format!("{} {wrong}", text(&qps)))
            }
        }
    }
}
