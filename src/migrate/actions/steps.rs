//! The steps of a job of Actions: the actions that check out, log in and build, and scripts.

use super::super::flags;
use super::super::image;
use super::super::pipeline::{Field, Pipeline};
use super::super::script;
use super::super::source::Node;
use super::super::term::{Scope, Term, resolve, resolve_text};
use super::super::verdict::Verdict;

const LOGIN: &str = "put this login into the Secret `registry-credentials`, or one that `registry-secret` names, of type kubernetes.io/dockerconfigjson";
const OWN_TEMPLATE: &str =
    "no field of the catalogue; write it in the step `build` of a template of your own (docs/steps.md)";
const NO_SETUP: &str =
    "not needed: buildkitd is there, and emulates or has the platforms that its operator chose";
const NO_CHECKOUT: &str = "not needed: the step `build` reads the repository itself";

/// Reads a step. `outer` is the scope of the steps behind it, which see its outputs.
pub(super) fn read<'a>(
    step: &Node<'a>,
    scope: &Scope<'a>,
    outer: &mut Scope<'a>,
    base: &mut Pipeline,
    builds: &mut Vec<Pipeline>,
) {
    if let Some(run) = step.get("run") {
        script::read(&run, scope, base);
    }
    let Some(uses) = step.get("uses") else { return };
    let action = uses.str().unwrap_or_default();
    let action = action.split('@').next().unwrap_or_default();
    // A forge's own copy has the host before it: `https://github.com/docker/login-action`.
    let short: Vec<&str> = action.rsplit('/').take(2).collect();
    let inputs = step.get("with");
    match short.as_slice() {
        ["checkout", "actions"] => {
            uses.approximate(NO_CHECKOUT);
            inputs.into_iter().for_each(|inputs| checkout(&inputs, scope, base));
        }
        ["setup-buildx-action" | "setup-qemu-action", "docker"] => {
            uses.approximate(NO_SETUP);
            inputs.into_iter().for_each(|inputs| inputs.mark_all(Verdict::Approximate, NO_SETUP));
        }
        ["login-action", "docker"] => {
            uses.approximate("logins are Secrets that the service names");
            inputs.into_iter().for_each(|inputs| inputs.mark_all(Verdict::ByHand, LOGIN));
        }
        ["metadata-action", "docker"] => {
            uses.approximate(
                "the tag of each image is the commit, the Git tag or the number of the pull request",
            );
            inputs.into_iter().for_each(|inputs| metadata(step, &inputs, scope, outer));
        }
        ["build-push-action", "docker"] | ["action-kaniko", "aevea"] => {
            uses.direct("the step `build`");
            let mut build = Pipeline::new(step.place());
            build.builds = true;
            inputs.into_iter().for_each(|inputs| build_push(&inputs, scope, &mut build));
            builds.push(build);
        }
        _ => {}
    }
}

fn checkout<'a>(inputs: &Node<'a>, scope: &Scope<'a>, out: &mut Pipeline) {
    for (name, value) in inputs.entries() {
        let term = resolve(&value, scope);
        match name {
            "ref" => out.git_ref(&term),
            "submodules" => value.approximate("submodules are always read"),
            "repository" if term.text.contains('/') => value.by_hand(
                "`gitops.repo`, if this is the repository that is deployed from; `repo`, if it is built",
            ),
            "token" | "ssh-key" => {
                value.by_hand("put this login into the Secret that `git-secret` or `gitops.secret` names")
            }
            _ => value.approximate(NO_CHECKOUT),
        }
    }
}

/// The outputs of docker/metadata-action: the images that it names, without tags.
fn metadata<'a>(step: &Node<'a>, inputs: &Node<'a>, scope: &Scope<'a>, outer: &mut Scope<'a>) {
    for (name, value) in inputs.entries() {
        match name {
            "images" => {
                let images = resolve(&value, scope);
                if let Some(id) = step.text_at(&["id"]) {
                    outer.insert(format!("steps.{id}.outputs.tags"), images);
                }
            }
            "tags" | "flavor" => value.by_hand(
                "the tag is the commit, a pushed Git tag, or `pr-NUMBER-COMMIT`; write others that move as `parameters.extra-tags`",
            ),
            _ => value.mark_all(Verdict::ByHand, OWN_TEMPLATE),
        }
    }
}

fn build_push<'a>(inputs: &Node<'a>, scope: &Scope<'a>, out: &mut Pipeline) {
    let entries = inputs.entries();
    // The context before the Dockerfile, which is relative to the checkout there; the image before its cache.
    for first in ["context", "tags"] {
        entries
            .iter()
            .filter(|(name, _)| *name == first)
            .for_each(|(name, value)| input(name, value, scope, out));
    }
    let others = entries.iter().filter(|(name, _)| !matches!(*name, "context" | "tags"));
    others.for_each(|(name, value)| input(name, value, scope, out));
}

fn input<'a>(name: &str, value: &Node<'a>, scope: &Scope<'a>, out: &mut Pipeline) {
    let term = resolve(value, scope);
    let lines = term.text.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines: Vec<Term<'a>> = lines.map(|line| term.with(line)).collect();
    match name {
        "context" if term.text.contains("://") => out.repo(&term),
        "context" => out.local_context(&term),
        "file" => file(&term, out),
        "tags" => lines.iter().flat_map(split).for_each(|tag| out.image(&tag)),
        "platforms" => out.platforms(&term),
        "target" => out.set(Field::Target, &term),
        "build-args" => {
            for line in value.str().unwrap_or_default().lines().map(str::trim).filter(|line| !line.is_empty())
            {
                match line.split_once('=') {
                    Some((name, text)) => out.build_arg(name, &resolve_text(value, text, scope)),
                    None => value.by_hand(
                        "`build-args`: the value came from the environment; write it in services.yaml",
                    ),
                }
            }
        }
        "push" if value.is_true() => value.direct("the step `build` pushes"),
        "push" => value.approximate(
            "the step `build` pushes; an image of a pull request has the tag `pr-NUMBER-COMMIT`",
        ),
        "cache-from" | "cache-to" => lines.iter().for_each(|line| flags::take_cache(line, out)),
        "provenance" | "sbom" | "attests" => {
            value.mark_all(Verdict::ByHand, "`parameters.attest`: write what BuildKit attests")
        }
        "load" | "pull" | "builder" | "github-token" => value.approximate(NO_SETUP),
        "no-cache" if !value.is_true() => value.direct("the cache is used"),
        _ => value.mark_all(Verdict::ByHand, OWN_TEMPLATE),
    }
}

/// Images with commas between them.
fn split<'a>(line: &Term<'a>) -> Vec<Term<'a>> {
    line.text.split(',').map(|part| line.with(part.trim())).filter(|part| !part.text.is_empty()).collect()
}

/// A Dockerfile, relative to the checkout; in the catalogue it is relative to the context.
fn file(term: &Term<'_>, out: &mut Pipeline) {
    let path = image::local_directory(&term.text);
    let subdir = out.get(Field::Subdir).unwrap_or_default().to_owned();
    let inner = path.strip_prefix(&subdir).and_then(|rest| rest.strip_prefix('/'));
    match inner {
        Some(inner) if !subdir.is_empty() => out.set(Field::Dockerfile, &term.with(inner)),
        _ if subdir.is_empty() => out.set(Field::Dockerfile, &term.with(path.as_str())),
        _ => term.by_hand("`dockerfile`: it is not in the context (`subdir`); make the context larger, or move the Dockerfile"),
    }
}
