//! maxmemory and its policies.

use crate::support::{Conn, Server, eventually};

/// Fills until a write is refused or `n` keys are in; returns how many writes succeeded.
fn fill(c: &mut Conn, prefix: &str, n: usize, expire: bool) -> usize {
    let value = vec![b'v'; 1000];
    (0..n)
        .filter(|i| {
            let key = format!("{prefix}{i}");
            let mut words: Vec<&[u8]> = vec![b"SET", key.as_bytes(), &value];
            if expire {
                words.extend([b"EX".as_slice(), b"10000"]);
            }
            c.call_bytes(&words).to_string() == "+OK"
        })
        .count()
}

fn used(c: &mut Conn) -> u64 {
    let info = c.call("INFO memory").text();
    let line = info.lines().find_map(|l| l.strip_prefix("used_memory:")).expect("used_memory in INFO");
    line.parse().expect("a number")
}

fn limit(c: &mut Conn, policy: &str, more: u64) {
    let max = used(c) + more;
    c.is(&format!("CONFIG SET maxmemory-policy {policy}"), "+OK");
    c.is(&format!("CONFIG SET maxmemory {max}"), "+OK");
}

fn evicted(c: &mut Conn) -> u64 {
    let info = c.call("INFO stats").text();
    info.lines().find_map(|l| l.strip_prefix("evicted_keys:")).expect("evicted_keys in INFO").parse().expect("a number")
}

#[test]
fn noeviction_refuses_writes_and_allows_reads_and_deletes() {
    let s = Server::start();
    let mut c = s.connect();
    limit(&mut c, "noeviction", 2_000_000);
    let n = fill(&mut c, "k", 5_000, false);
    assert!((500..4_500).contains(&n), "{n} writes fit");
    c.is("CONFIG SET maxmemory 1", "+OK");
    c.is("SET more x", "-OOM command not allowed when used memory > 'maxmemory'.");
    c.is("LPUSH more x", "-OOM command not allowed when used memory > 'maxmemory'.");
    c.is("EXISTS k0", ":1");
    c.is("DEL k0 k1 k2 k3 k4 k5 k6 k7 k8 k9", ":10");
    c.call("CONFIG SET maxmemory 0");
    c.is("SET more x", "+OK");
}

