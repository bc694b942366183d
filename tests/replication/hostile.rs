//! Primaries that say what no primary says: a replica logs it once, keeps its data, tries again, and takes no memory for it.

use super::following::{follow, linked};
use super::{field, figure, primary};
use crate::support::{Conn, Server, eventually};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

const ID: &str = "0123456789abcdef0123456789abcdef01234567";

/// Somebody who plays the primary.
struct Impostor(TcpListener);

impl Impostor {
    fn new() -> Impostor {
        Impostor(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    /// The replica's next attempt, up to where it has asked with PSYNC.
    #[track_caller]
    fn attempt(&self) -> BufReader<TcpStream> {
        let socket = self.0.accept().unwrap().0;
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut link = BufReader::new(socket);
        loop {
            let request = read_request(&mut link);
            match request[0].to_uppercase().as_str() {
                "PSYNC" => return link,
                "PING" => say(&mut link, b"+PONG\r\n"),
                _ => say(&mut link, b"+OK\r\n"),
            }
        }
    }
}

fn say(link: &mut BufReader<TcpStream>, bytes: &[u8]) {
    // The other side may have had enough.
    let _ = link.get_mut().write_all(bytes);
}

/// The next request; empty lines are passed over.
#[track_caller]
fn read_request(link: &mut BufReader<TcpStream>) -> Vec<String> {
    let mut line = || {
        let mut line = String::new();
        link.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    };
    let mut head = line();
    while head.is_empty() {
        head = line();
    }
    let count: usize = head.strip_prefix('*').unwrap_or_else(|| panic!("no request: {head:?}")).parse().unwrap();
    (0..count)
        .map(|_| {
            line();
            line()
        })
        .collect()
}

/// The snapshot of a server with a key.
fn snapshot() -> Vec<u8> {
    let s = Server::start();
    let mut c = s.connect();
    c.is("SET key value", "+OK");
    c.is("SAVE", "+OK");
    std::fs::read(s.dir().join("dump.rdb")).unwrap()
}

/// A replica with data of its own, and how many lines of its log hold a text.
struct Victim(Server);

impl Victim {
    fn new(extra: &[&str]) -> (Victim, Conn) {
        let s = Server::with(extra);
        let mut c = s.connect();
        c.is("SET own 1", "+OK");
        (Victim(s), c)
    }

    fn lines(&self, text: &str) -> usize {
        self.0.log().lines().filter(|line| line.contains(text)).count()
    }
}

#[test]
fn what_is_no_snapshot_is_refused_and_the_data_stays() {
    let whole = snapshot();
    let mut wrong_sum = whole.clone();
    *wrong_sum.last_mut().unwrap() ^= 1;
    let counted = |bytes: &[u8]| [format!("${}\r\n", bytes.len()).as_bytes(), bytes].concat();
    let marked = |bytes: &[u8]| [format!("$EOF:{ID}\r\n").as_bytes(), bytes, ID.as_bytes()].concat();
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (counted(b"this is no snapshot at all"), "Wrong signature"),
        (marked(b"this is no snapshot at all"), "Wrong signature"),
        (counted(&wrong_sum), "CRC error"),
        (marked(&whole[..whole.len() / 2]), "Internal error in RDB"),
        (marked(&[&whole[..], b"more"].concat()), "bytes behind its end"),
        (counted(b""), "Internal error in RDB"),
        (b"+OK\r\n".to_vec(), "Bad protocol from MASTER"),
        (b"$-1\r\n".to_vec(), "Bad protocol from MASTER"),
        (b"-ERR go away\r\n".to_vec(), "MASTER aborted replication with an error: ERR go away"),
        (vec![b'x'; 5000], "I/O error reading bulk count from MASTER: a line without an end"),
    ];
    for load in ["disabled", "swapdb"] {
        let (victim, mut c) = Victim::new(&["--repl-diskless-load", load]);
        let impostor = Impostor::new();
        c.is(&format!("REPLICAOF 127.0.0.1 {}", impostor.port()), "+OK");
        for (bytes, line) in &cases {
            let mut link = impostor.attempt();
            let before = victim.lines(line);
            say(&mut link, format!("+FULLRESYNC {ID} 1\r\n").as_bytes());
            say(&mut link, bytes);
            eventually(line, || victim.lines(line) > before);
            assert_eq!(victim.lines(line), before + 1, "it is said once");
            c.is("GET own", "\"1\"");
        }
        // In the end it is served as it should be.
        let mut link = impostor.attempt();
        say(&mut link, format!("+FULLRESYNC {ID} 1\r\n").as_bytes());
        say(&mut link, &marked(&whole));
        linked(&mut c);
        c.is("GET key", "\"value\"");
        c.is("GET own", "nil");
        assert_eq!(read_request(&mut link), ["REPLCONF", "ACK", "1"]);
    }
}

#[test]
fn a_snapshot_that_is_announced_huge_takes_the_memory_of_what_has_come() {
    let (victim, mut c) = Victim::new(&["--repl-diskless-load", "swapdb"]);
    let impostor = Impostor::new();
    let before = figure(&mut c, "used_memory");
    c.is(&format!("REPLICAOF 127.0.0.1 {}", impostor.port()), "+OK");
    let mut link = impostor.attempt();
    say(&mut link, format!("+FULLRESYNC {ID} 1\r\n$9223372036854775807\r\n").as_bytes());
    // A database of 2^63 keys, and a string of 2^62 bytes.
    say(
        &mut link,
        b"REDIS0011\xfe\x00\xfb\x81\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x03key\x81\x3f\xff\xff\xff\xff\xff\xff\xff",
    );
    eventually("it reads", || figure(&mut c, "master_sync_read_bytes") > 30);
    assert_eq!(figure(&mut c, "master_sync_total_bytes"), i64::MAX);
    // What an impostor can go on sending for ever is looked at, and not kept.
    let block = vec![0; 1 << 20];
    (0..64).for_each(|_| say(&mut link, &block));
    assert!(figure(&mut c, "used_memory") - before < 300 << 20);
    drop(link);
    eventually("it is said", || victim.lines("Internal error in RDB") == 1);
    c.fails("GET own x", "ERR wrong number");
    drop(impostor.attempt());
}

#[test]
fn a_link_that_is_cut_in_the_middle_of_a_snapshot_is_made_again() {
    let whole = snapshot();
    for load in ["disabled", "swapdb"] {
        let (victim, mut c) = Victim::new(&["--repl-diskless-load", load]);
        let impostor = Impostor::new();
        c.is(&format!("REPLICAOF 127.0.0.1 {}", impostor.port()), "+OK");
        let mut link = impostor.attempt();
        say(&mut link, format!("+FULLRESYNC {ID} 1\r\n${}\r\n", whole.len()).as_bytes());
        say(&mut link, &whole[..whole.len() - 10]);
        drop(link);
        eventually("it is said", || victim.lines("connection lost") == 1);
        drop(impostor.attempt());
        eventually("it is not loading any more", || figure(&mut c, "loading") == 0);
        c.is("GET own", "\"1\"");
        c.is("REPLICAOF NO ONE", "+OK");
        c.is("SET own 2", "+OK");
    }
}

#[test]
fn a_stream_that_is_no_requests_ends_the_link_and_what_follows_is_a_new_snapshot() {
    let whole = snapshot();
    let (victim, mut c) = Victim::new(&[]);
    let impostor = Impostor::new();
    c.is(&format!("REPLICAOF 127.0.0.1 {}", impostor.port()), "+OK");
    for stream in [&b"set key inline\r\n"[..], b"*1\r\n$x\r\n", b"*3\r\n+OK\r\n"] {
        let mut link = impostor.attempt();
        say(&mut link, format!("+FULLRESYNC {ID} 1\r\n$EOF:{ID}\r\n").as_bytes());
        say(&mut link, &[&whole[..], ID.as_bytes()].concat());
        read_request(&mut link);
        let before = victim.lines("Protocol error");
        // Good requests, blank lines and errors count, and nothing of them is answered.
        say(
            &mut link,
            b"*3\r\n$3\r\nset\r\n$1\r\na\r\n$1\r\n1\r\n\r\n*2\r\n$4\r\nincr\r\n$1\r\na\r\n*1\r\n$7\r\nunknown\r\n",
        );
        say(&mut link, b"*3\r\n$8\r\nreplconf\r\n$6\r\ngetack\r\n$1\r\n*\r\n");
        loop {
            let ack = read_request(&mut link);
            // One byte before the snapshot, and those of the requests.
            if ack[2] != "1" {
                assert_eq!(ack, ["REPLCONF", "ACK", &(1 + 27 + 2 + 21 + 17).to_string()]);
                break;
            }
        }
        c.is("GET a", "\"2\"");
        assert!(victim.lines("== CRITICAL == This replica is sending an error to its master") > 0);
        say(&mut link, stream);
        eventually("it is said", || victim.lines("Protocol error") == before + 1);
        let mut rest = Vec::new();
        link.read_to_end(&mut rest).unwrap();
        assert!(!rest.windows(3).any(|bytes| bytes == b"+OK"), "{}", rest.escape_ascii());
    }
}

#[test]
fn a_primary_that_only_knows_sync_is_followed() {
    let whole = snapshot();
    let (victim, mut c) = Victim::new(&[]);
    let impostor = Impostor::new();
    c.is(&format!("REPLICAOF 127.0.0.1 {}", impostor.port()), "+OK");
    let mut link = impostor.attempt();
    say(&mut link, b"-ERR unknown command 'PSYNC'\r\n");
    let mut line = String::new();
    link.read_line(&mut line).unwrap();
    assert_eq!(line, "SYNC\r\n");
    say(&mut link, format!("\n\n${}\r\n", whole.len()).as_bytes());
    say(&mut link, &[&whole[..], b"*3\r\n$3\r\nset\r\n$1\r\na\r\n$1\r\n1\r\n"].concat());
    linked(&mut c);
    eventually("the stream is there", || c.call("GET a").to_string() == "\"1\"");
    assert_eq!(victim.lines("Retrying with SYNC"), 1);
    drop(link);
    // Without offsets there is nothing to go on from.
    let link = impostor.0.accept().unwrap().0;
    drop(link);
    eventually("it is down", || field(&mut c, "master_link_status") == "down");
}

#[test]
fn a_primary_that_falls_silent_is_left() {
    let (victim, mut c) = Victim::new(&["--repl-timeout", "1"]);
    let impostor = Impostor::new();
    c.is(&format!("REPLICAOF 127.0.0.1 {}", impostor.port()), "+OK");
    let first = impostor.attempt();
    eventually("it is said", || victim.lines("Timeout connecting to the MASTER") == 1);
    let mut second = impostor.attempt();
    say(&mut second, format!("+FULLRESYNC {ID} 1\r\n$1000\r\nREDIS0011").as_bytes());
    eventually("it is said", || victim.lines("Timeout receiving bulk data from MASTER") == 1);
    drop((first, second));
    // A real one is followed all the same.
    let p = primary(&["--repl-ping-replica-period", "1"]);
    follow(&mut c, p.port());
}

#[test]
fn a_replica_that_stood_still_itself_does_not_blame_its_primary() {
    let p = primary(&["--repl-ping-replica-period", "1"]);
    let (victim, mut c) = Victim::new(&["--repl-timeout", "1"]);
    follow(&mut c, p.port());
    c.is("DEBUG SLEEP 2.6", "+OK");
    let mut primary = p.connect();
    primary.is("SET key 1", "+OK");
    primary.is("WAIT 1 0", ":1");
    assert_eq!((victim.lines("MASTER timeout"), figure(&mut primary, "sync_full")), (0, 1));
    assert_eq!(figure(&mut primary, "sync_partial_ok"), 0);
}

#[test]
fn a_primary_that_asks_for_what_no_primary_wants_gets_nothing() {
    let whole = snapshot();
    let (victim, mut c) = Victim::new(&[]);
    let impostor = Impostor::new();
    c.is(&format!("REPLICAOF 127.0.0.1 {}", impostor.port()), "+OK");
    let mut link = impostor.attempt();
    say(&mut link, format!("+FULLRESYNC {ID} 0\r\n$EOF:{ID}\r\n").as_bytes());
    say(&mut link, &[&whole[..], ID.as_bytes()].concat());
    linked(&mut c);
    let requests =
        ["SYNC", "PSYNC ? -1", "BLPOP list 0", "WAIT 1 0", "MULTI", "BLPOP list 0", "EXEC", "EXEC", "GET key", "QUERY"];
    for request in requests {
        let words: Vec<&[u8]> = request.split(' ').map(str::as_bytes).collect();
        say(&mut link, &crate::support::request(&words));
    }
    say(&mut link, &crate::support::request(&[b"SET", b"last", b"1"]));
    eventually("all of it was run", || c.call("GET last").to_string() == "\"1\"");
    assert_eq!(field(&mut c, "connected_slaves"), "0");
    eventually("the log says so", || victim.lines("== CRITICAL ==") >= 5);
    // What it becomes the replica of is another's business.
    say(&mut link, &crate::support::request(&[b"REPLICAOF", b"NO", b"ONE"]));
    eventually("it is a primary", || field(&mut c, "role") == "master");
    let mut rest = Vec::new();
    link.read_to_end(&mut rest).unwrap();
    assert!(
        rest.split(|byte| *byte == b'\n').all(|line| !line.starts_with(b"-") && !line.starts_with(b":")),
        "{}",
        rest.escape_ascii()
    );
}
