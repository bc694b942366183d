//! What the server tells of itself: INFO, COMMAND, LATENCY, MEMORY, DEBUG, SLOWLOG.

use crate::support::{Conn, Server, eventually};

fn field(c: &mut Conn, section: &str, name: &str) -> String {
    let text = c.call(&format!("INFO {section}")).text();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).to_owned()
}

#[test]
fn info_shows_the_sections_asked_for_and_no_field_twice() {
    let s = Server::start();
    let mut c = s.connect();
    let default = c.call("INFO").text();
    for title in
        ["# Server", "# Clients", "# Memory", "# Persistence", "# Stats", "# Replication", "# CPU", "# Keyspace"]
    {
        assert!(default.contains(title), "{title}");
    }
    assert!(!default.contains("cmdstat_"));
    assert!(c.call("INFO everything").text().contains("cmdstat_info"));
    assert!(c.call("INFO CommandStats").text().starts_with("# Commandstats\r\ncmdstat_"));
    assert_eq!(c.call("INFO nosuch").text(), "");
    let twice = c.call("INFO cpu all CPU default").text();
    let mut names: Vec<&str> = twice.lines().filter_map(|line| line.split(':').next()).collect();
    names.retain(|name| !name.is_empty());
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn info_counts_what_happens() {
    let s = Server::start();
    let mut c = s.connect();
    c.is("SET a 1", "+OK");
    c.is("SET b 1 PX 100000", "+OK");
    c.call("GET a");
    c.call("GET none");
    c.fails("LPUSH a x", "WRONGTYPE");
    c.fails("GET", "ERR wrong number");
    assert_eq!(field(&mut c, "stats", "keyspace_hits"), "1");
    assert_eq!(field(&mut c, "stats", "keyspace_misses"), "1");
    assert_eq!(field(&mut c, "errorstats", "errorstat_WRONGTYPE"), "count=1");
    let get = field(&mut c, "commandstats", "cmdstat_get");
    assert!(get.starts_with("calls=2,usec=") && get.ends_with("rejected_calls=1,failed_calls=0"), "{get}");
    let push = field(&mut c, "commandstats", "cmdstat_lpush");
    assert!(push.starts_with("calls=1,") && push.ends_with("rejected_calls=0,failed_calls=1"), "{push}");
    assert_eq!(field(&mut c, "persistence", "rdb_changes_since_last_save"), "2");
    assert!(field(&mut c, "keyspace", "db0").starts_with("keys=2,expires=1,avg_ttl="));
    assert!(field(&mut c, "latencystats", "latency_percentiles_usec_get").starts_with("p50="));
}

#[test]
fn memory_used_follows_the_data_and_comes_back() {
    let s = Server::start();
    let mut c = s.connect();
    let used = |c: &mut Conn| field(c, "memory", "used_memory").parse::<i64>().expect("a number");
    let before = used(&mut c);
    c.is("DEBUG POPULATE 10000 key 100", "+OK");
    let full = used(&mut c);
    assert!((1_000_000..4_000_000).contains(&(full - before)), "{before} {full}");
    c.is("FLUSHALL", "+OK");
    eventually("memory is free again", || used(&mut c) < before + 500_000);
}

#[test]
fn command_tells_where_the_keys_are() {
    let s = Server::start();
    let mut c = s.connect();
    c.is("COMMAND GETKEYS MSET a 1 b 2", r#"["a", "b"]"#);
    c.is("COMMAND GETKEYS SORT a BY w_* STORE to", r#"["a", "to"]"#);
    c.is("COMMAND GETKEYSANDFLAGS SET a 1 GET", r#"[["a", [+RW, +access, +update]]]"#);
    c.fails("COMMAND GETKEYS PING x", "ERR The command has no key arguments");
    c.fails("COMMAND GETKEYS NOSUCH a", "ERR Invalid command specified");
    c.fails("COMMAND GETKEYS GET a b", "ERR Invalid number of arguments specified for command");
    c.fails("COMMAND GETKEYS ZUNION x a", "ERR Invalid arguments specified for command");
    c.is("COMMAND LIST FILTERBY PATTERN getr*", r#"["getrange"]"#);
    c.is("COMMAND INFO nosuch", "[nil]");
}

#[test]
fn digests_are_those_of_redis() {
    let s = Server::start();
    let mut c = s.connect();
    c.is("DEBUG DIGEST", "+0000000000000000000000000000000000000000");
    c.is("SET k bar", "+OK");
    c.is(
        "DEBUG DIGEST-VALUE k none",
        "[+68467c70ae30376e7ce005bcc8827f5ba7fd67dc, +0000000000000000000000000000000000000000]",
    );
    let string = c.call("DEBUG DIGEST").text();
    c.call("EXPIRE k 100");
    let with_deadline = c.call("DEBUG DIGEST").text();
    assert_ne!(with_deadline, string);
    c.call("PERSIST k");
    c.is("DEBUG DIGEST", &format!("+{string}"));
}

#[test]
fn a_slow_command_is_seen_by_the_slow_log_and_the_latency_monitor() {
    let s = Server::with(&["--slowlog-log-slower-than", "10000", "--latency-monitor-threshold", "10"]);
    let mut c = s.connect();
    c.is("DEBUG SLEEP 0.05", "+OK");
    let slow = c.call("SLOWLOG GET");
    let entry = slow.items().first().expect("an entry").items();
    assert!(entry[2].int() >= 50_000, "{slow}");
    let events = c.call("LATENCY LATEST");
    let event = events.items().first().expect("an event").items();
    assert_eq!(event[0].text(), "command");
    assert!(event[2].int() >= 50, "{events}");
    assert!(c.call("LATENCY GRAPH command").text().starts_with("command - high "));
    assert!(c.call("LATENCY DOCTOR").text().contains("1. command: 1 latency spikes"));
    assert!(c.call("LATENCY HISTOGRAM debug").items()[1].items()[1].int() == 1);
    c.is("LATENCY RESET", ":1");
    c.is("LATENCY LATEST", "[]");
}

#[test]
fn debug_is_refused_unless_it_is_enabled() {
    let s = Server::with(&["--enable-debug-command", "no"]);
    s.connect().fails("DEBUG DIGEST", "ERR DEBUG command not allowed");
}

#[test]
fn hits_and_misses_are_counted_as_the_reference_counts_them() {
    let s = Server::start();
    let mut c = s.connect();
    for request in ["SET s foo", "RPUSH l a b c", "SADD st a b c", "XADD x 1-1 a b", "XGROUP CREATE x grp 0"] {
        c.call(request);
    }
    let figures = |c: &mut Conn| -> (u64, u64) {
        let info = c.call("INFO stats").text();
        let field = |name: &str| {
            info.lines().find_map(|line| line.strip_prefix(name)).expect("the field").parse().expect("a number")
        };
        (field("keyspace_hits:"), field("keyspace_misses:"))
    };
    for (request, hits, misses) in [
        ("GET s", 1, 0),
        ("GET none", 0, 1),
        ("EXISTS s none", 1, 1),
        ("LPOP l 0", 0, 0),
        ("LPOP l", 0, 0),
        ("SPOP st 2", 0, 0),
        ("SPOP none 2", 0, 0),
        ("OBJECT ENCODING s", 1, 0),
        ("OBJECT IDLETIME none", 0, 1),
        ("XACK x grp 9-9", 1, 0),
        ("XACK none grp 9-9", 0, 1),
        ("MEMORY USAGE s", 0, 0),
    ] {
        let before = figures(&mut c);
        c.call(request);
        let after = figures(&mut c);
        assert_eq!((after.0 - before.0, after.1 - before.1), (hits, misses), "{request}");
    }
}
