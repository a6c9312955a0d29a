//! Targets as text: how each text is parsed, and that `Display` writes the text that was parsed.

use proptest::prelude::*;

use super::super::{Application, Edit, KustomizeField, Object, SourceRef, Target, TargetError};
use crate::manifest::path::{Path, Segment};

fn object(kind: &str, name: &str, namespace: Option<&str>) -> Object {
    Object { kind: kind.into(), name: name.into(), namespace: namespace.map(Into::into) }
}

fn with(name: &str, field: &str, value: &str) -> Application {
    let source = SourceRef::Field { field: field.into(), value: value.into() };
    Application { name: Some(name.into()), source: Some(source) }
}

#[test]
fn every_kind_is_read() {
    let path = |path: &str| path.parse().unwrap();
    let parameter = |application: Option<&str>, name: &str| Target::Parameter {
        application: application.map(Into::into),
        name: name.into(),
    };
    let values = |application: Option<&str>, at: &str| Target::Values {
        application: application.map(Into::into),
        path: path(at),
    };
    for (text, target) in [
        ("helm:image.tag", Target::Helm(path("image.tag"))),
        ("helm:a[name=x:y].b", Target::Helm(path("a[name=x:y].b"))),
        ("image:controller.image", Target::Image(path("controller.image"))),
        (
            "kustomize:reg:5000/shop/api:newTag",
            Target::Kustomize { image: "reg:5000/shop/api".into(), field: KustomizeField::NewTag },
        ),
        (
            "object:Deployment/api:spec.replicas",
            Target::Object { object: object("Deployment", "api", None), path: path("spec.replicas") },
        ),
        (
            "object:ClusterRole/\"system:node\"/ns:a:b",
            Target::Object { object: object("ClusterRole", "system:node", Some("ns")), path: path("a:b") },
        ),
        (
            "container:Deployment/api/shop:web",
            Target::Container { object: object("Deployment", "api", Some("shop")), container: "web".into() },
        ),
        (
            "object:Kustomization:replicas",
            Target::Object { object: object("Kustomization", "", None), path: path("replicas") },
        ),
        ("container:[image=quay.io/x/y]", Target::Running { object: None, image: "quay.io/x/y".into() }),
        (
            "container:Pod/a:[image=r:5000/x]",
            Target::Running { object: Some(object("Pod", "a", None)), image: "r:5000/x".into() },
        ),
        (
            "values:shop[chart=nginx]:image.tag",
            Target::Values { application: Some(with("shop", "chart", "nginx")), path: path("image.tag") },
        ),
        (
            "parameter:[1]:tag",
            Target::Parameter {
                application: Some(Application { name: None, source: Some(SourceRef::Index(1)) }),
                name: "tag".into(),
            },
        ),
        ("helm:data.\"values.yaml\"|image.tag", Target::Helm(path("data.values\\.yaml|image.tag"))),
        ("parameter:image.tag", parameter(None, "image.tag")),
        ("parameter:shop:image.tag", parameter(Some("shop"), "image.tag")),
        ("parameter:shop:\"hosts[0]\"", parameter(Some("shop"), "hosts[0]")),
        ("parameter:\"a:b\"", parameter(None, "a:b")),
        ("values:image.tag", values(None, "image.tag")),
        ("values:shop:image.tag", values(Some("shop"), "image.tag")),
        ("values::a:b", values(None, "a:b")),
        ("values:c[name=a:b].d", values(None, "c[name=a:b].d")),
        ("setter:flux-system:podinfo", Target::Setter("flux-system:podinfo".into())),
        ("setter:flux-system:podinfo:tag", Target::Setter("flux-system:podinfo:tag".into())),
    ] {
        assert_eq!(text.parse().as_ref(), Ok(&target), "{text}");
        assert_eq!(target.to_string(), text);
    }
    assert_eq!("parameter::a".parse(), Ok(parameter(None, "a")));
    assert_eq!("parameter:hosts[0].x".parse(), Ok(parameter(None, "hosts[0].x")));
}

#[test]
fn an_edit_is_split_behind_its_target() {
    for (text, target, value) in [
        ("helm:image.tag=v2", "helm:image.tag", "v2"),
        ("helm:c[name=x].v=a=b", "helm:c[name=x].v", "a=b"),
        ("helm:\"a=]b\".c=", "helm:\"a=]b\".c", ""),
        ("container:Pod/a:b=reg:5000/x:1@sha256:0", "container:Pod/a:b", "reg:5000/x:1@sha256:0"),
    ] {
        let edit: Edit = text.parse().unwrap();
        assert_eq!((edit.target.to_string().as_str(), edit.value.as_str()), (target, value));
        assert!(!edit.create);
    }
}

