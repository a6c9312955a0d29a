#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::Write as _;

use super::{LARGE_COMMIT, LARGE_TREE, MAX_OBJECT, MAX_OBJECTS, PackMeter, TOO_LARGE};

fn packed(entries: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut pack = [&b"PACK\0\0\0\x02"[..], &u32::try_from(entries.len()).unwrap().to_be_bytes()].concat();
    for (kind, bytes) in entries {
        let (mut left, mut byte) = (bytes.len() >> 4, (kind << 4) | (bytes.len() & 15) as u8);
        while left > 0 {
            pack.push(byte | 128);
            (byte, left) = ((left & 127) as u8, left >> 7);
        }
        pack.push(byte);
        if *kind == 7 {
            pack.extend([9; 20]);
        }
        let mut encoder = flate2::write::ZlibEncoder::new(&mut pack, flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap();
    }
    pack.extend([0; 20]);
    pack
}

fn measured(pack: &[u8], piece: usize) -> Result<PackMeter, &'static str> {
    let mut meter = PackMeter::new(0);
    pack.chunks(piece).try_for_each(|bytes| meter.take(bytes)).map(|()| meter)
}

fn varint(mut size: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while size > 127 {
        bytes.push((size & 127) as u8 | 128);
        size >>= 7;
    }
    bytes.push(size as u8);
    bytes
}

#[test]
fn a_pack_is_followed_in_pieces_of_any_size() {
    let delta = [varint(100), varint(200), vec![1, 2, 3]].concat();
    let pack = packed(&[(1, b"tree x".to_vec()), (2, vec![7; 300_000]), (7, delta), (3, Vec::new())]);
    for piece in [1, 7, 4096, pack.len()] {
        let meter = measured(&pack, piece).ok().unwrap();
        assert!(meter.left == 0 && meter.deltas, "{piece}");
        assert_eq!(meter.inflated, 6 + 300_000 + 7 - 1, "{piece}");
        assert_eq!(meter.held_at_end(), 3 * 200, "{piece}");
    }
}

#[test]
fn what_would_be_held_in_memory_is_refused_from_its_size() {
    let large = vec![0; usize::try_from(MAX_OBJECT + 1).unwrap()];
    let result = |size| [varint(10), varint(size), vec![0]].concat();
    let base = [varint(MAX_OBJECT + 1), varint(1), vec![0]].concat();
    let refused = [
        vec![(1, large.clone())],
        vec![(4, large.clone())],
        vec![(2, large.clone())],
        vec![(7, result(MAX_OBJECT + 1))],
        vec![(7, base)],
        vec![(3, large.clone()), (7, result(10))],
        vec![(7, result(10)), (3, large.clone())],
    ];
    for (n, entries) in refused.iter().enumerate() {
        let why = [LARGE_COMMIT, LARGE_COMMIT, LARGE_TREE].get(n).copied().unwrap_or(TOO_LARGE);
        assert_eq!(measured(&packed(entries), 5000).err(), Some(why), "{n}");
    }
    // The indexer skips a file that no delta is based on. Code that reads the file checks its size first.
    assert!(measured(&packed(&[(3, large)]), 5000).is_ok());
}

#[test]
fn a_difference_to_a_huge_file_that_came_before_is_refused() {
    let pack = packed(&[(7, [varint(10), varint(10), vec![0]].concat())]);
    assert!(PackMeter::new(MAX_OBJECT).take(&pack).is_ok());
    assert_eq!(PackMeter::new(MAX_OBJECT + 1).take(&pack), Err(TOO_LARGE));
}

#[test]
fn what_does_not_inflate_is_not_passed_on() {
    let mut pack = packed(&[(3, vec![7; 100]), (3, vec![7; 100])]);
    pack[14..18].fill(0xff);
    assert_eq!(PackMeter::new(0).take(&pack), Err("an object that does not inflate"));
}

#[test]
fn the_count_is_bounded() {
    let head = [&b"PACK\0\0\0\x02"[..], &(MAX_OBJECTS + 1).to_be_bytes()].concat();
    assert!(measured(&head, 3).is_err());
}
