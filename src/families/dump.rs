//! DUMP and RESTORE: values as the bytes of RDB files. The format is in `rdb`; here are options and consequences.

use crate::base::num;
use crate::command::{Bound, CmdResult, CommandError, DataCx, DataHandler, Outcome, data};
use crate::keyspace::{Event, ExpireMode, Expiry, UnixMs};
use crate::rdb::{Payload, PayloadError, dump_payload};

/// The family's commands.
pub const COMMANDS: &[Bound<DataHandler>] =
    &[data("dump", dump), data("restore", restore), data("restore-asking", restore)];

fn dump(cx: &mut DataCx<'_>) -> CmdResult {
    match cx.db.read(cx.args.at(1)) {
        Some(object) => cx.reply.bulk(&dump_payload(object, true)),
        None => cx.reply.null(),
    }
    Ok(Outcome::Done)
}

/// The options behind RESTORE's payload.
#[derive(Default)]
struct Options {
    replace: bool,
    absolute: bool,
    idle_seconds: Option<u64>,
    frequency: Option<u8>,
}

impl Options {
    fn parse(cx: &DataCx<'_>) -> Result<Options, CommandError> {
        let mut options = Options::default();
        let mut at = 4;
        while at < cx.args.len() {
            let has_value = at + 1 < cx.args.len();
            if cx.args.is(at, "replace") {
                options.replace = true;
            } else if cx.args.is(at, "absttl") {
                options.absolute = true;
            } else if cx.args.is(at, "idletime") && has_value && options.frequency.is_none() {
                at += 1;
                let seconds = u64::try_from(cx.integer(at)?).map_err(|_| CommandError::INVALID_IDLETIME)?;
                options.idle_seconds = Some(seconds);
            } else if cx.args.is(at, "freq") && has_value && options.idle_seconds.is_none() {
                at += 1;
                let counter = u8::try_from(cx.integer(at)?).map_err(|_| CommandError::INVALID_FREQ)?;
                options.frequency = Some(counter);
            } else {
                return Err(CommandError::SYNTAX);
            }
            at += 1;
        }
        Ok(options)
    }
}

fn restore(cx: &mut DataCx<'_>) -> CmdResult {
    let options = Options::parse(cx)?;
    let key = cx.args.at(1);
    if !options.replace && cx.db.contains(key) {
        return Err(CommandError::BUSY_KEY);
    }
    let ttl_ms = cx.integer(2)?;
    if ttl_ms < 0 {
        return Err(CommandError::INVALID_TTL);
    }
    let remarks = &mut cx.effects.remarks;
    let mut refused = |error| match error {
        PayloadError::Footer => CommandError::PAYLOAD_FOOTER,
        PayloadError::Value(why) => {
            remarks.extend(why.map(|why| why.to_string()));
            CommandError::PAYLOAD_VALUE
        }
    };
    let mut payload = Payload::open(cx.args.at(3), !cx.limits.skip_payload_checksum).map_err(&mut refused)?;
    let value = payload.value(cx.limits).map_err(&mut refused)?;

    let deadline = match ttl_ms {
        0 => None,
        at if options.absolute => Some(at),
        span => Some(cx.now.0.wrapping_add(span)),
    };
    let existed = options.replace && cx.db.delete(key);
    let is_primary = cx.db.keyspace().expire_mode == ExpireMode::Remove;
    if is_primary && deadline.is_some_and(|at| at <= cx.now.0) {
        if existed {
            cx.effects.propagate_instead(&[b"DEL", key]);
            cx.db.changed(key, Event::DEL);
        }
        cx.reply.ok();
        return Ok(Outcome::Done);
    }
    let expiry = deadline.map_or(Expiry::Clear, |at| Expiry::At(UnixMs(at.max(0))));
    cx.db.put(key, value, expiry);
    set_usage(cx, key, &options);
    if let Some(at) = deadline.filter(|_| !options.absolute) {
        propagate_absolute(cx, at);
    }
    cx.db.changed(key, Event::RESTORE);
    cx.reply.ok();
    Ok(Outcome::Done)
}

/// Records the use that came with the payload, as far as the eviction policy looks at it.
fn set_usage(cx: &mut DataCx<'_>, key: &[u8], options: &Options) {
    let told = cx.db.keyspace().access.as_told(options.idle_seconds, options.frequency);
    let Some(clock) = told else { return };
    if let Some(object) = cx.db.peek(key) {
        object.set_clock(clock);
    }
}

/// A span is repeated elsewhere as the moment it ends.
fn propagate_absolute(cx: &mut DataCx<'_>, deadline: i64) {
    let mut at = Vec::with_capacity(num::I64_MAX_LEN);
    num::write_i64(&mut at, deadline);
    let mut parts: Vec<&[u8]> = cx.args.iter().collect();
    parts[2] = &at;
    parts.push(b"ABSTTL");
    cx.effects.propagate_instead(&parts);
}

