//! Input of the kinds that brought servers down or made them read what is not theirs: numbers at the ends of their range,
//! strings that claim to be something else, patterns that explode. Each is refused or answered in bounded time, and the
//! server goes on.

use std::time::{Duration, Instant};

use crate::support::{Conn, Reply, Server};

/// Far more than any of this takes, far less than what an explosion would.
const BOUND: Duration = Duration::from_secs(5);

fn all(c: &mut Conn, lines: &[(&str, &str)]) {
    for (line, expected) in lines {
        c.is(line, expected);
    }
    c.is("PING", "+PONG");
}

#[test]
fn bit_offsets_and_widths_out_of_range_are_refused() {
    let s = Server::start();
    const OFFSET: &str = "-ERR bit offset is not an integer or out of range";
    const TYPE: &str =
        "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.";
    all(
        &mut s.connect(),
        &[
            ("SET k v", "+OK"),
            ("BITFIELD k SET u8 9223372036854775807 1", OFFSET),
            ("BITFIELD k SET u8 #9223372036854775807 1", OFFSET),
            ("BITFIELD k GET u8 #1152921504606846976", OFFSET),
            ("BITFIELD k SET u8 -1 1", OFFSET),
            ("BITFIELD k INCRBY u8 4294967296 1", OFFSET),
            ("BITFIELD k GET u8 4294967288", "[:0]"),
            ("BITFIELD k GET u64 0", TYPE),
            ("BITFIELD k GET i65 0", TYPE),
            ("BITFIELD k GET u0 0", TYPE),
            ("BITFIELD_RO k GET u18446744073709551624 0", TYPE),
            ("SETBIT k 4294967296 1", OFFSET),
            ("SETBIT k 18446744073709551616 1", OFFSET),
            ("STRLEN k", ":1"),
        ],
    );
}

#[test]
fn strings_are_not_written_beyond_their_limit() {
    let s = Server::start();
    const TOO_LONG: &str = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)";
    all(
        &mut s.connect(),
        &[
            ("SET k v", "+OK"),
            ("SETRANGE k 9223372036854775807 x", TOO_LONG),
            ("SETRANGE k 536870911 xx", TOO_LONG),
            ("SETRANGE none 536870912 x", TOO_LONG),
            ("SETRANGE k -1 x", "-ERR offset is out of range"),
            ("SETRANGE k 9223372036854775808 x", "-ERR value is not an integer or out of range"),
            ("GETRANGE k -9223372036854775808 9223372036854775807", "\"v\""),
            ("EXISTS none", ":0"),
        ],
    );
}

#[test]
fn a_common_subsequence_of_long_strings_is_refused_before_memory_is_taken() {
    let s = Server::start();
    let mut c = s.connect();
    let long = vec![b'a'; 300_000];
    c.call_bytes(&[b"MSET", b"a", &long, b"b", &long]);
    let began = Instant::now();
    let reply = c.call("LCS a b LEN").to_string();
    assert!(reply.starts_with("-ERR Insufficient memory") || reply == ":300000", "{reply}");
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    all(&mut c, &[("SET x ohmytext", "+OK"), ("SET y mynewtext", "+OK"), ("LCS x y LEN", ":6")]);
}

#[test]
fn counts_of_keys_and_limits_beyond_the_arguments_are_refused() {
    let s = Server::start();
    const TOO_MANY: &str = "-ERR Number of keys can't be greater than number of args";
    all(
        &mut s.connect(),
        &[
            ("SADD s a b c", ":3"),
            ("SINTERCARD 9223372036854775807 s", TOO_MANY),
            ("SINTERCARD 4294967297 s", TOO_MANY),
            ("SINTERCARD -1 s", "-ERR numkeys should be greater than 0"),
            ("SINTERCARD 1 s LIMIT 9223372036854775808", "-ERR LIMIT can't be negative"),
            ("SINTERCARD 1 s LIMIT -1", "-ERR LIMIT can't be negative"),
            ("SINTERCARD 1 s LIMIT 9223372036854775807", ":3"),
            ("ZUNION 4611686018427387905 z", "-ERR syntax error"),
            ("LMPOP 9223372036854775807 l LEFT", "-ERR syntax error"),
        ],
    );
}

#[test]
fn counts_of_claims_are_bounded_before_they_are_multiplied() {
    let s = Server::start();
    all(
        &mut s.connect(),
        &[
            ("XADD st 1-0 f v", "\"1-0\""),
            ("XGROUP CREATE st g 0", "+OK"),
            ("XAUTOCLAIM st g c 0 0 COUNT 9223372036854775807", "-ERR COUNT must be > 0"),
            ("XAUTOCLAIM st g c 0 0 COUNT 1152921504606846976", "-ERR COUNT must be > 0"),
            ("XAUTOCLAIM st g c 0 0 COUNT 0", "-ERR COUNT must be > 0"),
            ("XAUTOCLAIM st g c 0 0 COUNT 576460752303423487", "[\"0-0\", [], []]"),
        ],
    );
}

