//! Tests of the family's commands.

use crate::families::testing::Bench;
use crate::resp::reply::Protocol;

/// A reply of bulk strings as their texts, joined by spaces.
fn words(reply: &str) -> String {
    let lines = reply.split("\r\n").filter(|line| !line.is_empty() && !line.starts_with(['*', '$', '%']));
    lines.collect::<Vec<_>>().join(" ")
}

#[test]
fn zadd_counts_what_its_options_ask_for() {
    let mut bench = Bench::new();
    assert_eq!(bench.run("ZADD z 1 a 2 b 1 a"), ":2\r\n");
    assert_eq!((bench.dirty(), bench.events()), (2, vec!["zadd z".to_owned()]));
    assert_eq!(bench.run("ZADD z CH 1 a 3 b"), ":1\r\n");
    assert_eq!(bench.run("ZADD z GT CH 2 b 5 a 0 c"), ":2\r\n");
    assert_eq!(bench.run("ZADD z XX INCR 1 none"), "$-1\r\n");
    assert_eq!(bench.run("ZADD none XX 1 a"), ":0\r\n");
    assert_eq!(bench.run("ZADD z INCR 1.5 b"), "$3\r\n4.5\r\n");
    assert_eq!(bench.run("ZINCRBY z -0.5 b"), "$1\r\n4\r\n");
    bench.events();
    assert_eq!(bench.run("ZADD z 4 b"), ":0\r\n");
    assert_eq!((bench.dirty(), bench.events()), (0, vec![]));
}

#[test]
fn zadd_refuses_what_does_not_fit_together() {
    let mut bench = Bench::new();
    assert_eq!(bench.run("ZADD z NX XX 1 a"), "-ERR XX and NX options at the same time are not compatible\r\n");
    assert_eq!(bench.run("ZADD z GT NX 1 a"), "-ERR GT, LT, and/or NX options at the same time are not compatible\r\n");
    assert_eq!(bench.run("ZADD z INCR 1 a 2 b"), "-ERR INCR option supports a single increment-element pair\r\n");
    assert_eq!(bench.run("ZADD z 1 a 2"), "-ERR syntax error\r\n");
    assert_eq!(bench.run("ZADD z 1 a x b"), "-ERR value is not a valid float\r\n");
    assert_eq!(bench.run("EXISTS z"), ":0\r\n");
    bench.run("ZADD z inf a");
    assert_eq!(bench.run("ZINCRBY z -inf a"), "-ERR resulting score is not a number (NaN)\r\n");
}

#[test]
fn ranges_are_read_in_every_way() {
    for packed in [true, false] {
        let mut bench = Bench::new();
        if !packed {
            bench.limits.zset_max_listpack_entries = 0;
        }
        bench.run("ZADD z 1 a 2 b 3 c 4 d");
        let mut read = |line: &str| words(&bench.run(line));
        assert_eq!(read("ZRANGE z 0 -1"), "a b c d");
        assert_eq!(read("ZRANGE z -100 1 WITHSCORES"), "a 1 b 2");
        assert_eq!(read("ZRANGE z 2 1"), "");
        assert_eq!(read("ZRANGE z 0 1 REV"), "d c");
        assert_eq!(read("ZREVRANGE z 1 2 WITHSCORES"), "c 3 b 2");
        assert_eq!(read("ZRANGE z (1 3 BYSCORE"), "b c");
        assert_eq!(read("ZRANGE z 3 (1 BYSCORE REV LIMIT 1 5"), "b");
        assert_eq!(read("ZRANGEBYSCORE z -inf +inf LIMIT 1 2"), "b c");
        assert_eq!(read("ZRANGEBYSCORE z -inf +inf LIMIT -1 2"), "");
        assert_eq!(read("ZREVRANGEBYSCORE z +inf -inf LIMIT 1 -1"), "c b a");
        assert_eq!(read("ZCOUNT z (1 (4"), ":2");
        assert_eq!(
            read("ZRANGE z 0 -1 LIMIT 0 1"),
            "-ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX"
        );
        assert_eq!(
            read("ZRANGE z - + BYLEX WITHSCORES"),
            "-ERR syntax error, WITHSCORES not supported in combination with BYLEX"
        );
        assert_eq!(read("ZRANGE z a 1"), "-ERR value is not an integer or out of range");
        assert_eq!(read("ZRANGEBYSCORE z a 1"), "-ERR min or max is not a float");
        assert_eq!(read("ZRANGEBYLEX z a [b"), "-ERR min or max not valid string range item");
        bench.run("ZADD l 0 a 0 b 0 c");
        let mut read = |line: &str| words(&bench.run(line));
        assert_eq!(read("ZRANGEBYLEX l (a +"), "b c");
        assert_eq!(read("ZREVRANGEBYLEX l [b - LIMIT 0 1"), "b");
        assert_eq!(read("ZLEXCOUNT l - [b"), ":2");
        assert_eq!(read("ZRANGEBYLEX l + -"), "");
    }
}

