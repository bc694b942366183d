//! Tests of the lists family, command by command.

use crate::families::testing::Bench;

#[test]
fn pushes_and_pops_meet_at_either_end() {
    let mut bench = Bench::new();
    assert_eq!(bench.run("LPUSH l b a"), ":2\r\n");
    assert_eq!(bench.run("RPUSH l 3 4"), ":4\r\n");
    assert_eq!(bench.run("LRANGE l 0 -1"), "*4\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\n3\r\n$1\r\n4\r\n");
    assert_eq!(bench.run("RPOP l"), "$1\r\n4\r\n");
    assert_eq!(bench.run("LPOP l 9"), "*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\n3\r\n");
    assert_eq!(bench.run("LPOP l"), "$-1\r\n");
    assert_eq!(bench.run("LPOP l 1"), "*-1\r\n");
    assert_eq!(bench.events(), ["lpush l", "rpush l", "rpop l", "lpop l", "del l"]);
}

#[test]
fn the_last_element_takes_the_key_with_it() {
    let mut bench = Bench::new();
    for command in ["LPOP l", "RPOP l", "LREM l 0 x", "LTRIM l 1 0", "LMPOP 1 l LEFT", "RPOPLPUSH l other"] {
        bench.run("RPUSH l x");
        bench.events();
        bench.run(command);
        assert_eq!(bench.events().last().map(String::as_str), Some("del l"), "{command}");
        assert_eq!(bench.run("EXISTS l"), ":0\r\n");
    }
}

#[test]
fn a_refused_command_leaves_the_lists_as_they_were() {
    let mut bench = Bench::new();
    bench.run("RPUSH l a b");
    bench.run("SET s x");
    for command in [
        "LMOVE l s LEFT LEFT",
        "LSET l 5 x",
        "LSET l x x",
        "LPOP l -1",
        "LPOP s",
        "LPOS l a RANK 0",
        "LMPOP 2 s l LEFT",
    ] {
        assert!(bench.run(command).starts_with('-'), "{command}");
    }
    assert_eq!(bench.run("LRANGE l 0 -1"), "*2\r\n$1\r\na\r\n$1\r\nb\r\n");
}

#[test]
fn lmpop_is_repeated_as_a_plain_pop_of_what_it_took() {
    let mut bench = Bench::new();
    bench.run("RPUSH l a b c");
    assert_eq!(bench.run("LMPOP 2 none l RIGHT COUNT 2"), "*2\r\n$1\r\nl\r\n*2\r\n$1\r\nc\r\n$1\r\nb\r\n");
    assert_eq!(bench.propagated(), ["RPOP l 2"]);
    assert_eq!(bench.run("LMPOP 1 l LEFT COUNT 100"), "*2\r\n$1\r\nl\r\n*1\r\n$1\r\na\r\n");
    assert_eq!(bench.propagated(), ["LPOP l 1"]);
}

#[test]
fn a_pop_waits_for_its_key_and_is_served_from_no_other() {
    let mut bench = Bench::new();
    let request: [&[u8]; 4] = [b"BLPOP", b"a", b"b", b"0"];
    assert_eq!(bench.run_ready(&request, None), None);
    bench.run("RPUSH a 1");
    bench.run("RPUSH b 2");
    assert_eq!(bench.run_ready(&request, Some(b"b")), Some(b"*2\r\n$1\r\nb\r\n$1\r\n2\r\n".to_vec()));
    assert_eq!(bench.propagated(), ["LPOP b"]);
    assert_eq!(bench.run_ready(&request, Some(b"b")), None);
    assert_eq!(bench.run("BRPOP a b 0"), "*2\r\n$1\r\na\r\n$1\r\n1\r\n");
}

#[test]
fn a_waiting_move_is_repeated_in_its_plain_form() {
    let mut bench = Bench::new();
    bench.run("RPUSH a 1 2 3");
    assert_eq!(bench.run("BLMOVE a b left right 1.5"), "$1\r\n1\r\n");
    assert_eq!(bench.propagated(), ["LMOVE a b left right"]);
    assert_eq!(bench.run("BRPOPLPUSH a a 0"), "$1\r\n3\r\n");
    assert_eq!(bench.propagated(), ["RPOPLPUSH a a"]);
    assert_eq!(bench.run("LRANGE a 0 -1"), "*2\r\n$1\r\n3\r\n$1\r\n2\r\n");
    assert_eq!(bench.run("BLMOVE a b LEFT RIGHT -1"), "-ERR timeout is negative\r\n");
}

#[test]
fn a_range_may_lie_beyond_the_list() {
    let mut bench = Bench::new();
    bench.run("RPUSH l a b c");
    for (range, len) in [
        ("-100 100", 3),
        ("1 1", 1),
        ("2 1", 0),
        ("3 9", 0),
        ("-9223372036854775808 9223372036854775807", 3),
        ("0 -4", 0),
    ] {
        let reply = bench.run(&format!("LRANGE l {range}"));
        assert!(reply.starts_with(&format!("*{len}\r\n")), "{range}: {reply}");
    }
}

#[test]
fn lpos_counts_matches_from_the_end_it_is_told() {
    let mut bench = Bench::new();
    bench.run("RPUSH l a b c a b c a");
    assert_eq!(bench.run("LPOS l a"), ":0\r\n");
    assert_eq!(bench.run("LPOS l a RANK -1"), ":6\r\n");
    assert_eq!(bench.run("LPOS l a RANK -2 COUNT 2 MAXLEN 6"), "*1\r\n:3\r\n");
    assert_eq!(bench.run("LPOS l a RANK 2 COUNT 0"), "*2\r\n:3\r\n:6\r\n");
    assert_eq!(bench.run("LPOS l a RANK -9223372036854775808"), ":6\r\n");
    assert_eq!(bench.run("LPOS l x COUNT 0"), "*0\r\n");
}
