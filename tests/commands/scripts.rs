//! Scripts and functions as clients see them: busy ones and their end, what they leave in the log, what a restart keeps.

use crate::support::{Conn, Server, eventually, request};

fn eval(c: &mut Conn, script: &str) -> String {
    c.call_bytes(&[b"EVAL", script.as_bytes(), b"0"]).to_string()
}

/// Begins a script that never ends, and waits until others are answered that it is busy.
fn begin_endless(server: &Server, script: &str) -> (Conn, Conn) {
    let (mut runner, mut other) = (server.connect(), server.connect());
    other.is("CONFIG SET busy-reply-threshold 10", "+OK");
    runner.raw(&request(&[b"EVAL", script.as_bytes(), b"0"]));
    busy(&mut other, "SCRIPT KILL");
    (runner, other)
}

fn busy(c: &mut Conn, killer: &str) {
    let expected = format!("-BUSY Redis is busy running a script. You can only call {killer} or SHUTDOWN NOSAVE.");
    eventually("a busy script", || c.call("PING").to_string() == expected);
}

#[test]
fn a_busy_script_lets_others_end_it() {
    let server = Server::start();
    let (mut runner, mut other) = begin_endless(&server, "while true do end");
    other.fails("GET k", "BUSY");
    other.fails("FUNCTION KILL", "BUSY");
    other.is("MULTI", "+OK");
    other.fails("SET a b", "BUSY");
    other.is("DISCARD", "+OK");
    // Somebody who comes while it runs is served too.
    let mut late = server.connect();
    late.fails("PING", "BUSY");
    late.is("SCRIPT KILL", "+OK");
    let error = runner.read().to_string();
    assert!(error.starts_with("-ERR Script killed by user with SCRIPT KILL..."), "{error}");
    other.is("PING", "+PONG");
    runner.is("PING", "+PONG");
    other.is("SCRIPT KILL", "-NOTBUSY No scripts in execution right now.");
}

#[test]
fn requests_sent_with_a_busy_script_keep_their_order() {
    let server = Server::start();
    let mut other = server.connect();
    let mut runner = server.connect();
    other.is("CONFIG SET busy-reply-threshold 10", "+OK");
    let script: &[u8] = b"while true do pcall(function() while true do end end) end";
    let pipeline = [request(&[b"SET", b"k", b"1"]), request(&[b"EVAL", script, b"0"]), request(&[b"GET", b"k"])];
    runner.raw(&pipeline.concat());
    busy(&mut other, "SCRIPT KILL");
    other.raw(&[request(&[b"GET", b"k"]), request(&[b"SCRIPT", b"KILL"]), request(&[b"GET", b"k"])].concat());
    assert!(other.read().to_string().starts_with("-BUSY"));
    other.reads("+OK");
    runner.reads("+OK");
    assert!(runner.read().to_string().starts_with("-ERR Script killed"));
    runner.reads("\"1\"");
    // Whether the last one was run before or after the end is a matter of time.
    let last = other.read().to_string();
    assert!(last == "\"1\"" || last.starts_with("-BUSY"), "{last}");
}

#[test]
fn a_script_that_has_written_is_not_killed() {
    let mut server = Server::with(&["--appendonly", "yes", "--appendfsync", "always"]);
    server.connect().is("SET before 1", "+OK");
    let (_runner, mut other) = begin_endless(&server, "redis.call('set', 'x', '1') while true do end");
    other.fails("SCRIPT KILL", "UNKILLABLE Sorry the script already executed write commands");
    other.fails("SHUTDOWN", "BUSY");
    other.send("SHUTDOWN NOSAVE");
    other.closed();
    assert!(server.ends().success());
    // Nothing of a script that did not end is in the log.
    let server = server.restart(None, &["--appendonly", "yes"]);
    let mut c = server.connect();
    c.is("EXISTS x before", ":1");
}

#[test]
fn a_busy_function_is_killed_by_its_own_command() {
    let server = Server::start();
    let (mut runner, mut other) = (server.connect(), server.connect());
    let code: &[u8] = b"#!lua name=l\nredis.register_function('f', function() while true do end end)";
    assert_eq!(other.call_bytes(&[b"FUNCTION", b"LOAD", code]).to_string(), "\"l\"");
    other.is("CONFIG SET busy-reply-threshold 10", "+OK");
    runner.send("FCALL f 0 word");
    busy(&mut other, "FUNCTION KILL");
    let stats = other.call("FUNCTION STATS").to_string();
    assert!(stats.contains("\"name\", \"f\", \"command\", [\"FCALL\", \"f\", \"0\", \"word\"]"), "{stats}");
    other.fails("SCRIPT KILL", "BUSY");
    other.is("FUNCTION KILL", "+OK");
    assert!(runner.read().to_string().starts_with("-ERR Script killed by user"));
    other.is("PING", "+PONG");
}

