//! The advice texts. A test checks every word in backticks against the fields of a step, Dockerfiles and buildkitd.

pub(super) const CREDENTIALS: &str = "check `registry-secret`: its host, user, token and the token's scopes";
pub(super) const PUSH_LOGIN: &str =
    "check `registry-secret`: its host, user and token, and the token's right to push to this repository";
pub(super) const PUSH_NAME: &str = "check the name of the image or repository in `tags`; some registries want the repository to be created first";
pub(super) const IMMUTABLE: &str =
    "the tag exists already, and the registry does not let it be overwritten: choose another under `tags`";
pub(super) const QUOTA: &str =
    "the registry's quota for this repository is used up: delete old images, or have it enlarged";
pub(super) const TOO_LARGE: &str = "a layer is larger than the registry, or a proxy before it, takes: raise the proxy's limit for bodies, or make the layer smaller";
pub(super) const NOT_A_REGISTRY: &str = "what answers takes no pushes there: check host and path of `tags`, and that the registry is not read-only or a mirror";
pub(super) const REFUSED_FORM: &str = "the registry refuses what was sent: it may not take images of this form; see `media-types`, `compression` and `annotations`";
pub(super) const REFUSED: &str =
    "the registry refuses it; check `tags` and `registry-secret`, or ask who runs the registry";
pub(super) const REFUSED_PULL: &str =
    "the registry refuses to give the image: check its name, and ask who runs the registry";
pub(super) const CACHE_LOGIN: &str = "check `registry-secret` and its right to push the cache that `cache.to` names; with `ignore-error: true`, the default, the build \
    goes on without it";
pub(super) const CACHE_REFUSED: &str = "the registry refuses the cache: check `cache.to`; with `ignore-error: true`, the default, the build goes on without it";
pub(super) const CACHE_LATER: &str = "the registry of `cache.to` is away or overloaded, try again later; with `ignore-error: true`, the default, the build goes on without it";
pub(super) const IMAGE_NAME: &str = "check the image's name and tag";
pub(super) const IMAGE_OR_REPOSITORY: &str = "check the name of the image or repository";
pub(super) const PLATFORM: &str =
    "the image is not made for this platform: choose others under `platforms`, or another image";
pub(super) const STAGE: &str = "no stage of the Dockerfile has this name, and so it is taken for an image: correct the name after `FROM` or `--from`";
pub(super) const SHORT_NAME: &str = "no stage of the Dockerfile has this name, and so it is taken for an image of docker.io, which buildkitd cannot reach now";
pub(super) const LAYER_GONE: &str =
    "the registry no longer has a layer of this image: push the image again, or build from another";
pub(super) const DOWNLOAD_GONE: &str =
    "the server does not give this file: check the URL after `ADD`, and that no login is needed";
pub(super) const DOWNLOAD_CHANGED: &str =
    "the file is not the one that `--checksum` names: it has changed, or the digest is another file's";
pub(super) const SUBMODULES: &str =
    "set `submodules: false`, or see that buildkitd can reach the servers of the submodules";
pub(super) const GIT_LOGIN: &str = "check the Git secret and its right to read this repository; if this is a submodule, name a login for its host under `submodule-secrets`, or \
    set `submodules: false`";
pub(super) const GIT_BROKE: &str = "the Git server broke off while buildkitd cloned from it, try again later";
pub(super) const GIT_TRUST: &str = "buildkitd's own git does not trust the Git server's certificate: argo-buildkit's `--ca-bundle` is not buildkitd's; add the CA \
    to the certificates of buildkitd's machine or image, or name a bundle by `GIT_SSL_CAINFO` in buildkitd's environment";
pub(super) const PLAIN_HTTP_PUSH: &str = "the registry speaks plain http: set `insecure: true` for it under `tags`, or `http = true` in buildkitd's registry configuration";
pub(super) const PLAIN_HTTP_CACHE: &str = "the registry speaks plain http: set `insecure: true` in `cache.to`, or `http = true` in buildkitd's registry configuration";
pub(super) const PLAIN_HTTP: &str = "the registry speaks plain http: set `http = true` for it in buildkitd's registry configuration (buildkitd.toml)";
pub(super) const TRUST_PUSH: &str = "buildkitd does not trust the registry's certificate (argo-buildkit's `--ca-bundle` is not buildkitd's): add its CA to buildkitd's \
    registry configuration (buildkitd.toml, `ca = [\"FILE\"]`), or set `insecure: true` for it under `tags`";
pub(super) const TRUST_CACHE: &str = "buildkitd does not trust the registry's certificate (argo-buildkit's `--ca-bundle` is not buildkitd's): add its CA to buildkitd's \
    registry configuration (buildkitd.toml, `ca = [\"FILE\"]`), or set `insecure: true` in `cache.to`";
pub(super) const TRUST: &str = "buildkitd does not trust the registry's certificate (argo-buildkit's `--ca-bundle` is not buildkitd's): add its CA to buildkitd's \
    registry configuration (buildkitd.toml, `ca = [\"FILE\"]`)";
pub(super) const TRUST_DOWNLOAD: &str = "buildkitd does not trust the server's certificate (argo-buildkit's `--ca-bundle` is not buildkitd's): add its CA to the \
    certificates of buildkitd's machine or image";
pub(super) const LATER: &str = "the server is away or overloaded, try again later";
pub(super) const UNRESOLVED: &str = "check the host name; buildkitd cannot resolve it";
pub(super) const NO_FILE: &str =
    "the context has no such file: the path is relative to the context (`context.subdir`)";
