//! Kustomizations, by `kustomize build`.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use super::references::{Mode, OLD, edited, is_asked_for, references};
use crate::support::bin::testbed;

/// Entries of `images` for the image `shop/api:v0`.
const ENTRIES: &[&str] = &[
    "newTag: v1",
    "newName: r.example/shop/api\n  newTag: v1",
    "newTag: v1\n  digest: OLD",
    "newTag: v1@OLD",
    "newName: quay.io/api\n  newTag: v1@OLD",
];

#[test]
fn a_kustomization_renders_the_image_that_was_asked_for() {
    let files: Vec<String> = ENTRIES.iter().map(|entry| file(entry)).collect();
    let old = build(&files);
    let mut cases = Vec::new();
    for (at, file) in files.iter().enumerate() {
        for wanted in references(24) {
            let target = "image:images[name=shop/api]";
            let image = edited(file, target, &wanted, Mode::Create).map(|file| (at, wanted.clone(), file));
            let (version, tag) = (wanted.rsplit_once(':'), wanted.contains('@'));
            let by_field = version.filter(|(name, _)| name.is_empty() && !tag);
            let by_field =
                by_field.and_then(|(_, tag)| edited(file, "kustomize:shop/api:newTag", tag, Mode::Set));
            cases.extend(image.into_iter().chain(by_field.map(|file| (at, wanted, file))));
        }
    }
    let images = build(&cases.iter().map(|(.., file)| file.clone()).collect::<Vec<_>>());
    let wrong =
        cases.iter().zip(&images).filter(|((at, wanted, _), image)| !is_asked_for(image, wanted, &old[*at]));
    let wrong: Vec<_> =
        wrong.map(|((at, wanted, _), image)| format!("{}: {wanted} renders {image}", ENTRIES[*at])).collect();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert!(cases.len() > 40, "{} cases were made", cases.len());
}

fn file(entry: &str) -> String {
    format!("resources: [pod.yaml]\nimages:\n- name: shop/api\n  {}\n", entry.replace("OLD", OLD))
}

/// The image of each kustomization, by one build of all.
fn build(files: &[String]) -> Vec<String> {
    let room = tempfile::tempdir().unwrap();
    let mut all = "resources:\n".to_owned();
    for (at, file) in files.iter().enumerate() {
        let directory = room.path().join(format!("c{at:04}"));
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join("kustomization.yaml"), file).unwrap();
        let pod = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p{at:04}}}\nspec: {{containers: [{{name: c, image: 'shop/api:v0'}}]}}\n"
        );
        fs::write(directory.join("pod.yaml"), pod).unwrap();
        writeln!(all, "- c{at:04}").unwrap();
    }
    fs::write(room.path().join("kustomization.yaml"), all).unwrap();
    let output =
        Command::new(testbed("kustomize")).args(["build", "."]).current_dir(room.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let images =
        text.lines().filter_map(|line| line.trim_start().trim_start_matches("- ").strip_prefix("image: "));
    let images: Vec<_> = images.map(str::to_owned).collect();
    assert_eq!(images.len(), files.len());
    images
}
