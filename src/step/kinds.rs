//! The table of kinds.
//!
//! A new kind is one line in this table, `step/FILE.rs` and `engine/FILE.rs`, each with its `mod`. `step/FILE.rs` has
//!
//! - the type of its name, which holds what the user wrote;
//! - `SPEC`, what the rest of the program must know of it (see [`Spec`]);
//! - `read`, which makes the type from a [`Node`], or says what is wrong;
//! - `mentions`, which lists what a [policy](crate::policy) judges.
//!
//! `engine/FILE.rs` has `run`. The compiler asks for each of these.

use super::node::Node;
use super::spec::Spec;
use super::{Build, InvalidStep, Mention, Steps, Supersede, UpdateManifest};
use super::{build, steps, supersede, update_manifest};

/// Gives the table to the macro `$then`: each kind with its documentation, and the name of its two files.
macro_rules! kinds {
    ($then:ident) => {
        $then! {
            /// A Dockerfile build.
            Build in build;
            /// One commit to a GitOps repository.
            UpdateManifest in update_manifest;
            /// The end of older workflows.
            Supersede in supersede;
            /// Several of the others in one node, in order.
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

        /// What a step does; the one key under `plugin.buildkit`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kind {
            $($(#[$doc])* $kind,)*
        }

        impl Step {
            /// What the step does.
            pub fn kind(&self) -> Kind {
                match self {
                    $(Self::$kind(_) => Kind::$kind,)*
                }
            }

            /// What it names that a policy judges; not what the entries of `steps` name, which are steps of their own.
            pub(crate) fn mentions(&self) -> Vec<Mention> {
                match self {
                    $(Self::$kind(step) => $file::mentions(step),)*
                }
            }
        }

        impl Kind {
            /// Every kind there is.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// What the rest of the program must know of it.
            pub fn spec(self) -> &'static Spec {
                match self {
                    $(Self::$kind => &$file::SPEC,)*
                }
            }

            /// Reads the value under its name.
            pub(super) fn read(self, node: Node<'_>) -> Result<Step, InvalidStep> {
                match self {
                    $(Self::$kind => $file::read(node).map(|step| Step::$kind(Box::new(step))),)*
                }
            }
        }
    };
}
kinds!(step_and_kind);
