//! No login follows a redirect to another origin, and no server can make us connect to an address of this machine.

mod builds;
mod clients;
mod registries;

use axum::response::Response;

use crate::support::scripted::{Asked, Scripted, ok};

/// The secret of an inner server, under the name of a token in a token server's answer.
const INNER_SECRET: &str = "inner-hunter2";

/// A server that only inner clients can reach. It gives its secret to every client.
async fn inner() -> Scripted {
    Scripted::start(|_, _| ok("application/json", format!(r#"{{"access_token": "{INNER_SECRET}"}}"#))).await
}

/// Asserts that `inner` was never called, and that its secret was sent to nobody.
fn unseen(inner: &Scripted, attacker: &Scripted) {
    assert_eq!(inner.asked(), []);
    let shown =
        |asked: &Asked| asked.authorization.contains(INNER_SECRET) || asked.path.contains(INNER_SECRET);
    assert!(!attacker.asked().iter().any(shown), "{:?}", attacker.asked());
}

/// A registry whose tokens are fetched at `realm`, which is a path of its own or a URL. It answers all other requests
/// with `answer`.
async fn registry(
    realm: &str,
    answer: impl Fn(&str, &Asked) -> Response + Send + Sync + 'static,
) -> Scripted {
    let realm = realm.to_owned();
    Scripted::start(move |host, asked| {
        let own = realm.starts_with('/');
        let realm = if own { format!("http://{host}{realm}") } else { realm.clone() };
        let token_server = asked.path.starts_with("/token") || asked.path.starts_with("/moved");
        match asked.authorization.starts_with("Bearer ") || token_server {
            true => answer(host, asked),
            false => crate::support::scripted::challenge(&realm),
        }
    })
    .await
}
