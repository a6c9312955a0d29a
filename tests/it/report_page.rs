//! The page of a report in a browser: nothing is wider than a telephone, and it has a light and a dark form.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use argo_buildkit::oci::{
    Auth, BuildArtifact, Descriptor, ImageRef, LazyClient, Registry as Client, StoredLog,
};
use argo_buildkit::report::{BuildStep, Report, ReportSource, StepList};
use serde_json::Value;
use tokio::time::timeout;

use crate::support::images::Repository;
use crate::support::net::unique;
use crate::support::shared::shared_registry;

/// The width of a small telephone, in pixels.
const WIDTH: u64 = 360;

/// Measures the page in a frame of that width. Outside of the frame, its policy does not hold.
const MEASURE: &str = "
onload = () => {
  const page = frame.contentDocument;
  page.querySelectorAll('details').forEach(each => each.open = true);
  const right = [...page.querySelectorAll('*')].map(each => each.getBoundingClientRect().right);
  document.body.textContent = JSON.stringify({
    width: page.documentElement.scrollWidth, right: Math.ceil(Math.max(...right)),
    height: page.documentElement.scrollHeight, back: getComputedStyle(page.body).backgroundColor,
  });
};";

/// A page whose texts have no place to break them.
async fn page() -> String {
    let long = "x".repeat(400);
    let step = |name: String, started, ended| BuildStep {
        label: name.clone(),
        name,
        started: Some(started),
        ended: Some(ended),
        cacheable: true,
        ..BuildStep::default()
    };
    let steps = vec![step(format!("[1/2] RUN {long}"), 0, 900), step("[2/2] RUN make".to_owned(), 900, 1500)];
    let list = StepList { steps, cache_miss: long.clone(), ..StepList::default() };
    let (host, name) = (shared_registry().host(), unique("report/page"));
    let repository = Repository::new(host, &name);
    let image: ImageRef = format!("{host}/{name}:1").parse().unwrap();
    let subject = repository.image("1", vec![0; 1000]).await;
    let subject: Descriptor = serde_json::from_value(subject).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, format!("[2/2] RUN make: {long}\n{long}\n").as_bytes()).unwrap();
    let log = BuildArtifact::new(gzip.finish().unwrap(), Some(subject), long, [].into());
    let log = StoredLog::from(&log.with_steps(list.to_gzip()));
    let (registry, auth) = (Client::new(LazyClient::default()), Auth::default());
    let source = ReportSource { registry: &registry, auth: &auth, insecure: false };
    Report::read(source, &image, Some(log), None).await.unwrap().unwrap().html()
}

/// Debian's package, or another browser of its family.
fn browser() -> Command {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/bin";
    let directories: Vec<_> = std::env::split_paths(&path).collect();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let mut all = names.iter().flat_map(|name| directories.iter().map(move |directory| directory.join(name)));
    let found = all.find(|candidate| candidate.exists());
    Command::new(found.unwrap_or_else(|| panic!("a browser is absent: apt-get install chromium")))
}

/// What the script measures of the page in `file`.
async fn measured(home: &Path, file: &Path, more: &[&str]) -> Value {
    let mut command = browser();
    command.env("HOME", home).arg(format!("--user-data-dir={}", home.join("profile").display()));
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
    ]);
    command.args(["--virtual-time-budget=10000", "--window-size=800,900", "--dump-dom"]).args(more);
    command.arg(format!("file://{}", file.display()));
    let mut command = tokio::process::Command::from(command);
    let output =
        timeout(Duration::from_secs(120), command.kill_on_drop(true).output()).await.unwrap().unwrap();
    let dom = String::from_utf8_lossy(&output.stdout).into_owned();
    let json = dom.find("{\"width\"").and_then(|from| dom[from..].split_inclusive('}').next());
    let json = json.unwrap_or_else(|| panic!("{dom}\n{}", String::from_utf8_lossy(&output.stderr)));
    serde_json::from_str(json).unwrap()
}

#[tokio::test]
async fn a_page_fits_a_telephone_and_follows_the_colours_of_its_reader() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("frame.html");
    let source = page().await.replace('&', "&amp;").replace('"', "&quot;");
    let frame = format!(
        "<iframe id=frame style=\"width:{WIDTH}px;height:600px;border:0\" srcdoc=\"{source}\"></iframe>"
    );
    std::fs::write(&file, format!("<!doctype html><body>{frame}<script>{MEASURE}</script>")).unwrap();

    let light = measured(home.path(), &file, &["--blink-settings=preferredColorScheme=1"]).await;
    let dark = ["--force-dark-mode", "--blink-settings=preferredColorScheme=0"];
    let dark = measured(home.path(), &file, &dark).await;
    for page in [&light, &dark] {
        let (width, right) = (page["width"].as_u64().unwrap(), page["right"].as_u64().unwrap());
        assert!(width <= WIDTH && right <= WIDTH, "{page}");
        assert!(page["height"].as_u64().unwrap() > 600, "{page}");
    }
    assert_eq!(light["back"], "rgb(255, 255, 255)");
    assert_eq!(dark["back"], "rgb(21, 24, 28)");
}
