//! What decides which daemon has the warm cache of a build.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

/// What all builds of one service have in common. The commit is not part of it, so the next commit finds the same daemon.
#[derive(Debug, Clone, Copy)]
pub struct Service<'a> {
    /// The namespace of the workflow.
    pub namespace: &'a str,
    /// The address of the repository.
    pub repository: &'a str,
    /// The directory in the repository; empty for its root.
    pub subdir: &'a str,
    /// The path of the Dockerfile; empty if the step contains the Dockerfile.
    pub dockerfile: &'a str,
    /// The stage that is built; empty for the last one.
    pub target: &'a str,
}

/// The key of a service in a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolKey {
    namespace: Arc<str>,
    hash: [u8; 32],
}

impl PoolKey {
    /// The key of `service`.
    pub fn new(service: Service<'_>) -> Self {
        let Service { namespace, repository, subdir, dockerfile, target } = service;
        let mut hash = Sha256::new();
        for part in [namespace, repository, subdir, dockerfile, target] {
            // No name contains a zero byte, so two services never have the same bytes.
            hash.update(part);
            hash.update([0]);
        }
        Self { namespace: namespace.into(), hash: hash.finalize().into() }
    }

    /// The namespace, whose builds take turns with those of other namespaces.
    pub(super) fn namespace(&self) -> &Arc<str> {
        &self.namespace
    }

    /// The weight of the member `identity` for this key (rendezvous hashing). The member with the highest weight is the first choice. A
    /// weight depends on no other member, so a member that comes or goes moves only its own services.
    pub(super) fn weight(&self, identity: &str) -> u64 {
        let hash = Sha256::new().chain_update(self.hash).chain_update(identity).finalize();
        hash.iter().take(8).fold(0, |weight, byte| (weight << 8) | u64::from(*byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_of_a_service_is_part_of_its_key() {
        let service =
            Service { namespace: "a", repository: "r", subdir: "s", dockerfile: "Dockerfile", target: "" };
        let key = PoolKey::new(service);
        assert_eq!(key, PoolKey::new(service));
        let others = [
            Service { namespace: "b", ..service },
            Service { repository: "q", ..service },
            Service { subdir: "", ..service },
            Service { dockerfile: "other", ..service },
            Service { target: "test", ..service },
            // The same letters in other fields.
            Service { repository: "", subdir: "rs", ..service },
            Service { namespace: "ar", repository: "", ..service },
        ];
        for other in others {
            assert_ne!(key.hash, PoolKey::new(other).hash, "{other:?}");
        }
    }

    /// Another process, also one of another version, must choose the same daemon. So these numbers never change.
    #[test]
    fn weights_are_the_same_in_every_process() {
        let key = PoolKey { namespace: "a".into(), hash: [0; 32] };
        let again = PoolKey { namespace: "b".into(), hash: [0; 32] };
        assert_eq!(key.weight("tcp://buildkitd-0:1234"), again.weight("tcp://buildkitd-0:1234"));
        assert_ne!(key.weight("tcp://buildkitd-0:1234"), key.weight("tcp://buildkitd-1:1234"));
        // printf 'a\0r\0s\0d\0t\0' | sha256sum, and its bytes before `m` again.
        let service = Service { namespace: "a", repository: "r", subdir: "s", dockerfile: "d", target: "t" };
        assert_eq!(PoolKey::new(service).weight("m"), WEIGHT);
    }

    const WEIGHT: u64 = 0xb1b4_c00f_225f_0714;
}
