//! Tests of streams against a model, with clones that must not change.

use super::*;
use std::collections::BTreeMap;

type Words = Vec<Vec<u8>>;

fn append(stream: &mut Stream, id: StreamId, words: &Words, limits: &Limits) {
    stream.append(id, words.iter().map(|word| &word[..]), limits);
}

fn all(stream: &Stream, reverse: bool) -> Vec<(StreamId, Words)> {
    range(stream, StreamId::MIN, StreamId::MAX, reverse)
}

fn range(stream: &Stream, from: StreamId, to: StreamId, reverse: bool) -> Vec<(StreamId, Words)> {
    let entries = stream.entries().range(from, to, reverse);
    let words =
        |entry: &Entry<'_>| entry.fields().flat_map(|(field, value)| [field.to_vec(), value.to_vec()]).collect();
    entries.map(|entry| (entry.id, words(&entry))).collect()
}

#[test]
fn streams_behave_as_maps_and_clones_stay_unchanged() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    for round in 0..12 {
        let limits = Limits {
            stream_node_max_entries: [100, 3, 0][round % 3],
            stream_node_max_bytes: [4096, 120, 0][round / 3 % 3],
            ..Limits::default()
        };
        let (mut stream, mut model) = (Stream::new(), BTreeMap::<StreamId, Words>::new());
        let mut clones: Vec<(Stream, BTreeMap<StreamId, Words>)> = Vec::new();
        for _ in 0..1500 {
            let near = |rng: &mut fastrand::Rng, last: StreamId| {
                StreamId::new(last.ms.saturating_sub(rng.u64(..60)), rng.u64(..3))
            };
            let last = stream.facts().last_id;
            match rng.u32(..20) {
                0..=9 => {
                    let id = StreamId::new(last.ms + rng.u64(..3), last.seq + rng.u64(1..3));
                    let words: Words = match rng.u32(..4) {
                        0 => (0..2 * rng.usize(1..4)).map(|_| vec![rng.u8(..); rng.usize(..30)]).collect(),
                        _ => vec![b"f".to_vec(), rng.i32(..).to_string().into_bytes(), b"12".to_vec(), b"v".to_vec()],
                    };
                    append(&mut stream, id, &words, &limits);
                    model.insert(id, words);
                }
                10..=12 => {
                    let near = near(&mut rng, last);
                    let id = model.range(near..).next().map_or(near, |(id, _)| *id);
                    let first = stream.facts().first_id;
                    let deleted = stream.delete(id);
                    assert_eq!(deleted, model.remove(&id).is_some());
                    stream.deleted(deleted && id == first);
                }
                13 if rng.u32(..4) == 0 => {
                    let most = rng.u64(..80);
                    let gone = stream.trim(Trim { keep: Keep::Len(most), whole_blocks: false, limit: 0 });
                    assert_eq!(gone, (model.len() as u64).saturating_sub(most));
                    (0..gone).for_each(|_| drop(model.pop_first()));
                }
                14 if rng.u32(..4) == 0 => {
                    let from = near(&mut rng, last);
                    let gone = stream.trim(Trim { keep: Keep::From(from), whole_blocks: false, limit: 0 });
                    let kept = model.split_off(&from);
                    assert_eq!(gone, model.len() as u64);
                    model = kept;
                }
                15 if rng.u32(..4) == 0 => {
                    let most = rng.u64(..80);
                    let limit = rng.u64(..20);
                    let gone = stream.trim(Trim { keep: Keep::Len(most), whole_blocks: true, limit });
                    assert!(limit == 0 || gone <= limit);
                    (0..gone).for_each(|_| drop(model.pop_first()));
                    assert!(gone == 0 || model.len() as u64 >= most);
                }
                16..=17 => {
                    let (from, to) = (near(&mut rng, last), near(&mut rng, last));
                    let expected: Vec<_> = model.iter().filter(|(id, _)| (from..=to).contains(*id)).collect();
                    assert!(range(&stream, from, to, false).iter().map(|(id, words)| (id, words)).eq(expected.clone()));
                    assert!(
                        range(&stream, from, to, true).iter().map(|(id, w)| (id, w)).eq(expected.into_iter().rev())
                    );
                    assert_eq!(stream.entries().entry(from).is_some(), model.contains_key(&from));
                }
                18 if clones.len() < 4 && rng.u32(..50) == 0 => clones.push((stream.clone(), model.clone())),
                _ => {}
            }
            assert_eq!(stream.facts().len, model.len() as u64);
            assert_eq!(stream.facts().first_id, model.first_key_value().map_or(StreamId::MIN, |(id, _)| *id));
            assert_eq!(stream.entries().last_id(), model.last_key_value().map(|(id, _)| *id));
        }
        clones.push((stream, model));
        for (clone, then) in &clones {
            clone.check();
            assert!(all(clone, false).into_iter().eq(then.clone()));
            assert!(all(clone, true).into_iter().eq(then.clone().into_iter().rev()));
            let blocks: Vec<_> = clone.blocks().map(|(id, pack)| (id, pack.clone())).collect();
            let again = Stream::from_blocks(blocks, *clone.facts()).unwrap();
            assert_eq!(all(&again, false), all(clone, false));
        }
    }
}

