//! tests/corpus/dockerfiles: each mistake gets its expected class. tests/corpus/dockerfiles/README.md describes the
//! form of a case.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use argo_buildkit::outcome::Fault;
use futures_util::StreamExt as _;

use super::*;
use crate::support::bin;
use crate::support::fault_registry::{FaultRegistry, hanging_up};
use crate::support::git::GitServer;
use crate::support::shared::{shared_buildkitd, shared_registry};

/// The sizes of the corpus.
const LEAST: usize = 240;
/// The number of builds at a time.
const AT_A_TIME: usize = 8;
/// The build context.
const FILES: &[(&str, &str)] =
    &[("main.txt", "hello\n"), ("src/app.c", "int x;\n"), ("docs/readme.md", "read\n")];

/// `GROUP/NAME.Dockerfile` and `GROUP/NAME.expected`.
struct Case {
    path: PathBuf,
    dockerfile: String,
    expected: String,
}

impl Case {
    fn all() -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/dockerfiles");
        let entries = |path: &Path| fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
        let groups = entries(&root).filter(|path| path.is_dir());
        let files = groups.flat_map(|group| entries(&group).collect::<Vec<_>>());
        let mut paths: Vec<_> =
            files.filter(|path| path.extension().is_some_and(|e| e == "Dockerfile")).collect();
        paths.sort();
        paths.into_iter().map(Self::read).collect()
    }

    fn read(path: PathBuf) -> Self {
        let text =
            |path: &Path| fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let (dockerfile, expected) = (text(&path), text(&path.with_extension("expected")));
        Self { path, dockerfile, expected }
    }

    /// The lines `KEY: VALUE` at its head.
    fn head(&self, key: &str) -> impl Iterator<Item = &str> {
        self.expected
            .lines()
            .take_while(|line| !line.is_empty())
            .filter_map(move |line| line.strip_prefix(key)?.strip_prefix(": "))
    }

    /// The lines below `TITLE:`.
    fn section(&self, title: &str) -> Option<String> {
        let lines = self.expected.lines().skip_while(|line| line.strip_suffix(':') != Some(title)).skip(1);
        let lines: Vec<_> =
            lines.map_while(|line| line.strip_prefix("  ").or(line.is_empty().then_some(""))).collect();
        (!lines.is_empty()).then(|| lines.join("\n").trim_end().to_owned())
    }

    fn attrs(&self) -> BTreeMap<String, String> {
        self.head("field")
            .map(|field| field.split_once('=').unwrap())
            .map(|(k, v)| (k.into(), v.into()))
            .collect()
    }
}

/// The servers that the corpus names in capitals.
struct Servers {
    names: Vec<(&'static str, String)>,
    git: GitServer,
    sha: String,
}

impl Servers {
    async fn start() -> Self {
        let busybox =
            tokio::task::spawn_blocking(|| shared_registry().push_busybox(shared_buildkitd().address()));
        let git = GitServer::start("", "");
        let sha = git.create("context", FILES);
        let names = vec![
            ("BASE", busybox.await.unwrap()),
            ("REGISTRY", shared_registry().host().to_owned()),
            ("FAULTS", FaultRegistry::start(&[]).await.host().to_owned()),
            ("CLOSES", hanging_up().await),
        ];
        Self { names, git, sha }
    }

    fn put_into(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (name, host)| text.replace(name, host))
    }

    /// `text` without the parts that depend on the machine.
    fn steady(&self, text: &str) -> String {
        let text = self.names.iter().fold(text.to_owned(), |text, (name, host)| text.replace(host, name));
        let patterns = [
            (r"ref [a-z0-9]+::[a-z0-9]+", "ref REF"),
            (r"after \d+ ms", "after N ms"),
            (r"127\.0\.0\.1:\d{2,5}->", "127.0.0.1:PORT->"),
        ];
        let text = patterns.iter().fold(text, |text, (pattern, to)| {
            regex_lite::Regex::new(pattern).unwrap().replace_all(&text, *to).into_owned()
        });
        text.replace(&self.sha, "SHA").replace(&self.git.url("context"), "GIT").replace('\r', "␍")
    }

