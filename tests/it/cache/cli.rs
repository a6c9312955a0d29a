//! `argo-buildkit cache`.

use std::process::{Command, Output};

use argo_buildkit::engine::Tenancy;
use serde_json::Value;

use super::{Site, WRITE};

const BINARY: &str = env!("CARGO_BIN_EXE_argo-buildkit");

async fn run(address: &str, arguments: &[&str]) -> Output {
    let arguments: Vec<_> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    let mut command = Command::new(BINARY);
    command.arg("cache").args(arguments).env("BUILDKIT_HOST", address).env("HOME", "/nonexistent");
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn the_cache_is_printed_and_pruned() {
    let site = Site::start().await;
    site.build(&site.engine(Tenancy::own()), "builds", "api", WRITE).await;
    let address = site.daemon.address();
    let table = run(address, &["usage"]).await;
    let shown = text(&table.stdout);
    assert!(shown.starts_with("TYPE\tRECORDS\tSIZE\tRECLAIMABLE\n"), "{shown}{}", text(&table.stderr));
    assert!(
        shown.contains("\nexec.cachemount\t1\t2.1 MB\t2.1 MB\n") && shown.contains("\n/npm\t2.1 MB\t1\n"),
        "{shown}"
    );
    let json: Value = serde_json::from_slice(&run(address, &["usage", "--json"]).await.stdout).unwrap();
    assert_eq!(json["mounts"][0]["id"], "/npm");
    let asked = run(address, &["prune"]).await;
    assert!(
        !asked.status.success() && text(&asked.stderr).contains("`all: true` for everything"),
        "{asked:?}"
    );
    let mount = run(address, &["prune", "--filter", "type==exec.cachemount"]).await;
    assert_eq!(text(&mount.stdout), "deleted 1 record with 2.1 MB\n", "{}", text(&mount.stderr));
    let all: Value =
        serde_json::from_slice(&run(address, &["prune", "--all", "--json"]).await.stdout).unwrap();
    assert!(all["size"].as_u64().unwrap() > 3_000_000, "{all}");
    let warm = run(address, &["warm", &site.busybox]).await;
    assert!(warm.status.success() && text(&warm.stderr).contains("pulled 1 of 1 images"), "{warm:?}");
    let absent = run(address, &["warm", "127.0.0.1:1/absent:1", "--platform", "linux/mips"]).await;
    assert!(
        !absent.status.success() && text(&absent.stderr).contains("is not a known architecture"),
        "{absent:?}"
    );
    let gone = run("tcp://127.0.0.1:1", &["usage"]).await;
    assert!(!gone.status.success() && text(&gone.stderr).contains("cannot reach buildkitd"), "{gone:?}");
}
