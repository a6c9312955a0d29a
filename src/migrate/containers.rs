//! Containers and steps of all systems: an image with a command line or a script.

use super::flags;
use super::pipeline::{Field, Pipeline};
use super::script;
use super::source::Node;
use super::term::{Scope, Term, resolve};
use super::verdict::Verdict;

const TOOL_IMAGE: &str = "not needed: the plugin and buildkitd do what this image did";

/// Reads a container, or a step of Tekton or of a script template of Argo.
pub(super) fn container<'a>(node: &Node<'a>, scope: &Scope<'a>, out: &mut Pipeline) {
    let scope = with_environment(node, scope);
    let image = node.get("image").map(|image| resolve(&image, &scope)).unwrap_or_default();
    let before = (out.builds, out.fields.len());
    for key in ["script", "source", "run"] {
        if let Some(text) = node.get(key) {
            script::read(&text, &scope, out);
        }
    }
    let words: Vec<Term<'a>> =
        [node.list("command"), node.list("args")].concat().iter().map(|word| resolve(word, &scope)).collect();
    command(node, &words, &image.text, &scope, out);
    if before != (out.builds, out.fields.len()) || is_daemon(&image.text) {
        image.approximate(TOOL_IMAGE);
    }
}

/// Whether an image starts a buildkitd, or warms kaniko's cache.
fn is_daemon(image: &str) -> bool {
    image.contains("moby/buildkit") || image.contains("kaniko") || image.contains("dind")
}

fn command<'a>(node: &Node<'a>, words: &[Term<'a>], image: &str, scope: &Scope<'a>, out: &mut Pipeline) {
    let shell = words.first().map(|word| word.text.rsplit('/').next().unwrap_or_default().to_owned());
    let is_shell = matches!(shell.as_deref(), Some("sh" | "bash" | "ash"));
    if let (true, [first]) = (is_shell, words) {
        return first.approximate("no shell runs");
    }
    if let (true, [rest @ .., _]) = (is_shell, words) {
        rest.iter().for_each(|word| word.approximate("no shell runs"));
        // The script is not resolved as a whole: each of its words has values of its own.
        let items = [node.list("command"), node.list("args")].concat();
        if let Some(text) = items.last() {
            script::read(text, scope, out);
        }
        return;
    }
    if let Some((tool, arguments)) = flags::tool(words, image) {
        words.iter().take(words.len() - arguments.len()).for_each(|word| word.direct("the step `build`"));
        flags::take(tool, arguments, out);
        return;
    }
    let texts: Vec<String> = words.iter().map(|word| word.text.clone()).collect();
    let clones = image.contains("git") && texts.iter().any(|word| word == "clone");
    if clones {
        for word in words {
            match word.text.contains("://") {
                true => out.repo(word),
                false => {
                    word.approximate("the context is read from the Git repository, so nothing is cloned")
                }
            }
        }
    }
}

/// The scope with the variables of the container whose values are written in the file.
fn with_environment<'a>(node: &Node<'a>, scope: &Scope<'a>) -> Scope<'a> {
    let mut inner = scope.clone();
    for variable in node.list("env") {
        let (Some(name), Some(value)) = (variable.text_at(&["name"]), variable.get("value")) else {
            continue;
        };
        if name == "DOCKER_CONFIG" || name == "BUILDKIT_HOST" {
            value.approximate("not needed: the plugin has its own address of buildkitd, and logins are Secrets that the service names");
            continue;
        }
        let term = resolve(&value, scope);
        let named = variable.get("name").into_iter().collect::<Vec<_>>();
        inner.insert(format!("env.{name}"), term.and(&named));
    }
    inner
}

/// Reads the volumes of a pod: a Secret with the login for the registry is one that the service names.
pub(super) fn volumes<'a>(node: &Node<'a>, scope: &Scope<'a>, out: &mut Pipeline) {
    for volume in node.list("volumes") {
        let Some(secret) = volume.at(&["secret", "secretName"]) else { continue };
        let name = volume.text_at(&["name"]).unwrap_or_default();
        let term = resolve(&secret, scope);
        let is_login = [name.as_str(), term.text.as_str()].iter().any(|text| {
            ["docker", "regcred", "registry", "kaniko"].iter().any(|word| text.to_lowercase().contains(word))
        });
        if is_login {
            out.set_as(
                Field::RegistrySecret,
                &term,
                Some("of type kubernetes.io/dockerconfigjson, in the namespace of the catalogue"),
            );
            for item in volume.get("secret").map(|secret| secret.list("items")).unwrap_or_default() {
                item.mark_at(&["key"], Verdict::Approximate, "the key must be `.dockerconfigjson`");
                item.mark_at(&["path"], Verdict::Approximate, "not needed: no file is mounted");
            }
        }
    }
}
