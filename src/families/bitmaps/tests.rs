//! Bitmap commands as clients see them.

use crate::command::CommandError;
use crate::families::testing::Bench;

#[test]
fn bits_are_set_and_read_in_any_string() {
    let mut bench = Bench::new();
    assert_eq!(bench.run("SETBIT k 1 1"), ":0\r\n");
    assert_eq!(bench.run("GET k"), "$1\r\n@\r\n");
    assert_eq!(bench.run("SETBIT k 1 1"), ":1\r\n");
    assert_eq!(bench.run("SETBIT k 15 0"), ":0\r\n");
    assert_eq!(bench.run("STRLEN k"), ":2\r\n");
    assert_eq!(bench.run("SETBIT k 15 0"), ":0\r\n");
    assert_eq!(bench.run("SETBIT k 1 0"), ":1\r\n");
    assert_eq!(bench.events(), ["setbit k", "setbit k", "setbit k"]);
    bench.run("SET n 1");
    assert_eq!(bench.run("GETBIT n 2"), ":1\r\n");
    assert_eq!(bench.run("GETBIT n 4000000000"), ":0\r\n");
    assert_eq!(bench.run("OBJECT ENCODING n"), "$3\r\nint\r\n");
    assert_eq!(bench.run("SETBIT n 6 1"), ":0\r\n");
    assert_eq!(bench.run("GET n"), "$1\r\n3\r\n");
    assert_eq!(bench.run("OBJECT ENCODING n"), "$3\r\nraw\r\n");
}

#[test]
fn offsets_and_bits_out_of_range_are_refused() {
    let mut bench = Bench::new();
    let offset = bench.error(&CommandError::BIT_OFFSET);
    for at in ["-1", "4294967296", "x", "#1", "9223372036854775807", "99999999999999999999"] {
        assert_eq!(bench.run(&format!("SETBIT k {at} 1")), offset, "{at}");
        assert_eq!(bench.run(&format!("GETBIT k {at}")), offset, "{at}");
        if at != "#1" {
            assert_eq!(bench.run(&format!("BITFIELD k SET u8 {at} 1")), offset, "{at}");
        }
    }
    assert_eq!(bench.run("SETBIT k 0 2"), bench.error(&CommandError::BIT_VALUE));
    bench.limits.proto_max_bulk_len = 10;
    assert_eq!(bench.run("SETBIT k 80 1"), offset);
    assert_eq!(bench.run("SETBIT k 79 1"), ":0\r\n");
    assert_eq!(bench.run("STRLEN k"), ":10\r\n");
    bench.run("DEL k");
    bench.run("LPUSH l a");
    for line in ["SETBIT l 0 1", "GETBIT l 0", "BITCOUNT l", "BITPOS l 1", "BITFIELD l", "BITFIELD l SET u8 0 1"] {
        assert_eq!(bench.run(line), bench.error(&CommandError::WRONG_TYPE), "{line}");
    }
}

/// `#` multiplies the offset by the width; the product once left the range of integers and was taken for a small one.
#[test]
fn a_multiplied_offset_that_overflows_is_refused() {
    let mut bench = Bench::new();
    let offset = bench.error(&CommandError::BIT_OFFSET);
    for at in ["#288230376151711744", "#1152921504606846976", "#9223372036854775807", "#-1", "#67108864", "#"] {
        assert_eq!(bench.run(&format!("BITFIELD k SET i64 {at} 1")), offset, "{at}");
        assert_eq!(bench.run(&format!("BITFIELD k GET i64 {at}")), offset, "{at}");
    }
    assert_eq!(bench.run("EXISTS k"), ":0\r\n");
    bench.limits.proto_max_bulk_len = 1 << 20;
    assert_eq!(bench.run("BITFIELD k SET i64 8388607 -1 GET i64 8388607"), "*2\r\n:0\r\n:-1\r\n");
    assert_eq!(bench.run("STRLEN k"), ":1048584\r\n");
}

