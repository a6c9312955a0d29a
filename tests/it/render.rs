//! `argo-buildkit render` as a user runs it.

mod hooks;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::git::GitServer;

const BINARY: &str = env!("CARGO_BIN_EXE_argo-buildkit");
const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/catalogue");
const DONE: i32 = 0;
const WRONG: i32 = 1;
const UNREAD: i32 = 2;

/// Runs `render` in a directory: exit code, standard output, standard error.
fn render(directory: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(BINARY).arg("render").args(arguments).current_dir(directory).output().unwrap();
    let Output { status, stdout, stderr } = output;
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// A room with the example's catalogue.
fn room() -> tempfile::TempDir {
    let room = tempfile::tempdir().unwrap();
    fs::copy(format!("{EXAMPLE}/services.yaml"), room.path().join("services.yaml")).unwrap();
    room
}

const RENDER: &[&str] = &["services.yaml", "-o", "out"];
const CHECK: &[&str] = &["services.yaml", "-o", "out", "--check"];

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .map(|entries| entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect())
        .unwrap_or_default();
    names.sort();
    names
}

/// With `BLESS`, renders the example again.
#[test]
fn the_example_is_rendered_as_it_is_committed() {
    let example = Path::new(EXAMPLE);
    if std::env::var_os("BLESS").is_some() {
        assert_eq!(render(example, &["services.yaml", "-o", "rendered"]).0, DONE);
    }
    let (code, shown, said) = render(example, &["services.yaml", "-o", "rendered", "--check"]);
    assert_eq!((code, shown.as_str(), said.as_str()), (DONE, "", ""));
}

#[test]
fn a_second_run_writes_nothing() {
    let room = room();
    let (code, shown, said) = render(room.path(), RENDER);
    assert_eq!((code, said.as_str()), (DONE, ""));
    assert!(shown.lines().all(|line| line.starts_with("made out/")), "{shown}");
    let (code, shown, _) = render(room.path(), RENDER);
    assert_eq!((code, shown.as_str()), (DONE, "nothing to write: every file is as it should be\n"));
    assert_eq!(render(room.path(), CHECK).0, DONE);
}

#[test]
fn check_shows_what_is_stale_and_writes_nothing() {
    let room = room();
    let (code, shown, _) = render(room.path(), CHECK);
    assert_eq!((code, names(room.path())), (WRONG, vec!["services.yaml".to_owned()]), "{shown}");
    render(room.path(), RENDER);
    let sweep = room.path().join("out/sweep.yaml");
    let stale = fs::read_to_string(&sweep).unwrap().replace("*/10 * * * *", "*/20 * * * *");
    fs::write(&sweep, &stale).unwrap();
    let (code, shown, _) = render(room.path(), CHECK);
    assert_eq!((code, fs::read_to_string(&sweep).unwrap()), (WRONG, stale));
    let expected =
        ["--- a/out/sweep.yaml", "-  schedules: [\"*/20 * * * *\"]", "+  schedules: [\"*/10 * * * *\"]"];
    assert!(expected.iter().all(|line| shown.lines().any(|shown| shown == *line)), "{shown}");
}

#[test]
fn only_what_render_made_is_removed_or_replaced() {
    let room = room();
    render(room.path(), RENDER);
    let out = room.path().join("out");
    fs::write(out.join("mine.yaml"), "a: 1\n").unwrap();
    let text = fs::read_to_string(room.path().join("services.yaml")).unwrap();
    // Without the service in pull mode, which is the last one.
    let less = text.split("\n  # Pull mode").next().unwrap();
    fs::write(room.path().join("services.yaml"), format!("{less}\n")).unwrap();
    let (code, shown, _) = render(room.path(), RENDER);
    assert_eq!((code, shown.contains("removed out/pull-")), (DONE, true), "{shown}");
    let left = names(&out);
    assert!(
        left.contains(&"mine.yaml".to_owned()) && !left.iter().any(|name| name.starts_with("pull-")),
        "{left:?}"
    );
    for foreign in ["resources: []\n", "# Made by hand.\n"] {
        fs::write(out.join("kustomization.yaml"), foreign).unwrap();
        fs::remove_file(out.join("sweep.yaml")).unwrap_or_default();
        let (code, _, said) = render(room.path(), RENDER);
        assert_eq!(
            (code, said.contains("out/kustomization.yaml was not made by render")),
            (WRONG, true),
            "{said}"
        );
        assert!(!out.join("sweep.yaml").exists(), "nothing is written");
    }
    fs::remove_file(out.join("kustomization.yaml")).unwrap();
    std::os::unix::fs::symlink(out.join("sensor-1.yaml"), out.join("kustomization.yaml")).unwrap();
    assert_eq!(render(room.path(), RENDER).0, WRONG, "a link leads elsewhere");
}

