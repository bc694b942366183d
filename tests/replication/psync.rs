//! PSYNC as raw connections speak it: where a replica goes on, what it is answered, what it acknowledges.

use super::{Stream, checked, field, figure, primary};
use crate::support::{Conn, Server, eventually};

const CAPABLE: &str = "capa eof capa psync2";

/// A replica that asked with PSYNC and has its snapshot; the history's name, and where the snapshot is in it.
#[track_caller]
pub(super) fn attach(s: &Server) -> (Stream, String, u64) {
    let mut stream = Stream::connect(s, CAPABLE);
    let answer = stream.psync("?", 0);
    let words: Vec<&str> = answer.split(' ').collect();
    assert_eq!((words.len(), words[0]), (3, "+FULLRESYNC"), "{answer}");
    let (history, offset) = (words[1].to_owned(), words[2].parse().expect("an offset"));
    assert!(!stream.snapshot().is_empty());
    stream.send(&format!("REPLCONF ACK {offset}\r\n"));
    (stream, history, offset)
}

/// Waits until the primary has lost all replicas, and nothing more is added to the history.
#[track_caller]
fn alone(c: &mut Conn) -> u64 {
    eventually("no replica is left", || figure(c, "connected_slaves") == 0);
    figure(c, "master_repl_offset") as u64
}

#[test]
fn a_replica_goes_on_from_any_place_that_the_backlog_holds() {
    let s = primary(&[]);
    let mut c = s.connect();
    c.is("SET before 1", "+OK");
    let (mut stream, history, offset) = attach(&s);
    assert_eq!(field(&mut c, "master_replid"), history);
    c.is("SET a 1", "+OK");
    stream.reads(&["SELECT 0", "SET a 1"]);
    let behind = figure(&mut c, "master_repl_offset") as u64;
    drop(stream);
    c.is("SET b 2", "+OK");
    let end = alone(&mut c);
    let mut stream = Stream::connect(&s, CAPABLE);
    assert_eq!(stream.psync(&history, behind + 1), format!("+CONTINUE {history}"));
    c.is("SET c 3", "+OK");
    stream.reads(&["SET b 2", "SET c 3"]);
    // Without `psync2` nothing is said of the name, which may be written in any case.
    let mut stream = Stream::connect(&s, "capa eof");
    assert_eq!(stream.psync(&history.to_uppercase(), offset + 1), "+CONTINUE");
    stream.reads(&["SELECT 0", "SET a 1", "SET b 2", "SET c 3"]);
    let mut stream = Stream::connect(&s, CAPABLE);
    assert_eq!(stream.psync(&history, end + 1), format!("+CONTINUE {history}"));
    stream.reads(&["SET c 3"]);
    assert_eq!((figure(&mut c, "sync_full"), figure(&mut c, "sync_partial_ok")), (1, 3));
    assert_eq!(figure(&mut c, "repl_backlog_first_byte_offset"), offset as i64 + 1);
}

#[test]
fn whoever_cannot_go_on_gets_a_snapshot() {
    let s = primary(&[]);
    let mut c = s.connect();
    let (stream, history, offset) = attach(&s);
    drop(stream);
    let end = alone(&mut c);
    let other = "0".repeat(40);
    for (id, position) in [(&other, offset + 1), (&history, end + 2), (&history, offset), (&history, u64::MAX >> 1)] {
        let mut stream = Stream::connect(&s, CAPABLE);
        assert!(stream.psync(id, position).starts_with(&format!("+FULLRESYNC {history} ")), "{id} {position}");
        assert!(checked(&s, &stream.snapshot()).contains("keys read"));
    }
    assert_eq!((figure(&mut c, "sync_full"), figure(&mut c, "sync_partial_err")), (5, 4));
    // Without `capa eof` the length is told.
    let mut stream = Stream::connect(&s, "capa psync2");
    stream.send("PSYNC ? -1\r\n");
    assert!(stream.answer().starts_with("+FULLRESYNC "));
    let head = stream.answer();
    assert!(head.starts_with('$') && !head.starts_with("$EOF"), "{head}");
    assert_eq!(figure(&mut c, "sync_partial_err"), 4);
}