#[test]
fn a_native_loop_can_be_ended_too() {
    let server = Server::start();
    let script = "local t = {} for i = 1, 60 do t = {t, t} end return cjson.encode(t)";
    let (mut runner, mut other) = begin_endless(&server, script);
    other.is("SCRIPT KILL", "+OK");
    assert!(runner.read().to_string().contains("Script killed by user"));
}

#[test]
fn what_a_script_wrote_is_one_unit_in_the_log() {
    let server = Server::with(&["--appendonly", "yes"]);
    let mut c = server.connect();
    let script = "redis.call('set', 'a', '1') redis.call('incr', 'a') redis.call('select', 2) \
                  redis.call('set', 'b', '2', 'px', 1000000) redis.set_repl(redis.REPL_NONE) redis.call('set', 'c', '3') \
                  return redis.call('dbsize')";
    assert_eq!(eval(&mut c, script), ":2");
    c.is("GET a", "\"2\"");
    c.is("GET b", "nil");
    let log = std::fs::read_dir(server.dir().join("appendonlydir"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.to_string_lossy().contains(".incr."))
        .unwrap();
    let mut text = String::new();
    eventually("the whole unit in the log", || {
        text = String::from_utf8_lossy(&std::fs::read(&log).unwrap()).into_owned();
        text.contains("EXEC")
    });
    let words: Vec<&str> = text.split("\r\n").filter(|line| !line.starts_with(['*', '$'])).collect();
    let begin = "SELECT 0 MULTI set a 1 incr a SELECT 2 SET b 2 PXAT ";
    assert!(words.join(" ").starts_with(begin), "{words:?}");
    assert!(!text.contains("\r\nc\r\n"), "{text}");
}

#[test]
fn functions_belong_to_the_data() {
    let server = Server::with(&["--appendonly", "yes", "--appendfsync", "always"]);
    let mut c = server.connect();
    let code: &[u8] =
        b"#!lua name=l\nredis.register_function('f', function(keys) return redis.call('incr', keys[1]) end)";
    assert_eq!(c.call_bytes(&[b"FUNCTION", b"LOAD", code]).to_string(), "\"l\"");
    c.is("FCALL f 1 n", ":1");
    for reload in ["DEBUG RELOAD", "DEBUG LOADAOF"] {
        c.is(reload, "+OK");
        c.is("FCALL_RO f 1 n", "-ERR Can not execute a script with write flag using *_ro command.");
    }
    c.is("FCALL f 1 n", ":2");
    let dump = c.call("FUNCTION DUMP");
    let crate::support::Reply::Bulk(payload) = dump else { panic!("{dump}") };
    drop(c);
    let server = server.restart(None, &["--appendonly", "yes"]);
    let mut c = server.connect();
    c.is("FCALL f 1 n", ":3");
    c.is("FUNCTION FLUSH", "+OK");
    c.is("FCALL f 1 n", "-ERR Function not found");
    assert_eq!(c.call_bytes(&[b"FUNCTION", b"RESTORE", &payload]).to_string(), "+OK");
    assert_eq!(c.call_bytes(&[b"FUNCTION", b"RESTORE", &payload]).to_string(), "-ERR Library l already exists");
    assert_eq!(c.call_bytes(&[b"FUNCTION", b"RESTORE", &payload, b"REPLACE"]).to_string(), "+OK");
    c.is("FCALL F 1 n", ":4");
    // Damaged payloads are refused, and what is there stays.
    for at in 0..payload.len() {
        let mut damaged = payload.clone();
        damaged[at] ^= 0x40;
        let answer = c.call_bytes(&[b"FUNCTION", b"RESTORE", &damaged, b"FLUSH"]).to_string();
        assert_eq!(answer, "-ERR DUMP payload version or checksum are wrong", "byte {at}");
    }
    c.is("FCALL f 1 n", ":5");
}

#[test]
fn memory_of_scripts_is_counted() {
    let server = Server::start();
    let mut c = server.connect();
    assert_eq!(eval(&mut c, "return 1"), ":1");
    let info = c.call("INFO memory").text();
    let figure = |name: &str| -> u64 {
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).expect(name);
        line.trim().parse().expect(name)
    };
    assert!(figure("used_memory_lua") > 10_000 && figure("used_memory_vm_functions") > 10_000, "{info}");
    assert_eq!((figure("number_of_cached_scripts"), figure("number_of_functions")), (1, 0));
    assert!(figure("used_memory_scripts_eval") > 0);
}

