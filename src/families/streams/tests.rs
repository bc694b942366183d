//! Tests of the streams family, command by command.

use crate::command::CommandError;
use crate::families::testing::Bench;
use crate::object::{Stream, Typed};
use crate::structs::record::Body;

fn bench() -> Bench {
    let mut bench = Bench::new();
    for n in 1..=3 {
        bench.run(&format!("XADD s {n}-0 f v{n}"));
    }
    bench.events();
    bench
}

fn entry(id: &str, value: &str) -> String {
    format!("*2\r\n${}\r\n{id}\r\n*2\r\n$1\r\nf\r\n${}\r\n{value}\r\n", id.len(), value.len())
}

#[test]
fn ids_rise_whoever_chooses_them() {
    let mut bench = Bench::new();
    assert_eq!(bench.run("XADD s * f v"), "$15\r\n1700000000000-0\r\n");
    assert_eq!(bench.run("XADD s * f v"), "$15\r\n1700000000000-1\r\n");
    assert_eq!(bench.run("XADD s 1700000000000-* f v"), "$15\r\n1700000000000-2\r\n");
    assert_eq!(bench.run("XADD s 1800000000000-* f v"), "$15\r\n1800000000000-0\r\n");
    assert_eq!(bench.run("XADD s * f v"), "$15\r\n1800000000000-1\r\n", "a clock that went back does not matter");
    assert_eq!(bench.run("XADD s 1-1 f v"), bench.error(&CommandError::XADD_ID_TOO_SMALL));
    assert_eq!(bench.run("XADD t 0-0 f v"), bench.error(&CommandError::XADD_ID_ZERO));
    assert_eq!(bench.run("XADD t 0-* f v"), "$3\r\n0-1\r\n");
    assert_eq!(bench.run("XADD t 18446744073709551615-18446744073709551615 f v").len(), 48);
    assert_eq!(bench.run("XADD t * f v"), bench.error(&CommandError::XADD_EXHAUSTED));
    assert_eq!(bench.run("XADD none NOMKSTREAM * f v"), "$-1\r\n");
    assert_eq!(bench.run("EXISTS none"), ":0\r\n");
}

#[test]
fn ranges_run_both_ways_and_leave_out_what_is_asked() {
    let mut bench = bench();
    let (one, two, three) = (entry("1-0", "v1"), entry("2-0", "v2"), entry("3-0", "v3"));
    assert_eq!(bench.run("XRANGE s - +"), format!("*3\r\n{one}{two}{three}"));
    assert_eq!(bench.run("XREVRANGE s + - COUNT 2"), format!("*2\r\n{three}{two}"));
    assert_eq!(bench.run("XRANGE s (1-0 (3-0"), format!("*1\r\n{two}"));
    assert_eq!(bench.run("XRANGE s 2 2"), format!("*1\r\n{two}"));
    assert_eq!(bench.run("XRANGE s - + COUNT 0"), "*-1\r\n");
    assert_eq!(bench.run("XRANGE none - +"), "*0\r\n");
    assert_eq!(
        bench.run("XRANGE s (18446744073709551615-18446744073709551615 +"),
        bench.error(&CommandError::INVALID_RANGE_START)
    );
    assert_eq!(bench.run("XDEL s 2-0 2-0 9-9"), ":1\r\n");
    assert_eq!(bench.run("XRANGE s - +"), format!("*2\r\n{one}{three}"));
    assert_eq!(bench.run("XLEN s"), ":2\r\n");
    assert_eq!(bench.events(), ["xdel s"]);
}

#[test]
fn an_empty_stream_stays() {
    let mut bench = bench();
    assert_eq!(bench.run("XDEL s 1-0 2-0 3-0"), ":3\r\n");
    assert_eq!((bench.run("XLEN s"), bench.run("EXISTS s")), (":0\r\n".into(), ":1\r\n".into()));
    assert_eq!(bench.run("XADD s 3-0 f v"), bench.error(&CommandError::XADD_ID_TOO_SMALL));
}

