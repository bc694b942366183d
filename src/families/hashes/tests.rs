//! Fields with deadlines, with a clock that is moved by hand.

use crate::families::testing::Bench;

/// Runs lines and compares replies, given as in the protocol with `|` for line ends.
fn check(bench: &mut Bench, lines: &[(&str, &str)]) {
    for (line, reply) in lines {
        assert_eq!(bench.run(line).replace("\r\n", "|"), format!("{reply}|"), "{line}");
    }
}

fn timed(limit: usize) -> Bench {
    let mut bench = Bench::new();
    bench.limits.hash_max_listpack_entries = limit;
    bench.run("HSET h a 1 b 2 c 3");
    bench.run("HPEXPIRE h 1000 FIELDS 1 a");
    bench.run("HPEXPIRE h 2000 FIELDS 1 b");
    bench.events();
    bench
}

#[test]
fn conditions_compare_with_the_old_deadline_of_each_field() {
    for limit in [0, 512] {
        let mut bench = timed(limit);
        check(
            &mut bench,
            &[
                ("HEXPIRE none 10 FIELDS 2 a b", "*2|:-2|:-2"),
                ("HEXPIRE h 10 NX FIELDS 3 a c x", "*3|:0|:1|:-2"),
                ("HPERSIST h FIELDS 1 c", "*1|:1"),
                ("HEXPIRE h 10 XX FIELDS 2 a c", "*2|:1|:0"),
                ("HEXPIRE h 10 GT FIELDS 3 a b c", "*3|:0|:1|:0"),
                ("HEXPIRE h 9 LT FIELDS 3 a b c", "*3|:1|:1|:1"),
                ("HPTTL h FIELDS 4 a b c x", "*4|:9000|:9000|:9000|:-2"),
                ("HTTL none FIELDS 1 a", "*1|:-2"),
                ("HPEXPIRE h 8001 fields 1 a LT", "*1|:1"),
                ("HTTL h FIELDS 1 a", "*1|:9"),
                ("HPERSIST h FIELDS 3 a a x", "*3|:1|:-1|:-2"),
                ("HTTL h FIELDS 1 a", "*1|:-1"),
                ("HEXPIREAT h 1800000000 FIELDS 1 a", "*1|:1"),
                ("HEXPIRETIME h FIELDS 2 a x", "*2|:1800000000|:-2"),
                ("HPEXPIREAT h 1800000000001 FIELDS 1 a", "*1|:1"),
                ("HEXPIRETIME h FIELDS 1 a", "*1|:1800000001"),
                ("HPEXPIRETIME h FIELDS 1 a", "*1|:1800000000001"),
                ("OBJECT ENCODING h", if limit == 0 { "$9|hashtable" } else { "$10|listpackex" }),
            ],
        );
    }
}