#[test]
fn what_psync_cannot_be_asked_is_refused() {
    let s = primary(&[]);
    let mut c = s.connect();
    c.is("PSYNC ? x", "-ERR value is not an integer or out of range");
    c.is("PSYNC ?", "-ERR wrong number of arguments for 'psync' command");
    c.is("PSYNC ? 1 FAILOVER", "-ERR PSYNC FAILOVER can't be sent to a master.");
    c.is("REPLCONF rdb-only 2", "-ERR value is out of range, value must between 0 and 1");
    c.is("REPLCONF rdb-filter-only functions", "+OK");
    c.is("PSYNC ? -1", "-ERR Filtered replica requires EOF capability");
    c.is("REPLCONF ACK 5 FACK", "-ERR syntax error");
    c.send("REPLCONF ACK 5");
    c.send("REPLCONF GETACK *");
    c.is("PING", "+PONG");
    assert_eq!(figure(&mut c, "connected_slaves"), 0);
}

#[test]
fn replicas_that_wait_together_share_a_snapshot() {
    let s = primary(&["--repl-diskless-sync-delay", "60", "--repl-diskless-sync-max-replicas", "2"]);
    let mut c = s.connect();
    c.is("DEBUG POPULATE 1000", "+OK");
    let mut first = Stream::connect(&s, CAPABLE);
    first.send("PSYNC ? -1\r\n");
    eventually("it is listed", || field(&mut c, "slave0").contains("state=wait_bgsave"));
    c.is("SET between 1", "+OK");
    let mut second = Stream::connect(&s, CAPABLE);
    second.send("PSYNC ? -1\r\n");
    let answers = [first.answer(), second.answer()];
    assert_eq!(answers[0], answers[1]);
    assert!(answers[0].starts_with("+FULLRESYNC "));
    let snapshots = [first.snapshot(), second.snapshot()];
    assert_eq!(snapshots[0], snapshots[1]);
    assert!(checked(&s, &snapshots[0]).contains("1001 keys read"));
    first.send("REPLCONF ACK 0\r\n");
    second.send("REPLCONF ACK 0\r\n");
    c.is("SET after 1", "+OK");
    // What was written before the snapshot is in it.
    first.reads(&["SELECT 0", "SET after 1"]);
    second.reads(&["SELECT 0", "SET after 1"]);
}

#[test]
fn acknowledgements_are_counted_and_shown() {
    let s = primary(&[]);
    let mut c = s.connect();
    let (mut stream, _, _) = attach(&s);
    c.is("SET a 1", "+OK");
    let offset = figure(&mut c, "master_repl_offset");
    let mut waiting = s.connect();
    waiting.is("SET b 1", "+OK");
    waiting.send("WAIT 1 0");
    s.blocked(1);
    stream.reads(&["SELECT 0", "SET a 1", "SET b 1", "REPLCONF GETACK *"]);
    stream.send(&format!("REPLCONF ACK {offset}\r\n"));
    eventually("it is shown", || field(&mut c, "slave0").contains(&format!("offset={offset},lag=")));
    let port = c.call("ROLE").items()[2].to_string();
    assert!(port.ends_with(&format!("\"{offset}\"]]")), "{port}");
    // The waiting client wrote later.
    waiting.silent();
    let end = figure(&mut c, "master_repl_offset");
    stream.send(&format!("REPLCONF ACK {end}\r\n"));
    waiting.reads(":1");
    waiting.is("WAIT 1 0", ":1");
    c.is("SET c 1", "+OK");
    c.is("WAIT 1 50", ":0");
    waiting.is("SET d 1", "+OK");
    let id = waiting.call("CLIENT ID").int();
    waiting.send("WAIT 1 0");
    s.blocked(1);
    c.is(&format!("CLIENT UNBLOCK {id}"), ":1");
    waiting.reads(":0");
    waiting.send("WAIT 1 0");
    s.blocked(1);
    c.is(&format!("CLIENT UNBLOCK {id} ERROR"), ":1");
    waiting.reads("-UNBLOCKED client unblocked via CLIENT UNBLOCK");
}

