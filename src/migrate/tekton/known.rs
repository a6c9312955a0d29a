//! Tasks of Tekton's catalogue that many pipelines name and few have a file of.

use super::super::flags::{self, Tool};
use super::super::pipeline::{Field, Pipeline};
use super::super::term::Term;
use super::Given;

/// A Task that is known by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KnownTask {
    GitClone,
    /// kaniko and buildah, whose parameters have the same names.
    Build,
}

const DONE: &str = "not needed: the step `build` reads Git, builds and pushes";

/// The Task with a name.
pub(super) fn named(name: &str) -> Option<KnownTask> {
    match name {
        "git-clone" => Some(KnownTask::GitClone),
        "kaniko" | "buildah" => Some(KnownTask::Build),
        _ => None,
    }
}

/// Takes the parameters of a known Task.
pub(super) fn read(task: KnownTask, given: &Given<'_>, out: &mut Pipeline) {
    out.builds |= task == KnownTask::Build;
    // The image first: a cache in its repository is left out.
    let image = given.get_key_value("IMAGE").filter(|_| task == KnownTask::Build);
    let others = given.iter().filter(|(name, _)| task != KnownTask::Build || *name != "IMAGE");
    for (name, items) in image.into_iter().chain(others) {
        match task {
            KnownTask::GitClone => items.iter().for_each(|item| clone(name, item, out)),
            KnownTask::Build if name == "EXTRA_ARGS" => flags::take(Tool::Kaniko, items, out),
            KnownTask::Build => items.iter().for_each(|item| build(name, item, out)),
        }
    }
}

fn clone(name: &str, value: &Term<'_>, out: &mut Pipeline) {
    match name {
        "url" => out.repo(value),
        "revision" | "refspec" => out.git_ref(value),
        "submodules" if value.text == "false" => {
            value.by_hand(
                "submodules are read; write `submodules: false` in the context of a template of your own",
            );
        }
        "httpProxy" | "httpsProxy" | "noProxy" => {
            value.by_hand("the plugin's own settings decide about proxies")
        }
        _ => value.approximate("not needed: nothing is cloned into a directory"),
    }
}

fn build(name: &str, value: &Term<'_>, out: &mut Pipeline) {
    match name {
        "IMAGE" => out.image(value),
        "DOCKERFILE" => flags::dockerfile(value, out),
        "CONTEXT" => out.local_context(value),
        "TLSVERIFY" if value.text == "false" => out.set(Field::Insecure, &value.with("true")),
        "BUILDER_IMAGE" | "FORMAT" | "STORAGE_DRIVER" | "TLSVERIFY" => value.approximate(DONE),
        _ => value.by_hand("no rule knows this parameter of the Task; look for it in docs/steps.md"),
    }
}