#[test]
fn a_block_has_the_bytes_redis_gives_it() {
    let mut stream = Stream::new();
    let words = |words: &[&str]| words.iter().map(|word| word.as_bytes().to_vec()).collect::<Words>();
    append(&mut stream, StreamId::new(5, 1), &words(&["f", "1"]), &Limits::default());
    append(&mut stream, StreamId::new(6, 0), &words(&["f", "x"]), &Limits::default());
    append(&mut stream, StreamId::new(7, 3), &words(&["g", "y"]), &Limits::default());
    stream.delete(StreamId::new(6, 0));
    let (base, pack) = stream.blocks().next().unwrap();
    assert_eq!(base, StreamId::new(5, 1));
    let items: Vec<String> = pack.iter().map(|item| String::from_utf8(item.to_vec()).unwrap()).collect();
    assert_eq!(items.join(" "), "2 1 1 f 0 2 0 0 1 4 3 1 -1 x 4 0 2 2 1 g y 6");
}

#[test]
fn a_block_ends_where_redis_ends_it() {
    let words: Words = vec![b"f".to_vec(), vec![b'x'; 50]];
    for (max_bytes, max_entries, expected) in [(4096, 100, 68), (0, 100, 100), (4096, 10, 10), (100, 0, 1), (0, 0, 300)]
    {
        let limits =
            Limits { stream_node_max_bytes: max_bytes, stream_node_max_entries: max_entries, ..Limits::default() };
        let mut stream = Stream::new();
        (1..=300).for_each(|n| append(&mut stream, StreamId::new(n, 0), &words, &limits));
        let first = stream.blocks().next().unwrap().1;
        assert_eq!(block::entries(first), expected, "{max_bytes} {max_entries}");
        stream.check();
    }
}

#[test]
fn damaged_blocks_are_refused_or_harmless() {
    let mut stream = Stream::new();
    let limits = Limits::default();
    for n in 1..20 {
        let field = if n % 3 == 0 { b"other".to_vec() } else { b"f".to_vec() };
        append(&mut stream, StreamId::new(n, 0), &vec![field, n.to_string().into_bytes()], &limits);
    }
    let (base, good) = stream.blocks().next().map(|(id, pack)| (id, pack.as_bytes().to_vec())).unwrap();
    let mut rng = fastrand::Rng::with_seed(7);
    for _ in 0..20_000 {
        let mut bytes = good.clone();
        let at = rng.usize(6..bytes.len());
        bytes[at] = if rng.bool() { rng.u8(..) } else { bytes[at].wrapping_add(1) };
        let Ok(pack) = Listpack::from_bytes(&bytes) else { continue };
        let len = block::live(&pack);
        if let Ok(stream) = Stream::from_blocks([(base, pack)], Facts { len, ..Facts::default() }) {
            let mut stream = stream;
            all(&stream, false);
            all(&stream, true);
            stream.delete(base);
            stream.trim(Trim { keep: Keep::Len(3), whole_blocks: false, limit: 0 });
        }
    }
}

#[test]
fn groups_keep_both_sides_of_what_is_pending() {
    let mut rng = fastrand::Rng::with_seed(3);
    let mut group = Group::new(StreamId::MIN, None);
    let mut model: BTreeMap<StreamId, (Vec<u8>, u64)> = BTreeMap::new();
    let mut kept = None;
    for step in 0..5000u64 {
        let id = StreamId::new(rng.u64(..500), 0);
        let name = format!("c{}", rng.u32(..5)).into_bytes();
        match rng.u32(..10) {
            0..=5 => {
                group.see_consumer(&name, 0);
                group.assign(id, &name, 0, step);
                model.insert(id, (name, step));
            }
            6..=8 => assert_eq!(group.acknowledge(id), model.remove(&id).is_some()),
            _ if rng.u32(..20) == 0 => {
                let before = model.len();
                model.retain(|_, (owner, _)| *owner != name);
                assert_eq!(group.remove_consumer(&name).unwrap_or(0), before - model.len());
            }
            _ if step == 2500 || kept.is_none() => kept = Some((group.clone(), model.clone())),
            _ => {}
        }
    }
    let kept = kept.into_iter().chain([(group, model)]);
    for (group, model) in kept {
        group.check();
        let all = group.pending_from(StreamId::MIN).map(|(id, p)| (id, (p.consumer().to_vec(), p.deliveries)));
        assert!(all.eq(model));
    }
}