#[test]
fn counts_of_random_elements_are_bounded() {
    let s = Server::start();
    let mut c = s.connect();
    all(&mut c, &[("SADD s a", ":1"), ("HSET h f v", ":1"), ("ZADD z 1 m", ":1")]);
    for (line, beginning) in [
        ("SRANDMEMBER s -9223372036854775808", "ERR value is out of range"),
        ("HRANDFIELD h -9223372036854775808", "ERR value is out of range"),
        ("HRANDFIELD h 4611686018427387904 WITHVALUES", "ERR value is out of range"),
        ("HRANDFIELD h -4611686018427387904 WITHVALUES", "ERR value is out of range"),
        ("ZRANDMEMBER z -9223372036854775808 WITHSCORES", "ERR value is out of range"),
    ] {
        c.fails(line, beginning);
    }
    all(
        &mut c,
        &[
            ("SRANDMEMBER s 9223372036854775807", "[\"a\"]"),
            ("SPOP s 9223372036854775807", "[\"a\"]"),
            ("LPOP none 9223372036854775807", "nil*"),
            ("HINCRBYFLOAT h g nan", "-ERR value is not a valid float"),
            ("HINCRBYFLOAT h g +inf", "-ERR value is NaN or Infinity"),
            ("HLEN h", ":1"),
            ("MSETNX d 1 d 2", ":1"),
            ("GET d", "\"2\""),
        ],
    );
}

/// A HyperLogLog of an encoding (0 dense, 1 sparse) with these bytes for registers, and no cached count.
fn hll(encoding: u8, registers: &[u8]) -> Vec<u8> {
    [b"HYLL", &[encoding, 0, 0, 0][..], &[0, 0, 0, 0, 0, 0, 0, 0x80], registers].concat()
}

/// A run of registers that are zero.
fn xzero(registers: u16) -> [u8; 2] {
    let less = registers - 1;
    [0x40 | (less >> 8) as u8, less as u8]
}

#[test]
fn strings_that_claim_to_be_hyperloglogs_are_refused() {
    const CORRUPT: &str = "INVALIDOBJ Corrupted HLL object detected";
    const NONE: &str = "WRONGTYPE Key is not a valid HyperLogLog string value.";
    let s = Server::with(&["--enable-debug-command", "yes"]);
    let mut c = s.connect();
    let four_of_32 = 0x80 | (31 << 2) | 3;
    let beyond = [&xzero(16384)[..], &[four_of_32; 4]].concat();
    let past_the_sign = [xzero(16384).repeat(131_072), vec![0x80]].concat();
    for (name, string, expected) in [
        ("registers beyond the last", hll(1, &beyond), CORRUPT),
        ("runs that add up past 31 bits", hll(1, &past_the_sign), CORRUPT),
        ("many runs", hll(1, &xzero(16384).repeat(300_000)), CORRUPT),
        ("too few registers", hll(1, &xzero(100)), CORRUPT),
        ("no registers", hll(1, b""), CORRUPT),
        ("dense, too short", hll(0, &[0; 100]), NONE),
        ("dense, too long", hll(0, &[0; 12_289]), NONE),
        ("another encoding", hll(2, &[0; 12_288]), NONE),
        ("another beginning", [b"HYLX", &[0; 12_300][..]].concat(), NONE),
        ("a beginning alone", b"HYLL".to_vec(), NONE),
    ] {
        c.call("DEL h d good");
        c.is("PFADD good x", ":1");
        for words in [
            &[&b"PFCOUNT"[..], b"h"][..],
            &[b"PFCOUNT", b"good", b"h"],
            &[b"PFMERGE", b"d", b"good", b"h"],
            &[b"PFMERGE", b"h", b"good"],
            &[b"PFDEBUG", b"GETREG", b"h"],
            &[b"PFDEBUG", b"TODENSE", b"h"],
        ] {
            c.call_bytes(&[b"SET", b"h", &string]);
            let reply = c.call_bytes(words);
            assert_eq!(reply, Reply::Error(expected.to_owned()), "{name}: {}", words[0].escape_ascii());
        }
        c.call_bytes(&[b"SET", b"h", &string]);
        for line in ["PFADD h y", "PFDEBUG DECODE h", "PFDEBUG ENCODING h", "PFCOUNT good"] {
            c.call(line);
        }
        c.is("EXISTS d", ":0");
        c.is("PFCOUNT good", ":1");
    }
    c.call_bytes(&[b"SET", b"h", &hll(0, &[0xff; 12_288])]);
    for line in ["PFCOUNT h", "PFADD h a b c", "PFMERGE d h good", "PFDEBUG GETREG h"] {
        c.call(line);
    }
    c.is("PING", "+PONG");
}

