//! The states of one Application, one after the other.

use super::applications::Applications;
use super::shared_watch::{News, Subscription, is_later};
use super::state::ApplicationState;
use super::{Application, ArgoCdError};
use crate::kube::ObjectWatch;

/// A watch of one Application. After a refresh, it is a part of the process's watch of all, if there is one.
pub struct ApplicationWatch {
    applications: Applications,
    name: String,
    /// Reads the Application, always with the rights of the workflow's namespace, and watches it where `news` is `None`.
    own: ObjectWatch,
    news: Option<Subscription>,
    /// The resource version of the last state. `None` before the first one.
    version: Option<String>,
}

impl ApplicationWatch {
    /// A watch of `application`, which must be in the namespace of `applications`.
    pub fn new(applications: Applications, application: &Application) -> Self {
        let (name, own) = (application.name.clone(), applications.watch(&application.name));
        Self { applications, name, own, news: None, version: None }
    }

    /// The next state; at first the present one. If the future is dropped, no state is lost.
    ///
    /// # Errors
    /// The Application does not exist or may not be read, or the API server has not answered for a minute.
    pub async fn next(&mut self) -> Result<ApplicationState, ArgoCdError> {
        loop {
            let (Some(news), Some(version)) = (&mut self.news, &self.version) else {
                return self.read().await;
            };
            match news.next().await {
                News::Changed(state) => match is_later(&state.version, version) {
                    Some(true) => {
                        self.version = Some(state.version.clone());
                        return Ok(ApplicationState::clone(&state));
                    }
                    Some(false) => {}
                    None => self.leave(),
                },
                News::Reread => {
                    self.version = None;
                    self.own = self.applications.watch(&self.name);
                }
                News::Ended => self.leave(),
            }
        }
    }

    /// Requests a comparison with Git, and returns the state right after the request. The next state is later than that.
    pub async fn refresh(&mut self) -> Result<ApplicationState, ArgoCdError> {
        // Whoever may not read the Application makes this process watch nothing. The news begin before the request, so that no
        // change after it is lost.
        let news = self.version.as_ref().and_then(|_| self.applications.subscribe(&self.name));
        let state = self.applications.refresh(&self.name).await?;
        self.news = news;
        self.own.continue_after(&state.version);
        self.version = Some(state.version.clone());
        Ok(state)
    }

    async fn read(&mut self) -> Result<ApplicationState, ArgoCdError> {
        let object = self.own.next().await?;
        let state = object.map(|object| ApplicationState::read(&object));
        let state = state.ok_or_else(|| self.applications.missing(&self.name))?;
        self.version = Some(state.version.clone());
        Ok(state)
    }

    /// Watches the Application alone from now on, after the last state.
    fn leave(&mut self) {
        self.news = None;
        if let Some(version) = &self.version {
            self.own.continue_after(version);
        }
    }
}
