//! The command lines of the tools that build: buildctl, kaniko, docker and its likes.

mod kaniko;

use super::pipeline::{Field, Pipeline};
use super::term::Term;

/// A tool that builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tool {
    Buildctl,
    Kaniko,
    Docker,
}

const OWN_ADDRESS: &str = "not needed: the plugin has its own address of buildkitd (`BUILDKIT_HOST`)";
const ALWAYS: &str = "not needed: every build does so";
const OWN_TEMPLATE: &str =
    "no field of the catalogue; write it in the step `build` of a template of your own (docs/steps.md)";
const UNKNOWN: &str = "no rule knows this flag; look for it in docs/steps.md, \"Beside buildx and buildctl\"";

/// Flags without a value of their own.
const SWITCHES: &[&str] = &[
    "push",
    "load",
    "pull",
    "no-cache",
    "q",
    "quiet",
    "rm",
    "force-rm",
    "squash",
    "wait",
    "debug",
    "cache",
    "insecure",
    "insecure-pull",
    "skip-tls-verify",
    "skip-tls-verify-pull",
    "no-push",
    "cleanup",
    "reproducible",
    "single-snapshot",
    "use-new-run",
    "cache-copy-layers",
    "cache-run-layers",
    "compressed-caching",
    "force",
    "ignore-var-run",
    "layers",
];

/// The tool that a command begins with, and its arguments.
pub(super) fn tool<'w, 'a>(words: &'w [Term<'a>], image: &str) -> Option<(Tool, &'w [Term<'a>])> {
    let first = words.first().map(|word| word.text.as_str()).unwrap_or_default();
    // A flag may have a path in its value.
    let name = if first.starts_with('-') { first } else { first.rsplit('/').next().unwrap_or_default() };
    let has = |word: &str| words.iter().any(|term| term.text == word);
    match name {
        "buildctl" | "buildctl-daemonless.sh" if has("build") => Some((Tool::Buildctl, &words[1..])),
        "executor" if first.contains("kaniko") => Some((Tool::Kaniko, &words[1..])),
        "docker" | "podman" | "nerdctl" | "buildah" | "img" if has("build") || has("bud") => {
            let at = words.iter().position(|term| matches!(term.text.as_str(), "build" | "bud")).unwrap_or(0);
            Some((Tool::Docker, &words[at + 1..]))
        }
        _ if image.contains("kaniko") && !image.contains("warmer") && name.starts_with("--") => {
            Some((Tool::Kaniko, words))
        }
        "build" if image.contains("buildkit") => Some((Tool::Buildctl, words)),
        _ if image.contains("buildkit") && name.starts_with("--") && has("build") => {
            Some((Tool::Buildctl, words))
        }
        _ => None,
    }
}

/// Takes the arguments of a tool.
pub(super) fn take(tool: Tool, words: &[Term<'_>], out: &mut Pipeline) {
    out.builds = true;
    let (mut found, others) = flags(words);
    // The image first: a cache in its repository is left out.
    found.sort_by_key(|(name, _)| {
        !matches!(name.as_str(), "output" | "o" | "destination" | "d" | "t" | "tag")
    });
    for (name, value) in &found {
        match tool {
            Tool::Buildctl => buildctl(name, value, out),
            Tool::Kaniko => kaniko::take(name, value, out),
            Tool::Docker => docker(name, value, out),
        }
    }
    for other in &others {
        match (tool, other.text.as_str()) {
            (_, "build") => other.direct("the step `build`"),
            (Tool::Docker, text) if text.contains("://") => out.repo(other),
            (Tool::Docker, _) => out.local_context(other),
            _ => other.by_hand(UNKNOWN),
        }
    }
}

/// The flags of a command line with their values, and the words that are none.
fn flags<'a>(words: &[Term<'a>]) -> (Vec<(String, Term<'a>)>, Vec<Term<'a>>) {
    let (mut found, mut others) = (Vec::new(), Vec::new());
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        let name = word.text.trim_start_matches('-');
        if name.is_empty() || name.len() == word.text.len() {
            others.push(word.clone());
            continue;
        }
        if let Some((name, value)) = name.split_once('=') {
            found.push((name.to_owned(), word.with(value)));
            continue;
        }
        let is_switch = SWITCHES.contains(&name);
        match words.next_if(|next| !is_switch && !next.text.starts_with('-')) {
            Some(value) => found.push((name.to_owned(), value.clone().and(&word.from))),
            None => found.push((name.to_owned(), word.with("true"))),
        }
    }
    (found, others)
}