    fn solve(&self, case: &Case) -> Solve {
        let context = GitTree { url: self.git.url("context"), sha: self.sha.clone(), ..GitTree::default() };
        let allowed_git = vec![source(&context.url, &context.sha)];
        let mut solve = Solve { context: Some(context), allowed_git, attrs: case.attrs(), ..inline("") };
        solve.inline_dockerfile =
            Some(self.put_into(&case.dockerfile)).filter(|_| !case.attrs().contains_key("filename"));
        solve
    }
}

/// The class and the message.
async fn ours(servers: &Servers, client: &Buildkit, case: &Case) -> (&'static str, String) {
    let ended = run(client, &servers.solve(case), Session::default()).await;
    match ended {
        Ok(_) => ("ok", String::new()),
        Err(error) => {
            let class = match error.fault {
                Fault::User => "user",
                Fault::Transient => "transient",
                Fault::Ours => "ours",
            };
            (class, format!("{:?}\n{}", error.kind, servers.steady(&error.message)))
        }
    }
}

/// The address of the name server depends on the machine.
fn is_of_this_network(said: &str) -> bool {
    said.contains("docker.io") || said.contains(".invalid")
}

async fn check(servers: &Servers, client: &Buildkit, case: &Case) -> Option<String> {
    let (class, said) = ours(servers, client, case).await;
    if std::env::var_os("RECORD_DOCKERFILES").is_some() {
        record(servers, case, &said).await;
    }
    let name = case.path.display();
    let older = case.head("older daemons").next().filter(|_| bin::other_daemon().is_some());
    if older.or(case.head("class").next()) != Some(class) {
        return Some(format!("{name}: it is {class}: {said}"));
    }
    let expected = case.section("we say").unwrap_or_default();
    // Another version of the daemon has other texts.
    let any = bin::other_daemon().is_some() || std::env::var_os("RECORD_DOCKERFILES").is_some();
    let same = any || is_of_this_network(&expected) || said == expected;
    (!same).then(|| format!("{name}: other words:\n{said}\nexpected:\n{expected}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mistake_in_a_dockerfile_is_in_its_class() {
    let servers = Servers::start().await;
    let client = Buildkit::new(shared_buildkitd().address().parse().unwrap(), None);
    let cases = Case::all();
    assert!(cases.len() >= LEAST, "{} cases", cases.len());
    let checks = futures_util::stream::iter(&cases).map(|case| check(&servers, &client, case));
    let wrong: Vec<_> = checks.buffer_unordered(AT_A_TIME).collect().await;
    let wrong: Vec<_> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{} of {} are wrong:\n\n{}", wrong.len(), cases.len(), wrong.join("\n\n"));
}

/// Records the texts of buildctl and of our error. The class stays as a person has written it.
async fn record(servers: &Servers, case: &Case, said: &str) {
    let mut text: String = ["field", "class", "older daemons"].iter().fold(String::new(), |mut text, key| {
        case.head(key).for_each(|value| writeln!(text, "{key}: {value}").unwrap());
        text
    });
    let sections =
        [("buildctl says", servers.steady(&buildctl(servers, case).await)), ("we say", said.to_owned())];
    for (title, said) in sections.iter().filter(|(_, said)| !said.is_empty()) {
        write!(text, "\n{title}:\n").unwrap();
        said.lines().for_each(|line| writeln!(text, "{}", format!("  {line}").trim_end()).unwrap());
    }
    fs::write(case.path.with_extension("expected"), text).unwrap();
}

/// The last lines of `buildctl build` in a directory with the same files.
async fn buildctl(servers: &Servers, case: &Case) -> String {
    let directory = tempfile::tempdir().unwrap();
    for (path, text) in FILES {
        let path = directory.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    fs::create_dir(directory.path().join(".d")).unwrap();
    fs::write(directory.path().join(".d/Dockerfile"), servers.put_into(&case.dockerfile)).unwrap();
    let mut command = Command::new(bin::testbed("buildctl"));
    command.args([
        "--addr",
        shared_buildkitd().address(),
        "build",
        "--frontend=dockerfile.v0",
        "--progress=plain",
    ]);
    command.arg(format!("--local=context={}", directory.path().display()));
    command.arg(format!("--local=dockerfile={}/.d", directory.path().display()));
    command.args(case.attrs().iter().map(|(key, value)| format!("--opt={key}={value}")));
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    printed.rfind("error: ").map_or_else(String::new, |at| printed[at..].trim_end().to_owned())
}
