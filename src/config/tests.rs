//! Tests of the store: what CONFIG GET and SET answer.
//!
//! The expected pairs were read from redis-server 7.0.15 started without a file; `dir` and what depends on a machine
//! are as the table has them.

use super::*;

const CLIENT: SetAt = SetAt::Runtime { local_client: true, loading: false };

fn set(config: &mut Config, pairs: &[(&str, &str)]) -> Result<Vec<Key>, String> {
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    config.set_many(&pairs, CLIENT).map_err(|error| error.to_string())
}

fn get(config: &Config, patterns: &[&str]) -> Vec<(String, String)> {
    let patterns: Vec<_> = patterns.iter().map(|p| p.as_bytes()).collect();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    config.get(&patterns).into_iter().map(|(name, value)| (text(name), text(value))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

#[test]
fn all_names_and_defaults_are_those_of_the_reference() {
    let own = ["snapshot-memory-limit"];
    let mut all = get(&Config::default(), &["*"]);
    all.retain(|(name, _)| !own.contains(&name.as_str()));
    all.sort();
    assert_eq!(all, pairs(DEFAULTS));
}

#[test]
fn every_value_that_is_shown_can_be_set_again() {
    let mut config = Config::default();
    for (name, value) in get(&config, &["*"]) {
        let changed = config.set_many(&[(name.as_bytes(), value.as_bytes())], SetAt::Startup);
        assert_eq!(changed, Ok(vec![]), "{name}");
    }
    assert_eq!(config, Config::default());
}

#[test]
fn patterns_give_no_duplicates_and_names_come_back_as_written() {
    let config = Config::default();
    assert_eq!(get(&config, &["REPLICA-PRIORITY"]), pairs(&[("REPLICA-PRIORITY", "100")]));
    assert_eq!(get(&config, &["REPLICA-PRIO*"]), pairs(&[("replica-priority", "100")]));
    let both = pairs(&[("replica-priority", "100"), ("slave-priority", "100")]);
    assert_eq!(get(&config, &["*-priority", "slave-priority"]), both);
    assert_eq!(get(&config, &["[hp]ort", "PORT", "p?rt"]), pairs(&[("port", "6379")]));
    assert_eq!(get(&config, &["", "nothing"]), pairs(&[]));
}

#[test]
fn hidden_directives_answer_only_to_their_full_name() {
    let config = Config::default();
    assert_eq!(get(&config, &["key-load*"]), pairs(&[]));
    assert_eq!(get(&config, &["KEY-load-delay"]), pairs(&[("KEY-load-delay", "0")]));
}

#[test]
fn several_values_are_set_whole_or_not_at_all() {
    let mut config = Config::default();
    let error = "ERR CONFIG SET failed (possibly related to argument 'timeout') - \
                 argument couldn't be parsed into an integer";
    assert_eq!(set(&mut config, &[("maxmemory", "3"), ("TIMEOUT", "x")]), Err(error.into()));
    assert_eq!(config, Config::default());
    let changed = set(&mut config, &[("timeout", "5"), ("maxmemory", "1mb"), ("hz", "10")]);
    assert_eq!(changed, Ok(vec![Key::Timeout, Key::Maxmemory]));
    assert_eq!(config.integer(Key::Maxmemory), 1 << 20);
}

#[test]
fn the_first_name_that_may_not_be_set_is_to_blame() {
    let mut config = Config::default();
    let failed =
        |name: &str, why: &str| Err(format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {why}"));
    let unknown = Err("ERR Unknown option or number of arguments for CONFIG SET - 'foo'".to_string());
    assert_eq!(set(&mut config, &[("foo", "1"), ("databases", "2")]), unknown);
    let immutable = failed("databases", "can't set immutable config");
    assert_eq!(set(&mut config, &[("databases", "2"), ("foo", "1")]), immutable);
    let twice = failed("PORT", "duplicate parameter");
    assert_eq!(set(&mut config, &[("port", "1"), ("PORT", "x")]), twice);
    assert_eq!(set(&mut config, &[("dir", "/x")]), failed("dir", "can't set protected config"));
    let yes = failed("latency-tracking", "argument must be 'yes' or 'no'");
    assert_eq!(set(&mut config, &[("latency-tracking", "maybe")]), yes);
}

#[test]
fn a_name_and_its_alias_are_two_and_the_later_wins() {
    let mut config = Config::default();
    let changed = set(&mut config, &[("slave-priority", "1"), ("replica-priority", "2")]);
    assert_eq!(changed, Ok(vec![Key::ReplicaPriority]));
    assert_eq!(get(&config, &["slave-priority"]), pairs(&[("slave-priority", "2")]));
    let error = set(&mut config, &[("slave-priority", "x")]).expect_err("not a number");
    assert!(error.contains("argument 'slave-priority'"), "{error}");
}

#[test]
fn protected_directives_open_by_configuration() {
    for (who, local, remote) in [("no", false, false), ("local", true, false), ("yes", true, true)] {
        for (local_client, allowed) in [(true, local), (false, remote)] {
            let mut config = Config::default();
            let startup = config.set_many(&[(b"enable-protected-configs", who.as_bytes())], SetAt::Startup);
            assert!(startup.is_ok());
            let set = config.set_many(&[(b"dbfilename", b"x.rdb")], SetAt::Runtime { local_client, loading: false });
            assert_eq!(set.is_ok(), allowed, "{who} {local_client}");
        }
    }
}

#[test]
fn appendonly_waits_for_the_end_of_loading() {
    let mut config = Config::default();
    let at = SetAt::Runtime { local_client: true, loading: true };
    let error = config.set_many(&[(b"appendonly", b"yes")], at).expect_err("loading");
    assert_eq!(error.to_string(), "LOADING Redis is loading the dataset in memory");
    assert!(config.set_many(&[(b"maxmemory", b"1")], at).is_ok());
}

#[test]
fn a_snapshot_brings_everything_back() {
    let mut config = Config::default();
    let before = config.snapshot();
    assert!(set(&mut config, &[("port", "1"), ("save", ""), ("requirepass", "secret")]).is_ok());
    config.set_users(vec![vec![b"alice".to_vec()]]);
    let error = config.roll_back(before, Key::Port, "Unable to listen on this port. Check server logs.");
    assert_eq!(config, Config::default());
    let text = "ERR CONFIG SET failed (possibly related to argument 'port') - \
                Unable to listen on this port. Check server logs.";
    assert_eq!(error.to_string(), text);
}

#[test]
fn typed_values_are_what_was_set() {
    let mut config = Config::default();
    let limits = "normal 1 2 3";
    let all = [
        ("save", "900 1"),
        ("client-output-buffer-limit", limits),
        ("bind", "127.0.0.1 -::1"),
        ("notify-keyspace-events", "KEA"),
        ("maxmemory-clients", "5%"),
        ("maxmemory-policy", "allkeys-lfu"),
        ("shutdown-on-sigterm", "save now"),
        ("hz", "1000"),
        ("loglevel", "WARNING"),
        ("masteruser", "a b"),
    ];
    assert!(set(&mut config, &all).is_ok());
    assert_eq!(config.save_points(), [SavePoint { seconds: 900, changes: 1 }]);
    let first = BufferLimit { hard_bytes: 1, soft_bytes: 2, soft_seconds: 3 };
    assert_eq!(config.output_buffer_limits()[0], first);
    assert_eq!(config.output_buffer_limits()[1].hard_bytes, 256 << 20);
    assert_eq!(config.bind(), [b"127.0.0.1".to_vec(), b"-::1".to_vec()]);
    assert!(config.notify_events().has(b'K') && config.notify_events().has(b'x'));
    assert!(!config.notify_events().has(b'm') && !config.notify_events().has(b'n'));
    assert_eq!(config.maxmemory_clients(), MemoryLimit::PercentOfMaxmemory(5));
    assert_eq!(config.integer(Key::MaxmemoryClients), -5);
    assert_eq!(config.enum_name(Key::MaxmemoryPolicy), "allkeys-lfu");
    assert_eq!(config.enum_index(Key::Loglevel), 3);
    assert_eq!(config.bits(Key::ShutdownOnSigterm), 5);
    assert_eq!(config.integer(Key::Hz), 500);
    assert_eq!(config.string(Key::Masteruser), b"a b");
    assert_eq!(config.percentiles(), [50.0, 99.0, 99.9]);
    assert_eq!(config.oom_score_adj_values(), [0, 200, 800]);
    assert!(config.boolean(Key::ProtectedMode));
    assert!(config.is_default(Key::Port) && !config.is_default(Key::Save));
    config.set_replicaof(Some((b"::1".to_vec(), 6380)));
    assert_eq!(config.replicaof(), Some((b"::1".as_slice(), 6380)));
    assert_eq!(config.show(Key::Replicaof), b"::1 6380");
}

const DEFAULTS: &[(&str, &str)] = &[
    ("acl-pubsub-default", "resetchannels"),
    ("aclfile", ""),
    ("acllog-max-len", "128"),
    ("active-defrag-cycle-max", "25"),
    ("active-defrag-cycle-min", "1"),
    ("active-defrag-ignore-bytes", "104857600"),
    ("active-defrag-max-scan-fields", "1000"),
    ("active-defrag-threshold-lower", "10"),
    ("active-defrag-threshold-upper", "100"),
    ("active-expire-effort", "1"),
    ("activedefrag", "no"),
    ("activerehashing", "yes"),
    ("always-show-logo", "no"),
    ("aof-disable-auto-gc", "no"),
    ("aof-load-truncated", "yes"),
    ("aof-rewrite-incremental-fsync", "yes"),
    ("aof-timestamp-enabled", "no"),
    ("aof-use-rdb-preamble", "yes"),
    ("aof_rewrite_cpulist", ""),
    ("appenddirname", "appendonlydir"),
    ("appendfilename", "appendonly.aof"),
    ("appendfsync", "everysec"),
    ("appendonly", "no"),
    ("auto-aof-rewrite-min-size", "67108864"),
    ("auto-aof-rewrite-percentage", "100"),
    ("bgsave_cpulist", ""),
    ("bind", "* -::*"),
    ("bind-source-addr", ""),
    ("bio_cpulist", ""),
    ("busy-reply-threshold", "5000"),
    ("client-output-buffer-limit", "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"),
    ("client-query-buffer-limit", "1073741824"),
    ("cluster-allow-pubsubshard-when-down", "yes"),
    ("cluster-allow-reads-when-down", "no"),
    ("cluster-allow-replica-migration", "yes"),
    ("cluster-announce-bus-port", "0"),
    ("cluster-announce-hostname", ""),
    ("cluster-announce-ip", ""),
    ("cluster-announce-port", "0"),
    ("cluster-announce-tls-port", "0"),
    ("cluster-config-file", "nodes.conf"),
    ("cluster-enabled", "no"),
    ("cluster-link-sendbuf-limit", "0"),
    ("cluster-migration-barrier", "1"),
    ("cluster-node-timeout", "15000"),
    ("cluster-port", "0"),
    ("cluster-preferred-endpoint-type", "ip"),
    ("cluster-replica-no-failover", "no"),
    ("cluster-replica-validity-factor", "10"),
    ("cluster-require-full-coverage", "yes"),
    ("cluster-slave-no-failover", "no"),
    ("cluster-slave-validity-factor", "10"),
    ("crash-log-enabled", "yes"),
    ("crash-memcheck-enabled", "yes"),
    ("daemonize", "no"),
    ("databases", "16"),
    ("dbfilename", "dump.rdb"),
    ("dir", "./"),
    ("disable-thp", "yes"),
    ("dynamic-hz", "yes"),
    ("enable-debug-command", "no"),
    ("enable-module-command", "no"),
    ("enable-protected-configs", "no"),
    ("hash-max-listpack-entries", "512"),
    ("hash-max-listpack-value", "64"),
    ("hash-max-ziplist-entries", "512"),
    ("hash-max-ziplist-value", "64"),
    ("hll-sparse-max-bytes", "3000"),
    ("hz", "10"),
    ("ignore-warnings", ""),
    ("io-threads", "1"),
    ("io-threads-do-reads", "no"),
    ("jemalloc-bg-thread", "yes"),
    ("latency-monitor-threshold", "0"),
    ("latency-tracking", "yes"),
    ("latency-tracking-info-percentiles", "50 99 99.9"),
    ("lazyfree-lazy-eviction", "no"),
    ("lazyfree-lazy-expire", "no"),
    ("lazyfree-lazy-server-del", "no"),
    ("lazyfree-lazy-user-del", "no"),
    ("lazyfree-lazy-user-flush", "no"),
    ("lfu-decay-time", "1"),
    ("lfu-log-factor", "10"),
    ("list-compress-depth", "0"),
    ("list-max-listpack-size", "-2"),
    ("list-max-ziplist-size", "-2"),
    ("logfile", ""),
    ("loglevel", "notice"),
    ("lua-time-limit", "5000"),
    ("masterauth", ""),
    ("masteruser", ""),
    ("maxclients", "10000"),
    ("maxmemory", "0"),
    ("maxmemory-clients", "0"),
    ("maxmemory-eviction-tenacity", "10"),
    ("maxmemory-policy", "noeviction"),
    ("maxmemory-samples", "5"),
    ("min-replicas-max-lag", "10"),
    ("min-replicas-to-write", "0"),
    ("min-slaves-max-lag", "10"),
    ("min-slaves-to-write", "0"),
    ("no-appendfsync-on-rewrite", "no"),
    ("notify-keyspace-events", ""),
    ("oom-score-adj", "no"),
    ("oom-score-adj-values", "0 200 800"),
    ("pidfile", ""),
    ("port", "6379"),
    ("proc-title-template", "{title} {listen-addr} {server-mode}"),
    ("propagation-error-behavior", "ignore"),
    ("protected-mode", "yes"),
    ("proto-max-bulk-len", "536870912"),
    ("rdb-del-sync-files", "no"),
    ("rdb-save-incremental-fsync", "yes"),
    ("rdbchecksum", "yes"),
    ("rdbcompression", "yes"),
    ("repl-backlog-size", "1048576"),
    ("repl-backlog-ttl", "3600"),
    ("repl-disable-tcp-nodelay", "no"),
    ("repl-diskless-load", "disabled"),
    ("repl-diskless-sync", "yes"),
    ("repl-diskless-sync-delay", "5"),
    ("repl-diskless-sync-max-replicas", "0"),
    ("repl-ping-replica-period", "10"),
    ("repl-ping-slave-period", "10"),
    ("repl-timeout", "60"),
    ("replica-announce-ip", ""),
    ("replica-announce-port", "0"),
    ("replica-announced", "yes"),
    ("replica-ignore-disk-write-errors", "no"),
    ("replica-ignore-maxmemory", "yes"),
    ("replica-lazy-flush", "no"),
    ("replica-priority", "100"),
    ("replica-read-only", "yes"),
    ("replica-serve-stale-data", "yes"),
    ("replicaof", ""),
    ("requirepass", ""),
    ("sanitize-dump-payload", "no"),
    ("save", "3600 1 300 100 60 10000"),
    ("server_cpulist", ""),
    ("set-max-intset-entries", "512"),
    ("set-proc-title", "yes"),
    ("shutdown-on-sigint", "default"),
    ("shutdown-on-sigterm", "default"),
    ("shutdown-timeout", "10"),
    ("slave-announce-ip", ""),
    ("slave-announce-port", "0"),
    ("slave-ignore-maxmemory", "yes"),
    ("slave-lazy-flush", "no"),
    ("slave-priority", "100"),
    ("slave-read-only", "yes"),
    ("slave-serve-stale-data", "yes"),
    ("slaveof", ""),
    ("slowlog-log-slower-than", "10000"),
    ("slowlog-max-len", "128"),
    ("socket-mark-id", "0"),
    ("stop-writes-on-bgsave-error", "yes"),
    ("stream-node-max-bytes", "4096"),
    ("stream-node-max-entries", "100"),
    ("supervised", "no"),
    ("syslog-enabled", "no"),
    ("syslog-facility", "local0"),
    ("syslog-ident", "redis"),
    ("tcp-backlog", "511"),
    ("tcp-keepalive", "300"),
    ("timeout", "0"),
    ("tls-auth-clients", "yes"),
    ("tls-ca-cert-dir", ""),
    ("tls-ca-cert-file", ""),
    ("tls-cert-file", ""),
    ("tls-ciphers", ""),
    ("tls-ciphersuites", ""),
    ("tls-client-cert-file", ""),
    ("tls-client-key-file", ""),
    ("tls-client-key-file-pass", ""),
    ("tls-cluster", "no"),
    ("tls-dh-params-file", ""),
    ("tls-key-file", ""),
    ("tls-key-file-pass", ""),
    ("tls-port", "0"),
    ("tls-prefer-server-ciphers", "no"),
    ("tls-protocols", ""),
    ("tls-replication", "no"),
    ("tls-session-cache-size", "20480"),
    ("tls-session-cache-timeout", "300"),
    ("tls-session-caching", "yes"),
    ("tracking-table-max-keys", "1000000"),
    ("unixsocket", ""),
    ("unixsocketperm", "0"),
    ("zset-max-listpack-entries", "128"),
    ("zset-max-listpack-value", "64"),
    ("zset-max-ziplist-entries", "128"),
    ("zset-max-ziplist-value", "64"),
];