#[test]
fn what_is_wrong_with_deadlines_of_fields_is_told() {
    let mut bench = timed(512);
    bench.run("SET s v");
    const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
    check(
        &mut bench,
        &[
            ("HEXPIRE s 1 FIELDS 1 a", WRONG_TYPE),
            ("HTTL s FIELDS 1 a", WRONG_TYPE),
            ("HGETEX s FIELDS 1 a", WRONG_TYPE),
            ("HSETEX s FIELDS 1 a v", WRONG_TYPE),
            ("HGETDEL s FIELDS 1 a", WRONG_TYPE),
            ("HEXPIRE h x FIELDS 1 a", "-ERR value is not an integer or out of range"),
            ("HEXPIRE h -1 FIELDS 1 a", "-ERR invalid expire time, must be >= 0"),
            ("HEXPIRE h 70368744178 FIELDS 1 a", "-ERR invalid expire time in 'hexpire' command"),
            ("HPEXPIRE h 70368744177663 FIELDS 1 a", "-ERR invalid expire time in 'hpexpire' command"),
            ("HPEXPIREAT h 70368744177664 FIELDS 1 a", "-ERR invalid expire time in 'hpexpireat' command"),
            ("HEXPIREAT h 9223372036854775807 FIELDS 1 a", "-ERR invalid expire time in 'hexpireat' command"),
            ("HEXPIRE h 1 FIELDS 0 a", "-ERR Parameter `numFields` should be greater than 0"),
            ("HEXPIRE h 1 FIELDS x a", "-ERR Parameter `numFields` should be greater than 0"),
            ("HEXPIRE h 1 FIELDS 2 a", "-ERR wrong number of arguments"),
            ("HEXPIRE h 1 FIELDS 1 a b", "-ERR unknown argument: b"),
            ("HEXPIRE h 1 FIELD 1 a", "-ERR unknown argument: FIELD"),
            ("HEXPIRE h 1 NX XX FIELDS 1 a", "-ERR Multiple condition flags specified"),
            ("HEXPIRE h 1 FIELDS 1 a FIELDS 1 b", "-ERR FIELDS keyword specified multiple times"),
            ("HEXPIRE h 1 NX NX", "-ERR wrong number of arguments for 'hexpire' command"),
            ("HEXPIRE h 1 NX FIELDS 1", "-ERR FIELDS requires at least numfields and one field argument"),
            ("HTTL h FIELD 1 a", "-ERR Mandatory argument FIELDS is missing or not at the right position"),
            ("HTTL h FIELDS 0 a", "-ERR Number of fields must be a positive integer"),
            ("HPERSIST h FIELDS 2 a", "-ERR The `numfields` parameter must match the number of arguments"),
            ("HGETDEL h FIELDS 1 a b", "-ERR The `numfields` parameter must match the number of arguments"),
            (
                "HGETEX h EX 1 PERSIST FIELDS 1 a",
                "-ERR Only one of EX, PX, EXAT, PXAT or PERSIST arguments can be specified",
            ),
            ("HGETEX h KEEPTTL FIELDS 1 a", "-ERR unknown argument: KEEPTTL"),
            ("HGETEX h FIELDS 0 a", "-ERR invalid number of fields"),
            ("HGETEX h FIELDS 2 a", "-ERR wrong number of arguments for 'hgetex' command"),
            ("HGETEX h EX FIELDS 1 a", "-ERR value is not an integer or out of range"),
            ("HGETEX h FIELDS 1 a EX", "-ERR missing expire time"),
            ("HSETEX h FNX FXX FIELDS 1 a v", "-ERR Only one of FXX or FNX arguments can be specified"),
            (
                "HSETEX h EX 1 KEEPTTL FIELDS 1 a v",
                "-ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified",
            ),
            ("HSETEX h PERSIST FIELDS 1 a v", "-ERR unknown argument: PERSIST"),
            ("HSETEX h FIELDS 2 a v", "-ERR wrong number of arguments for 'hsetex' command"),
            ("HSETEX h PX 70368744177663 FIELDS 1 a v", "-ERR invalid expire time in 'hsetex' command"),
            ("HSETEX h FIELDS -1 a v", "-ERR invalid number of fields"),
        ],
    );
    check(&mut bench, &[("HPTTL h FIELDS 3 a b c", "*3|:1000|:2000|:-1")]);
}

