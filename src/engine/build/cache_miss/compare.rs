//! What differs for one step between two similar builds.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::copied;
use crate::buildkit::VertexSummary;
use crate::text;

/// The most names that a sentence lists.
const LISTED: usize = 5;

/// The time limit to tell which of the changed files a step takes. The patterns of a Dockerfile and a `.dockerignore` may be slow.
const MAX_TIME: Duration = Duration::from_millis(50);

/// The names of steps are cut after a kilobyte, at the end of a character (`buildkit::vertices`).
const WHOLE: usize = 1000;

/// The beginning of the attributes that are build arguments.
const ARGUMENT: &str = "build-arg:";

/// Attributes that change what a `RUN` is, and the fields that set them.
const OPTIONS: &[(&str, &str)] = &[
    ("force-network-mode", "network"),
    ("add-hosts", "extra-hosts"),
    ("shm-size", "shm-size"),
    ("ulimit", "ulimits"),
    ("cgroup-parent", "cgroup-parent"),
];

/// A step of a Dockerfile, from the name of its vertex: `[build 2/7] RUN npm ci`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step<'a> {
    name: &'a str,
    /// The platform and the stage, if the name has them.
    stage: &'a str,
    instruction: &'a str,
}

impl<'a> Step<'a> {
    fn of(vertex: &'a VertexSummary) -> Option<Self> {
        let name = vertex.name.as_str();
        let (head, instruction) = name.strip_prefix('[')?.split_once("] ")?;
        let (stage, number) = head.rsplit_once(' ').unwrap_or(("", head));
        let (nth, of) = number.split_once('/')?;
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        (digits(nth) && digits(of)).then(|| Self { name, stage: stage.trim_end(), instruction })
    }

    /// The image of a `FROM`, which the daemon shows with its digest.
    fn base(&self) -> Option<&'a str> {
        self.instruction.strip_prefix("FROM ")
    }

    /// Its name on one line.
    pub(super) fn shown(&self) -> String {
        text::brief(self.name, 200)
    }
}

/// The step that ran and that began first: whatever it needs was cached.
pub(super) fn first_that_ran(vertices: &[VertexSummary]) -> Option<Step<'_>> {
    let ran = vertices.iter().filter(|vertex| !vertex.cached && vertex.error.is_none());
    let steps = ran.filter_map(|vertex| Some((vertex.started?, Step::of(vertex)?)));
    let steps = steps.filter(|(_, step)| step.base().is_none());
    steps.min_by_key(|(started, _)| *started).map(|(_, step)| step)
}

/// The repository of the context in two builds.
pub(super) struct Repository<'a> {
    /// The paths that differ; `None` if that is not known.
    pub(super) changed: Option<&'a [String]>,
    /// The directory of the context, or nothing.
    pub(super) subdir: &'a str,
    /// The Dockerfile's path within that directory; `None` if it is not in the repository.
    pub(super) dockerfile: Option<&'a str>,
    /// Whether a path within the directory is left out of the context.
    pub(super) excluded: &'a (dyn Fn(&str) -> bool + Sync),
}

impl Repository<'_> {
    /// The changed files within the context's directory, relative to it.
    fn files(&self) -> impl Iterator<Item = &str> {
        let subdir = self.subdir;
        self.changed.unwrap_or_default().iter().filter_map(move |path| match subdir {
            "" => Some(path.as_str()),
            _ => path.strip_prefix(subdir)?.strip_prefix('/'),
        })
    }

    /// The changed files that one of `sources` takes; `None` if it is not known which files changed, or takes too long to tell.
    fn taken(&self, sources: &[String]) -> Option<Vec<&str>> {
        self.changed?;
        let end = Instant::now() + MAX_TIME;
        let mut taken = Vec::new();
        for path in self.files() {
            if sources.iter().any(|source| copied::takes(source, path)) && !(self.excluded)(path) {
                taken.push(path);
            }
            if Instant::now() > end {
                return None;
            }
        }
        Some(taken)
    }
}

