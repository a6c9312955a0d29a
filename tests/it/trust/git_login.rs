//! No Dockerfile reads the Git login, or an ssh key that the step did not name for it.
