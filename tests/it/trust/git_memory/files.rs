//! The size of a file is read before its content, however well it was packed.

use serde_json::{Value, json};

use crate::support::git_http::GitHttp;
use crate::support::plugin::{Plugin, Setup, expect_phase};
use crate::support::shop::template;

/// Many more bytes than an edited file may have. Zeros are packed to a thousandth of them.
const BOMB: u64 = 300 << 20;
/// The memory that a refusal may cost: the chunks of a pack, and libgit2's caches.
const BOUND: u64 = 100 << 20;

fn plugin() -> Plugin {
    let plugin = Setup::new("unix:///nowhere").start();
    plugin.put("git", "username", "builder");
    plugin.put("git", "token", "a-password");
    plugin
}

fn update(repo: &str, file: &str) -> Value {
    let targets = json!([{"file": file, "helm": {"image.tag": "1"}}]);
    template(json!({"update-manifest": {"repo": repo, "secret": "git", "targets": targets}}))
}

/// The message of a step that edits `file` of a repository with `files`. Checks that it needed little memory.
async fn refusal(server: &GitHttp, files: &[(&str, u64)], file: &str) -> String {
    let tree = tempfile::tempdir().unwrap();
    for (name, size) in files {
        std::fs::File::create(tree.path().join(name)).unwrap().set_len(*size).unwrap();
    }
    server.commit_directory("gitops", "main", tree.path(), "lay out");
    let plugin = plugin();
    let before = process_peak(plugin.pid());
    let node = plugin.node(&update(&server.repo_url("gitops"), file)).await;
    expect_phase(&node, "Failed");
    let cost = process_peak(plugin.pid()).saturating_sub(before);
    assert!(cost < BOUND, "it cost {} MiB: {node}", cost >> 20);
    node["message"].as_str().unwrap().to_owned()
}

/// The most memory that the process ever occupied, in bytes.
fn process_peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

#[tokio::test]
async fn a_small_pack_of_a_huge_file_is_refused_from_its_size() {
    for server in [GitHttp::start("builder", "a-password"), GitHttp::without_filter("builder", "a-password")]
    {
        let message = refusal(&server, &[("values.yaml", BOMB)], "values.yaml").await;
        assert!(message.contains("`values.yaml`") && message.contains("more than the 10 MiB"), "{message}");
    }
}

#[tokio::test]
async fn many_files_that_are_large_together_are_refused() {
    let server = GitHttp::start("builder", "a-password");
    let names: Vec<String> = (0..20).map(|n| format!("values-{n:02}.yaml")).collect();
    let files: Vec<(&str, u64)> =
        names.iter().enumerate().map(|(n, name)| (&**name, (9 << 20) + n as u64)).collect();
    let message = refusal(&server, &files, "values-*.yaml").await;
    assert!(message.contains("more than 12 MiB together"), "{message}");
}