#[test]
fn counts_and_positions_keep_to_their_ranges() {
    let mut bench = Bench::new();
    bench.run("SET k foobar");
    for (line, count) in [
        ("BITCOUNT k", 26),
        ("BITCOUNT k 0 0", 4),
        ("BITCOUNT k 1 1 BYTE", 6),
        ("BITCOUNT k 5 30 BIT", 17),
        ("BITCOUNT k -8 -1 bit", 4),
        ("BITCOUNT k -1 -3", 0),
        ("BITCOUNT k 3 2", 0),
        ("BITCOUNT none 1", 0),
        ("BITCOUNT none x y z", 0),
        ("BITCOUNT k -9223372036854775808 9223372036854775807 BIT", 26),
        ("BITPOS k 1", 1),
        ("BITPOS k 0", 0),
        ("BITPOS k 1 10", -1),
        ("BITPOS k 1 7 15 BIT", 9),
        ("BITPOS k 0 1 1", 8),
        ("BITPOS none 1", -1),
        ("BITPOS none 0 5 9", 0),
    ] {
        assert_eq!(bench.run(line), format!(":{count}\r\n"), "{line}");
    }
    bench.run_args(&[b"SET", b"ones", b"\xff\xff\xff"]);
    for (line, at) in [
        ("BITPOS ones 0", 24),
        ("BITPOS ones 0 1", 24),
        ("BITPOS ones 0 0 -1", -1),
        ("BITPOS ones 0 3", -1),
        ("BITPOS ones 0 4 9 BIT", -1),
        ("BITPOS ones 1 13 20 BIT", 13),
    ] {
        assert_eq!(bench.run(line), format!(":{at}\r\n"), "{line}");
    }
    assert_eq!(bench.run("BITCOUNT k 1"), bench.error(&CommandError::SYNTAX));
    assert_eq!(bench.run("BITCOUNT k 1 2 FOO"), bench.error(&CommandError::SYNTAX));
    assert_eq!(bench.run("BITPOS k 2"), bench.error(&CommandError::BIT_ARGUMENT));
    assert_eq!(bench.run("BITPOS k 1 1 2 BIT x"), bench.error(&CommandError::SYNTAX));
    assert!(bench.events().iter().all(|event| event.starts_with("set ")));
}

/// An operation on the byte of the first source and those of the others.
type OnBytes = fn(u8, &[u8]) -> u8;

#[test]
fn bitop_is_the_operation_on_each_bit() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut bench = Bench::new();
    for _ in 0..300 {
        let sources: Vec<Vec<u8>> =
            (0..rng.usize(2..5)).map(|_| (0..rng.usize(..70)).map(|_| rng.u8(..)).collect()).collect();
        let names: Vec<Vec<u8>> = (0..sources.len()).map(|at| format!("s{at}").into_bytes()).collect();
        for (name, source) in names.iter().zip(&sources) {
            bench.run_args(&[b"SET", name, source]);
        }
        let longest = sources.iter().map(Vec::len).max().unwrap_or(0);
        let operations: [(&str, OnBytes); 7] = [
            ("AND", |x, ys| ys.iter().fold(x, |sum, y| sum & y)),
            ("or", |x, ys| ys.iter().fold(x, |sum, y| sum | y)),
            ("XOR", |x, ys| ys.iter().fold(x, |sum, y| sum ^ y)),
            ("DIFF", |x, ys| x & !ys.iter().fold(0, |sum, y| sum | y)),
            ("diff1", |x, ys| !x & ys.iter().fold(0, |sum, y| sum | y)),
            ("ANDOR", |x, ys| x & ys.iter().fold(0, |sum, y| sum | y)),
            ("One", |x, ys| {
                (0..8).fold(0, |sum, bit| {
                    let set = ys.iter().chain([&x]).filter(|byte| **byte >> bit & 1 == 1).count();
                    sum | u8::from(set == 1) << bit
                })
            }),
        ];
        for (word, operation) in operations {
            let expected: Vec<u8> = (0..longest)
                .map(|at| {
                    let byte = |source: &Vec<u8>| source.get(at).copied().unwrap_or(0);
                    let ys: Vec<u8> = sources[1..].iter().map(byte).collect();
                    operation(byte(&sources[0]), &ys)
                })
                .collect();
            let mut request: Vec<&[u8]> = vec![b"BITOP", word.as_bytes(), b"target"];
            request.extend(names.iter().map(Vec::as_slice));
            assert_eq!(bench.run_args(&request), format!(":{longest}\r\n").into_bytes());
            let stored = bench.run_args(&[b"GET", b"target"]);
            let header = format!("${longest}\r\n").into_bytes();
            if longest > 0 {
                assert_eq!(stored, [&header[..], &expected, b"\r\n"].concat(), "{word}");
            }
        }
    }
}

#[test]
fn bitop_replaces_or_deletes_its_target() {
    let mut bench = Bench::new();
    bench.run("SET k 1");
    bench.run("SET target 5");
    bench.events();
    assert_eq!(bench.run("BITOP NOT target k"), ":1\r\n");
    assert_eq!(bench.run("BITOP NOT target target"), ":1\r\n");
    assert_eq!(bench.run("GET target"), "$1\r\n1\r\n");
    assert_eq!(bench.run("OBJECT ENCODING target"), "$3\r\nraw\r\n");
    assert_eq!(bench.run("BITOP AND target none"), ":0\r\n");
    assert_eq!(bench.run("BITOP AND target none"), ":0\r\n");
    assert_eq!(bench.events(), ["set target", "set target", "del target"]);
    assert_eq!(bench.run("BITOP NOT t k k"), bench.error(&CommandError::BITOP_NOT_SOURCES));
    assert_eq!(bench.run("BITOP diff1 t k"), "-ERR BITOP DIFF1 must be called with at least two source keys.\r\n");
    assert_eq!(bench.run("BITOP NAND t k k"), bench.error(&CommandError::SYNTAX));
    bench.run("LPUSH l a");
    assert_eq!(bench.run("BITOP OR t k l"), bench.error(&CommandError::WRONG_TYPE));
}

