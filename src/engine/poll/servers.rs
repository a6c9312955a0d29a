//! Limits how many requests run at the same time, and gives up servers that do not answer, so that one of them delays
//! nobody else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::outcome::{AGAIN, Fault, StepError};

/// How many requests run at a time to all servers.
const AT_A_TIME: usize = 32;
/// How many of them go to one server.
const EACH: usize = 8;
/// After this many requests without an answer, a server is not asked any more: one that has answered others, and one that has
/// answered nobody.
const PATIENCE: [usize; 2] = [2, 1];

/// The servers of one run, by `host[:port]`.
pub(super) struct Servers {
    all: Semaphore,
    known: Mutex<HashMap<String, Arc<Server>>>,
}

struct Server {
    turns: Semaphore,
    heard: Mutex<Heard>,
}

#[derive(Default)]
struct Heard {
    /// Whether it has answered a request.
    ever: bool,
    /// The requests that were not answered since the last one that was.
    unanswered: usize,
}

/// Why a server was not asked.
pub(super) struct GivenUp;

/// The outcome of a request.
pub(super) enum Asked<T> {
    /// The server answered, whatever it said.
    Answer(T),
    /// It was away, or did not answer in time.
    Away(T),
}

impl Default for Servers {
    fn default() -> Self {
        Self { all: Semaphore::new(AT_A_TIME), known: Mutex::default() }
    }
}

impl Servers {
    /// Runs `request` to the server `host` in its turn.
    pub(super) async fn ask<T>(
        &self,
        host: &str,
        request: impl Future<Output = Asked<T>>,
    ) -> Result<T, GivenUp> {
        let server = self.server(host);
        // First the turn at this server: those who wait for a slow one take no turn from others. Never closed.
        let _turn: Option<SemaphorePermit<'_>> = server.turns.acquire().await.ok();
        let _slot = self.all.acquire().await.ok();
        if server.is_given_up() {
            return Err(GivenUp);
        }
        // On the heap, so that a waiting request is small.
        match Box::pin(request).await {
            Asked::Answer(answer) => {
                server.heard(true);
                Ok(answer)
            }
            Asked::Away(answer) => {
                server.heard(false);
                Ok(answer)
            }
        }
    }

    fn server(&self, host: &str) -> Arc<Server> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = known.get(host) {
            return server.clone();
        }
        let server = Arc::new(Server { turns: Semaphore::new(EACH), heard: Mutex::default() });
        known.insert(host.to_owned(), server.clone());
        server
    }
}

impl Server {
    fn is_given_up(&self) -> bool {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.unanswered >= PATIENCE[usize::from(!heard.ever)]
    }

    fn heard(&self, answered: bool) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.ever |= answered;
        heard.unanswered = if answered { 0 } else { heard.unanswered + 1 };
    }
}

/// The failure of a service whose server is not asked any more.
pub(super) fn given_up(what: &str, host: &str) -> StepError {
    StepError::new(
        Fault::Transient,
        format!("the {what} {host} did not answer other requests of this run, so it was not asked; {AGAIN}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(servers: &Servers, host: &str, is_away: bool) -> bool {
        let request = async move { if is_away { Asked::Away(()) } else { Asked::Answer(()) } };
        servers.ask(host, request).await.is_ok()
    }

    #[tokio::test]
    async fn a_server_that_stays_away_is_given_up_and_others_are_not() {
        let servers = Servers::default();
        for (host, is_away, is_asked) in [
            ("works", false, true),
            ("works", true, true),
            ("works", false, true),
            ("works", true, true),
            ("works", true, true),
            ("works", false, false),
            ("silent", true, true),
            ("silent", false, false),
            ("other", false, true),
        ] {
            assert_eq!(ask(&servers, host, is_away).await, is_asked, "{host}");
        }
    }

    #[tokio::test]
    async fn requests_that_wait_for_one_server_take_no_turn_from_another() {
        let servers = Arc::new(Servers::default());
        for _ in 0..10 * AT_A_TIME {
            let servers = servers.clone();
            tokio::spawn(
                async move { servers.ask("silent", std::future::pending::<Asked<()>>()).await.is_ok() },
            );
        }
        tokio::task::yield_now().await;
        assert!(ask(&servers, "quick", false).await);
    }
}