#[test]
fn a_catalogue_with_mistakes_writes_nothing_and_shows_all_of_them() {
    let room = room();
    let text = fs::read_to_string(room.path().join("services.yaml")).unwrap();
    let wrong = text
        .replace("    target: runtime\n", "    taget: runtime\n")
        .replace("branches: [main,", "branches: [\"(\",");
    fs::write(room.path().join("services.yaml"), wrong).unwrap();
    let (code, shown, said) = render(room.path(), RENDER);
    assert_eq!((code, shown.as_str(), names(room.path())), (WRONG, "", vec!["services.yaml".to_owned()]));
    let line = text.lines().position(|line| line == "    target: runtime").unwrap() + 1;
    let expected = format!(
        "error[catalogue]: services[1].taget: unknown field (did you mean `target`?)\n  --> services.yaml:{line}:5\n   |\n{line} |     taget: runtime\n   |     ^^^^^\n"
    );
    assert!(said.contains(&expected) && said.ends_with("2 mistakes; nothing was written\n"), "{said}");
    for (text, expected) in [
        ("", "the file is empty"),
        ("a: [", "error[yaml]"),
        ("namespace: builds\nnamespace: other\nservices: []\n", "error[repeated-key]"),
        ("namespace: builds\nservices: []\n---\nx: 1\n", "several documents"),
    ] {
        fs::write(room.path().join("services.yaml"), text).unwrap();
        let (code, _, said) = render(room.path(), RENDER);
        assert_eq!((code, said.contains(expected)), (WRONG, true), "{text}: {said}");
    }
}

#[test]
fn a_command_line_that_cannot_be_done_is_refused() {
    let room = room();
    for (arguments, expected) in [
        (&["services.yaml"][..], "--output"),
        (&["absent.yaml", "-o", "out"], "absent.yaml cannot be read"),
        (&["services.yaml", "-o", "out", "--templates", "absent"], "absent cannot be read"),
    ] {
        let (code, _, said) = render(room.path(), arguments);
        assert_eq!((code, said.contains(expected)), (UNREAD, true), "{said}");
    }
}

#[test]
fn templates_of_ones_own_come_from_a_directory() {
    let room = room();
    let own = "apiVersion: argoproj.io/v1alpha1\nkind: WorkflowTemplate\nmetadata: {name: mine}\nspec:\n  arguments:\n    parameters: [{name: repo}, {name: image}, {name: revision}, {name: git-ref}]\n";
    fs::create_dir(room.path().join("mine")).unwrap();
    fs::write(room.path().join("mine/mine.yaml"), own).unwrap();
    let catalogue = "namespace: builds\nhook: {secret: hook}\nservices:\n- {name: api, repo: \"https://git.example.com/shop/api.git\", image: r.example.com/api, template: mine}\n";
    fs::write(room.path().join("services.yaml"), catalogue).unwrap();
    let (code, _, said) = render(room.path(), RENDER);
    assert_eq!((code, said.contains("there is no template `mine`")), (WRONG, true), "{said}");
    let (code, _, said) = render(room.path(), &["services.yaml", "-o", "out", "--templates", "mine"]);
    assert_eq!((code, said.as_str()), (DONE, ""));
}

/// A clone of the example's shop, with a commit for each of the file lists, and each commit's message.
fn clone(directory: &Path, commits: &[(&[&str], &str)]) {
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.args(arguments).current_dir(directory).env("GIT_CONFIG_GLOBAL", "/dev/null");
        for (name, value) in [("GIT_AUTHOR", "Ann"), ("GIT_COMMITTER", "Ann")] {
            command.env(format!("{name}_NAME"), value).env(format!("{name}_EMAIL"), "ann@example.com");
        }
        assert!(command.output().unwrap().status.success(), "{arguments:?}");
    };
    git(&["init", "-q", "-b", "main"]);
    git(&["remote", "add", "origin", "ssh://git@gitea.example.com:2222/Shop/shop"]);
    for (n, (files, message)) in commits.iter().enumerate() {
        for file in *files {
            let path = directory.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, n.to_string()).unwrap();
        }
        git(&["add", "-A"]);
        git(&["commit", "-q", "-m", message]);
    }
}

