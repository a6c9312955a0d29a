//! One day of a pool: a loop over events in the order of their times.

use std::collections::BTreeMap;

use super::super::waiters::Waiters;
use super::fleet::{Change, Fleet, Setup};
use super::strategy::Strategy;
use super::trace::{BUILDS, Build, SERVICES, Trace};

/// Seconds of an average build that finds its layers, and of one that does not.
const WARM: f64 = 120.0;
const COLD: f64 = 600.0;

const HOUR: u64 = 3600;
/// The hours at which a daemon is killed. It returns after one hour.
const KILLS: [u64; 6] = [2, 6, 10, 14, 18, 22];
/// The hour at which the pool grows, and the one at which it shrinks.
const GROWS: u64 = 12;
const SHRINKS: u64 = 20;

/// What became of the builds of a day.
pub(super) struct Outcome {
    /// The builds that began. One whose daemon is killed begins again.
    pub(super) begun: usize,
    /// Those that found their layers.
    warm: usize,
    /// The seconds that each build waited for a place, the shortest first.
    waited: Vec<u64>,
}

impl Outcome {
    /// The share of builds that found their layers.
    pub(super) fn hit_rate(&self) -> f64 {
        self.warm as f64 / self.begun as f64
    }

    /// The seconds that `percent` of the builds waited at most.
    pub(super) fn wait(&self, percent: usize) -> u64 {
        self.waited[self.waited.len() * percent / 100]
    }
}

#[derive(Debug, Clone, Copy)]
enum Event {
    /// Somebody asks for a build.
    Asked(usize),
    Ended(usize),
    Changed(Change),
}

/// The time of an event. Events of the same second are in the order in which they were scheduled.
type Time = (u64, u64);

struct Day<'a> {
    strategy: Strategy,
    trace: &'a Trace,
    fleet: Fleet<'a>,
    now: u64,
    events: BTreeMap<Time, Event>,
    /// The number of events that were scheduled.
    scheduled: u64,
    waiting: Waiters<usize>,
    /// For each build that runs, its daemon and its end.
    running: BTreeMap<usize, (usize, Time)>,
    /// For each build, since when it waits.
    since: Vec<u64>,
    outcome: Outcome,
}

/// Simulates a day.
pub(super) fn day(strategy: Strategy, setup: &Setup, trace: &Trace) -> Outcome {
    let mut day = Day::new(strategy, setup, trace);
    day.schedule_all(setup.size);
    while let Some(((now, _), event)) = day.events.pop_first() {
        day.now = now;
        match event {
            Event::Asked(build) => day.enter(build),
            Event::Ended(build) => day.end(build),
            Event::Changed(change) => day.change(change),
        }
    }
    day.outcome.waited.sort_unstable();
    day.outcome
}

impl<'a> Day<'a> {
    fn new(strategy: Strategy, setup: &'a Setup, trace: &'a Trace) -> Self {
        let outcome = Outcome { begun: 0, warm: 0, waited: vec![0; BUILDS] };
        Self {
            strategy,
            trace,
            fleet: after_a_quiet_day(strategy, setup),
            now: 0,
            events: BTreeMap::new(),
            scheduled: 0,
            waiting: Waiters::default(),
            running: BTreeMap::new(),
            since: vec![0; BUILDS],
            outcome,
        }
    }

    fn schedule_all(&mut self, size: usize) {
        for (nth, hour) in KILLS.into_iter().enumerate() {
            // Each time another one.
            let daemon = nth * 3 % size;
            self.schedule(hour * HOUR, Event::Changed(Change::Killed(daemon)));
            self.schedule((hour + 1) * HOUR, Event::Changed(Change::Returned(daemon)));
        }
        self.schedule(GROWS * HOUR, Event::Changed(Change::Grown));
        self.schedule(SHRINKS * HOUR, Event::Changed(Change::Shrunk));
        for (nth, build) in self.trace.builds.iter().enumerate() {
            self.schedule(build.at, Event::Asked(nth));
        }
    }

    fn schedule(&mut self, at: u64, event: Event) -> Time {
        let time = (at, self.scheduled);
        self.scheduled += 1;
        self.events.insert(time, event);
        time
    }

    /// Begins a build, or lets it wait.
    fn enter(&mut self, build: usize) {
        self.since[build] = self.now;
        let Build { service, draw, .. } = self.trace.builds[build];
        match self.strategy.place(&self.fleet, service, draw) {
            Some(daemon) => self.begin(build, daemon),
            None => {
                self.waiting.join(self.trace.keys[service].namespace(), build);
            }
        }
    }

    fn begin(&mut self, build: usize, daemon: usize) {
        let Build { service, pace, .. } = self.trace.builds[build];
        let is_warm = self.fleet.begin(daemon, service);
        self.outcome.begun += 1;
        self.outcome.warm += usize::from(is_warm);
        self.outcome.waited[build] += self.now - self.since[build];
        let average = if is_warm { WARM } else { COLD };
        let end = self.schedule(self.now + (average * pace) as u64, Event::Ended(build));
        self.running.insert(build, (daemon, end));
    }

    fn end(&mut self, build: usize) {
        if let Some((daemon, _)) = self.running.remove(&build) {
            self.fleet.end(daemon, self.trace.builds[build].service);
            // One place is free now, so one build may begin.
            self.grant();
        }
    }

    fn change(&mut self, change: Change) {
        self.fleet.change(change);
        if let Change::Killed(daemon) = change {
            self.lose(daemon);
        }
        while self.grant() {}
    }

    /// Begins the builds of a killed daemon again.
    fn lose(&mut self, daemon: usize) {
        let there = self.running.iter().filter(|(_, (at, _))| *at == daemon);
        let lost: Vec<(usize, Time)> = there.map(|(build, (_, end))| (*build, *end)).collect();
        for (build, end) in &lost {
            self.running.remove(build);
            self.events.remove(end);
            self.fleet.lose(daemon, self.trace.builds[*build].service);
        }
        for (build, _) in lost {
            self.enter(build);
        }
    }

    /// Gives a free place to the next build that can use one. Returns whether there is such a build.
    fn grant(&mut self) -> bool {
        let (strategy, fleet, builds) = (self.strategy, &self.fleet, &self.trace.builds);
        let place = |build: &usize| {
            let Build { service, draw, .. } = builds[*build];
            Some((*build, strategy.place(fleet, service, draw)?))
        };
        let Some((_, (build, daemon))) = self.waiting.take(place) else { return false };
        self.begin(build, daemon);
        true
    }
}

/// The daemons after each service was built once, the one that is built most often last.
fn after_a_quiet_day(strategy: Strategy, setup: &Setup) -> Fleet<'_> {
    let mut fleet = Fleet::new(setup);
    for service in (0..SERVICES).rev() {
        if let Some(daemon) = strategy.place(&fleet, service, setup.hash(service)) {
            fleet.keep(daemon, service);
        }
    }
    fleet
}
