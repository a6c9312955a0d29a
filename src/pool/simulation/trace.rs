//! The builds of a day: which services there are, and when each of them is built.

use fastrand::Rng;

use super::super::key::{PoolKey, Service};

pub(super) const SERVICES: usize = 1_000;
pub(super) const BUILDS: usize = 10_000;
const NAMESPACES: usize = 20;

/// How many builds each hour has beside the others, from midnight.
const HOURS: [u8; 24] = [1, 1, 1, 1, 1, 1, 2, 4, 8, 12, 13, 12, 8, 10, 12, 12, 10, 7, 4, 3, 2, 2, 1, 1];

/// A build that somebody asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Build {
    /// Seconds since midnight.
    pub(super) at: u64,
    pub(super) service: usize,
    /// A random number, for the strategies that need one.
    pub(super) draw: u64,
    /// The time it takes, divided by the time of an average build: 0.5 to 1.5.
    pub(super) pace: f64,
}

/// The services and the builds of a day, in the order of their times.
pub(super) struct Trace {
    pub(super) keys: Vec<PoolKey>,
    pub(super) builds: Vec<Build>,
}

impl Trace {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        // The second service is built half as often as the first, the third a third as often, and so on.
        let services = Weights::new((1..=SERVICES).map(|rank| 1.0 / rank as f64));
        let hours = Weights::new(HOURS.into_iter().map(f64::from));
        let mut builds: Vec<_> = (0..BUILDS).map(|_| Build::drawn(&mut random, &services, &hours)).collect();
        builds.sort_by_key(|build| build.at);
        Self { keys: (0..SERVICES).map(key).collect(), builds }
    }
}

impl Build {
    fn drawn(random: &mut Rng, services: &Weights, hours: &Weights) -> Self {
        let hour = hours.drawn(random.f64()) as f64;
        Self {
            at: ((hour + random.f64()) * 3600.0) as u64,
            service: services.drawn(random.f64()),
            draw: random.u64(..),
            pace: 0.5 + random.f64(),
        }
    }
}

/// The sum of the weights up to each position.
struct Weights(Vec<f64>);

impl Weights {
    fn new(weights: impl Iterator<Item = f64>) -> Self {
        let sums = weights.scan(0.0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        });
        Self(sums.collect())
    }

    /// A position. `share` is a random number from 0 to 1.
    fn drawn(&self, share: f64) -> usize {
        let whole = self.0.last().copied().unwrap_or_default();
        self.0.partition_point(|sum| *sum <= share * whole).min(self.0.len() - 1)
    }
}

fn key(nth: usize) -> PoolKey {
    let namespace = format!("team-{}", nth % NAMESPACES);
    let repository = format!("https://git.example.com/shop/service-{nth}.git");
    let (subdir, dockerfile, target) = ("", "Dockerfile", "");
    PoolKey::new(Service { namespace: &namespace, repository: &repository, subdir, dockerfile, target })
}
