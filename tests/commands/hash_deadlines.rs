//! Fields of hashes with deadlines, with a clock that runs: events, what is written to files, figures.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::{Conn, Server, eventually, is_reference};

fn now_ms() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_millis()
}

fn gone(c: &mut Conn, key: &str) {
    eventually("the fields expire", || c.call(&format!("HLEN {key}")).int() == 0);
}

fn figure(c: &mut Conn, name: &str) -> String {
    let info = c.call("INFO everything").text();
    let line = info.lines().find(|line| line.starts_with(&format!("{name}:")));
    line.unwrap_or_else(|| panic!("no {name}")).split_once(':').expect("a colon").1.to_owned()
}

#[test]
fn expired_fields_are_told_and_the_key_goes_with_the_last_one() {
    if is_reference() {
        return;
    }
    let s = Server::with(&["--notify-keyspace-events", "KEA"]);
    let (mut c, mut listener) = (s.connect(), s.connect());
    listener.is("PSUBSCRIBE __keyspace@0__:h", r#"["psubscribe", "__keyspace@0__:h", :1]"#);
    c.is("HSET h a 1 b 2 c 3", ":3");
    c.is("HPEXPIRE h 500 FIELDS 2 a b", "[:1, :1]");
    c.is("HPERSIST h FIELDS 1 b", "[:1]");
    gone_but(&mut c, 2);
    c.is("HDEL h b", ":1");
    c.is("HSETEX h PX 20 FIELDS 1 c 4", ":1");
    gone(&mut c, "h");
    for event in ["hset", "hexpire", "hpersist", "hexpired", "hdel", "hset", "hexpire", "hexpired", "del"] {
        listener.reads(&format!(r#"["pmessage", "__keyspace@0__:h", "__keyspace@0__:h", "{event}"]"#));
    }
    assert_eq!(figure(&mut c, "expired_subkeys"), "2");
}

fn gone_but(c: &mut Conn, left: i64) {
    eventually("one field expires", || c.call("HLEN h").int() == left);
}

#[test]
fn fields_with_deadlines_are_counted() {
    if is_reference() {
        return;
    }
    let s = Server::start();
    let mut c = s.connect();
    c.call("MSET a 1 b 2");
    c.call("HSET h f v");
    c.call("HSET i f v g w");
    assert!(figure(&mut c, "db0").ends_with(",subexpiry=0"));
    c.is("HEXPIRE h 1000 FIELDS 1 f", "[:1]");
    c.is("HEXPIRE i 1000 FIELDS 2 f g", "[:1, :1]");
    assert!(figure(&mut c, "db0").ends_with(",subexpiry=2"));
    let digest = c.call("DEBUG DIGEST").text();
    c.is("HDEL i f", ":1");
    c.is("HSET i g w", ":0");
    assert!(figure(&mut c, "db0").ends_with(",subexpiry=1"));
    c.is("HSET i f v", ":1");
    assert_ne!(c.call("DEBUG DIGEST").text(), digest, "a deadline counts");
    c.is("HEXPIRE i 5000 FIELDS 2 f g", "[:1, :1]");
    assert_eq!(c.call("DEBUG DIGEST").text(), digest, "by its presence");
    let usage = c.call("MEMORY USAGE h").int();
    c.is("HPERSIST h FIELDS 1 f", "[:1]");
    assert!(c.call("MEMORY USAGE h").int() <= usage);
    c.is("FLUSHALL", "+OK");
    assert!(!c.call("INFO keyspace").text().contains("db0"));
}

#[test]
fn deadlines_of_fields_outlive_a_reload_and_a_restart_from_each_kind_of_file() {
    if is_reference() {
        return;
    }
    for (directives, fields) in [
        (&["--appendonly", "no"][..], 3),
        (&["--appendonly", "yes"], 3),
        (&["--appendonly", "yes", "--aof-use-rdb-preamble", "no"], 600),
        (&["--appendonly", "no"], 600),
    ] {
        let s = Server::with(directives);
        let mut c = s.connect();
        let names: Vec<String> = (0..fields).map(|at| format!("f{at}")).collect();
        let pairs: Vec<String> = names.iter().map(|name| format!("{name} v")).collect();
        c.is(&format!("HSET h {}", pairs.join(" ")), &format!(":{fields}"));
        let at = now_ms() + 1_000_000;
        c.is(&format!("HPEXPIREAT h {at} FIELDS 2 f0 f1"), "[:1, :1]");
        c.is(&format!("HGETEX h PXAT {} FIELDS 1 f1", at + 5), r#"["v"]"#);
        let times = format!("[:{at}, :{}, :-1]", at + 5);
        let ask = "HPEXPIRETIME h FIELDS 3 f0 f1 f2";
        let encoding = c.call("OBJECT ENCODING h").text();
        assert_eq!(encoding, if fields > 512 { "hashtable" } else { "listpackex" });
        let digest = c.call("DEBUG DIGEST").text();
        c.is("DEBUG RELOAD", "+OK");
        c.is(ask, &times);
        if directives[1] == "yes" {
            c.is("DEBUG LOADAOF", "+OK");
            c.is(ask, &times);
            c.is("BGREWRITEAOF", "+Background append only file rewriting started");
            eventually("the rewrite ends", || figure(&mut c, "aof_rewrite_in_progress") == "0");
            c.is("DEBUG LOADAOF", "+OK");
            c.is(ask, &times);
        } else {
            c.is("SAVE", "+OK");
            let bytes = fs::read(s.dir().join("dump.rdb")).expect("a snapshot");
            assert_eq!(&bytes[..9], b"REDIS0012");
        }
        let s = s.restart(None, directives);
        let mut c = s.connect();
        c.is(ask, &times);
        assert_eq!(c.call("OBJECT ENCODING h").text(), encoding);
        assert_eq!(c.call("DEBUG DIGEST").text(), digest);
        assert!(figure(&mut c, "db0").ends_with(",subexpiry=1"));
        c.is("HPERSIST h FIELDS 2 f0 f1", "[:1, :1]");
        c.is("SAVE", "+OK");
        let bytes = fs::read(s.dir().join("dump.rdb")).expect("a snapshot");
        assert_eq!(&bytes[..9], b"REDIS0010", "without deadlines the file is one that Redis 7.0 reads");
    }
}

#[test]
fn what_happens_to_fields_is_logged_without_spans() {
    if is_reference() {
        return;
    }
    let s = Server::with(&["--appendonly", "yes", "--aof-use-rdb-preamble", "no", "--appendfsync", "always"]);
    let mut c = s.connect();
    let before = now_ms() + 50_000;
    c.is("HSET h a 1 b 2 c 3 d 4", ":4");
    c.is("HEXPIRE h 50 FIELDS 3 a b x", "[:1, :1, :-2]");
    c.is("HEXPIRE h 0 FIELDS 1 c", "[:2]");
    c.is("HSETEX h EX 50 FIELDS 1 e 5", ":1");
    c.is("HINCRBYFLOAT h e 1.5", "\"6.5\"");
    c.is("HPEXPIRE h 20 FIELDS 1 d", "[:1]");
    gone_but(&mut c, 3);
    c.is("HGETDEL h FIELDS 1 b", "[\"2\"]");
    let log = log_of(&s);
    assert!(!log.iter().any(|request| request.starts_with("HEXPIRE ") || request.contains(" EX ")), "{log:?}");
    let moment = |request: &str, at: usize| request.split(' ').nth(at).and_then(|word| word.parse::<u128>().ok());
    let set = log.iter().find(|request| request.ends_with("FIELDS 2 a b")).expect("HPEXPIREAT of two fields");
    assert!(set.starts_with("HPEXPIREAT h ") && moment(set, 2) >= Some(before), "{set}");
    let with_value = log.iter().find(|request| request.starts_with("HSETEX h PXAT ")).expect("HSETEX with a moment");
    assert!(with_value.ends_with("FIELDS 1 e 5") && moment(with_value, 3) >= Some(before), "{with_value}");
    for request in ["HDEL h c", "HDEL h d", "HDEL h b", "HSETEX h KEEPTTL FIELDS 1 e 6.5"] {
        assert!(log.iter().any(|logged| logged == request), "{request} in {log:?}");
    }
    let digest = c.call("DEBUG DIGEST").text();
    c.is("DEBUG LOADAOF", "+OK");
    assert_eq!(c.call("DEBUG DIGEST").text(), digest);
}

/// All requests in the increments of a log, words joined by spaces.
fn log_of(s: &Server) -> Vec<String> {
    let mut requests = Vec::new();
    let folder = s.dir().join("appendonlydir");
    let mut paths: Vec<_> =
        fs::read_dir(folder).expect("the log's folder").map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.to_string_lossy().ends_with(".incr.aof"));
    paths.sort();
    for path in paths {
        let text = fs::read_to_string(path).expect("an increment");
        let mut lines = text.split("\r\n");
        while let Some(count) = lines.next().and_then(|line| line.strip_prefix('*')?.parse::<usize>().ok()) {
            let words: Vec<&str> = (0..count).filter_map(|_| lines.nth(1)).collect();
            requests.push(words.join(" "));
        }
    }
    requests
}

#[test]
fn an_expired_field_breaks_a_watch_and_invalidates_a_cache() {
    if is_reference() {
        return;
    }
    let s = Server::start();
    let (mut c, mut reader) = (s.connect(), s.connect3());
    c.is("HSET h a 1 b 2", ":2");
    c.is("HPEXPIRE h 500 FIELDS 1 a", "[:1]");
    c.is("WATCH h", "+OK");
    reader.is("CLIENT TRACKING on", "+OK");
    reader.is("HGET h a", "\"1\"");
    reader.reads(">[\"invalidate\", [\"h\"]]");
    c.is("MULTI", "+OK");
    c.is("HLEN h", "+QUEUED");
    c.is("EXEC", "nil*");
    c.is("HGETALL h", "[\"b\", \"2\"]");
}

#[test]
fn many_fields_of_one_second_go_without_holding_anybody_up() {
    if is_reference() {
        return;
    }
    let s = Server::start();
    let mut c = s.connect();
    let mut client = s.connect();
    const HASHES: usize = 200;
    const FIELDS: usize = 250;
    for hash in 0..HASHES {
        let names: Vec<String> = (0..FIELDS).map(|at| format!("f{at}")).collect();
        let pairs: Vec<String> = names.iter().map(|name| format!("{name} v")).collect();
        // One large hash among small ones.
        let key = if hash < 40 { "large".to_owned() } else { format!("h{hash}") };
        let names: Vec<String> = names.iter().map(|name| format!("{name}-{hash}")).collect();
        let pairs: Vec<String> = pairs.iter().map(|pair| pair.replace(' ', &format!("-{hash} "))).collect();
        c.call(&format!("HSET {key} {}", pairs.join(" ")));
        c.call(&format!("HPEXPIRE {key} 700 FIELDS {FIELDS} {}", names.join(" ")));
    }
    let mut longest = std::time::Duration::ZERO;
    eventually("all hashes are gone", || {
        let began = std::time::Instant::now();
        client.is("PING", "+PONG");
        longest = longest.max(began.elapsed());
        c.call("DBSIZE").int() == 0
    });
    assert_eq!(figure(&mut c, "expired_subkeys"), (HASHES * FIELDS).to_string());
    assert!(longest < std::time::Duration::from_secs(1), "{longest:?}");
}