#[test]
fn expired_fields_are_seen_by_nobody() {
    for limit in [0, 512] {
        let mut bench = timed(limit);
        bench.wait(1000);
        check(&mut bench, &[("HGET h a", "$1|1")]);
        bench.wait(1);
        check(&mut bench, &[("HLEN h", ":3"), ("HPTTL h FIELDS 1 a", "*1|:-2"), ("HSCAN h 0 MATCH a", "*2|$1|0|*0")]);
        let all = bench.run("HGETALL h").replace("\r\n", "|");
        assert!(["*4|$1|b|$1|2|$1|c|$1|3|", "*4|$1|c|$1|3|$1|b|$1|2|"].contains(&&*all), "{all}");
        assert!(bench.events().is_empty());
        check(&mut bench, &[("HGET h a", "$-1"), ("HLEN h", ":2")]);
        assert_eq!(bench.events(), ["hexpired h"]);
        bench.wait(1000);
        check(
            &mut bench,
            &[
                ("HKEYS h", "*1|$1|c"),
                ("HVALS h", "*1|$1|3"),
                ("HRANDFIELD h", "$1|c"),
                ("HRANDFIELD h 5 WITHVALUES", "*2|$1|c|$1|3"),
                ("HRANDFIELD h -3", "*3|$1|c|$1|c|$1|c"),
                ("HEXISTS h b", ":0"),
                ("HSTRLEN h b", ":0"),
                ("HMGET h a b c", "*3|$-1|$-1|$1|3"),
                ("HLEN h", ":1"),
            ],
        );
        bench.run("HPEXPIRE h 1 FIELDS 1 c");
        bench.wait(2);
        check(
            &mut bench,
            &[("HGETALL h", "*0"), ("HRANDFIELD h", "$-1"), ("HRANDFIELD h -3", "*0"), ("EXISTS h", ":1")],
        );
        bench.events();
        check(&mut bench, &[("HMGET h c x", "*2|$-1|$-1"), ("EXISTS h", ":0")]);
        assert_eq!(bench.events(), ["hexpired h", "del h"]);
        assert_eq!(bench.keyspace.stats.expired_fields, 3);
    }
}

#[test]
fn writes_meet_expired_fields_as_missing_ones() {
    for limit in [0, 512] {
        let mut bench = timed(limit);
        bench.wait(3000);
        check(
            &mut bench,
            &[
                ("HINCRBY h a 5", ":5"),
                ("HPTTL h FIELDS 1 a", "*1|:-1"),
                ("HSETNX h b x", ":1"),
                ("HEXPIRE h 1 FIELDS 1 b", "*1|:1"),
            ],
        );
        bench.wait(1001);
        check(&mut bench, &[("HSET h b y a 6", ":1"), ("HPTTL h FIELDS 2 a b", "*2|:-1|:-1"), ("HGET h b", "$1|y")]);
        bench.run("HPEXPIRE h 1 FIELDS 3 a b c");
        bench.wait(2);
        check(
            &mut bench,
            &[("HDEL h a", ":1"), ("HGETDEL h FIELDS 2 b x", "*2|$-1|$-1"), ("HPERSIST h FIELDS 1 c", "*1|:-2")],
        );
        check(&mut bench, &[("EXISTS h", ":0"), ("HSETEX h FXX FIELDS 1 c 1", ":0"), ("EXISTS h", ":0")]);
    }
}

#[test]
fn a_value_that_is_changed_keeps_its_deadline_and_one_that_is_replaced_loses_it() {
    for limit in [0, 512] {
        let mut bench = timed(limit);
        check(&mut bench, &[("HINCRBY h a 1", ":2"), ("HINCRBYFLOAT h b 0.5", "$3|2.5")]);
        assert_eq!(bench.propagated(), ["HSETEX h KEEPTTL FIELDS 1 b 2.5"]);
        check(&mut bench, &[("HPTTL h FIELDS 2 a b", "*2|:1000|:2000"), ("HSET h a 9", ":0")]);
        check(&mut bench, &[("HPTTL h FIELDS 2 a b", "*2|:-1|:2000"), ("HINCRBYFLOAT h a 0.5", "$3|9.5")]);
        assert_eq!(bench.propagated(), ["HSET h a 9.5"]);
        check(&mut bench, &[("HMSET h b 1", "+OK"), ("HPTTL h FIELDS 1 b", "*1|:-1")]);
        assert_eq!(bench.keyspace.table(bench.db).len_with_timed_parts(), 0);
    }
}

