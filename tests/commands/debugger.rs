//! The debugger of scripts, by redis-cli and by connections of our own: what is shown, who is disturbed, what stays.

use crate::support::{Conn, Server, eventually};
use std::io::Write;
use std::process::{Command, Stdio};

/// Runs redis-cli with a script under the debugger, types the lines, and returns what it printed without colours.
fn redis_cli(server: &Server, mode: &str, script: &str, arguments: &[&str], lines: &str) -> String {
    let path = server.dir().join("script.lua");
    std::fs::write(&path, script).unwrap();
    let mut child = Command::new("redis-cli")
        .args(["-p", &server.port().to_string(), mode, "--eval"])
        .arg(&path)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("redis-cli");
    // What is typed fits into the pipe, and the end of it ends the program.
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut plain = String::new();
    for (at, part) in text.split('\x1b').enumerate() {
        plain.push_str(if at == 0 { part } else { part.split_once('m').map_or("", |(_, rest)| rest) });
    }
    plain
}

#[track_caller]
fn contains_in_order(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        let at = rest.find(part).unwrap_or_else(|| panic!("no {part:?} (in this order) in\n{text}"));
        rest = &rest[at + part.len()..];
    }
}

const SCRIPT: &str = "local a = redis.call('incr', KEYS[1])
local function twice(x)
  local y = x * 2
  return y
end
local b = twice(a)
redis.debug('b', b, {1, {x = 'y'}})
redis.breakpoint()
for i = 1, 3 do
  b = b + i
end
return b + ARGV[1]
";

#[test]
fn redis_cli_steps_through_a_script_and_leaves_no_trace() {
    let server = Server::start();
    let mut c = server.connect();
    c.is("SET k 20", "+OK");
    let lines = "s\nprint a\nb 3 7\nlist 3 1\nc\nprint\nprint KEYS\ntrace\neval x\neval KEYS[1] .. ARGV[1]\nredis get k\n\
                 nonsense\nb -3\nc\nc\nprint b\nmaxlen 0\nc\n";
    let text = redis_cli(&server, "--ldb", SCRIPT, &["k", ",", "100"], lines);
    contains_in_order(
        &text,
        &[
            "* Stopped at 1, stop reason = step over",
            "-> 1   local a = redis.call('incr', KEYS[1])",
            "<redis> incr k",
            "<reply> 21",
            "* Stopped at 5, stop reason = step over",
            "<value> 21",
            "  #3     local y = x * 2",
            "  #7   redis.debug('b', b, {1, {x = 'y'}})",
            "   2   local function twice(x)",
            "   4     return y",
            "* Stopped at 3, stop reason = break point",
            "->#3     local y = x * 2",
            "<value> x = 21",
            "<value> {\"k\"}",
            "In twice:",
            "From top level:",
            "nonexistent global variable 'x'",
            "<retval> \"k100\"",
            "<redis> get k",
            "<reply> \"21\"",
            "<error> Unknown Redis Lua debugger command or wrong number of arguments.",
            "Breakpoint removed.",
            "* Stopped at 7, stop reason = break point",
            "<debug> line 7: \"b\", 42, {1; {[\"x\"]=\"y\"}}",
            "* Stopped at 9, stop reason = redis.breakpoint() called",
            "<value> 42",
            "<value> replies are unlimited.",
            "(integer) 148",
            "(Lua debugging session ended -- dataset changes rolled back)",
        ],
    );
    c.is("GET k", "\"20\"");
}

#[test]
fn redis_cli_in_sync_mode_keeps_what_the_script_changed() {
    let server = Server::start();
    let lines = "c\nprint a\nc\nrestart\nc\nabort\nquit\n";
    let text = redis_cli(&server, "--ldb-sync-mode", SCRIPT, &["k", ",", "100"], lines);
    contains_in_order(
        &text,
        &[
            "* Stopped at 1, stop reason = step over",
            "* Stopped at 9, stop reason = redis.breakpoint() called",
            "<value> 1",
            "(integer) 108",
            "(Lua debugging session ended)",
            "Lua debugging session started",
            "* Stopped at 9, stop reason = redis.breakpoint() called",
            "(error) ERR script aborted for user request script: ",
            "(Lua debugging session ended)",
        ],
    );
    server.connect().is("GET k", "\"2\"");
}

/// Begins a session that is stopped at the first line of a script.
fn stopped(server: &Server, mode: &str, script: &str) -> Conn {
    let mut c = server.connect();
    c.is(&format!("SCRIPT DEBUG {mode}"), "+OK");
    let at = c.call_bytes(&[b"EVAL", script.as_bytes(), b"0"]).to_string();
    assert!(at.starts_with("[+* Stopped at 1, stop reason = step over"), "{at}");
    c
}

