//! The states of one object, one after the other.

use std::time::Duration;

use backon::ExponentialBackoff;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use serde_json::Value;
use tokio::time::{Instant, sleep};
use tracing::debug;

use super::KubeError;
use super::tenant_objects::{Changed, TenantObjects};
use crate::outcome::Fault;
use crate::time_limits::pauses::endless;

/// How long the API server may be away. It restarts now and then.
const AWAY: Duration = Duration::from_secs(60);

/// The shortest and the longest pause before a request is repeated.
const PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// A watch of one object. It begins again when the API server ends it.
pub struct ObjectWatch {
    objects: TenantObjects,
    name: String,
    position: Position,
    /// Since when the API server has not answered, and the pauses between the attempts.
    away: Option<(Instant, ExponentialBackoff)>,
}

/// What is done next.
enum Position {
    /// The object is read.
    Unread,
    /// The watch begins after this resource version.
    At(String),
    Watching(BoxStream<'static, Changed>),
}

impl ObjectWatch {
    /// A watch of the object `name`. It sends no request yet.
    pub fn new(objects: TenantObjects, name: &str) -> Self {
        Self { objects, name: name.to_owned(), position: Position::Unread, away: None }
    }

    /// Continues after the resource version `version`, which the answer to a patch had.
    pub fn continue_after(&mut self, version: &str) {
        self.position = Position::At(version.to_owned());
    }

    /// The next state; at first the present one. `None` if the object does not exist. If the future is dropped, no state is lost.
    ///
    /// # Errors
    /// The object may not be read or watched, or the API server has not answered for a minute.
    pub async fn next(&mut self) -> Result<Option<Value>, KubeError> {
        loop {
            match self.change().await {
                Ok(Some(state)) => return Ok(state),
                Ok(None) => {}
                Err(error) if error.fault() == Fault::Transient => self.pause(error).await?,
                Err(error) => return Err(error),
            }
        }
    }

    /// Does the next thing. `None` if it brought no state.
    async fn change(&mut self) -> Result<Option<Option<Value>>, KubeError> {
        match &mut self.position {
            Position::Unread => {
                let object = self.objects.get(&self.name).await?;
                if let Some(object) = &object {
                    let version = object["metadata"]["resourceVersion"].as_str().unwrap_or_default();
                    self.position = Position::At(version.to_owned());
                }
                Ok(Some(object))
            }
            Position::At(version) => {
                let begun = self.objects.watch(&self.name, version).await;
                // If the version is too old, the object is read again.
                self.position = Position::Unread;
                self.position = Position::Watching(begun?);
                Ok(None)
            }
            Position::Watching(changes) => {
                let change = changes.next().await;
                if !matches!(change, Some(Ok(Some(_)))) {
                    self.position = Position::Unread;
                }
                // Only a watch that works ends an outage: each attempt reads the object, too.
                if matches!(change, None | Some(Ok(_))) {
                    self.away = None;
                }
                if change.is_none() {
                    // Something on the way may end every watch at once.
                    sleep(PAUSE.0).await;
                }
                change.transpose()
            }
        }
    }

    /// Waits before the next attempt. Fails with `error` if the API server has been away for too long.
    async fn pause(&mut self, error: KubeError) -> Result<(), KubeError> {
        let (since, pauses) = self.away.get_or_insert_with(|| (Instant::now(), endless(PAUSE.0, PAUSE.1)));
        if since.elapsed() > AWAY {
            return Err(error);
        }
        let pause = pauses.next().unwrap_or(PAUSE.1);
        debug!(%error, pause_ms = pause.as_millis(), "watching failed, trying again");
        sleep(pause).await;
        Ok(())
    }
}