#[test]
fn fields_overflow_as_they_are_told() {
    let mut bench = Bench::new();
    for (line, expected) in [
        ("BITFIELD a SET u8 0 255 GET u8 0 GET i8 0", "*3\r\n:0\r\n:255\r\n:-1\r\n"),
        ("BITFIELD a INCRBY u8 0 10", "*1\r\n:9\r\n"),
        ("BITFIELD a OVERFLOW SAT INCRBY u8 0 300 INCRBY u8 0 -300", "*2\r\n:255\r\n:0\r\n"),
        ("BITFIELD a OVERFLOW FAIL INCRBY u8 0 256 OVERFLOW WRAP INCRBY u8 0 -1", "*2\r\n$-1\r\n:255\r\n"),
        ("BITFIELD b SET i8 0 127 INCRBY i8 0 1", "*2\r\n:0\r\n:-128\r\n"),
        ("BITFIELD b OVERFLOW SAT INCRBY i8 0 -1 SET i8 #1 1000 GET i8 8", "*3\r\n:-128\r\n:0\r\n:127\r\n"),
        ("BITFIELD c SET i64 0 9223372036854775807 INCRBY i64 0 1", "*2\r\n:0\r\n:-9223372036854775808\r\n"),
        ("BITFIELD c OVERFLOW SAT INCRBY i64 0 -1", "*1\r\n:-9223372036854775808\r\n"),
        ("BITFIELD d SET u63 1 -1 GET u63 1", "*2\r\n:0\r\n:9223372036854775807\r\n"),
        ("BITFIELD f OVERFLOW SAT SET i16 0 -9223372036854775808 GET i16 0", "*2\r\n:0\r\n:32767\r\n"),
        ("BITFIELD f OVERFLOW SAT SET i16 0 -9223372036854743041 GET i16 0", "*2\r\n:32767\r\n:32767\r\n"),
        ("BITFIELD f OVERFLOW SAT SET i16 0 -9223372036854743040 GET i16 0", "*2\r\n:32767\r\n:-32768\r\n"),
        ("BITFIELD e SET u5 7 23 GET u5 7 GET u2 100", "*3\r\n:0\r\n:23\r\n:0\r\n"),
        ("BITFIELD e", "*0\r\n"),
        ("BITFIELD_RO e GET u16 0 GET u1 9999", "*2\r\n:368\r\n:0\r\n"),
        ("BITFIELD_RO none GET u8 0", "*1\r\n:0\r\n"),
    ] {
        assert_eq!(bench.run(line), expected, "{line}");
    }
}

#[test]
fn a_field_command_is_checked_before_it_runs() {
    let mut bench = Bench::new();
    for (line, error) in [
        ("BITFIELD k SET u8 0 1 SET u64 0 1", CommandError::BITFIELD_TYPE),
        ("BITFIELD k SET u8 0 1 GET i65 0", CommandError::BITFIELD_TYPE),
        ("BITFIELD k SET u8 0 1 GET u0 0", CommandError::BITFIELD_TYPE),
        ("BITFIELD k SET u8 0 1 GET I8 0", CommandError::BITFIELD_TYPE),
        ("BITFIELD k SET u8 0 1 SET u8 0 x", CommandError::NOT_INTEGER),
        ("BITFIELD k SET u8 0 1 SET u8 0", CommandError::SYNTAX),
        ("BITFIELD k SET u8 0 1 OVERFLOW FOO", CommandError::BITFIELD_OVERFLOW),
        ("BITFIELD k SET u8 0 1 OVERFLOW", CommandError::SYNTAX),
        ("BITFIELD_RO k SET u8 0 1", CommandError::BITFIELD_READ_ONLY),
        ("BITFIELD_RO k SET u8 0 x", CommandError::NOT_INTEGER),
    ] {
        assert_eq!(bench.run(line), bench.error(&error), "{line}");
    }
    assert_eq!(bench.run("EXISTS k"), ":0\r\n");
    assert!(bench.events().is_empty());
    // As in Redis, the string grows even if no write fits; nobody is notified, but it is a change.
    assert_eq!(bench.run("BITFIELD k OVERFLOW FAIL SET u8 0 256"), "*1\r\n$-1\r\n");
    assert_eq!(bench.run("STRLEN k"), ":1\r\n");
    assert_eq!(bench.events(), ["unannounced k"]);
    bench.run("BITFIELD k SET u8 0 5 SET u8 8 5 SET u8 8 5");
    assert_eq!(bench.dirty(), 3);
}
