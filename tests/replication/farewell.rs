//! SHUTDOWN with replicas that lack something: they are waited for, while writes are held.

use super::psync::attach;
use super::{figure, primary};
use crate::support::eventually;

#[test]
fn a_shutdown_waits_for_replicas_and_can_be_taken_back() {
    let mut s = primary(&["--shutdown-timeout", "600"]);
    let mut c = s.connect();
    let (mut stream, _, _) = attach(&s);
    c.is("SET a 1", "+OK");
    stream.reads(&["SELECT 0", "SET a 1"]);
    let mut asking = s.connect();
    asking.send("SHUTDOWN");
    eventually("it waits", || s.log().contains("Waiting for replicas before shutting down."));
    stream.reads(&["REPLCONF GETACK *"]);
    assert!(figure(&mut c, "shutdown_in_milliseconds") > 500_000);
    let mut writing = s.connect();
    writing.send("SET b 1");
    c.is("GET b", "nil");
    s.blocked(2);
    // The replica is none of them.
    assert_eq!(figure(&mut c, "connected_clients"), 3);
    c.is("SHUTDOWN ABORT", "+OK");
    asking.reads("-ERR Errors trying to SHUTDOWN. Check logs.");
    writing.reads("+OK");
    stream.reads(&["SET b 1"]);
    c.is("SHUTDOWN ABORT", "-ERR No shutdown in progress.");
    s.signal("TERM");
    eventually("it waits again", || s.log().matches("Waiting for replicas before shutting down.").count() == 2);
    writing.send("SET c 1");
    let end = figure(&mut c, "master_repl_offset");
    stream.send(&format!("REPLCONF ACK {end}\r\n"));
    assert!(s.ends().success());
    eventually("the log says so", || s.log().contains("1 of 1 replicas are in sync when shutting down."));
}

#[test]
fn a_shutdown_waits_no_longer_than_it_may() {
    let mut s = primary(&["--shutdown-timeout", "1"]);
    let mut c = s.connect();
    let (_stream, _, _) = attach(&s);
    c.is("SET a 1", "+OK");
    c.send("SHUTDOWN NOSAVE");
    assert!(s.ends().success());
    eventually("the log says who lacks something", || {
        s.log().contains("Lagging replica 127.0.0.1:<unknown-replica-port> reported offset ")
            && s.log().contains("0 of 1 replicas are in sync when shutting down.")
    });
    // NOW waits for nobody.
    let mut s = primary(&["--shutdown-timeout", "600"]);
    let mut c = s.connect();
    let (_stream, _, _) = attach(&s);
    c.is("SET a 1", "+OK");
    c.send("SHUTDOWN NOW");
    assert!(s.ends().success());
}