#[test]
fn waitaof_counts_replicas_whose_log_is_durable() {
    let s = primary(&[]);
    let mut c = s.connect();
    let (mut stream, _, _) = attach(&s);
    c.is("SET a 1", "+OK");
    c.send("WAITAOF 0 1 0");
    s.blocked(1);
    stream.reads(&["SELECT 0", "SET a 1", "REPLCONF GETACK *"]);
    let end = figure(&mut s.connect(), "master_repl_offset");
    stream.send(&format!("REPLCONF ACK {end}\r\n"));
    c.silent();
    stream.send(&format!("REPLCONF ACK {end} FACK {end}\r\n"));
    c.reads("[:0, :1]");
    c.is("WAITAOF 0 2 50", "[:0, :1]");
}

#[test]
fn a_silent_replica_is_let_go_and_one_that_asked_with_sync_is_not() {
    let s = primary(&["--repl-timeout", "2", "--repl-ping-replica-period", "1"]);
    let mut c = s.connect();
    let (_silent, _, _) = attach(&s);
    let (mut old, _) = Stream::attach(&s, "");
    eventually("one of them is gone", || figure(&mut c, "connected_slaves") == 1);
    eventually("the log says so", || {
        s.log().contains("Disconnecting timedout replica (streaming sync): 127.0.0.1:<unknown-replica-port>")
    });
    c.is("SET a 1", "+OK");
    old.reads(&["SELECT 0", "SET a 1"]);
}

#[test]
fn the_backlog_is_resized_and_goes_when_nobody_comes_back() {
    let s = primary(&[]);
    let mut c = s.connect();
    assert_eq!((figure(&mut c, "repl_backlog_active"), figure(&mut c, "mem_replication_backlog")), (0, 0));
    let (stream, history, _) = attach(&s);
    drop(stream);
    c.is("CONFIG SET repl-backlog-size 200000", "+OK");
    let value = "x".repeat(1000);
    for _ in 0..1000 {
        c.is(&format!("SET key {value}"), "+OK");
    }
    let held = figure(&mut c, "repl_backlog_histlen");
    assert!((200_000..250_000).contains(&held), "{held}");
    let end = alone(&mut c);
    assert_eq!(figure(&mut c, "repl_backlog_first_byte_offset") + held - 1, end as i64);
    c.is("CONFIG SET repl-backlog-ttl 1", "+OK");
    eventually("it is freed", || figure(&mut c, "repl_backlog_active") == 0);
    assert_ne!(field(&mut c, "master_replid"), history);
    // What is written now is in no history.
    c.is("SET key 1", "+OK");
    assert_eq!(figure(&mut c, "master_repl_offset"), end as i64);
    let mut stream = Stream::connect(&s, CAPABLE);
    assert!(stream.psync(&history, end + 1).starts_with("+FULLRESYNC "));
}

#[test]
fn a_name_that_was_changed_by_hand_is_no_longer_known() {
    let s = primary(&[]);
    let mut c = s.connect();
    let (stream, history, offset) = attach(&s);
    drop(stream);
    c.is("DEBUG CHANGE-REPL-ID", "+OK");
    c.is("DEBUG REPLICATE only there", "+OK");
    let mut stream = Stream::connect(&s, CAPABLE);
    let answer = stream.psync(&history, offset + 1);
    assert!(answer.starts_with("+FULLRESYNC ") && !answer.contains(&history), "{answer}");
    let new = field(&mut c, "master_replid");
    let mut stream = Stream::connect(&s, CAPABLE);
    assert_eq!(stream.psync(&new, offset + 1), format!("+CONTINUE {new}"));
    stream.reads(&["only there"]);
}

#[test]
fn acknowledgements_are_heard_while_clients_are_paused() {
    let s = primary(&[]);
    let mut c = s.connect();
    let (mut stream, _, _) = attach(&s);
    c.is("SET a 1", "+OK");
    c.send("WAIT 1 0");
    s.blocked(1);
    stream.reads(&["SELECT 0", "SET a 1", "REPLCONF GETACK *"]);
    let mut other = s.connect();
    let end = figure(&mut other, "master_repl_offset");
    other.is("CLIENT PAUSE 600000 ALL", "+OK");
    stream.send(&format!("REPLCONF ACK {end}\r\n"));
    c.reads(":1");
}