#[test]
fn others_are_served_while_sessions_are_stopped() {
    let server = Server::with(&["--appendonly", "yes"]);
    let mut other = server.connect();
    other.is("SET k before", "+OK");
    let script = "redis.call('set', 'mine', 1) redis.call('publish', 'news', 1)\nreturn redis.call('get', 'k')";
    let mut sessions: Vec<Conn> = (0..3).map(|_| stopped(&server, "YES", script)).collect();
    let mut listener = server.connect();
    listener.is("SUBSCRIBE news", r#"["subscribe", "news", :1]"#);
    for n in 0..100 {
        other.is(&format!("RPUSH list {n}"), &format!(":{}", n + 1));
    }
    other.is("SET k after", "+OK");
    other.is("EVAL return(1) 0", ":1");
    // Each has the data of its own beginning, and what it changes is its own.
    for session in &mut sessions {
        session.is("redis llen list", r#"[+<redis> llen list, +<reply> 0]"#);
        session.is("redis flushall", r#"[+<redis> flushall, +<reply> "+OK"]"#);
        session.is("redis set k own", r#"[+<redis> set k own, +<reply> "+OK"]"#);
        session.is("c", "[+<endsession>]");
        session.reads("\"own\"");
        session.closed();
    }
    listener.silent();
    other.is("GET k", "\"after\"");
    other.is("LLEN list", ":100");
    other.is("EXISTS mine", ":0");
    let server = server.restart(None, &["--appendonly", "yes"]);
    server.connect().is("GET k", "\"after\"");
}

/// Threads of sessions that the server has.
fn session_threads(server: &Server) -> usize {
    let info = server.connect().call("INFO server").text();
    let id = info.lines().find_map(|line| line.strip_prefix("process_id:")).expect("a process id").to_owned();
    let tasks = std::fs::read_dir(format!("/proc/{}/task", id.trim())).unwrap();
    // One that ends meanwhile has no name any more.
    let names = tasks.flatten().map(|task| std::fs::read_to_string(task.path().join("comm")).unwrap_or_default());
    names.filter(|name| name.trim() == "debugger").count()
}

#[test]
fn a_session_ends_with_its_client() {
    let server = Server::start();
    // More in all than there may be at a time; some are stopped, some in a loop that never ends.
    for n in 0..40 {
        eventually("room for a session", || {
            let mut c = server.connect();
            c.is("SCRIPT DEBUG YES", "+OK");
            let at = c.call_bytes(&[b"EVAL", b"while true do end", b"0"]).to_string();
            if n % 2 == 0 {
                c.send("c");
            }
            at.starts_with("[+* Stopped at 1")
        });
    }
    eventually("the end of all threads", || session_threads(&server) == 0);
    // CLIENT KILL and SHUTDOWN end them too.
    let mut session = stopped(&server, "YES", "return 1");
    server.connect().is("CLIENT KILL TYPE normal SKIPME yes", ":1");
    session.closed();
    eventually("the end of all threads", || session_threads(&server) == 0);
}

#[test]
fn there_is_a_bound_to_sessions_and_to_what_waits_for_them() {
    let server = Server::start();
    let mut sessions: Vec<Conn> = (0..16).map(|_| stopped(&server, "YES", "while true do end")).collect();
    let mut c = server.connect();
    c.is("SCRIPT DEBUG YES", "+OK");
    c.fails("EVAL return(1) 0", "ERR Can't run EVAL in debugging mode: there are too many sessions");
    c.is("SCRIPT DEBUG NO", "+OK");
    c.is("EVAL return(1) 0", ":1");
    // It does not listen while the script runs.
    let mut deaf = sessions.pop().unwrap();
    let _ = deaf.try_raw("c\r\n".repeat(5000).as_bytes());
    deaf.closed();
    c.is("PING", "+PONG");
}

#[test]
fn a_stopped_session_in_sync_mode_lets_others_end_it() {
    let server = Server::start();
    let mut other = server.connect();
    let mut session = stopped(&server, "SYNC", "local x = 1\nreturn redis.call('get', 'k')");
    other.fails("GET k", "BUSY");
    server.connect().fails("PING", "BUSY");
    session.is("print", r#"[+No local variables in the current context.]"#);
    other.fails("GET k", "BUSY");
    other.is("SCRIPT KILL", "+OK");
    session.reads("[+<endsession>]");
    assert!(session.read().to_string().starts_with("-ERR Script killed by user with SCRIPT KILL..."));
    session.closed();
    other.is("GET k", "nil");
    // Its client goes away.
    drop(stopped(&server, "SYNC", "redis.call('set', 'k', 1)\nredis.call('incr', 'k')"));
    eventually("the end of a session", || other.call("GET k").to_string() == "\"2\"");
}

#[test]
fn an_endless_loop_stops_by_itself() {
    let server = Server::with(&["--busy-reply-threshold", "50"]);
    for mode in ["YES", "SYNC"] {
        let mut session = stopped(&server, mode, "local n = 0\nwhile true do n = n + 1 end");
        let at = session.call("c").to_string();
        assert!(at.starts_with("[+* Stopped at 2, stop reason = timeout reached, infinite loop?"), "{at}");
        let n = session.call("print n").to_string();
        assert!(n.starts_with("[+<value> ") && n != "[+<value> 0]", "{n}");
        // So does one in what is evaluated: the server is not lost, if the client is.
        session.send("eval while true do end");
        if mode == "SYNC" {
            let mut other = server.connect();
            eventually("the end of a session", || other.call("SCRIPT KILL").to_string() == "+OK");
            session.closed();
            other.is("PING", "+PONG");
        }
        drop(session);
    }
    eventually("the end of all threads", || session_threads(&server) == 0);
}

#[test]
fn a_session_may_do_what_its_user_may() {
    let server = Server::start();
    let mut c = server.connect();
    c.is("ACL SETUSER limited on >secret +eval +script ~own:* +get +set", "+OK");
    c.is("SELECT 3", "+OK");
    c.is("SET own:k three", "+OK");
    c.is("AUTH limited secret", "+OK");
    c.is("SCRIPT DEBUG YES", "+OK");
    assert!(c.call_bytes(&[b"EVAL", b"return 1", b"0"]).to_string().starts_with("[+* Stopped at 1"));
    c.is("redis get own:k", r#"[+<redis> get own:k, +<reply> "three"]"#);
    let denied = c.call("redis get other").to_string();
    assert!(denied.contains("<error> The user executing the script can't access at least one of the keys"), "{denied}");
    let denied = c.call("redis del own:k").to_string();
    assert!(denied.contains("<error> The user executing the script can't run this command"), "{denied}");
}

#[test]
fn values_are_shown_within_bounds() {
    let server = Server::start();
    let script = "local t = {} for i = 1, 40 do t = {t, t} end
local wide = {} for i = 1, 1e6 do wide[i] = i end
local long = string.rep('x', 3e6)
local loop = {} loop.loop = loop
return 1";
    let mut c = stopped(&server, "YES", script);
    assert!(c.call("b 5").to_string().contains("#5   return 1"));
    assert!(c.call("c").to_string().starts_with("[+* Stopped at 5, stop reason = break point"));
    let short = c.call("print t").to_string();
    assert!(short.len() < 500 && short.contains("<hint> The above reply was trimmed."), "{short}");
    c.is("maxlen 0", "[+<value> replies are unlimited.]");
    for name in ["t", "wide", "long"] {
        let shown = c.call(&format!("print {name}")).to_string();
        assert!((10_000..3_000_000).contains(&shown.len()), "{name}: {}", shown.len());
    }
    assert!(c.call("print loop").to_string().contains("<max recursion level reached! Nested table?>"));
    c.is("c", "[+<endsession>]");
    c.reads(":1");
}

#[test]
fn a_debugger_is_there_only_when_asked_for() {
    let server = Server::start();
    let mut c = server.connect();
    c.is("EVAL return(redis.breakpoint()) 0", "nil");
    c.is("EVAL return(redis.debug(1)) 0", "nil");
    c.is("SCRIPT DEBUG maybe", "-ERR Use SCRIPT DEBUG YES/SYNC/NO");
    c.raw(b"PING\r\nSCRIPT DEBUG YES\r\n");
    c.reads("+PONG");
    c.reads("-ERR SCRIPT DEBUG must be called outside a pipeline");
    c.is("SCRIPT DEBUG YES", "+OK");
    c.is(&format!("EVALSHA {} 0", "e".repeat(40)), "-ERR Please use EVAL instead of EVALSHA for debugging");
    // Inside a transaction nobody could answer it.
    c.is("MULTI", "+OK");
    c.is("EVAL return(7) 0", "+QUEUED");
    c.is("EXEC", "[:7]");
    c.is("EVAL return( 0", "[+<endsession>]");
    let error = c.read().to_string();
    assert!(error.starts_with("-ERR Error compiling script (new function)"), "{error}");
    c.closed();
}
