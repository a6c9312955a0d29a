//! deploy/Dockerfile: the content of the sidecar's image, and that it runs like in a pod.
//!
//! This build's own binary replaces the stage that compiles, with the libraries that a static binary does not need,
//! because no base image can be pulled here.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::process::{self, Process};
use crate::support::shared::shared_buildkitd;
use crate::support::{bin, buildctl};

const BINARY: &str = env!("CARGO_BIN_EXE_argo-buildkit");
const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Runs as root: mounts the image read-only and becomes its user: USER ROOT COMMAND….
const CONTAIN: &str = r#"
user=$1 root=$2; shift 2
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
exec chroot --userspec="$user" --groups= "$root" "$@"
"#;

/// The image as built.
struct Image {
    config: Value,
    root: tempfile::TempDir,
}

impl Image {
    fn build() -> Self {
        let (built, layout) = (stage_build(), tempfile::tempdir().unwrap());
        // Uncompressed, because this binary has its symbols and gzip would take long.
        let output = format!("type=oci,tar=false,compression=uncompressed,dest={}", layout.path().display());
        dockerfile(&[
            "--opt=context:build=local:built",
            &format!("--local=built={}", built.path().display()),
            "--opt=build-arg:REVISION=0123abc",
            &format!("--output={output}"),
        ]);
        let blob = |descriptor: &Value| {
            let digest = descriptor["digest"].as_str().unwrap().replace(':', "/");
            layout.path().join("blobs").join(digest)
        };
        let index = json(&layout.path().join("index.json"));
        let manifest = json(&blob(&index["manifests"][0]));
        let root = process::directory("image-");
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for layer in manifest["layers"].as_array().unwrap() {
            let tar = Command::new("tar").arg("-xf").arg(blob(layer)).arg("-C").arg(root.path()).status();
            assert!(tar.unwrap().success());
        }
        Self { config: json(&blob(&manifest["config"]))["config"].take(), root }
    }

    /// Every file, by its path in the image.
    fn files(&self) -> BTreeSet<PathBuf> {
        let mut found = BTreeSet::new();
        walk(self.root.path(), &mut |path| {
            found.insert(Path::new("/").join(path.strip_prefix(self.root.path()).unwrap()));
        });
        found
    }

    /// The output of a container of the image with `arguments`; without any, the image's own are used.
    fn run(&self, arguments: &[&str]) -> Command {
        let words = |field: &str| {
            let words = self.config[field].as_array().unwrap();
            words.iter().map(|word| word.as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let mut command = Command::new(bin::system("unshare", "util-linux"));
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.args(["--mount", "--propagation", "private", "sh", "-ec", CONTAIN, "contain"]);
        command.arg(self.config["User"].as_str().unwrap()).arg(self.root.path()).args(words("Entrypoint"));
        if arguments.is_empty() {
            command.args(words("Cmd"))
        } else {
            command.args(arguments)
        };
        command
    }
}

/// Runs deploy/Dockerfile. Returns its output.
fn dockerfile(args: &[&str]) -> String {
    let (context, file) = (format!("--local=context={ROOT}"), format!("--local=dockerfile={ROOT}/deploy"));
    buildctl::build(shared_buildkitd().address(), &[&[context.as_str(), &file], args].concat())
}

/// The result of the stage `build`.
fn stage_build() -> tempfile::TempDir {
    let built = tempfile::tempdir().unwrap();
    let put = |from: &str, to: &str| {
        let to = built.path().join("out").join(to.trim_start_matches('/'));
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    };
    put(BINARY, "argo-buildkit");
    put(CERTIFICATES, CERTIFICATES);
    libraries().iter().for_each(|library| put(library, library));
    built
}

/// The shared libraries of the binary, and its loader.
fn libraries() -> Vec<String> {
    let output = Command::new("ldd").arg(BINARY).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace().filter(|word| word.starts_with('/')).map(str::to_owned).collect()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn walk(directory: &Path, found: &mut dyn FnMut(&Path)) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() { walk(&path, found) } else { found(&path) }
    }
}

#[test]
fn the_image_has_what_a_pod_needs_and_nothing_else() {
    let image = Image::build();
    let labels = [
        ("title", "argo-buildkit"),
        ("licenses", "Apache-2.0"),
        ("version", env!("CARGO_PKG_VERSION")),
        ("revision", "0123abc"),
    ];
    for (name, value) in labels {
        assert_eq!(image.config["Labels"][format!("org.opencontainers.image.{name}")], value, "{name}");
    }
    assert_eq!(image.config["User"], "8737:8737");
    let ports: Vec<_> = image.config["ExposedPorts"].as_object().unwrap().keys().collect();
    assert_eq!(ports, ["4355/tcp", "4356/tcp"]);
    let own = ["/argo-buildkit", "/etc/passwd", "/etc/group", CERTIFICATES].map(PathBuf::from);
    let expected = own.into_iter().chain(libraries().into_iter().map(PathBuf::from)).collect();
    assert_eq!(image.files(), expected, "no shell, no package manager, nothing");

    let version = image.run(&["--version"]).output().unwrap();
    let (said, wrong) = (String::from_utf8_lossy(&version.stdout), String::from_utf8_lossy(&version.stderr));
    assert!(said.starts_with(&format!("argo-buildkit {}\n", env!("CARGO_PKG_VERSION"))), "{said}{wrong}");

    let mut serve = image.run(&[]);
    serve.env("ARGO_BUILDKIT_INSECURE_NO_TOKEN", "true");
    serve.env("ARGO_BUILDKIT_LISTEN", "127.0.0.1:0").env("ARGO_BUILDKIT_OPS_LISTEN", "127.0.0.1:0");
    let log = tempfile::tempdir().unwrap();
    let mut serve = Process::spawn("the image", serve, &log.path().join("log"));
    serve.wait_until("for its listeners", |log| log.contains("listening for operations").then_some(()));
    let status = fs::read_to_string(format!("/proc/{}/status", serve.pid())).unwrap();
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap();
    assert!(uids.split_whitespace().all(|uid| uid == "8737"), "{uids}");
    let mounts = fs::read_to_string(format!("/proc/{}/mountinfo", serve.pid())).unwrap();
    let root = mounts.lines().find(|line| line.split(' ').nth(4) == Some("/")).unwrap();
    assert!(root.split(' ').nth(5).unwrap().starts_with("ro"), "{root}");
}

#[test]
fn buildkits_linter_finds_nothing() {
    let said = dockerfile(&["--opt=build-arg:RUST_IMAGE=scratch", "--opt=requestid=frontend.lint"]);
    assert_eq!(said, "");
}

/// `.dockerignore` includes only the files that cargo reads.
#[test]
fn the_context_is_what_is_compiled() {
    let work = tempfile::tempdir().unwrap();
    fs::write(work.path().join("Dockerfile"), "FROM scratch\nCOPY . /\n").unwrap();
    let out = work.path().join("out");
    let args = [
        format!("--local=context={ROOT}"),
        format!("--local=dockerfile={}", work.path().display()),
        format!("--output=type=local,dest={}", out.display()),
    ];
    buildctl::build(shared_buildkitd().address(), &args.each_ref().map(String::as_str));
    let mut sources = BTreeSet::new();
    walk(&out, &mut |path| {
        sources.insert(path.strip_prefix(&out).unwrap().to_owned());
    });
    let mut expected = BTreeSet::from(["Cargo.toml", "Cargo.lock"].map(PathBuf::from));
    walk(&Path::new(ROOT).join("src"), &mut |path| {
        expected.insert(path.strip_prefix(ROOT).unwrap().to_owned());
    });
    assert_eq!(sources, expected);
}