/// Two similar builds.
pub(super) struct Comparison<'a> {
    pub(super) now: &'a [VertexSummary],
    pub(super) then: &'a [VertexSummary],
    pub(super) attrs_now: &'a BTreeMap<String, String>,
    pub(super) attrs_then: &'a BTreeMap<String, String>,
    pub(super) repository: &'a Repository<'a>,
    /// What is known about caches that could not be read.
    pub(super) lost: &'a [String],
}

impl Comparison<'_> {
    /// What differs for `step`, as the end of a sentence that begins with "since"; `None` if that is not known.
    pub(super) fn why(&self, step: &Step<'_>) -> Option<String> {
        if let Some(moved) = self.moved(step) {
            return Some(moved);
        }
        let then: Vec<_> = self.then.iter().filter_map(Step::of).collect();
        let is_same = |other: &Step<'_>| (other.stage, other.instruction) == (step.stage, step.instruction);
        let arguments = self.differing(|name| name.strip_prefix(ARGUMENT));
        if !then.iter().any(is_same) {
            let mut why = "the Dockerfile, or a value in it, changed".to_owned();
            if !arguments.is_empty() {
                why.push_str(&format!("; these build arguments changed: {}", listed(arguments)));
            }
            return Some(why);
        }
        if let Some(sources) = copied::sources(step.instruction) {
            // Of a name that was cut, the last sources are not known.
            let files = self.repository.taken(&sources).filter(|_| step.name.len() < WHOLE)?;
            if !files.is_empty() {
                return Some(format!("these files changed: {}", listed(files)));
            }
        }
        if !arguments.is_empty() {
            return Some(format!("these build arguments changed: {}", listed(arguments)));
        }
        let options =
            self.differing(|name| OPTIONS.iter().find(|(attr, _)| *attr == name).map(|(_, field)| *field));
        if !options.is_empty() {
            return Some(format!("these fields changed: {}", listed(options)));
        }
        self.unchanged(step)
    }

    /// The base image of the step's stage, if it is another one now.
    fn moved(&self, step: &Step<'_>) -> Option<String> {
        let (now, then) = (base(self.now, step.stage)?, base(self.then, step.stage)?);
        if now == then {
            return None;
        }
        let split = |image: &str| -> (String, String) {
            let (name, digest) = image.split_once('@').unwrap_or((image, ""));
            (name.to_owned(), text::head(digest, "sha256:".len() + 12).to_owned())
        };
        let ((name, digest), (old_name, old_digest)) = (split(now), split(then));
        Some(if name == old_name {
            format!("its base image {name} is {digest} now, and was {old_digest}")
        } else {
            format!("its base image is {name} now, and was {old_name}")
        })
    }

    /// The attributes that have another value, or that only one build has, by the names that `named` gives them.
    fn differing<'n>(&'n self, named: impl Fn(&'n str) -> Option<&'n str>) -> Vec<&'n str> {
        let (now, then) = (self.attrs_now, self.attrs_then);
        let differs = now.keys().chain(then.keys()).filter(|name| now.get(*name) != then.get(*name));
        let names: BTreeSet<_> = differs.filter_map(|name| named(name)).collect();
        names.into_iter().collect()
    }

    /// Nothing that is compared differs.
    fn unchanged(&self, step: &Step<'_>) -> Option<String> {
        let repository = self.repository;
        let changed = repository.changed?;
        // Without the file there is no telling whether a line without a step, such as `ENV`, is another one.
        let dockerfile = repository.dockerfile?;
        if repository.files().any(|path| path == dockerfile) {
            return Some(format!("`{dockerfile}` changed"));
        }
        // A mount may be of the context, and `from` of an image or another repository.
        let has = |flag: &str| step.instruction.contains(flag);
        if has("from=") || (has("--mount=") && !changed.is_empty()) {
            return None;
        }
        let lost: String = self.lost.iter().map(|lost| format!("; {lost}")).collect();
        Some(format!(
            "buildkitd no longer has its result, although nothing that it depends on changed: it was pruned, or another buildkitd built it{lost}"
        ))
    }
}