pub(super) const NO_FILE_IN_STAGE: &str = "the stage or image after `--from` has no such file";
pub(super) const DENIED: &str = "the build may read the commits that the step names as `context` and `contexts`, and no others: name this one, \
    with its `revision`, under `contexts`, and use it by that name";
pub(super) const DENIED_IMAGE: &str = "the shared agent's policy does not list this image for the namespace: have it added under `images`, or build \
    from another";
pub(super) const DENIED_OTHER: &str = "buildkitd's source policy forbids it";
pub(super) const SECRET: &str = "name it under `secrets`";
pub(super) const SSH: &str = "name a key for it under `ssh`";
pub(super) const SSH_KEY: &str = "check the ssh key and its right to read this repository";
pub(super) const HOST_KEY: &str = "check the Git server's host key";
pub(super) const SHORT_SHA: &str = "check `revision`; a short commit id is no revision";
pub(super) const NO_COMMIT: &str = "check `revision`: the repository has no such commit";
pub(super) const MOVED_ON: &str = "the branch or tag has moved on";
pub(super) const SUBDIR: &str = "check `subdir`";
pub(super) const GIT_URL: &str = "the URL of a Git repository must end in `.git`";
pub(super) const DISK: &str = "buildkitd's disk is full: prune its cache or enlarge it";
pub(super) const STORE: &str = "buildkitd was killed while it wrote to its store: remove the directory that exists there, or empty the whole store, and try again";
pub(super) const SESSION: &str = "buildkitd lost the session to us; try again";
pub(super) const ENTITLEMENT: &str = "buildkitd must be started with `--allow-insecure-entitlement`";
pub(super) const HOST_NETWORK: &str =
    "set `network: host`, or name `network.host` under `entitlements`; buildkitd must allow it too";
pub(super) const INSECURE_RUN: &str = "steps run without privileges: leave out `--security=insecure`, or name `security.insecure` under `entitlements`; buildkitd must allow it too";
pub(super) const STAGE_NUMBER: &str = "stages are counted from 0, and `--from` can name earlier ones only";
pub(super) const TARGET: &str = "check `target`";
pub(super) const DOCKERFILE: &str = "check `dockerfile`, which is relative to `context.subdir`";
pub(super) const EPOCH: &str = "`SOURCE_DATE_EPOCH` in `build-args` is seconds since 1970, a whole number";
pub(super) const NO_STAGES: &str = "a Dockerfile begins with `FROM`; only `ARG` may stand before it";
pub(super) const LINT: &str =
    "the Dockerfile says `check=error=true`: mend what the warnings name, or leave that line out";
pub(super) const ESCAPE: &str = "`# escape=` takes a backslash or a backtick";
pub(super) const NOT_A_FRONTEND: &str = "the image after `# syntax=` is no Dockerfile frontend, such as `docker/dockerfile:1`; leave the line out to use buildkitd's own";
pub(super) const MEMORY: &str = "it ran out of memory: give buildkitd more, or let the step use less";
pub(super) const KILLED: &str = "137 is a kill (SIGKILL), and most often means that memory ran out: look at buildkitd's memory, or let the step use less";
pub(super) const CRLF: &str =
    "the lines end in CRLF, and the shell takes the CR for a part of the last word: save the file with LF";

#[cfg(test)]
mod tests {
    /// Words that are not fields of a step: Dockerfile words, and settings of buildkitd and git.
    const OTHERS: &[&str] = &[
        "--allow-insecure-entitlement",
        "--checksum",
        "--from",
        "--security=insecure",
        "# escape=",
        "# syntax=",
        ".git",
        "ADD",
        "ARG",
        "FROM",
        "GIT_SSL_CAINFO",
        "SOURCE_DATE_EPOCH",
        "ca = [\\\"FILE\\\"]",
        "check=error=true",
        "docker/dockerfile:1",
        "http = true",
        "network.host",
        "security.insecure",
    ];

    /// All words in backticks in the advice above.
    fn named() -> Vec<&'static str> {
        let advice = include_str!("advice.rs").split("#[cfg(test)]").next().unwrap_or_default();
        let texts = advice.lines().filter(|line| !line.starts_with("//"));
        texts.flat_map(|line| line.split('`').skip(1).step_by(2)).collect()
    }

    /// Whether a table in the docs lists `word`, or the part of it before its value, as a name.
    fn is_documented(word: &str) -> bool {
        let steps = include_str!("../../../docs/steps.md");
        let name = word.split(": ").next().unwrap_or(word);
        let is_field = |row: &&str| {
            row.starts_with(&format!("| `{name}`")) || row.starts_with(&format!("| `context.{name}`"))
        };
        let of_cache = |row: &&str| row.starts_with(&format!("| `cache.to.{name}`"));
        steps.lines().any(|row| is_field(&row) || of_cache(&row))
    }

    #[test]
    fn all_that_advice_names_exists() {
        let flags = include_str!("../../../docs/settings.md");
        let policy = include_str!("../../../docs/agent-tenants.md");
        let known = |word: &str| {
            OTHERS.contains(&word)
                || is_documented(word)
                || word.starts_with("--") && flags.contains(&format!("| `{word}` |"))
                || policy.contains(&format!("| `{word}`"))
        };
        let unknown: Vec<_> = named().into_iter().filter(|word| !known(word)).collect();
        assert!(unknown.is_empty(), "no field, flag or word of Dockerfiles: {unknown:?}");
        assert!(named().len() > 40);
    }
}
