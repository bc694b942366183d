//! Deletions that mind references, released entries, and claims on reading.

use crate::families::testing::Bench;

fn check(bench: &mut Bench, lines: &[(&str, &str)]) {
    for (line, reply) in lines {
        assert_eq!(bench.run(line).replace("\r\n", "|"), format!("{reply}|"), "{line}");
    }
}

/// Four entries; group `g` has read three and acknowledged the first, `h` has read two and acknowledged both.
fn read_by_two() -> Bench {
    let mut bench = Bench::new();
    for at in 1..=4 {
        bench.run(&format!("XADD s {at}-0 f v"));
    }
    for group in ["g", "h"] {
        bench.run(&format!("XGROUP CREATE s {group} 0"));
    }
    bench.run("XREADGROUP GROUP g c COUNT 3 STREAMS s >");
    bench.run("XREADGROUP GROUP h c COUNT 2 STREAMS s >");
    bench.run("XACK s g 1-0");
    bench.run("XACK s h 1-0 2-0");
    bench.events();
    bench
}

#[test]
fn xdelex_keeps_removes_or_respects_references() {
    let mut bench = read_by_two();
    check(
        &mut bench,
        &[
            ("XDELEX s ACKED IDS 5 1-0 2-0 3-0 4-0 9-0", "*5|:1|:2|:2|:2|:-1"),
            ("XLEN s", ":3"),
            ("XDELEX s KEEPREF IDS 1 2-0", "*1|:1"),
            ("XPENDING s g", "*4|:2|$3|2-0|$3|3-0|*1|*2|$1|c|$1|2"),
            ("XDELEX s IDS 2 2-0 3-0 DELREF", "*2|:-1|:1"),
            ("XPENDING s g", "*4|:0|$-1|$-1|*-1"),
            ("XDELEX none IDS 2 1-0 2-0", "*2|:-1|:-1"),
            ("XDELEX s IDS 0 1-0", "-ERR Number of IDs must be a positive integer"),
            ("XDELEX s IDS 3 1-0 2-0", "-ERR The `numids` parameter must match the number of arguments"),
            ("XDELEX s IDS 1 1-0 2-0", "-ERR syntax error"),
            ("XDELEX s KEEPREF DELREF IDS 1 1-0", "-ERR syntax error"),
            ("XDELEX s IDS 1 x", "-ERR Invalid stream ID specified as stream command argument"),
        ],
    );
    assert_eq!(bench.events(), ["xdel s", "xdel s", "xdel s"]);
    bench.run("XADD t 1-0 f v");
    check(&mut bench, &[("XDELEX t ACKED IDS 1 1-0", "*1|:2"), ("XLEN t", ":1")]);
}

#[test]
fn xackdel_acknowledges_and_deletes_what_is_done_everywhere() {
    let mut bench = read_by_two();
    check(
        &mut bench,
        &[
            ("XACKDEL s g ACKED IDS 3 1-0 2-0 3-0", "*3|:-1|:1|:2"),
            ("XLEN s", ":3"),
            ("XPENDING s g", "*4|:0|$-1|$-1|*-1"),
            ("XACKDEL s none IDS 1 1-0", "*1|:-1"),
            ("XACKDEL none g IDS 1 1-0", "*1|:-1"),
            ("XREADGROUP GROUP h c COUNT 1 STREAMS s >", "*1|*2|$1|s|*1|*2|$3|3-0|*2|$1|f|$1|v"),
            ("XACKDEL s h DELREF IDS 1 3-0", "*1|:1"),
            ("XRANGE s - +", "*2|*2|$3|1-0|*2|$1|f|$1|v|*2|$3|4-0|*2|$1|f|$1|v"),
        ],
    );
}

#[test]
fn trimming_minds_references_when_it_is_asked_to() {
    let mut bench = read_by_two();
    check(&mut bench, &[("XTRIM s MAXLEN 1 ACKED", ":1"), ("XTRIM s MINID 4 ACKED", ":0"), ("XLEN s", ":3")]);
    check(&mut bench, &[("XACK s g 2-0", ":1"), ("XTRIM s MINID = 4 ACKED", ":1"), ("XLEN s", ":2")]);
    check(&mut bench, &[("XTRIM s MAXLEN 0 DELREF", ":2"), ("XPENDING s g", "*4|:0|$-1|$-1|*-1")]);
    let mut bench = read_by_two();
    check(&mut bench, &[("XADD s KEEPREF MAXLEN 1 5-0 f v", "$3|5-0"), ("XLEN s", ":1")]);
    check(&mut bench, &[("XPENDING s g", "*4|:2|$3|2-0|$3|3-0|*1|*2|$1|c|$1|2")]);
    let mut bench = read_by_two();
    check(&mut bench, &[("XADD s ACKED MAXLEN 2 5-0 f v", "$3|5-0"), ("XLEN s", ":4")]);
    bench.run("XADD t 1-0 f v");
    check(&mut bench, &[("XTRIM t MAXLEN 0 ACKED", ":1")]);
}

#[test]
fn an_approximate_trimming_that_minds_references_is_repeated_exactly() {
    let mut bench = Bench::new();
    bench.limits.stream_node_max_entries = 2;
    for at in 1..=6 {
        bench.run(&format!("XADD s {at}-0 f v"));
    }
    bench.run("XGROUP CREATE s g 0");
    bench.run("XREADGROUP GROUP g c COUNT 4 STREAMS s >");
    bench.run("XACK s g 2-0 3-0");
    check(&mut bench, &[("XTRIM s MINID ~ 5 ACKED", ":2")]);
    assert_eq!(bench.propagated(), ["XTRIM s MINID = 3-1 ACKED"]);
    check(&mut bench, &[("XTRIM s MAXLEN ~ 2 DELREF", ":2")]);
    assert_eq!(bench.propagated(), ["XTRIM s MAXLEN = 2 DELREF"]);
}

