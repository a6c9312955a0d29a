//! Which buildkitds the options name.

use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    peers: PeerOptions,
}

fn is_single(arguments: &[&str]) -> Result<bool, String> {
    let cli = Cli::try_parse_from([&["test"][..], arguments].concat()).map_err(|error| error.to_string())?;
    let pool = cli.peers.pool().map_err(|error| error.to_string())?;
    Ok(pool.is_single())
}

#[test]
fn one_address_is_one_daemon_and_several_are_a_pool() {
    for (host, one) in [
        ("tcp://a:1", true),
        ("unix:///run/s", true),
        ("tcp://a:1,tcp://b:1", false),
        ("dns:a.ci.svc:1", false),
        ("tcp://a:1,dns:a:1", false),
    ] {
        assert_eq!(is_single(&["--buildkit-host", host]), Ok(one), "{host}");
    }
    let two = ["--buildkit-host", "tcp://a:1,tcp://b:1", "--tls-server-name"];
    assert_eq!(is_single(&[&two[..], &["x"]].concat()), Ok(false));
    assert_eq!(is_single(&[&two[..], &["x,y"]].concat()), Ok(false));
}

#[test]
fn a_pool_that_cannot_be_meant_is_refused() {
    let rows: [(&[&str], &str); 6] = [
        (&["--buildkit-host", "tcp://a:1,"], "is not a buildkitd address"),
        (&["--buildkit-host", "dns:a"], "is no name of several daemons; write `dns:HOST:PORT`"),
        (&["--buildkit-host", "tcp://a:1,tcp://b:1,tcp://a:1"], "names tcp://a:1 twice; name each once"),
        (
            &["--buildkit-host", "tcp://a:1", "--tls-server-name", "x,y"],
            "has 2 names, and --buildkit-host (BUILDKIT_HOST) has 1 addresses",
        ),
        (
            &["--tls-ca", "a", "--tls-cert", "b", "--tls-key", "c", "--buildkit-host", "unix:///run/s"],
            "are for a buildkitd behind tcp://, and --buildkit-host (BUILDKIT_HOST) is unix:///run/s; leave them out",
        ),
        (&["--max-builds-per-buildkitd", "0"], "is not a number of at least 1"),
    ];
    for (arguments, expected) in rows {
        let error = is_single(arguments).err().unwrap_or_default();
        assert!(error.contains(expected), "{arguments:?}: {error}");
    }
}
