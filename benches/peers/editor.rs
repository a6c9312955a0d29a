//! The editor: how long an edit takes as the file grows, and beside `yq` and `kustomize` on the same file.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use argo_buildkit::manifest::{Edit, apply};

use super::measured;
use super::support::bin::testbed;
use super::table::{Table, median, ms};
use super::world::binary;

/// Runs of each side; those before them warm caches and are not counted.
const RUNS: usize = 21;
const WARM_UP: usize = 3;

/// A size of file, and the bound of one edit in the process, in ms.
const SIZES: [(&str, usize, Option<f64>); 3] =
    [("10 KB", 10_000, Some(2.0)), ("100 KB", 100_000, None), ("1 MB", 1_000_000, Some(150.0))];

/// Wall time beside a peer: no slower.
const BOUND: f64 = 1.0;

pub(crate) fn compare(table: &mut Table) {
    let times = SIZES.map(|(name, bytes, bound)| {
        let time = in_process(&values(bytes));
        table.alone(&format!("edit of {name} in the process"), "ms", time, bound);
        time
    });
    // Ten times the bytes: ten times the time is linear.
    table.beside("edit of 1 MB in the process, beside ten of 100 KB", "ms", times[2], 10.0 * times[1], 1.5);
    for (name, bytes, _) in SIZES {
        beside(
            table,
            &format!("edit of {name} of values: wall, beside yq"),
            &values(bytes),
            ours_of_values,
            yq,
        );
        let text = kustomization(bytes);
        beside(
            table,
            &format!("edit of {name} of images: wall, beside kustomize"),
            &text,
            ours_of_images,
            kustomize,
        );
    }
}

/// A values file: services with an image each, the edited one in the middle.
fn values(bytes: usize) -> String {
    let service = |number: usize| {
        format!(
            "  service-{number}:\n    # Set by CI.\n    image:\n      repository: registry.example.com/shop/service-{number}\n      tag: \"1.4.{number}\"\n    replicas: 2\n    env:\n      - name: LOG_LEVEL\n        value: info\n"
        )
    };
    filled("services:\n", bytes, service, "  edited:\n    image:\n      tag: v1   # the one\n")
}

/// A kustomization: an image after the other, the edited one in the middle.
fn kustomization(bytes: usize) -> String {
    let image = |number: usize| {
        format!(
            "  - name: shop/service-{number}\n    newName: registry.example.com/shop/service-{number}\n    newTag: \"1.4.{number}\"\n"
        )
    };
    filled("resources:\n  - base.yaml\nimages:\n", bytes, image, "  - name: shop/edited\n    newTag: v1\n")
}

fn filled(head: &str, bytes: usize, one: impl Fn(usize) -> String, edited: &str) -> String {
    let mut text = head.to_owned();
    let mut numbers = 1..;
    let mut fill = |text: &mut String, end: usize| {
        while text.len() < end {
            numbers.by_ref().take(1).for_each(|number| text.push_str(&one(number)));
        }
    };
    fill(&mut text, bytes / 2);
    text.push_str(edited);
    fill(&mut text, bytes);
    text
}

/// The median time of one edit, in ms.
fn in_process(text: &str) -> f64 {
    let target = "helm:services.edited.image.tag".parse().unwrap();
    let edits = [Edit::new(target, "v2")];
    let one = || {
        let started = Instant::now();
        let edited = apply(text.as_bytes(), &edits).unwrap();
        let took = ms(started.elapsed());
        assert!(edited.changed);
        took
    };
    median(&(0..WARM_UP + RUNS).map(|_| one()).skip(WARM_UP).collect::<Vec<_>>())
}

/// In turns, each on a copy of its own: the medians of both, in ms.
fn beside(
    table: &mut Table,
    what: &str,
    text: &str,
    ours: fn(&Path) -> Command,
    theirs: fn(&Path) -> Command,
) {
    let (mine, peers): (Vec<_>, Vec<_>) =
        (0..WARM_UP + RUNS).map(|_| (wall(text, ours), wall(text, theirs))).skip(WARM_UP).unzip();
    table.beside(what, "ms", median(&mine), median(&peers), BOUND);
}

/// One run in a directory with a fresh copy, which it has to change.
fn wall(text: &str, command: fn(&Path) -> Command) -> f64 {
    let room = tempfile::tempdir().unwrap();
    let file = room.path().join("kustomization.yaml");
    std::fs::write(&file, text).unwrap();
    let run = measured::run(&command(&file));
    assert!(std::fs::read_to_string(&file).unwrap().contains("v2"));
    ms(run.wall)
}

fn ours_of_values(file: &Path) -> Command {
    let mut command = Command::new(binary());
    command.args(["edit", "--write", "--target", "helm:services.edited.image.tag=v2"]).arg(file);
    command
}

fn yq(file: &Path) -> Command {
    let mut command = Command::new(testbed("yq"));
    command.args(["-i", ".services.edited.image.tag = \"v2\""]).arg(file);
    command
}

fn ours_of_images(file: &Path) -> Command {
    let edit = "edit --write --target kustomize:shop/edited:newTag=v2 kustomization.yaml";
    in_its_directory(file, &binary(), edit)
}

fn kustomize(file: &Path) -> Command {
    in_its_directory(file, &testbed("kustomize"), "edit set image shop/edited:v2")
}

/// `kustomize edit` takes the kustomization of its directory; so that both pay for the shell, both get one.
fn in_its_directory(file: &Path, program: &Path, arguments: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("cd \"$1\" && exec \"$2\" {arguments}"), "sh"]);
    command.arg(file.parent().unwrap()).arg(program);
    command
}
