#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use super::*;

const TEMPLATE: &str = "
kind: WorkflowTemplate
apiVersion: argoproj.io/v1alpha1
spec:
  arguments: {parameters: [{name: repo, value: 'https://git.example.com/a.git'}, {name: tag}]}
  templates:
    - name: main
      steps: [[{name: build, template: build}]]
    - name: build
      timeout: '{{inputs.parameters.limit}}'
      synchronization: {mutexes: [{name: '{{=sprig.sha1sum(inputs.parameters.repo)}}'}]}
      inputs: {parameters: [{name: repo}, {name: limit, default: 10m}, {name: revision, default: '{{workflow.parameters.tag}}'}]}
      outputs: {parameters: [{name: digest, valueFrom: {supplied: {}, default: ''}}]}
      plugin:
        buildkit:
          build:
            context: {repo: '{{inputs.parameters.repo}}', revision: '{{ inputs.parameters.revision }}'}
            tags: 'registry.example.com/a:{{workflow.parameters.tag}}-{{workflow.name}}'
";
const STEP: &str = "tags: {image: 'registry.example.com/{{inputs.parameters.name}}'}";

fn taken(text: &str, template: Option<&str>, parameters: &[(&str, &str)]) -> Result<Template, String> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let parameters: Vec<_> = parameters.iter().map(owned).collect();
    let [name, namespace, uid] = ["terminal", "default", "u"].map(str::to_owned);
    let workflow = Workflow { name, namespace, uid };
    let documents = serde_saphyr::from_multiple::<Value>(text).unwrap();
    let wanted = Wanted { template, parameters: &parameters, workflow: &workflow };
    super::template(&documents, &wanted).map_err(|error| format!("{error:#}"))
}

#[test]
fn a_template_of_an_object_has_its_defaults_its_limit_and_its_outputs() {
    let template = taken(TEMPLATE, None, &[("tag", "1.4.0")]).unwrap();
    let build = &template.step().unwrap()["build"];
    assert_eq!(build["context"], json!({"repo": "https://git.example.com/a.git", "revision": "1.4.0"}));
    assert_eq!(build["tags"], "registry.example.com/a:1.4.0-terminal");
    assert_eq!(template.declared(), ["digest"]);
    let timed = template.timed_step(template.step().unwrap(), Duration::from_secs(1)).unwrap();
    assert_eq!(timed.limit, Duration::from_secs(600));
}

#[test]
fn a_step_alone_takes_parameters_too() {
    for text in [
        STEP.to_owned(),
        format!("buildkit: {{{STEP}}}"),
        format!("plugin: {{buildkit: {{{STEP}}}}}"),
        format!("# an empty document\n---\n{STEP}\n---\n"),
    ] {
        let template = taken(&text, None, &[("name", "shop/api")]).unwrap();
        assert_eq!(template.step().unwrap()["tags"]["image"], "registry.example.com/shop/api", "{text}");
    }
}

#[test]
fn the_last_value_of_a_name_counts_and_is_not_read_again() {
    let template = taken(STEP, None, &[("name", "a"), ("name", "{{workflow.name}}")]).unwrap();
    assert_eq!(template.step().unwrap()["tags"]["image"], "registry.example.com/{{workflow.name}}");
}

/// A file, the template that is named, the values of parameters, and what is wrong.
type Row<'a> = (&'a str, Option<&'a str>, &'a [(&'a str, &'a str)], &'a str);

#[test]
fn what_cannot_be_filled_or_chosen_is_named() {
    let two = format!("{TEMPLATE}---\nname: other\nplugin: {{buildkit: {{{STEP}}}}}\n");
    let rows: [Row<'_>; 8] = [
        (TEMPLATE, None, &[], "parameters without a value or a default; give -p tag=VALUE"),
        (
            TEMPLATE,
            None,
            &[("tag", "1"), ("tga", "1")],
            "-p tga: there is no such parameter (did you mean `tag`?)",
        ),
        (TEMPLATE, Some("main"), &[], "there is no template `main` with a step; there are: `build`"),
        (&two, None, &[], "several templates have a step; name one with --template: `build`, `other`"),
        ("kind: Service\napiVersion: v1", None, &[], "there is no template with `plugin.buildkit`"),
        ("tags: {image: '{{=1 + 1}}'}", None, &[], "`{{=1 + 1}}` has no value here"),
        (
            "tags: {image: '{{steps.a.outputs.result}}'}",
            None,
            &[],
            "`{{steps.a.outputs.result}}` has no value here",
        ),
        (STEP, None, &[("name", "a"), ("more", "b")], "-p more: there is no such parameter; there are: name"),
    ];
    for (text, template, parameters, expected) in rows {
        let said = taken(text, template, parameters).err().unwrap_or_default();
        assert!(said.contains(expected), "{said}");
    }
}

/// A value that names itself ends, and is refused.
#[test]
fn values_in_a_circle_are_refused() {
    let text = "
name: main
inputs: {parameters: [{name: a, value: '{{inputs.parameters.a}}{{inputs.parameters.a}}'}]}
plugin: {buildkit: {tags: {image: '{{inputs.parameters.a}}'}}}
";
    assert!(
        taken(text, None, &[])
            .is_err_and(|said| said.contains("`{{inputs.parameters.a}}` has no value here"))
    );
}