/// `a=1,b=2` as pairs. A part without `=` belongs to the value before it: `name=x:1,x:2`.
fn pairs<'a>(term: &Term<'a>) -> Vec<(String, Term<'a>)> {
    let mut pairs: Vec<(String, Term<'a>)> = Vec::new();
    for part in term.text.split(',') {
        let part = part.trim().trim_matches('"');
        match (part.split_once('='), pairs.is_empty()) {
            (Some((key, value)), _) => pairs.push((key.trim().to_owned(), term.with(value))),
            (None, true) => pairs.push((part.to_owned(), term.with(part))),
            (None, false) => {
                if let Some((_, last)) = pairs.last_mut() {
                    last.text.push_str(&format!(",{part}"));
                }
            }
        }
    }
    pairs
}

fn buildctl(name: &str, value: &Term<'_>, out: &mut Pipeline) {
    match name {
        "frontend" if value.text.starts_with("dockerfile") => {
            value.direct("the step `build` reads Dockerfiles")
        }
        "opt" => match value.text.split_once('=') {
            Some((key, text)) => option(key, &value.with(text), out),
            None => value.by_hand(UNKNOWN),
        },
        "local" => match value.text.split_once('=') {
            Some(("context", text)) => out.local_context(&value.with(text)),
            _ => value.approximate("the Dockerfile is read from the context; `dockerfile` names it"),
        },
        "output" | "o" => output(value, out),
        "export-cache" | "import-cache" => registry_cache(value, out),
        "addr" | "tlscacert" | "tlscert" | "tlskey" | "tlsservername" | "tlsdir" | "timeout" | "wait" => {
            value.approximate(OWN_ADDRESS);
        }
        "progress" | "debug" | "trace" | "metadata-file" | "log-format" => {
            value.approximate(
                "not needed: the node's message has the progress, and its outputs have the digest",
            );
        }
        "no-cache" => value.by_hand(OWN_TEMPLATE),
        "secret" | "ssh" | "allow" | "source-policy-file" => value.by_hand(OWN_TEMPLATE),
        _ => value.by_hand(UNKNOWN),
    }
}

/// An option of the Dockerfile frontend.
fn option(key: &str, value: &Term<'_>, out: &mut Pipeline) {
    match key {
        "filename" => out.set(Field::Dockerfile, value),
        "target" => out.set(Field::Target, value),
        "platform" => out.platforms(value),
        "context" => out.repo(value),
        _ if key.starts_with("attest:") => attest(&value.with(&key["attest:".len()..]), out),
        _ => match key.strip_prefix("build-arg:") {
            Some(name) => out.build_arg(name, value),
            None => value.by_hand(OWN_TEMPLATE),
        },
    }
}

fn attest(value: &Term<'_>, out: &mut Pipeline) {
    match value.text.as_str() {
        "provenance" => out.set_as(Field::Attest, &value.with("min"), Some("write `max` if it was that")),
        _ => value.by_hand("`parameters.attest`: write what BuildKit attests"),
    }
}

/// `type=image,name=a:1,name=a:latest,push=true`.
fn output(value: &Term<'_>, out: &mut Pipeline) {
    let pairs = pairs(value);
    let kind = pairs.iter().find(|(key, _)| key == "type").map_or("", |(_, kind)| kind.text.as_str());
    if !matches!(kind, "image" | "registry") {
        return value.by_hand("only images that are pushed are made; export files in a template of your own");
    }
    for (key, part) in &pairs {
        match key.as_str() {
            "type" => {}
            "name" => part.text.split(',').for_each(|name| out.image(&part.with(name))),
            "push" if part.text == "true" => part.direct("the step `build` pushes"),
            "push" => {
                part.by_hand("the image was not pushed; write `parameters.push: \"false\"` for the same")
            }
            "registry.insecure" => out.set(Field::Insecure, part),
            "oci-mediatypes" | "compression" | "store" | "unpack" => part.by_hand(OWN_TEMPLATE),
            _ => part.by_hand(UNKNOWN),
        }
    }
}

/// Takes a cache that is read or written: `type=registry,ref=…,mode=max`, or a reference alone.
pub(super) fn take_cache(value: &Term<'_>, out: &mut Pipeline) {
    registry_cache(value, out);
}

fn registry_cache(value: &Term<'_>, out: &mut Pipeline) {
    let pairs = pairs(value);
    let text = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, term)| term);
    match text("type").map_or("registry", |kind| kind.text.as_str()) {
        "registry" => match text("ref").or(pairs.first().map(|(_, term)| term)) {
            Some(reference) => out.cache(reference),
            None => value.by_hand("`cache`: this names no registry; write one in services.yaml"),
        },
        "inline" => value.approximate("the cache is kept beside the image (`cache`), not in it"),
        "gha" | "local" => {
            value.approximate(
                "not needed: buildkitd keeps its cache between builds, and `cache` keeps one in a registry",
            );
        }
        _ => return value.by_hand(OWN_TEMPLATE),
    }
    if let Some(insecure) = text("registry.insecure") {
        out.set(Field::CacheInsecure, insecure);
    }
}

