#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::Read as _;

use super::*;

fn text(log: &BuildLog) -> String {
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(&*log.gzip).read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_log_is_kept_whole() {
    let mut spool = Spool::new(Budget::new(64 << 20));
    let lines = || (0..20_000).map(|n| format!("{n}: a line such as builds print"));
    lines().for_each(|line| spool.push(&line));
    let log = spool.finish().unwrap();
    let whole: String = lines().map(|line| line + "\n").collect();
    assert!(whole.len() > 2 * BLOCK && text(&log) == whole);
    assert_eq!((log.size, log.left_out), (whole.len() as u64, 0));
    assert!(Spool::new(Budget::new(1 << 20)).finish().is_none());
}

#[test]
fn a_long_log_loses_its_middle_and_says_how_much() {
    let mut spool = Spool::new(Budget::new(64 << 20));
    let mut random = fastrand::Rng::with_seed(1);
    let lines = 100_000;
    for n in 0..lines {
        // Random digits shrink to a half.
        let digits: String = (0..4).map(|_| format!("{:032x}", random.u128(..))).collect();
        spool.push(&format!("{n} {digits}"));
        let kept = spool.head.len() + spool.tail_bytes + spool.open.len();
        assert!(kept <= HEAD + TAIL + BLOCK + 64, "{kept}");
    }
    let log = spool.finish().unwrap();
    let text = text(&log);
    assert!(log.gzip.len() <= HEAD + TAIL + BLOCK && log.left_out > 0, "{}", log.gzip.len());
    let (head, tail) = text.split_once(&mark(log.left_out)).unwrap();
    assert_eq!((head.len() + tail.len()) as u64 + log.left_out, log.size);
    assert!(head.starts_with("0 ") && head.ends_with('\n'));
    assert!(tail.lines().last().unwrap().starts_with(&format!("{} ", lines - 1)));
}

#[test]
fn logs_of_many_builds_share_their_memory() {
    let budget = Budget::new(2 << 20);
    let mut spools: Vec<_> = (0..16).map(|_| Spool::new(budget.clone())).collect();
    let mut random = fastrand::Rng::with_seed(2);
    for n in 0..20_000 {
        let digits: String = (0..4).map(|_| format!("{:032x}", random.u128(..))).collect();
        spools.iter_mut().for_each(|spool| spool.push(&format!("{n} {digits}")));
    }
    let logs: Vec<_> = spools.into_iter().filter_map(Spool::finish).collect();
    let kept: usize = logs.iter().map(|log| log.gzip.len()).sum();
    assert!(kept <= 2 << 20, "{kept}");
    assert!(logs.iter().all(|log| text(log).contains("bytes are left out here")));
    drop(logs);
    assert!(budget.try_take(2 << 20).is_some(), "all of it is free again");
}

#[test]
fn one_tenant_with_many_logs_leaves_room_for_those_of_another() {
    let budget = Budget::new(4 << 20);
    let mut random = fastrand::Rng::with_seed(3);
    let mut fill = |budget: &Budget, spools: usize| {
        let mut spools: Vec<_> = (0..spools).map(|_| Spool::new(budget.clone())).collect();
        for n in 0..10_000 {
            let digits: String = (0..4).map(|_| format!("{:032x}", random.u128(..))).collect();
            spools.iter_mut().for_each(|spool| spool.push(&format!("{n} {digits}")));
        }
        spools
    };
    let flood = fill(&budget.of(Some("flood")), 16);
    let small = fill(&budget.of(Some("small")), 1).into_iter().find_map(Spool::finish).unwrap();
    assert_eq!(small.left_out, 0);
    assert!(flood.into_iter().filter_map(Spool::finish).all(|log| log.left_out > 0));
}

#[test]
fn several_logs_become_one_that_can_be_read() {
    let budget = Budget::new(1 << 20);
    let log = |line: &str| {
        let mut spool = Spool::new(budget.clone());
        spool.push(line);
        spool.finish().unwrap()
    };
    let both = BuildLog::of_several([log("one"), log("two")]).unwrap();
    assert_eq!((text(&both).as_str(), both.size, both.left_out), ("one\ntwo\n", 8, 0));
    let large = BuildLog { gzip: vec![0; SEVERAL], size: 1 << 30, left_out: 0, held: None };
    let cut = BuildLog::of_several([log("one"), large, log("two")]).unwrap();
    assert_eq!((cut.size, cut.left_out), ((1 << 30) + 8, 1 << 30));
    let whole = text(&cut);
    assert!(whole.starts_with("one\n") && whole.ends_with("two\n") && whole.len() < 200, "{whole}");
    assert!(BuildLog::of_several([]).is_none());
}
