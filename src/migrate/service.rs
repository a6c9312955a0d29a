//! A service of the catalogue, made of what the systems said about it.

use serde_json::{Map, Value, json};

use super::image::service_name;
use super::pipeline::{Field, Pipeline};
use super::report::OpenPoint;

/// The host of what the input does not name. No host can have this name (RFC 2606), so nothing is built before it is replaced.
pub(super) const UNKNOWN_HOST: &str = "example.invalid";

/// The template of a service that nothing deploys.
const BUILD_ONLY: &str = "build-push";

/// Makes services, and collects what is to do about each.
pub(super) struct ServiceWriter<'o> {
    /// The URL before owner and name of a repository, without a final slash.
    pub(super) git_url: Option<&'o str>,
    pub(super) names: Vec<String>,
    pub(super) open: Vec<OpenPoint>,
}

impl ServiceWriter<'_> {
    /// The service of a build.
    pub(super) fn service(&mut self, build: &Pipeline) -> Value {
        let name = self.name(build);
        let mut service = Map::new();
        let repo = self.repo(build, &name);
        service.insert("name".to_owned(), json!(name));
        service.insert("repo".to_owned(), json!(repo));
        self.image(build, &name, &mut service);
        let deploys = is_deployed(build);
        for (field, text) in &build.fields {
            if !matches!(field, Field::Repo | Field::Image) {
                put(
                    &mut service,
                    field.path(),
                    if field.is_bool() { json!(text == "true") } else { json!(text) },
                );
            }
        }
        if build.get(Field::CacheRegistry).is_some() && build.get(Field::CacheInsecure).is_none() {
            put(&mut service, Field::CacheInsecure.path(), json!(false));
        }
        lists(build, &mut service);
        if !deploys {
            service.insert("template".to_owned(), json!(BUILD_ONLY));
        } else if build.get(Field::GitopsRepo).is_none() {
            self.say(&name, "gitops.repo", "the files do not name the repository of the manifests; write its URL, or leave it if it is `repo`");
        }
        for what in &build.open {
            self.open.push(OpenPoint { place: build.origin.clone(), what: what.clone() });
        }
        Value::Object(service)
    }

    fn say(&mut self, name: &str, field: &str, what: &str) {
        self.open
            .push(OpenPoint { place: format!("services.yaml, {name}, `{field}`"), what: what.to_owned() });
    }

    /// A name that no service has yet.
    fn name(&mut self, build: &Pipeline) -> String {
        let image = build.get(Field::Image).and_then(|image| image.rsplit('/').next());
        let base = service_name(image.or(build.name.as_deref()).unwrap_or("service"));
        let taken = |name: &String| self.names.contains(name);
        let mut name = base.clone();
        let mut n = 2;
        while taken(&name) {
            name = format!("{base}-{n}");
            n += 1;
        }
        self.names.push(name.clone());
        name
    }

    fn repo(&mut self, build: &Pipeline, name: &str) -> String {
        if let Some(repo) = build.get(Field::Repo) {
            return repo.to_owned();
        }
        match (&build.full_name, self.git_url) {
            (Some(full_name), Some(url)) => format!("{url}/{full_name}.git"),
            (full_name, _) => {
                self.say(name, "repo", "the files do not name the repository's URL; write it, or run `migrate` again with `--git-url`");
                let full_name = full_name.clone().unwrap_or_else(|| format!("owner/{name}"));
                format!("https://{UNKNOWN_HOST}/{full_name}.git")
            }
        }
    }

    fn image(&mut self, build: &Pipeline, name: &str, service: &mut Map<String, Value>) {
        let image = build.get(Field::Image).map_or_else(
            || {
                self.say(name, "image", "the files do not name the image; write it, without a tag");
                format!("{UNKNOWN_HOST}/{name}")
            },
            str::to_owned,
        );
        service.insert("image".to_owned(), json!(image));
    }
}

/// Whether something deploys what is built.
fn is_deployed(build: &Pipeline) -> bool {
    let fields = [
        Field::GitopsRepo,
        Field::GitopsBranch,
        Field::ChartDir,
        Field::ValuesFile,
        Field::TagKey,
        Field::Argocd,
    ];
    build.deploys || fields.iter().any(|field| build.get(*field).is_some())
}

fn lists(build: &Pipeline, service: &mut Map<String, Value>) {
    for (key, list) in [
        ("branches", &build.branches),
        ("tags", &build.git_tags),
        ("paths", &build.paths),
        ("paths-ignore", &build.paths_ignore),
        ("platforms", &build.platforms),
    ] {
        if !list.is_empty() {
            service.insert(key.to_owned(), json!(list));
        }
    }
    // Without the field, pushes to main would be built too.
    if build.branches.is_empty() && !build.git_tags.is_empty() {
        service.insert("branches".to_owned(), json!([]));
    }
    if !build.build_args.is_empty() {
        service.insert("build-args".to_owned(), json!(build.build_args));
    }
    if !build.extra_tags.is_empty() {
        put(service, &["parameters", "extra-tags"], json!(build.extra_tags.join(",")));
    }
    if build.supersedes {
        put(service, &["parameters", "concurrency"], json!("supersede"));
    }
    if build.pull_requests {
        service.insert("pull-requests".to_owned(), json!(true));
    }
}

/// Puts a value behind one or two keys.
fn put(service: &mut Map<String, Value>, path: &[&str], value: Value) {
    match path {
        [key] => drop(service.insert((*key).to_owned(), value)),
        [outer, inner, ..] => {
            let map = service.entry(*outer).or_insert_with(|| json!({}));
            if let Some(map) = map.as_object_mut() {
                map.insert((*inner).to_owned(), value);
            }
        }
        [] => {}
    }
}
