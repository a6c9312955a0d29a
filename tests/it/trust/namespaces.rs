//! A list of namespaces with a duplicate or an invalid name ends the start with an error.

use std::process::Command;

/// The error of an agent with `names`, given by variable or by flags. There is no cluster, so it always fails.
fn said(names: &str, flags: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_argo-buildkit"));
    command.env_clear().arg("agent").args(flags).env("BUILDKIT_HOST", "tcp://127.0.0.1:1");
    command.env("ARGO_BUILDKIT_OPS_LISTEN", "127.0.0.1:0").env("KUBECONFIG", "/dev/null");
    if !names.is_empty() {
        command.env("ARGO_BUILDKIT_NAMESPACES", names);
    }
    let output = command.output().unwrap();
    assert!(!output.status.success(), "{names} {flags:?}");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

#[test]
fn a_namespace_that_is_named_twice_is_named_in_the_error() {
    let twice: [(&str, &[&str]); 4] = [
        ("builds,builds", &[]),
        ("team,builds,web,builds", &[]),
        ("", &["--namespace", "builds", "--namespace", "builds"]),
        ("", &["-n", "builds,team", "--namespace=builds"]),
    ];
    for (names, flags) in twice {
        let said = said(names, flags);
        assert!(said.contains("namespace `builds` is named twice"), "{names} {flags:?}: {said}");
        assert!(!said.contains("nothing says what the workflows"), "{said}");
    }
}

#[test]
fn what_is_no_namespace_is_refused_before_anything_starts() {
    let long = "a".repeat(64);
    for odd in [
        "builds,",
        ",builds",
        "builds,,team",
        "builds, team",
        "Builds",
        "builds\n",
        "*",
        "a/b",
        "a.b",
        "-a",
        &long,
    ] {
        let said = said(odd, &[]);
        assert!(said.contains("is not the name of a namespace"), "{odd:?}: {said}");
    }
    // Valid names are accepted: the next error is about the missing policy.
    let fine = said("builds,team-2", &[]);
    assert!(fine.contains("nothing says what the workflows of each may name"), "{fine}");
    // The flag replaces the variable; the two lists are not joined.
    let flag = said("builds", &["--namespace", "builds", "--policy", "absent.yaml"]);
    assert!(flag.contains("absent.yaml") && !flag.contains("twice"), "{flag}");
}