#[test]
fn a_deadline_in_the_past_deletes_fields_at_once() {
    let mut bench = timed(512);
    let at = bench.now() + 5000;
    check(&mut bench, &[(&format!("HPEXPIREAT h {at} FIELDS 2 a x"), "*2|:1|:-2")]);
    assert_eq!(bench.propagated(), [format!("HPEXPIREAT h {at} FIELDS 1 a")]);
    check(&mut bench, &[("HEXPIRE h 0 FIELDS 2 a x", "*2|:2|:-2")]);
    assert_eq!((bench.propagated(), bench.dirty()), (vec!["HDEL h a".to_owned()], 1));
    check(&mut bench, &[("HEXPIREAT h 1 NX FIELDS 2 b c", "*2|:0|:2"), ("HEXPIRE h 100 GT FIELDS 1 b", "*1|:1")]);
    assert_eq!(bench.propagated(), [format!("HPEXPIREAT h {} FIELDS 1 b", bench.now() + 100_000)]);
    check(&mut bench, &[("HEXPIRE h 100 GT FIELDS 1 b", "*1|:0")]);
    assert!(bench.propagated().is_empty() && bench.dirty() == 0);
    check(&mut bench, &[("HPEXPIREAT h 0 FIELDS 1 b", "*1|:2"), ("EXISTS h", ":0")]);
    assert_eq!(bench.events(), ["hexpire h", "hdel h", "hdel h", "hexpire h", "hdel h", "del h"]);
}

#[test]
fn hgetex_reads_and_sets_or_takes_away_deadlines() {
    let mut bench = timed(512);
    let now = bench.now();
    check(&mut bench, &[("HGETEX h FIELDS 2 a x", "*2|$1|1|$-1"), ("HPTTL h FIELDS 1 a", "*1|:1000")]);
    assert!(bench.events().is_empty() && bench.propagated().is_empty());
    check(&mut bench, &[("HGETEX h EX 10 FIELDS 2 a x", "*2|$1|1|$-1")]);
    assert_eq!(bench.propagated(), [format!("HPEXPIREAT h {} FIELDS 1 a", now + 10_000)]);
    check(&mut bench, &[("HGETEX h FIELDS 2 a c PERSIST", "*2|$1|1|$1|3"), ("HPTTL h FIELDS 1 a", "*1|:-1")]);
    check(&mut bench, &[("HGETEX h PERSIST FIELDS 2 b c", "*2|$1|2|$1|3")]);
    assert_eq!(bench.propagated(), ["HPERSIST h FIELDS 1 b"]);
    check(&mut bench, &[("HGETEX h PXAT 5 FIELDS 3 a b c", "*3|$1|1|$1|2|$1|3"), ("EXISTS h", ":0")]);
    assert_eq!(bench.events(), ["hexpire h", "hpersist h", "hpersist h", "hdel h", "del h"]);
    check(&mut bench, &[("HGETEX h EX 10 FIELDS 2 a b", "*2|$-1|$-1")]);
}

#[test]
fn hsetex_sets_values_and_deadlines_under_conditions() {
    let mut bench = Bench::new();
    let at = bench.now() + 10_000;
    check(&mut bench, &[("HSETEX h FXX FIELDS 1 a 1", ":0"), ("EXISTS h", ":0")]);
    check(&mut bench, &[("HSETEX h EX 10 FNX FIELDS 2 a 1 b 2", ":1"), ("HPTTL h FIELDS 2 a b", "*2|:10000|:10000")]);
    check(&mut bench, &[("HSETEX h FNX FIELDS 2 b 1 c 2", ":0"), ("HSETEX h FXX FIELDS 2 b 1 c 2", ":0")]);
    assert!(bench.propagated().is_empty() && bench.dirty() == 0);
    assert_eq!(bench.events(), ["hset h", "hexpire h"]);
    check(&mut bench, &[("HSETEX h FIELDS 1 a 5 PX 10000 FXX", ":1")]);
    assert_eq!(bench.propagated(), [format!("HSETEX h PXAT {at} FIELDS 1 a 5")]);
    check(&mut bench, &[("HSETEX h KEEPTTL FIELDS 1 a 6", ":1"), ("HPTTL h FIELDS 1 a", "*1|:10000")]);
    check(&mut bench, &[("HSETEX h KEEPTTL FIELDS 1 a 6", ":1")]);
    assert_eq!(bench.propagated(), ["HSETEX h KEEPTTL FIELDS 1 a 6"]);
    check(&mut bench, &[("HSETEX h FIELDS 1 a 7", ":1")]);
    assert_eq!(bench.propagated(), ["HSET h a 7"]);
    check(&mut bench, &[("HPTTL h FIELDS 2 a b", "*2|:-1|:10000"), ("HMGET h a b", "*2|$1|7|$1|2")]);
    bench.events();
    check(&mut bench, &[("HSETEX h PXAT 1 FIELDS 2 a 1 b 2", ":1")]);
    assert_eq!(
        (bench.propagated(), bench.events()),
        (vec!["HDEL h a b".to_owned()], ["hset h", "hdel h", "del h"].map(String::from).to_vec())
    );
}

