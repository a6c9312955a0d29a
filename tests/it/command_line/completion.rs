//! `argo-buildkit completion`.

use std::fs;
use std::process::Command;

use super::{printed, run, subcommands_of};

#[test]
fn each_shell_gets_a_script_with_every_subcommand() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = printed(&["completion", shell]);
        for name in subcommands_of(&[]) {
            assert!(script.contains(&name), "{shell}: {name}");
        }
        assert_eq!(printed(&["completion", shell]), script, "each run prints the same");
    }
    let other = run(&["completion", "tcsh"]);
    assert_eq!(other.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&other.stderr).contains("possible values: bash,"), "{other:?}");
}

/// Asks bash as the Tab key does.
#[test]
fn bash_completes_subcommands_and_options() {
    let room = tempfile::tempdir().unwrap();
    fs::write(room.path().join("completion"), printed(&["completion", "bash"])).unwrap();
    let offered = |words: &str| {
        let ask = format!(
            "source completion; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _argo__buildkit argo-buildkit \"${{COMP_WORDS[COMP_CWORD]}}\" ''; echo \"${{COMPREPLY[@]}}\""
        );
        let output = Command::new("bash").args(["-c", &ask]).current_dir(&room).output().unwrap();
        assert!(output.stderr.is_empty(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(offered("argo-buildkit verif"), "verify");
    assert_eq!(offered("argo-buildkit cache pru"), "prune");
    assert_eq!(offered("argo-buildkit run --outputs"), "--outputs-dir");
}
