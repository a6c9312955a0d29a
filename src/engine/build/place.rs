//! What a build needs of a daemon.

use super::super::context::Cx;
use crate::pool::{PoolKey, Service, Wanted};
use crate::step::Build;
use crate::step::build::Dockerfile;

/// The service of `build`, whose next build finds the same daemon, and its platforms.
pub(super) fn wanted(build: &Build, cx: &Cx) -> Wanted {
    let key = PoolKey::new(Service {
        namespace: &cx.workflow.namespace,
        repository: &build.context.repo.to_string(),
        subdir: build.context.subdir.as_deref().unwrap_or_default(),
        dockerfile: match &build.dockerfile {
            Dockerfile::File(path) => path,
            Dockerfile::Inline(_) => "",
        },
        target: build.target.as_deref().unwrap_or_default(),
    });
    Wanted { key, platforms: build.platforms.iter().map(ToString::to_string).collect() }
}
