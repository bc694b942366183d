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