#[test]
fn expired_fields_go_by_themselves() {
    for limit in [0, 512] {
        let mut bench = timed(limit);
        bench.keyspace.log.keep_removals = true;
        bench.run("HSET one f v");
        bench.run("HPEXPIRE one 1500 FIELDS 1 f");
        bench.run("SET s v PX 1500");
        bench.run("HSET plain f v");
        bench.events();
        assert_eq!(bench.keyspace.table(bench.db).len_with_timed_parts(), 2);
        bench.wait(1000);
        assert!(!bench.keyspace.expire_slice(10) && bench.events().is_empty());
        bench.wait(1);
        while bench.keyspace.expire_slice(10) {}
        assert_eq!((bench.events(), bench.run("HLEN h")), (vec!["hexpired h".to_owned()], ":2\r\n".to_owned()));
        bench.wait(5000);
        while bench.keyspace.expire_slice(1) {}
        let mut events = bench.events();
        events.sort();
        assert_eq!(events, ["del one", "expired s", "hexpired h", "hexpired one"]);
        check(&mut bench, &[("HGETALL h", "*2|$1|c|$1|3"), ("EXISTS one s plain", ":1")]);
        assert_eq!(bench.keyspace.log.take_removals().len(), 4);
        assert_eq!((bench.keyspace.stats.expired, bench.keyspace.stats.expired_fields), (1, 3));
        assert_eq!((bench.keyspace.next_deadline(), bench.keyspace.table(bench.db).len_with_timed_parts()), (None, 0));
        bench.keyspace.table(bench.db).check();
    }
}

#[test]
fn a_slice_of_expiry_is_bounded_whatever_is_due() {
    let mut bench = Bench::new();
    let fields: Vec<String> = (0..2000).map(|at| format!("f{at} v")).collect();
    let names: Vec<String> = (0..2000).map(|at| format!("f{at}")).collect();
    bench.run(&format!("HSET h {}", fields.join(" ")));
    bench.run(&format!("HPEXPIRE h 5 FIELDS 2000 {}", names.join(" ")));
    for at in 0..500 {
        bench.run(&format!("HSET k{at} f v"));
        bench.run(&format!("HPEXPIRE k{at} 5 FIELDS 1 f"));
    }
    bench.wait(10);
    let mut slices = 0;
    loop {
        let before = bench.keyspace.stats.expired_fields;
        let more = bench.keyspace.expire_slice(50);
        assert!(bench.keyspace.stats.expired_fields - before <= 100);
        slices += 1;
        if !more {
            break;
        }
    }
    assert!((25..200).contains(&slices), "{slices}");
    check(&mut bench, &[("DBSIZE", ":0")]);
    assert_eq!(bench.keyspace.stats.expired_fields, 2500);
}

