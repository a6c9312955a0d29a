//! A build step cannot see another step's processes, in every set-up for several tenants. Only Docker's frontends see
//! a build's inputs.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::deploy::buildkitd::Daemon;
use crate::deploy::{OVERLAYS, Site, object, overlay};
use crate::support::bin;

const FLAG: &str = "--oci-worker-no-process-sandbox";

fn pod(objects: &[Value]) -> Value {
    object(objects, "Deployment", "buildkitd")["spec"]["template"]["spec"].clone()
}

#[test]
fn the_overlays_give_buildkitd_a_user_namespace_and_its_steps_a_proc_of_their_own() {
    for name in OVERLAYS {
        let spec = pod(&overlay(name));
        let container = &spec["containers"][0];
        assert_eq!(spec["hostUsers"], false, "{name}");
        assert_eq!(container["securityContext"]["procMount"], "Unmasked", "{name}");
        assert_eq!(container["securityContext"]["privileged"], Value::Null, "{name}");
        assert!(!container["args"].as_array().unwrap().contains(&json!(FLAG)), "{name}");
    }
}

#[test]
fn the_set_up_for_one_tenant_says_so_by_its_name() {
    let own = "resources: [../production]\ncomponents: [../../components/buildkitd-no-process-sandbox]\n";
    let spec = pod(&Site::new(own).objects());
    let container = &spec["containers"][0];
    assert!(container["args"].as_array().unwrap().contains(&json!(FLAG)), "{container:#}");
    assert_eq!(container["image"], "moby/buildkit:v0.32.2-rootless");
    assert_eq!((&spec["hostUsers"], &spec["securityContext"]["runAsUser"]), (&Value::Null, &json!(1000)));
    assert_eq!(container["securityContext"]["procMount"], Value::Null);
}

/// A context with busybox and `instructions`.
fn context(instructions: &str) -> tempfile::TempDir {
    let context = tempfile::tempdir().unwrap();
    fs::copy(bin::system("busybox", "busybox-static"), context.path().join("busybox")).unwrap();
    let head = "FROM scratch\nCOPY busybox /bin/busybox\nSHELL [\"/bin/busybox\", \"sh\", \"-c\"]\n";
    let applets = "RUN /bin/busybox --install /bin\nENV PATH=/bin\n";
    fs::write(context.path().join("Dockerfile"), format!("{head}{applets}{instructions}")).unwrap();
    context
}

fn build(daemon: &Daemon, context: &Path) -> Command {
    let mut command = daemon.client();
    command.args(["build", "--progress=plain", "--frontend=dockerfile.v0", "--local"]);
    command.arg(format!("context={}", context.display()));
    command.arg("--local").arg(format!("dockerfile={}", context.display()));
    command
}

fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

/// Keeps its secret in its environment until the other step has looked.
const VICTIM: &str = "RUN --mount=type=cache,id=meeting,target=/meet --mount=type=secret,id=pw \
    export PW=$(cat /run/secrets/pw); touch /meet/victim; until [ -e /meet/done ]; do sleep 0.1; done\n";

/// Looks at all processes and their files while the victim's step runs. Its own command line does not contain the
/// searched text.
const ATTACKER: &str = "RUN --mount=type=cache,id=meeting,target=/meet \
    until [ -e /meet/victim ]; do sleep 0.1; done; \
    for p in /proc/[0-9]*; do echo process $p; cat $p/environ $p/cmdline $p/root/run/secrets/pw 2>/dev/null | tr '\\0' '\\n' | grep 'of-[t]enant-a'; done; \
    touch /meet/done\n";

#[test]
fn a_step_finds_no_process_and_no_secret_of_a_step_that_runs_meanwhile() {
    let daemon = Daemon::start();
    let (victims, attackers) = (context(VICTIM), context(ATTACKER));
    fs::write(victims.path().join("pw"), "secret-of-tenant-a").unwrap();
    let mut victim = build(&daemon, victims.path());
    victim.arg("--secret").arg(format!("id=pw,src={}", victims.path().join("pw").display()));
    let mut victim = victim.stderr(std::process::Stdio::null()).spawn().unwrap();
    let seen = build(&daemon, attackers.path()).output().unwrap();
    assert!(victim.wait().unwrap().success(), "the victim's step ran until the other had looked");
    let seen = text(&seen);
    assert!(seen.contains("process /proc/1\n"), "it looked: {seen}");
    let found: Vec<_> = seen.lines().filter(|line| line.ends_with("secret-of-tenant-a")).collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_frontend_that_is_not_dockers_is_refused_however_it_is_named() {
    let daemon = Daemon::start();
    let refused = |options: &[&str], head: &str| {
        let context = context("");
        let path = context.path().join("Dockerfile");
        let dockerfile = fs::read_to_string(&path).unwrap();
        fs::write(path, format!("{head}{dockerfile}")).unwrap();
        let output = build(&daemon, context.path()).args(options).output().unwrap();
        assert!(!output.status.success(), "{options:?} {head}");
        text(&output)
    };
    for (options, head) in [
        (&[][..], "# syntax=registry.example.com/evil/frontend:1\n"),
        (&[], "# syntax=docker.io/docker/dockerfile-upstream:master\n"),
        (&[], "# syntax=registry.example.com/docker/dockerfile:1\n"),
        (&["--opt", "build-arg:BUILDKIT_SYNTAX=evil/frontend"], ""),
        (&["--opt", "cmdline=evil/frontend", "--opt", "source=evil/frontend", "--frontend=gateway.v0"], ""),
    ] {
        let said = refused(options, head);
        assert!(said.contains("is not an allowed gateway source"), "{options:?} {head}: {said}");
    }
    // Docker's own frontend is requested. No registry can be reached from here.
    for head in ["# syntax=docker/dockerfile:1\n", "# syntax=docker.io/docker/dockerfile:1.7-labs\n"] {
        let said = refused(&[], head);
        assert!(!said.contains("is not an allowed gateway source"), "{head}: {said}");
    }
}
