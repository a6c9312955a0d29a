//! Bad input: each ends as a `Failed` node with a message that says what to do, and nothing is lost.

mod build;
mod gitops;
mod infrastructure;
mod request;

use futures_util::future::join_all;
use regex_lite::Regex;
use serde_json::Value;

use crate::support::plugin::Plugin;
use crate::support::shop::{Shop, template};

/// The messages for `rows`, below their names. Each must end as `Failed`.
async fn refusals(plugin: &Plugin, rows: Vec<(&str, Value)>) -> String {
    let run = async |(name, step): (&str, Value)| {
        let node = plugin.node(&template(step)).await;
        assert_eq!(node["phase"], "Failed", "{name}: {}", node["message"]);
        format!("{name}\n    {}\n", node["message"].as_str().unwrap().replace('\n', "\n    "))
    };
    join_all(rows.into_iter().map(run)).await.concat()
}

impl Shop {
    /// The same as [`refusals`], without the parts that differ between runs.
    pub(crate) async fn refusals(&self, rows: Vec<(&str, Value)>) -> String {
        self.steady(&refusals(&self.plugin, rows).await)
    }

    /// `text`, with names instead of this shop's hosts, repositories and commits.
    fn steady(&self, text: &str) -> String {
        let names = [
            (self.service.full_name(), "OWNER/api"),
            (self.gitops.full_name(), "OWNER/gitops"),
            (self.world.gitea.host().to_owned(), "GITEA"),
            (self.world.registry.host().to_owned(), "REGISTRY"),
            (self.plugin.secrets().display().to_string(), "SECRETS"),
            (self.sha.clone(), "SHA"),
            (self.sha[..10].to_owned(), "SHORT"),
            (self.owner.clone(), "OWNER"),
        ];
        // Only whole names: `shop-1` is also the beginning of `shop-16`.
        let whole = |text: String, (from, to): &(String, &str)| {
            let name = Regex::new(&format!(r"{}\b", regex_lite::escape(from))).unwrap();
            name.replace_all(&text, *to).into_owned()
        };
        steady(&names.iter().fold(text.to_owned(), whole))
    }
}

/// `text` without ports, digests, commits, made-up names and durations.
fn steady(text: &str) -> String {
    let rules = [
        (r"sha256:[0-9a-f]{64}", "DIGEST"),
        (r"\b[0-9a-f]{40}\b", "SHA"),
        (r"((?:127|0)\.0\.0\.[01]):\d+", "$1:PORT"),
        (r"shop-\d+/(api|gitops)-\d+", "OTHER/$1"),
        (r"\b(other|empty|archived|protected|hooked|nobody)-\d+\b", "$1"),
        (r"\b\d+\.\d+ ?s\b", "SECONDS"),
    ];
    rules.iter().fold(text.to_owned(), |text, (from, to)| {
        Regex::new(from).unwrap().replace_all(&text, *to).into_owned()
    })
}
