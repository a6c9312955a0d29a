//! No login follows a redirect to another origin, and no server sends us to an address of the machine's own.

mod builds;
mod clients;
mod registries;

use axum::response::Response;

use crate::support::scripted::{Asked, Scripted, ok};

/// What a server within holds, under the name that a token server gives its tokens.
const INNER_SECRET: &str = "inner-hunter2";

/// A server that only those within reach; it hands its secret to whoever asks.
async fn inner() -> Scripted {
    Scripted::start(|_, _| ok("application/json", format!(r#"{{"access_token": "{INNER_SECRET}"}}"#))).await
}

/// Asserts that `inner` was never asked, and that nobody who did not have it was shown its secret.
fn unseen(inner: &Scripted, attacker: &Scripted) {
    assert_eq!(inner.asked(), []);
    let shown =
        |asked: &Asked| asked.authorization.contains(INNER_SECRET) || asked.path.contains(INNER_SECRET);
    assert!(!attacker.asked().iter().any(shown), "{:?}", attacker.asked());
}

/// A registry that has its tokens fetched at `realm`, a path of its own or a URL, and answers all else by `answer`.
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
