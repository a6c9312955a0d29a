//! The table of kinds.
//!
//! A new kind needs one line in this table, `step/FILE.rs` and `engine/FILE.rs`, each with its `mod`. `step/FILE.rs` has
//!
//! - the type with the kind's name, which holds the user's input;
//! - `SPEC`, the properties of the kind that the rest of the program needs (see [`Spec`]);
//! - `read`, which parses a [`Node`] into the type, or returns what is wrong;
//! - `mentions`, which lists the targets that a [policy](crate::policy) checks.
//!
//! `engine/FILE.rs` has `run`. The compiler reports any of these that is missing.

use super::node::Node;
use super::spec::Spec;
use super::{
    Build, Cache, CommitStatus, InvalidStep, Mention, Notify, Poll, Push, Select, Sign, Steps, Supersede,
    Sync, Tags, UpdateManifest, Verify,
};
use super::{
    build, cache, commit_status, notify, poll, push, select, sign, steps, supersede, sync, tags,
    update_manifest, verify,
};

/// Passes the table to the macro `$then`: each kind with its documentation, and the name of its two files.
macro_rules! kinds {
    ($then:ident) => {
        $then! {
            /// A Dockerfile build.
            Build in build;
            /// One commit to a GitOps repository.
            UpdateManifest in update_manifest;
            /// A copy of an image.
            Push in push;
            /// Signs an image.
            Sign in sign;
            /// Checks the signatures of images.
            Verify in verify;
            /// Ends older workflows.
            Supersede in supersede;
            /// Decides which services a push touches.
            Select in select;
            /// Submits the Workflows of commits whose image is missing.
            Poll in poll;
            /// Asks what tags a repository has, and what they name.
            Tags in tags;
            /// Says what is in the daemon's cache, prunes it, or pulls images into it.
            Cache in cache;
            /// Waits until a commit is deployed, and its images run.
            Sync in sync;
            /// Shows at a commit, on its forge, how it went.
            CommitStatus in commit_status;
            /// Tells people, or another program, what became of the work.
            Notify in notify;
            /// Several other steps in one node, in order.
            Steps in steps;
        }
    };
}
pub(crate) use kinds;

macro_rules! step_and_kind {
    ($($(#[$doc:meta])* $kind:ident in $file:ident;)*) => {
        /// A valid step.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Step {
            $($(#[$doc])* $kind(Box<$kind>),)*
        }

        /// The kind of a step; the only key under `plugin.buildkit`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kind {
            $($(#[$doc])* $kind,)*
        }

        impl Step {
            /// The kind of this step.
            pub fn kind(&self) -> Kind {
                match self {
                    $(Self::$kind(_) => Kind::$kind,)*
                }
            }

            /// The targets that a policy checks, without those of the entries of `steps`, which are steps of their own.
            pub(crate) fn mentions(&self) -> Vec<Mention> {
                match self {
                    $(Self::$kind(step) => $file::mentions(step),)*
                }
            }
        }

        impl Kind {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// The properties of the kind that the rest of the program needs.
            pub fn spec(self) -> &'static Spec {
                match self {
                    $(Self::$kind => &$file::SPEC,)*
                }
            }

            /// Parses the value under the kind's name.
            pub(super) fn read(self, node: Node<'_>) -> Result<Step, InvalidStep> {
                match self {
                    $(Self::$kind => $file::read(node).map(|step| Step::$kind(Box::new(step))),)*
                }
            }
        }
    };
}
kinds!(step_and_kind);