#[test]
fn deadlines_of_fields_go_where_their_hash_goes() {
    for limit in [0, 512] {
        let mut bench = timed(limit);
        const TTLS: &str = "*3|:1000|:2000|:-1";
        check(&mut bench, &[("RENAME h i", "+OK"), ("HPTTL i FIELDS 3 a b c", TTLS), ("COPY i j", ":1")]);
        check(&mut bench, &[("HPTTL j FIELDS 3 a b c", TTLS), ("MOVE i 1", ":1"), ("COPY j k DB 2", ":1")]);
        let dumped = bench.run_args(&[b"DUMP", b"j"]);
        let payload = &dumped[dumped.iter().position(|byte| *byte == b'\n').unwrap() + 1..dumped.len() - 2];
        assert_eq!(bench.run_args(&[b"RESTORE", b"l", b"0", payload]), b"+OK\r\n");
        assert_eq!(bench.run_args(&[b"RESTORE", b"j", b"0", payload, b"REPLACE"]), b"+OK\r\n");
        check(&mut bench, &[("HPTTL l FIELDS 3 a b c", TTLS), ("HPTTL j FIELDS 3 a b c", TTLS)]);
        let encoding = if limit == 0 { "$9|hashtable" } else { "$10|listpackex" };
        check(&mut bench, &[("OBJECT ENCODING l", encoding), ("SET l x", "+OK"), ("DEL j", ":1")]);
        assert_eq!(bench.keyspace.table(bench.db).len_with_timed_parts(), 0);
        for db in 0..3 {
            bench.keyspace.table(crate::keyspace::DbIndex(db)).check();
        }
        bench.wait(1001);
        while bench.keyspace.expire_slice(10) {}
        assert_eq!(bench.keyspace.stats.expired_fields, 2, "in databases 1 and 2");
    }
}

#[test]
fn a_snapshot_keeps_fields_that_expire_later() {
    for limit in [0, 512] {
        let mut bench = timed(limit);
        let snapshot = bench.keyspace.clones();
        bench.wait(5000);
        while bench.keyspace.expire_slice(10) {}
        check(&mut bench, &[("HGETALL h", "*2|$1|c|$1|3")]);
        let object = snapshot[0].get(crate::structs::table::hash(b"h"), b"h").unwrap();
        let crate::structs::record::Body::Payload(container) = object.body() else { panic!("a hash") };
        let mut kept = Vec::new();
        let hash = <crate::object::Hash as crate::object::Typed>::of(container).unwrap();
        hash.for_each_timed(|field, _, at| kept.push((field.to_vec(), at.is_some())));
        kept.sort();
        assert_eq!(kept, [(b"a".to_vec(), true), (b"b".to_vec(), true), (b"c".to_vec(), false)]);
        snapshot[0].check();
    }
}

#[test]
fn a_log_that_is_loaded_is_read_without_a_clock() {
    let mut bench = Bench::new();
    bench.keyspace.expire_mode = crate::keyspace::ExpireMode::Ignore;
    bench.run("HSET h a 1 b 2");
    check(&mut bench, &[("HPEXPIREAT h 1 FIELDS 2 a b", "*2|:1|:1"), ("HGET h a", "$1|1"), ("HINCRBY h a 1", ":2")]);
    check(&mut bench, &[("HDEL h b", ":1"), ("HPEXPIRETIME h FIELDS 1 a", "*1|:1")]);
    bench.keyspace.expire_mode = crate::keyspace::ExpireMode::Remove;
    check(&mut bench, &[("HGET h a", "$-1"), ("EXISTS h", ":0")]);
}

#[test]
fn sort_does_not_see_expired_fields() {
    let mut bench = Bench::new();
    bench.run("RPUSH l 1 2");
    bench.run("HSET w1 f 9 g x");
    bench.run("HSET w2 f 5 g y");
    bench.run("HPEXPIRE w1 5 FIELDS 2 f g");
    check(&mut bench, &[("SORT l BY w*->f GET w*->g", "*2|$1|y|$1|x")]);
    bench.wait(6);
    check(&mut bench, &[("SORT l BY w*->f GET w*->g", "*2|$-1|$1|y")]);
}
