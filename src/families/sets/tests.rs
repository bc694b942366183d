//! Tests of the sets family, command by command.

use crate::families::testing::Bench;

/// The members of a reply in order of their bytes.
fn sorted(reply: &str) -> Vec<&str> {
    let mut members: Vec<&str> =
        reply.split("\r\n").skip(1).filter(|line| !line.is_empty() && !line.starts_with('$')).collect();
    members.sort_unstable();
    members
}

#[test]
fn members_are_counted_once() {
    let mut bench = Bench::new();
    assert_eq!(bench.run("SADD s 1 2 1"), ":2\r\n");
    assert_eq!(bench.run("SADD s 1"), ":0\r\n");
    assert_eq!(bench.run("SMISMEMBER s 1 3 2"), "*3\r\n:1\r\n:0\r\n:1\r\n");
    assert_eq!(bench.run("SREM s 1 2 3"), ":2\r\n");
    assert_eq!(bench.events(), ["sadd s", "srem s", "del s"]);
}

#[test]
fn encodings_follow_what_is_added() {
    let mut bench = Bench::new();
    bench.run("SADD a 1 2");
    assert_eq!(bench.run("OBJECT ENCODING a"), "$6\r\nintset\r\n");
    bench.run("SADD a x");
    assert_eq!(bench.run("OBJECT ENCODING a"), "$9\r\nhashtable\r\n");
    bench.run("SADD b 1 2 3");
    bench.run("SINTERSTORE c a b");
    assert_eq!(bench.run("OBJECT ENCODING c"), "$6\r\nintset\r\n");
    bench.run("SUNIONSTORE c a b");
    assert_eq!(bench.run("OBJECT ENCODING c"), "$9\r\nhashtable\r\n");
    bench.run("SREM a x");
    bench.run("SUNIONSTORE c a");
    assert_eq!(bench.run("OBJECT ENCODING c"), "$6\r\nintset\r\n");
}

#[test]
fn a_difference_that_removes_keeps_the_encoding_of_what_it_began_with() {
    let mut bench = Bench::new();
    bench.run("SADD a 1 2 3 x");
    bench.run("SADD b x");
    bench.run("SADD c y");
    bench.run("SDIFFSTORE d a b b b c");
    assert_eq!(bench.run("OBJECT ENCODING d"), "$9\r\nhashtable\r\n");
    bench.run("SDIFFSTORE d a b");
    assert_eq!(bench.run("OBJECT ENCODING d"), "$6\r\nintset\r\n");
    assert_eq!(sorted(&bench.run("SMEMBERS d")), ["1", "2", "3"]);
}

#[test]
fn algebra_agrees_with_itself() {
    let mut bench = Bench::new();
    bench.run("SADD a 1 2 3 x y");
    bench.run("SADD b 2 3 4 y z");
    assert_eq!(sorted(&bench.run("SINTER a b")), ["2", "3", "y"]);
    assert_eq!(sorted(&bench.run("SUNION a b none")), ["1", "2", "3", "4", "x", "y", "z"]);
    assert_eq!(sorted(&bench.run("SDIFF a b none")), ["1", "x"]);
    assert_eq!(bench.run("SINTER a none"), "*0\r\n");
    assert_eq!(bench.run("SINTERCARD 2 a b"), ":3\r\n");
    assert_eq!(bench.run("SINTERCARD 2 a b LIMIT 2"), ":2\r\n");
    for (command, len) in [("SINTERSTORE", 3), ("SUNIONSTORE", 7), ("SDIFFSTORE", 2)] {
        assert_eq!(bench.run(&format!("{command} a2 a b")), format!(":{len}\r\n"));
        assert_eq!(bench.run("SCARD a2"), format!(":{len}\r\n"));
    }
    assert_eq!(bench.run("SDIFFSTORE a2 a a"), ":0\r\n");
    assert_eq!(bench.run("EXISTS a2"), ":0\r\n");
}

#[test]
fn a_result_may_be_stored_over_its_source() {
    let mut bench = Bench::new();
    bench.run("SADD a 1 2 3");
    bench.run("SADD b 2");
    assert_eq!(bench.run("SDIFFSTORE a a b"), ":2\r\n");
    assert_eq!(sorted(&bench.run("SMEMBERS a")), ["1", "3"]);
    bench.run("SET str x");
    assert_eq!(bench.run("SUNIONSTORE str none"), ":0\r\n");
    assert_eq!(bench.run("EXISTS str"), ":0\r\n");
    bench.run("SET str x");
    assert!(bench.run("SUNIONSTORE b none str").starts_with("-WRONGTYPE"));
    assert_eq!(bench.run("SCARD b"), ":1\r\n");
}

#[test]
fn a_pop_is_repeated_by_the_names_of_what_it_took() {
    let mut bench = Bench::new();
    for count in ["1", "2", "9", "10"] {
        bench.run("SADD s a b c d e f g h i 10");
        let reply = bench.run(&format!("SPOP s {count}"));
        let repeated = bench.propagated();
        match count {
            "10" => assert_eq!(repeated, ["DEL s"]),
            _ => {
                let mut named: Vec<&str> = repeated[0].split(' ').skip(2).collect();
                named.sort_unstable();
                assert_eq!(named, sorted(&reply));
            }
        }
        assert_eq!(bench.dirty().to_string(), count);
        bench.run("DEL s");
    }
    bench.run("SADD s a");
    assert_eq!((bench.run("SPOP s"), bench.propagated()), ("$1\r\na\r\n".to_owned(), vec!["SREM s a".to_owned()]));
    assert_eq!(bench.run("EXISTS s"), ":0\r\n");
}

#[test]
fn random_members_may_repeat_only_when_asked() {
    let mut bench = Bench::new();
    bench.run("SADD s a b c");
    assert_eq!(sorted(&bench.run("SRANDMEMBER s 10")), ["a", "b", "c"]);
    assert!(bench.run("SRANDMEMBER s -10").starts_with("*10\r\n"));
    assert_eq!(bench.run("SRANDMEMBER s -9223372036854775807"), "-ERR value is out of range\r\n");
    assert_eq!(bench.run("SCARD s"), ":3\r\n");
}

#[test]
fn a_scan_sees_every_member_of_a_large_set_once() {
    let mut bench = Bench::new();
    for n in 0..1000 {
        bench.run(&format!("SADD s m{n}"));
    }
    let (mut cursor, mut seen) = ("0".to_owned(), Vec::new());
    loop {
        let reply = bench.run(&format!("SSCAN s {cursor} COUNT 20 MATCH m*"));
        let lines: Vec<&str> = reply.split("\r\n").collect();
        cursor = lines[2].to_owned();
        seen.extend(lines[4..].iter().filter(|line| line.starts_with('m')).map(|line| (*line).to_owned()));
        if cursor == "0" {
            break;
        }
    }
    seen.sort_unstable();
    let len = seen.len();
    seen.dedup();
    assert_eq!((len, seen.len()), (1000, 1000));
}
