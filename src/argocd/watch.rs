//! The states of one Application, one after the other.

use super::applications::Applications;
use super::state::ApplicationState;
use super::{Application, ArgoCdError};
use crate::kube::ObjectWatch;

/// A watch of one Application.
pub struct ApplicationWatch {
    applications: Applications,
    name: String,
    watch: ObjectWatch,
}

impl ApplicationWatch {
    /// A watch of `application`, which must be in the namespace of `applications`.
    pub fn new(applications: Applications, application: &Application) -> Self {
        let (name, watch) = (application.name.clone(), applications.watch(&application.name));
        Self { applications, name, watch }
    }

    /// The next state; at first the present one. If the future is dropped, no state is lost.
    ///
    /// # Errors
    /// The Application does not exist or may not be read, or the API server has not answered for a minute.
    pub async fn next(&mut self) -> Result<ApplicationState, ArgoCdError> {
        let object = self.watch.next().await?;
        object
            .map(|object| ApplicationState::read(&object))
            .ok_or_else(|| self.applications.missing(&self.name))
    }

    /// Requests a comparison with Git, and returns the state right after the request. The next state is later than that.
    pub async fn refresh(&mut self) -> Result<ApplicationState, ArgoCdError> {
        let state = self.applications.refresh(&self.name).await?;
        self.watch.continue_after(&state.version);
        Ok(state)
    }
}