#[test]
fn scripts_that_read_track_the_keys_they_were_given() {
    let s = Server::start();
    let mut c = s.connect();
    let tracked =
        |c: &mut Conn, keys: &str| c.call("INFO stats").text().contains(&format!("tracking_total_keys:{keys}\r\n"));
    c.is("CLIENT TRACKING on", "+OK");
    c.call_bytes(&[b"EVAL", b"redis.call('set', 'k', 'v')", b"2", b"a", b"b"]);
    c.call_bytes(&[b"EVAL_RO", b"redis.call('ping')", b"2", b"a", b"b"]);
    assert!(tracked(&mut c, "0"), "nothing was read");
    c.call_bytes(&[b"EVAL", b"redis.call('get', 'k')", b"2", b"a", b"b"]);
    assert!(tracked(&mut c, "2"), "the keys given count, not those read");
}

#[test]
fn queued_scripts_that_write_nothing_run_while_writers_are_paused() {
    let s = Server::start();
    let mut c = s.connect();
    c.is("CLIENT PAUSE 100000 WRITE", "+OK");
    c.is("MULTI", "+OK");
    c.call_bytes(&[b"EVAL", b"#!lua flags=no-writes\nreturn 12", b"0"]);
    // A transaction that waits is answered nothing.
    c.call("EXEC");
    c.is("CLIENT UNPAUSE", "+OK");
}

#[test]
fn whoever_is_disconnected_by_shutdown_finds_that_nobody_listens_any_more() {
    for busy in [true, false] {
        let server = Server::start();
        let mut c = match busy {
            true => begin_endless(&server, "redis.call('SET', 'k', 'v') while true do end").1,
            false => server.connect(),
        };
        c.send("SHUTDOWN NOSAVE");
        c.closed();
        let error = std::net::TcpStream::connect(("127.0.0.1", server.port())).err().map(|error| error.kind());
        assert_eq!(error, Some(std::io::ErrorKind::ConnectionRefused), "busy: {busy}");
    }
}

#[test]
fn while_a_script_of_the_log_runs_for_long_others_learn_that_data_is_loaded() {
    let server = Server::with(&["--appendonly", "yes", "--busy-reply-threshold", "1"]);
    let (mut runner, mut other) = (server.connect(), server.connect());
    let script = b"redis.call('SET', KEYS[1], 'v')
        local began = redis.call('TIME')
        repeat
            local now = redis.call('TIME')
        until (now[1] - began[1]) * 1000000 + now[2] - began[2] > 300000";
    let log = server.dir().join("appendonlydir/appendonly.aof.1.incr.aof");
    let mut log = std::fs::OpenOptions::new().append(true).open(log).unwrap();
    std::io::Write::write_all(&mut log, &request(&[b"EVAL", script, b"1", b"k"])).unwrap();
    runner.send("DEBUG LOADAOF");
    eventually("a script of the log", || server.log().contains("Slow script detected"));
    let mut refusals = 0;
    eventually("the end of loading", || match other.call("PING").to_string().as_str() {
        "-LOADING Redis is loading the dataset in memory" => {
            refusals += 1;
            false
        }
        answer => {
            assert_eq!(answer, "+PONG");
            true
        }
    });
    assert!(refusals > 0);
    assert_eq!(runner.read().to_string(), "+OK");
    other.is("GET k", r#""v""#);
}

#[test]
fn scripts_that_write_need_the_replicas_asked_for() {
    const NO_REPLICAS: &str = "-NOREPLICAS Not enough good replicas to write.";
    let server = Server::start();
    let mut c = server.connect();
    c.is("SET k v", "+OK");
    c.is("CONFIG SET min-replicas-to-write 1", "+OK");
    assert_eq!(eval(&mut c, "#!lua flags=no-writes\nreturn redis.call('GET', 'k')"), r#""v""#);
    assert_eq!(eval(&mut c, "return redis.call('GET', 'k')"), r#""v""#);
    assert_eq!(eval(&mut c, "#!lua\nreturn redis.call('GET', 'k')"), NO_REPLICAS);
    let refused = eval(&mut c, "return redis.call('SET', 'k', 'w')");
    assert!(refused.starts_with(NO_REPLICAS), "{refused}");
    c.is("GET k", r#""v""#);
    c.is("CONFIG SET min-replicas-max-lag 0", "+OK");
    assert_eq!(eval(&mut c, "#!lua\nreturn redis.call('GET', 'k')"), r#""v""#);
}
