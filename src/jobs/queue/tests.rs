#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

/// An event of a queue. The numbers choose among the existing jobs.
#[derive(Debug, Clone)]
enum Event {
    Join(usize),
    End(usize),
    GiveUp(usize),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => (0..4_usize).prop_map(Event::Join),
        2 => any::<usize>().prop_map(Event::End),
        1 => any::<usize>().prop_map(Event::GiveUp),
    ]
}

fn group(number: usize) -> Group {
    Group::from(format!("group-{number}"))
}

/// A queue, and a simple model of its jobs to compare with.
struct World {
    queue: Queue<usize>,
    running: usize,
    per_group: usize,
    /// The group and ticket of every job that joined.
    jobs: Vec<(usize, Ticket)>,
    waiting: Vec<usize>,
    working: Vec<usize>,
    time: usize,
    /// By group: the time since when it has always had waiting jobs.
    since: HashMap<usize, usize>,
    /// By group: the time at which it last started a job.
    started: HashMap<usize, usize>,
}

impl World {
    fn new(running: usize, per_group: usize) -> Self {
        Self {
            queue: Queue::new(running, per_group),
            running,
            per_group,
            jobs: Vec::new(),
            waiting: Vec::new(),
            working: Vec::new(),
            time: 0,
            since: HashMap::new(),
            started: HashMap::new(),
        }
    }

    fn happen(&mut self, event: &Event) {
        self.time += 1;
        match event {
            Event::Join(number) => {
                let (job, ticket) = (self.jobs.len(), self.queue.ticket(group(*number)));
                self.queue.join(&ticket, job);
                self.jobs.push((*number, ticket));
                self.waiting.push(job);
                self.since.entry(*number).or_insert(self.time);
            }
            Event::End(which) if !self.working.is_empty() => {
                let job = self.working.swap_remove(which % self.working.len());
                self.queue.leave(&self.jobs[job].1);
            }
            Event::GiveUp(which) if !self.waiting.is_empty() => {
                let job = self.waiting.remove(which % self.waiting.len());
                self.queue.leave(&self.jobs[job].1);
                self.settle(self.jobs[job].0);
            }
            Event::End(_) | Event::GiveUp(_) => {}
        }
        while let Some(job) = self.queue.start() {
            self.start(job);
        }
    }

    /// Checks that it was the turn of `job`, which the queue has started.
    fn start(&mut self, job: usize) {
        self.time += 1;
        let group = self.jobs[job].0;
        let first = self.waiting.iter().find(|other| self.jobs[**other].0 == group);
        assert_eq!(first, Some(&job), "first come, first served");
        if let Some(last) = self.started.get(&group) {
            let passed_over = |other: &usize| {
                *other != group
                    && self.may_start(*other)
                    && self.since[other] < *last
                    && self.started.get(other).is_none_or(|started| started < last)
            };
            let starved = (0..4).find(passed_over);
            assert_eq!(starved, None, "group {group} started twice while another's turn was due");
        }
        self.waiting.retain(|other| *other != job);
        self.working.push(job);
        self.started.insert(group, self.time);
        self.settle(group);
    }

    fn settle(&mut self, group: usize) {
        if !self.waits(group) {
            self.since.remove(&group);
        }
    }

    fn waits(&self, group: usize) -> bool {
        self.waiting.iter().any(|job| self.jobs[*job].0 == group)
    }

    fn may_start(&self, group: usize) -> bool {
        let working = self.working.iter().filter(|job| self.jobs[**job].0 == group).count();
        self.waits(group) && working < self.per_group
    }

    fn check(&self) {
        assert_eq!(self.queue.load(), (self.waiting.len(), self.working.len()));
        assert!(self.working.len() <= self.running, "the cap on all");
        for group in 0..4 {
            let working = self.working.iter().filter(|job| self.jobs[**job].0 == group).count();
            assert!(working <= self.per_group, "group {group}'s cap");
        }
        if self.working.len() < self.running {
            assert_eq!((0..4).find(|group| self.may_start(*group)), None, "a slot idles");
        }
        self.check_positions();
    }

    /// Gives out one slot after the other, and compares the order with the positions reported before.
    fn check_positions(&self) {
        let mut rehearsal = self.queue.clone();
        rehearsal.running = usize::MAX;
        let order: Vec<_> = std::iter::from_fn(|| rehearsal.start()).collect();
        for job in &self.waiting {
            let (group, ticket) = &self.jobs[*job];
            let in_line = |other: &&usize| self.jobs[**other].0 == *group;
            let expected = match order.iter().position(|started| started == job) {
                Some(before) => QueuePosition { number: before + 1, of_group: false },
                None => {
                    let position = self.waiting.iter().filter(in_line).position(|other| other == job);
                    QueuePosition { number: position.unwrap() + 1, of_group: true }
                }
            };
            assert_eq!(self.queue.position(ticket), Some(expected));
        }
        for job in &self.working {
            assert_eq!(self.queue.position(&self.jobs[*job].1), None);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn caps_hold_no_slot_idles_nobody_starves_and_places_come_true(
        running in 1..6_usize,
        per_group in 1..6_usize,
        events in prop::collection::vec(event(), 1..120),
    ) {
        let mut world = World::new(running, per_group);
        for event in &events {
            world.happen(event);
            world.check();
        }
        // At the end, after any events, every job was started and nothing is left in the queue.
        while !world.working.is_empty() {
            world.happen(&Event::End(0));
            world.check();
        }
        prop_assert!(world.waiting.is_empty() && world.queue.groups.is_empty());
    }
}

#[test]
fn a_group_with_one_job_does_not_wait_for_another_groups_thousand() {
    let mut queue = Queue::new(2, 2);
    let join = |queue: &mut Queue<&'static str>, name: &str, job| {
        let ticket = queue.ticket(Group::from(name));
        queue.join(&ticket, job);
        ticket
    };
    let crowd: Vec<_> = (0..1000).map(|_| join(&mut queue, "crowd", "crowd")).collect();
    assert_eq!((queue.start(), queue.start(), queue.start()), (Some("crowd"), Some("crowd"), None));
    let single = join(&mut queue, "single", "single");
    assert_eq!(queue.position(&single), Some(QueuePosition { number: 2, of_group: false }));
    assert_eq!(queue.position(&crowd[2]), Some(QueuePosition { number: 1, of_group: false }));
    assert_eq!(queue.position(&crowd[999]), Some(QueuePosition { number: 999, of_group: false }));
    queue.leave(&crowd[0]);
    assert_eq!(queue.start(), Some("crowd"));
    queue.leave(&crowd[1]);
    assert_eq!(queue.start(), Some("single"));
}