#[test]
fn trimming_is_repeated_by_what_it_left() {
    let mut bench = bench();
    bench.limits.stream_node_max_entries = 2;
    for n in 4..=9 {
        bench.run(&format!("XADD s {n}-0 f v{n}"));
    }
    assert_eq!(bench.run("XTRIM s MAXLEN ~ 5"), ":3\r\n", "whole blocks");
    assert_eq!(bench.propagated(), ["XTRIM s MAXLEN = 6"]);
    assert_eq!(bench.run("XTRIM s MINID ~ 7-0 LIMIT 1"), ":0\r\n");
    assert_eq!(bench.run("XTRIM s MINID ~ 7-0 LIMIT 9"), ":2\r\n");
    assert_eq!(bench.propagated(), ["XTRIM s MINID = 6-0"]);
    assert_eq!(bench.run("XTRIM s MAXLEN 1"), ":3\r\n");
    assert_eq!(bench.propagated(), Vec::<String>::new());
    bench.events();
    assert_eq!(bench.run("XADD s MAXLEN ~ 0 LIMIT 10 * f v"), "$15\r\n1700000000000-0\r\n");
    assert_eq!(bench.propagated(), ["XADD s MAXLEN = 0 1700000000000-0 f v"]);
    assert_eq!(bench.events(), ["xadd s", "xtrim s"]);
    assert_eq!(bench.run("XTRIM s MAXLEN 5 LIMIT 3"), bench.error(&CommandError::LIMIT_WITHOUT_APPROXIMATION));
    bench.replayed = true;
    assert_eq!(bench.run("XTRIM s MAXLEN = 0 LIMIT 3"), ":0\r\n", "as Redis writes it to its log");
}

#[test]
fn a_group_delivers_each_entry_once_and_repeats_it_as_a_claim() {
    let mut bench = bench();
    assert_eq!(bench.run("XGROUP CREATE s g 1-0"), "+OK\r\n");
    assert_eq!(bench.run("XGROUP CREATE s g 0"), bench.error(&CommandError::BUSY_GROUP));
    let read = bench.run("XREADGROUP GROUP g a COUNT 1 STREAMS s >");
    assert_eq!(read, format!("*1\r\n*2\r\n$1\r\ns\r\n*1\r\n{}", entry("2-0", "v2")));
    let claim = "XCLAIM s g a 0 2-0 TIME 1700000000000 RETRYCOUNT 1 FORCE JUSTID LASTID 2-0";
    assert_eq!(bench.propagated(), [claim]);
    assert_eq!(bench.events(), ["xgroup-create s", "xgroup-createconsumer s"]);
    let read = bench.run("XREADGROUP GROUP g b NOACK STREAMS s >");
    assert_eq!(read, format!("*1\r\n*2\r\n$1\r\ns\r\n*1\r\n{}", entry("3-0", "v3")));
    assert_eq!(bench.propagated(), ["XGROUP CREATECONSUMER s g b", "XGROUP SETID s g 3-0 ENTRIESREAD 3"]);
    assert_eq!(bench.run("XREADGROUP GROUP g b STREAMS s >"), "*-1\r\n");
    assert_eq!(bench.run("XPENDING s g"), "*4\r\n:1\r\n$3\r\n2-0\r\n$3\r\n2-0\r\n*1\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n");
    bench.wait(50);
    assert_eq!(bench.run("XPENDING s g IDLE 50 - + 9"), "*1\r\n*4\r\n$3\r\n2-0\r\n$1\r\na\r\n:50\r\n:1\r\n");
    assert_eq!(bench.run("XPENDING s g IDLE 51 - + 9"), "*0\r\n");
    assert_eq!(bench.run("XACK s g 2-0 3-0"), ":1\r\n");
    assert_eq!(bench.run("XPENDING s g"), "*4\r\n:0\r\n$-1\r\n$-1\r\n*-1\r\n");
}

#[test]
fn claims_move_entries_and_drop_deleted_ones() {
    let mut bench = bench();
    bench.run("XGROUP CREATE s g 0");
    bench.run("XREADGROUP GROUP g a STREAMS s >");
    bench.run("XDEL s 2-0");
    bench.wait(10);
    assert_eq!(bench.run("XCLAIM s g b 11 1-0"), "*0\r\n", "not idle long enough");
    assert_eq!(bench.run("XCLAIM s g b 10 1-0"), format!("*1\r\n{}", entry("1-0", "v1")));
    assert_eq!(
        bench.run("XAUTOCLAIM s g c 0 - COUNT 2"),
        format!("*3\r\n$3\r\n3-0\r\n*1\r\n{}*1\r\n$3\r\n2-0\r\n", entry("1-0", "v1"))
    );
    assert_eq!(bench.propagated().len(), 2);
    assert_eq!(bench.run("XAUTOCLAIM s g c 0 3-0 JUSTID"), "*3\r\n$3\r\n0-0\r\n*1\r\n$3\r\n3-0\r\n*0\r\n");
    assert_eq!(bench.run("XGROUP DELCONSUMER s g c"), ":2\r\n");
    assert_eq!(bench.run("XCLAIM s g d 0 9-9 1-0 FORCE RETRYCOUNT 7 JUSTID"), "*1\r\n$3\r\n1-0\r\n");
    assert_eq!(bench.run("XPENDING s g - + 9"), "*1\r\n*4\r\n$3\r\n1-0\r\n$1\r\nd\r\n:0\r\n:7\r\n");
    assert_eq!(bench.run("XCLAIM s g d 0 LASTID 9-9"), "*0\r\n");
    assert_eq!(bench.propagated(), ["XGROUP SETID s g 9-9 ENTRIESREAD 3"]);
}