#[test]
fn released_entries_belong_to_nobody_and_come_first() {
    let mut bench = read_by_two();
    check(
        &mut bench,
        &[
            ("XNACK s g FAIL IDS 2 2-0 9-0", ":1"),
            ("XPENDING s g - + 10", "*2|*4|$3|2-0|$0||:-1|:1|*4|$3|3-0|$1|c|:0|:1"),
            ("XPENDING s g", "*4|:2|$3|2-0|$3|3-0|*1|*2|$1|c|$1|1"),
            ("XNACK s g SILENT IDS 1 3-0", ":1"),
            ("XNACK s g SILENT IDS 1 3-0", ":1"),
            ("XNACK s g FATAL IDS 1 2-0", ":1"),
            ("XPENDING s g - + 10", "*2|*4|$3|2-0|$0||:-1|:9223372036854775807|*4|$3|3-0|$0||:-1|:0"),
            ("XNACK s g FAIL IDS 1 4-0", ":0"),
            ("XNACK s g FAIL IDS 1 4-0 RETRYCOUNT 5 FORCE", ":1"),
            ("XNACK s g FAIL IDS 1 9-0 FORCE", ":0"),
            ("XCLAIM s g d 1000000 4-0 JUSTID", "*1|$3|4-0"),
            ("XPENDING s g 4 4 10", "*1|*4|$3|4-0|$1|d|:0|:5"),
            ("XACK s g 2-0", ":1"),
            ("XNACK s none FAIL IDS 1 2-0", "-NOGROUP No such key 's' or consumer group 'none'"),
            ("XNACK s g NEVER IDS 1 2-0", "-ERR syntax error"),
            ("XNACK s g FAIL IDS 1 2-0 RETRYCOUNT -1", "-ERR value is out of range"),
        ],
    );
}

#[test]
fn released_entries_survive_a_dump() {
    let mut bench = read_by_two();
    bench.run("XNACK s g FAIL IDS 1 2-0 RETRYCOUNT 7");
    let dumped = bench.run_args(&[b"DUMP", b"s"]);
    let payload = &dumped[dumped.iter().position(|byte| *byte == b'\n').unwrap() + 1..dumped.len() - 2];
    assert_eq!(bench.run_args(&[b"RESTORE", b"t", b"0", payload]), b"+OK\r\n");
    let groups = bench.run("XINFO GROUPS s").trim_end().replace("\r\n", "|");
    check(
        &mut bench,
        &[("XPENDING t g - + 10", "*2|*4|$3|2-0|$0||:-1|:7|*4|$3|3-0|$1|c|:0|:1"), ("XINFO GROUPS t", &groups)],
    );
}

#[test]
fn a_reader_that_claims_is_given_what_was_pending_too_long_and_then_what_is_new() {
    let mut bench = read_by_two();
    bench.wait(50);
    bench.run("XREADGROUP GROUP g d COUNT 1 STREAMS s >");
    bench.wait(50);
    bench.run("XADD s 5-0 f v");
    const FIELDS: &str = "*2|$1|f|$1|v";
    check(
        &mut bench,
        &[
            (
                "XREADGROUP GROUP g e COUNT 4 CLAIM 50 STREAMS s >",
                &format!(
                    "*1|*2|$1|s|*4|*4|$3|2-0|{FIELDS}|:100|:1|*4|$3|3-0|{FIELDS}|:100|:1|*4|$3|4-0|{FIELDS}|:50|:1\
                     |*4|$3|5-0|{FIELDS}|:0|:0"
                ),
            ),
            (
                "XPENDING s g - + 10 e",
                "*4|*4|$3|2-0|$1|e|:0|:2|*4|$3|3-0|$1|e|:0|:2|*4|$3|4-0|$1|e|:0|:2|*4|$3|5-0|$1|e|:0|:1",
            ),
            ("XREADGROUP GROUP g e CLAIM 50 STREAMS s >", "*-1"),
            ("XREADGROUP GROUP g e CLAIM -1 STREAMS s >", "-ERR min-idle-time must be a positive integer"),
            ("XREADGROUP GROUP g e CLAIM x STREAMS s >", "-ERR min-idle-time is not an integer"),
            ("XREAD CLAIM 1 STREAMS s 0", "-ERR syntax error"),
            ("XNACK s g FAIL IDS 1 3-0", ":1"),
            ("XDEL s 2-0", ":1"),
        ],
    );
    bench.wait(60);
    let reply = bench.run("XREADGROUP GROUP g f COUNT 2 CLAIM 50 STREAMS s >").replace("\r\n", "|");
    assert!(reply.starts_with(&format!("*1|*2|$1|s|*2|*4|$3|3-0|{FIELDS}|:")), "{reply}");
    assert!(reply.ends_with(&format!("|:2|*4|$3|4-0|{FIELDS}|:60|:2|")), "{reply}");
    check(&mut bench, &[("XPENDING s g", "*4|:3|$3|3-0|$3|5-0|*2|*2|$1|e|$1|1|*2|$1|f|$1|2")]);
}