#[test]
fn a_transaction_with_a_refused_write_is_aborted() {
    let s = Server::start();
    let mut c = s.connect();
    c.is("SET k v", "+OK");
    c.is("CONFIG SET maxmemory 1", "+OK");
    c.is("MULTI", "+OK");
    c.fails("SET a b", "OOM command not allowed");
    c.is("EXEC", "-EXECABORT Transaction discarded because of previous errors.");
    c.is("GET k", r#""v""#);
}

#[test]
fn allkeys_policies_make_room_for_every_write() {
    for policy in ["allkeys-lru", "allkeys-lfu", "allkeys-random"] {
        let s = Server::start();
        let mut c = s.connect();
        limit(&mut c, policy, 2_000_000);
        assert_eq!(fill(&mut c, "k", 5_000, false), 5_000, "{policy}");
        // Eviction goes on between commands until the limit is met, so the sum only holds once it rests.
        let mut kept = 0;
        eventually("kept and evicted add up", || {
            kept = c.call("DBSIZE").int();
            kept as u64 + evicted(&mut c) == 5_000
        });
        assert!((500..4_500).contains(&kept), "{policy} keeps {kept}");
    }
}

#[test]
fn allkeys_lfu_keeps_what_is_used() {
    let s = Server::start();
    let mut c = s.connect();
    limit(&mut c, "allkeys-lfu", 2_000_000);
    c.is("CONFIG SET maxmemory-samples 10", "+OK");
    let value = vec![b'v'; 1000];
    c.call_bytes(&[b"SET", b"hot", &value]);
    for i in 0..5_000 {
        c.call_bytes(&[b"SET", format!("k{i}").as_bytes(), &value]);
        c.call("GET hot");
    }
    c.is("EXISTS hot", ":1");
}

#[test]
fn volatile_policies_touch_only_keys_with_a_deadline() {
    for policy in ["volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"] {
        let s = Server::start();
        let mut c = s.connect();
        assert_eq!(fill(&mut c, "stays", 300, false), 300);
        limit(&mut c, policy, 2_000_000);
        assert_eq!(fill(&mut c, "goes", 5_000, true), 5_000, "{policy}");
        assert!(evicted(&mut c) > 0, "{policy}");
        for i in 0..300 {
            c.is(&format!("EXISTS stays{i}"), ":1");
        }
        // Nothing left that may go: writes are refused.
        let n = fill(&mut c, "solid", 5_000, false);
        assert!(n < 5_000, "{policy}");
    }
}

#[test]
fn volatile_ttl_evicts_the_nearest_deadline_first() {
    let s = Server::start();
    let mut c = s.connect();
    c.is("CONFIG SET maxmemory-samples 64", "+OK");
    let value = vec![b'v'; 1000];
    for i in 0..100 {
        c.call_bytes(&[b"SET", format!("far{i}").as_bytes(), &value, b"EX", b"1000000"]);
        c.call_bytes(&[b"SET", format!("near{i}").as_bytes(), &value, b"EX", b"1000"]);
    }
    limit(&mut c, "volatile-ttl", 0);
    fill(&mut c, "new", 40, false);
    let far = (0..100).filter(|i| c.call(&format!("EXISTS far{i}")).int() == 1).count();
    let near = (0..100).filter(|i| c.call(&format!("EXISTS near{i}")).int() == 1).count();
    assert!(near < far && far >= 95, "near {near}, far {far}");
}

#[test]
fn object_freq_answers_only_under_an_lfu_policy() {
    let s = Server::start();
    let mut c = s.connect();
    c.is("SET k v", "+OK");
    c.fails("OBJECT FREQ k", "ERR An LFU maxmemory policy is not selected");
    c.is("OBJECT IDLETIME k", ":0");
    c.is("CONFIG SET maxmemory-policy allkeys-lfu", "+OK");
    c.is("SET k v", "+OK");
    assert!(c.call("OBJECT FREQ k").int() > 0);
    c.fails("OBJECT IDLETIME k", "ERR An LFU maxmemory policy is selected");
}

/// Keys with names of a thousand bytes and values of one, whose eviction tells others much and frees little.
fn long_names(c: &mut Conn, n: usize) -> Vec<String> {
    let names: Vec<String> = (0..n).map(|i| format!("{i}{}", "x".repeat(1000))).collect();
    names.iter().for_each(|name| c.is(&format!("SET {name} v"), "+OK"));
    names
}

#[test]
fn telling_others_of_evicted_keys_evicts_no_further_ones() {
    let s = Server::with(&["--notify-keyspace-events", "KEA"]);
    let mut c = s.connect();
    let mut subscriber = s.connect();
    subscriber.is("PSUBSCRIBE __key*", r#"["psubscribe", "__key*", :1]"#);
    let mut readers: Vec<Conn> = (0..10).map(|_| s.connect3()).collect();
    let names = long_names(&mut c, 300);
    for reader in &mut readers {
        reader.is("CLIENT TRACKING on", "+OK");
        names.iter().for_each(|name| reader.is(&format!("GET {name}"), r#""v""#));
    }
    c.is("CONFIG SET maxmemory-policy allkeys-random", "+OK");
    let limit = used(&mut c) - 40_000;
    c.is(&format!("CONFIG SET maxmemory {limit}"), "+OK");
    let gone = evicted(&mut c);
    assert!((5..=60).contains(&gone), "{gone} of 300 keys went for 40000 bytes");
    let left = c.call("DBSIZE").int() as u64;
    assert!(300 - left >= gone && left > 200, "{left} keys are left");
}

#[test]
fn a_lower_maxmemory_takes_effect_without_a_further_command() {
    let s = Server::with(&["--notify-keyspace-events", "Ee"]);
    let mut c = s.connect();
    let mut subscriber = s.connect();
    subscriber.is("PSUBSCRIBE __keyevent*", r#"["psubscribe", "__keyevent*", :1]"#);
    fill(&mut c, "k", 1000, false);
    c.is("CONFIG SET maxmemory-policy allkeys-lru", "+OK");
    let limit = used(&mut c) - 100_000;
    c.is(&format!("CONFIG SET maxmemory {limit}"), "+OK");
    let told = subscriber.read().to_string();
    assert!(told.contains("__keyevent@0__:evicted"), "{told}");
}

#[test]
fn big_values_on_their_way_out_cost_no_further_keys() {
    let s = Server::start();
    let mut c = s.connect();
    let value = vec![b'v'; 100];
    for list in 0..20 {
        let key = format!("list{list}");
        let mut words: Vec<&[u8]> = vec![b"RPUSH", key.as_bytes()];
        words.extend(std::iter::repeat_n(value.as_slice(), 20_000));
        assert_eq!(c.call_bytes(&words).int(), 20_000);
    }
    c.is("CONFIG SET maxmemory-policy allkeys-random", "+OK");
    let limit = used(&mut c) - 1_000_000;
    c.is(&format!("CONFIG SET maxmemory {limit}"), "+OK");
    for _ in 0..50 {
        c.is("PING", "+PONG");
    }
    assert_eq!(evicted(&mut c), 1, "one list of two megabytes is enough");
}

#[test]
fn clients_go_before_keys_do() {
    let s = Server::with(&["--maxmemory-clients", "3mb", "--maxmemory-policy", "allkeys-lru"]);
    let mut c = s.connect();
    c.is("CLIENT NO-EVICT on", "+OK");
    (0..50).for_each(|key| c.is(&format!("SETRANGE {key} 99999 x"), ":100000"));
    let limit = used(&mut c) + 6_000_000;
    c.is(&format!("CONFIG SET maxmemory {limit}"), "+OK");
    // Halves of requests, as large as they may be all together only without keys.
    let half = [b"*2\r\n$1000000\r\n".as_slice(), &vec![b'x'; 500_000]].concat();
    let mut greedy: Vec<Conn> = (0..20).map(|_| s.connect()).collect();
    for client in &mut greedy {
        // One that was evicted meanwhile takes no more.
        let _ = client.try_raw(&half);
    }
    c.is("DBSIZE", ":50");
    eventually("clients are evicted", || {
        c.call("INFO stats").text().lines().any(|l| l.starts_with("evicted_clients:") && l != "evicted_clients:0")
    });
    assert_eq!(evicted(&mut c), 0);
}

#[test]
fn what_replies_take_beyond_their_size_is_the_clients_too() {
    let s = Server::with(&["--maxmemory-clients", "3mb", "--maxmemory-policy", "allkeys-lru"]);
    let mut c = s.connect();
    c.is("CLIENT NO-EVICT on", "+OK");
    (0..50).for_each(|key| c.is(&format!("SETRANGE {key} 99999 x"), ":100000"));
    // What the clients may hold, and a little for their requests.
    limit(&mut c, "allkeys-lru", 3_600_000);
    let four = b"*2\r\n$4\r\nMGET\r\n$1\r\n1\r\n".repeat(4);
    let mut greedy: Vec<Conn> = (0..20).map(|_| s.connect()).collect();
    eventually("clients are evicted", || {
        for client in &mut greedy {
            // One that was evicted meanwhile takes no more.
            let _ = client.try_raw(&four);
        }
        c.call("INFO stats").text().lines().any(|l| l.starts_with("evicted_clients:") && l != "evicted_clients:0")
    });
    assert_eq!(evicted(&mut c), 0);
    c.is("DBSIZE", ":50");
}

#[test]
fn small_integers_count_as_shared_unless_eviction_looks_at_their_use() {
    let s = Server::start();
    let mut c = s.connect();
    c.is("SET k 1", "+OK");
    c.is("OBJECT REFCOUNT k", ":2147483647");
    c.is("CONFIG SET maxmemory-policy allkeys-lru", "+OK");
    c.is("OBJECT REFCOUNT k", ":2147483647");
    c.is("CONFIG SET maxmemory 1gb", "+OK");
    c.is("OBJECT REFCOUNT k", ":1");
    c.is("CONFIG SET maxmemory-policy allkeys-random", "+OK");
    c.is("OBJECT REFCOUNT k", ":2147483647");
}

/// The first part of a request for one word of `whole` bytes: a query buffer that grows and is not done.
fn unfinished(c: &mut Conn, whole: usize, part: usize) {
    let mut bytes = format!("*2\r\n$4\r\nECHO\r\n${whole}\r\n").into_bytes();
    bytes.resize(bytes.len() + part, b'x');
    // A server that closes in between is what some callers wait for.
    let _ = c.try_raw(&bytes);
}

#[test]
fn an_unfinished_request_holds_no_room_for_what_has_not_come() {
    const WORDS: usize = 249;
    let s = Server::start();
    let (mut admin, mut slow) = (s.connect(), s.connect());
    let before = used(&mut admin);
    slow.raw(format!("*{}\r\n", WORDS + 1).as_bytes());
    for _ in 0..WORDS {
        slow.raw(&[b"$1000\r\n".as_slice(), &[b'x'; 1000], b"\r\n"].concat());
    }
    let bytes = |line: &str| {
        let value = line.split(" tot-mem=").nth(1).and_then(|rest| rest.split(' ').next()).expect("a figure");
        value.parse::<u64>().expect("a number")
    };
    eventually("what is in use beside what the client holds is little", || {
        let counted = admin.call("CLIENT LIST").text().lines().map(bytes).max().expect("two clients");
        counted >= (WORDS * 1000) as u64 && used(&mut admin) - before < counted + 100_000
    });
}

#[test]
fn the_client_that_holds_most_is_evicted_and_no_evict_saves_from_it() {
    let s = Server::start();
    let (mut admin, mut small, mut saved) = (s.connect(), s.connect(), s.connect());
    admin.is("CLIENT NO-EVICT on", "+OK");
    saved.is("CLIENT NO-EVICT on", "+OK");
    saved.is("CLIENT SETNAME saved", "+OK");
    unfinished(&mut saved, 2_000_000, 1_000_000);
    eventually("the server has read it", || {
        let list = admin.call("CLIENT LIST").text();
        let line = list.lines().find(|l| l.contains("name=saved")).expect("it is not evicted");
        assert!(line.contains(" flags=e "), "{line}");
        let held = line.split("qbuf=").nth(1).and_then(|l| l.split(' ').next()).expect("a figure");
        held.parse::<u64>().expect("a number") >= 1_000_000
    });
    admin.is("CONFIG SET maxmemory-clients 6000000", "+OK");
    let mut large = s.connect();
    unfinished(&mut large, 8_000_000, 7_000_000);
    large.closed();
    eventually("it is counted", || admin.call("INFO stats").text().contains("evicted_clients:1\r\n"));
    small.is("PING", "+PONG");
    // What a protected client holds counts all the same: others go for it.
    admin.is("CONFIG SET maxmemory-clients 500000", "+OK");
    small.closed();
    saved.raw(&b"y".repeat(1_000_000));
    saved.raw(b"\r\n");
    assert_eq!(saved.read().text().len(), 2_000_000);
    admin.is("CONFIG SET maxmemory-clients 6000000", "+OK");
    // Without its protection it goes with the next large request.
    saved.is("CLIENT NO-EVICT off", "+OK");
    unfinished(&mut saved, 8_000_000, 7_000_000);
    saved.closed();
    eventually("it is counted too", || admin.call("INFO stats").text().contains("evicted_clients:3\r\n"));
}

#[test]
fn the_allocator_tells_of_itself() {
    let s = Server::start();
    let mut c = s.connect();
    // What it says is its own affair; that it says something is not.
    assert!(!c.call("MEMORY MALLOC-STATS").text().is_empty());
    c.is("MEMORY PURGE", "+OK");
    c.fails("MEMORY NOSUCH", "ERR unknown subcommand 'NOSUCH'. Try MEMORY HELP.");
}

fn resident(c: &mut Conn) -> u64 {
    let info = c.call("INFO memory").text();
    info.lines()
        .find_map(|line| line.strip_prefix("used_memory_rss:"))
        .expect("it is in INFO")
        .parse()
        .expect("a number")
}

#[test]
fn shorter_values_take_no_more_memory_than_those_they_replace() {
    const KEYS: usize = 200_000;
    let s = Server::start();
    let mut c = s.connect();
    c.is(&format!("DEBUG POPULATE {KEYS} key 32"), "+OK");
    let before = resident(&mut c);
    // Every second key, so that no page is left without old values.
    let keys: Vec<usize> = (0..KEYS).step_by(2).collect();
    for keys in keys.chunks(1000) {
        c.raw(keys.iter().map(|key| format!("SET key:{key} x\r\n")).collect::<String>().as_bytes());
        keys.iter().for_each(|_| c.reads("+OK"));
    }
    let after = resident(&mut c);
    assert!(after < before + before / 20, "{before} {after}");
}

#[test]
fn memory_that_is_not_needed_any_more_goes_back_to_the_system() {
    const KEYS: usize = 30_000;
    let s = Server::start();
    let mut c = s.connect();
    let ways: [fn(&mut Conn); 2] = [
        |c| c.is("FLUSHALL", "+OK"),
        |c| {
            for key in 0..KEYS {
                c.is(&format!("DEL key{key}"), ":1");
            }
        },
    ];
    for way in ways {
        let before = resident(&mut c);
        assert_eq!(fill(&mut c, "key", KEYS, false), KEYS);
        let full = resident(&mut c);
        assert!(full > before + 20_000_000, "{before} {full}");
        way(&mut c);
        eventually("memory is given back", || resident(&mut c) < before + (full - before) / 3);
    }
}