#[test]
fn who_waits_gets_what_came_since_and_hears_of_the_end() {
    let mut bench = bench();
    let waits: [&[u8]; 6] = [b"XREAD", b"BLOCK", b"0", b"STREAMS", b"s", b"3-0"];
    assert_eq!(bench.run_ready(&waits, None), None);
    assert_eq!(bench.run_ready(&waits, Some(b"s")), None);
    bench.run("XGROUP CREATE s g $");
    let group: [&[u8]; 9] = [b"XREADGROUP", b"GROUP", b"g", b"c", b"BLOCK", b"0", b"STREAMS", b"s", b">"];
    assert_eq!(bench.run_ready(&group, None), None);
    bench.run("XADD s 4-0 f v4");
    let expected = format!("*1\r\n*2\r\n$1\r\ns\r\n*1\r\n{}", entry("4-0", "v4"));
    let text = |reply: Option<Vec<u8>>| String::from_utf8(reply.unwrap()).unwrap();
    assert_eq!(text(bench.run_ready(&waits, Some(b"s"))), expected);
    assert_eq!(text(bench.run_ready(&group, Some(b"s"))), expected);
    assert_eq!(bench.run_ready(&group, Some(b"s")), None);
    bench.run("XGROUP DESTROY s g");
    assert_eq!(text(bench.run_ready(&group, Some(b"s"))), bench.error(&CommandError::GROUP_IS_GONE));
    bench.run("DEL s");
    assert_eq!(text(bench.run_ready(&group, Some(b"s"))), bench.error(&CommandError::STREAM_IS_GONE));
    assert_eq!(bench.run_ready(&waits, Some(b"s")), None);
}

#[test]
fn lag_is_told_where_it_can_be_known() {
    let mut bench = bench();
    bench.run("XGROUP CREATE s g 0");
    let lag = |bench: &mut Bench| {
        let reply = bench.run("XINFO GROUPS s");
        reply.split("lag\r\n").nth(1).unwrap().trim_end().to_owned()
    };
    assert_eq!(lag(&mut bench), ":3");
    bench.run("XREADGROUP GROUP g c COUNT 1 STREAMS s >");
    assert_eq!(lag(&mut bench), ":2");
    bench.run("XDEL s 2-0");
    assert_eq!(lag(&mut bench), "$-1");
    bench.run("XREADGROUP GROUP g c STREAMS s >");
    assert_eq!(lag(&mut bench), ":1", "as Redis 7.0 counts, which does not see the gap any more");
}

#[test]
fn a_stream_is_made_anew_by_its_requests() {
    let mut bench = bench();
    bench.run("XGROUP CREATE s g 0");
    bench.run("XGROUP CREATECONSUMER s g idle");
    bench.run("XREADGROUP GROUP g a COUNT 2 STREAMS s >");
    bench.run("XADD s 4-0 f v4");
    bench.run("XDEL s 4-0");
    bench.run("XADD empty MAXLEN 0 7-7 f v");
    for key in ["s", "empty"] {
        let info = format!("XINFO STREAM {key} FULL");
        let before = bench.run(&info);
        let mut requests: Vec<String> = Vec::new();
        let object = bench.keyspace.db(bench.db).take(key.as_bytes()).unwrap();
        let Body::Payload(container) = object.body() else { panic!("it is no string") };
        Stream::of(container).unwrap().requests(key.as_bytes(), &mut |parts| {
            let words: Vec<_> = parts.iter().map(|part| String::from_utf8_lossy(part)).collect();
            requests.push(words.join(" "));
        });
        for request in requests {
            assert!(!bench.run(&request).starts_with('-'), "{request}");
        }
        assert_eq!(bench.run(&info), before);
    }
}