#[cfg(test)]
mod tests {
    use crate::families::testing::Bench;

    const WRONG_FOOTER: &[u8] = b"-ERR DUMP payload version or checksum are wrong\r\n";

    fn payload(bench: &mut Bench, key: &[u8]) -> Vec<u8> {
        let reply = bench.run_args(&[b"DUMP", key]);
        let start = reply.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        reply[start..reply.len() - 2].to_vec()
    }

    #[test]
    fn a_dumped_value_is_restored_under_another_key() {
        let mut bench = Bench::new();
        bench.run("SET s hello");
        bench.run("RPUSH l a b 3");
        for (key, read) in [("s", "GET t"), ("l", "LRANGE t 0 -1")] {
            let bytes = payload(&mut bench, key.as_bytes());
            assert_eq!(bench.run_args(&[b"RESTORE", b"t", b"0", &bytes]), b"+OK\r\n");
            assert_eq!(bench.run(read), bench.run(&read.replace(" t", &format!(" {key}"))));
            assert_eq!(
                bench.run_args(&[b"RESTORE", b"t", b"0", &bytes]),
                b"-BUSYKEY Target key name already exists.\r\n"
            );
            bench.run("DEL t");
        }
        assert_eq!(bench.run("DUMP nothing"), "$-1\r\n");
    }

    #[test]
    fn deadlines_are_repeated_as_moments_and_past_ones_delete() {
        let mut bench = Bench::new();
        bench.run("SET s hello");
        let bytes = payload(&mut bench, b"s");
        bench.events();
        assert_eq!(bench.run_args(&[b"RESTORE", b"t", b"1000", &bytes]), b"+OK\r\n");
        let repeated = bench.propagated().pop().unwrap();
        assert!(repeated.starts_with(&format!("RESTORE t {} ", bench.now() + 1000)) && repeated.ends_with(" ABSTTL"));
        assert_eq!((bench.events(), bench.run("PTTL t")), (vec!["restore t".into()], ":1000\r\n".into()));
        assert_eq!(bench.run_args(&[b"RESTORE", b"t", b"1", &bytes, b"REPLACE", b"absttl"]), b"+OK\r\n");
        assert_eq!((bench.propagated(), bench.events()), (vec!["DEL t".into()], vec!["del t".into()]));
        assert_eq!(bench.run_args(&[b"RESTORE", b"t", b"1", &bytes, b"ABSTTL"]), b"+OK\r\n");
        assert_eq!((bench.dirty(), bench.run("EXISTS t")), (0, ":0\r\n".into()));
    }

    #[test]
    fn what_is_wrong_is_refused_before_the_key_is_touched() {
        let mut bench = Bench::new();
        bench.run("SET s hello");
        let good = payload(&mut bench, b"s");
        let mut damaged = good.clone();
        damaged[2] ^= 1;
        let mut empty_list = vec![1, 0, 10, 0];
        empty_list.extend_from_slice(&crate::rdb::crc64(0, &empty_list).to_le_bytes());
        for (ttl, bytes, options, expected) in [
            ("0", &damaged, "", WRONG_FOOTER),
            ("0", &b"short".to_vec(), "", WRONG_FOOTER),
            ("0", &empty_list, "", b"-ERR Bad data format\r\n"),
            ("-1", &good, "", b"-ERR Invalid TTL value, must be >= 0\r\n"),
            ("x", &good, "", b"-ERR value is not an integer or out of range\r\n"),
            ("0", &good, "IDLETIME -1", b"-ERR Invalid IDLETIME value, must be >= 0\r\n"),
            ("0", &good, "FREQ 256", b"-ERR Invalid FREQ value, must be >= 0 and <= 255\r\n"),
            ("0", &good, "FREQ 1 IDLETIME 1", b"-ERR syntax error\r\n"),
            ("0", &good, "IDLETIME", b"-ERR syntax error\r\n"),
        ] {
            let mut parts: Vec<&[u8]> = vec![b"RESTORE", b"s", ttl.as_bytes(), bytes, b"REPLACE"];
            parts.extend(options.split(' ').map(str::as_bytes).filter(|word| !word.is_empty()));
            assert_eq!(bench.run_args(&parts), expected);
            assert_eq!(bench.run("GET s"), "$5\r\nhello\r\n");
        }
        bench.run_args(&[b"RESTORE", b"s", b"0", &good, b"REPLACE", b"IDLETIME", b"1000"]);
        assert_eq!(bench.run("OBJECT IDLETIME s"), ":1000\r\n");
    }
}