#[test]
fn patterns_with_many_stars_take_bounded_time() {
    let s = Server::start();
    let mut c = s.connect();
    let key = "a".repeat(20_000);
    c.call_bytes(&[b"SET", key.as_bytes(), b"v"]);
    let pattern = format!("{}b", "a*".repeat(30));
    let stars = format!("{}b", "*a".repeat(2000));
    let began = Instant::now();
    for pattern in [&pattern, &stars] {
        c.is(&format!("KEYS {pattern}"), "[]");
        c.is(&format!("SCAN 0 MATCH {pattern} COUNT 1000"), "[\"0\", []]");
        c.call(&format!("CONFIG GET {pattern}"));
        c.call_bytes(&[b"HSET", b"h", key.as_bytes(), b"v"]);
        c.is(&format!("HSCAN h 0 MATCH {pattern}"), "[\"0\", []]");
    }
    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
    let mut subscriber = s.connect();
    subscriber.call(&format!("PSUBSCRIBE {pattern}"));
    let began = Instant::now();
    c.is(&format!("PUBLISH {key} message"), ":0");
    c.is(&format!("PUBLISH {key}b message"), ":1");
    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
    let classes = format!("{}{}", "[a-".repeat(3000), "\\".repeat(3001));
    c.is(&format!("KEYS {classes}"), "[]");
}

#[test]
fn sort_reads_what_its_patterns_name_and_nothing_else() {
    let s = Server::start();
    all(
        &mut s.connect(),
        &[
            ("RPUSH l 1 2", ":2"),
            ("SET w1 b", "+OK"),
            ("SET w2 a", "+OK"),
            ("HSET h1 f 2", ":1"),
            ("SORT l BY w* ALPHA", "[\"2\", \"1\"]"),
            ("SORT l BY h*->f", "[\"2\", \"1\"]"),
            ("SORT l BY l*", "[\"1\", \"2\"]"),
            ("SORT l GET h*->f GET h*-> GET none GET w*", "[\"2\", nil, nil, \"b\", nil, nil, nil, \"a\"]"),
            ("SORT l LIMIT 9223372036854775807 9223372036854775807", "[]"),
            ("SORT l LIMIT -9223372036854775808 -1", "[\"1\", \"2\"]"),
            ("SORT l BY w*", "-ERR One or more scores can't be converted into double"),
        ],
    );
}

#[test]
fn long_numbers_are_read_to_their_end_and_refused() {
    let s = Server::start();
    let mut c = s.connect();
    let digits = "9".repeat(5000);
    let zeros = "0".repeat(5000);
    const INTEGER: &str = "-ERR value is not an integer or out of range";
    for number in [&*digits, &zeros, "9223372036854775808", "-9223372036854775809", "+1", "0x10", "1 ", " 1", "01"] {
        c.call("SET n 1");
        assert_eq!(c.call_bytes(&[b"INCRBY", b"n", number.as_bytes()]).to_string(), INTEGER, "{number:?}");
        assert_eq!(c.call_bytes(&[b"EXPIRE", b"n", number.as_bytes()]).to_string(), INTEGER, "{number:?}");
        assert_eq!(c.call_bytes(&[b"LRANGE", b"l", number.as_bytes(), b"1"]).to_string(), INTEGER, "{number:?}");
    }
    let float = format!("1{}", "0".repeat(4999));
    for line in [format!("INCRBYFLOAT f {float}"), format!("ZADD z {digits} m"), format!("ZADD z 1e{digits} m")] {
        let reply = c.call(&line).to_string();
        assert!(reply.starts_with("-ERR ") || reply == ":1" || reply == ":0", "{}", &reply[..reply.len().min(200)]);
    }
    c.is(&format!("GEOADD g {digits} 1 m"), "-ERR value is not a valid float");
    c.is("PING", "+PONG");
    // The lengths of the protocol itself.
    for raw in ["*99999999999999999999\r\n", "*1\r\n$99999999999999999999\r\n", "*2147483648\r\n", "*1\r\n$-2\r\n"] {
        let mut c = s.connect();
        c.raw(raw.as_bytes());
        assert!(c.read().to_string().starts_with("-ERR Protocol error"), "{raw:?}");
        c.closed();
    }
}

#[test]
fn counts_of_fields_with_deadlines_are_bounded_by_the_arguments() {
    let s = Server::start();
    let mut c = s.connect();
    c.is("HSET h f v", ":1");
    for line in [
        "HEXPIRE h 10 FIELDS 9223372036854775807 f",
        "HEXPIRE h 10 FIELDS 2147483647 f",
        "HTTL h FIELDS 9223372036854775807 f",
        "HPERSIST h FIELDS 4294967297 f",
        "HGETEX h FIELDS 2147483647 f",
        "HSETEX h FIELDS 2147483647 f v",
        "HSETEX h FIELDS 1073741825 f v",
        "HGETDEL h FIELDS 9223372036854775807 f",
        "XDELEX s IDS 2147483647 1-0",
        "XACKDEL s g IDS 4294967297 1-0",
        "XNACK s g FAIL IDS 2147483647 1-0",
    ] {
        c.fails(line, "ERR ");
    }
    c.is("HGETALL h", "[\"f\", \"v\"]");
}
