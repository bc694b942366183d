//! Replication, with this server as the primary: the protocol as raw connections speak it, and redis-server as a replica.

mod farewell;
mod followers;
mod following;
mod hostile;
mod psync;
mod roles;
mod sync;

use crate::support::{Conn, Server, eventually, free_port};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const LIBRARY: &[u8] = b"#!lua name=lib\nredis.register_function('f', function() return 1 end)";

/// A server that waits for no other replica before it begins a snapshot for one.
#[track_caller]
fn primary(extra: &[&str]) -> Server {
    Server::with(&[&["--repl-diskless-sync-delay", "0"], extra].concat())
}

/// A field of INFO; "" when it is not there.
fn field(c: &mut Conn, name: &str) -> String {
    let info = c.call("INFO everything").text();
    let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_default().to_owned()
}

/// A field of INFO that is a number.
fn figure(c: &mut Conn, name: &str) -> i64 {
    field(c, name).parse().unwrap_or_else(|_| panic!("{name} is a number"))
}

/// A connection that asked with SYNC.
pub struct Stream(BufReader<TcpStream>);

impl Stream {
    /// Asks, with these words of REPLCONF before, reads the snapshot, and says so.
    pub fn attach(s: &Server, announced: &str) -> (Stream, Vec<u8>) {
        let (mut stream, snapshot) = Stream::attach_silently(s, announced);
        // Where its length was not told, only whoever reads can tell where the snapshot ends.
        stream.send("REPLCONF ACK 0\r\n");
        (stream, snapshot)
    }

    /// The same without saying so.
    pub fn attach_silently(s: &Server, announced: &str) -> (Stream, Vec<u8>) {
        let mut stream = Stream::connect(s, announced);
        stream.send("SYNC\r\n");
        let snapshot = stream.snapshot();
        (stream, snapshot)
    }

    /// A connection that has said these words of REPLCONF.
    pub fn connect(s: &Server, announced: &str) -> Stream {
        let socket = TcpStream::connect(("127.0.0.1", s.port())).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut stream = Stream(BufReader::new(socket));
        if !announced.is_empty() {
            stream.send(&format!("REPLCONF {announced}\r\n"));
            assert_eq!(stream.line(), "+OK");
        }
        stream
    }

    /// Asks to go on with a history; the answer.
    pub fn psync(&mut self, history: &str, position: u64) -> String {
        self.send(&format!("PSYNC {history} {position}\r\n"));
        self.answer()
    }

    /// The next line that is not empty: an empty one is a sign of life.
    pub fn answer(&mut self) -> String {
        loop {
            let line = self.line();
            if !line.is_empty() {
                return line;
            }
        }
    }

    /// Reads a snapshot.
    pub fn snapshot(&mut self) -> Vec<u8> {
        let stream = self;
        let head = stream.answer();
        match head.strip_prefix("$EOF:") {
            None => {
                let len: usize = head.strip_prefix('$').expect("a bulk header").parse().unwrap();
                let mut bytes = vec![0; len];
                stream.0.read_exact(&mut bytes).unwrap();
                bytes
            }
            Some(mark) => {
                let mut bytes = Vec::new();
                while !bytes.ends_with(mark.as_bytes()) {
                    let mut byte = [0];
                    stream.0.read_exact(&mut byte).unwrap();
                    bytes.push(byte[0]);
                }
                bytes.truncate(bytes.len() - mark.len());
                bytes
            }
        }
    }

    pub fn send(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).unwrap();
    }

    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Asserts that nothing more comes but pings and the end of the connection.
    #[track_caller]
    pub fn ends(&mut self) {
        loop {
            match &*self.line() {
                "" => return,
                line => assert_eq!((line, &*self.line(), &*self.line()), ("*1", "$4", "PING")),
            }
        }
    }

    /// The next request of the stream, its words apart by spaces; pings are passed over.
    pub fn request(&mut self) -> String {
        loop {
            let count: usize = self.line().strip_prefix('*').expect("a request").parse().unwrap();
            let words: Vec<String> = (0..count)
                .map(|_| {
                    assert!(self.line().starts_with('$'));
                    self.line()
                })
                .collect();
            if words.len() != 1 || !words[0].eq_ignore_ascii_case("PING") {
                return words.join(" ");
            }
        }
    }

    #[track_caller]
    pub fn reads(&mut self, expected: &[&str]) {
        for request in expected {
            assert_eq!(self.request(), *request);
        }
    }
}

/// What check-rdb of the reference says of a snapshot.
fn checked(s: &Server, snapshot: &[u8]) -> String {
    let path = s.dir().join("received.rdb");
    std::fs::write(&path, snapshot).unwrap();
    let said = Command::new("redis-check-rdb").arg(&path).output().expect("the reference is installed");
    String::from_utf8_lossy(&said.stdout).into_owned()
}

/// A redis-server; it ends with the test.
struct Reference {
    child: Child,
    port: u16,
}

impl Drop for Reference {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Reference {
    /// One that follows this primary, in a folder of its own.
    fn follow(s: &Server, extra: &[&str]) -> Reference {
        Reference::follow_port(s, s.port(), extra)
    }

    /// The same by another port of the primary.
    fn follow_port(s: &Server, primary: u16, extra: &[&str]) -> Reference {
        let port = free_port();
        let dir = s.dir().join(format!("replica-{port}"));
        std::fs::create_dir(&dir).unwrap();
        Reference::start(port, &dir, &[&["--replicaof", "127.0.0.1", &primary.to_string()], extra].concat())
    }

    /// One that follows nobody.
    fn start(port: u16, dir: &Path, extra: &[&str]) -> Reference {
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--dir", &dir.to_string_lossy(), "--save", ""])
            .args(["--enable-debug-command", "yes"])
            .args(extra)
            .stdout(Stdio::null())
            .spawn()
            .expect("the reference is installed");
        Reference { child, port }
    }

    #[track_caller]
    fn connect(&self) -> Conn {
        let mut conn = None;
        eventually("it can be connected to", || {
            conn = Conn::tcp("127.0.0.1", self.port).ok();
            conn.is_some()
        });
        conn.expect("set above")
    }

    /// Waits until it has its snapshot.
    #[track_caller]
    fn linked(&self) -> Conn {
        let mut c = self.connect();
        eventually("the link is up", || field(&mut c, "master_link_status") == "up");
        c
    }
}

/// Waits until a replica has all that its primary has written, and compares their data.
#[track_caller]
fn equal(c: &mut Conn, replica: &mut Conn) {
    eventually("the replica has it all", || figure(replica, "slave_repl_offset") == figure(c, "master_repl_offset"));
    assert_eq!(replica.call("DEBUG DIGEST").to_string(), c.call("DEBUG DIGEST").to_string());
}