#[test]
fn removing_a_whole_range_removes_the_key() {
    let mut bench = Bench::new();
    bench.run("ZADD z 1 a 2 b 3 c 4 d");
    bench.events();
    assert_eq!(bench.run("ZREMRANGEBYRANK z 0 0"), ":1\r\n");
    assert_eq!(bench.run("ZREMRANGEBYLEX z [b [b"), ":1\r\n");
    assert_eq!(bench.run("ZREMRANGEBYSCORE z 3 +inf"), ":2\r\n");
    assert_eq!(bench.events(), ["zremrangebyrank z", "zremrangebylex z", "zremrangebyscore z", "del z"]);
    assert_eq!(bench.run("ZREMRANGEBYRANK z 0 0"), ":0\r\n");
}

#[test]
fn a_stored_range_takes_its_limits_and_drops_an_empty_target() {
    let mut bench = Bench::new();
    bench.run("ZADD z 1 a 2 b 3 c");
    bench.run("ZADD target 1 x");
    bench.events();
    assert_eq!(bench.run("ZRANGESTORE target z 1 -1"), ":2\r\n");
    assert_eq!(words(&bench.run("ZRANGE target 0 -1 WITHSCORES")), "b 2 c 3");
    assert_eq!(bench.run("ZRANGESTORE target z 5 7"), ":0\r\n");
    assert_eq!(bench.run("ZRANGESTORE target z 5 7"), ":0\r\n");
    assert_eq!(bench.events(), ["zrangestore target", "del target"]);
    assert_eq!(bench.run("ZRANGESTORE z z 0 0 REV"), ":1\r\n");
    assert_eq!(words(&bench.run("ZRANGE z 0 -1")), "c");
}

#[test]
fn a_stored_range_loses_the_signs_of_zeros_as_far_as_it_was_packed() {
    let mut bench = Bench::new();
    bench.limits.zset_max_listpack_entries = 0;
    bench.run("ZADD z -0 a -0 b -0 c");
    bench.limits.zset_max_listpack_entries = 2;
    bench.run("ZRANGESTORE t z -inf +inf BYSCORE");
    assert_eq!(words(&bench.run("ZRANGE t 0 -1 WITHSCORES")), "a 0 b 0 c -0");
    bench.run("ZRANGESTORE t z +inf -inf BYSCORE REV");
    assert_eq!(words(&bench.run("ZRANGE t 0 -1 WITHSCORES")), "a -0 b 0 c 0");
    bench.run("ZRANGESTORE t z 0 -1");
    assert_eq!(words(&bench.run("ZRANGE t 0 -1 WITHSCORES")), "a -0 b -0 c -0");
}

#[test]
fn unions_weigh_and_aggregate() {
    let mut bench = Bench::new();
    bench.run("ZADD a 1 x 2 y");
    bench.run("ZADD b 10 y 20 z");
    assert_eq!(words(&bench.run("ZUNION 2 a b WITHSCORES")), "x 1 y 12 z 20");
    assert_eq!(words(&bench.run("ZUNION 3 a b none WEIGHTS 2 1 5 AGGREGATE MAX WITHSCORES")), "x 2 y 10 z 20");
    assert_eq!(words(&bench.run("ZINTER 2 a b WITHSCORES AGGREGATE MIN")), "y 2");
    assert_eq!(words(&bench.run("ZDIFF 2 a b WITHSCORES")), "x 1");
    assert_eq!(bench.run("ZINTERCARD 2 a b LIMIT 1"), ":1\r\n");
    assert_eq!(bench.run("ZINTERCARD 2 a b LIMIT -1"), "-ERR LIMIT can't be negative\r\n");
    assert_eq!(bench.run("ZDIFFSTORE d 2 a a"), ":0\r\n");
    assert_eq!(bench.run("ZUNIONSTORE a 2 a b"), ":3\r\n");
    assert_eq!(words(&bench.run("ZRANGE a 0 -1")), "x y z");
    assert_eq!(bench.run("ZUNION 0 a"), "-ERR at least 1 input key is needed for 'zunion' command\r\n");
    assert_eq!(bench.run("ZUNIONSTORE d 9 a"), "-ERR syntax error\r\n");
    assert_eq!(bench.run("ZUNIONSTORE d 1 a WEIGHTS x"), "-ERR weight value is not a float\r\n");
    bench.run("ZADD i inf m");
    bench.run("ZADD j -inf m");
    assert_eq!(words(&bench.run("ZUNION 2 i j WITHSCORES")), "m 0");
    assert_eq!(words(&bench.run("ZINTER 1 i WEIGHTS 0 WITHSCORES")), "m 0");
}

