//! The servers that all tests of a process share. Each is started once, at its first use.

use std::sync::LazyLock;

use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use super::buildkitd::Buildkitd;
use super::gitea::Gitea;
use super::net::free_port;
use super::process;
use super::registry::Registry;

/// The servers that most tests need. Use your own repositories and images in them, with names from
/// [`super::net::unique`].
pub(crate) struct World {
    /// Git server and registry with logins.
    pub(crate) gitea: &'static Gitea,
    /// A registry without a login.
    pub(crate) registry: &'static Registry,
    /// A daemon that uses plain HTTP with both registries.
    pub(crate) buildkitd: &'static Buildkitd,
    /// An image of `registry` with busybox in `/bin`.
    pub(crate) busybox: String,
}

impl World {
    /// The servers of this process. Starts all of them concurrently.
    pub(crate) async fn shared() -> &'static Self {
        static WORLD: OnceCell<World> = OnceCell::const_new();
        WORLD.get_or_init(Self::start).await
    }

    async fn start() -> Self {
        let gitea = spawn_blocking(shared_gitea);
        let image = spawn_blocking(|| shared_registry().push_busybox(shared_buildkitd().address()));
        let (gitea, busybox) = (gitea.await.unwrap(), image.await.unwrap());
        Self { gitea, registry: shared_registry(), buildkitd: shared_buildkitd(), busybox }
    }
}

/// The port is chosen before both run, because the daemon's configuration names Gitea's registry.
static GITEA_PORT: LazyLock<u16> = LazyLock::new(free_port);

/// The Gitea of this process, without SSH. Blocks while it starts.
pub(crate) fn shared_gitea() -> &'static Gitea {
    static GITEA: LazyLock<Gitea> = LazyLock::new(|| Gitea::start_on(*GITEA_PORT, false));
    &GITEA
}

/// The open registry of this process. Blocks while it starts.
pub(crate) fn shared_registry() -> &'static Registry {
    static REGISTRY: LazyLock<Registry> = LazyLock::new(|| {
        let registry = Registry::start();
        for pid in process::children("docker-registry") {
            process::adopt(pid, "KILL");
            let arguments = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let config = arguments.split('\0').find(|argument| argument.ends_with("/config.yml"));
            process::abandon(config.and_then(|path| std::path::Path::new(path).parent()).unwrap());
        }
        registry
    });
    &REGISTRY
}

/// A daemon of this process whose cache has bounds, as that of an installation. Blocks while it starts.
pub(crate) fn bounded_buildkitd() -> &'static Buildkitd {
    static DAEMON: LazyLock<Buildkitd> = LazyLock::new(|| {
        adopted(Buildkitd::start("[[worker.oci.gcpolicy]]\nall = true\nmaxUsedSpace = \"1TB\"\n"))
    });
    &DAEMON
}

/// The daemon of this process, on a unix socket. Blocks while it starts.
pub(crate) fn shared_buildkitd() -> &'static Buildkitd {
    static DAEMON: LazyLock<Buildkitd> = LazyLock::new(|| {
        let hosts = [shared_registry().host().to_owned(), format!("127.0.0.1:{}", *GITEA_PORT)];
        let plain = hosts.map(|host| format!("[registry.\"{host}\"]\nhttp = true\n"));
        adopted(Buildkitd::start(&plain.concat()))
    });
    &DAEMON
}

/// A daemon that ends with this process.
fn adopted(daemon: Buildkitd) -> Buildkitd {
    process::adopt(daemon.pid(), "TERM");
    let socket = daemon.address().trim_start_matches("unix://");
    process::abandon(std::path::Path::new(socket).parent().unwrap());
    daemon
}