#[test]
fn explain_says_what_a_push_would_build_and_why_not_the_rest() {
    let (room, shop) = (room(), tempfile::tempdir().unwrap());
    let own = "Deploy\n\nManifest: charts/cart/values.yaml image.tag\nManaged-By: argo-buildkit";
    let commits: &[(&[&str], &str)] = &[
        (&["README.md", "services/checkout/a.txt"], "First"),
        (&["README.md", "services/cart/main.txt"], "Change the cart"),
        (&["services/cart/README.md"], "Describe it"),
        (&["services/checkout/a.txt"], "Change it [skip ci]"),
        (&["charts/cart/values.yaml"], own),
        (&["charts/cart/values.yaml", "services/cart/main.txt"], own),
    ];
    clone(shop.path(), commits);
    let shop = shop.path().to_str().unwrap();
    let explain = |more: &[&str]| {
        let (code, shown, said) =
            render(room.path(), &[&["services.yaml", "--explain", shop], more].concat());
        assert_eq!(code, DONE, "{said}");
        (shown, said)
    };
    let (shown, said) = explain(&["main~5", "main~4"]);
    assert_eq!(
        shown,
        "cart would be built: `services/cart/main.txt` changed\n\
         checkout would not be built: nothing under services/checkout/** changed, only 2 files such as `README.md`\n"
    );
    assert_eq!(said, "warning: cart: the glob `lib/**` of `paths` matches no file\n");
    let ignored = "cart would not be built: nothing under services/cart/**, lib/** changed that `paths-ignore` (**/*.md) does not \
                   ignore, only `services/cart/README.md`\n";
    assert!(explain(&["main~4", "main~3"]).0.starts_with(ignored));
    assert!(
        explain(&["main~3", "main~2"])
            .0
            .contains("checkout would not be built: the commit's message has `[skip ci]`")
    );
    assert!(
        explain(&["main~2", "main~1"])
            .0
            .contains("cart would not be built: the pushed commit is a write-back")
    );
    // A person amended one of ours.
    assert!(explain(&["main~1", "main"]).0.contains("cart would be built: `services/cart/main.txt` changed"));
    let (shown, _) = explain(&["main~5", "main~4", "--ref", "refs/heads/feature"]);
    assert!(shown.contains("branch `feature` is none of the branch patterns `main`, `master`"), "{shown}");
    let (shown, _) = explain(&["0000000000000000000000000000000000000000", "main~4"]);
    assert!(shown.contains("checkout would be built: everything counts as changed: "), "{shown}");
    let (shown, _) = explain(&["main~4", "main~4"]);
    assert!(
        shown.contains("cart would be built: everything counts as changed: the push begins and ends"),
        "{shown}"
    );
    assert_eq!(names(room.path()), ["services.yaml"]);
    let wrong =
        |arguments: &[&str]| render(room.path(), &[&["services.yaml", "--explain"], arguments].concat());
    for (arguments, expected) in [
        (&[shop, "main", "absent"][..], "find the commit `absent`"),
        (&["https://gitea.example.com/shop/other.git", "a", "b"], "the catalogue has no service of"),
        (&["nowhere", "a", "b"], "neither a directory nor the URL of a repository"),
        (&[room.path().to_str().unwrap(), "a", "b"], "open the clone"),
    ] {
        let (code, _, said) = wrong(arguments);
        assert_eq!((code, said.contains(expected)), (WRONG, true), "{said}");
    }
}

