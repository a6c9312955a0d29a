//! The files of a migration: the catalogue, what `render` makes of it, and the right to read the Secrets that it names.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::found::Found;
use super::report::OpenPoint;
use super::service::{ServiceWriter, UNKNOWN_HOST};
use super::{MigrateOptions, MigratedFile};
use crate::catalogue::{self, Catalogue, KnownTemplates};
use crate::render;

const HEADER: &str = "# Made by `argo-buildkit migrate`, and yours to edit. docs/catalogue.md has all fields; report.md says what is left to do.\n";

/// How often refused values are left out until the catalogue is valid. Of one reading, at most 200 mistakes are told.
const ROUNDS: usize = 100;

/// What was written.
pub(super) struct Written {
    pub(super) files: Vec<MigratedFile>,
    pub(super) services: Vec<String>,
    pub(super) open: Vec<OpenPoint>,
}

/// The files of what was found.
pub(super) fn write(found: &Found, options: &MigrateOptions) -> Written {
    let git_url = options.git_url.as_deref().map(|url| url.trim_end_matches('/'));
    let mut writer = ServiceWriter { git_url, names: Vec::new(), open: Vec::new() };
    let services: Vec<_> = found.services.iter().map(|build| writer.service(build)).collect();
    let mut open = writer.open;
    if services.is_empty() {
        open.push(point(
            "services.yaml",
            "nothing that was read builds an image, so there is no catalogue; write one (docs/catalogue.md)",
        ));
        return Written { files: Vec::new(), services: Vec::new(), open };
    }
    let mut document =
        json!({"namespace": options.namespace, "hook": hook(found, &mut open), "services": services});
    let catalogue = valid(&mut document, &mut open);
    let mut files = Vec::new();
    let mut names = Vec::new();
    if let Some(catalogue) = &catalogue {
        names = catalogue.services.iter().map(|service| service.name.clone()).collect();
        files.push(file("services.yaml", format!("{HEADER}{}", render::yaml::document(&document))));
        files.push(secrets(&document, catalogue, &mut open));
        match render::render(catalogue) {
            Ok(rendered) => files
                .extend(rendered.into_iter().map(|one| file(&format!("rendered/{}", one.name), one.text))),
            Err(error) => open.push(point("rendered", &error.to_string())),
        }
    }
    Written { files, services: names, open }
}

fn file(name: &str, text: String) -> MigratedFile {
    MigratedFile { name: name.to_owned(), text }
}

fn point(place: &str, what: &str) -> OpenPoint {
    OpenPoint { place: place.to_owned(), what: what.to_owned() }
}

fn hook(found: &Found, open: &mut Vec<OpenPoint>) -> Value {
    let source = found.hook.source.unwrap_or("gitea");
    let (name, key) = found.hook.secret.clone().unwrap_or_else(|| {
        open.push(point("services.yaml, `hook.secret`", "no file names the hook's Secret; make it with the key `secret`, and give the forge's hook the same text (docs/events.md)"));
        (format!("{source}-webhook"), "secret".to_owned())
    });
    if found.hook.source.is_none() {
        open.push(point(
            "services.yaml, `hook.source`",
            "no file names the forge; write `github` if it is not Gitea",
        ));
    }
    json!({"source": source, "secret": {"name": name, "key": key}})
}

/// Leaves out what the catalogue refuses, and says so, until it is valid.
fn valid(document: &mut Value, open: &mut Vec<OpenPoint>) -> Option<Catalogue> {
    for _ in 0..ROUNDS {
        let problems = match catalogue::read(document, &KnownTemplates::bundled()) {
            Ok(catalogue) => return Some(catalogue),
            Err(problems) => problems,
        };
        let mut places: Vec<_> = problems.iter().map(|problem| problem.pointer.clone()).collect();
        for problem in &problems {
            open.push(point("services.yaml", &format!("left out: {}; {}", problem.problem, problem.help)));
        }
        // From the end, so that the numbers of earlier items stay.
        places.sort_by_key(|place| Reverse(natural(place)));
        places.dedup();
        let before = document.clone();
        places.iter().for_each(|place| leave_out(document, place));
        if *document == before {
            break;
        }
        if document["services"].as_array().is_none_or(Vec::is_empty) {
            return None;
        }
    }
    open.push(point("services.yaml", "no valid catalogue could be made; please report this with the input"));
    None
}

