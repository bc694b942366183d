//! The server's own life: SHUTDOWN and signals, CONFIG SET and REWRITE, INFO, DEBUG, SLOWLOG, the command table.

use crate::support::{Conn, Server, eventually, is_reference, run_to_end};

#[test]
fn shutdown_nosave_ends_with_status_zero() {
    let mut s = Server::start();
    let mut c = s.connect();
    c.send("SHUTDOWN NOSAVE");
    c.closed();
    assert!(s.ends().success());
}

#[test]
fn sigterm_and_sigint_end_with_status_zero() {
    for signal in ["TERM", "INT"] {
        let mut s = Server::start();
        s.connect().is("SET k v", "+OK");
        s.signal(signal);
        assert!(s.ends().success(), "SIG{signal}: {}", s.log());
    }
}

#[test]
fn shutdown_checks_its_words() {
    let s = Server::start();
    let mut c = s.connect();
    c.is("SHUTDOWN NOPE", "-ERR syntax error");
    c.is("SHUTDOWN ABORT", "-ERR No shutdown in progress.");
    c.is("SHUTDOWN SAVE NOSAVE", "-ERR syntax error");
}

#[test]
fn shutdown_save_writes_what_the_next_start_reads() {
    let mut s = Server::start();
    let mut c = s.connect();
    c.is("SET k v", "+OK");
    c.is("RPUSH l a b c", ":3");
    c.send("SHUTDOWN SAVE");
    c.closed();
    assert!(s.ends().success());
    let s = s.restart(None, &[]);
    let mut c = s.connect();
    c.is("GET k", r#""v""#);
    c.is("LRANGE l 0 -1", r#"["a", "b", "c"]"#);
}

#[test]
fn debug_writes_every_directive_to_the_file_and_the_next_start_reads_the_same() {
    let s = Server::with_file("# ours\nmaxmemory 100mb\nsave 10 1\n");
    let mut c = s.connect();
    c.is("CONFIG SET list-compress-depth 3", "+OK");
    c.is("DEBUG CONFIG-REWRITE-FORCE-ALL", "+OK");
    let text = std::fs::read_to_string(s.dir().join("larder.conf")).unwrap();
    assert!(text.starts_with("# ours\nmaxmemory 100mb\n"), "{text}");
    for line in ["hz 10", "list-compress-depth 3", "appendonly no", "proto-max-bulk-len 512mb"] {
        assert!(text.lines().any(|l| l == line), "{line} is not in {text}");
    }
    // The port is another one after the restart.
    let directives = |s: &Server| {
        s.connect().call("CONFIG GET *").to_string().replace(&format!(r#""port", "{}""#, s.port()), "the port")
    };
    let before = directives(&s);
    let s = s.restart(Some("larder.conf"), &[]);
    assert_eq!(directives(&s), before);
    Server::start()
        .connect()
        .is("DEBUG CONFIG-REWRITE-FORCE-ALL", "-ERR CONFIG-REWRITE-FORCE-ALL failed: No such file or directory");
}

#[test]
fn flushall_leaves_no_snapshot_of_what_it_removed() {
    let s = Server::with(&["--save", "3600", "1"]);
    let mut c = s.connect();
    c.is("SET k v", "+OK");
    c.is("SAVE", "+OK");
    c.is("SET k w", "+OK");
    c.is("FLUSHALL", "+OK");
    assert!(c.call("INFO persistence").text().contains("\r\nrdb_changes_since_last_save:0\r\n"));
    c.is("SET other v", "+OK");
    c.is("MULTI", "+OK");
    c.is("FLUSHALL", "+QUEUED");
    c.is("DBSIZE", "+QUEUED");
    c.is("EXEC", "[+OK, :0]");
    let s = s.restart(None, &["--save", "3600", "1"]);
    s.connect().is("DBSIZE", ":0");
}

#[test]
fn a_second_sigint_does_not_wait_for_the_last_snapshot() {
    let mut s = Server::with(&["--save", "3600", "1"]);
    let mut c = s.connect();
    c.is("DEBUG POPULATE 1000", "+OK");
    c.is("CONFIG SET rdb-key-save-delay 100000", "+OK");
    s.signal("INT");
    let half_written = || {
        std::fs::read_dir(s.dir())
            .is_ok_and(|files| files.flatten().any(|file| file.file_name().to_string_lossy().starts_with("temp-")))
    };
    eventually("the last snapshot is being written", half_written);
    s.signal("INT");
    assert_eq!(s.ends().code(), Some(1), "{}", s.log());
    eventually("the log tells", || s.log().contains("You insist... exiting now."));
    let left: Vec<_> = std::fs::read_dir(s.dir()).unwrap().flatten().map(|file| file.file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("temp-")), "{left:?}");
}

#[test]
fn a_shutdown_that_is_held_can_be_aborted() {
    let mut s = Server::start();
    let mut c = s.connect();
    c.is("DEBUG PAUSE-CRON 1", "+OK");
    s.signal("TERM");
    eventually("the signal arrives", || s.log().contains("Received SIGTERM"));
    c.is("SHUTDOWN ABORT", "+OK");
    eventually("the log tells", || s.log().contains("Shutdown manually aborted."));
    c.is("SHUTDOWN ABORT", "-ERR No shutdown in progress.");
    c.is("DEBUG PAUSE-CRON 0", "+OK");
    c.is("PING", "+PONG");
    c.is("DEBUG PAUSE-CRON 1", "+OK");
    s.signal("INT");
    eventually("the signal arrives", || s.log().contains("Received SIGINT"));
    c.send("DEBUG PAUSE-CRON 0");
    assert!(s.ends().success());
}

#[test]
fn two_servers_may_share_a_folder_but_not_a_log() {
    if is_reference() {
        println!("the reference lets them spoil it");
        return;
    }
    let s = Server::start();
    let dir = s.dir().to_string_lossy().into_owned();
    let other = Server::with(&["--dir", &dir, "--save", "3600", "1"]);
    other.connect().is("PING", "+PONG");
    eventually("the log tells", || other.log().contains("another server is using the folder"));
    let (status, out) =
        run_to_end(&["--port", "0", "--unixsocket", &format!("{dir}/s"), "--dir", &dir, "--appendonly", "yes"]);
    assert!(!status.success() && out.contains("another server is using the folder"), "{out}");
}

#[test]
fn a_crash_is_reported_with_its_stack() {
    for by_command in [true, false] {
        let mut s = Server::start();
        if by_command {
            s.connect().send("DEBUG SEGFAULT");
        } else {
            s.signal("ABRT");
        }
        let status = s.ends();
        assert!(std::os::unix::process::ExitStatusExt::signal(&status).is_some(), "{status}");
        eventually("the report is whole", || s.log().contains("=== REDIS BUG REPORT END."));
        let log = s.log();
        for line in ["=== REDIS BUG REPORT START", "crashed by signal: ", "------ STACK TRACE ------"] {
            assert!(log.contains(line), "{line}: {log}");
        }
    }
    let mut s = Server::with(&["--crash-log-enabled", "no"]);
    s.signal("ABRT");
    s.ends();
    assert!(!s.log().contains("BUG REPORT"), "{}", s.log());
}

/// What a file of the process in `/proc` holds.
fn of_process(c: &mut Conn, file: &str) -> String {
    let info = c.call("INFO server").text();
    let id = info.lines().find_map(|line| line.strip_prefix("process_id:")).expect("process_id in INFO");
    std::fs::read_to_string(format!("/proc/{id}/{file}")).expect("a file of our own child")
}

#[test]
fn the_process_title_follows_the_template() {
    let s = Server::with_file("hz 10\n");
    let mut c = s.connect();
    let title = of_process(&mut c, "cmdline");
    assert!(title.contains(&format!(" 127.0.0.1:{}", s.port())), "{title:?}");
    c.call_bytes(&[b"CONFIG", b"SET", b"proc-title-template", b"TEST {server-mode} {port} {tls-port} {config-file}"]);
    let title = of_process(&mut c, "cmdline");
    let file = s.dir().join("larder.conf");
    assert_eq!(title, format!("TEST  {} 0 {}\0", s.port(), file.display()));
    let s = Server::with(&["--set-proc-title", "no"]);
    assert!(of_process(&mut s.connect(), "cmdline").contains("--set-proc-title\0no"));
}

#[test]
fn the_out_of_memory_score_follows_the_directives() {
    let s = Server::start();
    let mut c = s.connect();
    let score = |c: &mut Conn| of_process(c, "oom_score_adj").trim().parse::<i32>().expect("a number");
    let found = score(&mut c);
    c.call_bytes(&[b"CONFIG", b"SET", b"oom-score-adj-values", b"10 20 30"]);
    assert_eq!(score(&mut c), found);
    c.is("CONFIG SET oom-score-adj yes", "+OK");
    assert_eq!(score(&mut c), found + 10);
    c.call_bytes(&[b"CONFIG", b"SET", b"oom-score-adj-values", b"15 20 30"]);
    assert_eq!(score(&mut c), found + 15);
    c.is("CONFIG SET oom-score-adj no", "+OK");
    assert_eq!(score(&mut c), found);
    let high = (found + 7).min(1000);
    c.call_bytes(&[
        b"CONFIG",
        b"SET",
        b"oom-score-adj-values",
        format!("{high} 999 999").as_bytes(),
        b"oom-score-adj",
        b"absolute",
    ]);
    assert_eq!(score(&mut c), high);
}

#[test]
fn in_the_background_the_caller_is_let_go_and_the_process_id_is_written() {
    let dir = std::env::temp_dir().join(format!("larder-background-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let path = |name: &str| dir.join(name).to_string_lossy().into_owned();
    let (socket, pidfile, logfile) = (path("socket"), path("pid"), path("log"));
    let directives =
        ["--port", "0", "--daemonize", "yes", "--save", "", "--unixsocket", &socket, "--pidfile", &pidfile];
    let further = ["--logfile", &logfile, "--dir", &dir.to_string_lossy()];
    let (status, out) = run_to_end(&[&directives[..], &further].concat());
    assert!(status.success() && out.is_empty(), "{out}");
    let mut connected = None;
    eventually("it listens", || {
        connected = Conn::unix(std::path::Path::new(&socket)).ok();
        connected.is_some()
    });
    let mut c = connected.expect("set above");
    c.is("PING", "+PONG");
    let id = std::fs::read_to_string(&pidfile).unwrap();
    assert!(c.call("INFO server").text().contains(&format!("\r\nprocess_id:{}\r\n", id.trim())), "{id}");
    c.send("SHUTDOWN NOSAVE");
    c.closed();
    eventually("its file is gone", || !std::path::Path::new(&pidfile).exists());
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn version_and_help_end_at_once() {
    let (status, out) = run_to_end(&["--version"]);
    assert!(status.success() && out.contains("v="), "{out}");
    let (_, out) = run_to_end(&["--help"]);
    assert!(out.contains("Usage:"), "{out}");
}

#[test]
fn config_get_takes_patterns_and_several_names() {
    let s = Server::start();
    let mut c = s.connect();
    c.is("CONFIG SET maxmemory 100mb maxmemory-policy allkeys-lru", "+OK");
    c.is("CONFIG GET maxmemory", r#"["maxmemory", "104857600"]"#);
    let both = c.call("CONFIG GET maxmemory-p* hz").to_string();
    assert!(both.contains(r#""maxmemory-policy", "allkeys-lru""#) && both.contains(r#""hz", "10""#), "{both}");
    c.is("CONFIG GET nosuch", "[]");
    let mut c = s.connect3();
    c.is("CONFIG GET maxmemory", r#"{"maxmemory": "104857600"}"#);
}

#[test]
fn a_refused_config_set_changes_nothing() {
    let s = Server::start();
    let mut c = s.connect();
    c.fails("CONFIG SET hz 50 maxmemory-policy sometimes", "ERR CONFIG SET failed (possibly related to argument 'maxmemory-policy') - argument(s) must be one of the following: volatile-lru,");
    c.is("CONFIG GET hz", r#"["hz", "10"]"#);
    c.is("CONFIG SET nosuch 1", "-ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'");
    c.fails("CONFIG SET hz", "ERR wrong number of arguments for 'config|set' command");
    c.fails(
        "CONFIG SET port abc",
        "ERR CONFIG SET failed (possibly related to argument 'port') - argument couldn't be parsed into an integer",
    );
    c.fails("CONFIG SET hz 1 hz 2", "ERR CONFIG SET failed (possibly related to argument 'hz') - duplicate parameter");
}

#[test]
fn config_rewrite_keeps_comments_and_survives_a_restart() {
    let s = Server::with_file("# a comment that stays\nmaxmemory-samples 7\nhash-max-listpack-entries 33\n");
    let mut c = s.connect();
    c.is("CONFIG GET maxmemory-samples", r#"["maxmemory-samples", "7"]"#);
    c.is("CONFIG SET maxmemory-samples 9", "+OK");
    c.is("CONFIG SET maxmemory 123mb", "+OK");
    c.call_bytes(&[b"CONFIG", b"SET", b"client-output-buffer-limit", b"pubsub 16mb 4mb 30"]);
    c.is("CONFIG REWRITE", "+OK");
    let text = std::fs::read_to_string(s.dir().join("larder.conf")).expect("the file");
    assert!(text.starts_with("# a comment that stays\nmaxmemory-samples 9\n"), "{text}");
    assert!(text.contains("\nmaxmemory 123mb\n"), "{text}");
    assert!(text.contains("client-output-buffer-limit pubsub 16mb 4mb 30\n"), "{text}");
    let s = s.restart(Some("larder.conf"), &[]);
    let mut c = s.connect();
    c.is("CONFIG GET maxmemory", r#"["maxmemory", "128974848"]"#);
    c.is("CONFIG GET hash-max-listpack-entries", r#"["hash-max-listpack-entries", "33"]"#);
    c.is("CONFIG GET maxmemory-samples", r#"["maxmemory-samples", "9"]"#);
}

#[test]
fn config_rewrite_without_a_file_is_an_error() {
    let s = Server::start();
    s.connect().is("CONFIG REWRITE", "-ERR The server is running without a config file");
}

#[test]
fn config_resetstat_zeroes_the_counters() {
    let s = Server::start();
    let mut c = s.connect();
    for _ in 0..5 {
        c.is("GET none", "nil");
    }
    assert!(c.call("INFO stats").text().contains("keyspace_misses:5\r\n"));
    assert!(c.call("INFO commandstats").text().contains("cmdstat_get:calls=5,"));
    c.is("CONFIG RESETSTAT", "+OK");
    assert!(c.call("INFO stats").text().contains("keyspace_misses:0\r\n"));
    assert!(!c.call("INFO commandstats").text().contains("cmdstat_get:"));
}

#[test]
fn info_counts_errors_and_keys() {
    let s = Server::start();
    let mut c = s.connect();
    c.is("SET a 1 EX 1000", "+OK");
    c.is("SET b 1", "+OK");
    c.fails("LPUSH a x", "WRONGTYPE");
    c.fails("NOSUCH", "ERR");
    assert!(c.call("INFO keyspace").text().contains("db0:keys=2,expires=1,avg_ttl="));
    let errors = c.call("INFO errorstats").text();
    assert!(
        errors.contains("errorstat_WRONGTYPE:count=1\r\n") && errors.contains("errorstat_ERR:count=1\r\n"),
        "{errors}"
    );
    let stats = c.call("INFO commandstats").text();
    assert!(stats.contains("cmdstat_lpush:calls=1,") && stats.contains("rejected_calls=0,failed_calls=1"), "{stats}");
    for section in [
        "Server",
        "Clients",
        "Memory",
        "Persistence",
        "Stats",
        "Replication",
        "CPU",
        "Errorstats",
        "Cluster",
        "Keyspace",
    ] {
        assert!(c.call("INFO").text().contains(&format!("# {section}\r\n")), "{section}");
    }
}

#[test]
fn slowlog_keeps_the_newest_with_shortened_arguments() {
    let s = Server::with(&["--slowlog-log-slower-than", "0", "--slowlog-max-len", "4"]);
    let mut c = s.connect();
    c.is("SLOWLOG RESET", "+OK");
    let many: Vec<String> = (0..40).map(|i| format!("x{i}")).collect();
    c.call(&format!("DEL {}", many.join(" ")));
    c.call_bytes(&[b"SET", b"k", &[b'v'; 200]]);
    // The command that asks is itself not there yet.
    c.is("SLOWLOG LEN", ":3");
    let log = c.call("SLOWLOG GET -1").to_string();
    assert!(log.contains(&format!("\"{}... (72 more bytes)\"", "v".repeat(128))), "{log}");
    assert!(log.contains(r#""x29", "... (10 more arguments)"]"#), "{log}");
    for _ in 0..6 {
        c.is("PING", "+PONG");
    }
    c.is("SLOWLOG LEN", ":4");
    let newest = c.call("SLOWLOG GET 2");
    assert_eq!(newest.items().len(), 2);
    assert!(newest.items()[0].items()[0].int() > newest.items()[1].items()[0].int());
}

#[test]
fn unknown_subcommands_point_to_help() {
    let s = Server::start();
    let mut c = s.connect();
    for container in ["CONFIG", "CLIENT", "OBJECT", "SLOWLOG", "PUBSUB", "COMMAND", "MEMORY"] {
        c.is(&format!("{container} NOSUCH"), &format!("-ERR unknown subcommand 'NOSUCH'. Try {container} HELP."));
        let help = c.call(&format!("{container} HELP"));
        assert!(help.items()[0].text().starts_with(&format!("{container} <subcommand>")), "{help}");
    }
}

#[test]
fn command_getkeys_finds_the_keys() {
    let s = Server::start();
    let mut c = s.connect();
    c.is("COMMAND GETKEYS MSET a 1 b 2", r#"["a", "b"]"#);
    c.is("COMMAND GETKEYS ZUNIONSTORE d 2 x y WEIGHTS 1 2", r#"["d", "x", "y"]"#);
    c.is("COMMAND GETKEYS XREAD COUNT 1 STREAMS s t 0 0", r#"["s", "t"]"#);
    c.is("COMMAND GETKEYS SORT l BY nosort STORE d", r#"["l", "d"]"#);
    c.is("COMMAND GETKEYSANDFLAGS LMOVE a b LEFT RIGHT", r#"[["a", [+RW, +access, +delete]], ["b", [+RW, +insert]]]"#);
    c.is("COMMAND GETKEYS ECHO x", "-ERR The command has no key arguments");
    c.is("COMMAND GETKEYS NOSUCH a", "-ERR Invalid command specified");
}

#[test]
fn a_key_with_a_deadline_is_gone_when_it_has_passed() {
    let s = Server::start();
    let mut c = s.connect();
    c.is("SET k v PX 20", "+OK");
    c.is("RPUSH l a", ":1");
    c.is("PEXPIRE l 20", ":1");
    crate::support::eventually("both keys expire", || c.call("EXISTS k l").int() == 0);
    c.is("TTL k", ":-2");
    crate::support::eventually("the sweep takes them", || c.call("DBSIZE").int() == 0);
    assert!(c.call("INFO stats").text().contains("expired_keys:2\r\n"));
}

#[test]
fn the_history_of_the_log_is_gone_when_config_set_answers() {
    let s = Server::with(&["--appendonly", "yes"]);
    let mut c = s.connect();
    let folder = s.dir().join("appendonlydir");
    let manifest = || std::fs::read_to_string(folder.join("appendonly.aof.manifest")).expect("a manifest");
    for in_multi in [false, true] {
        c.is("CONFIG SET aof-disable-auto-gc yes", "+OK");
        for _ in 0..2 {
            c.call("BGREWRITEAOF");
            eventually("the log is rewritten", || {
                c.call("INFO persistence").text().contains("aof_rewrite_in_progress:0\r\n")
            });
        }
        assert_eq!(manifest().lines().count(), 6, "{}", manifest());
        if in_multi {
            // Nobody waits inside EXEC.
            c.is("MULTI", "+OK");
            c.is("CONFIG SET aof-disable-auto-gc no", "+QUEUED");
            c.is("EXEC", "[+OK]");
            eventually("the history is gone", || manifest().lines().count() == 2);
        } else {
            c.is("CONFIG SET aof-disable-auto-gc no", "+OK");
            assert_eq!(manifest().lines().count(), 2, "{}", manifest());
            assert_eq!(std::fs::read_dir(&folder).expect("a folder").count(), 3);
        }
        c.is("PING", "+PONG");
    }
}

#[test]
fn a_log_turned_on_inside_a_transaction_begins_with_the_whole_of_it() {
    let s = Server::start();
    let mut c = s.connect();
    c.is("MULTI", "+OK");
    c.is("SET before 1", "+QUEUED");
    c.is("CONFIG SET appendonly yes", "+QUEUED");
    c.is("SET behind 2", "+QUEUED");
    c.is("EXEC", "[+OK, +OK, +OK]");
    eventually("the log has its base", || {
        let info = c.call("INFO persistence").text();
        info.contains("aof_rewrite_scheduled:0\r\n") && info.contains("aof_rewrite_in_progress:0\r\n")
    });
    assert!(s.log().contains("AOF was enabled during a transaction."), "{}", s.log());
    let increment = std::fs::read(s.dir().join("appendonlydir/appendonly.aof.1.incr.aof")).expect("an increment");
    assert!(!String::from_utf8_lossy(&increment).contains("behind"), "it is in the base");
    c.is("DEBUG LOADAOF", "+OK");
    c.is("MGET before behind", r#"["1", "2"]"#);
}