#[test]
fn what_is_no_target() {
    let messages = [
        "",
        "image.tag",
        "file:a",
        "helm:",
        "helm:a..b",
        "image:[",
        "kustomize:app",
        "kustomize:app:tag",
        "kustomize::digest",
        "parameter:a[tag=x]:b",
        "container:[image=]",
        "object:Deployment/api",
        "object:a/b/c/d:e",
        "container:Deployment/api:",
        "container:/api:web",
        "parameter:",
        "parameter:a:",
        "values:a:",
        "setter:",
        "setter:a\nb",
        "parameter:\"a",
        "parameter:\"a\"b",
        "parameter:a\"b",
    ]
    .map(|text| text.parse::<Target>().unwrap_err().to_string());
    insta::assert_snapshot!(messages.join("\n"), @r#"
`` is no kind of target; there are `helm`, `image`, `kustomize`, `object`, `container`, `parameter`, `values` and `setter`, as in `helm:image.tag`
`image.tag` is no kind of target; there are `helm`, `image`, `kustomize`, `object`, `container`, `parameter`, `values` and `setter`, as in `helm:image.tag`
`file` is no kind of target; there are `helm`, `image`, `kustomize`, `object`, `container`, `parameter`, `values` and `setter`, as in `helm:image.tag`
the path `` is wrong at column 1: expected a key, found the end
the path `a..b` is wrong at column 3: expected a key, found `.`
the path `[` is wrong at column 2: expected a number or `name=value`, found the end
`kustomize:app` is not a target of the form `kustomize:IMAGE:newTag|newName|digest`
`kustomize:app:tag` is not a target of the form `kustomize:IMAGE:newTag|newName|digest`
`kustomize::digest` is not a target of the form `kustomize:IMAGE:newTag|newName|digest`
`parameter:a[tag=x]:b` is not a target of the form `parameter:[APPLICATION:]NAME`
`container:[image=]` is not a target of the form `container:KIND/NAME[/NAMESPACE]:CONTAINER`
`object:Deployment/api` is not a target of the form `object:KIND/NAME[/NAMESPACE]:PATH`
`object:a/b/c/d:e` is not a target of the form `object:KIND/NAME[/NAMESPACE]:PATH`
`container:Deployment/api:` is not a target of the form `container:KIND/NAME[/NAMESPACE]:CONTAINER`
`container:/api:web` is not a target of the form `container:KIND/NAME[/NAMESPACE]:CONTAINER`
`parameter:` is not a target of the form `parameter:[APPLICATION:]NAME`
`parameter:a:` is not a target of the form `parameter:[APPLICATION:]NAME`
the path `` is wrong at column 1: expected a key, found the end
`setter:` is not a target of the form `setter:NAMESPACE:POLICY`
`setter:a\nb` is not a target of the form `setter:NAMESPACE:POLICY`
`parameter:"a` is not a target of the form `parameter:[APPLICATION:]NAME`
`parameter:"a"b` is not a target of the form `parameter:[APPLICATION:]NAME`
`parameter:a"b` is not a target of the form `parameter:[APPLICATION:]NAME`
"#);
    assert!(matches!("helm:a".parse::<Edit>(), Err(TargetError::NoValue { .. })));
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[a-z0-9/.-]{1,8}", 1 => "[ -~é]{0,8}"]
}

fn path() -> impl Strategy<Value = Path> {
    let segment = prop_oneof![
        3 => name().prop_map(Segment::Key),
        1 => (name(), name()).prop_map(|(field, value)| Segment::Item { field, value }),
        1 => (0_usize..9).prop_map(Segment::Index),
    ];
    prop::collection::vec(segment, 1..4).prop_map(Path::new)
}

fn any_object() -> impl Strategy<Value = Object> {
    (name(), name(), prop::option::of(name())).prop_map(|(kind, name, namespace)| Object {
        kind,
        name,
        namespace,
    })
}

fn any_application() -> impl Strategy<Value = Application> {
    let source = prop_oneof![
        (0_usize..9).prop_map(SourceRef::Index),
        name().prop_map(|value| SourceRef::Field { field: "chart".into(), value }),
    ];
    (name(), prop::option::of(source)).prop_map(|(name, source)| Application { name: Some(name), source })
}

fn target() -> impl Strategy<Value = Target> {
    let field = prop::sample::select(KustomizeField::ALL.to_vec());
    let application = || prop::option::of(any_application());
    prop_oneof![
        path().prop_map(Target::Helm),
        path().prop_map(Target::Image),
        (name(), field).prop_map(|(image, field)| Target::Kustomize { image, field }),
        (any_object(), path()).prop_map(|(object, path)| Target::Object { object, path }),
        (any_object(), name()).prop_map(|(object, container)| Target::Container { object, container }),
        (prop::option::of(any_object()), name())
            .prop_map(|(object, image)| Target::Running { object, image }),
        (application(), name()).prop_map(|(application, name)| Target::Parameter { application, name }),
        (application(), path()).prop_map(|(application, path)| Target::Values { application, path }),
        name().prop_map(Target::Setter),
    ]
}

proptest! {
    #[test]
    fn a_target_displays_as_it_is_read(target in target(), value in "[ -~]{0,12}") {
        let text = target.to_string();
        prop_assert_eq!(text.parse(), Ok(target.clone()), "{}", text);
        let edit = Edit::new(target, value);
        let text = format!("{text}={}", edit.value);
        prop_assert_eq!(text.parse(), Ok(edit));
    }

    #[test]
    fn no_text_panics(text in "(helm|image|kustomize|object|container|parameter|values|setter):[a-z:/.=\"\\\\\\[\\]é]{0,20}") {
        if let Ok(target) = text.parse::<Target>() {
            prop_assert_eq!(target.to_string().parse(), Ok(target));
        }
    }
}