/// Leaves a value out. What a service needs gets a value that somebody has to replace.
fn leave_out(document: &mut Value, pointer: &str) {
    let parts: Vec<_> = pointer.split('/').collect();
    if let ["", "services", n, field @ ("name" | "repo" | "image")] = parts.as_slice()
        && let Some(service) = document.pointer_mut(&format!("/services/{n}"))
    {
        let name = service["name"].as_str().unwrap_or_default();
        let unknown = match *field {
            "name" => format!("built-{n}"),
            "repo" => format!("https://{UNKNOWN_HOST}/owner/{name}.git"),
            _ => format!("{UNKNOWN_HOST}/{name}"),
        };
        if service[*field] != unknown.as_str() {
            service[*field] = json!(unknown);
            return;
        }
    }
    remove(document, pointer);
}

/// A pointer with its numbers in their order.
fn natural(pointer: &str) -> Vec<(usize, String)> {
    pointer.split('/').map(|part| (part.parse().unwrap_or(usize::MAX), part.to_owned())).collect()
}

fn remove(document: &mut Value, pointer: &str) {
    let Some((parent, last)) = pointer.rsplit_once('/') else { return };
    let last = last.replace("~1", "/").replace("~0", "~");
    match document.pointer_mut(parent) {
        Some(Value::Object(map)) => drop(map.remove(&last)),
        Some(Value::Array(items)) => {
            if let Some(n) = last.parse::<usize>().ok().filter(|n| *n < items.len()) {
                drop(items.remove(n));
            }
        }
        _ => {}
    }
}

/// The Secrets that templates name if a service names none, and what they are for.
const DEFAULTS: [(&str, &str, &str); 3] = [
    ("git-secret", "gitea-credentials", "git"),
    ("registry-secret", "registry-credentials", "registry"),
    ("gitops", "git-write-back", "git"),
];

/// The right of the plugin to read the Secrets of the catalogue.
fn secrets(document: &Value, catalogue: &Catalogue, open: &mut Vec<OpenPoint>) -> MigratedFile {
    let mut named: BTreeMap<String, &str> = BTreeMap::new();
    for service in document["services"].as_array().into_iter().flatten() {
        for (field, default, purpose) in DEFAULTS {
            let value = if field == "gitops" { &service["gitops"]["secret"] } else { &service[field] };
            let is_used = field != "gitops" || service["template"].is_null();
            let name = value.as_str().unwrap_or(default);
            if is_used && !name.is_empty() {
                named.insert(name.to_owned(), purpose);
            }
        }
    }
    for (name, purpose) in &named {
        let keys = if *purpose == "git" {
            "the keys `username` and `password`"
        } else {
            "the type kubernetes.io/dockerconfigjson"
        };
        open.push(point(
            &format!("Secret {name}"),
            &format!("it must be in the namespace `{}`, with {keys}; bind it: `argo-buildkit.io/use={purpose}` (docs/steps.md#bound-secrets)", catalogue.namespace),
        ));
    }
    let names: Vec<_> = named.into_keys().collect();
    let metadata = json!({"name": "buildkit-migrated-secrets", "namespace": catalogue.namespace});
    let group = "rbac.authorization.k8s.io";
    let role = json!({
        "apiVersion": format!("{group}/v1"),
        "kind": "Role",
        "metadata": metadata,
        "rules": [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": names, "verbs": ["get"]}],
    });
    let binding = json!({
        "apiVersion": format!("{group}/v1"),
        "kind": "RoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": group, "kind": "Role", "name": "buildkit-migrated-secrets"},
        "subjects": [{"kind": "ServiceAccount", "name": "buildkit-executor-plugin", "namespace": catalogue.namespace}],
    });
    let mut list = Map::new();
    list.insert("apiVersion".to_owned(), json!("v1"));
    list.insert("kind".to_owned(), json!("List"));
    list.insert("items".to_owned(), json!([role, binding]));
    let note = "# The right of the plugin's account to read the Secrets that services.yaml names. The shared agent has an account of its own.\n";
    file("secrets.yaml", format!("{note}{}", render::yaml::document(&Value::Object(list))))
}