fn docker(name: &str, value: &Term<'_>, out: &mut Pipeline) {
    match name {
        "t" | "tag" => out.image(value),
        "f" | "file" => dockerfile(value, out),
        "target" => out.set(Field::Target, value),
        "platform" => out.platforms(value),
        "build-arg" => argument(value, out),
        "cache-from" | "cache-to" => registry_cache(value, out),
        "push" => value.direct("the step `build` pushes"),
        "load" | "pull" | "rm" | "force-rm" | "layers" => value.approximate(ALWAYS),
        "q" | "quiet" | "progress" | "builder" | "iidfile" | "metadata-file" => {
            value.approximate(OWN_ADDRESS)
        }
        "provenance" => attest(&value.with("provenance"), out),
        "sbom" => value.by_hand("`parameters.attest`: write `{\"sbom\": true}`"),
        _ => value.by_hand(OWN_TEMPLATE),
    }
}

fn argument(value: &Term<'_>, out: &mut Pipeline) {
    match value.text.split_once('=') {
        Some((name, text)) => out.build_arg(name, &value.with(text)),
        None => value.by_hand("`build-args`: the value came from the environment; write it in services.yaml"),
    }
}

/// A Dockerfile of the old build's machine.
pub(super) fn dockerfile(value: &Term<'_>, out: &mut Pipeline) {
    let path = super::image::local_directory(&value.text);
    out.set_as(
        Field::Dockerfile,
        &value.with(path),
        Some("relative to the context (`subdir`); look whether it was so"),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str, image: &str) -> Pipeline {
        let words: Vec<Term<'_>> =
            line.split(' ').map(|word| Term { text: word.to_owned(), from: Vec::new() }).collect();
        let mut out = Pipeline::default();
        if let Some((tool, words)) = tool(&words, image) {
            take(tool, words, &mut out);
        }
        out
    }

    #[test]
    fn three_tools_say_the_same() {
        for (line, image) in [
            (
                "buildctl --addr tcp://b:1 build --frontend dockerfile.v0 --opt filename=D --opt target=t --opt build-arg:A=1 \
                 --export-cache type=registry,ref=c.io/cache/api,mode=max --output type=image,name=r.io/a:latest,push=true",
                "",
            ),
            (
                "--destination=r.io/a:latest --dockerfile D --target=t --build-arg=A=1 --cache=true --cache-repo=c.io/cache/api",
                "gcr.io/kaniko-project/executor",
            ),
            (
                "docker buildx build -f D --target t --build-arg A=1 --cache-to type=registry,ref=c.io/cache/api -t r.io/a:latest --push .",
                "",
            ),
        ] {
            let out = read(line, image);
            assert!(out.builds, "{line}");
            for (field, text) in [
                (Field::Image, "r.io/a"),
                (Field::Dockerfile, "D"),
                (Field::Target, "t"),
                (Field::CacheRegistry, "c.io/cache"),
                (Field::CacheName, "api"),
            ] {
                assert_eq!(out.get(field), Some(text), "{line}");
            }
            assert_eq!(out.build_args.get("A").map(String::as_str), Some("1"), "{line}");
            assert_eq!(out.extra_tags, ["latest"], "{line}");
        }
        assert!(!read("docker push r.io/a", "").builds && !read("", "").builds);
    }

    #[test]
    fn two_names_of_one_output_are_two_tags_and_a_secret_is_not_copied() {
        let out = read(
            "buildctl build --output type=image,\"name=r.io/a:1,r.io/a:2\",push=true --opt build-arg:NPM_TOKEN=x --opt build-arg:INDEX=https://u:p@h/simple",
            "",
        );
        assert_eq!(out.extra_tags, ["1", "2"]);
        assert!(out.build_args.is_empty());
    }
}
