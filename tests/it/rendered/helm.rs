//! Renders charts with `helm template`. One chart has a template for each shape, and all edits are rendered together.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use super::references::{MODES, Mode, OLD, edited, is_asked_for, references};
use super::shapes::{SHAPES, Shape};
use crate::support::bin::testbed;

/// One edit, before it is rendered.
struct Case {
    shape: &'static Shape,
    wanted: String,
    mode: Mode,
}

#[test]
fn a_chart_renders_the_image_that_was_asked_for() {
    let old = render(SHAPES.iter().map(|shape| (shape, values(shape))));
    let wanted = references(48);
    let mut cases = Vec::new();
    let mut files = Vec::new();
    for (shape, wanted, mode) in SHAPES
        .iter()
        .flat_map(|shape| wanted.iter().flat_map(move |wanted| MODES.map(|mode| (shape, wanted, mode))))
    {
        let target = format!("image:at{}", shape.path);
        let Some(file) = edited(&values(shape), &target, wanted, mode) else { continue };
        cases.push(Case { shape, wanted: wanted.clone(), mode });
        files.push((shape, file));
    }
    let images = render(files.into_iter());
    let wrong: Vec<_> = cases
        .iter()
        .zip(&images)
        .filter_map(|(case, image)| {
            let at = SHAPES.iter().position(|shape| shape.name == case.shape.name).unwrap();
            (!is_right(case, image, &old[at])).then(|| {
                format!(
                    "{}: {} ({:?}) renders {image}, once {}",
                    case.shape.name, case.wanted, case.mode, old[at]
                )
            })
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    let mut made = BTreeMap::new();
    cases.iter().for_each(|case| *made.entry(case.shape.name).or_insert(0) += 1);
    let never = SHAPES.iter().filter(|shape| made.get(shape.name).is_none_or(|made| *made < 8));
    assert_eq!(never.map(|shape| shape.name).collect::<Vec<_>>(), ["cilium-operator"], "{made:?}");
}

/// The digest decides what runs, if a chart omits the tag beside it or reads the tag as a number.
fn is_right(case: &Case, image: &str, old: &str) -> bool {
    let by_digest =
        ["registry-repository-tag", "number"].contains(&case.shape.name) && case.wanted.contains("@s");
    match by_digest {
        true => is_asked_for(&tagless(image), &tagless(&case.wanted), &tagless(old)),
        false => is_asked_for(image, &case.wanted, old),
    }
}

fn tagless(image: &str) -> String {
    let (name, digest) = image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
    let slash = name.rfind('/').map_or(0, |at| at + 1);
    let end = name[slash..].find(':').map_or(name.len(), |at| slash + at);
    digest.map_or(name[..end].to_owned(), |digest| format!("{}@{digest}", &name[..end]))
}

fn values(shape: &Shape) -> String {
    let values = shape.values.replace("OLD", OLD).replace("HEX", &OLD[7..]);
    format!("at:\n  {}\n", values.replace('\n', "\n  "))
}

/// The rendered image for each of these values, with one run of Helm.
fn render(all: impl Iterator<Item = (&'static Shape, String)>) -> Vec<String> {
    let room = tempfile::tempdir().unwrap();
    let path = |name: &str| room.path().join(name);
    fs::create_dir(path("templates")).unwrap();
    fs::write(path("Chart.yaml"), "apiVersion: v2\nname: shapes\nversion: 0.1.0\n").unwrap();
    let mut templates = String::new();
    for Shape { name, template, .. } in SHAPES {
        write!(templates, "{{{{- define \"{name}\" -}}}}{template}{{{{- end -}}}}").unwrap();
    }
    fs::write(path("templates/_shapes.tpl"), templates).unwrap();
    let list = "{{ range .Values.cases }}\n- {{ include .shape .at | quote }}{{ end }}\n";
    fs::write(path("templates/images.yaml"), format!("images:{list}")).unwrap();
    let mut values = "cases:\n".to_owned();
    for (shape, file) in all {
        write!(values, "- shape: {}\n  {}\n", shape.name, file.trim_end().replace('\n', "\n  ")).unwrap();
    }
    fs::write(path("edited.yaml"), values).unwrap();
    let output = Command::new(testbed("helm"))
        .args(["template", "x", "."])
        .args(["--values", "edited.yaml"])
        .current_dir(room.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rendered = String::from_utf8(output.stdout).unwrap();
    let images: BTreeMap<String, Vec<String>> =
        serde_saphyr::from_str(rendered.split_once("images.yaml\n").unwrap().1).unwrap();
    images["images"].clone()
}