#[test]
fn explain_asks_first_whether_a_service_builds_such_a_ref() {
    let (room, shop) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    clone(shop.path(), &[(&["a.txt"], "First"), (&["b.txt"], "Second")]);
    let service = |name: &str, fields: &str| {
        format!(
            "- {{name: {name}, repo: 'https://gitea.example.com/shop/shop.git', image: r.example.com/{name}, {fields}}}\n"
        )
    };
    let catalogue = format!(
        "namespace: builds\nhook: {{secret: hook}}\nservices:\n{}{}{}",
        service("asked", "branches: [], pull-requests: true"),
        service("pushed", "branches: [main]"),
        service("tagged", "branches: [], tags: ['v.*']"),
    );
    fs::write(room.path().join("services.yaml"), catalogue).unwrap();
    let shop = shop.path().to_str().unwrap();
    let explain = |more: &[&str]| {
        let (code, shown, said) =
            render(room.path(), &[&["services.yaml", "--explain", shop, "main~1", "main"], more].concat());
        assert_eq!(code, DONE, "{said}");
        let built = |line: &str| line.split_once(" would be built").map(|(name, _)| name.to_owned());
        (shown.lines().filter_map(built).collect::<Vec<_>>(), shown)
    };
    for (git_ref, built, reason) in [
        ("", "pushed", "asked would not be built: none of its branches is built"),
        ("refs/heads/main", "pushed", "asked would not be built: none of its branches and tags is built"),
        ("refs/tags/v1", "tagged", "asked would not be built: none of its branches and tags is built"),
        ("refs/pull/7/head", "asked", "pushed would not be built: its pull requests are not built"),
    ] {
        let more = if git_ref.is_empty() { vec![] } else { vec!["--ref", git_ref] };
        let (found, shown) = explain(&more);
        assert_eq!((found, shown.contains(reason)), (vec![built.to_owned()], true), "{git_ref}: {shown}");
    }
}

#[test]
fn the_page_s_example_is_rendered_and_its_mistake_shown() {
    let page = include_str!("../../docs/catalogue.md");
    let block = |fence: &str| page.split(fence).nth(1).unwrap().split("```").next().unwrap();
    let (catalogue, shown) = (block("```yaml\n"), block("```text\n"));
    let room = tempfile::tempdir().unwrap();
    let write = |text: &str| fs::write(room.path().join("services.yaml"), text).unwrap();
    write(catalogue);
    assert_eq!(render(room.path(), RENDER).0, DONE);
    write(&catalogue.replace("image:", "imgae:"));
    let (_, _, said) = render(room.path(), RENDER);
    assert!(said.contains(shown), "{said}");
}

#[test]
fn explain_asks_a_server_with_the_login_of_the_service() {
    let (room, shop) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = GitServer::start("ann", "s3cret");
    fs::create_dir_all(server.path("shop/shop").parent().unwrap()).unwrap();
    clone(shop.path(), &[(&["a/1.txt"], "First"), (&["b/1.txt"], "Second")]);
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).current_dir(shop.path()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    git(&["clone", "-q", "--bare", ".", server.path("shop/shop").to_str().unwrap()]);
    let url = server.url("shop/shop");
    let service = |name: &str| {
        format!(
            "- {{name: {name}, repo: \"{url}\", image: r.example.com/{name}, git-secret: git, paths: [\"{name}/**\"]}}\n"
        )
    };
    let catalogue =
        format!("namespace: builds\nhook: {{secret: hook}}\nservices:\n{}{}", service("a"), service("b"));
    fs::write(room.path().join("services.yaml"), catalogue).unwrap();
    fs::create_dir_all(room.path().join("secrets/git")).unwrap();
    fs::write(room.path().join("secrets/git/username"), "ann\n").unwrap();
    fs::write(room.path().join("secrets/git/password"), "s3cret\n").unwrap();
    let (before, after) = (git(&["rev-parse", "HEAD~1"]), git(&["rev-parse", "HEAD"]));
    let explain = |before: &str, more: &[&str]| {
        render(room.path(), &[&["services.yaml", "--explain", &url, before, &after], more].concat())
    };
    let (code, shown, said) = explain(&before, &["--secrets-dir", "secrets"]);
    let expected = "a would not be built: nothing under a/** changed, only `b/1.txt`\nb would be built: `b/1.txt` changed\n";
    assert_eq!((code, shown.as_str(), said.as_str()), (DONE, expected, ""));
    let gone = "1".repeat(40);
    let (_, shown, _) = explain(&gone, &["--secrets-dir", "secrets"]);
    assert!(
        shown.contains("a would be built: everything counts as changed: the server does not have the commit"),
        "{shown}"
    );
    let (code, _, said) = explain(&before, &[]);
    assert_eq!((code, said.contains("--secrets-dir") && !said.contains("s3cret")), (WRONG, true), "{said}");
}