/// The image in the `FROM` of a stage.
fn base<'a>(vertices: &'a [VertexSummary], stage: &str) -> Option<&'a str> {
    vertices.iter().filter_map(Step::of).filter(|step| step.stage == stage).find_map(|step| step.base())
}

/// The first names, and the number of the others.
fn listed(names: Vec<&str>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| text::brief(name, 200)).collect();
    text::first(&names, LISTED)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn vertex(name: &str, second: u64, cached: bool) -> VertexSummary {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
        VertexSummary {
            name: name.to_owned(),
            digest: format!("sha256:{name}"),
            cached,
            started: Some(at),
            completed: Some(at),
            error: None,
            inputs: Vec::new(),
        }
    }

    const NODE: &str = "docker.io/library/node:22@sha256:1111111111111111";
    const MOVED: &str = "docker.io/library/node:22@sha256:2222222222222222";

    fn vertices(base: &str, ran: &str) -> Vec<VertexSummary> {
        let names = [
            format!("[build 1/4] FROM {base}"),
            "[build 2/4] COPY package.json ./".to_owned(),
            "[build 3/4] RUN npm ci".to_owned(),
            "[build 4/4] COPY . .".to_owned(),
            "exporting to image".to_owned(),
        ];
        let at = names.iter().position(|name| name.ends_with(ran)).unwrap_or(names.len());
        let is_cached = |nth: usize| nth > 0 && nth < at;
        names.iter().enumerate().map(|(nth, name)| vertex(name, nth as u64, is_cached(nth))).collect()
    }

    fn attrs(rows: &[(&str, &str)]) -> BTreeMap<String, String> {
        rows.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// What the second build says about the step that ends with `ran`.
    struct Case<'a> {
        base: &'a str,
        ran: &'a str,
        changed: Option<&'a [&'a str]>,
        now: &'a [(&'a str, &'a str)],
    }

    impl Case<'_> {
        fn why(&self) -> Option<String> {
            let (now, then) = (vertices(self.base, self.ran), vertices(NODE, "nothing"));
            let changed: Option<Vec<String>> =
                self.changed.map(|paths| paths.iter().map(|path| (*path).to_owned()).collect());
            let repository = Repository {
                changed: changed.as_deref(),
                subdir: "api",
                dockerfile: Some("Dockerfile"),
                excluded: &|path| path.ends_with(".md"),
            };
            let comparison = Comparison {
                now: &now,
                then: &then,
                attrs_now: &attrs(self.now),
                attrs_then: &attrs(&[("build-arg:VERSION", "1")]),
                repository: &repository,
                lost: &["the cache c.example/a:dev is not there".to_owned()],
            };
            comparison.why(&first_that_ran(&now)?)
        }
    }

    const SAME: &[(&str, &str)] = &[("build-arg:VERSION", "1")];

    #[test]
    fn the_first_step_that_ran_is_the_one_that_began_first() {
        let all = vertices(NODE, "RUN npm ci");
        assert_eq!(first_that_ran(&all).map(|step| step.name), Some("[build 3/4] RUN npm ci"));
        assert_eq!(first_that_ran(&vertices(NODE, "nothing")), None);
        let [padded, bare, other] = ["[build  2/12] RUN a", "[ 3/12] RUN a", "[internal] load build context"]
            .map(|name| vertex(name, 1, false));
        let stage = |vertex: &VertexSummary| Step::of(vertex).map(|step| step.stage.to_owned());
        assert_eq!(stage(&padded).as_deref(), Some("build"));
        assert_eq!((stage(&bare).as_deref(), stage(&other)), (Some(""), None));
    }

    #[test]
    fn what_differs_is_named() {
        let (copy, run) = ("COPY package.json ./", "RUN npm ci");
        let gone = "buildkitd no longer has its result";
        for (base, ran, changed, now, why) in [
            (
                MOVED,
                copy,
                Some(&["api/main.js"][..]),
                SAME,
                Some("node:22 is sha256:222222222222 now, and was sha256:111111111111"),
            ),
            (
                "docker.io/library/node:24@sha256:3",
                copy,
                None,
                SAME,
                Some("is docker.io/library/node:24 now, and was docker.io/library/node:22"),
            ),
            (
                NODE,
                copy,
                Some(&["api/package.json", "api/other", "package.json"][..]),
                SAME,
                Some("these files changed: package.json"),
            ),
            (
                NODE,
                "COPY . .",
                Some(&["api/b", "api/a.md", "apis/c"][..]),
                SAME,
                Some("these files changed: b"),
            ),
            (
                NODE,
                run,
                Some(&["api/b"][..]),
                &[("build-arg:VERSION", "2"), ("build-arg:NEW", "")],
                Some("these build arguments changed: NEW, VERSION"),
            ),
            (NODE, run, Some(&["api/b"][..]), &[], Some("these build arguments changed: VERSION")),
            (
                NODE,
                run,
                Some(&[][..]),
                &[SAME[0], ("shm-size", "1"), ("label:a", "b")],
                Some("these fields changed: shm-size"),
            ),
            (NODE, run, Some(&["api/Dockerfile"][..]), SAME, Some("`Dockerfile` changed")),
            (NODE, run, Some(&["api/b", "Dockerfile"][..]), SAME, Some(gone)),
            (NODE, "COPY . .", Some(&["api/a.md"][..]), SAME, Some("the cache c.example/a:dev is not there")),
            (NODE, run, None, SAME, None),
            (NODE, "COPY . .", None, SAME, None),
            // The argument differs, and so may a file.
            (NODE, "COPY . .", None, &[("build-arg:VERSION", "2")], None),
            (NODE, run, None, &[("build-arg:VERSION", "2")], Some("these build arguments changed: VERSION")),
        ] {
            let told = Case { base, ran, changed, now }.why();
            match why {
                Some(why) => assert!(
                    told.as_ref().is_some_and(|told| told.contains(why)),
                    "{ran}: {told:?}, not {why}"
                ),
                None => assert_eq!(told, None, "{ran}"),
            }
        }
    }

    #[test]
    fn a_new_instruction_is_the_dockerfiles_change() {
        let (now, then) = ([vertex("[1/1] RUN b", 1, false)], [vertex("[1/1] RUN a", 1, false)]);
        let repository = Repository { changed: None, subdir: "", dockerfile: None, excluded: &|_| false };
        let none = BTreeMap::new();
        let comparison = Comparison {
            now: &now,
            then: &then,
            attrs_now: &none,
            attrs_then: &none,
            repository: &repository,
            lost: &[],
        };
        let why = first_that_ran(&now).and_then(|step| comparison.why(&step));
        assert!(why.is_some_and(|why| why.contains("the Dockerfile")));
    }

    #[test]
    fn the_sources_in_a_name_that_was_cut_are_not_known() {
        let name = format!("[1/1] COPY {}", "a ".repeat(WHOLE));
        let (now, then) = ([vertex(&name, 1, false)], [vertex(&name, 1, true)]);
        let repository = Repository {
            changed: Some(&[]),
            subdir: "",
            dockerfile: Some("Dockerfile"),
            excluded: &|_| false,
        };
        let none = BTreeMap::new();
        let comparison = Comparison {
            now: &now,
            then: &then,
            attrs_now: &none,
            attrs_then: &none,
            repository: &repository,
            lost: &[],
        };
        assert_eq!(first_that_ran(&now).and_then(|step| comparison.why(&step)), None);
    }
}