#[test]
fn pops_are_repeated_without_waiting() {
    let mut bench = Bench::new();
    bench.run("ZADD z 1 a 2 b 3 c 4 d");
    bench.events();
    assert_eq!(bench.run("ZPOPMIN z"), "*2\r\n$1\r\na\r\n$1\r\n1\r\n");
    assert_eq!(bench.run("ZMPOP 2 none z MAX COUNT 1"), "*2\r\n$1\r\nz\r\n*1\r\n*2\r\n$1\r\nd\r\n$1\r\n4\r\n");
    assert_eq!(bench.propagated(), ["ZPOPMAX z 1"]);
    assert_eq!(bench.run("BZPOPMIN none z 0"), "*3\r\n$1\r\nz\r\n$1\r\nb\r\n$1\r\n2\r\n");
    assert_eq!(bench.propagated(), ["ZPOPMIN z"]);
    assert_eq!(bench.run("ZPOPMAX z 5"), "*2\r\n$1\r\nc\r\n$1\r\n3\r\n");
    assert_eq!(bench.events(), ["zpopmin z", "zpopmax z", "zpopmin z", "zpopmax z", "del z"]);
    assert_eq!(bench.run("ZPOPMIN z -1"), "-ERR value is out of range, must be positive\r\n");
    assert_eq!(bench.run("ZMPOP 1 z MIN"), "*-1\r\n");
    assert_eq!(bench.run("ZMPOP 9223372036854775807 z MIN"), "-ERR syntax error\r\n");
}

#[test]
fn a_waiting_pop_serves_only_the_key_that_is_ready() {
    let mut bench = Bench::new();
    bench.run("SET s x");
    let request: [&[u8]; 4] = [b"BZPOPMAX", b"y", b"z", b"0"];
    assert_eq!(bench.run_ready(&request, None), None);
    bench.run("ZADD y 1 a");
    bench.run("ZADD z 1 b");
    assert_eq!(bench.run_ready(&request, Some(b"z")).unwrap(), b"*3\r\n$1\r\nz\r\n$1\r\nb\r\n$1\r\n1\r\n");
    assert_eq!(bench.run_ready(&request, Some(b"z")), None);
    assert_eq!(bench.run_ready(&[b"BZPOPMAX", b"s", b"0"], Some(b"s")), None);
    let several: [&[u8]; 7] = [b"BZMPOP", b"0", b"1", b"y", b"MIN", b"COUNT", b"5"];
    assert_eq!(bench.run_ready(&several, None).unwrap(), b"*2\r\n$1\r\ny\r\n*1\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n");
    assert_eq!(bench.propagated(), ["ZPOPMIN y 1"]);
}

#[test]
fn resp3_nests_pairs_and_writes_doubles() {
    let mut bench = Bench::new();
    bench.protocol = Protocol::Resp3;
    bench.run("ZADD z 1.5 a");
    assert_eq!(bench.run("ZRANGE z 0 -1 WITHSCORES"), "*1\r\n*2\r\n$1\r\na\r\n,1.5\r\n");
    assert_eq!(bench.run("ZRANDMEMBER z 3 WITHSCORES"), "*1\r\n*2\r\n$1\r\na\r\n,1.5\r\n");
    assert_eq!(bench.run("ZUNION 1 z WITHSCORES"), "*1\r\n*2\r\n$1\r\na\r\n,1.5\r\n");
    assert_eq!(bench.run("ZRANK z a WITHSCORE"), "*2\r\n:0\r\n,1.5\r\n");
    assert_eq!(bench.run("ZRANK z b WITHSCORE"), "_\r\n");
    assert_eq!(bench.run("ZSCAN z 0"), "*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$3\r\n1.5\r\n");
    assert_eq!(bench.run("ZPOPMIN z 1"), "*1\r\n*2\r\n$1\r\na\r\n,1.5\r\n");
    bench.run("ZADD z 1.5 a");
    assert_eq!(bench.run("ZPOPMIN z"), "*2\r\n$1\r\na\r\n,1.5\r\n");
}

#[test]
fn ranks_count_from_either_end() {
    let mut bench = Bench::new();
    bench.run("ZADD z 1 a 2 b 3 c");
    assert_eq!(bench.run("ZRANK z b"), ":1\r\n");
    assert_eq!(bench.run("ZREVRANK z a WITHSCORE"), "*2\r\n:2\r\n$1\r\n1\r\n");
    assert_eq!(bench.run("ZRANK z x"), "$-1\r\n");
    assert_eq!(bench.run("ZRANK none x WITHSCORE"), "*-1\r\n");
    assert_eq!(bench.run("ZRANK z a nonsense"), "-ERR syntax error\r\n");
    assert_eq!(bench.run("ZRANK z a WITHSCORE x"), "-ERR wrong number of arguments for 'zrank' command\r\n");
    assert_eq!(bench.run("ZMSCORE z a x"), "*2\r\n$1\r\n1\r\n$-1\r\n");
}
