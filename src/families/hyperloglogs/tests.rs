//! HyperLogLog commands as clients see them.

use crate::command::CommandError;
use crate::families::testing::Bench;

#[test]
fn additions_tell_whether_the_estimate_may_have_changed() {
    let mut bench = Bench::new();
    assert_eq!(bench.run("PFADD h"), ":1\r\n");
    assert_eq!(bench.run("PFADD h"), ":0\r\n");
    assert_eq!(bench.run("PFADD h a b c a"), ":1\r\n");
    assert_eq!(bench.dirty(), 3);
    assert_eq!(bench.run("PFADD h a b"), ":0\r\n");
    assert_eq!(bench.events(), ["pfadd h", "pfadd h"]);
    assert_eq!(bench.run("PFCOUNT h"), ":3\r\n");
    // The estimate is stored in the value.
    assert_eq!((bench.dirty(), bench.events()), (1, vec!["unannounced h".to_owned()]));
    assert_eq!(bench.run("PFCOUNT h"), ":3\r\n");
    assert_eq!(bench.dirty(), 0);
    assert_eq!(bench.run("PFCOUNT none"), ":0\r\n");
    assert_eq!(bench.run("OBJECT ENCODING h"), "$3\r\nraw\r\n");
    assert_eq!(bench.run("STRLEN h"), ":27\r\n");
}

#[test]
fn unions_are_counted_and_merged() {
    let mut bench = Bench::new();
    bench.run("PFADD a 1 2 3");
    bench.run("PFADD b 3 4 5");
    assert_eq!(bench.run("PFCOUNT a b none"), ":5\r\n");
    bench.events();
    assert_eq!(bench.run("PFMERGE c a b none"), "+OK\r\n");
    assert_eq!(bench.run("PFCOUNT c"), ":5\r\n");
    assert_eq!(bench.run("PFDEBUG ENCODING c"), "+sparse\r\n");
    assert_eq!(bench.run("PFDEBUG TODENSE a"), ":1\r\n");
    assert_eq!(bench.run("PFDEBUG TODENSE a"), ":0\r\n");
    assert_eq!(bench.run("PFMERGE c a"), "+OK\r\n");
    assert_eq!(bench.run("PFDEBUG ENCODING c"), "+dense\r\n");
    assert_eq!(bench.run("PFCOUNT c"), ":5\r\n");
    assert_eq!(bench.run("PFCOUNT a"), ":3\r\n");
    assert_eq!(bench.run("STRLEN c"), ":12304\r\n");
    assert_eq!(bench.run("PFMERGE new"), "+OK\r\n");
    assert_eq!(bench.run("PFCOUNT new"), ":0\r\n");
}

#[test]
fn a_sparse_one_becomes_dense_beyond_its_limit() {
    let mut bench = Bench::new();
    bench.limits.hll_sparse_max_bytes = 30;
    bench.run("PFADD h a b c");
    assert_eq!(bench.run("PFDEBUG ENCODING h"), "+sparse\r\n");
    bench.run("PFADD h d e f g");
    assert_eq!(bench.run("PFDEBUG ENCODING h"), "+dense\r\n");
    assert_eq!(bench.run("PFCOUNT h"), ":7\r\n");
}

#[test]
fn strings_that_are_none_are_refused() {
    let mut bench = Bench::new();
    bench.run("LPUSH l a");
    let invalid = bench.error(&CommandError::NOT_HYPERLOGLOG);
    let header = |encoding: u8| [b"HYLL", &[encoding][..], &[0; 11]].concat();
    let short = &header(1)[..15];
    for value in [&b"12"[..], b"", b"HYLL", short, &header(0), &header(2), &header(255)] {
        bench.run_args(&[b"SET", b"k", value]);
        for line in
            ["PFADD k a", "PFADD k", "PFCOUNT k", "PFCOUNT k none", "PFMERGE k", "PFMERGE t k", "PFDEBUG DECODE k"]
        {
            assert_eq!(bench.run(line), invalid, "{line} {value:?}");
        }
    }
    for line in ["PFADD l a", "PFCOUNT l", "PFMERGE t l", "PFDEBUG GETREG l"] {
        assert_eq!(bench.run(line), bench.error(&CommandError::WRONG_TYPE));
    }
    assert_eq!(bench.run("PFDEBUG GETREG none"), bench.error(&CommandError::KEY_DOES_NOT_EXIST));
    assert_eq!(bench.run("EXISTS t"), ":0\r\n");
}

/// Sparse strings whose runs claim more registers than there are, or fewer, once led to reads and writes out of bounds.
#[test]
fn corrupt_ones_are_refused_and_stay_as_they_are() {
    let mut bench = Bench::new();
    let corrupt = bench.error(&CommandError::HYPERLOGLOG_CORRUPT);
    let header = [b"HYLL\x01", &[0; 10][..], &[0x80]].concat();
    let long = vec![0x7f; 40_000];
    let values = vec![0xff; 5000];
    for runs in [&b""[..], b"\x00", b"\x7f\xfe", &long, &values, b"\x7f\xff\x80", b"\x7f\xff\x7f\xff"] {
        let value = [&header, runs].concat();
        bench.run_args(&[b"SET", b"k", &value]);
        bench.events();
        for line in ["PFCOUNT k", "PFCOUNT k none", "PFMERGE k", "PFMERGE t k", "PFDEBUG GETREG k", "PFDEBUG TODENSE k"]
        {
            assert_eq!(bench.run(line), corrupt, "{line} {runs:?}");
        }
        assert!(bench.run("PFDEBUG DECODE k").starts_with('$'));
        let stored = bench.run_args(&[b"GET", b"k"]);
        assert_eq!(stored, [format!("${}\r\n", value.len()).as_bytes(), &value, b"\r\n"].concat());
        // Additions may fall into what is there; if not, none of them is made.
        let elements: Vec<Vec<u8>> = (0..200).map(|at| format!("e{at}").into_bytes()).collect();
        let mut request: Vec<&[u8]> = vec![b"PFADD", b"k"];
        request.extend(elements.iter().map(Vec::as_slice));
        if bench.run_args(&request) == corrupt.as_bytes() {
            assert_eq!(bench.run_args(&[b"GET", b"k"]), stored);
        }
    }
}

#[test]
fn the_debugging_commands_show_registers_and_runs() {
    let mut bench = Bench::new();
    bench.run("PFADD h a");
    assert_eq!(bench.run("PFDEBUG DECODE h").lines().nth(1).map(|runs| runs.split(' ').count()), Some(3));
    let registers = bench.run("PFDEBUG GETREG h");
    assert!(registers.starts_with("*16384\r\n"));
    assert_eq!(registers.lines().skip(1).filter(|line| *line != ":0").count(), 1);
    assert_eq!(bench.run("PFDEBUG DECODE h"), bench.error(&CommandError::HYPERLOGLOG_NOT_SPARSE));
    assert_eq!(bench.run("PFDEBUG foo h"), "-ERR Unknown PFDEBUG subcommand 'foo'\r\n");
    assert_eq!(bench.run("PFSELFTEST"), "+OK\r\n");
}
